//! D4 and D5, of pods: whether the volumes that the cluster fills bring the files that kz reads, and whether kz may read them.
//!
//! What is in a `ConfigMap` or a Secret is known where `items` say it or where the object stands in the same file. The kubelet
//! gives such files to root with `defaultMode`; with `fsGroup` it gives them to that group, which may then read them. A token
//! is the containers' own where they are all of one uid.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::file_name;
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Mount, Scene, Unit, User, Volume};
use super::super::text::Dialect;
use super::super::{Content, Known};
use super::configuration;
use super::files::{self, File};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    if scene.dialect != Dialect::Pod {
        return;
    }
    for unit in scene.units.iter().filter(|unit| configuration::needs_one(unit)) {
        let mut missing = Vec::new();
        let mut closed: Vec<String> = Vec::new();
        let mut look = |path: &str, mount: &Mount, rest: &str, found: &mut Findings| {
            let Some(volume) = scene.volume_of(mount).filter(|volume| !closed.contains(&volume.name)) else {
                return;
            };
            if is_closed(scene, unit, volume, &mount.inner(rest), path, found) {
                closed.push(volume.name.clone());
            }
        };
        if let Some(path) = configuration::path(unit)
            && let Some((mount, rest)) = unit.mount_over(&path)
        {
            look(&path, mount, rest, found);
        }
        for file in files::files(scene, unit, known) {
            match unit.mount_over(&file.path) {
                None if images::is_kz(unit) => missing.push(file),
                Some((mount, rest)) if !lacks(scene, unit, &file, (mount, rest), found) => {
                    look(&file.path, mount, rest, found);
                }
                _ => {}
            }
        }
        if !missing.is_empty() {
            let what = files::missing_words(&missing);
            let remedy = missing.iter().fold(Remedy::none(), |all, file| all.then(brought(scene, file)));
            found.add(Code::NeededNotMounted, unit.command_mark(), &unit.title, what, remedy);
        }
    }
}

/// The volume that brings a file, mounted where it is looked for.
fn brought(scene: &Scene, file: &File) -> Remedy {
    let name = file_name(&file.path);
    let directory = file.path.strip_suffix(name).map_or("/", |directory| directory.trim_end_matches('/'));
    let mount = |volume: &str| {
        Remedy::unit(format!(
            "volumeMounts:\n  - {{ name: {volume}, mountPath: {directory}, readOnly: true }}"
        ))
    };
    let has_it =
        |volume: &&Volume| volume.contents.as_ref().is_some_and(|contents| contents.file(name).is_some());
    if let Some(volume) = scene.volumes.iter().find(has_it) {
        return mount(&volume.name);
    }
    let (volume, source) = match file.content {
        Content::Identity => ("kz-identity", "secret: { secretName: kz-identity }"),
        Content::Certificate => ("kz-ca", "configMap: { name: kz-ca }"),
        Content::Credential if name == "token" => (
            "kz-token",
            "projected: { sources: [ { serviceAccountToken: { path: token, expirationSeconds: 600 } } ] }",
        ),
        Content::Credential => ("kz-credential", "secret: { secretName: kz-credential }"),
        Content::Template => ("kz-templates", "configMap: { name: kz-templates }"),
        Content::Encrypted => ("kz-documents", "configMap: { name: kz-documents }"),
        Content::Secret => ("kz-secrets", "secret: { secretName: kz-secrets }"),
    };
    let defined = Remedy::top(format!("volumes:\n  - {{ name: {volume}, {source} }}"));
    let remedy = mount(volume).remark(format!("whose key is `{name}`"));
    if scene.volume(volume).is_some() { remedy } else { remedy.then(defined) }
}

/// A volume that does not have the file, or is a directory in the place of it.
fn lacks(
    scene: &Scene,
    unit: &Unit,
    file: &File,
    (mount, rest): (&Mount, &str),
    found: &mut Findings,
) -> bool {
    let Some(volume) = scene.volume_of(mount) else { return false };
    let Some(contents) = &volume.contents else { return false };
    let place = mount.inner(rest);
    let (name, words) = (&volume.name, files::words(file.content));
    if place.is_empty() && matches!(volume.kind, Kind::Brought(_)) {
        let what = format!(
            "`{}` is {}, and so a directory, where kz reads {words}: it ends with exit code 1",
            mount.target,
            volume.words()
        );
        let part =
            contents.files.iter().flatten().next().map_or(file_name(&file.path), |held| held.path.as_str());
        let (target, part) = (&mount.target, part.to_owned());
        let remedy = Remedy::here(format!(
            "- {{ name: {name}, mountPath: {target}, subPath: {part}, readOnly: true }}"
        ));
        found.add(Code::VolumeForFile, mount.mark, &unit.title, what, remedy);
        return true;
    }
    if !contents.lacks(&place) {
        return false;
    }
    let token = contents.files.iter().flatten().find(|held| held.token.is_some());
    let only = token.filter(|_| file.content == Content::Credential && mount.part.is_none());
    let what = |but: &str| {
        format!(
            "`{}` is {words}, and {}, which is mounted there, has no `{place}`{but}: kz ends with exit code 1",
            file.path,
            volume.words()
        )
    };
    if let Some((held, mark)) = only.and_then(|held| Some((held, held.token?))) {
        let what = what(&format!(", but a token `{}`", held.path));
        found.add(Code::NeededNotMounted, mark, &unit.title, what, Remedy::here(format!("path: {place}")));
    } else {
        let remedy = configuration::held_too(volume, &place);
        found.add(Code::NeededNotMounted, mount.mark, &unit.title, what(""), remedy);
    }
    true
}

/// A mode that keeps kz's uid from reading what the kubelet gives to root.
fn is_closed(
    scene: &Scene,
    unit: &Unit,
    volume: &Volume,
    place: &str,
    path: &str,
    found: &mut Findings,
) -> bool {
    let (Some(contents), Some(uid)) = (&volume.contents, unit.uid().filter(|uid| *uid != 0)) else {
        return false;
    };
    let has_group = scene.pod.as_ref().is_some_and(|pod| pod.group.is_some());
    let held = contents.file(place);
    let is_own_token = held.is_some_and(|held| held.token.is_some()) && is_one_uid(scene);
    let own = held.and_then(|held| held.mode);
    let mode = own.map_or(contents.mode, |(mode, _)| mode);
    // The image's own user has a group; of another uid it is root's where nothing is said.
    let of_image = (images::is_kz(unit) && uid == images::KZ_UID).then_some(images::KZ_UID);
    let group = unit.container.group.or(of_image);
    let is_of_root =
        group.is_none_or(|group| group == 0) || scene.pod.as_ref().is_some_and(|pod| pod.groups.contains(&0));
    if has_group || is_own_token || mode & 0o004 != 0 || mode & 0o040 != 0 && is_of_root {
        return false;
    }
    let (mark, key) = match own {
        Some((_, mark)) => (mark, "mode"),
        None => (contents.mode_mark.unwrap_or(volume.mark), "defaultMode"),
    };
    let decimal = is_decimal(mode)
        .map(|meant| format!(", which is what `{meant}` is without its zero"))
        .unwrap_or_default();
    let what = format!(
        "what {} brings has mode {mode:04o}{decimal}, and belongs to root: uid {uid} cannot read `{path}` (`Permission denied`)",
        volume.words()
    );
    let remedy = if contents.map().is_some() {
        Remedy::here(format!("{key}: 0444"))
    } else {
        let group = Remedy::top(format!("securityContext: {{ fsGroup: {uid} }}"));
        Remedy::here(format!("{key}: 0440")).then(group)
    };
    found.add(Code::VolumeClosed, mark, &unit.title, what, remedy);
    true
}

/// The decimal number that a mode was written as, where its digits are those of a usual mode.
fn is_decimal(mode: u32) -> Option<u32> {
    [400, 440, 444, 600, 640, 644].into_iter().find(|meant| *meant == mode)
}

/// Whether all containers run as one uid, which the kubelet then gives a token to.
fn is_one_uid(scene: &Scene) -> bool {
    let mut uids = scene.units.iter().map(|unit| match unit.user {
        User::Id(uid, _) => Some(uid),
        _ => None,
    });
    let first = uids.next().flatten();
    first.is_some() && uids.all(|uid| uid == first)
}
