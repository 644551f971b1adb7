//! `kz install`: the program itself in a volume, from which another service begins. What holds for an export holds for it.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Source, Unit};
use super::super::text::{Dialect, below, host_words};
use super::{mounting, order};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return;
    }
    for delivery in scene.installs() {
        if delivery.mount.is_none() && !delivery.unit.is_partial {
            no_mount(scene, &delivery, found);
        }
        for unit in scene.units.iter().filter(|unit| !unit.is_partial && unit.name != delivery.unit.name) {
            not_mounted(scene, unit, &delivery, found);
        }
    }
}

fn no_mount(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let directory = delivery.directory();
    let what = format!(
        "nothing is mounted at `{}`: kz is installed into the container itself, where nobody else starts it",
        delivery.path
    );
    let remedy = mounting::mounted(scene, "kz", if directory == "/" { "/kz" } else { directory }, "");
    found.add(Code::NoMount, delivery.unit.command_mark(), &delivery.unit.title, what, remedy);
}

/// A service that begins with what is installed, and does not mount it.
fn not_mounted(scene: &Scene, unit: &Unit, delivery: &Delivery<'_>, found: &mut Findings) {
    let Some(program) = unit.begins_with_kz().filter(|program| unit.mount_over(program).is_none()) else {
        return;
    };
    let (Some(mount), Some(source)) = (delivery.mount, delivery.shared()) else { return };
    let is_there = below(&program, &mount.target) == Some(delivery.inside.as_str());
    let target = program.rsplit_once('/').map_or("", |(directory, _)| directory);
    // What is in a volume of another name at another place may be meant for somebody else.
    if target.is_empty() || (!is_there && unit.mount_of(source).is_none()) {
        return;
    }
    let item = match source {
        Source::Bind(path) => format!("- {}:{target}:ro", host_words(path)),
        Source::Named(name) => format!("- {name}:{target}:ro"),
        _ => return,
    };
    let what = format!(
        "it begins with `{program}`, and nothing is mounted there: the engine ends with `exec: \"{program}\": no such file or directory`"
    );
    let remedy = Remedy::unit(format!("volumes:\n  {item}"));
    // Others may install into the same volume.
    let installs = scene.installs();
    let writers = installs.iter().filter(|other| other.shared() == Some(source)).map(|other| other.unit);
    let waits = |name: &str| {
        order::waiters(scene, name).contains(unit.name.as_str())
            || unit.service.depends.iter().any(|depend| depend.name == name)
    };
    let remedy = writers
        .filter(|writer| !waits(&writer.name))
        .fold(remedy, |all, writer| all.then(order::waiting(writer)).then(order::profiles_of(writer, unit)));
    found.add(Code::ProgramNotMounted, unit.command_mark(), &unit.title, what, remedy);
}
