//! D4, second part: whether kz finds its configuration.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::images;
use super::super::program::{Action, is_toml};
use super::super::scene::{Mount, Scene, Source, Unit};
use super::super::text::{Dialect, Text, below, host_words, join};
use super::super::{Configuration, Found, Known};

/// What kz looks for.
const FILE_NAME: &str = ".keyzero.toml";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in scene.units.iter().filter(|unit| !unit.is_partial && needs_one(unit)) {
        let Some(path) = path(unit) else { continue };
        let at_path = unit.mounts.iter().find(|mount| mount.target == path);
        match at_path {
            Some(mount) => on_host(unit, mount, &path, known, found),
            // Only of its own image is it known that nothing is there.
            None if images::is_kz(unit) && !is_mounted(unit, &path) => missing(scene, unit, &path, found),
            None => {}
        }
    }
}

fn needs_one(unit: &Unit) -> bool {
    match unit.line().map(|line| &line.action) {
        Some(Action::Export(_) | Action::Look) => true,
        Some(Action::Run(run)) => run.env_file.is_none(),
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

fn missing(scene: &Scene, unit: &Unit, path: &str, found: &mut Findings) {
    let near = unit.mounts.iter().find(|mount| is_toml(&mount.target));
    let mounting = |source: &str| match scene.dialect {
        Dialect::Compose => format!("- {source}:{path}:ro"),
        Dialect::Pod => {
            let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
            format!("- {{ name: {source}, mountPath: {directory}, readOnly: true }}")
        }
    };
    if let Some(mount) = near {
        let what = format!(
            "the configuration is mounted at `{}`, and kz looks for `{path}`: it ends with exit code 2",
            mount.target
        );
        let source = source_words(mount);
        return found.add(Code::ConfigurationElsewhere, mount.mark, &unit.title, what, mounting(&source));
    }
    let source = if scene.dialect == Dialect::Compose { "./keyzero.toml" } else { "kz" };
    let (code, looks) = if is_named(unit) {
        (Code::NamedConfiguration, format!("kz is told to read `{path}`, and nothing is mounted there"))
    } else {
        (Code::NoConfiguration, format!("kz looks for `{path}`, and nothing is mounted there"))
    };
    found.add(
        code,
        unit.command_mark(),
        &unit.title,
        format!("{looks}: it ends with exit code 2"),
        mounting(source),
    );
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
    let write = "kz init   # writes .keyzero.toml; and remove the directory, if Docker has made one";
    found.add(Code::ConfigurationNotThere, mount.mark, &unit.title, what, write);
}

/// What the configuration of a unit says, where it can be read.
pub(super) fn of(scene: &Scene, unit: &Unit, known: Known<'_>) -> Option<Configuration> {
    if let Some(pod) = &scene.pod {
        return pod.configuration;
    }
    let path = path(unit)?;
    let (mount, rest) = unit.mount_over(&path)?;
    let Source::Bind(source) = &mount.source else { return None };
    let host_path = if rest.is_empty() { source.clone() } else { join(source, rest) };
    let is_beside = below(&host_path, "/").is_none() && !host_path.starts_with('~');
    let text = is_beside.then(|| known.host.text(&host_path)).flatten()?;
    Some(known.kz.configuration(&text))
}
