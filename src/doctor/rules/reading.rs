//! D1: what is read from where nothing is.

use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::program::{self, Form, Program};
use super::super::scene::{Delivery, EnvFile, Mount, Scene, Source, Unit};
use super::super::text::{Dialect, below, host_words, join, normal};
use super::super::yaml::Mark;
use super::super::{Found, Known, words};
use super::configuration;

/// Where Compose mounts secrets.
const SECRETS: &str = "/run/secrets";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let deliveries = scene.deliveries();
    for unit in &scene.units {
        for file in &unit.service.env_files {
            env_file(unit, file, &deliveries, known, found);
        }
        if unit.is_partial {
            continue;
        }
        for read in reads(unit) {
            match unit.mount_over(&read.path) {
                None => not_mounted(scene, unit, &read, &deliveries, found),
                Some((mount, rest)) => {
                    other_file(scene, (unit, &read), (mount, rest), &deliveries, known, found);
                }
            }
        }
    }
}

fn env_file(
    unit: &Unit,
    file: &EnvFile,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
    found: &mut Findings,
) {
    let Some(path) = file.path.known().map(normal) else { return };
    let is_own = |source: &Source| matches!(source, Source::Named(_) | Source::Tmpfs | Source::Anonymous);
    let is_inside = path.starts_with('/')
        && known.host.look(&path) == Found::Nothing
        && (unit.mount_over(&path).is_some_and(|(mount, _)| is_own(&mount.source))
            || deliveries.iter().any(|delivery| below(&path, delivery.directory()).is_some()));
    let is_written = deliveries.iter().any(|delivery| host_path(delivery).as_deref() == Some(path.as_str()));
    let Some(code) = env_file_code(is_inside, is_written, file.is_required) else { return };
    let what = match code {
        Code::EnvFileOptional => {
            format!(
                "Compose looks for `{path}` on the host, before any service has run, and starts without its secrets when it is not there"
            )
        }
        Code::EnvFileOnHost => format!(
            "Compose reads `{path}` before the service that writes it has run: the first `up` ends with `Couldn't find env file: …{path}` (Compose 2: `env file … not found`), and a later one takes what the last one wrote"
        ),
        _ => format!(
            "Compose looks for `{path}` on the host and ends with `Couldn't find env file: {path}` (Compose 2: `env file {path} not found`); nothing starts"
        ),
    };
    let place = if path.starts_with('/') { path } else { "/secrets/.env".to_owned() };
    let write = format!(
        "entrypoint: [\"sh\", \"-c\", \"set -a; . {place} && exec docker-entrypoint.sh \\\"$$@\\\"\", \"--\"]   # docker-entrypoint.sh: the image's own\ncommand: [\"…\"]   # the image's own, which Compose drops when entrypoint is set"
    );
    found.add(code, file.mark, &unit.title, what, write);
}

fn env_file_code(is_inside: bool, is_written: bool, is_required: bool) -> Option<Code> {
    match (is_inside, is_written, is_required) {
        (false, false, _) => None,
        (_, _, false) => Some(Code::EnvFileOptional),
        (true, ..) => Some(Code::EnvFileInVolume),
        (false, true, true) => Some(Code::EnvFileOnHost),
    }
}

/// The path of the host that an export writes through a bind mount.
fn host_path(delivery: &Delivery<'_>) -> Option<String> {
    match &delivery.mount?.source {
        Source::Bind(directory) => Some(join(directory, &delivery.inside)),
        _ => None,
    }
}

/// A file that a unit will open.
struct Read {
    path: String,
    mark: Mark,
    way: Way,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// By this variable.
    Variable(String),
    /// By a script's `.`.
    Script,
    /// By `kz run --env-file`.
    EnvFile,
}

impl Way {
    fn words(&self, path: &str) -> String {
        match self {
            Way::Variable(name) => format!("`{name}` names `{path}`"),
            Way::Script => format!("its script reads `{path}`"),
            Way::EnvFile => format!("`kz run --env-file` reads `{path}`"),
        }
    }

    fn code(&self) -> Code {
        match self {
            Way::Variable(_) => Code::FileNotMounted,
            Way::Script => Code::ScriptNotMounted,
            Way::EnvFile => Code::RunFileNotMounted,
        }
    }
}

fn reads(unit: &Unit) -> Vec<Read> {
    let mut reads: Vec<Read> = unit
        .variables
        .iter()
        .filter_map(|variable| {
            let name = variable.name.as_str();
            let path = variable.value.as_ref()?.known().filter(|value| value.starts_with('/'))?;
            let is_file = name.len() > "_FILE".len() && name.ends_with("_FILE");
            let way = Way::Variable(name.to_owned());
            is_file.then(|| Read { path: normal(path), mark: variable.mark, way })
        })
        .collect();
    if let Program::Script(script) = &unit.program {
        let commands = words::commands(&script.value).unwrap_or_default();
        let sourced = commands.iter().filter_map(|words| match words::program(words).1 {
            [program, path, ..] if [".", "source"].contains(&program.as_str()) => Some(path.clone()),
            _ => None,
        });
        let plain = sourced.filter(|path| path.starts_with('/') && !path.contains(['$', '*', '`']));
        reads.extend(plain.map(|path| Read { path: normal(&path), mark: script.mark, way: Way::Script }));
    }
    let env_file = unit.run().and_then(|run| unit.path(run.env_file.as_deref()?));
    reads.extend(env_file.map(|path| Read { path, mark: unit.command_mark(), way: Way::EnvFile }));
    reads
}

fn not_mounted(scene: &Scene, unit: &Unit, read: &Read, deliveries: &[Delivery<'_>], found: &mut Findings) {
    let Read { path, mark, way } = read;
    let wrote = deliveries.iter().find(|delivery| {
        let directory = delivery.directory();
        delivery.unit.name != unit.name && directory != "/" && below(path, directory).is_some()
    });
    let words = way.words(path);
    if let Some(delivery) = wrote {
        let elsewhere = delivery.shared().and_then(|source| unit.mount_of(source));
        let target = delivery.mount.map_or(delivery.directory(), |mount| &mount.target);
        if let Some(mount) = elsewhere {
            let what =
                format!("{words}, but what `{}` writes is mounted at `{}`", delivery.unit.name, mount.target);
            found.add(Code::MountedElsewhere, *mark, &unit.title, what, mount_lines(scene, delivery, target));
        } else {
            let what = format!(
                "{words}, and nothing is mounted there: the file is in `{}` only",
                delivery.unit.name
            );
            found.add(way.code(), *mark, &unit.title, what, mount_lines(scene, delivery, target));
        }
    } else if let (Way::Variable(name), Some((delivery, place))) = (way, own_copy(unit, read, deliveries)) {
        let writer = &delivery.unit.name;
        let what =
            format!("{words}, where nothing is mounted: what `{writer}` writes for it is at `{place}`");
        let line = match scene.dialect {
            Dialect::Compose => format!("{name}: {place}"),
            Dialect::Pod => format!("- {{ name: {name}, value: {place} }}"),
        };
        found.add(Code::MountedElsewhere, *mark, &unit.title, what, line);
    } else if let Some(name) =
        below(path, SECRETS).filter(|name| scene.dialect == Dialect::Compose && !name.is_empty())
    {
        let what =
            format!("{words}, and the service is not given the secret `{name}`: there is no such file");
        found.add(Code::SecretNotGiven, *mark, &unit.title, what, format!("secrets: [{name}]"));
    } else if *way == Way::EnvFile && super::super::images::is_kz(unit) {
        let what = format!("{words}, and nothing is mounted there");
        found.add(way.code(), *mark, &unit.title, what, "volumes:\n  - secrets:/secrets:ro");
    }
}

/// The export whose set a unit mounts, and where in there the file lies that a `NAME_FILE` variable means. Only a path
/// that ends in NAME is certainly none of the image's own.
fn own_copy<'a, 'b>(
    unit: &Unit,
    read: &Read,
    deliveries: &'a [Delivery<'b>],
) -> Option<(&'a Delivery<'b>, String)> {
    let Way::Variable(variable) = &read.way else { return None };
    let name = program::file_name(&read.path);
    if variable.strip_suffix("_FILE") != Some(name) {
        return None;
    }
    deliveries.iter().find_map(|delivery| {
        let is_set = delivery.export.form == Form::Files && delivery.unit.name != unit.name;
        let mount = delivery.shared().filter(|_| is_set).and_then(|source| unit.mount_of(source))?;
        let directory = join(&mount.target, &delivery.inside);
        mount.part.is_none().then(|| (delivery, join(&directory, name)))
    })
}

/// The lines that mount what an export writes, where it writes it.
pub(super) fn mount_lines(scene: &Scene, delivery: &Delivery<'_>, target: &str) -> String {
    let source = match delivery.shared() {
        Some(Source::Bind(path)) => host_words(path),
        Some(Source::Named(name)) => name.clone(),
        _ => "secrets".to_owned(),
    };
    match scene.dialect {
        Dialect::Compose => format!("volumes:\n  - {source}:{target}:ro"),
        Dialect::Pod => {
            format!("volumeMounts:\n  - {{ name: {source}, mountPath: {target}, readOnly: true }}")
        }
    }
}

/// The file is below a mount, but it is not what the one exporter that writes there writes.
fn other_file(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    (mount, rest): (&Mount, &str),
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
    found: &mut Findings,
) {
    let exports: Vec<&Delivery<'_>> =
        deliveries.iter().filter(|delivery| delivery.shared() == Some(&mount.source)).collect();
    let [delivery] = exports.as_slice() else { return };
    let others_write = scene.units.iter().any(|other| {
        other.name != delivery.unit.name
            && other.mount_of(&mount.source).is_some_and(|mount| !mount.is_read_only)
    });
    let in_part = mount.part.is_some() || delivery.mount.is_some_and(|mount| mount.part.is_some());
    if others_write || in_part || delivery.unit.name == unit.name {
        return;
    }
    let Some(code) = mismatch(scene, read, rest, delivery, known) else {
        return kept_to_itself(unit, read, delivery, found);
    };
    let Read { path, mark, way } = read;
    let content = match delivery.export.form {
        Form::Lines | Form::Single => format!("the one file `{}`", join(&mount.target, &delivery.inside)),
        Form::Files => format!("a file for each secret into `{}`", join(&mount.target, &delivery.inside)),
    };
    let what = match code {
        Code::NotExported => format!(
            "{}, and `{}` exports only {}",
            way.words(path),
            delivery.unit.name,
            delivery.export.only.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
        _ => format!("{}, but `{}` writes {content}", way.words(path), delivery.unit.name),
    };
    let write = match (way, code) {
        (_, Code::NotExported) => format!("--only {},{}", delivery.export.only.join(","), rest),
        (Way::Variable(_), _) => format!("kz export --format files --output {}", delivery.directory()),
        _ => format!("kz export --format env --output {path}"),
    };
    found.add(code, *mark, &unit.title, what, write);
}

/// Lines without `export` make variables of the shell alone, which is silent about it. A script that uses variables itself
/// may be content with that.
fn kept_to_itself(unit: &Unit, read: &Read, delivery: &Delivery<'_>, found: &mut Findings) {
    let Program::Script(script) = &unit.program else { return };
    let says = |word: &str| script.value.contains(word);
    let hands_on = says("export") || says("set -a") || says("allexport") || says("kz run");
    let uses = script.value.replace("$@", "").contains('$');
    if read.way != Way::Script || delivery.export.form != Form::Lines || hands_on || uses {
        return;
    }
    let Read { path, mark, .. } = read;
    let what = format!(
        "its script reads `{path}`, whose lines have no `export`: what it starts then sees none of the variables"
    );
    found.add(
        Code::KeptToItself,
        *mark,
        &unit.title,
        what,
        format!("set -a; . {path}   # or: kz export --format shell"),
    );
}

fn mismatch(
    scene: &Scene,
    read: &Read,
    rest: &str,
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Option<Code> {
    let names_files = || {
        configuration::of(scene, delivery.unit, known).is_none_or(|configuration| configuration.names_files)
    };
    match delivery.export.form {
        Form::Lines | Form::Single => (rest != delivery.inside).then_some(Code::OtherFile),
        Form::Files => {
            let name = if delivery.inside.is_empty() { Some(rest) } else { below(rest, &delivery.inside) };
            let Some(name) = name.filter(|name| !name.is_empty()) else { return Some(Code::OtherFile) };
            let only = &delivery.export.only;
            match read.way {
                Way::Script | Way::EnvFile => (!names_files()).then_some(Code::OtherFile),
                Way::Variable(_) => {
                    let is_left_out = !only.is_empty() && !only.iter().any(|exported| exported == name);
                    (is_left_out && !names_files()).then_some(Code::NotExported)
                }
            }
        }
    }
}
