//! A document of variables that a container's own shell reads before it becomes the image's program: for images that take
//! what they need from their environment and cannot be changed (docs/env-file.md).

use crate::json::quoted;

use super::super::images;
use super::super::program::Program;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Dialect;

/// The lines by which a unit's shell reads a document, where that can be told. One that `exports` says `export` itself.
pub(super) fn read_by_shell(scene: &Scene, unit: &Unit, place: &str, exports: bool) -> Option<Remedy> {
    if scene.dialect != Dialect::Compose || unit.is_kz() {
        return None;
    }
    let reads = if exports { format!(". {place}") } else { format!("set -a; . {place}") };
    if let Program::Script(_) = &unit.program {
        return Some(Remedy::script_start(key_at(scene, unit, SCRIPT), format!("{reads} &&")));
    }
    if unit.entrypoint.is_none() {
        return Some(before_image(unit, &reads));
    }
    // Compose has dropped the image's CMD already.
    let script = format!("{reads} && exec \"$$@\"");
    Some(Remedy::before("entrypoint", list(&["sh", "-c", &script, "--"])))
}

/// The same where the image's own entrypoint runs.
fn before_image(unit: &Unit, reads: &str) -> Remedy {
    let known = images::start(unit);
    let (start, remark) = known.map_or_else(
        || (String::new(), foreign(unit)),
        |(start, _)| (format!("{start} "), format!("{start}: the image's own")),
    );
    let script = format!("{reads} && exec {start}\"$$@\"");
    let remedy = Remedy::unit(format!("entrypoint: {}", list(&["sh", "-c", &script, "--"]))).remark(remark);
    let command = known.map_or("…", |(_, command)| command);
    // What the file says stays; of an image that has none nothing is dropped.
    if unit.command.is_some() || command.is_empty() {
        return remedy;
    }
    remedy
        .then(Remedy::unit(format!("command: {}", list(&[command]))))
        .remark("the image's own, which Compose drops when entrypoint is set")
}

/// What is to be known where nobody knows the image's ENTRYPOINT.
fn foreign(unit: &Unit) -> String {
    let built = "; or leave this out, and build the image with `ENTRYPOINT [\"kz\", \"run\", \"--\"]`";
    let built = if unit.is_built { built } else { "" };
    format!("the image's own ENTRYPOINT before \"$$@\", where it has one; it needs a shell{built}")
}

/// Where a script stands in a command line: behind a shell and its option.
pub(super) const SCRIPT: usize = 2;

/// The key below which this word of the whole command line stands.
pub(super) fn key_at(scene: &Scene, unit: &Unit, at: usize) -> &'static str {
    let is_of_entrypoint = at < unit.entrypoint.as_ref().map_or(0, |line| line.words.len());
    match (scene.dialect, is_of_entrypoint) {
        (Dialect::Compose, true) => "entrypoint",
        (Dialect::Compose, false) | (Dialect::Pod, true) => "command",
        (Dialect::Pod, false) => "args",
    }
}

/// A command line as YAML and JSON write a list, of words that are not the user's, or that may be said (`plain`).
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(", "))
}
