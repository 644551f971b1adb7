//! D2, third part: who owns what is written, and who can read it.
//!
//! Only certain uids count: those that stand in the file, and those of images that `images` knows.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::uid;
use super::super::scene::{Delivery, Kind, Scene, Unit, User};
use super::super::text::Dialect;
use super::super::yaml::Mark;
use super::{configuration, order};

/// Bits that let somebody else than the owner read.
const OTHERS_READ: u32 = 0o044;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for delivery in scene.deliveries() {
        closed_directory(scene, &delivery, found);
        if !can_give_away(scene, &delivery, found) {
            continue;
        }
        let gives_owners = configuration::of(scene, delivery.unit, known)
            .is_some_and(|configuration| configuration.gives_owners);
        let is_closed = delivery.export.bits() & OTHERS_READ == 0 && !gives_owners;
        if let Some(owner) = owner(&delivery).filter(|_| is_closed) {
            promised(&delivery, owner, found);
            readers(scene, &delivery, owner, found);
        }
    }
}

/// The uid that will own what is written, where that is certain.
fn owner(delivery: &Delivery<'_>) -> Option<u32> {
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

fn run_as(scene: &Scene, uid: u32) -> String {
    match scene.dialect {
        Dialect::Compose => format!("user: \"{uid}:{uid}\""),
        Dialect::Pod => format!("securityContext: {{ runAsUser: {uid}, runAsGroup: {uid} }}"),
    }
}

/// Root that can give files away and nothing else.
fn as_root(scene: &Scene) -> &'static str {
    match scene.dialect {
        Dialect::Compose => "user: \"0:0\"\ncap_drop: [ALL]\ncap_add: [CHOWN]",
        Dialect::Pod => "securityContext: { runAsUser: 0, capabilities: { drop: [ALL], add: [CHOWN] } }",
    }
}

/// Only root with `CAP_CHOWN` can give files away. Says whether nothing is in the way of it.
fn can_give_away(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) -> bool {
    let unit = delivery.unit;
    let (Some(uid), Some(owner)) = (unit.uid(), delivery.export.owner_uid()) else { return true };
    if uid != 0 && owner != uid {
        let what = format!(
            "it runs as uid {uid}, and only root can give files to uid {owner}: kz ends with exit code 4 and writes nothing"
        );
        let alone = run_as(scene, owner);
        let write = format!("{alone}   # and without --owner; or else, as root:\n{}", as_root(scene));
        found.add(Code::OwnerWithoutRoot, user_mark(unit), &unit.title, what, write);
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
fn promised(delivery: &Delivery<'_>, owner: u32, found: &mut Findings) {
    let unit = delivery.unit;
    let Some(reader) = delivery.export.reader.as_deref().and_then(uid) else { return };
    if reader != owner && reader != 0 {
        let bits = delivery.export.bits();
        let what = format!(
            "`--for {reader}` fails, as it is meant to: mode {bits:04o} and owner {owner} let only uid {owner} and root read"
        );
        found.add(Code::NotForReader, unit.command_mark(), &unit.title, what, format!("--owner {reader}"));
    }
}

fn readers(scene: &Scene, delivery: &Delivery<'_>, owner: u32, found: &mut Findings) {
    for (reader, _) in scene.consumers(delivery) {
        let Some(uid) = reader.uid().filter(|uid| *uid != owner && *uid != 0) else { continue };
        let unit = delivery.unit;
        let bits = delivery.export.bits();
        let what = format!(
            "what it writes has mode {bits:04o} and belongs to uid {owner}: `{}`, which runs as uid {uid}, cannot read it (`Permission denied`)",
            reader.name
        );
        found.add(Code::CannotRead, user_mark(unit), &unit.title, what, run_as(scene, uid));
    }
}

/// An empty volume belongs to root where the image has no such directory.
fn closed_directory(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let (unit, Some(mount)) = (delivery.unit, delivery.mount) else { return };
    let is_plain = scene.volume_of(mount).is_some_and(|volume| volume.kind == Kind::Plain);
    let is_absent = !images::KZ_WRITABLE.contains(&mount.target.as_str());
    let Some(uid) = unit.uid().filter(|uid| *uid != 0) else { return };
    let waiters = order::waiters(scene, &unit.name);
    let is_first = scene.consumers(delivery).iter().all(|(reader, _)| waiters.contains(reader.name.as_str()));
    if is_plain && is_absent && images::is_kz(unit) && !unit.is_partial && is_first {
        let what = format!(
            "kz's image has no `{}`, so the engine makes it for root, mode 0755, and uid {uid} cannot write there: kz ends with exit code 4 (`permission denied`)",
            mount.target
        );
        let write = "volumes:\n  - secrets:/secrets   # which the image has, open to every uid";
        found.add(Code::ClosedDirectory, mount.mark, &unit.title, what, write);
    }
}
