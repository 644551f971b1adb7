//! What takes variables out of an env file, and who else needs them there: another service, what Compose fills in, another
//! env file.
//!
//! Invariant: nobody loses a variable by the advice for somebody else. Where one is needed elsewhere, its file stays as it
//! is, and the service of the finding gets a copy without it.

use super::super::env_text::{self, Entry};
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Scene, Unit, Writing};
use super::super::text::{Text, host_words, normal};
use super::super::yaml::Mark;
use super::super::{Found, Known};
use super::mounting;

/// What Compose fills in from.
pub(super) const FILLED_FROM: &str = ".env";

/// Who but this place of this unit needs a variable of an env file, in words.
pub(super) fn others(
    scene: &Scene,
    (unit, place): (&Unit, Mark),
    (path, name): (&str, &str),
    known: Known<'_>,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let reads = |other: &&Unit| other.name != unit.name && paths(other).any(|read| read == path);
    found.extend(scene.units.iter().filter(reads).map(|other| format!("service `{}`", other.name)));
    if path == FILLED_FROM {
        let fills = scene.fills.iter().filter(|fill| {
            let is_own = fill.mark == place && fill.unit.as_deref().is_none_or(|name| name == unit.name);
            fill.name == name && !is_own
        });
        found.extend(fills.map(|fill| match &fill.unit {
            Some(unit) => format!("`{}` of service `{unit}`", fill.key),
            None => format!("`{}`", fill.key),
        }));
    }
    let files =
        scene.units.iter().flat_map(paths).filter(|file| file != path && !file.starts_with(['/', '~']));
    let mut files: Vec<String> = files.collect();
    files.sort();
    files.dedup();
    // What is filled in within an env file comes from those before it, or from `.env`.
    let takes = |file: &String| {
        let text = known.host.text(file).unwrap_or_default();
        env_text::entries(&text).iter().any(|entry| entry.uses().contains(&name))
    };
    found.extend(files.into_iter().filter(takes).map(|file| format!("`{file}`")));
    if scene.is_partial {
        found.push("what another Compose file says".to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|words| seen.insert(words.clone()));
    found
}

fn paths(unit: &Unit) -> impl Iterator<Item = String> {
    unit.service.env_files.iter().filter_map(|file| file.path.known().map(normal))
}

/// "service `a` and `command` of service `b`".
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// Why a variable is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is a credential in the clear.
    Credential,
    /// Another one brings the same.
    Needless,
}

/// What takes variables out of what a unit has by an env file.
pub(super) fn out_of(
    scene: &Scene,
    (unit, file, path): (&Unit, &EnvFile, &str),
    (entries, names, reason): (&[Entry], &[String], Reason),
    known: Known<'_>,
) -> Remedy {
    let mark = file.path.mark;
    let mut needed: Vec<String> = Vec::new();
    for words in names.iter().flat_map(|name| others(scene, (unit, mark), (path, name), known)) {
        if !needed.contains(&words) {
            needed.push(words);
        }
    }
    if needed.is_empty() {
        return names.iter().fold(Remedy::none(), |all, name| all.then(cut(path, entries, (name, reason))));
    }
    let needed = listed(&needed);
    let commands: Option<Vec<String>> = entries
        .iter()
        .filter(|entry| names.contains(&entry.name))
        .map(|entry| entry.cut().map(|cut| format!("-e '{cut}'")))
        .collect();
    let copy = format!("{path}.{}", unit.name);
    let is_free = known.host.look(&copy) == Found::Nothing && file.path.known().is_some();
    let (Some(mut commands), true) = (commands, is_free) else {
        let words = format!("give `{}` an env file of its own, without {}", unit.name, quoted(names));
        return Remedy::said(words).remark(format!("`{path}` stays as it is for {needed}"));
    };
    commands.dedup();
    let word = mounting::shell_word(path);
    let written = host_words(&copy);
    Remedy::shell(format!("sed {} {word} >{}", commands.join(" "), mounting::shell_word(&copy)))
        .remark(format!("`{path}` stays as it is for {needed}"))
        .then(Remedy::here(match file.writing {
            Writing::Alone => format!("env_file: {written}"),
            Writing::Item => format!("- {written}"),
            Writing::Path => format!("path: {written}"),
        }))
}

/// "`A`, `B`".
pub(super) fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The command that takes a variable out of an env file that nobody else needs it in.
pub(super) fn cut(path: &str, entries: &[Entry], (name, reason): (&str, Reason)) -> Remedy {
    let commands: Option<Vec<String>> =
        entries.iter().filter(|entry| entry.name == name).map(Entry::cut).collect();
    let remedy = match commands {
        Some(mut commands) => {
            commands.sort();
            commands.dedup();
            let all: Vec<String> = commands.iter().map(|command| format!("-e '{command}'")).collect();
            let options = if let [one] = commands.as_slice() { format!("'{one}'") } else { all.join(" ") };
            Remedy::shell(format!("sed -i {options} {}", mounting::shell_word(path)))
        }
        None => Remedy::said(format!("take `{name}` and all lines of its value out of `{path}`")),
    };
    match reason {
        Reason::Credential => remedy.remark("and change the credential: it has been seen"),
        Reason::Needless => remedy,
    }
}

/// The names that Compose fills in for a text.
pub(super) fn names_in(text: Option<&Text>) -> Vec<&str> {
    text.map(|text| super::super::text::filled_in(&text.raw)).unwrap_or_default()
}
