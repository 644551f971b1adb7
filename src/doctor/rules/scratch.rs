//! D2 and D5, of pods: the `emptyDir` or the directory of the node that an export writes to, as the kubelet makes it.
//!
//! In memory it has mode 1777 (3777 with `fsGroup`) and belongs to root, so that under `fs.protected_symlinks=1` nobody but
//! its owner follows a link there, root neither. A set of files is links; one plain file, one uid for all, and kz as root are
//! not hindered, nor is a volume on disk, which has no sticky bit and whose content lies on the node's disk.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Form, uid};
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Mount, Scene, Source, Unit, Volume};
use super::super::text::Dialect;
use super::{access, configuration};

/// What a volume on disk means, wherever it is advised.
const ON_DISK: &str =
    "on the node's disk, in the clear: in memory kz's links lead nobody but their owner to the files";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Pod {
        return;
    }
    for volume in &scene.volumes {
        let mounts = |unit: &&Unit| unit.mount_of(&Source::Named(volume.name.clone())).is_some();
        if let (Some((medium, mark)), Some(unit)) = (&volume.unknown_medium, scene.units.iter().find(mounts))
        {
            let what = format!(
                "the kubelet mounts no `{}` with `medium: {medium}` (`unknown storage medium \"{medium}\"`): the pod hangs in `Init`, and nothing is ever started",
                volume.name
            );
            found.add(Code::UnknownMedium, *mark, &unit.title, what, Remedy::here("medium: Memory"));
        }
    }
    for delivery in scene.deliveries() {
        let Some((mount, volume)) = delivery.mount.and_then(|mount| Some((mount, scene.volume_of(mount)?)))
        else {
            continue;
        };
        match volume.kind {
            Kind::Scratch { in_memory: true } => sticky(scene, &delivery, mount, known, found),
            Kind::Scratch { in_memory: false } => on_disk(scene, &delivery, volume, known, found),
            Kind::HostPath => on_node(scene, &delivery, volume, known, found),
            _ => {}
        }
        too_small(scene, &delivery, volume, known, found);
    }
}

/// The uid that a container reads files as.
fn reads_as(unit: &Unit) -> Option<u32> {
    let is_root = images::reads_as_root(unit) && !unit.refuses_root;
    unit.uid().or(is_root.then_some(0))
}

/// Whom kz's links in a sticky directory would lead to nothing.
#[derive(Default)]
struct Strangers {
    /// kz makes links there, and not as root.
    is_hindered: bool,
    /// It refuses to, since the mode is for others than their owner.
    is_refused: bool,
    /// The uids of readers that are not the exporter's.
    uids: Vec<u32>,
    /// Readers of whom it is not known who they are.
    unknown: Vec<String>,
}

fn strangers(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>) -> Strangers {
    let readers: Vec<&Unit> = scene.consumers(delivery).into_iter().map(|(reader, _)| reader).collect();
    among(scene, delivery, &readers, known)
}

/// The same, where these are the readers.
fn among(scene: &Scene, delivery: &Delivery<'_>, readers: &[&Unit], known: Known<'_>) -> Strangers {
    let (unit, export) = (delivery.unit, delivery.export);
    let makes_links = export.form == Form::Files && delivery.inside.is_empty();
    let writer = unit.uid().filter(|writer| *writer != 0 && makes_links);
    // Who gives away as another than root is told so.
    let Some(writer) = writer.filter(|writer| export.owner_uid().is_none_or(|owner| owner == *writer)) else {
        return Strangers::default();
    };
    let is_refused = export.bits() & 0o044 != 0;
    let mut found = Strangers { is_hindered: true, is_refused, ..Strangers::default() };
    let gives = access::gives_owners(scene, delivery, known);
    for reader in readers {
        let is_let = gives || access::lets_read(scene, delivery, reader);
        match reads_as(reader) {
            Some(uid) if uid == writer => {}
            Some(uid) if uid == 0 || is_let || is_refused => found.uids.push(uid),
            Some(_) => {}
            None => found.unknown.push(reader.name.clone()),
        }
    }
    let promised = export.reader.as_deref().and_then(uid).filter(|uid| *uid != writer && *uid != 0);
    found.uids.extend(promised.filter(|_| is_refused));
    found.uids.sort_unstable();
    found.uids.dedup();
    found
}

/// What lets all of them follow the links in memory: the exporter as the only one of them, for whom 0400 does, or else as root.
fn one_uid(scene: &Scene, delivery: &Delivery<'_>, strangers: &Strangers) -> Option<Remedy> {
    let unit = delivery.unit;
    let gives = |uid: u32| match &delivery.export.owner {
        Some(_) => Remedy::options(format!("--owner {uid}:{uid}")),
        None => Remedy::none(),
    };
    let mode = if strangers.is_refused { Remedy::options("--mode 0400") } else { Remedy::none() };
    let is_known = strangers.unknown.is_empty() || !strangers.is_refused;
    match strangers.uids.as_slice() {
        _ if !strangers.is_hindered => Some(Remedy::none()),
        [] if is_known => Some(mode),
        [uid] if *uid != 0 && is_known => Some(access::run_as(scene, *uid).then(gives(*uid)).then(mode)),
        _ if unit.refuses_root => None,
        _ => Some(access::as_root(scene)),
    }
}

fn scratch(volume: &Volume, in_memory: bool) -> String {
    let limit = volume.limit.as_ref().map(|limit| format!("sizeLimit: {}", limit.written));
    let medium = in_memory.then(|| "medium: Memory".to_owned());
    let inner: Vec<String> = medium.into_iter().chain(limit).collect();
    if inner.is_empty() { "emptyDir: {}".to_owned() } else { format!("emptyDir: {{ {} }}", inner.join(", ")) }
}

/// The volume on disk, where nothing else helps.
fn to_disk(volume: &Volume) -> Remedy {
    let volume = format!("volumes:\n  - {{ name: {}, {} }}", volume.name, scratch(volume, false));
    Remedy::top(volume).remark(ON_DISK)
}

/// What has to be done besides a mode that lets several uids read, so that they can follow the links too.
pub(super) fn shared(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>) -> Remedy {
    let volume = delivery.mount.and_then(|mount| scene.volume_of(mount));
    let Some(volume) = volume.filter(|volume| volume.kind == Kind::Scratch { in_memory: true }) else {
        return Remedy::none();
    };
    let strangers = strangers(scene, delivery, known);
    let readers = scene.consumers(delivery).into_iter().filter_map(|(reader, _)| reads_as(reader));
    let uids = readers.chain(strangers.uids.iter().copied()).collect();
    let open = Strangers { uids, is_refused: false, ..strangers };
    one_uid(scene, delivery, &open).unwrap_or_else(|| to_disk(volume))
}

fn sticky(scene: &Scene, delivery: &Delivery<'_>, mount: &Mount, known: Known<'_>, found: &mut Findings) {
    let strangers = strangers(scene, delivery, known);
    let (Some(writer), Some(volume)) = (delivery.unit.uid(), scene.volume_of(mount)) else { return };
    let whom = match strangers.uids.last() {
        Some(reader) => format!("uid {reader}"),
        None if strangers.is_refused => "another uid".to_owned(),
        None => return,
    };
    let ends = if strangers.is_refused {
        format!(
            "of mode {:04o}, which is for others, kz writes none and ends with exit code 4 (KZ420)",
            delivery.export.bits()
        )
    } else {
        "it gets `Permission denied`, although it may read the files".to_owned()
    };
    let what = format!(
        "`{}` is in memory, and so has mode 1777: under `fs.protected_symlinks=1` {whom} cannot follow the links that uid {writer} makes there; {ends}",
        volume.name
    );
    let remedy = one_uid(scene, delivery, &strangers).unwrap_or_else(|| to_disk(volume));
    found.add(Code::StickyTarget, mount.mark, &delivery.unit.title, what, remedy);
}

/// What it takes to have a volume in memory, for all that is written there; nothing where its readers are several uids and
/// kz may not be root.
fn in_memory(scene: &Scene, volume: &Volume, known: Known<'_>) -> Option<(Remedy, Vec<String>)> {
    let there = |delivery: &Delivery<'_>| delivery.shared() == Some(&Source::Named(volume.name.clone()));
    let mut all = (Remedy::none(), Vec::new());
    for delivery in scene.deliveries().iter().filter(|delivery| there(delivery)) {
        let strangers = strangers(scene, delivery, known);
        let remedy = one_uid(scene, delivery, &strangers)?.elsewhere(&delivery.unit.name);
        all = (all.0.then(remedy), [all.1, strangers.unknown].concat());
    }
    Some(all)
}

/// `emptyDir: { medium: Memory }` in the place of what the volume is.
fn to_memory(volume: &Volume, (remedy, unknown): (Remedy, Vec<String>)) -> Remedy {
    let made = scratch(volume, true);
    let here = if volume.says_nothing {
        Remedy::top(format!("volumes:\n  - {{ name: {}, {made} }}", volume.name))
    } else {
        Remedy::here(made)
    };
    let here = match unknown.as_slice() {
        [] => here,
        [reader, ..] => here.remark(format!(
            "where `{reader}` has kz's `runAsUser`: kz's links lead no other uid, root neither"
        )),
    };
    here.then(remedy)
}

/// What defines the volume of this name that an export is to write into, and lets those read who mount it.
pub(super) fn defined(scene: &Scene, delivery: &Delivery<'_>, name: &str, known: Known<'_>) -> Remedy {
    let source = Source::Named(name.to_owned());
    let mounts = |unit: &&Unit| unit.name != delivery.unit.name && unit.mount_of(&source).is_some();
    let mut readers: Vec<&Unit> = scene.units.iter().filter(mounts).collect();
    readers.extend(scene.consumers(delivery).into_iter().map(|(reader, _)| reader));
    let strangers = among(scene, delivery, &readers, known);
    let ways = one_uid(scene, delivery, &strangers);
    match (ways, scene.volume(name)) {
        (Some(ways), Some(volume)) if volume.kind == (Kind::Scratch { in_memory: true }) => ways,
        (None, Some(volume)) if volume.kind == (Kind::Scratch { in_memory: true }) => to_disk(volume),
        (_, Some(_)) => Remedy::none(),
        (Some(ways), None) => {
            let made = Volume::new(name.to_owned(), delivery.unit.mark, Kind::Scratch { in_memory: true });
            to_memory(&Volume { says_nothing: true, ..made }, (ways, strangers.unknown))
        }
        (None, None) => {
            to_disk(&Volume::new(name.to_owned(), delivery.unit.mark, Kind::Scratch { in_memory: false }))
        }
    }
}

fn on_disk(scene: &Scene, delivery: &Delivery<'_>, volume: &Volume, known: Known<'_>, found: &mut Findings) {
    if let Some(ways) = in_memory(scene, volume, known) {
        let name = &volume.name;
        let kind = if volume.says_nothing { " says no kind, and so" } else { "" };
        let what = format!(
            "`{name}`{kind} is a directory on the node's disk: the secrets are written there in the clear"
        );
        let title = &delivery.unit.title;
        found.add(Code::ScratchOnDisk, volume.mark, title, what, to_memory(volume, ways));
    }
}

fn on_node(scene: &Scene, delivery: &Delivery<'_>, volume: &Volume, known: Known<'_>, found: &mut Findings) {
    let what = format!(
        "`{}` is a directory of the node: the secrets stay there when the pod is gone, for every pod that mounts it",
        volume.name
    );
    let remedy = match in_memory(scene, volume, known) {
        Some(ways) => to_memory(volume, ways),
        None => Remedy::here(scratch(volume, false)).remark(ON_DISK),
    };
    found.add(Code::OnNode, volume.mark, &delivery.unit.title, what, remedy);
}

/// What a file takes at least.
const PAGE: u64 = 4096;

/// A set is a page for each file and two for kz's own (measured on a tmpfs with 1, 2 and 5 secrets).
fn too_small(
    scene: &Scene,
    delivery: &Delivery<'_>,
    volume: &Volume,
    known: Known<'_>,
    found: &mut Findings,
) {
    let Some(limit) = volume.limit.as_ref().filter(|_| delivery.export.form == Form::Files) else { return };
    let configuration = configuration::of(scene, delivery.unit, known);
    let secrets = match (delivery.export.only.len(), configuration) {
        _ if !delivery.export.by_name => 1,
        (0, Some(configuration)) => configuration.delivered.max(1),
        (0, None) => 1,
        (only, _) => only,
    };
    let least = (secrets as u64 + 2) * PAGE;
    if limit.bytes.div_ceil(PAGE) * PAGE < least {
        let what = format!(
            "`sizeLimit: {}` is {} B, and a set of {secrets} takes at least {least} B: kz ends with exit code 4 (no space), or the kubelet evicts the pod",
            limit.written, limit.bytes
        );
        let remedy = Remedy::here(format!("sizeLimit: {}Mi", (2 * least).div_ceil(1 << 20)));
        found.add(Code::SmallLimit, limit.mark, &delivery.unit.title, what, remedy);
    }
}
