//! D4, fifth part: credentials in the files that Compose itself reads, `env_file`, and `.env` for what it fills in; and in
//! a `ConfigMap` whose entries become a container's variables.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Scene, Unit, Variable};
use super::super::text::{Dialect, Text, normal};
use super::{delivering, mounting, own, values};

/// What Compose fills in from.
const FILLED_FROM: &str = ".env";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return of_maps(scene, known, found);
    }
    let filled_from = known.host.text(FILLED_FROM).unwrap_or_default();
    let filled = credentials_in(&filled_from, None, known);
    for unit in &scene.units {
        for file in &unit.service.env_files {
            env_file(scene, unit, file, known, found);
        }
        for variable in &unit.variables {
            if let Some(name) = filled_in(variable).filter(|name| filled.iter().any(|held| held == name)) {
                is_filled_in(scene, unit, variable, name, known, found);
            }
        }
    }
}

/// Credentials in a `ConfigMap` whose entries become variables.
fn of_maps(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let Some(pod) = &scene.pod else { return };
    for unit in &scene.units {
        for (map, entry) in &pod.entries {
            let Some(taken) = taken_by(unit, map, &entry.name) else { continue };
            let value = entry.value.as_ref().and_then(Text::known);
            let names_object = |value: &str| values::may_name_object(&entry.name, value);
            let is_one =
                |value: &str| !names_object(value) && holds_one(Some(unit), &entry.name, value, known);
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
    values::is_credential(name, value, known) || (proves && !values::is_harmless(value))
}

/// The names of those variables of an env file that hold a credential.
fn credentials_in(text: &str, unit: Option<&Unit>, known: Known<'_>) -> Vec<String> {
    let line = |line: &str| {
        let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = value.trim().trim_matches(['"', '\'']);
        (is_name && !value.contains('$') && holds_one(unit, name, value, known)).then(|| name.to_owned())
    };
    let mut names: Vec<String> = text.lines().filter_map(line).collect();
    names.dedup();
    names
}

fn env_file(scene: &Scene, unit: &Unit, file: &EnvFile, known: Known<'_>, found: &mut Findings) {
    let Some(path) = file.path.known().map(normal).filter(|path| !path.starts_with(['/', '~'])) else {
        return;
    };
    let Some(text) = known.host.text(&path) else { return };
    let names = credentials_in(&text, Some(unit), known);
    if names.is_empty() {
        return;
    }
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (verb, them) = if names.len() == 1 { ("is a credential", "it") } else { ("are credentials", "them") };
    let what = format!(
        "{} in `{path}` {verb}, in the clear, and `docker inspect` shows {them} of this container to everybody who may ask the engine",
        listed.join(", ")
    );
    let remedy = names.iter().fold(Remedy::none(), |all, name| {
        all.then(taken_out(&path, name)).then(brought(scene, unit, name, known))
    });
    found.add(Code::CredentialInEnvFile, file.mark, &unit.title, what, remedy);
}

/// What brings it otherwise: by kz, unless it is what kz itself needs before it can bring anything.
fn brought(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    if own::is_of(unit, name, known) {
        own::brought(scene, unit, name, known)
    } else {
        delivering::brought(scene, unit, name, known)
    }
}

/// The command that takes a variable out of an env file.
fn taken_out(path: &str, name: &str) -> Remedy {
    Remedy::shell(format!("sed -i '/^ *\\(export \\)\\?{name} *=/d' {}", mounting::shell_word(path)))
        .remark("and change the credential: it has been seen")
}

/// The variable that Compose fills in as the whole value: `NAME` alone, or `${NAME}`.
fn filled_in(variable: &Variable) -> Option<&str> {
    let Some(Text { raw, is_open: true, .. }) = &variable.value else {
        return variable.value.is_none().then_some(variable.name.as_str());
    };
    let inner = raw.strip_prefix('$')?;
    let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let is_whole = end == inner.len() || raw.starts_with("${");
    (is_whole && end > 0).then(|| &inner[..end])
}

fn is_filled_in(
    scene: &Scene,
    unit: &Unit,
    variable: &Variable,
    name: &str,
    known: Known<'_>,
    found: &mut Findings,
) {
    // kz's own credentials have a finding of their own.
    if own::is_of(unit, &variable.name, known) {
        return;
    }
    let what = format!(
        "Compose fills in `{name}` from `{FILLED_FROM}`, where it is a credential in the clear, and `docker inspect` shows it of this container to everybody who may ask the engine"
    );
    let remedy = delivering::in_place(scene, unit, &variable.name, known).then(taken_out(FILLED_FROM, name));
    found.add(Code::CredentialInEnvFile, variable.mark, &unit.title, what, remedy);
}
