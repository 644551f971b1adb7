//! D4, fifth part: credentials in the files that Compose itself reads, `env_file`, and `.env` for what it fills in; and in
//! a `ConfigMap` whose entries become a container's variables.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::env_text::{self, Entry};
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Scene, Unit, Variable};
use super::super::text::{Dialect, Text, normal};
use super::cutting::{self, FILLED_FROM, Reason};
use super::{arguments, delivering, own, values};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return of_maps(scene, known, found);
    }
    let text = known.host.text(FILLED_FROM).unwrap_or_default();
    let filled = Filled { names: credentials_in(&env_text::entries(&text), None, known), text };
    for unit in &scene.units {
        for file in &unit.service.env_files {
            env_file(scene, unit, file, known, found);
        }
        for variable in &unit.variables {
            is_filled_in(scene, unit, variable, &filled, known, found);
        }
        in_command(scene, unit, &filled, found);
    }
}

/// What Compose fills in from.
struct Filled {
    text: String,
    /// Those that are credentials.
    names: Vec<String>,
}

/// Credentials in a `ConfigMap` whose entries become variables.
fn of_maps(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let Some(pod) = &scene.pod else { return };
    for unit in &scene.units {
        for (map, entry) in &pod.entries {
            let Some(taken) = taken_by(unit, map, &entry.name) else { continue };
            let value = entry.value.as_ref().and_then(Text::known);
            // It is called by two names, of which either may say so.
            let names = match taken {
                Taken::WithAll => vec![entry.name.as_str()],
                Taken::As(variable) => vec![entry.name.as_str(), variable],
            };
            let is_one = |value: &str| {
                let is_it = |name: &&str| {
                    !values::may_name_object(name, value) && holds_one(Some(unit), name, value, known)
                };
                names.iter().any(is_it)
            };
            if value.is_some_and(is_one) {
                let name = &entry.name;
                let what = format!(
                    "`{name}` of the ConfigMap `{map}` holds a credential, which everybody reads who reads this file or may read ConfigMaps"
                );
                let without = Remedy::without(format!("`{name}`"));
                let remedy = match taken {
                    Taken::WithAll => without.then(brought(scene, unit, name, known)),
                    Taken::As(variable) => without
                        .then(Remedy::without_of(&unit.name, &format!("env: {variable}")))
                        .then(brought(scene, unit, variable, known)),
                };
                found.add(Code::CredentialInEnvFile, entry.mark, &unit.title, what, remedy);
            }
        }
    }
}

/// Whether an entry of a `ConfigMap` becomes a variable of one of the containers.
pub(super) fn is_variable(scene: &Scene, map: &str, key: &str) -> bool {
    scene.units.iter().any(|unit| taken_by(unit, map, key).is_some())
}

/// How a container takes an entry of a `ConfigMap`.
enum Taken<'a> {
    /// With all others of it.
    WithAll,
    /// Alone, as this variable.
    As(&'a str),
}

fn taken_by<'a>(unit: &'a Unit, map: &str, key: &str) -> Option<Taken<'a>> {
    if unit.container.maps.iter().any(|taken| taken == map) {
        return Some(Taken::WithAll);
    }
    let wanted = unit.container.wanted.iter().find(|wanted| {
        wanted.kind == "ConfigMap" && wanted.name == map && wanted.key.as_deref() == Some(key)
    });
    wanted.and_then(|wanted| wanted.variable.as_deref()).map(Taken::As)
}

/// Whether it is a credential; what proves who kz is looks like nothing: a secret id is a UUID.
fn holds_one(unit: Option<&Unit>, name: &str, value: &str, known: Known<'_>) -> bool {
    let proves = unit.is_some_and(|unit| own::is_of(unit, name, known)) && own::proves(name, known);
    let is_one = match unit {
        Some(unit) => values::is_credential_of(unit, name, value, known),
        None => values::is_credential(name, value, known),
    };
    is_one || (proves && !values::is_harmless(value))
}

/// The names of those variables of an env file that hold a credential, or are made of one that does.
fn credentials_in(entries: &[Entry], unit: Option<&Unit>, known: Known<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let is_one = |entry: &&Entry| {
            let uses = entry.uses();
            let is_made_of_one = uses.iter().any(|name| names.iter().any(|held| held == name));
            let is_new = !names.contains(&entry.name);
            let holds_one = || {
                if uses.is_empty() {
                    holds_one(unit, &entry.name, &entry.value, known)
                } else {
                    values::has_password(&entry.value, Dialect::Compose, known)
                }
            };
            is_new && (is_made_of_one || holds_one())
        };
        let Some(next) = entries.iter().find(is_one) else { break };
        names.push(next.name.clone());
    }
    let at = |name: &String| entries.iter().position(|entry| entry.name == *name);
    names.sort_by_key(at);
    names
}

fn env_file(scene: &Scene, unit: &Unit, file: &EnvFile, known: Known<'_>, found: &mut Findings) {
    let Some(path) = file.path.known().map(normal).filter(|path| !path.starts_with(['/', '~'])) else {
        return;
    };
    let Some(text) = known.host.text(&path) else { return };
    let entries = env_text::entries(&text);
    let names = credentials_in(&entries, Some(unit), known);
    if names.is_empty() {
        return;
    }
    let (verb, them) = if names.len() == 1 { ("is a credential", "it") } else { ("are credentials", "them") };
    let what = format!(
        "{} in `{path}` {verb}, in the clear, and `docker inspect` shows {them} of this container to everybody who may ask the engine",
        cutting::quoted(&names)
    );
    let taken = cutting::out_of(scene, (unit, file, &path), (&entries, &names, Reason::Credential), known);
    let remedy = names.iter().fold(taken, |all, name| all.then(brought(scene, unit, name, known)));
    found.add(Code::CredentialInEnvFile, file.path.mark, &unit.title, what, remedy);
}

/// What brings it otherwise: by kz, unless it is what kz itself needs before it can bring anything.
fn brought(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    if own::is_of(unit, name, known) {
        own::brought(scene, unit, name, known)
    } else {
        delivering::brought(scene, unit, name, known)
    }
}

fn is_filled_in(
    scene: &Scene,
    unit: &Unit,
    variable: &Variable,
    filled: &Filled,
    known: Known<'_>,
    found: &mut Findings,
) {
    let names = match &variable.value {
        Some(_) => cutting::names_in(variable.value.as_ref()),
        None => vec![variable.name.as_str()],
    };
    let Some(name) = names.into_iter().find(|name| filled.names.iter().any(|held| held == name)) else {
        return;
    };
    // kz's own credentials have a finding of their own.
    if own::is_of(unit, &variable.name, known) {
        return;
    }
    let needed = cutting::others(scene, (unit, variable.mark), (FILLED_FROM, name), known);
    let (stays, taken) = if needed.is_empty() {
        (
            String::new(),
            cutting::cut(FILLED_FROM, &env_text::entries(&filled.text), (name, Reason::Credential)),
        )
    } else {
        (format!("; it stays there for {}", cutting::listed(&needed)), Remedy::none())
    };
    let what = format!(
        "Compose fills in `{name}` from `{FILLED_FROM}`, where it is a credential in the clear, and `docker inspect` shows it of this container to everybody who may ask the engine{stays}"
    );
    let remedy = delivering::in_place(scene, unit, &variable.name, known).then(taken);
    found.add(Code::CredentialInEnvFile, variable.mark, &unit.title, what, remedy);
}

/// What Compose fills in on a command line is on it as if it stood there.
fn in_command(scene: &Scene, unit: &Unit, filled: &Filled, found: &mut Findings) {
    let is_one = |name: &str| filled.names.iter().any(|held| held == name);
    let fill = scene.fills.iter().find(|fill| {
        let is_line = ["command", "entrypoint", "healthcheck"].contains(&fill.key.as_str());
        is_line && fill.unit.as_deref() == Some(unit.name.as_str()) && is_one(&fill.name)
    });
    let Some(fill) = fill else { return };
    let whose = if fill.key == "healthcheck" { "its healthcheck" } else { "its command line" };
    let what = format!(
        "Compose fills in `{}` from `{FILLED_FROM}` on {whose}, where everybody reads it who lists the processes (`docker top`, `ps`)",
        fill.name
    );
    found.add(Code::CredentialInCommand, fill.mark, &unit.title, what, arguments::elsewhere());
}
