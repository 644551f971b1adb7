//! D2, second part: volumes and mounts of those who read.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::program::{Form, file_name};
use super::super::remedy::Remedy;
use super::super::scene::{Mount, OwnedSecret, Scene, Source, Unit};
use super::super::text::{Dialect, Text, host_words, join, normal};
use super::super::{Found, Known};
use super::{configuration, mounting, order, scratch};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        for mount in &unit.mounts {
            undefined(scene, unit, mount, known, found);
        }
        writable_configuration(unit, found);
        for OwnedSecret { name: secret, target, mark } in &unit.service.owned_secrets {
            let what = format!(
                "Compose mounts the file of `{secret}` as it is on the host, and ignores uid, gid and mode here"
            );
            let item = match target {
                Some(target) => format!("{{ source: {secret}, target: {target} }}"),
                None => secret.clone(),
            };
            let remedy = Remedy::without_of(&unit.name, &format!("secrets: {secret}"))
                .then(Remedy::unit(format!("secrets: [{item}]")))
                .remark("and chown and chmod the file on the host, or run as its owner");
            found.add(Code::SecretOwner, *mark, &unit.title, what, remedy);
        }
    }
    for delivery in scene.deliveries() {
        for (unit, mount) in scene.consumers(&delivery) {
            // Who has done before the export begins what it has to do there, such as to give the volume away, writes first.
            if order::waiters(scene, &unit.name).contains(delivery.unit.name.as_str()) {
                continue;
            }
            // Who is told to mount the whole volume is told to mount it read-only.
            if !part(scene, &delivery, unit, mount, found) && !mount.is_read_only {
                writable(scene, unit, mount, &delivery.unit.name, found);
            }
        }
    }
}

fn undefined(scene: &Scene, unit: &Unit, mount: &Mount, known: Known<'_>, found: &mut Findings) {
    let Source::Named(name) = &mount.source else { return };
    if scene.is_partial || unit.is_partial || scene.volume(name).is_some() {
        return;
    }
    let (code, what, remedy) = match scene.dialect {
        Dialect::Compose => (
            Code::UndefinedVolume,
            format!(
                "Compose refuses the file: `{name}` is not below the top level's `volumes:` (`service \"{}\" refers to undefined volume {name}`)",
                unit.name
            ),
            defining(scene, unit, mount, name, known),
        ),
        Dialect::Pod => (
            Code::NoSuchVolume,
            format!(
                "the API server refuses the pod: it has no volume `{name}` (`volumeMounts[].name: Not found: \"{name}\"`)"
            ),
            near(scene, mount, name).unwrap_or_else(|| in_pod(scene, unit, name, known)),
        ),
    };
    found.add(code, mount.mark, &unit.title, what, remedy);
}

/// What defines a volume of a pod: one in which those who mount it can read what is written there.
fn in_pod(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    let source = Source::Named(name.to_owned());
    let deliveries = scene.deliveries();
    match deliveries.iter().find(|delivery| delivery.shared() == Some(&source)) {
        Some(delivery) if delivery.unit.name == unit.name => scratch::defined(scene, delivery, name, known),
        Some(delivery) => scratch::defined(scene, delivery, name, known).elsewhere(&delivery.unit.name),
        None => Remedy::top(format!("volumes:\n  - {{ name: {name}, emptyDir: {{ medium: Memory }} }}")),
    }
}

/// What defines a volume, or says that no volume is meant: a name that is a file's or has a slash is a path without its
/// `./`.
fn defining(scene: &Scene, unit: &Unit, mount: &Mount, name: &str, known: Known<'_>) -> Remedy {
    let has_extension = |path: &str| file_name(path).trim_start_matches('.').contains('.');
    let is_path = known.host.look(name) != Found::Nothing
        || (has_extension(name) && (name.contains('/') || has_extension(&mount.target)));
    if !is_path && name.contains('/') {
        // Not repeated behind a `./`, where it would look like a path although it may be anything.
        return Remedy::said("write `./` before it: a name with a slash is no volume's");
    }
    if !is_path {
        return near(scene, mount, name).unwrap_or_else(|| Remedy::top(format!("volumes:\n  {name}: {{}}")));
    }
    if configuration::path(unit).is_some_and(|path| path == mount.target) {
        return configuration::mounted_here(&normal(name), &mount.target, known);
    }
    let mode = if mount.is_read_only { ":ro" } else { "" };
    Remedy::here(format!("- {}:{}{mode}", host_words(&normal(name)), mount.target))
        .remark("with `./`: without it Compose takes it for the name of a volume")
}

/// The line that mounts the volume that is meant, where one is called almost so and somebody mounts it.
fn near(scene: &Scene, mount: &Mount, name: &str) -> Option<Remedy> {
    let is_near = |one: &str, other: &str| {
        one.eq_ignore_ascii_case(other)
            || one.strip_prefix(other).or_else(|| other.strip_prefix(one)).is_some_and(|rest| rest.len() == 1)
    };
    let meant =
        scene.volumes.iter().find(|volume| is_near(&volume.name, name) && is_mounted(scene, &volume.name))?;
    let (name, target) = (&meant.name, &mount.target);
    let item = match (scene.dialect, mount.is_read_only) {
        (Dialect::Compose, true) => format!("- {name}:{target}:ro"),
        (Dialect::Compose, false) => format!("- {name}:{target}"),
        (Dialect::Pod, true) => format!("- {{ name: {name}, mountPath: {target}, readOnly: true }}"),
        (Dialect::Pod, false) => format!("- {{ name: {name}, mountPath: {target} }}"),
    };
    Some(Remedy::here(item))
}

fn is_mounted(scene: &Scene, name: &str) -> bool {
    scene
        .units
        .iter()
        .flat_map(|unit| &unit.mounts)
        .any(|mount| mount.source == Source::Named(name.to_owned()))
}

/// A part of a set is mounted, which stays with the set that was there when the container started. Says whether it is.
fn part(scene: &Scene, delivery: &Delivery<'_>, reader: &Unit, mount: &Mount, found: &mut Findings) -> bool {
    let Some((part, mark)) = mount.part.as_ref().filter(|_| delivery.export.form == Form::Files) else {
        return false;
    };
    let Some(inner) = delivery.part_in(mount).filter(|inner| !inner.is_empty()) else { return false };
    let key = match scene.dialect {
        Dialect::Compose => "subpath",
        Dialect::Pod => "subPath",
    };
    let what = format!(
        "`{part}` is followed once, when the container starts, to the set that is there then: what a later export writes is not seen through a {key} until the container starts anew, and `..data` is not there"
    );
    let target = delivery.mount.map_or("/secrets", |mount| &mount.target);
    let place = format!("{}/{inner}", join(target, &delivery.inside));
    let read = reader.variables.iter().filter(|variable| {
        variable.value.as_ref().and_then(Text::known).is_some_and(|value| normal(value) == mount.target)
    });
    let remedy =
        Remedy::here(mounting::mount_item(scene, delivery, target)).remark(format!("and read {place}"));
    let remedy = read
        .fold(remedy, |all, variable| all.then(mounting::variable(scene.dialect, &variable.name, &place)));
    found.add(Code::PartOfSet, *mark, &reader.title, what, remedy);
    true
}

fn writable(scene: &Scene, unit: &Unit, mount: &Mount, writer: &str, found: &mut Findings) {
    let what = format!(
        "it may write where `{writer}` puts the secrets: whoever breaks into it can change them for all who read them, and stand in kz's way"
    );
    let remedy = match (scene.dialect, &mount.source) {
        (Dialect::Compose, Source::Bind(path)) => format!("- {}:{}:ro", host_words(path), mount.target),
        (Dialect::Compose, Source::Named(name)) => format!("- {name}:{}:ro", mount.target),
        (Dialect::Pod, Source::Named(name)) => {
            let part = mount.part.as_ref().map(|(part, _)| format!(", subPath: {part}")).unwrap_or_default();
            format!("- {{ name: {name}, mountPath: {}{part}, readOnly: true }}", mount.target)
        }
        _ => "read_only: true".to_owned(),
    };
    found.add(Code::Writable, mount.mark, &unit.title, what, Remedy::here(remedy));
}

/// A configuration says to whom kz sends its credentials.
fn writable_configuration(unit: &Unit, found: &mut Findings) {
    let Some(path) = configuration::path(unit) else { return };
    let Some(mount) = unit.mounts.iter().find(|mount| mount.target == path) else { return };
    if let (Source::Bind(source), false) = (&mount.source, mount.is_read_only) {
        let what = "the configuration is mounted to be written: it says to whom kz sends its credentials, and outside of a read-only mount kz refuses one that others may write or own";
        let remedy = Remedy::here(format!("- {}:{path}:ro", host_words(source)));
        found.add(Code::WritableConfiguration, mount.mark, &unit.title, what, remedy);
    }
}
