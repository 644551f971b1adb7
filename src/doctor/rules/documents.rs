//! A document of variables that a container's own shell reads before it becomes the image's program: for images that take
//! what they need from their environment and cannot be changed (docs/env-file.md).

use crate::json::quoted;

use super::super::images;
use super::super::program::Program;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Dialect;
use super::arguments;

/// The lines by which a unit's shell reads a document, where that can be told. One that `exports` says `export` itself.
pub(super) fn read_by_shell(scene: &Scene, unit: &Unit, place: &str, exports: bool) -> Option<Remedy> {
    if scene.dialect != Dialect::Compose || unit.is_kz() {
        return None;
    }
    let reads = if exports { format!(". {place}") } else { format!("set -a; . {place}") };
    if let Program::Script(script) = &unit.program {
        return script_written(scene, unit, &format!("{reads} && {}", script.raw));
    }
    let Some(entrypoint) = &unit.entrypoint else { return Some(before_image(unit, &reads)) };
    // Compose has dropped the image's CMD already.
    let words: Vec<&str> = entrypoint.words.iter().map(|word| word.raw.as_str()).collect();
    let script = format!("{reads} && exec \"$$@\"");
    let line = [&["sh", "-c", script.as_str(), "--"], words.as_slice()].concat();
    Some(Remedy::unit(format!("entrypoint: {}", list(&line))))
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

/// The line that gives another script to the shell that a unit runs.
pub(super) fn script_written(scene: &Scene, unit: &Unit, script: &str) -> Option<Remedy> {
    // A shell, its option, its script.
    word_written(scene, unit, 2, script)
}

/// The line with another word at this place of the whole command line.
pub(super) fn word_written(scene: &Scene, unit: &Unit, at: usize, script: &str) -> Option<Remedy> {
    let of_entrypoint = unit.entrypoint.as_ref().map_or(0, |line| line.words.len());
    let (line, at, key) = match scene.dialect {
        Dialect::Compose if at < of_entrypoint => (&unit.entrypoint, at, "entrypoint"),
        Dialect::Compose => (&unit.command, at - of_entrypoint, "command"),
        Dialect::Pod if at < of_entrypoint => (&unit.entrypoint, at, "command"),
        Dialect::Pod => (&unit.command, at - of_entrypoint, "args"),
    };
    let words = &line.as_ref()?.words;
    let written: Vec<&str> = words
        .iter()
        .enumerate()
        .map(|(index, word)| if index == at { script } else { word.raw.as_str() })
        .collect();
    Some(Remedy::unit(format!("{key}: {}", list(&written))))
}

/// A command line as YAML and JSON write a list. Of a credential in it `***` is left, for what the file has there.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = arguments::discreet(words).iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(", "))
}
