//! D5: what only a pod can have wrong.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Export, Form, file_name};
use super::super::remedy::Remedy;
use super::super::scene::{Elsewhere, Pod, Scene, Source, Stage, Unit, User, Wanted};
use super::super::text::{below, join, normal};
use super::super::volume::Volume;
use super::{configuration, staying};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let Some(pod) = &scene.pod else { return };
    for unit in &scene.units {
        if let (Some(_), Stage::Sidecar(_, mark), false) = (unit.export(), unit.stage, unit.stays()) {
            let (what, remedy) = sidecar(unit);
            found.add(Code::ExportAsSidecar, mark, &unit.title, what, remedy);
        }
        if let (User::Id(0, mark), true) = (unit.user, unit.refuses_root) {
            let what = "`runAsNonRoot` and `runAsUser: 0` exclude each other: the kubelet does not start it (`CreateContainerConfigError: container's runAsUser breaks non-root policy`)";
            // Whom it gives to what it writes may be the one who writes it.
            let uid = unit.export().and_then(Export::owner_uid).filter(|uid| *uid != 0);
            let uid = uid.unwrap_or(images::KZ_UID);
            found.add(Code::RootRefused, mark, &unit.title, what, Remedy::here(format!("runAsUser: {uid}")));
        }
    }
    for unit in &scene.units {
        root_of_image(unit, found);
        objects(pod, unit, found);
    }
    mounted_objects(scene, pod, found);
    let deliveries = scene.deliveries();
    for delivery in &deliveries {
        let consumers = scene.consumers(delivery);
        // Of two that write the same, the one that stays may stand beside who reads.
        if delivery.first(&deliveries).is_none() {
            exports_as_container(pod, delivery.unit, !consumers.is_empty(), found);
        }
        for (reader, _) in consumers {
            too_early(delivery, reader, found);
        }
    }
    for unit in &scene.units {
        key_of_nothing(scene, unit, found);
        kz_elsewhere(scene, unit, found);
    }
    no_token(scene, pod, known, found);
}

/// An image that starts as root, which the pod itself refuses.
fn root_of_image(unit: &Unit, found: &mut Findings) {
    let Some(uid) = images::starts_as_root(unit).filter(|_| unit.refuses_root) else { return };
    let what = "`runAsNonRoot: true`, and its image starts as root: the kubelet does not start it (`CreateContainerConfigError: container has runAsNonRoot and image will run as root`)";
    let remedy = Remedy::unit(format!("securityContext: {{ runAsUser: {uid}, runAsNonRoot: true }}"))
        .remark("whom its entrypoint would become");
    found.add(Code::RootRefused, unit.mark, &unit.title, what, remedy);
}

/// What variables are taken from, of the objects in the file.
fn objects(pod: &Pod, unit: &Unit, found: &mut Findings) {
    for wanted in &unit.container.wanted {
        let Wanted { kind, name, mark, .. } = wanted;
        if let Some(elsewhere) = pod.elsewhere(kind, name) {
            other_namespace(kind, name, elsewhere, &unit.title, found);
            continue;
        }
        let (Some(object), Some(key)) = (pod.object(kind, name), &wanted.key) else { continue };
        if object.keys.is_empty() || object.keys.contains(key) {
            continue;
        }
        let what = format!(
            "the {kind} `{name}` has no key `{key}`: the kubelet does not start the container (`CreateContainerConfigError: couldn't find key {key} in {kind}`)"
        );
        let near = object.keys.iter().find(|known| known.eq_ignore_ascii_case(key));
        let only = object.keys.first().filter(|_| object.keys.len() == 1);
        let remedy = match (near.or(only), &wanted.variable) {
            (Some(meant), Some(variable)) => {
                let reference = if *kind == "Secret" { "secretKeyRef" } else { "configMapKeyRef" };
                Remedy::here(format!(
                    "- {{ name: {variable}, valueFrom: {{ {reference}: {{ name: {name}, key: {meant} }} }} }}"
                ))
            }
            _ => Remedy::said(format!("name one of its keys: `{}`", object.keys.join("`, `"))),
        };
        found.add(Code::NoSuchKey, *mark, &unit.title, what, remedy);
    }
}

/// Volumes made of an object of another namespace.
fn mounted_objects(scene: &Scene, pod: &Pod, found: &mut Findings) {
    for volume in &scene.volumes {
        let object = volume.contents.as_ref().and_then(|contents| contents.object.as_ref());
        let Some((key, name)) = object else { continue };
        let kind = if *key == "secret" { "Secret" } else { "ConfigMap" };
        let mounts = |unit: &&Unit| unit.mount_of(&Source::Named(volume.name.clone())).is_some();
        if let Some(unit) = scene.units.iter().find(mounts) {
            no_such_item(pod, volume, (kind, name), &unit.title, found);
        }
        if let (Some(elsewhere), Some(unit)) = (pod.elsewhere(kind, name), scene.units.iter().find(mounts)) {
            other_namespace(kind, name, elsewhere, &unit.title, found);
        }
    }
}

/// A key among the `items` of a volume that its object does not have.
fn no_such_item(pod: &Pod, volume: &Volume, (kind, name): (&str, &str), title: &str, found: &mut Findings) {
    let items = volume.contents.as_ref().and_then(|contents| contents.items.as_ref());
    let Some(object) = pod.object(kind, name).filter(|object| !object.keys.is_empty()) else { return };
    let Some(item) = items.into_iter().flatten().find(|item| !object.keys.contains(&item.key)) else {
        return;
    };
    let what = format!(
        "the {kind} `{name}` has no key `{}`: the kubelet mounts nothing, and the pod hangs (`references non-existent {kind} key: {}`)",
        item.key, item.key
    );
    let remedy = Remedy::said(format!("name one of its keys: `{}`", object.keys.join("`, `")));
    found.add(Code::NoSuchKey, volume.mark, title, what, remedy);
}

fn other_namespace(kind: &str, name: &str, elsewhere: &Elsewhere, title: &str, found: &mut Findings) {
    let Elsewhere { own, its, mark } = elsewhere;
    let what = format!(
        "the {kind} `{name}` is in the namespace `{its}`, and the pod in `{own}`: a pod reads objects of its own namespace alone, and is not started"
    );
    let remedy = Remedy::here(format!("namespace: {own}"));
    found.add(Code::OtherNamespace, *mark, title, what, remedy);
}

fn exports_as_container(pod: &Pod, unit: &Unit, has_readers: bool, found: &mut Findings) {
    let is_over = pod.restarts && !unit.stays();
    if unit.stage == Stage::Main && (is_over || has_readers) {
        let what = if is_over {
            "it stands in `containers`: the others do not wait for it, and the kubelet starts it again whenever it has ended (`CrashLoopBackOff`)"
        } else {
            "it stands in `containers`: the others start at the same time and may read before the secrets are there"
        };
        let stays = if unit.stays() { staying::sidecar(unit) } else { Remedy::none() };
        let remedy = Remedy::first(&unit.name).then(stays);
        found.add(Code::ExportAsContainer, unit.mark, &unit.title, what, remedy);
    }
}

fn too_early(delivery: &Delivery<'_>, reader: &Unit, found: &mut Findings) {
    let number = |stage| match stage {
        Stage::Init(number) | Stage::Sidecar(number, _) => Some(number),
        Stage::Main => None,
    };
    if let (Some(reads), Some(writes)) = (number(reader.stage), number(delivery.unit.stage))
        && reads < writes
    {
        let name = &delivery.unit.name;
        let what = format!(
            "init containers run one after the other, and this one comes before `{name}`: it finds the volume empty"
        );
        found.add(Code::BeforeExport, reader.mark, &reader.title, what, Remedy::first(name));
    }
}

/// Only what stays has a startupProbe, which the kubelet waits for, and an export is over before it is asked.
fn sidecar(unit: &Unit) -> (&'static str, Remedy) {
    let plain = Remedy::without("restartPolicy");
    if unit.container.has_startup_probe {
        let what = "with `restartPolicy: Always` the kubelet waits for its `startupProbe`, which it can never pass, since an export ends and is started again: the pod never starts";
        return (what, plain.then(Remedy::without_of(&unit.name, "startupProbe")));
    }
    let what = "with `restartPolicy: Always` the kubelet goes on as soon as it has started, and starts it again whenever it has ended: the app may read before the secrets are there";
    (what, plain)
}

/// The token that kz shows where nothing else is named.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

fn no_token(scene: &Scene, pod: &Pod, known: Known<'_>, found: &mut Findings) {
    let asks = |unit: &&Unit| {
        configuration::needs_one(unit)
            && unit.mount_over(TOKEN).is_none()
            && configuration::of(scene, unit, known)
                .is_some_and(|configuration| configuration.uses_service_account)
    };
    let (Some(mark), Some(unit)) = (pod.without_token, scene.units.iter().find(asks)) else { return };
    let what = "the configuration logs in to Vault with the pod's service account, whose token is not mounted: every secret from there is refused (KZ105)";
    let remedy = Remedy::top("automountServiceAccountToken: true");
    found.add(Code::NoServiceAccountToken, mark, &unit.title, what, remedy);
}

/// A key of an env file that the kubelet is to read where no export writes one: it starts the container only when it has.
fn key_of_nothing(scene: &Scene, unit: &Unit, found: &mut Findings) {
    for key in &unit.container.file_keys {
        let source = Source::Named(key.volume.clone());
        let all = scene.deliveries();
        let mut there = all.iter().filter(|delivery| delivery.shared() == Some(&source));
        let (Some(delivery), None) = (there.next(), there.next()) else { continue };
        let Some(mount) = delivery.mount else { continue };
        let written = mount.inner(&delivery.inside);
        if delivery.export.form == Form::Lines && written == key.path {
            continue;
        }
        let writer = &delivery.unit.name;
        let what = format!(
            "the kubelet reads `{}` in the volume `{}`, where `{writer}` writes no such env file: the container is never started",
            key.path, key.volume
        );
        let part = mount.part.as_ref().map_or("", |(part, _)| part.as_str());
        let path = format!("/{}", key.path);
        let Some(place) = below(&path, &normal(&format!("/{part}"))) else { continue };
        let form = if delivery.export.form == Form::Lines { "" } else { "--format env --dialect sh " };
        let remedy = Remedy::options_of(writer, format!("{form}--output {}", join(&mount.target, place)));
        found.add(Code::OtherFile, key.mark, &unit.title, what, remedy);
    }
}

/// kz where it is not: in its own image at another path, or in an image that is mounted.
fn kz_elsewhere(scene: &Scene, unit: &Unit, found: &mut Findings) {
    let words = unit.argv();
    let Some((word, path)) = words.first().and_then(|word| Some((word, word.known()?))) else { return };
    if file_name(path) != "kz" || !path.starts_with('/') {
        return;
    }
    let meant = match unit.mount_over(path) {
        None if images::is_kz(unit) && path != images::KZ_PROGRAM => "kz".to_owned(),
        Some((mount, rest)) => {
            let image = scene.volume_of(mount).and_then(|volume| volume.image.as_deref());
            let is_there = mount.inner(rest) == images::KZ_PROGRAM.trim_start_matches('/');
            if !image.is_some_and(images::is_kz_reference) || is_there {
                return;
            }
            let Some(place) = below(images::KZ_PROGRAM, &format!("/{}", mount.inner(""))) else { return };
            join(&mount.target, place)
        }
        None => return,
    };
    let what = format!(
        "kz's image has `{}` and no other: there is nothing to start at `{path}`",
        images::KZ_PROGRAM
    );
    found.add(Code::KzElsewhere, word.mark, &unit.title, what, Remedy::here(format!("- {meant}")));
}
