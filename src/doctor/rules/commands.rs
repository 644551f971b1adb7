//! D4, third part: command lines that kz, or nobody, understands.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Misread, Program};
use super::super::scene::{CommandLine, Scene, Unit};
use super::super::text::{Dialect, Text};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        let operator =
            unit.command.as_ref().or(unit.entrypoint.as_ref()).and_then(|words| operator(unit, words));
        if let Some(operator) = operator {
            let what = format!(
                "Compose starts no shell, so `{operator}` is an argument like the others, not what a shell makes of it"
            );
            let write =
                "command: [\"sh\", \"-c\", \"…\"]   # in an image that has a shell; kz's own has none";
            found.add(Code::NoShell, unit.command_mark(), &unit.title, what, write);
        } else if let Program::Misread(Misread { message, hint }, mark) = &unit.program {
            let what =
                format!("kz does not understand this command line, and ends with exit code 2: {message}");
            found.add(Code::Misread, *mark, &unit.title, what, hint);
        }
        if images::is_kz(unit) && !unit.is_partial && unit.entrypoint.is_none() {
            without_name(scene, unit, known, found);
        }
    }
}

/// An operator of the shell, where kz is started by a string without one.
fn operator<'a>(unit: &Unit, words: &'a CommandLine) -> Option<&'a str> {
    let is_operator = |word: &&str| ["&&", "||", "|", ">", ">>", "<", ";", "2>&1"].contains(word);
    let is_kz = matches!(unit.program, Program::Kz(..) | Program::Misread(..));
    words.words.iter().filter(|_| words.is_string && is_kz).filter_map(Text::known).find(is_operator)
}

/// kz's image has no ENTRYPOINT, and its CMD shows the help and succeeds.
fn without_name(scene: &Scene, unit: &Unit, known: Known<'_>, found: &mut Findings) {
    let key = if scene.dialect == Dialect::Compose { "command" } else { "args" };
    let Some(command) = unit.command.as_ref().filter(|command| !command.words.is_empty()) else {
        let what = "without a command kz's image prints its help and ends well: whoever waits for it starts without secrets";
        let write =
            format!("{key}: [\"kz\", \"export\", \"--format\", \"files\", \"--output\", \"/secrets\"]");
        return found.add(Code::OnlyHelp, unit.mark, &unit.title, what, write);
    };
    let words: Option<Vec<&str>> = command.words.iter().map(Text::known).collect();
    let Some(words) = words else { return };
    if words.first().is_some_and(|first| !first.starts_with('-')) && known.kz.line(&words).is_ok() {
        let first = words[0];
        let what = format!(
            "kz's image has no ENTRYPOINT, so the program `{first}` is looked for: the engine ends with `exec: \"{first}\": executable file not found in $PATH`"
        );
        let write = format!("{key}: [\"kz\", \"{first}\", …]");
        found.add(Code::NameMissing, command.mark, &unit.title, what, write);
    }
}
