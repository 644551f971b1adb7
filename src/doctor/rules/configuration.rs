//! D4, second part: whether kz finds its configuration.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Action, Line, file_name, is_toml};
use super::super::remedy::Remedy;
use super::super::scene::{Kind, Mount, Pod, Scene, Source, Unit, Volume};
use super::super::text::{Dialect, Text, below, host_words, join};
use super::super::{Configuration, Found, Known};
use super::mounting;

/// What kz looks for.
pub(super) const FILE_NAME: &str = ".keyzero.toml";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && needs_one(unit)) {
        let Some(path) = path(unit) else { continue };
        let at_path = unit.mounts.iter().find(|mount| mount.target == path);
        match at_path {
            Some(mount) if scene.dialect == Dialect::Compose => on_host(unit, mount, &path, known, found),
            Some(mount) => in_volume(scene, unit, &path, mount, "", found),
            // Only of its own image is it known that nothing is there.
            None if images::is_kz(unit) && !is_mounted(unit, &path) => {
                missing(scene, unit, &path, known, found);
            }
            None => {
                if let Some((mount, rest)) = unit.mount_over(&path) {
                    in_volume(scene, unit, &path, mount, rest, found);
                }
            }
        }
    }
}

/// Whether a unit runs kz with a configuration.
pub(super) fn needs_one(unit: &Unit) -> bool {
    unit.line().is_some_and(wants_one)
}

/// The same, also where a script of it does, or a program that starts others.
pub(super) fn is_asked_for_one(unit: &Unit) -> bool {
    needs_one(unit) || unit.started.iter().any(wants_one)
}

fn wants_one(line: &Line) -> bool {
    match &line.action {
        Action::Export(_) | Action::Look => true,
        Action::Run(run) => run.env_file.is_none(),
        _ => false,
    }
}

/// Where kz looks first.
pub(super) fn path(unit: &Unit) -> Option<String> {
    let line = unit.line()?;
    if let Some(config) = &line.config {
        return unit.path(config);
    }
    match unit.variable("KEYZERO_CONFIG") {
        Some(variable) => unit.path(variable.value.as_ref().and_then(Text::known)?),
        None => Some(join(&unit.working_directory()?, FILE_NAME)),
    }
}

fn is_named(unit: &Unit) -> bool {
    unit.line().is_some_and(|line| line.config.is_some()) || unit.variable("KEYZERO_CONFIG").is_some()
}

/// Whether something is mounted over the path or, where it is looked for upwards, over one above it.
fn is_mounted(unit: &Unit, path: &str) -> bool {
    if unit.mount_over(path).is_some() {
        return true;
    }
    let mut directory = path;
    while let (false, Some((parent, _))) = (is_named(unit), directory.rsplit_once('/')) {
        directory = parent;
        let above = format!("{directory}/{FILE_NAME}");
        if unit.mount_over(&above).is_some() {
            return true;
        }
    }
    false
}

fn missing(scene: &Scene, unit: &Unit, path: &str, known: Known<'_>, found: &mut Findings) {
    let near = unit.mounts.iter().find(|mount| is_toml(&mount.target));
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let in_pod = |source: &str| format!("- {{ name: {source}, mountPath: {directory}, readOnly: true }}");
    if let Some(mount) = near {
        let what = format!(
            "the configuration is mounted at `{}`, and kz looks for `{path}`: it ends with exit code 2",
            mount.target
        );
        let remedy = match (scene.dialect, &mount.source) {
            (Dialect::Pod, _) => Remedy::here(in_pod(&source_words(mount))),
            (Dialect::Compose, Source::Bind(source)) if !is_beside(source) => {
                Remedy::here(format!("- {}:{path}:ro", host_words(source)))
            }
            (Dialect::Compose, Source::Bind(source)) => mounted_here(source, path, known),
            (Dialect::Compose, _) => mounted_here(FILE_NAME, path, known),
        };
        return found.add(Code::ConfigurationElsewhere, mount.mark, &unit.title, what, remedy);
    }
    let (code, looks) = if is_named(unit) {
        (Code::NamedConfiguration, format!("kz is told to read `{path}`, and nothing is mounted there"))
    } else {
        (Code::NoConfiguration, format!("kz looks for `{path}`, and nothing is mounted there"))
    };
    let remedy = match scene.dialect {
        Dialect::Compose => {
            let (made, source) = source_beside("keyzero.toml", known);
            made.then(Remedy::unit(format!("volumes:\n  - ./{source}:{path}:ro")))
        }
        Dialect::Pod => {
            let volume = Remedy::top("volumes:\n  - { name: kz, configMap: { name: kz } }");
            let defined = if scene.volume("kz").is_some() { Remedy::none() } else { volume };
            Remedy::unit(format!("volumeMounts:\n  {}", in_pod("kz"))).then(defined)
        }
    };
    let what = format!("{looks}: it ends with exit code 2");
    found.add(code, unit.command_mark(), &unit.title, what, remedy);
}

/// The item that mounts a configuration in the place of what is mounted there, and what makes one where there is none.
pub(super) fn mounted_here(preferred: &str, path: &str, known: Known<'_>) -> Remedy {
    let (made, source) = source_beside(preferred, known);
    made.then(Remedy::here(format!("- {}:{path}:ro", host_words(&source))))
}

/// The configuration that lies beside the file, of the names that it is likely to have, or else the one that `kz init`
/// makes.
fn source_beside(preferred: &str, known: Known<'_>) -> (Remedy, String) {
    if known.host.look(preferred) == Found::File {
        return (Remedy::none(), preferred.to_owned());
    }
    if let Some(name) = beside(known) {
        return (Remedy::none(), name);
    }
    let made = match known.host.look(FILE_NAME) {
        Found::Directory => Remedy::shell(format!("rmdir {FILE_NAME} && kz init"))
            .remark("the directory is perhaps one that Docker made"),
        _ => Remedy::shell("kz init").remark(format!("writes {FILE_NAME}, for you to fill in")),
    };
    (made, FILE_NAME.to_owned())
}

/// The configuration that lies beside the file under a name that it is likely to have.
pub(super) fn beside(known: Known<'_>) -> Option<String> {
    let is_file = |name: &&str| known.host.look(name) == Found::File;
    [FILE_NAME, "keyzero.toml"].into_iter().find(is_file).map(str::to_owned)
}

fn is_beside(path: &str) -> bool {
    !path.starts_with(['/', '~'])
}

/// What a unit's configuration is called on the host.
pub(super) fn name_on_host(unit: &Unit) -> String {
    let path = path(unit);
    let mount = path.as_ref().and_then(|path| unit.mounts.iter().find(|mount| mount.target == *path));
    match mount.map(|mount| &mount.source) {
        Some(Source::Bind(source)) => source.clone(),
        _ => FILE_NAME.to_owned(),
    }
}

fn source_words(mount: &Mount) -> String {
    match &mount.source {
        Source::Bind(path) => host_words(path),
        Source::Named(name) => name.clone(),
        _ => "./keyzero.toml".to_owned(),
    }
}

/// Docker makes a directory where the source of a bind mount is missing.
fn on_host(unit: &Unit, mount: &Mount, path: &str, known: Known<'_>, found: &mut Findings) {
    let Source::Bind(source) = &mount.source else { return };
    if source.starts_with(['/', '~']) {
        return;
    }
    let what = match known.host.look(source) {
        Found::File => return,
        Found::Nothing => format!(
            "there is no `{source}` beside this file: Docker makes an empty directory of that name, and kz ends with exit code 2 (`{path} is a directory`)"
        ),
        Found::Directory => format!(
            "`{source}` is a directory, perhaps one that Docker made because the file was missing: kz ends with exit code 2 (`{path} is a directory`)"
        ),
    };
    let remedy = mounted_here(FILE_NAME, path, known);
    found.add(Code::ConfigurationNotThere, mount.mark, &unit.title, what, remedy);
}

/// What the configuration of a unit says, where it can be read.
pub(super) fn of(scene: &Scene, unit: &Unit, known: Known<'_>) -> Option<Configuration> {
    if let Some(pod) = &scene.pod {
        return in_pod(scene, pod, unit);
    }
    let path = path(unit)?;
    let (mount, rest) = unit.mount_over(&path)?;
    let Source::Bind(source) = &mount.source else { return None };
    let host_path = if rest.is_empty() { source.clone() } else { join(source, rest) };
    let is_beside = below(&host_path, "/").is_none() && !host_path.starts_with('~');
    let text = is_beside.then(|| known.host.text(&host_path)).flatten()?;
    Some(known.kz.configuration(&text))
}

/// What the `ConfigMap` says that a container mounts there; of those whose volume does not tell, what all of them say.
fn in_pod(scene: &Scene, pod: &Pod, unit: &Unit) -> Option<Configuration> {
    let path = path(unit)?;
    let mounted =
        unit.mount_over(&path).and_then(|(mount, rest)| Some((scene.volume_of(mount)?, mount, rest)));
    let Some((volume, mount, rest)) = mounted else { return together(pod) };
    let Some((contents, map)) =
        volume.contents.as_ref().and_then(|contents| Some((contents, contents.map()?)))
    else {
        return together(pod);
    };
    let place = mount.inner(rest);
    let key = contents.key_of(&place)?;
    let mapped = pod.configurations.iter().find(|mapped| mapped.map == map && mapped.key == key)?;
    Some(mapped.configuration.clone())
}

/// What all configurations say, of which it is not known who uses which.
fn together(pod: &Pod) -> Option<Configuration> {
    let all = pod.configurations.iter().map(|mapped| mapped.configuration.clone());
    all.reduce(|mut one, other| {
        one.secrets = one.secrets.zip(other.secrets).map(|(one, other)| [one, other].concat());
        one.delivered = one.delivered.min(other.delivered);
        one.file_names.extend(other.file_names);
        one.outputs.extend(other.outputs);
        one.environments.extend(other.environments);
        one.providers.extend(other.providers);
        one.files.extend(other.files);
        one.owners.extend(other.owners);
        one.gives_owners |= other.gives_owners;
        one.names_files |= other.names_files;
        one.uses_service_account |= other.uses_service_account;
        one
    })
}

/// The configuration in a pod's volume: of a part that is not there the kubelet makes a directory, and a volume that nobody
/// fills is empty.
fn in_volume(scene: &Scene, unit: &Unit, path: &str, mount: &Mount, rest: &str, found: &mut Findings) {
    let Some(volume) = scene.volume_of(mount) else { return };
    let name = &volume.name;
    let place = mount.inner(rest);
    if let Kind::Scratch { .. } = volume.kind {
        let fills = |mount: &Mount| mount.source == Source::Named(name.clone()) && !mount.is_read_only;
        let others = scene.units.iter().filter(|other| other.name != unit.name);
        if !others.flat_map(|other| &other.mounts).any(fills) {
            let what = format!(
                "`{name}` is an empty volume, and kz looks for `{path}` there: it ends with exit code 2"
            );
            let remedy = Remedy::top(format!("volumes:\n  - {{ name: {name}, configMap: {{ name: kz }} }}"));
            found.add(Code::NoConfiguration, mount.mark, &unit.title, what, remedy);
        }
        return;
    }
    let Some(contents) = &volume.contents else { return };
    let mounted_part = |part: &str| {
        Remedy::here(format!("- {{ name: {name}, mountPath: {path}, subPath: {part}, readOnly: true }}"))
    };
    let near =
        contents.files.iter().flatten().find(|held| is_toml(&held.path)).map(|held| held.path.as_str());
    if place.is_empty() {
        let what = format!(
            "`{path}` is {}, and so a directory, where kz reads a file: it ends with exit code 2",
            volume.words()
        );
        let remedy = mounted_part(near.unwrap_or(FILE_NAME));
        return found.add(Code::VolumeForFile, mount.mark, &unit.title, what, remedy);
    }
    if !contents.lacks(&place) {
        return;
    }
    // One file is mounted as if it were the directory that it is to be in.
    if let Some((part, _)) =
        mount.part.as_ref().filter(|(part, _)| !rest.is_empty() && contents.file(part).is_some())
    {
        let what = format!(
            "`{part}` of {}, one file, is mounted at `{}`, where kz looks for a directory with `{rest}` in it: it ends with exit code 2",
            volume.words(),
            mount.target
        );
        let code = if is_named(unit) { Code::NamedConfiguration } else { Code::ConfigurationElsewhere };
        return found.add(code, mount.mark, &unit.title, what, mounted_part(part));
    }
    let becomes = if mount.part.is_some() {
        "the kubelet makes a directory of what is not there"
    } else {
        "there is no such file"
    };
    let has = near.map(|near| format!(", but `{near}`")).unwrap_or_default();
    let what = format!(
        "{}, which is mounted for `{path}`, has no `{place}`{has}: {becomes}, and kz ends with exit code 2",
        volume.words()
    );
    let remedy = match (near, rest.is_empty()) {
        (Some(near), true) => mounted_part(near),
        (Some(near), false) => named(unit, &join(&mount.target, near)),
        (None, _) => held_too(volume, &place),
    };
    let code = if near.is_some() { Code::ConfigurationElsewhere } else { Code::NamedConfiguration };
    found.add(
        if is_named(unit) || near.is_some() { code } else { Code::NoConfiguration },
        mount.mark,
        &unit.title,
        what,
        remedy,
    );
}

/// What names the configuration to kz in a pod.
fn named(unit: &Unit, path: &str) -> Remedy {
    if unit.line().is_some_and(|line| line.config.is_some()) {
        return Remedy::options(format!("--config {path}"));
    }
    mounting::variable(Dialect::Pod, "KEYZERO_CONFIG", path)
}

/// What brings a file into a volume that has others.
pub(super) fn held_too(volume: &Volume, place: &str) -> Remedy {
    let contents = volume.contents.as_ref();
    let object = contents.and_then(|contents| Some((contents.object.as_ref()?, contents.items.as_ref())));
    match object {
        Some(((key, object), Some(items))) => {
            let named = if *key == "secret" { "secretName" } else { "name" };
            let written = items.iter().map(|item| item.written.clone());
            let new = format!("{{ key: {}, path: {place} }}", file_name(place));
            let all: Vec<String> = written.chain([new]).collect();
            Remedy::top(format!(
                "volumes:\n  - {{ name: {}, {key}: {{ {named}: {object}, items: [{}] }} }}",
                volume.name,
                all.join(", ")
            ))
        }
        Some(((_, object), None)) => Remedy::said(format!(
            "put `{place}` into `{object}` too, as `--from-file={place}` of `kubectl create` does"
        )),
        None => Remedy::said(format!("bring `{place}` into the volume `{}`", volume.name)),
    }
}

/// The line that adds a secret to the configuration of a unit, where that is read and has none of this name.
pub(super) fn secret_added(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    let lacks = of(scene, unit, known)
        .and_then(|configuration| configuration.secrets)
        .is_some_and(|secrets| !secrets.iter().any(|secret| secret == name));
    if !lacks {
        return Remedy::none();
    }
    let line = format!("{name} = {{ provider = \"…\", ref = \"…\" }}");
    Remedy::configuration(&name_on_host(unit), "secrets", line).remark("where it is")
}
