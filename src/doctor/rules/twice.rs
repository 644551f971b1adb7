//! D2, sixth part: two mounts of a service at one place.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Mount, Scene, Source};
use super::super::text::Dialect;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return;
    }
    for unit in &scene.units {
        for (index, mount) in unit.mounts.iter().enumerate() {
            // What `secrets:` and `configs:` give is laid over a volume by the engine itself.
            let is_of_volumes = |mount: &Mount| !matches!(mount.source, Source::Given(_));
            let earlier = unit.mounts[..index]
                .iter()
                .find(|earlier| earlier.target == mount.target && is_of_volumes(earlier));
            let Some(earlier) = earlier.filter(|_| is_of_volumes(mount)) else { continue };
            let is_in_memory = mount.source == Source::Tmpfs || earlier.source == Source::Tmpfs;
            let ends = if is_in_memory {
                "the engine makes no such container (`Duplicate mount point`)"
            } else {
                "Compose 2 silently takes the later one, and Compose 1 ends (`Duplicate mount points`)"
            };
            let what = format!(
                "`{}` is mounted twice, here and in line {}: {ends}",
                mount.target, earlier.mark.line
            );
            let remedy = if earlier.source == mount.source {
                Remedy::without(format!("one of the two mounts at `{}`", mount.target))
            } else {
                Remedy::said(format!(
                    "leave out one of the two mounts at `{}`, or mount one of them elsewhere, and let who reads there read that",
                    mount.target
                ))
            };
            found.add(Code::MountedTwice, mount.mark, &unit.title, what, remedy);
        }
    }
}
