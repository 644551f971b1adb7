//! D1, eighth part: a variable beside its own `_FILE`, of which an image's entrypoint takes one and refuses both. They come
//! from `environment:`, from env files, and from the document that kz writes and the unit's shell or `kz run` reads.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::env_text::{self, Entry};
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::program::{Form, Program};
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Scene, Unit, Variable};
use super::super::text::{Text, below, normal};
use super::super::words;
use super::super::yaml::Mark;
use super::super::{Configuration, Known};
use super::cutting::Reason;
use super::reads::{self, Read, Way};
use super::{configuration, cutting, values};

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
    /// The unit's own script, which exports it.
    Script,
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
    // An object of the cluster's gives it, or nothing starts.
    let is_given =
        |name: &str| unit.container.wanted.iter().any(|wanted| wanted.variable.as_deref() == Some(name));
    let is_set = |variable: &&Variable| match &variable.value {
        Some(value) => value.known().is_some_and(|value| !value.is_empty()),
        None => is_given(&variable.name),
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
    for name in exported(unit) {
        all.retain(|one| one.name != name);
        all.push(Given { name, from: From::Script });
    }
    for name in documented(scene, unit, Documents::HandedOn, known) {
        all.retain(|one| one.name != name);
        all.push(Given { name, from: From::Document });
    }
    all
}

/// The variables that a unit's script exports with a value of its own.
fn exported(unit: &Unit) -> Vec<String> {
    let Program::Script(script) = &unit.program else { return Vec::new() };
    let commands = words::commands(&script.value).unwrap_or_default();
    let exports = commands.iter().filter(|words| words.first().is_some_and(|first| first == "export"));
    exports.flatten().filter_map(|word| word.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

/// Which documents of variables count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Documents {
    /// All that the unit's shell reads.
    All,
    /// Those whose variables it hands on to what it starts.
    HandedOn,
}

/// The names of the variables that the unit reads from what kz writes, or that `kz run` brings by itself.
pub(super) fn documented(scene: &Scene, unit: &Unit, which: Documents, known: Known<'_>) -> Vec<String> {
    // What only an environment has, which is chosen elsewhere, may not be there.
    let certain = |found: &Configuration| {
        found.secrets.clone().filter(|_| found.environments.is_empty()).unwrap_or_default()
    };
    if unit.run().is_some_and(|run| run.env_file.is_none()) {
        return configuration::of(scene, unit, known).as_ref().map(certain).unwrap_or_default();
    }
    let hands_on = match &unit.program {
        Program::Script(script) if which == Documents::HandedOn => {
            ["set -a", "allexport"].iter().any(|word| script.value.contains(word))
        }
        _ => true,
    };
    let mut names = Vec::new();
    for delivery in scene.deliveries() {
        let Some(found) = configuration::of(scene, delivery.unit, known) else { continue };
        let secrets = certain(&found);
        for only in reads::of(unit).iter().filter_map(|read| only_in(read, unit, &delivery, &found, hands_on))
        {
            names.extend(secrets.iter().filter(|name| only.is_empty() || only.contains(name)).cloned());
        }
    }
    names
}

/// What takes the variables that name files from a unit which is to read a document with the same secrets, where its image
/// refuses both.
pub(super) fn without_files(scene: &Scene, unit: &Unit, delivery: &Delivery<'_>, known: Known<'_>) -> Remedy {
    if !images::refuses_both(unit) {
        return Remedy::none();
    }
    let secrets =
        configuration::of(scene, delivery.unit, known).and_then(|found| found.secrets).unwrap_or_default();
    let only = &delivery.export.only;
    let doubled = secrets.iter().filter(|name| only.is_empty() || only.contains(name)).filter_map(|name| {
        let FileForm::Known(file) = images::file_form(unit, name) else { return None };
        unit.variable(&file).map(|variable| variable.name.clone())
    });
    doubled.fold(Remedy::none(), |all, name| {
        all.then(Remedy::without_of(&unit.name, &format!("environment: {name}")))
            .remark("of which the image takes one, and refuses both")
    })
}

/// Which secrets are in the document of variables that is read, none for all; nothing where it is no such document.
fn only_in<'a>(
    read: &Read,
    unit: &Unit,
    delivery: &'a Delivery<'_>,
    found: &'a Configuration,
    hands_on: bool,
) -> Option<&'a [String]> {
    let is_all = matches!(read.way, Way::Script | Way::EnvFile);
    let (mount, rest) = unit.mount_over(&read.path)?;
    let is_there = Some(&mount.source) == delivery.shared() && mount.part.is_none() && !rest.is_empty();
    if !is_all || !is_there {
        return None;
    }
    let export = delivery.export;
    if export.by_outputs {
        let path = if delivery.inside.is_empty() { Some(rest) } else { below(rest, &delivery.inside) };
        let output = found.outputs.iter().find(|output| Some(output.path.as_str()) == path)?;
        // One that is no lines is a shell's, which exports by itself, where a shell reads it.
        let is_document = match output.form {
            Form::Lines => hands_on,
            Form::Single => read.way == Way::Script,
            Form::Files => false,
        };
        return is_document.then_some(output.only.as_slice());
    }
    let is_document = match export.plain_format {
        Some("shell") => true,
        Some("env") => hands_on,
        _ => false,
    };
    (is_document && export.form != Form::Files && rest == delivery.inside).then_some(export.only.as_slice())
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
        (From::Document | From::Script, From::Document | From::Script) => return,
        (From::Document | From::Script, _) => file,
        (From::Own(variable), _) => {
            let text = variable.value.as_ref().and_then(Text::known).unwrap_or_default();
            if values::is_credential_of(unit, &value.name, text, known) {
                return;
            }
            value
        }
        (From::File { entries, .. }, _) => {
            let is_one = |entry: &Entry| {
                entry.name == value.name && values::is_credential_of(unit, &entry.name, &entry.value, known)
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
        origin(&value.from),
        file.name,
        origin(&file.from)
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
        From::Document | From::Script => return,
    };
    found.add(Code::BesideFile, mark, &unit.title, what, remedy);
}

/// Where a variable is from, unless it stands with the service itself.
fn origin(from: &From<'_>) -> String {
    match from {
        From::Own(_) => String::new(),
        From::File { path, .. } => format!(" (of `{path}`)"),
        From::Document => " (of what kz brings)".to_owned(),
        From::Script => " (of its script)".to_owned(),
    }
}
