//! D2, sixth part: readers for whom it is not the owner of what is written that decides: root without the capability to read
//! what only another one may, the directory of a set that others may not enter, and a secret that the configuration gives to
//! somebody.
//!
//! Only certain uids count.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Form, uid};
use super::super::remedy::Remedy;
use super::super::scene::{Mount, Scene, Unit};
use super::super::text::{Dialect, below};
use super::owners::owner;
use super::{access, configuration, readers, reads};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for delivery in scene.deliveries() {
        for (reader, mount) in readers::of(scene, &delivery, known) {
            if let Some(owner) = owner(&delivery).filter(|_| !access::gives_owners(scene, &delivery, known)) {
                closed_to_root(scene, &delivery, owner, reader, found);
            }
            given_to_another(scene, &delivery, (reader, mount), known, found);
        }
        closed_directory(scene, &delivery, known, found);
    }
}

/// Root that reads as everybody else does, since it has lost what makes it root.
fn closed_to_root(scene: &Scene, delivery: &Delivery<'_>, owner: u32, reader: &Unit, found: &mut Findings) {
    let bits = delivery.export.bits();
    let Some(mark) = reader.capabilities.closed_to_root() else { return };
    if owner == 0 || bits & 0o044 != 0 || !images::is_root(reader) {
        return;
    }
    let what = format!(
        "it is root without CAP_DAC_OVERRIDE, which reads what it owns and no more, and what `{}` writes has mode {bits:04o} and belongs to uid {owner} (`Permission denied`)",
        delivery.unit.name
    );
    let remedy = Remedy::unit(match scene.dialect {
        Dialect::Compose => "cap_add: [DAC_READ_SEARCH]",
        Dialect::Pod => "securityContext: { capabilities: { add: [DAC_READ_SEARCH] } }",
    })
    .remark("beside what is there: it lets root read what only another one may");
    found.add(Code::CannotRead, mark, &reader.title, what, remedy);
}

/// Directories of a set that only their owner may enter.
fn closed_directory(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>, found: &mut Findings) {
    let (unit, export) = (delivery.unit, delivery.export);
    let Some(mode) = export.directory_mode.filter(|mode| mode & 0o011 == 0 && export.form == Form::Files)
    else {
        return;
    };
    let owners = [owner(delivery), unit.uid()];
    let readers = readers::of(scene, delivery, known).into_iter();
    // Whoever may not read the files is told of those.
    let mut closed = readers.filter(|(reader, _)| access::lets_read(scene, delivery, reader));
    let is_other =
        |uid: &u32| *uid != 0 && owners.iter().all(|owner| owner.is_some_and(|owner| owner != *uid));
    let Some((reader, uid)) = closed.find_map(|(reader, _)| Some((reader, reader.uid().filter(is_other)?)))
    else {
        return;
    };
    let what = format!(
        "`--dir-mode` makes directories of mode {mode:04o}, which uid {uid}, as which `{}` runs, cannot enter: it reads none of the files (`Permission denied`)",
        reader.name
    );
    let remedy = Remedy::without_options(&unit.name, format!("--dir-mode {mode:04o}"));
    found.add(Code::CannotRead, unit.command_mark(), &unit.title, what, remedy);
}

/// A secret that the configuration gives to another one than who reads it.
fn given_to_another(
    scene: &Scene,
    delivery: &Delivery<'_>,
    (reader, mount): (&Unit, &Mount),
    known: Known<'_>,
    found: &mut Findings,
) {
    let Some(own) = reader.uid().filter(|uid| *uid != 0) else { return };
    let Some(configuration) = configuration::of(scene, delivery.unit, known) else { return };
    for read in reads::of(reader) {
        let rest =
            below(&read.path, &mount.target).filter(|_| delivery.export.by_name && mount.part.is_none());
        let file = match delivery.inside.as_str() {
            "" => rest,
            inside => rest.and_then(|rest| below(rest, inside)),
        };
        let given = file.and_then(|file| configuration.owners.iter().find(|(name, ..)| name == file));
        let Some((file, written, mode)) = given else { continue };
        let bits = mode.unwrap_or_else(|| delivery.export.bits());
        if bits & 0o044 != 0 || uid(written).is_none_or(|owner| owner == own) {
            continue;
        }
        let name = configuration::name_on_host(delivery.unit);
        let what = format!(
            "{}, and the configuration gives `{file}` to `{written}` with mode {bits:04o}: uid {own}, as which it runs, cannot read it (`Permission denied`)",
            read.way.words(&read.path)
        );
        let remedy =
            Remedy::said(format!("owner = \"{own}:{own}\"")).remark(format!("at this secret, in `{name}`"));
        found.add(Code::CannotRead, read.mark, &reader.title, what, remedy);
        return;
    }
}
