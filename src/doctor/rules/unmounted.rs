//! D1, first part: what is read from where nothing is mounted.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images::{self, FileForm};
use super::super::program::{self, Form};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::{Dialect, below, join};
use super::super::{Found, Known};
use super::exporters::{self, Written};
use super::forms::{self, Wanted};
use super::reads::{Read, Way};
use super::{configuration, mounting};

/// Where Compose mounts secrets.
const SECRETS: &str = "/run/secrets";

/// What is wrong with a read of a file over which nothing is mounted.
pub(super) fn examine(
    scene: &Scene,
    unit: &Unit,
    read: &Read,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
    found: &mut Findings,
) {
    let Read { path, mark, way } = read;
    let wrote = deliveries.iter().find(|delivery| {
        let directory = delivery.directory();
        delivery.unit.name != unit.name && directory != "/" && below(path, directory).is_some()
    });
    let words = way.words(path);
    if let Some(delivery) = wrote {
        let elsewhere = delivery.shared().and_then(|source| unit.mount_of(source));
        let target = delivery.mount.map_or(delivery.directory(), |mount| &mount.target);
        let remedy = mounting::mount_for(scene, delivery, unit, target);
        let remedy = remedy.then(also_written(scene, (unit, read), target, delivery, known));
        let writer = &delivery.unit.name;
        let (code, what) = match elsewhere {
            Some(mount) => {
                let what = format!("{words}, but what `{writer}` writes is mounted at `{}`", mount.target);
                (Code::MountedElsewhere, what)
            }
            None => {
                (way.code(), format!("{words}, and nothing is mounted there: the file is in `{writer}` only"))
            }
        };
        found.add(code, *mark, &unit.title, what, remedy);
    } else if let (Way::Variable(name), Some((delivery, place))) = (way, own_copy(unit, read, deliveries)) {
        let writer = &delivery.unit.name;
        let what =
            format!("{words}, where nothing is mounted: what `{writer}` writes for it is at `{place}`");
        let remedy = Remedy::here(mounting::variable_line(scene.dialect, name, &place));
        found.add(Code::MountedElsewhere, *mark, &unit.title, what, remedy);
    } else if let Some(name) =
        below(path, SECRETS).filter(|name| scene.dialect == Dialect::Compose && !name.is_empty())
    {
        not_given(scene, (unit, read), name, deliveries, known, found);
    } else if *way == Way::EnvFile && images::is_kz(unit) {
        let what = format!("{words}, and nothing is mounted there");
        let directory = path.rsplit_once('/').map_or("/secrets", |(directory, _)| directory);
        let remedy = mounting::mounted(scene, "secrets", directory, ":ro");
        found.add(way.code(), *mark, &unit.title, what, remedy);
    } else if let Way::Variable(name) = way
        && !scene.pod.as_ref().is_some_and(|pod| pod.is_injected)
    {
        of_vendor(scene, (unit, read), name, deliveries, known, found);
    }
}

/// A file below `/run/secrets`: of a secret that is called almost so, of one that kz exports, or of none yet.
fn not_given(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    name: &str,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
    found: &mut Findings,
) {
    let Read { path, mark, way } = read;
    let words = way.words(path);
    let moved = |place: &str| match way {
        Way::Variable(variable) => Remedy::here(mounting::variable_line(scene.dialect, variable, place)),
        Way::Healthcheck => checked_at(path, place),
        Way::Script | Way::EnvFile | Way::Argument(_) => Remedy::said(format!("let it read `{place}`")),
    };
    let given = unit.mounts.iter().filter_map(|mount| below(&mount.target, SECRETS));
    let defined = scene.secrets.iter().map(|secret| secret.name.as_str());
    let (what, remedy) = if let Some(near) = given.clone().find(|given| is_meant(given, name)) {
        let what = format!("{words}, and the service is given the secret `{near}`: did you mean `{near}`?");
        (what, moved(&format!("{SECRETS}/{near}")))
    } else if let Some(near) = defined.clone().find(|given| *given != name && is_meant(given, name)) {
        let what = format!("{words}, and the service is not given that: did you mean the secret `{near}`?");
        (what, moved(&format!("{SECRETS}/{near}")).then(mounting::given_secret(scene, near)))
    } else if let Some((delivery, near)) = exported(scene, name, deliveries, known) {
        let mount = delivery.shared().and_then(|source| unit.mount_of(source));
        let target = delivery.mount.map_or(delivery.directory(), |mount| &mount.target);
        let target = mount.map_or(target, |mount| &mount.target);
        let place = join(&join(target, &delivery.inside), &near);
        let mounted = match mount {
            Some(_) => Remedy::none(),
            None => mounting::mount_for(scene, delivery, unit, target),
        };
        let what = format!(
            "{words}, where nothing is: did you mean `{near}`, which `{}` exports?",
            delivery.unit.name
        );
        (what, moved(&place).then(mounted))
    } else {
        let what =
            format!("{words}, and the service is not given the secret `{name}`: there is no such file");
        let is_there =
            scene.secrets.iter().any(|secret| secret.name == name) || known.host.look(name) != Found::Nothing;
        let written = if is_there { Remedy::none() } else { mounting::file_written(name, unit) };
        (what, mounting::given_secret(scene, name).then(written))
    };
    found.add(Code::SecretNotGiven, *mark, &unit.title, what, remedy);
}

/// What makes a healthcheck look there.
fn checked_at(path: &str, place: &str) -> Remedy {
    Remedy::words("healthcheck", path, place)
}

/// The secret of the configuration that is meant, and the export that writes a file for it.
fn exported<'a, 'b>(
    scene: &Scene,
    name: &str,
    deliveries: &'a [Delivery<'b>],
    known: Known<'_>,
) -> Option<(&'a Delivery<'b>, String)> {
    deliveries.iter().filter(|delivery| delivery.export.by_name && delivery.shared().is_some()).find_map(
        |delivery| {
            let files = configuration::of(scene, delivery.unit, known)?.file_names;
            let only = &delivery.export.only;
            let (_, file) = files
                .iter()
                .filter(|(secret, _)| only.is_empty() || only.contains(secret))
                .find(|(_, file)| file == name || is_meant(file, name))?;
            Some((delivery, file.clone()))
        },
    )
}

/// Whether a name differs from the one that is read in its case, in `-` and `_`, or in one letter.
fn is_meant(name: &str, read: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let (name, read) = (plain(name), plain(read));
    name == read || (read.len() > 3 && strsim::damerau_levenshtein(&name, &read) == 1)
}

/// What a vendor's image certainly reads, from where certainly nothing is.
fn of_vendor(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    variable: &str,
    deliveries: &[Delivery<'_>],
    known: Known<'_>,
    found: &mut Findings,
) {
    let Read { path, mark, way } = read;
    let stem = variable.strip_suffix("__FILE").or_else(|| variable.strip_suffix("_FILE")).unwrap_or(variable);
    let is_the_systems =
        ["/proc", "/dev", "/etc/ssl", "/var/run/secrets"].iter().any(|own| below(path, own).is_some());
    if is_the_systems || images::file_form(unit, stem) != FileForm::Known(variable.to_owned()) {
        return;
    }
    let ends = if images::does_without(unit) {
        "and starts with the value that its vendor has published"
    } else {
        "and ends"
    };
    let what =
        format!("{}, and nothing is mounted there: the image has no such file, {ends}", way.words(path));
    let secret = program::file_name(path);
    // A mount over a directory of the image's own would hide what it needs there.
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let is_free =
        ["/secrets", "/run"].iter().any(|free| below(directory, free).is_some()) && directory != "/run";
    let target = if is_free { directory } else { "/secrets" };
    let moved = if is_free {
        Remedy::none()
    } else {
        Remedy::here(mounting::variable_line(scene.dialect, variable, &join(target, secret)))
    };
    let set = deliveries.iter().find(|delivery| delivery.export.by_name && delivery.shared().is_some());
    let remedy = match set {
        Some(delivery) => {
            let mounted = mounting::mount_for(scene, delivery, unit, target);
            let place = join(target, secret);
            let again = Read { path: place, mark: *mark, way: way.clone() };
            moved.then(mounted).then(also_written(scene, (unit, &again), target, delivery, known))
        }
        None if deliveries.is_empty() => {
            moved.then(exporters::made(scene, unit, secret, (Written::Files, target), known))
        }
        None => Remedy::none(),
    };
    let remedy = if remedy.steps().is_empty() {
        Remedy::said(format!("mount the directory of `{path}`"))
    } else {
        remedy
    };
    found.add(Code::FileNotMounted, *mark, &unit.title, what, remedy);
}

/// What makes an export write what is read once its volume is mounted there, if it does not yet.
fn also_written(
    scene: &Scene,
    (unit, read): (&Unit, &Read),
    target: &str,
    delivery: &Delivery<'_>,
    known: Known<'_>,
) -> Remedy {
    let Some(rest) = below(&read.path, target).filter(|rest| !rest.is_empty()) else { return Remedy::none() };
    match forms::mismatch(scene, read, rest, delivery, known) {
        Some(Code::OtherFile) if read.way != Way::Healthcheck => {
            forms::agreed(scene, delivery, &Wanted::of(&read.way, rest), Some((unit, read)), known)
        }
        Some(Code::NotExported) => Remedy::options_of(&delivery.unit.name, also(delivery, rest)),
        _ => Remedy::none(),
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

/// The option that exports one more secret, whose file lies there below the mount.
pub(super) fn also(delivery: &Delivery<'_>, rest: &str) -> String {
    let name = below(rest, &delivery.inside).filter(|_| !delivery.inside.is_empty()).unwrap_or(rest);
    format!("--only {},{name}", delivery.export.only.join(","))
}
