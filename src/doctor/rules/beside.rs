//! D1, eighth part: a variable beside its own `_FILE`, of which an image's entrypoint takes one and refuses both. They come
//! from `environment:`, from env files, and from the document that kz writes and the unit's shell or `kz run` reads.

use super::super::catalogue::Code;
use super::super::env_text::{self, Entry};
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::program::{Form, Program};
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Scene, Unit, Variable};
use super::super::text::{Text, normal};
use super::super::yaml::Mark;
use super::super::{Configuration, Known};
use super::cutting::Reason;
use super::reads::{self, Read, Way};
use super::{configuration, cutting, forms, values};

/// A variable that has a value, and where that is from.
struct Given<'a> {
    name: String,
    from: From<'a>,
}

enum From<'a> {
    /// `environment:`.
    Own(&'a Variable),
    /// An env file of this path, with all that is in it.
    File { file: &'a EnvFile, path: String, entries: Vec<Entry> },
    /// What kz writes, and the unit reads.
    Document,
}

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !images::is_kz(unit) && images::refuses_both(unit)) {
        let all = given(scene, unit, known);
        for value in &all {
            let FileForm::Known(name) = images::file_form_behind(unit, &value.name) else { continue };
            if let Some(file) = all.iter().find(|other| other.name == name) {
                both(scene, unit, (value, file), known, found);
            }
        }
    }
}

/// What the unit's first process is given, each variable once: `environment:` has the last word, and a document that is read
/// by its shell comes after all.
fn given<'a>(scene: &'a Scene, unit: &'a Unit, known: Known<'_>) -> Vec<Given<'a>> {
    let is_set = |variable: &&Variable| {
        variable.value.as_ref().and_then(Text::known).is_some_and(|value| !value.is_empty())
    };
    let own = unit.variables.iter().filter(is_set);
    let mut all: Vec<Given<'_>> =
        own.map(|variable| Given { name: variable.name.clone(), from: From::Own(variable) }).collect();
    // Of two env files the later one counts.
    for file in unit.service.env_files.iter().rev() {
        let Some(path) = file.path.known().map(normal).filter(|path| !path.starts_with(['/', '~'])) else {
            continue;
        };
        let entries = env_text::entries(&known.host.text(&path).unwrap_or_default());
        for entry in &entries {
            let is_plain = !entry.value.is_empty() && entry.uses().is_empty();
            let is_known =
                unit.variable(&entry.name).is_some() || all.iter().any(|one| one.name == entry.name);
            if is_plain && !is_known {
                let from = From::File { file, path: path.clone(), entries: entries.clone() };
                all.push(Given { name: entry.name.clone(), from });
            }
        }
    }
    for name in documented(scene, unit, known) {
        all.retain(|one| one.name != name);
        all.push(Given { name, from: From::Document });
    }
    all
}

/// The names of the variables that the unit reads from what kz writes, or that `kz run` brings by itself.
fn documented(scene: &Scene, unit: &Unit, known: Known<'_>) -> Vec<String> {
    // What only an environment has, which is chosen elsewhere, may not be there.
    let certain = |found: Configuration| found.secrets.filter(|_| found.environments.is_empty());
    if unit.run().is_some_and(|run| run.env_file.is_none()) {
        return configuration::of(scene, unit, known).and_then(certain).unwrap_or_default();
    }
    let mut names = Vec::new();
    let hands_on = match &unit.program {
        Program::Script(script) => ["set -a", "allexport"].iter().any(|word| script.value.contains(word)),
        _ => true,
    };
    for delivery in scene.deliveries() {
        let is_read = |read: &Read| {
            let is_all = matches!(read.way, Way::Script | Way::EnvFile);
            let over = unit.mount_over(&read.path).filter(|(mount, _)| {
                is_all && Some(&mount.source) == delivery.shared() && mount.part.is_none()
            });
            over.is_some_and(|(_, rest)| {
                !rest.is_empty() && forms::mismatch(scene, read, rest, &delivery, known).is_none()
            })
        };
        let exports = delivery.export.plain_format == Some("shell");
        let is_plain = matches!(delivery.export.plain_format, Some("env" | "shell"));
        if delivery.export.form == Form::Files || !is_plain || !(hands_on || exports) {
            continue;
        }
        if reads::of(unit).iter().any(is_read) {
            let secrets =
                configuration::of(scene, delivery.unit, known).and_then(certain).unwrap_or_default();
            let only = &delivery.export.only;
            names.extend(secrets.into_iter().filter(|name| only.is_empty() || only.contains(name)));
        }
    }
    names
}

fn both(
    scene: &Scene,
    unit: &Unit,
    (value, file): (&Given<'_>, &Given<'_>),
    known: Known<'_>,
    found: &mut Findings,
) {
    // What kz brings stays. What is a credential in the clear is told of for that reason, with the same to do.
    let needless = match (&value.from, &file.from) {
        (From::Document, From::Document) => return,
        (From::Document, _) => file,
        (From::Own(variable), _) => {
            let text = variable.value.as_ref().and_then(Text::known).unwrap_or_default();
            if values::is_credential(&value.name, text, known) {
                return;
            }
            value
        }
        (From::File { entries, .. }, _) => {
            let is_one = |entry: &Entry| {
                entry.name == value.name && values::is_credential(&entry.name, &entry.value, known)
            };
            if entries.iter().any(is_one) {
                return;
            }
            value
        }
    };
    let what = format!(
        "`{}`{} and `{}`{} are both set: the image's entrypoint refuses that, and it ends at once",
        value.name,
        words(&value.from),
        file.name,
        words(&file.from)
    );
    let (mark, remedy): (Mark, Remedy) = match &needless.from {
        From::Own(variable) => (variable.mark, Remedy::without(format!("`{}`", variable.name))),
        From::File { file, path, entries } => {
            let names = [needless.name.clone()];
            (
                file.path.mark,
                cutting::out_of(scene, (unit, file, path), (entries, &names, Reason::Needless), known),
            )
        }
        From::Document => return,
    };
    found.add(Code::BesideFile, mark, &unit.title, what, remedy);
}

/// Where a variable is from, unless it stands with the service itself.
fn words(from: &From<'_>) -> String {
    match from {
        From::Own(_) => String::new(),
        From::File { path, .. } => format!(" (of `{path}`)"),
        From::Document => " (of what kz brings)".to_owned(),
    }
}
