//! Who reads what an export writes: whoever mounts its volume; and where several exports write to one volume, whoever reads
//! a file there that is of this one rather than of another one, or nothing that is known.

use super::super::Known;
use super::super::delivery::Delivery;
use super::super::scene::{Mount, Scene, Unit};
use super::{forms, reads};

/// The readers of an export.
pub(super) fn of<'a>(
    scene: &'a Scene,
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Vec<(&'a Unit, &'a Mount)> {
    let mut readers = scene.consumers(delivery);
    let deliveries = scene.deliveries();
    let all: Vec<&Delivery<'_>> =
        deliveries.iter().filter(|other| other.shared() == delivery.shared()).collect();
    if all.len() > 1 {
        readers.retain(|(unit, _)| {
            let writers = writers(scene, unit, &all, known);
            writers.is_empty() || writers.contains(&delivery.unit.name)
        });
    }
    readers
}

/// The names of those exporters, all of one volume, that write what a unit reads there.
fn writers(scene: &Scene, unit: &Unit, all: &[&Delivery<'_>], known: Known<'_>) -> Vec<String> {
    let source = all.first().and_then(|delivery| delivery.shared());
    let writer = |read: &reads::Read| {
        let (mount, rest) = unit.mount_over(&read.path)?;
        let is_told = Some(&mount.source) == source && mount.part.is_none() && !rest.is_empty();
        is_told.then(|| forms::writer(scene, read, rest, all, known).0.unit.name.clone())
    };
    reads::of(unit).iter().filter_map(writer).collect()
}
