//! Remedies that are lines: what mounts a volume or a file, gives a secret, sets a variable.

use super::super::delivery::Delivery;
use super::super::program::file_name;
use super::super::remedy::Remedy;
use super::super::scene::{Mount, Scene, Source, Unit};
use super::super::text::{Dialect, below, host_words};
use super::{order, reads};

/// What the source of an export's mount is called in a mount of its own.
pub(super) fn source_words(delivery: &Delivery<'_>) -> String {
    match delivery.shared() {
        Some(Source::Bind(path)) => host_words(path),
        Some(Source::Named(name)) => name.clone(),
        _ => "secrets".to_owned(),
    }
}

/// The item that mounts what an export writes, to be read.
pub(super) fn mount_item(scene: &Scene, delivery: &Delivery<'_>, target: &str) -> String {
    let source = source_words(delivery);
    match scene.dialect {
        Dialect::Compose => format!("- {source}:{target}:ro"),
        Dialect::Pod => {
            let part = delivery.mount.and_then(|mount| mount.part.as_ref());
            let part = part.map(|(part, _)| format!(", subPath: {part}")).unwrap_or_default();
            format!("- {{ name: {source}, mountPath: {target}{part}, readOnly: true }}")
        }
    }
}

/// The lines that mount it in the finding's own unit, and make that wait for the export.
pub(super) fn mount_for(scene: &Scene, delivery: &Delivery<'_>, unit: &Unit, target: &str) -> Remedy {
    let key = if scene.dialect == Dialect::Compose { "volumes" } else { "volumeMounts" };
    let defined = match delivery.shared() {
        Some(Source::Bind(_)) => Remedy::none(),
        _ => volume_defined(scene, &source_words(delivery)),
    };
    let waits = |writer: &str| {
        scene.dialect == Dialect::Pod
            || order::waiters(scene, writer).contains(unit.name.as_str())
            || unit.service.depends.iter().any(|depend| depend.name == writer)
            || unit.run().is_some_and(|run| run.waits)
    };
    // Whoever mounts the volume reads what others write there too.
    let others = scene.deliveries().into_iter().filter(|other| other.shared().is_some());
    let others =
        others.filter(|other| other.shared() == delivery.shared() && other.unit.name != delivery.unit.name);
    let writers: Vec<String> = std::iter::once(delivery.unit.name.clone())
        .chain(others.map(|other| other.unit.name.clone()))
        .filter(|writer| !waits(writer))
        .collect();
    let waiting =
        writers.iter().filter_map(|writer| scene.unit(writer)).fold(Remedy::none(), |all, writer| {
            all.then(order::waiting(writer)).then(order::profiles_of(writer, unit))
        });
    Remedy::unit(format!("{key}:\n  {}", mount_item(scene, delivery, target))).then(defined).then(waiting)
}

/// The same in the unit that most likely is to read: one that reads there, one that waits, or the only other one.
pub(super) fn mount_for_somebody(scene: &Scene, delivery: &Delivery<'_>, target: &str) -> Remedy {
    let others: Vec<&Unit> = scene
        .units
        .iter()
        .filter(|unit| unit.name != delivery.unit.name && unit.export().is_none() && !unit.is_partial)
        .collect();
    let directory = delivery.directory();
    let reads_there =
        |unit: &&&Unit| reads::of(unit).iter().any(|read| below(&read.path, directory).is_some());
    let waiters = order::waiters(scene, &delivery.unit.name);
    let reader = others
        .iter()
        .find(reads_there)
        .or_else(|| others.iter().find(|unit| waiters.contains(unit.name.as_str())))
        .or(match others.as_slice() {
            [only] => Some(only),
            _ => None,
        });
    // What is mounted there already would be hidden.
    let there = |reader: &Unit| {
        reader.mounts.iter().find(|mount| mount.target == target).map(|mount| mount.source.clone())
    };
    match reader.filter(|reader| there(reader).is_none_or(|source| is_alone(&source))) {
        Some(reader) => {
            let remedy = mount_for(scene, delivery, reader, target);
            let remedy = match there(reader) {
                Some(_) => {
                    remedy.remark_first(format!("in the place of what `{}` alone has there", reader.name))
                }
                None => remedy,
            };
            remedy.elsewhere(&reader.name)
        }
        None => Remedy::said(format!("in the service that reads: {}", mount_item(scene, delivery, target))),
    }
}

/// The same for those who read there, and have memory or a volume of their own there, in which nobody else writes.
pub(super) fn in_place_of_own(scene: &Scene, delivery: &Delivery<'_>, name: &str) -> Remedy {
    let directory = delivery.directory();
    let others = scene.units.iter().filter(|unit| unit.name != delivery.unit.name && !unit.is_kz());
    others.fold(Remedy::none(), |all, unit| {
        let own = unit.mounts.iter().find(|mount| mount.target == directory && is_alone(&mount.source));
        let reads = || {
            reads::of(unit)
                .iter()
                .any(|read| below(&read.path, directory).is_some_and(|rest| !rest.is_empty()))
        };
        if own.is_none() || !reads() {
            return all;
        }
        let mounted = mounted(scene, name, directory, ":ro");
        let remark = format!("in the place of what `{}` alone has there", unit.name);
        all.then(mounted.remark_first(remark).elsewhere(&unit.name))
    })
}

/// Whether it is a container's own, and nothing of it is seen elsewhere or stays.
fn is_alone(source: &Source) -> bool {
    matches!(source, Source::Tmpfs | Source::Anonymous)
}

/// The name of the volume that an export is to write to which has none yet: the one that somebody reads from.
pub(super) fn volume_name(scene: &Scene, delivery: &Delivery<'_>) -> String {
    let writes_to = |unit: &Unit| unit.name == delivery.unit.name || unit.export().is_some();
    let named = |mount: &Mount| match &mount.source {
        Source::Named(name) => Some(name.clone()),
        _ => None,
    };
    let readers = || scene.units.iter().filter(|unit| !writes_to(unit));
    let read = readers()
        .find_map(|unit| reads::of(unit).iter().find_map(|read| named(unit.mount_over(&read.path)?.0)));
    let same = || readers().flat_map(|unit| &unit.mounts).find(|mount| mount.target == delivery.directory());
    // A volume that somebody writes to is there for something else.
    let is_taken = |name: &str| {
        let writes = |mount: &Mount| named(mount).as_deref() == Some(name) && !mount.is_read_only;
        scene
            .units
            .iter()
            .filter(|unit| unit.name != delivery.unit.name)
            .flat_map(|unit| &unit.mounts)
            .any(writes)
    };
    let own =
        || ["secrets", "kz-secrets"].into_iter().find(|name| !is_taken(name)).unwrap_or("secrets-of-kz");
    read.or_else(|| same().and_then(named)).unwrap_or_else(|| own().to_owned())
}

/// The lines that mount a volume of this name in the finding's own unit, and define it.
pub(super) fn mounted(scene: &Scene, name: &str, target: &str, mode: &str) -> Remedy {
    let lines = match (scene.dialect, mode) {
        (Dialect::Compose, _) => format!("volumes:\n  - {name}:{target}{mode}"),
        (Dialect::Pod, "") => format!("volumeMounts:\n  - {{ name: {name}, mountPath: {target} }}"),
        (Dialect::Pod, _) => {
            format!("volumeMounts:\n  - {{ name: {name}, mountPath: {target}, readOnly: true }}")
        }
    };
    Remedy::unit(lines).then(volume_defined(scene, name))
}

/// The line that defines a volume, where it is not defined.
pub(super) fn volume_defined(scene: &Scene, name: &str) -> Remedy {
    match scene.dialect {
        _ if scene.is_partial || scene.volume(name).is_some() => Remedy::none(),
        Dialect::Compose => Remedy::top(format!("volumes:\n  {name}: {{}}")),
        Dialect::Pod => {
            Remedy::top(format!("volumes:\n  - {{ name: {name}, emptyDir: {{ medium: Memory }} }}"))
        }
    }
}

/// The line that is a variable.
pub(super) fn variable_line(dialect: Dialect, name: &str, value: &str) -> String {
    match dialect {
        Dialect::Compose => format!("{name}: {value}"),
        Dialect::Pod => format!("- {{ name: {name}, value: {value} }}"),
    }
}

/// The lines that set a variable in the finding's own unit.
pub(super) fn variable(dialect: Dialect, name: &str, value: &str) -> Remedy {
    let key = if dialect == Dialect::Compose { "environment" } else { "env" };
    Remedy::unit(format!("{key}:\n  {}", variable_line(dialect, name, value)))
}

/// The lines that give the finding's own service a secret, and define it.
pub(super) fn given_secret(scene: &Scene, name: &str) -> Remedy {
    let defined = if scene.is_partial || scene.secrets.iter().any(|secret| secret.name == name) {
        Remedy::none()
    } else {
        Remedy::top(format!("secrets:\n  {name}: {{ file: ./{name} }}"))
    };
    Remedy::unit(format!("secrets: [{name}]")).then(defined)
}

/// The command that makes a file of the host which nobody but its owner may read, and the one that gives it to the unit.
pub(super) fn file_written(path: &str, unit: &Unit) -> Remedy {
    file_written_of(path, unit, "paste it, then Ctrl-D")
}

/// The same, with what is to be typed.
pub(super) fn file_written_of(path: &str, unit: &Unit, words: &str) -> Remedy {
    let directory = path.strip_suffix(file_name(path)).map(|directory| directory.trim_end_matches('/'));
    let made = match directory.filter(|directory| !directory.is_empty() && *directory != ".") {
        Some(directory) => format!("mkdir -p {}; ", shell_word(directory)),
        None => String::new(),
    };
    Remedy::shell(format!("(umask 077; {made}cat >{})", shell_word(path)))
        .remark(words)
        .then(handed_over(path, unit))
}

/// The command that gives a file of the host to the uid that is to read it, where that is certain and not root.
pub(super) fn handed_over(path: &str, unit: &Unit) -> Remedy {
    match unit.uid().filter(|uid| *uid != 0) {
        Some(uid) => {
            Remedy::shell(given_to(path, uid)).remark(format!("`{}` reads it as uid {uid}", unit.name))
        }
        None => Remedy::none(),
    }
}

/// The command that gives a file of the host to a uid, which may then read it.
pub(super) fn given_to(path: &str, uid: u32) -> String {
    let word = shell_word(path);
    format!("sudo chown {uid} {word} && sudo chmod u+r {word}")
}

/// The path as one word of a shell.
pub(super) fn shell_word(path: &str) -> String {
    let is_plain =
        path.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c)) && !path.starts_with('-');
    if is_plain { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
