//! D1, fifth part, and D3, third: what only a shell reads. `$(cat FILE)` where none is, and a `$` that Compose takes before
//! the container's shell sees it, in commands, entrypoints, healthchecks and variables.

use std::borrow::Cow;

use super::super::Known;
use super::super::catalogue::Code;
use super::super::env_text;
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::program::{SHELLS, file_name};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text};
use super::documents::list;
use super::values::substituted;
use super::{arguments, beside, cutting, documents, mounting, of_kubelet, plain};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return of_kubelet::examine(scene, known, found);
    }
    for unit in &scene.units {
        command(scene, unit, known, found);
        healthcheck(unit, found);
        // A script of its own may do with a variable what it likes.
        let evaluates = unit.argv().iter().any(|word| word.value.contains("eval"));
        for variable in unit.variables.iter().filter(|_| !evaluates) {
            value(scene, unit, variable, found);
        }
    }
}

/// Where in a command line the script of a shell stands, whatever starts the shell.
pub(super) fn script(words: &[&Text]) -> Option<usize> {
    let is_shell = |word: &Text| word.known().is_some_and(|known| SHELLS.contains(&file_name(known)));
    let takes_script = |word: &Text| {
        word.value.starts_with('-') && !word.value.starts_with("--") && word.value.contains('c')
    };
    let pairs = words.windows(3);
    pairs.enumerate().find(|(_, three)| is_shell(three[0]) && takes_script(three[1])).map(|(at, _)| at + 2)
}

fn command(scene: &Scene, unit: &Unit, known: Known<'_>, found: &mut Findings) {
    let words = unit.argv();
    if let Some(at) = script(&words) {
        let brought = brought(scene, unit, known);
        return dollars((unit, &brought), words[at], documents::key_at(scene, unit, at), found);
    }
    // The first word may be given to the image's own shell.
    let Some(rest) = words.get(1..).filter(|rest| !rest.is_empty()) else { return };
    let joined: Vec<&str> = rest.iter().map(|word| word.value.as_str()).collect();
    if let Some(path) = substituted(&joined.join(" ")) {
        let what = format!(
            "no shell reads its command, so that the text `$(cat {path})` itself is the argument, and no content of a file"
        );
        let remedy = match by_shell(unit) {
            _ if arguments::gives_content(&merged(&words)) => by_file(),
            remedy => remedy.unwrap_or_else(said),
        };
        return found.add(Code::NotSubstituted, unit.command_mark(), &unit.title, what, remedy);
    }
    let own = rest.iter().find_map(|word| set(unit, &word.raw).map(|name| (name, word.mark)));
    if let Some((name, mark)) = own {
        let what = format!("{}; and no shell reads its command", filled_in(name));
        found.add(Code::Dollar, mark, &unit.title, what, by_shell(unit).unwrap_or_else(said));
    }
}

fn said() -> Remedy {
    Remedy::said("let a shell start it: [\"sh\", \"-c\", \"exec … \\\"$$(cat /secrets/…)\\\"\"]")
}

/// What is to be done where a shell would put a credential on a command line.
pub(super) fn by_file() -> Remedy {
    Remedy::said(
        "let it read a file by an option or a configuration of its own, which `kz export --format template` writes, or its environment: on its command line every user of the host reads it (`ps`)",
    )
}

/// The words, of which a string has those apart that a shell would see as one.
pub(super) fn merged<'a>(words: &[&'a Text]) -> Vec<Cow<'a, str>> {
    let mut words = words.iter().map(|word| word.value.as_str());
    let mut all = Vec::new();
    while let Some(word) = words.next() {
        let mut whole = Cow::Borrowed(word);
        while whole.contains("$(") && !whole.contains(')') {
            let Some(next) = words.next() else { break };
            whole = Cow::Owned(format!("{whole} {next}"));
        }
        all.push(whole);
    }
    all
}

/// The command line as a shell's script, where the image's own entrypoint starts it.
fn by_shell(unit: &Unit) -> Option<Remedy> {
    let words = &unit.command.as_ref().filter(|_| unit.entrypoint.is_none() && !unit.is_kz())?.words;
    let whole: Vec<&Text> = words.iter().collect();
    if !plain::may_be_said(&merged(&whole)) {
        return None;
    }
    let mut written: Vec<String> = Vec::new();
    let mut words = words.iter().map(|word| word.raw.as_str());
    while let Some(word) = words.next() {
        let mut whole = word.to_owned();
        // A string falls into words where a shell would see one.
        while whole.contains("$(") && !whole.contains(')') {
            whole = format!("{whole} {}", words.next()?);
        }
        let is_a_shells = whole.contains('$') || whole.contains('`');
        written.push(if is_a_shells { format!("\"{}\"", doubled(&whole)) } else { argument(&whole) });
    }
    let start = images::start(unit).map(|(start, _)| format!("{start} ")).unwrap_or_default();
    let script = format!("exec {start}{}", written.join(" "));
    Some(
        Remedy::unit(format!("command: {}", list(&["sh", "-c", &script])))
            .remark("`$$` is a `$` for the shell"),
    )
}

/// An argument as a shell's script has it.
fn argument(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._/-=:,@%+".contains(c));
    if is_plain && !word.is_empty() { word.to_owned() } else { mounting::shell_word(word) }
}

fn healthcheck(unit: &Unit, found: &mut Findings) {
    let check = &unit.service.healthcheck;
    let words: Vec<&Text> = check.words.iter().collect();
    let Some(first) = words.first() else { return };
    if check.is_shells {
        return dollars((unit, &[]), first, "healthcheck", found);
    }
    if let Some(at) = script(&words) {
        return dollars((unit, &[]), words[at], "healthcheck", found);
    }
    let Some((word, path)) = words.iter().find_map(|word| Some((word, substituted(&word.value)?))) else {
        return;
    };
    let what = format!(
        "no shell reads its healthcheck, so that the text `$(cat {path})` itself is the argument: `CMD` starts a program, `CMD-SHELL` a shell"
    );
    let written: Vec<String> = words
        .iter()
        .map(|word| {
            let is_a_shells = word.raw.contains('$') || word.raw.contains('`');
            if is_a_shells { format!("\"{}\"", doubled(&word.raw)) } else { argument(&word.raw) }
        })
        .collect();
    let remedy = if arguments::gives_content(&merged(&words)) {
        by_file()
    } else if plain::may_be_said(&merged(&words)) {
        Remedy::unit(format!("healthcheck:\n  test: {}", list(&["CMD-SHELL", &written.join(" ")])))
    } else {
        Remedy::said(format!("[\"CMD-SHELL\", \"… $$(cat {path}) …\"]"))
            .remark("its words as one string, for a shell")
    };
    found.add(Code::NotSubstituted, word.mark, &unit.title, what, remedy);
}

/// A variable that is told to be what a shell would make of it.
pub(super) fn value(scene: &Scene, unit: &Unit, variable: &Variable, found: &mut Findings) {
    let Variable { name, value: Some(text), mark } = variable else { return };
    let Some(path) = substituted(&text.value) else { return };
    let what =
        format!("no shell reads a variable's value, so that the text `$(cat {path})` itself is `{name}`");
    let remedy = match images::file_form(unit, name) {
        FileForm::Known(other) => Remedy::here(mounting::variable_line(scene.dialect, &other, path)),
        FileForm::Unknown => {
            Remedy::here(mounting::variable_line(scene.dialect, &format!("{name}_FILE"), path))
                .remark("if the image knows it; else `kz run` in front of its command")
        }
        FileForm::None => Remedy::without(format!("`{name}`"))
            .remark("a template of its configuration brings it, or `kz run` in front of its command"),
    };
    found.add(Code::NotSubstituted, *mark, &unit.title, what, remedy);
}

/// The variable of a unit's own, with a value that the file says, that Compose fills in from elsewhere.
fn set<'a>(unit: &Unit, raw: &'a str) -> Option<&'a str> {
    dollar_words(raw).into_iter().map(bare).find(|name| is_set(unit, name))
}

/// A value that comes from the host anyway is the same in both places.
fn is_set(unit: &Unit, name: &str) -> bool {
    unit.variable(name).and_then(|variable| variable.value.as_ref()).is_some_and(|value| !value.is_open)
}

fn bare(word: &str) -> &str {
    word.trim_matches(['$', '{'])
}

fn filled_in(name: &str) -> String {
    format!(
        "Compose fills in `${name}` from the host's environment before the container has one (`The {name} variable is not set. Defaulting to a blank string.`)"
    )
}

/// The secrets that a unit's shell, or `kz run` in it, has as variables by itself, and Compose does not have.
fn brought(scene: &Scene, unit: &Unit, known: Known<'_>) -> Vec<String> {
    let of_compose = known.host.text(cutting::FILLED_FROM).unwrap_or_default();
    let of_compose = env_text::entries(&of_compose);
    let mut names = beside::documented(scene, unit, beside::Documents::All, known);
    names.retain(|name| of_compose.iter().all(|entry| entry.name != *name));
    names
}

/// What Compose fills in, or refuses, though the shell in the container is meant to read it: of the unit's own variables, and
/// of what kz brings it.
fn dollars((unit, brought): (&Unit, &[String]), text: &Text, key: &'static str, found: &mut Findings) {
    let is_own = |name: &str| is_set(unit, name) || brought.iter().any(|brought| brought == name);
    let is_wrong = |word: &&str| {
        let name = bare(word);
        !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || is_own(name)
    };
    let mut wrong: Vec<&str> = Vec::new();
    for word in dollar_words(&text.raw).into_iter().filter(is_wrong) {
        if !wrong.contains(&word) {
            wrong.push(word);
        }
    }
    let Some(dollar) = wrong.first() else { return };
    let what = if is_own(bare(dollar)) {
        filled_in(bare(dollar))
    } else {
        format!(
            "Compose reads `{dollar}` itself, and Compose 1 refuses the file (`Invalid interpolation format for … in service \"{}\"`)",
            unit.name
        )
    };
    let remedy = wrong
        .iter()
        .fold(Remedy::none(), |all, word| all.then(Remedy::words(key, *word, format!("${word}"))));
    let remedy = remedy.remark("`$$` is a `$` for the shell");
    found.add(Code::Dollar, text.mark, &unit.title, what, remedy);
}

/// The text with `$$` for every `$` that is alone.
fn doubled(raw: &str) -> String {
    let mut written = String::with_capacity(raw.len() + 2);
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        written.push(character);
        if character == '$' {
            characters.next_if_eq(&'$');
            written.push('$');
        }
    }
    written
}

/// The single `$` of a text, each with what belongs to it: a name (after `{` too), or one character that no variable
/// begins with. Braces around anything else are not listed.
fn dollar_words(raw: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(dollar) = raw[at..].find('$').map(|offset| at + offset) {
        let rest = &raw[dollar + 1..];
        let open = usize::from(rest.starts_with('{'));
        let name =
            rest[open..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len() - open);
        at = dollar + 1;
        if rest.starts_with('$') {
            at += 1;
        } else if name > 0 && !rest[open..].starts_with(|c: char| c.is_ascii_digit()) {
            words.push(&raw[dollar..dollar + 1 + open + name]);
        } else if open == 0 && rest.starts_with(['(', '@', '*', '#', '?', '!', '-'])
            || rest.starts_with(|c: char| c.is_ascii_digit())
        {
            words.push(&raw[dollar..dollar + 2]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_dollars_are_found_with_what_belongs_to_them() {
        assert_eq!(dollar_words("a $$B $C ${D:-x} $$$E"), ["$C", "${D", "$E"]);
        assert_eq!(dollar_words("$@ $$@ $(x) $1 é$ 5$"), ["$@", "$(", "$1"]);
    }

    #[test]
    fn a_dollar_that_is_alone_is_doubled() {
        assert_eq!(doubled("$(a) $$b é$"), "$$(a) $$b é$$");
    }

    #[test]
    fn the_content_of_a_file_is_what_a_shell_puts_in() {
        assert_eq!(substituted("--requirepass $(cat /s/a)"), Some("/s/a"));
        assert_eq!(substituted("x`cat '/s/b'`y"), Some("/s/b"));
        assert_eq!(substituted("$(< /s/c)"), Some("/s/c"));
        for other in ["$(hostname)", "cat /s/a", "$(cat $F)", "$(cat a)"] {
            assert_eq!(substituted(other), None, "{other}");
        }
    }
}
