//! Who can read what an export writes, by its owner, its group and its mode; and what makes an exporter somebody else.

use super::super::Known;
use super::super::delivery::Delivery;
use super::super::images;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Dialect;
use super::configuration;

/// An exporter that is the reader.
pub(super) fn run_as(scene: &Scene, uid: u32) -> Remedy {
    Remedy::unit(match scene.dialect {
        Dialect::Compose => format!("user: \"{uid}:{uid}\""),
        Dialect::Pod => format!("securityContext: {{ runAsUser: {uid}, runAsGroup: {uid} }}"),
    })
}

/// Root that can give files away, and of Compose read what only its owner on the host may read; nothing else.
pub(super) fn as_root(scene: &Scene) -> Remedy {
    Remedy::unit(match scene.dialect {
        Dialect::Compose => "user: \"0:0\"\ncap_drop: [ALL]\ncap_add: [CHOWN, DAC_READ_SEARCH]",
        Dialect::Pod => "securityContext: { runAsUser: 0, capabilities: { drop: [ALL], add: [CHOWN] } }",
    })
}

/// Whether the configuration gives single secrets another owner or mode.
pub(super) fn gives_owners(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>) -> bool {
    configuration::of(scene, delivery.unit, known).is_some_and(|configuration| configuration.gives_owners)
}

/// Whether the mode lets a reader read what belongs to another uid: everybody, or a group that it may be in.
pub(super) fn lets_read(scene: &Scene, delivery: &Delivery<'_>, reader: &Unit) -> bool {
    let bits = delivery.export.bits();
    let is_in_group = || match (group(scene, delivery), groups(scene, reader)) {
        (Some(group), Some(groups)) => groups.contains(&group),
        _ => true,
    };
    bits & 0o004 != 0 || (bits & 0o040 != 0 && is_in_group())
}

/// The group of what is written, where that is certain: that of `--owner`, that of the volume, the exporter's own.
pub(super) fn group(scene: &Scene, delivery: &Delivery<'_>) -> Option<u32> {
    let unit = delivery.unit;
    let given = delivery.export.owner.as_deref().and_then(|owner| owner.split_once(':')?.1.parse().ok());
    let of_image = (images::is_kz(unit) && unit.uid() == Some(images::KZ_UID)).then_some(images::KZ_UID);
    let pod = scene.pod.as_ref()?;
    given.or(pod.group).or(unit.container.group).or(of_image)
}

/// All groups of a container, where they are certain.
fn groups(scene: &Scene, unit: &Unit) -> Option<Vec<u32>> {
    let pod = scene.pod.as_ref()?;
    let own = unit.container.group?;
    Some(pod.groups.iter().copied().chain(pod.group).chain([own]).collect())
}
