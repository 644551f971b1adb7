//! D2, third part: who owns what is written, and who can read it.
//!
//! Only certain uids count: those that stand in the file, and those of images that `images` knows.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::uid;
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Scene, Source, Unit, User};
use super::super::text::join;
use super::super::yaml::Mark;
use super::super::{Found, Known, Owned};
use super::access::{as_root, gives_owners, group, lets_read, run_as};
use super::{closed, mounting, order, readers, scratch};

/// Bits that let somebody else than the owner read.
const OTHERS_READ: u32 = 0o044;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for delivery in scene.installs() {
        closed_directory(scene, &delivery, found);
        closed_on_host(&delivery, known, found);
    }
    for delivery in scene.deliveries() {
        closed_directory(scene, &delivery, found);
        closed_on_host(&delivery, known, found);
        foreign(scene, &delivery, found);
        if !can_give_away(scene, &delivery, known, found) {
            continue;
        }
        let Some(owner) = owner(&delivery).filter(|_| !gives_owners(scene, &delivery, known)) else {
            continue;
        };
        if delivery.export.bits() & OTHERS_READ == 0 {
            promised(scene, &delivery, owner, known, found);
        }
        closed_to_readers(scene, &delivery, owner, known, found);
    }
}

/// The uid that will own what is written, where that is certain.
pub(super) fn owner(delivery: &Delivery<'_>) -> Option<u32> {
    match &delivery.export.owner {
        Some(_) => delivery.export.owner_uid(),
        None => delivery.unit.uid(),
    }
}

/// Where the exporter's uid is said, or else its command.
fn user_mark(unit: &Unit) -> Mark {
    match unit.user {
        User::Id(_, mark) => mark,
        _ => unit.command_mark(),
    }
}

/// Only root with `CAP_CHOWN` can give files away. Says whether nothing is in the way of it.
fn can_give_away(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>, found: &mut Findings) -> bool {
    let unit = delivery.unit;
    let (Some(uid), Some(owner)) = (unit.uid(), delivery.export.owner_uid()) else { return true };
    if uid != 0 && owner != uid {
        let what = format!(
            "it runs as uid {uid}, and only root can give files to uid {owner}: kz ends with exit code 4 and writes nothing"
        );
        let remedy = if unit.refuses_root {
            run_as(scene, owner)
                .remark("which owns what it writes, so that `--owner` asks for nothing")
                .then(closed::opened_for(scene, unit, owner, known))
        } else {
            as_root(scene)
        };
        found.add(Code::OwnerWithoutRoot, user_mark(unit), &unit.title, what, remedy);
        return false;
    }
    match unit.capabilities.dropped {
        Some(mark) if uid == 0 && owner != 0 && !unit.capabilities.has("CHOWN") => {
            let what = format!(
                "root without CAP_CHOWN cannot give files to uid {owner}: kz ends with exit code 4 and writes nothing"
            );
            found.add(Code::OwnerWithoutChown, mark, &unit.title, what, as_root(scene));
            false
        }
        _ => true,
    }
}

/// `--for` names somebody who cannot read.
fn promised(scene: &Scene, delivery: &Delivery<'_>, owner: u32, known: Known<'_>, found: &mut Findings) {
    let unit = delivery.unit;
    let Some(reader) = delivery.export.reader.as_deref().and_then(uid) else { return };
    if reader != owner && reader != 0 {
        let bits = delivery.export.bits();
        let what = format!(
            "`--for {reader}` fails, as it is meant to: mode {bits:04o} and owner {owner} let only uid {owner} and root read"
        );
        let remedy = give_to(scene, delivery, reader, known);
        found.add(Code::NotForReader, unit.command_mark(), &unit.title, what, remedy);
    }
}

fn closed_to_readers(
    scene: &Scene,
    delivery: &Delivery<'_>,
    owner: u32,
    known: Known<'_>,
    found: &mut Findings,
) {
    let readers: Vec<(&Unit, u32)> = readers::of(scene, delivery, known)
        .into_iter()
        .filter(|(reader, _)| !lets_read(scene, delivery, reader))
        .filter_map(|(reader, _)| Some((reader, reader.uid().filter(|uid| *uid != 0)?)))
        .collect();
    let Some((reader, uid)) = readers.iter().find(|(_, uid)| *uid != owner) else { return };
    let unit = delivery.unit;
    let bits = delivery.export.bits();
    let what = format!(
        "what it writes has mode {bits:04o} and belongs to uid {owner}{}: `{}`, which runs as uid {uid}, cannot read it (`Permission denied`)",
        group(scene, delivery)
            .filter(|_| bits & 0o040 != 0)
            .map(|gid| format!(" and group {gid}"))
            .unwrap_or_default(),
        reader.name
    );
    // One owner does for one uid only.
    let remedy = if readers.iter().any(|(_, other)| other != uid) {
        Remedy::options("--mode 0444")
            .remark("several uids read: everybody who mounts the volume then may")
            .then(scratch::shared(scene, delivery, known))
    } else {
        give_to(scene, delivery, *uid, known)
    };
    found.add(Code::CannotRead, user_mark(unit), &unit.title, what, remedy);
}

/// What makes `uid` the owner: the option where the exporter is root or gives files away already, else its own user, who
/// then has to read what kz needs.
fn give_to(scene: &Scene, delivery: &Delivery<'_>, uid: u32, known: Known<'_>) -> Remedy {
    let Delivery { unit, export, .. } = delivery;
    let gives = export.owner.is_some() || unit.uid() == Some(0);
    if !gives {
        let promised = export.reader.as_ref().map(|_| Remedy::options(format!("--for {uid}")));
        return run_as(scene, uid)
            .then(promised.unwrap_or_else(Remedy::none))
            .then(closed::opened_for(scene, unit, uid, known));
    }
    let promised = export.reader.as_ref().map(|_| format!(" --for {uid}")).unwrap_or_default();
    let option = Remedy::options(format!("--owner {uid}:{uid}{promised}"));
    let lacks = unit.capabilities.dropped.is_some() && !unit.capabilities.has("CHOWN");
    if lacks { option.then(as_root(scene)) } else { option }
}

/// An empty volume belongs to root where the image has no such directory.
fn closed_directory(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let (unit, Some(mount)) = (delivery.unit, delivery.mount) else { return };
    let is_plain = scene.volume_of(mount).is_some_and(|volume| volume.kind == Kind::Plain);
    let is_absent = !images::KZ_WRITABLE.contains(&mount.target.as_str()) || mount.is_bare;
    let Some(uid) = unit.uid().filter(|uid| *uid != 0) else { return };
    let waiters = order::waiters(scene, &unit.name);
    let is_first = scene.consumers(delivery).iter().all(|(reader, _)| waiters.contains(reader.name.as_str()));
    if is_plain && is_absent && images::is_kz(unit) && !unit.is_partial && is_first {
        let why = if mount.is_bare {
            "with `nocopy` the volume is root's and not as the image has"
        } else {
            "kz's image has no"
        };
        let what = format!(
            "{why} `{}`, so the engine makes it for root, mode 0755, and uid {uid} cannot write there: kz ends with exit code 4 (`permission denied`)",
            mount.target
        );
        if delivery.unit.export().is_none() {
            let remedy = Remedy::unit("user: \"0:0\"\ncap_drop: [ALL]").remark("it writes one file and ends");
            return found.add(Code::ClosedDirectory, mount.mark, &unit.title, what, remedy);
        }
        let source = mounting::source_words(delivery);
        let inside = if delivery.inside.is_empty() { String::new() } else { format!("/{}", delivery.inside) };
        let remedy = Remedy::here(format!("- {source}:/secrets"))
            .remark("which the image has, open to every uid")
            .then(Remedy::options(format!("--output /secrets{inside}")));
        found.add(Code::ClosedDirectory, mount.mark, &unit.title, what, remedy);
    }
}

/// A directory of the host that the exporter's uid cannot write; the engine makes one that is missing for root.
fn closed_on_host(delivery: &Delivery<'_>, known: Known<'_>, found: &mut Findings) {
    let unit = delivery.unit;
    let Some(mount) = delivery.mount else { return };
    let Source::Bind(path) = &mount.source else { return };
    let Some(uid) = unit.uid().filter(|_| !path.starts_with(['/', '~'])) else { return };
    // Root writes anywhere, but for what it has been denied.
    if uid == 0 && unit.capabilities.has("DAC_OVERRIDE") {
        return;
    }
    let state = match (known.host.look(path), known.host.owned(path)) {
        (Found::Nothing, _) if uid == 0 => return,
        (Found::Nothing, _) => {
            format!("there is no `{path}` beside this file, and the engine makes it for root")
        }
        (Found::Directory, Some(owned)) if !may_write(owned, uid) => {
            format!("`{path}` belongs to uid {} and has mode {:04o}", owned.uid, owned.mode)
        }
        _ => return,
    };
    let what = format!(
        "{state}, so that uid {uid} cannot write there: kz ends with exit code 4 (`permission denied`)"
    );
    let word = mounting::shell_word(path);
    let remedy =
        Remedy::shell(format!("mkdir -p {word} && sudo chown {uid} {word} && sudo chmod u+rwx {word}"));
    found.add(Code::ClosedDirectory, mount.mark, &unit.title, what, remedy);
}

/// Whether a uid may write there, or may be in the group that may.
fn may_write(owned: Owned, uid: u32) -> bool {
    let bits = if owned.uid == uid { owned.mode >> 6 } else { owned.mode | owned.mode >> 3 };
    bits & 0o3 == 0o3
}

/// An env file that `kz run` does not believe: it is of neither root nor the uid that kz runs as, whoever may read it.
fn foreign(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let Some(owner) = owner(delivery).filter(|owner| *owner != 0) else { return };
    for (reader, mount) in scene.consumers(delivery) {
        let Some((run, path)) =
            reader.run().and_then(|run| Some((run, reader.path(run.env_file.as_deref()?)?)))
        else {
            continue;
        };
        let reads = join(&mount.target, &delivery.inside) == path && mount.part.is_none();
        let Some(uid) = reader.uid().filter(|uid| *uid != owner && run.from_uid != Some(owner)) else {
            continue;
        };
        // That it cannot be read is told of who writes it.
        let is_readable = uid == 0 || lets_read(scene, delivery, reader);
        if reads && is_readable {
            let what = format!(
                "`{path}` belongs to uid {owner}, and `kz run` as uid {uid} takes an env file of its own uid or of root only: it ends with exit code 125 (KZ504)"
            );
            let remedy = Remedy::options(format!("--from-uid {owner}")).remark("before `--`");
            found.add(Code::ForeignEnvFile, reader.command_mark(), &reader.title, what, remedy);
        }
    }
}
