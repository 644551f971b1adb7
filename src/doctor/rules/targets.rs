//! D2, first part: where an export puts what it writes, and whether that can work.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::Form;
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Mount, Scene, Source, Unit};
use super::super::text::{Dialect, below, host_words, join, normal};
use super::super::{Found, Known};
use super::{mounting, readers, scratch};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let deliveries = scene.deliveries();
    for delivery in &deliveries {
        match delivery.mount {
            None => no_mount(scene, delivery, known, found),
            Some(mount) => {
                lost(scene, delivery, mount, known, found);
                nobody_reads(scene, delivery, mount, found);
                form(scene, delivery, mount, known, found);
                sticky(scene, delivery, mount, known, found);
                if let Some((Kind::Brought(words), name)) =
                    scene.volume_of(mount).map(|volume| (volume.kind, &volume.name))
                {
                    brought(scene, delivery, mount, (words, name), found);
                } else if mount.is_read_only {
                    let what = format!(
                        "`{}` is mounted read-only, and kz has to write there: it ends with exit code 4",
                        mount.target
                    );
                    found.add(
                        Code::TargetReadOnly,
                        mount.mark,
                        &delivery.unit.title,
                        what,
                        plain(scene, mount),
                    );
                }
            }
        }
    }
    twice(&deliveries, found);
}

/// A volume that the cluster fills is read-only, whatever the mount says.
fn brought(
    scene: &Scene,
    delivery: &Delivery<'_>,
    mount: &Mount,
    (words, name): (&str, &str),
    found: &mut Findings,
) {
    let what = format!(
        "`{name}`, at `{}`, is {words}, which nobody in the pod can write to: kz ends with exit code 4 (`read-only file system`)",
        mount.target
    );
    let own = ["secrets", "kz-secrets"].into_iter().find(|name| scene.volume(name).is_none());
    let remedy = match own {
        Some(own) => {
            let readers =
                scene.consumers(delivery).into_iter().fold(Remedy::none(), |all, (reader, mount)| {
                    all.then(mounting::mounted(scene, own, &mount.target, ":ro").elsewhere(&reader.name))
                });
            Remedy::here(format!("- {{ name: {own}, mountPath: {} }}", mount.target))
                .then(mounting::volume_defined(scene, own))
                .then(readers)
        }
        None => Remedy::said("mount an `emptyDir` there"),
    };
    found.add(Code::TargetReadOnly, mount.mark, &delivery.unit.title, what, remedy);
}

/// The line that mounts it to be written.
fn plain(scene: &Scene, mount: &Mount) -> Remedy {
    let source = match &mount.source {
        Source::Named(name) | Source::Bind(name) => name,
        _ => "secrets",
    };
    Remedy::here(match scene.dialect {
        Dialect::Compose => format!("- {}:{}", source_of(&mount.source, source), mount.target),
        Dialect::Pod => format!("- {{ name: {source}, mountPath: {} }}", mount.target),
    })
}

fn source_of(source: &Source, name: &str) -> String {
    if matches!(source, Source::Bind(_)) { host_words(name) } else { name.to_owned() }
}

/// A volume of its own at `target`, for the exporter and for those who mount what it writes now.
fn own_volume(scene: &Scene, delivery: &Delivery<'_>, target: &str, known: Known<'_>) -> Remedy {
    let unit = delivery.unit;
    let name = mounting::volume_name(scene, delivery);
    let readers = scene.consumers(delivery).into_iter().fold(Remedy::none(), |all, (reader, mount)| {
        all.then(mounting::mounted(scene, &name, &mount.target, ":ro").elsewhere(&reader.name))
    });
    let readers = readers.then(mounting::in_place_of_own(scene, delivery, &name));
    // A new volume is closed to all but root where the image has no such directory.
    let is_open = images::KZ_WRITABLE.contains(&target) || unit.uid() == Some(0) || !images::is_kz(unit);
    if scene.dialect == Dialect::Pod {
        let mount = Remedy::unit(format!("volumeMounts:\n  - {{ name: {name}, mountPath: {target} }}"));
        return mount.then(scratch::defined(scene, delivery, &name, known)).then(readers);
    }
    if is_open {
        return mounting::mounted(scene, &name, target, "").then(readers);
    }
    let rest = below(&delivery.path, target).unwrap_or_default();
    let output = Remedy::options(format!("--output {}", join("/secrets", rest)));
    mounting::mounted(scene, &name, "/secrets", "").then(output).then(readers)
}

fn no_mount(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>, found: &mut Findings) {
    let Delivery { unit, path, .. } = delivery;
    if unit.is_partial || path.starts_with("/dev/") || path.starts_with("/proc/") {
        return;
    }
    let what = format!(
        "nothing is mounted at `{path}`: it is written into the container itself, where nobody else reads it, and is gone with it"
    );
    let directory = delivery.directory();
    let remedy = own_volume(scene, delivery, directory, known);
    found.add(Code::NoMount, unit.command_mark(), &unit.title, what, remedy);
}

/// Volumes that do not keep what is written, or keep it where it should not be.
fn lost(scene: &Scene, delivery: &Delivery<'_>, mount: &Mount, known: Known<'_>, found: &mut Findings) {
    let unit = delivery.unit;
    let target = &mount.target;
    match (&mount.source, scene.volume_of(mount).map(|volume| (volume, volume.kind))) {
        (Source::Tmpfs, _) => {
            let what = format!(
                "`{target}` is memory of this container alone: nobody else sees what is written, and it is gone when kz exits"
            );
            let remedy = Remedy::without(target).then(own_volume(scene, delivery, target, known));
            found.add(Code::OwnTmpfs, mount.mark, &unit.title, what, remedy);
        }
        (Source::Anonymous, _) => {
            let what = format!("`{target}` is a volume without a name, which no other service can mount");
            let remedy = Remedy::without(target).then(own_volume(scene, delivery, target, known));
            found.add(Code::Anonymous, mount.mark, &unit.title, what, remedy);
        }
        (_, Some((volume, Kind::Memory { .. }))) if !is_held(scene, delivery) => {
            let what = format!(
                "`{}` is in memory, and the engine unmounts it when kz has exited: whoever mounts it then finds it empty",
                volume.name
            );
            found.add(
                Code::TmpfsVolume,
                mount.mark,
                &unit.title,
                what,
                Remedy::without_top(&format!("volumes: {}: driver_opts", volume.name)),
            );
        }
        _ => {}
    }
}

/// A volume that only the exporter mounts. One that comes from elsewhere may be read elsewhere too.
fn nobody_reads(scene: &Scene, delivery: &Delivery<'_>, mount: &Mount, found: &mut Findings) {
    let unit = delivery.unit;
    let is_here = matches!(
        scene.volume_of(mount).map(|volume| volume.kind),
        Some(Kind::Plain | Kind::Scratch { .. } | Kind::Brought(_))
    );
    let Source::Named(name) = &mount.source else { return };
    // The kubelet reads the keys of an env file by itself.
    let reads_keys = |other: &Unit| other.container.file_keys.iter().any(|key| key.volume == *name);
    let is_mounted = scene.units.iter().any(|other| {
        other.name != unit.name && (other.mount_of(&mount.source).is_some() || reads_keys(other))
    });
    let is_here = is_here && !scene.volume_of(mount).is_some_and(|volume| volume.is_shared);
    if is_here && !is_mounted && !scene.is_partial && scene.units.iter().all(|unit| !unit.is_partial) {
        let target = &mount.target;
        let what = format!("nobody else mounts `{name}`, so nobody reads what is written to `{target}`");
        let remedy = mounting::mount_for_somebody(scene, delivery, target);
        found.add(Code::NobodyReads, mount.mark, &unit.title, what, remedy);
    }
}

/// Whether somebody who has the volume mounted runs already when kz writes.
fn is_held(scene: &Scene, delivery: &Delivery<'_>) -> bool {
    delivery.unit.is_partial
        || delivery.export.stays
        || delivery.unit.service.depends.iter().any(|depend| {
            let holder = scene.unit(&depend.name);
            holder.zip(delivery.shared()).is_some_and(|(unit, source)| unit.mount_of(source).is_some())
        })
}

/// A file where a directory is needed, and the other way round.
fn form(scene: &Scene, delivery: &Delivery<'_>, mount: &Mount, known: Known<'_>, found: &mut Findings) {
    let Delivery { unit, export, path, inside, .. } = delivery;
    let mark = unit.command_mark();
    let on_host = match &mount.source {
        Source::Bind(path) if !path.starts_with('~') => Some(known.host.look(path)),
        _ => None,
    };
    let is_volume =
        matches!(mount.source, Source::Named(_) | Source::Tmpfs | Source::Anonymous) && mount.part.is_none();
    match (export.form, inside.is_empty()) {
        (Form::Lines | Form::Single, true) if is_volume || on_host == Some(Found::Directory) => {
            let what =
                format!("`{path}` is a directory, and this format writes one file: kz ends with exit code 4");
            found.add(
                Code::TargetIsDirectory,
                mark,
                &unit.title,
                what,
                Remedy::options(format!("--output {}", join(path, ".env"))),
            );
        }
        (Form::Lines | Form::Single, true) if on_host == Some(Found::File) => {
            let what = format!(
                "`{path}` is a mount by itself, which cannot be replaced in one step: kz refuses it with exit code 4"
            );
            let remedy = Remedy::said("mount the directory that the file is to be in");
            found.add(Code::TargetIsMount, mark, &unit.title, what, remedy);
        }
        (Form::Files, true) if on_host == Some(Found::File) => {
            let what = format!(
                "`{path}` is a file, and `--format files` needs a directory: kz ends with exit code 4"
            );
            let remedy = Remedy::said("mount a directory, and no file");
            found.add(Code::DirectoryMissing, mark, &unit.title, what, remedy);
        }
        (Form::Files, false) if is_volume && !others_write(scene, delivery) => {
            let what = format!(
                "`--format files` needs a directory that is there, and `{path}` is not: the volume at `{}` is empty. kz ends with exit code 4",
                mount.target
            );
            let moved = readers_moved(scene, delivery);
            let remedy = Remedy::options(format!("--output {}", mount.target)).then(moved);
            found.add(Code::DirectoryMissing, mark, &unit.title, what, remedy);
        }
        _ => {}
    }
}

/// The variables of those who read from the directory that was meant, when it is the mount itself.
fn readers_moved(scene: &Scene, delivery: &Delivery<'_>) -> Remedy {
    scene.consumers(delivery).into_iter().fold(Remedy::none(), |all, (reader, mount)| {
        let directory = join(&mount.target, &delivery.inside);
        let named = reader.variables.iter().filter_map(|variable| {
            let path = normal(variable.value.as_ref()?.known()?);
            let rest = below(&path, &directory).filter(|rest| !rest.is_empty())?;
            Some(mounting::variable(scene.dialect, &variable.name, &join(&mount.target, rest)))
        });
        named.fold(all, |all, step| all.then(step.elsewhere(&reader.name)))
    })
}

fn others_write(scene: &Scene, delivery: &Delivery<'_>) -> bool {
    let Some(source) = delivery.shared() else { return false };
    let writes = |mount: &Mount| mount.source == *source && !mount.is_read_only;
    scene.units.iter().any(|unit| unit.name != delivery.unit.name && unit.mounts.iter().any(writes))
}

/// Links in a sticky directory are followed by their owner only.
fn sticky(scene: &Scene, delivery: &Delivery<'_>, mount: &Mount, known: Known<'_>, found: &mut Findings) {
    let is_sticky = match (&mount.source, scene.volume_of(mount).map(|volume| volume.kind)) {
        (Source::Bind(path), _) => ["/tmp", "/var/tmp", "/dev/shm"].contains(&path.as_str()),
        (_, Some(Kind::Memory { has_mode })) => !has_mode && is_held(scene, delivery),
        _ => false,
    };
    let unit = delivery.unit;
    // Whoever owns the directory too may follow: for root nothing is wrong.
    let Some(writer) = unit.uid().filter(|uid| *uid != 0) else { return };
    let readers = readers::of(scene, delivery, known).into_iter().filter_map(|(unit, _)| unit.uid());
    let reader = readers.chain(delivery.export.owner_uid()).find(|uid| *uid != writer);
    if let (true, Form::Files, true, Some(reader)) =
        (is_sticky, delivery.export.form, delivery.inside.is_empty(), reader)
    {
        let what = format!(
            "`{}` has mode 1777: under `fs.protected_symlinks=1` uid {reader} cannot follow the links that uid {writer} makes there",
            mount.target
        );
        let remedy = match (&mount.source, scene.dialect) {
            // A volume that nobody else may write to has no need of the bit.
            (Source::Named(name), Dialect::Compose) => Remedy::top(format!(
                "volumes:\n  {name}:\n    driver_opts: {{ type: tmpfs, device: tmpfs, o: \"uid={writer},mode=0755\" }}"
            )),
            _ => Remedy::without(&mount.target).then(own_volume(scene, delivery, &mount.target, known)),
        };
        found.add(Code::StickyTarget, mount.mark, &unit.title, what, remedy);
    }
}

/// Two exports to one place: the later one takes away what the earlier one wrote.
fn twice(deliveries: &[Delivery<'_>], found: &mut Findings) {
    for (index, delivery) in deliveries.iter().enumerate() {
        let Some(source) = delivery.shared() else { continue };
        let earlier = deliveries[..index].iter().find(|earlier| {
            let is_there = earlier.shared() == Some(source) && earlier.inside == delivery.inside;
            is_there
                && earlier.export.form == delivery.export.form
                && earlier.unit.line() != delivery.unit.line()
                && delivery.first(deliveries).is_none()
                && earlier.first(deliveries).is_none()
        });
        if let Some(earlier) = earlier {
            let unit = delivery.unit;
            let what = format!(
                "`{}` exports to the same place: whichever comes later replaces the other's secrets",
                earlier.unit.name
            );
            let remedy =
                Remedy::said("name all secrets in one export, or mount a volume of its own for each");
            found.add(Code::TwoExports, unit.command_mark(), &unit.title, what, remedy);
        }
    }
}
