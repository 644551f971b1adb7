//! D1: what is read from where nothing is.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::program::{self, Form, Program};
use super::super::remedy::Remedy;
use super::super::scene::{EnvFile, Mount, Scene, Source, Unit};
use super::super::text::{Text, below, join, normal};
use super::super::{Configuration, Found, Known};
use super::forms::{self, Wanted};
use super::reads::{Read, Way};
use super::{beside, configuration, documents, mounting, reads, unmounted};

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let deliveries = scene.deliveries();
    for unit in &scene.units {
        for file in &unit.service.env_files {
            env_file(scene, unit, file, &deliveries, known, found);
        }
        if unit.is_partial {
            continue;
        }
        for read in reads::of(unit) {
            match unit.mount_over(&read.path) {
                None if matches!(read.way, Way::Argument(_)) => {}
                None => unmounted::examine(scene, unit, &read, &deliveries, known, found),
                Some((mount, rest)) => {
                    other_file(scene, (unit, &read), (mount, rest), &deliveries, known, found);
                }
            }
        }
    }
}

fn env_file(
    scene: &Scene,
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
    let remedy = let_container_read(scene, unit, &path, deliveries, known)
        .then(Remedy::without_of(&unit.name, &format!("env_file: {}", file.path.value)));
    found.add(code, file.mark, &unit.title, what, remedy);
}

/// The lines by which a container's own shell reads what Compose was to read.
fn let_container_read(
    scene: &Scene,
    unit: &Unit,
    path: &str,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
) -> Remedy {
    let writes = |delivery: &&Delivery<'_>| {
        below(path, delivery.directory()).is_some() || host_path(delivery).as_deref() == Some(path)
    };
    let delivery = deliveries.iter().find(writes);
    let mounted = delivery.and_then(|delivery| unit.mount_of(delivery.shared()?).zip(Some(delivery)));
    let is_of_host = !path.starts_with('/');
    // What an export writes under another name is the document that is meant.
    let format = delivery.and_then(|delivery| delivery.export.plain_format);
    let is_document = matches!(format, Some("env" | "shell"));
    let place = match (mounted, delivery) {
        (Some((mount, delivery)), _) if is_of_host || is_document => join(&mount.target, &delivery.inside),
        (None, Some(delivery)) if is_of_host || is_document => delivery.path.clone(),
        _ => path.to_owned(),
    };
    let remedy = documents::read_by_shell(scene, unit, &place, format == Some("shell"))
        .unwrap_or_else(|| Remedy::said(format!("let it read `{place}` itself")));
    let Some(delivery) = delivery else { return remedy };
    let remedy = remedy.then(beside::without_files(scene, unit, delivery, known));
    let written = match delivery.export.form {
        Form::Files => {
            let target = match (mounted, delivery.mount) {
                (Some((mount, _)), _) | (None, Some(mount)) => &mount.target,
                (None, None) => delivery.directory(),
            };
            let rest = below(&place, target).unwrap_or(program::file_name(&place));
            forms::agreed(scene, delivery, &Wanted::lines(rest), None, known)
        }
        Form::Lines | Form::Single => Remedy::none(),
    };
    let remedy = remedy.then(written);
    if mounted.is_some() || unit.mount_over(&place).is_some() {
        return remedy;
    }
    remedy.then(mounting::mount_for(scene, delivery, unit, delivery.directory()))
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
    if exports.is_empty() {
        return;
    }
    let is_of_exports = |name: &str| exports.iter().any(|delivery| delivery.unit.name == name);
    let others_write = scene.units.iter().any(|other| {
        !is_of_exports(&other.name) && other.mount_of(&mount.source).is_some_and(|mount| !mount.is_read_only)
    });
    let is_part = |delivery: &&Delivery<'_>| delivery.mount.is_some_and(|mount| mount.part.is_some());
    if others_write || mount.part.is_some() || exports.iter().any(is_part) || is_of_exports(&unit.name) {
        return;
    }
    // A healthcheck may look at the directory itself, and a command may be given it.
    let is_directory = |delivery: &&Delivery<'_>| rest.is_empty() || rest == delivery.inside;
    let is_of_words = matches!(read.way, Way::Healthcheck | Way::Argument(_));
    if is_of_words && exports.iter().any(is_directory) {
        return;
    }
    let (delivery, code) = match forms::writer(scene, read, rest, &exports, known) {
        (delivery, None) => return kept_to_itself(scene, unit, read, delivery, found),
        (delivery, Some(code)) => (delivery, code),
    };
    // A program's word is compared with the files of templates, whose names are known; a script says that it reads.
    let has_names = delivery.export.templates.iter().any(|template| template.target.is_some());
    if matches!(read.way, Way::Argument(_)) && !matches!(unit.program, Program::Script(_)) && !has_names {
        return;
    }
    let content = content(delivery, mount);
    if code == Code::UnknownSecret {
        let name = below(rest, &delivery.inside).filter(|_| !delivery.inside.is_empty()).unwrap_or(rest);
        return unknown_secret(scene, (unit, read), name, delivery, known, found);
    }
    let words = read.way.words(&read.path);
    let writer = &delivery.unit.name;
    let what = if code == Code::NotExported {
        let only: Vec<String> = delivery.export.only.iter().map(|name| format!("`{name}`")).collect();
        format!("{words}, and `{writer}` exports only {}", only.join(", "))
    } else {
        let others = exports.iter().filter(|other| other.unit.name != *writer);
        let others =
            others.map(|other| format!(", and `{}` {}", other.unit.name, self::content(other, mount)));
        format!("{words}, but `{writer}` writes {content}{}", others.collect::<String>())
    };
    if let Some((place, remedy)) =
        meant(scene, (unit, read), mount, delivery, known).filter(|_| code == Code::OtherFile)
    {
        return found.add(code, read.mark, &unit.title, format!("{what}: did you mean `{place}`?"), remedy);
    }
    let remedy = match (&read.way, code) {
        (Way::Healthcheck | Way::Argument(_), Code::OtherFile) => {
            Remedy::said(format!("let it read what is there: {content}"))
        }
        (_, Code::NotExported) => Remedy::options_of(writer, unmounted::also(delivery, rest)),
        (way, _) => forms::agreed(scene, delivery, &Wanted::of(way, rest), Some((unit, read)), known),
    };
    found.add(code, read.mark, &unit.title, what, remedy);
}

/// What an export writes, as somebody sees it who mounts it there.
fn content(delivery: &Delivery<'_>, mount: &Mount) -> String {
    let place = join(&mount.target, &delivery.inside);
    match delivery.export.form {
        Form::Lines | Form::Single => format!("the one file `{place}`"),
        Form::Files if delivery.export.by_outputs => {
            format!("what `[[outputs]]` of its configuration say into `{place}`, and no such file")
        }
        Form::Files => format!("a file for each secret into `{place}`"),
    }
}

/// The one file that is written, and what reads it, where it is what is looked for: its name differs in a letter or two
/// from the one that is read, or it holds all variables, and others read it, from whom nothing is to be taken.
fn meant(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    mount: &Mount,
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Option<(String, Remedy)> {
    let directory = join(&mount.target, &delivery.inside);
    let is_it =
        |place: &str| strsim::damerau_levenshtein(&place.to_lowercase(), &read.path.to_lowercase()) <= 2;
    // Of templates the one whose file is called almost so.
    let targets = delivery.export.templates.iter().filter_map(|template| template.target.as_ref());
    if let (Way::Argument(at), Some(place)) =
        (&read.way, targets.map(|target| join(&directory, target)).find(|place| is_it(place)))
    {
        let remedy = Remedy::words(documents::key_at(scene, unit, *at), &read.path, &place);
        return Some((place, remedy));
    }
    let place = join(&mount.target, &delivery.inside);
    let is_near = is_it(&place);
    let has_all = || {
        matches!(read.way, Way::EnvFile | Way::Script)
            && delivery.export.form == Form::Lines
            && delivery.export.only.is_empty()
            && forms::is_read(scene, delivery, Some((unit, read)), known)
    };
    let is_form = forms::is_form(&read.way, delivery.export.form);
    if delivery.inside.is_empty() || !is_form || !(is_near || has_all()) {
        return None;
    }
    let remedy = match &read.way {
        Way::Variable(variable) => Remedy::here(mounting::variable_line(scene.dialect, variable, &place)),
        Way::EnvFile => Remedy::options(format!("--env-file {place}")),
        Way::Script => match &unit.program {
            Program::Script(script) if script.raw.contains(&read.path) => {
                let key = documents::key_at(scene, unit, documents::SCRIPT);
                let moved = Remedy::words(key, &read.path, &place);
                let is_kept = delivery.export.form == Form::Lines && keeps_to_itself(&script.value);
                if is_kept { moved.then(handing_on(key, script, (&read.path, &place))) } else { moved }
            }
            _ => return None,
        },
        Way::Argument(at) => Remedy::words(documents::key_at(scene, unit, *at), &read.path, &place),
        Way::Healthcheck => return None,
    };
    Some((place, remedy))
}

/// What is read is the file of no secret that the configuration has.
fn unknown_secret(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    name: &str,
    delivery: &Delivery<'_>,
    known: Known<'_>,
    found: &mut Findings,
) {
    let Read { path, mark, way } = read;
    let near = configuration::of(scene, delivery.unit, known).and_then(|found| nearest(&found, name));
    let but = near.as_ref().map(|near| format!(", but `{near}`")).unwrap_or_default();
    let what = format!(
        "{}, and the configuration has no secret with the file `{name}`{but}: there is no such file",
        way.words(path)
    );
    let only = &delivery.export.only;
    let is_left_out = |secret: &str| !only.is_empty() && !only.iter().any(|exported| exported == secret);
    let remedy = match (near, way) {
        (Some(near), Way::Variable(variable)) => {
            let directory = path.strip_suffix(name).unwrap_or("/");
            Remedy::here(mounting::variable_line(scene.dialect, variable, &format!("{directory}{near}")))
        }
        (Some(near), Way::Argument(at)) => {
            let directory = path.strip_suffix(name).unwrap_or("/");
            Remedy::words(documents::key_at(scene, unit, *at), path, format!("{directory}{near}"))
        }
        (Some(near), _) => Remedy::said(format!("let it read `{near}` there")),
        (None, _) if is_left_out(name) => configuration::secret_added(scene, delivery.unit, name, known)
            .then(Remedy::options_of(&delivery.unit.name, format!("--only {},{name}", only.join(",")))),
        (None, _) => configuration::secret_added(scene, delivery.unit, name, known),
    };
    found.add(Code::UnknownSecret, *mark, &unit.title, what, remedy);
}

/// Lines without `export` make variables of the shell alone, which is silent about it. A script that uses variables itself
/// may be content with that.
fn kept_to_itself(scene: &Scene, unit: &Unit, read: &Read, delivery: &Delivery<'_>, found: &mut Findings) {
    let Program::Script(script) = &unit.program else { return };
    if read.way != Way::Script || delivery.export.form != Form::Lines || !keeps_to_itself(&script.value) {
        return;
    }
    let Read { path, mark, .. } = read;
    let what = format!(
        "its script reads `{path}`, whose lines have no `export`: what it starts then sees none of the variables"
    );
    let key = documents::key_at(scene, unit, documents::SCRIPT);
    let remedy = handing_on(key, script, (path, path));
    found.add(Code::KeptToItself, *mark, &unit.title, what, remedy);
}

/// Whether a script neither hands its variables on to what it starts nor uses them itself.
fn keeps_to_itself(script: &str) -> bool {
    let hands_on = ["export", "set -a", "allexport", "kz run"].iter().any(|words| script.contains(words));
    let uses = script.replace("$@", "").contains('$');
    !hands_on && !uses
}

/// What makes a script hand on what it reads, which it finds there by then. `source` is a word of bash's, which the `sh` of
/// Debian does not have.
fn handing_on(key: &'static str, script: &Text, (path, place): (&str, &str)) -> Remedy {
    let exported = Remedy::script_start(key, "set -a;");
    if script.raw.contains(&format!("source {path}")) {
        return Remedy::words(key, format!("source {place}"), format!(". {place}")).then(exported);
    }
    exported
}

/// The file that is meant: that of the secret of this name, or one in another case, or with a letter or two that differ.
fn nearest(found: &Configuration, name: &str) -> Option<String> {
    if let Some((_, file)) = found.file_names.iter().find(|(secret, _)| secret == name) {
        return Some(file.clone());
    }
    let distance = |secret: &str| strsim::damerau_levenshtein(&secret.to_lowercase(), &name.to_lowercase());
    let files = found.file_names.iter().map(|(_, file)| (distance(file), file));
    files.filter(|(distance, _)| *distance <= 2).min().map(|(_, file)| file.clone())
}
