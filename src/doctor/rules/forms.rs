//! D1, second part: which form an export writes, which one is read, and what makes both agree.
//!
//! Invariant: what one reader is advised takes nothing from another one. Where somebody reads what is written now, both
//! forms are to be written, which `[[outputs]]` of the configuration say; only where nobody does, another `--format`.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::program::Form;
use super::super::remedy::Remedy;
use super::super::scene::{Mount, Scene, Source, Unit};
use super::super::text::{Dialect, below, join};
use super::super::{Configuration, Known, Output};
use super::reads::{Read, Way};
use super::{configuration, reads};

/// What somebody reads, below the mount of the export.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// As `--format` calls it.
    format: &'static str,
    /// The file, or for `files` the directory that it is in.
    path: String,
}

impl Wanted {
    /// What is read at `rest` below a mount.
    pub(super) fn of(way: &Way, rest: &str) -> Self {
        let directory = rest.rsplit_once('/').map_or("", |(directory, _)| directory);
        match way {
            Way::Variable(_) | Way::Argument(_) | Way::Healthcheck => {
                Self { format: "files", path: directory.to_owned() }
            }
            Way::Script => Self { format: "shell", path: rest.to_owned() },
            Way::EnvFile => Self { format: "env", path: rest.to_owned() },
        }
    }

    /// A file for each secret in this directory.
    pub(super) fn files(directory: &str) -> Self {
        Self { format: "files", path: directory.to_owned() }
    }

    /// A file of lines there.
    pub(super) fn lines(rest: &str) -> Self {
        Self { format: "env", path: rest.to_owned() }
    }

    fn form(&self) -> Form {
        match self.format {
            "files" => Form::Files,
            "env" => Form::Lines,
            _ => Form::Single,
        }
    }
}

/// Whether what is read in such a way may be what an export of this form writes.
pub(super) fn is_form(way: &Way, form: Form) -> bool {
    match way {
        Way::Script => form != Form::Files,
        Way::EnvFile => form == Form::Lines,
        Way::Variable(_) => form == Form::Single,
        Way::Argument(_) => form == Form::Single,
        Way::Healthcheck => false,
    }
}

/// The export that writes what is read, of at least one; or else the one that comes nearest to it, and why it is not that.
pub(super) fn writer<'a, 'b>(
    scene: &Scene,
    read: &Read,
    rest: &str,
    exports: &[&'a Delivery<'b>],
    known: Known<'_>,
) -> (&'a Delivery<'b>, Option<Code>) {
    let judged = exports.iter().map(|delivery| (*delivery, mismatch(scene, read, rest, delivery, known)));
    let rank = |(delivery, code): &(&Delivery<'_>, Option<Code>)| match code {
        None => 0,
        Some(Code::OtherFile) if is_form(&read.way, delivery.export.form) => 2,
        Some(Code::OtherFile) => 3,
        Some(_) => 1,
    };
    judged.min_by_key(rank).unwrap_or((exports[0], None))
}

/// Why what is read is not what is written, if it is not.
pub(super) fn mismatch(
    scene: &Scene,
    read: &Read,
    rest: &str,
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Option<Code> {
    if delivery.export.form != Form::Files {
        return (rest != delivery.inside).then_some(Code::OtherFile);
    }
    let name = if delivery.inside.is_empty() { Some(rest) } else { below(rest, &delivery.inside) };
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Some(Code::OtherFile) };
    if delivery.export.by_outputs {
        return of_outputs(scene, (name, &read.way), delivery, known);
    }
    let mut made =
        delivery.export.templates.iter().filter_map(|template| template.target.as_deref()).peekable();
    if made.peek().is_some() {
        return (!made.any(|target| target == name)).then_some(Code::OtherFile);
    }
    let names_files = || {
        configuration::of(scene, delivery.unit, known).is_none_or(|configuration| configuration.names_files)
    };
    let only = &delivery.export.only;
    match read.way {
        Way::Script | Way::EnvFile => (!names_files()).then_some(Code::OtherFile),
        Way::Variable(_) | Way::Argument(_) | Way::Healthcheck => {
            if is_unknown(scene, delivery, name, known) {
                return Some(Code::UnknownSecret);
            }
            let is_left_out = !only.is_empty() && !only.iter().any(|exported| exported == name);
            (is_left_out && !names_files()).then_some(Code::NotExported)
        }
    }
}

/// The same where `[[outputs]]` say what is written; nothing is certain of a configuration that is not read.
fn of_outputs(
    scene: &Scene,
    (name, way): (&str, &Way),
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Option<Code> {
    let configuration = configuration::of(scene, delivery.unit, known)?;
    configuration.secrets.as_ref()?;
    // That there are none is told of the export itself.
    if configuration.outputs.is_empty() {
        return None;
    }
    let file = |output: &Output| match output.form {
        Form::Files if output.path.is_empty() => Some(name.to_owned()),
        Form::Files => below(name, &output.path).map(str::to_owned),
        Form::Lines | Form::Single => None,
    };
    let writes = |output: &Output| match file(output) {
        Some(file) => configuration
            .file_names
            .iter()
            .any(|(secret, own)| *own == file && (output.only.is_empty() || output.only.contains(secret))),
        None => output.form != Form::Files && output.path == name,
    };
    if configuration.outputs.iter().any(writes) {
        return None;
    }
    let is_of_a_secret = matches!(way, Way::Variable(_) | Way::Healthcheck);
    let is_among_files =
        configuration.outputs.iter().any(|output| output.only.is_empty() && file(output).is_some());
    Some(if is_of_a_secret && is_among_files { Code::UnknownSecret } else { Code::OtherFile })
}

/// Whether the configuration, which says all, says nothing of such a secret.
fn is_unknown(scene: &Scene, delivery: &Delivery<'_>, name: &str, known: Known<'_>) -> bool {
    let Some(found) = configuration::of(scene, delivery.unit, known) else { return false };
    let is_certain = delivery.export.by_name && found.secrets.is_some();
    // It may be the directory of some.
    let is_it = |file: &str| file == name || below(file, name).is_some();
    is_certain && !found.file_names.iter().any(|(_, file)| is_it(file))
}

/// Whether somebody reads what an export writes now; what `but` names is not asked.
pub(super) fn is_read(
    scene: &Scene,
    delivery: &Delivery<'_>,
    but: Option<(&Unit, &Read)>,
    known: Known<'_>,
) -> bool {
    let others = scene.units.iter().filter(|unit| unit.name != delivery.unit.name);
    others.flat_map(|unit| reads::of(unit).into_iter().map(move |read| (unit, read))).any(|(unit, read)| {
        let is_asked = !but.is_some_and(|(other, that)| other.name == unit.name && that.path == read.path);
        let over = unit.mount_over(&read.path).filter(|(mount, _)| {
            is_asked && Some(&mount.source) == delivery.shared() && mount.part.is_none()
        });
        over.is_some_and(|(_, rest)| {
            let is_directory =
                rest.is_empty() || (delivery.export.form == Form::Files && rest == delivery.inside);
            !is_directory && mismatch(scene, &read, rest, delivery, known) != Some(Code::OtherFile)
        })
    })
}

/// Whether another export writes its set where `[[outputs]]` of this one would write theirs: each replaces the whole set.
fn is_taken(scene: &Scene, delivery: &Delivery<'_>) -> bool {
    let is_there = |other: &Delivery<'_>| {
        other.unit.name != delivery.unit.name
            && other.shared() == delivery.shared()
            && other.export.form == Form::Files
            && other.inside.is_empty()
    };
    scene.deliveries().iter().any(is_there)
}

/// What makes an export write what is wanted, whatever else is read of it.
pub(super) fn agreed(
    scene: &Scene,
    delivery: &Delivery<'_>,
    wanted: &Wanted,
    but: Option<(&Unit, &Read)>,
    known: Known<'_>,
) -> Remedy {
    if delivery.export.by_outputs {
        return one_more(scene, delivery, wanted, known);
    }
    if is_read(scene, delivery, but, known) {
        return if is_taken(scene, delivery) { said() } else { both(scene, delivery, wanted, known) };
    }
    let is_a_file = delivery.inside.is_empty() && delivery.export.form != Form::Files;
    if is_a_file && delivery.mount.is_some_and(|mount| matches!(mount.source, Source::Bind(_))) {
        return Remedy::said("mount a directory, and let the export write into that what is read");
    }
    // `--format files` makes no directory, and `[[outputs]]` do.
    let is_deeper = wanted.form() == Form::Files && !wanted.path.is_empty() && wanted.path != delivery.inside;
    match (delivery.mount, written_in(scene, delivery, known)) {
        (Some(mount), Some(configuration))
            if is_deeper && configuration.outputs.is_empty() && !is_taken(scene, delivery) =>
        {
            by_outputs(delivery, mount, &[table(wanted.format, &wanted.path, &[])])
        }
        _ => Remedy::options_of(&delivery.unit.name, options(delivery, wanted)),
    }
}

fn options(delivery: &Delivery<'_>, wanted: &Wanted) -> String {
    let target = delivery.mount.map_or("/secrets", |mount| &mount.target);
    format!("--format {} --output {}", wanted.format, join(target, &wanted.path))
}

/// What makes an export write this alone, in the finding's own unit.
pub(super) fn alone(delivery: &Delivery<'_>, wanted: &Wanted) -> Remedy {
    Remedy::options(options(delivery, wanted))
}

/// What the first of those wants who read from an export.
pub(super) fn read_first(scene: &Scene, delivery: &Delivery<'_>) -> Option<Wanted> {
    scene.consumers(delivery).into_iter().find_map(|(unit, mount)| {
        reads::of(unit).iter().find_map(|read| {
            let rest = below(&read.path, &mount.target).filter(|rest| !rest.is_empty())?;
            (!matches!(read.way, Way::Healthcheck | Way::Argument(_))).then(|| Wanted::of(&read.way, rest))
        })
    })
}

fn said() -> Remedy {
    Remedy::said(
        "let `[[outputs]]` in the configuration say all that is read, with a `path` for each, and leave `--format` out of the export",
    )
}

/// One more of the `[[outputs]]` that say already what is written.
fn one_more(scene: &Scene, delivery: &Delivery<'_>, wanted: &Wanted, known: Known<'_>) -> Remedy {
    let Some(configuration) = written_in(scene, delivery, known) else { return said() };
    let inside = if delivery.inside.is_empty() {
        Some(wanted.path.as_str())
    } else {
        below(&wanted.path, &delivery.inside)
    };
    match inside {
        Some(path) if !configuration.outputs.iter().any(|output| output.path == path) => {
            Remedy::configuration_end(
                &configuration::name_on_host(delivery.unit),
                table(wanted.format, path, &[]),
            )
        }
        _ => said(),
    }
}

/// What is written now and what is wanted, both as `[[outputs]]`.
fn both(scene: &Scene, delivery: &Delivery<'_>, wanted: &Wanted, known: Known<'_>) -> Remedy {
    let Delivery { export, inside, mount, .. } = delivery;
    let (Some(mount), Some(configuration), Some(format)) =
        (mount, written_in(scene, delivery, known), export.plain_format)
    else {
        return said();
    };
    // Outputs that `--format` has hidden so far would be written too.
    if !configuration.outputs.is_empty() || (*inside == wanted.path && export.form == wanted.form()) {
        return said();
    }
    by_outputs(
        delivery,
        mount,
        &[table(format, inside, &export.only), table(wanted.format, &wanted.path, &[])],
    )
}

/// `[[outputs]]`, and the command line that leaves it to them what is written.
fn by_outputs(delivery: &Delivery<'_>, mount: &Mount, tables: &[String]) -> Remedy {
    let Delivery { unit, export, .. } = delivery;
    let only =
        if export.only.is_empty() { String::new() } else { format!(" --only {}", export.only.join(",")) };
    let format = export.plain_format.unwrap_or("…");
    Remedy::configuration_end(&configuration::name_on_host(unit), tables.join("\n\n"))
        .then(Remedy::without_options(&unit.name, format!("--format {format}{only}")))
        .then(Remedy::options_of(&unit.name, format!("--output {}", mount.target)))
        .remark("`[[outputs]]` say what is written below it")
}

/// The configuration of an export, where it is a file beside this one that can be read.
fn written_in(scene: &Scene, delivery: &Delivery<'_>, known: Known<'_>) -> Option<Configuration> {
    let configuration = configuration::of(scene, delivery.unit, known)?;
    (scene.dialect == Dialect::Compose && configuration.secrets.is_some()).then_some(configuration)
}

/// One of `[[outputs]]`.
fn table(format: &str, path: &str, only: &[String]) -> String {
    let mut lines = vec!["[[outputs]]".to_owned(), format!("format = \"{format}\"")];
    if !path.is_empty() {
        lines.push(format!("path = \"{path}\""));
    }
    if !only.is_empty() {
        let names: Vec<String> = only.iter().map(|name| format!("\"{name}\"")).collect();
        lines.push(format!("only = [{}]", names.join(", ")));
    }
    lines.join("\n")
}
