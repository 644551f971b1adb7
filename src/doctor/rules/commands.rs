//! D4, third part: command lines that kz, or nobody, understands.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{self, Misread, Program};
use super::super::remedy::Remedy;
use super::super::scene::{CommandLine, Scene, Unit};
use super::super::text::{Dialect, Text};
use super::plain;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        let operator =
            unit.command.as_ref().or(unit.entrypoint.as_ref()).and_then(|words| operator(unit, words));
        if let Some(operator) = operator {
            let what = format!(
                "Compose starts no shell, so `{operator}` is an argument like the others, not what a shell makes of it"
            );
            let remedy = Remedy::said("command: [\"sh\", \"-c\", \"…\"]").remark(
                "in an image that has a shell; kz's own has none, and its `--output` does what `>` was for",
            );
            found.add(Code::NoShell, unit.command_mark(), &unit.title, what, remedy);
        } else if let Some((line, key)) = in_one_word(scene, unit) {
            one_word(line, (unit, key), found);
            continue;
        } else if let Program::Misread(Misread { message, hint }, mark) = &unit.program {
            let what =
                format!("kz does not understand this command line, and ends with exit code 2: {message}");
            found.add(Code::Misread, *mark, &unit.title, what, Remedy::said(hint));
        }
        if !images::is_kz(unit) || unit.is_partial {
            continue;
        }
        shell(scene, unit, found);
        if unit.entrypoint.is_none() {
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

/// A command line whose first word is certainly a program's name, and has several words in it; and its key.
fn in_one_word<'a>(scene: &Scene, unit: &'a Unit) -> Option<(&'a CommandLine, &'static str)> {
    let (line, key) = match (&unit.entrypoint, &unit.command, scene.dialect) {
        (Some(line), _, Dialect::Compose) => (line, "entrypoint"),
        (Some(line), _, Dialect::Pod) => (line, "command"),
        // kz's own image has no ENTRYPOINT; another one may do with the words what it likes.
        (None, Some(line), Dialect::Compose) if images::is_kz(unit) => (line, "command"),
        (None, Some(line), Dialect::Pod) if images::is_kz(unit) => (line, "args"),
        _ => return None,
    };
    let first = line.words.first()?.known()?;
    let program = program::file_name(first.split_whitespace().next()?);
    // A path may have blanks.
    let is_certain = !first.starts_with('/') || program == "kz" || program::SHELLS.contains(&program);
    let has_several = first.trim().contains(char::is_whitespace) && is_certain;
    (has_several && !line.is_string).then_some((line, key))
}

fn one_word(line: &CommandLine, (unit, key): (&Unit, &'static str), found: &mut Findings) {
    let first = &line.words[0];
    let program = first.raw.split_whitespace().next().unwrap_or_default();
    // What is no program's name may be a credential, as in `NAME=value`.
    let meant =
        if plain::is_program(program) { format!("not `{program}`") } else { "not its first word".to_owned() };
    let what = format!(
        "the first item of its `{key}` is a command line in one word: a program of that whole name is looked for, and {meant}, so that the container does not start (`executable file not found`)"
    );
    found.add(Code::OneWord, first.mark, &unit.title, what, Remedy::split(key));
}

/// kz's image has no shell, unless somebody mounts one.
fn shell(scene: &Scene, unit: &Unit, found: &mut Findings) {
    let Some(first) = unit.argv().first().and_then(|word| word.known()) else { return };
    let is_mounted =
        || unit.mounts.iter().any(|mount| mount.target.ends_with("/bin") || mount.target == first);
    if !program::SHELLS.contains(&program::file_name(first)) || is_mounted() {
        return;
    }
    let why = if first.starts_with('/') {
        "no such file or directory"
    } else {
        "executable file not found in $PATH"
    };
    let key = match (scene.dialect, &unit.entrypoint) {
        (Dialect::Compose, Some(_)) => "entrypoint",
        (Dialect::Pod, None) => "args",
        _ => "command",
    };
    let starter = scene.dialect.starter();
    let what = format!("kz's image has no shell: {starter} ends with `exec: \"{first}\": {why}`");
    let remedy = Remedy::said(format!("{key}: [\"kz\", …]"))
        .remark("one command, and its options do what the script was for: `kz export --help`");
    found.add(Code::NoShell, unit.command_mark(), &unit.title, what, remedy);
}

/// kz's image has no ENTRYPOINT, and its CMD shows the help and succeeds.
fn without_name(scene: &Scene, unit: &Unit, known: Known<'_>, found: &mut Findings) {
    let key = if scene.dialect == Dialect::Compose { "command" } else { "args" };
    let Some(command) = unit.command.as_ref().filter(|command| !command.words.is_empty()) else {
        let what = "without a command kz's image prints its help and ends well: whoever waits for it starts without secrets";
        let remedy = Remedy::unit(format!(
            "{key}: [\"kz\", \"export\", \"--format\", \"files\", \"--output\", \"/secrets\"]"
        ));
        return found.add(Code::OnlyHelp, unit.mark, &unit.title, what, remedy);
    };
    let words: Option<Vec<&str>> = command.words.iter().map(Text::known).collect();
    let Some(words) = words else { return };
    if words.first().is_some_and(|first| !first.starts_with('-')) && known.kz.line(&words).is_ok() {
        let first = words[0];
        let starter = scene.dialect.starter();
        let what = format!(
            "kz's image has no ENTRYPOINT, so the program `{first}` is looked for: {starter} ends with `exec: \"{first}\": executable file not found in $PATH`"
        );
        let remedy = Remedy::unit(format!("{key}: [\"kz\", \"{first}\", …]"));
        found.add(Code::NameMissing, command.mark, &unit.title, what, remedy);
    }
}
