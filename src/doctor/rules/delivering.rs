//! What brings a secret to a unit that has it by other means today: a file for it, or the file that the unit reads anyway.

use super::super::Known;
use super::super::delivery::Delivery;
use super::super::images::{self, FileForm};
use super::super::program::{Form, Program};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::{Dialect, below, join};
use super::exporters::Written;
use super::forms::{self, Wanted};
use super::reads::{self, Read, Way as Reading};
use super::{configuration, documents, exporters, mounting};

/// What brings a secret to a unit, in the place of the variable that holds it today.
pub(super) fn in_place(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    in_place_of(scene, unit, (name, name), known)
}

/// The same where the variable that stands there is called otherwise than the secret.
pub(super) fn in_place_of(
    scene: &Scene,
    unit: &Unit,
    (written, name): (&str, &str),
    known: Known<'_>,
) -> Remedy {
    // What other values are made of has to be a variable itself.
    if scene.dialect == Dialect::Pod && is_made_of(unit, name) {
        return Remedy::here(format!(
            "- {{ name: {name}, valueFrom: {{ secretKeyRef: {{ name: …, key: … }} }} }}"
        ))
        .remark(format!("of a Secret: the kubelet fills in `$({name})` elsewhere"));
    }
    let way = way(scene, unit, name, known);
    let first = match &way.variable {
        // It names its file already, beside what stands here.
        Some((variable, _)) if unit.variable(variable).is_some() => {
            return Remedy::without(format!("`{written}`"));
        }
        Some((variable, place)) => Remedy::here(mounting::variable_line(scene.dialect, variable, place)),
        None => Remedy::without(format!("`{written}`")),
    };
    way.remark.map_or(first.clone(), |remark| first.remark(remark)).then(way.rest)
}

/// The same, where nothing in the file holds it.
pub(super) fn brought(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    let way = way(scene, unit, name, known);
    let first = match &way.variable {
        Some((variable, place)) => mounting::variable(scene.dialect, variable, place),
        None => return way.rest,
    };
    way.remark.map_or(first.clone(), |remark| first.remark(remark)).then(way.rest)
}

/// How a secret comes to a unit.
struct Way {
    /// The variable that names its file, and the file; nothing where it comes otherwise.
    variable: Option<(String, String)>,
    remark: Option<&'static str>,
    /// What else is to be done.
    rest: Remedy,
}

fn way(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Way {
    // `kz run` brings every secret of the configuration by itself.
    if unit.run().is_some_and(|run| run.env_file.is_none()) {
        let rest = configuration::secret_added(scene, unit, name, known);
        return Way { variable: None, remark: Some("`kz run` brings it"), rest };
    }
    let is_used = uses(unit, name);
    if let Some(rest) = by_document(scene, unit, name, known).filter(|_| is_used) {
        return Way { variable: None, remark: None, rest };
    }
    let (variable, remark) = match images::file_form(unit, name) {
        // Its script fills it in, and so has to have it.
        _ if is_used => (name.to_owned(), None),
        FileForm::Known(variable) => (variable, None),
        FileForm::Unknown => {
            if let Some(rest) = by_document(scene, unit, name, known) {
                return Way { variable: None, remark: None, rest };
            }
            (format!("{name}_FILE"), Some("if the image knows it; else `kz run` in front of its command"))
        }
        FileForm::None => {
            if let Some(rest) =
                by_document(scene, unit, name, known).filter(|_| images::takes_variables(unit))
            {
                return Way { variable: None, remark: None, rest };
            }
            let words = "a template of its configuration brings it, or `kz run` in front of its command";
            return Way { variable: None, remark: Some(words), rest: Remedy::none() };
        }
    };
    let in_file = |place: String, rest: Remedy| {
        if !is_used {
            return Way { variable: Some((variable, place)), remark, rest };
        }
        let dollar = if scene.dialect == Dialect::Compose { "$$" } else { "$" };
        let key = documents::key_at(scene, unit, documents::SCRIPT);
        let read = Remedy::script_start(key, format!("{name}=\"{dollar}(cat {place})\"; export {name};"));
        Way { variable: None, remark: None, rest: rest.then(read) }
    };
    let (sets, others): (Vec<_>, Vec<_>) =
        scene.deliveries().into_iter().partition(|delivery| delivery.export.by_name);
    let mounted =
        sets.iter().find_map(|delivery| unit.mount_of(delivery.shared()?).map(|mount| (delivery, mount)));
    let (delivery, directory, mounting) = match (mounted, sets.first()) {
        (None, None) if !others.is_empty() => {
            return match in_another_form(scene, unit, name, &others, known) {
                (Some(place), rest) => in_file(place, rest),
                (None, rest) => {
                    Way { variable: None, remark: Some("the file that it reads brings it"), rest }
                }
            };
        }
        (Some((delivery, mount)), _) => (delivery, join(&mount.target, &delivery.inside), Remedy::none()),
        (None, Some(delivery)) => {
            let target = delivery.mount.map_or(delivery.directory(), |mount| &mount.target);
            (delivery, delivery.path.clone(), mounting::mount_for(scene, delivery, unit, target))
        }
        (None, None) => {
            let rest = exporters::made(scene, unit, name, (Written::Files, "/secrets"), known);
            return in_file(format!("/secrets/{name}"), rest);
        }
    };
    let added = configuration::secret_added(scene, delivery.unit, name, known);
    in_file(join(&directory, name), mounting.then(also_exported(delivery, name)).then(added))
}

/// Whether a unit's script fills in a variable by itself.
fn uses(unit: &Unit, name: &str) -> bool {
    let Program::Script(script) = &unit.program else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    [format!("${name}"), format!("${{{name}")].iter().any(|used| {
        script.value.match_indices(used).any(|(at, _)| !script.value[at + used.len()..].starts_with(is_name))
    })
}

/// Whether the kubelet makes other values of a container's, or its command line, of a variable.
fn is_made_of(unit: &Unit, name: &str) -> bool {
    let used = format!("$({name})");
    let others = unit.variables.iter().filter(|variable| variable.name != name);
    let values = others.filter_map(|variable| variable.value.as_ref());
    values.chain(unit.argv()).any(|text| text.raw.contains(&used))
}

/// The document that the unit's shell is to read, where its image wants variables: one that is written already, or one more.
/// Nothing where the unit mounts a file for each secret, which says how it takes them, and where nobody knows its shell.
fn by_document(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Option<Remedy> {
    const FILE: &str = "env.sh";
    if scene.dialect != Dialect::Compose || unit.is_kz() {
        return None;
    }
    let deliveries = scene.deliveries();
    let is_mounted =
        |delivery: &Delivery<'_>| delivery.shared().is_some_and(|source| unit.mount_of(source).is_some());
    // One whose image reads no file for it takes it in no other way.
    let takes_none = images::file_form(unit, name) == FileForm::None;
    if !takes_none && deliveries.iter().any(|delivery| delivery.export.by_name && is_mounted(delivery)) {
        return None;
    }
    let Some(delivery) = deliveries.iter().find(|delivery| is_mounted(delivery)).or(deliveries.first())
    else {
        let read = documents::read_by_shell(scene, unit, &format!("/secrets/{FILE}"), true)?;
        let made = exporters::made(scene, unit, name, (Written::Shell(FILE), "/secrets"), known);
        return (made != Remedy::none()).then(|| made.then(read));
    };
    let format = delivery.export.plain_format;
    let is_read_already =
        || in_another_form(scene, unit, name, std::slice::from_ref(delivery), known).0.is_none();
    let is_read = !delivery.export.by_name && is_read_already();
    if is_read || delivery.mount.is_none() {
        return None;
    }
    let target = delivery.mount.map_or("/secrets", |mount| mount.target.as_str());
    let mount = delivery.shared().and_then(|source| unit.mount_of(source));
    let target = mount.map_or(target, |mount| &mount.target);
    let added = configuration::secret_added(scene, delivery.unit, name, known);
    let is_document = delivery.export.form != Form::Files && matches!(format, Some("env" | "shell"));
    let (rest, exports, agreed) = if is_document {
        (delivery.inside.clone(), format == Some("shell"), also_exported(delivery, name))
    } else {
        let rest = FILE.to_owned();
        let wanted = Wanted::of(&Reading::Script, &rest);
        (rest, true, forms::agreed(scene, delivery, &wanted, None, known))
    };
    let read = documents::read_by_shell(scene, unit, &join(target, &rest), exports)?;
    let mounting = match mount {
        Some(_) => Remedy::none(),
        None => mounting::mount_for(scene, delivery, unit, target),
    };
    Some(read.then(mounting).then(agreed).then(added))
}

/// Where a secret will lie when exports write no file for each secret yet, unless the unit reads what they write already.
fn in_another_form(
    scene: &Scene,
    unit: &Unit,
    name: &str,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
) -> (Option<String>, Remedy) {
    let mounted = deliveries
        .iter()
        .find_map(|delivery| unit.mount_of(delivery.shared()?).map(|mount| (delivery, mount)));
    let delivery = mounted.map_or(&deliveries[0], |(delivery, _)| delivery);
    let added = configuration::secret_added(scene, delivery.unit, name, known);
    let target = delivery.mount.map_or("/secrets", |mount| mount.target.as_str());
    let target = mounted.map_or(target, |(_, mount)| &mount.target);
    let is_brought = reads::of(unit).iter().any(|read| {
        let rest = below(&read.path, target).filter(|rest| !rest.is_empty());
        let is_of_all = matches!(read.way, Reading::Script | Reading::EnvFile);
        is_of_all && rest.is_some_and(|rest| forms::mismatch(scene, read, rest, delivery, known).is_none())
    });
    if is_brought {
        return (None, also_exported(delivery, name).then(added));
    }
    let mounting = match mounted {
        Some(_) => Remedy::none(),
        None => mounting::mount_for(scene, delivery, unit, target),
    };
    // With outputs a file for each secret lies where one of them says.
    let directory = if delivery.export.by_outputs { delivery.inside.as_str() } else { "" };
    let rest = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    let wanted = Wanted::of(&Reading::Variable(name.to_owned()), &rest);
    let read = Read { path: String::new(), mark: unit.mark, way: Reading::Variable(name.to_owned()) };
    let is_written = delivery.export.by_outputs
        && configuration::of(scene, delivery.unit, known).is_some_and(|found| found.secrets.is_some())
        && forms::mismatch(scene, &read, &rest, delivery, known).is_none();
    let agreed =
        if is_written { Remedy::none() } else { forms::agreed(scene, delivery, &wanted, None, known) };
    (Some(join(target, &rest)), mounting.then(agreed).then(added))
}

/// The option by which an export that names its secrets names this one too.
fn also_exported(delivery: &Delivery<'_>, name: &str) -> Remedy {
    let only = &delivery.export.only;
    if only.is_empty() || only.iter().any(|exported| exported == name) {
        return Remedy::none();
    }
    Remedy::options_of(&delivery.unit.name, format!("--only {},{name}", only.join(",")))
}
