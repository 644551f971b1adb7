//! D1, ninth part: an `env_file` that is not on the host, where Compose looks for it before anything starts.
//!
//! Silent about what lies outside of the Compose file's directory, and where another Compose file may say otherwise.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Source};
use super::super::text::{Dialect, join, normal};
use super::super::{Found, Known};
use super::mounting::shell_word;

/// How the file is called in a repository that has one to be copied.
const EXAMPLES: &[&str] = &[".example", ".sample", ".template", ".dist"];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose || scene.is_partial {
        return;
    }
    // What an export writes on the host is told of with that.
    let written: Vec<String> = scene
        .deliveries()
        .iter()
        .filter_map(|delivery| match &delivery.mount?.source {
            Source::Bind(directory) => Some(join(directory, &delivery.inside)),
            _ => None,
        })
        .collect();
    // One file that is missing is one mistake, whoever reads it.
    let mut told: Vec<String> = Vec::new();
    for unit in scene.units.iter().filter(|unit| !unit.is_partial) {
        for file in unit.service.env_files.iter().filter(|file| file.is_required) {
            let Some(path) = file.path.known().map(normal) else { continue };
            if path.starts_with(['/', '~']) || written.contains(&path) || told.contains(&path) {
                continue;
            }
            let (state, first) = match known.host.look(&path) {
                Found::File => continue,
                Found::Nothing => ("is not beside this file", Remedy::none()),
                Found::Directory => ("is a directory", Remedy::shell(format!("rmdir {}", shell_word(&path)))),
            };
            let what = format!(
                "`{path}` {state}: Compose reads it before anything starts, and ends (`env file …{path} not found`; Compose 1: `Couldn't find env file`)"
            );
            found.add(
                Code::EnvFileMissing,
                file.path.mark,
                &unit.title,
                what,
                first.then(made(&path, known)),
            );
            told.push(path);
        }
    }
}

/// The command that makes it, of its example where there is one.
fn made(path: &str, known: Known<'_>) -> Remedy {
    let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let beside = |name: String| if directory.is_empty() { name } else { format!("{directory}/{name}") };
    let bare = name.trim_start_matches('.');
    let named =
        EXAMPLES.iter().flat_map(|end| [beside(format!("{name}{end}")), beside(format!("{bare}{end}"))]);
    let word = shell_word(path);
    if let Some(example) = named.into_iter().find(|name| known.host.look(name) == Found::File) {
        return Remedy::shell(format!("cp {} {word}", shell_word(&example)))
            .remark("and write your values into it");
    }
    let made =
        if directory.is_empty() { String::new() } else { format!("mkdir -p {}; ", shell_word(directory)) };
    Remedy::shell(format!("(umask 077; {made}cat >{word})"))
        .remark("type NAME=value, a line each, then Ctrl-D; or say `required: false` where it may be missing")
}
