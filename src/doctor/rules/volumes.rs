//! D2, second part: volumes and mounts of those who read.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::scene::{Mount, Scene, Source, Unit};
use super::super::text::Dialect;
use super::configuration;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    for unit in &scene.units {
        for mount in &unit.mounts {
            undefined(scene, unit, mount, found);
        }
        writable_configuration(unit, found);
        for (secret, mark) in &unit.service.owned_secrets {
            let what = format!(
                "Compose mounts the file of `{secret}` as it is on the host, and ignores uid, gid and mode here"
            );
            let write = format!(
                "chown and chmod the file on the host, or run as its owner; then: secrets: [{secret}]"
            );
            found.add(Code::SecretOwner, *mark, &unit.title, what, write);
        }
    }
    for delivery in scene.deliveries() {
        for (unit, mount) in scene.consumers(&delivery) {
            if !mount.is_read_only {
                writable(scene, unit, mount, &delivery.unit.name, found);
            }
        }
    }
}

fn undefined(scene: &Scene, unit: &Unit, mount: &Mount, found: &mut Findings) {
    let Source::Named(name) = &mount.source else { return };
    if scene.is_partial || unit.is_partial || scene.volume(name).is_some() {
        return;
    }
    let (code, what, write) = match scene.dialect {
        Dialect::Compose => (
            Code::UndefinedVolume,
            format!(
                "Compose refuses the file: `{name}` is not below the top level's `volumes:` (`service \"{}\" refers to undefined volume {name}`)",
                unit.name
            ),
            format!("volumes:\n  {name}:"),
        ),
        Dialect::Pod => (
            Code::NoSuchVolume,
            format!(
                "the API server refuses the pod: it has no volume `{name}` (`volumeMounts[].name: Not found: \"{name}\"`)"
            ),
            format!("volumes:\n  - {{ name: {name}, emptyDir: {{ medium: Memory }} }}"),
        ),
    };
    found.add(code, mount.mark, &unit.title, what, write);
}

fn writable(scene: &Scene, unit: &Unit, mount: &Mount, writer: &str, found: &mut Findings) {
    let what = format!(
        "it may write where `{writer}` puts the secrets: whoever breaks into it can change them for all who read them, and stand in kz's way"
    );
    let write = match (scene.dialect, &mount.source) {
        (Dialect::Compose, Source::Bind(path)) if path.starts_with(['/', '~', '.']) => {
            format!("- {path}:{}:ro", mount.target)
        }
        (Dialect::Compose, Source::Bind(path)) => format!("- ./{path}:{}:ro", mount.target),
        (Dialect::Compose, Source::Named(name)) => format!("- {name}:{}:ro", mount.target),
        (Dialect::Pod, Source::Named(name)) => {
            format!("- {{ name: {name}, mountPath: {}, readOnly: true }}", mount.target)
        }
        _ => "read_only: true".to_owned(),
    };
    found.add(Code::Writable, mount.mark, &unit.title, what, write);
}

/// A configuration says to whom kz sends its credentials.
fn writable_configuration(unit: &Unit, found: &mut Findings) {
    let Some(path) = configuration::path(unit) else { return };
    let Some(mount) = unit.mounts.iter().find(|mount| mount.target == path) else { return };
    if let (Source::Bind(source), false) = (&mount.source, mount.is_read_only) {
        let what = "the configuration is mounted to be written: it says to whom kz sends its credentials, and outside of a read-only mount kz refuses one that others may write or own";
        let dots = if source.starts_with(['/', '~', '.']) { "" } else { "./" };
        found.add(
            Code::WritableConfiguration,
            mount.mark,
            &unit.title,
            what,
            format!("- {dots}{source}:{path}:ro"),
        );
    }
}
