//! D3, first part: who waits for whom.
//!
//! Waiting is transitive: whoever waits for somebody who waits until an export has succeeded has waited for it too.

use std::collections::{HashMap, HashSet};

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Condition, Depend, Mount, Scene, Unit};
use super::super::text::Dialect;
use super::staying;

/// What an export that ends is waited for by.
const COMPLETED: &str = "service_completed_successfully";

/// Who reads what an export writes.
type Readers<'a> = &'a dyn Fn(&Delivery<'_>) -> Vec<(&'a Unit, &'a Mount)>;

/// All rules of this kind.
pub(super) fn examine<'a>(scene: &'a Scene, readers: Readers<'a>, found: &mut Findings) {
    if scene.dialect != Dialect::Compose {
        return;
    }
    unknown(scene, found);
    circles(scene, found);
    for delivery in scene.installs() {
        let starting: Vec<_> =
            scene.consumers(&delivery).into_iter().filter(|(unit, _)| delivery.begins(unit)).collect();
        waited(scene, &delivery, &starting, found);
    }
    let deliveries = scene.deliveries();
    for delivery in &deliveries {
        // Of two that write the same, the one that writes it first is waited for.
        let awaited = if delivery.first(&deliveries).is_some() { Vec::new() } else { readers(delivery) };
        waited(scene, delivery, &awaited, found);
    }
}

/// Who reads what is written, and whether he waits for it.
fn waited(scene: &Scene, delivery: &Delivery<'_>, readers: &[(&Unit, &Mount)], found: &mut Findings) {
    let waiters = waiters(scene, &delivery.unit.name);
    for (reader, _) in readers {
        let waits_by_itself = reader.run().is_some_and(|run| run.waits) && delivery.unit.export().is_some();
        // Whoever the exporter waits for, to hold a volume in memory, cannot wait for it.
        let comes_first = delivery.unit.service.depends.iter().any(|depend| depend.name == reader.name);
        let waits = waiters.contains(reader.name.as_str());
        if !waits_by_itself && !reader.is_partial && (waits || !comes_first) {
            reader_waits(delivery, reader, waits, found);
        }
    }
    if !delivery.export.stays {
        never_healthy(scene, delivery, found);
        restarted(scene, delivery, found);
    }
    other_profile(scene, delivery, readers, found);
}

/// The names of all units that start only when `name` has done what it is for: it has ended well, or it is healthy and
/// stays.
pub(super) fn waiters<'a>(scene: &'a Scene, name: &'a str) -> HashSet<&'a str> {
    let condition = scene.unit(name).map_or(Condition::Completed, awaited);
    let mut waiters: HashSet<&str> = HashSet::new();
    let mut dependents: HashMap<&str, Vec<&str>> = HashMap::new();
    for unit in &scene.units {
        for depend in &unit.service.depends {
            if depend.name != name {
                dependents.entry(&depend.name).or_default().push(&unit.name);
            } else if depend.condition == condition {
                waiters.insert(&unit.name);
            }
        }
    }
    let mut fresh: Vec<&str> = waiters.iter().copied().collect();
    while let Some(waiter) = fresh.pop() {
        for dependent in dependents.get(waiter).into_iter().flatten() {
            if waiters.insert(dependent) {
                fresh.push(dependent);
            }
        }
    }
    waiters
}

/// What has to be waited for.
fn awaited(unit: &Unit) -> Condition {
    if unit.stays() { Condition::Healthy } else { Condition::Completed }
}

/// The lines that wait for an export.
pub(super) fn waiting(unit: &Unit) -> Remedy {
    if unit.stays() { staying::waiting(unit) } else { waiting_for(&unit.name) }
}

/// The lines that wait for an export of this name, which ends.
pub(super) fn waiting_for(name: &str) -> Remedy {
    Remedy::unit(format!("depends_on:\n  {name}:\n    condition: {COMPLETED}"))
}

fn reader_waits(delivery: &Delivery<'_>, reader: &Unit, waits: bool, found: &mut Findings) {
    let name = &delivery.unit.name;
    let direct = reader.service.depends.iter().find(|depend| depend.name == *name);
    let awaited = awaited(delivery.unit);
    let optional = direct.filter(|depend| depend.condition == awaited && !depend.is_required);
    if let Some(depend) = optional {
        let what = format!(
            "with `required: false` it starts although `{name}` has failed, and so without its secrets"
        );
        let condition = if awaited == Condition::Healthy { staying::HEALTHY } else { COMPLETED };
        let remedy =
            Remedy::unit(format!("depends_on:\n  {name}:\n    condition: {condition}\n    required: true"));
        return found.add(Code::NotRequired, depend.mark, &reader.title, what, remedy);
    }
    if waits {
        return;
    }
    let until = if delivery.export.stays { "has written" } else { "has succeeded" };
    let (code, mark, how) = match direct {
        None => (Code::NoDependency, reader.mark, format!("it does not wait for `{name}`")),
        Some(Depend { condition: Condition::Short, mark, .. }) => (
            Code::ShortDependency,
            *mark,
            format!("the short form waits until `{name}` has started, not until it {until}"),
        ),
        Some(Depend { condition: Condition::Started, mark, .. }) => (
            Code::StartedDependency,
            *mark,
            format!("`service_started` waits until `{name}` has started, not until it {until}"),
        ),
        Some(_) => return,
    };
    let what =
        format!("{how}: it may read before the secrets are there, and starts when they could not be had");
    found.add(code, mark, &reader.title, what, waiting(delivery.unit));
}

fn never_healthy(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let name = &delivery.unit.name;
    for unit in &scene.units {
        let healthy = |depend: &&Depend| depend.name == *name && depend.condition == Condition::Healthy;
        if let Some(depend) = unit.service.depends.iter().find(healthy) {
            let what = format!(
                "`{name}` writes and exits, so it never becomes healthy: `up` ends with `dependency failed to start` (`container … has no healthcheck configured`, or `exited (0)`)"
            );
            found.add(Code::HealthyDependency, depend.mark, &unit.title, what, waiting(delivery.unit));
        }
    }
}

fn restarted(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    if let Some((written, mark)) = &delivery.unit.service.restarts {
        let is_shared = !scene.sharing(delivery.unit, *mark).is_empty();
        let remedy = match (written.starts_with("restart"), is_shared) {
            (true, false) => Remedy::here("restart: \"no\""),
            (false, false) => Remedy::here("condition: on-failure"),
            (true, true) => Remedy::unit("restart: \"no\"")
                .remark("with the service itself: the anchor is for others too"),
            (false, true) => Remedy::unit("deploy:\n  restart_policy:\n    condition: on-failure")
                .remark("with the service itself: the anchor is for others too"),
        };
        let what = format!(
            "with `{written}` the engine starts it again and again after it has written and exited well, and who waits for its end may wait for ever"
        );
        found.add(Code::Restarted, *mark, &delivery.unit.title, what, remedy);
    }
}

/// An exporter that may be off while its reader is on, so that Compose refuses the reader, or starts it alone.
fn other_profile(scene: &Scene, delivery: &Delivery<'_>, readers: &[(&Unit, &Mount)], found: &mut Findings) {
    let profiles = &delivery.unit.service.profiles;
    let name = &delivery.unit.name;
    if profiles.is_empty() || delivery.unit.is_partial {
        return;
    }
    for unit in scene.units.iter().filter(|unit| unit.name != *name && !unit.is_partial) {
        let own = &unit.service.profiles;
        let comes_along = !own.is_empty() && own.iter().all(|profile| profiles.contains(profile));
        let depend = unit.service.depends.iter().find(|depend| depend.name == *name);
        let reads = readers.iter().any(|(reader, _)| reader.name == unit.name);
        // Whoever waits for somebody who waits is refused with him.
        let waits = || waiters(scene, name).contains(unit.name.as_str());
        if comes_along || (depend.is_none() && (!reads || waits())) {
            continue;
        }
        let listed = profiles.join(", ");
        let left = own.iter().filter(|profile| !profiles.contains(profile)).cloned().collect::<Vec<_>>();
        let when = if own.is_empty() {
            "and this service is not".to_owned()
        } else {
            format!("and this service is in {} too", left.join(", "))
        };
        let what = match depend.filter(|depend| depend.is_required) {
            Some(_) => format!(
                "`{name}` is in the profile {listed} {when}, so `docker compose up` refuses to start it (`service \"{name}\" is required by \"{}\" but is disabled`)",
                unit.name
            ),
            None => format!(
                "`{name}` is in the profile {listed} {when}: it starts where `{name}` is off, and finds no secrets"
            ),
        };
        let mark = depend.filter(|depend| depend.is_required).map_or(unit.mark, |depend| depend.mark);
        let remedy = profiles_of(delivery.unit, unit);
        found.add(Code::OtherProfile, mark, &unit.title, what, remedy);
    }
}

/// What makes an exporter come along with who reads from it: all profiles of both, or none.
pub(super) fn profiles_of(exporter: &Unit, reader: &Unit) -> Remedy {
    let (profiles, own) = (&exporter.service.profiles, &reader.service.profiles);
    if profiles.is_empty() || (!own.is_empty() && own.iter().all(|profile| profiles.contains(profile))) {
        return Remedy::none();
    }
    if own.is_empty() {
        return Remedy::without_of(&exporter.name, "profiles");
    }
    let added = own.iter().filter(|own| !profiles.contains(own));
    let all: Vec<&str> = profiles.iter().chain(added).map(String::as_str).collect();
    Remedy::in_unit(&exporter.name, format!("profiles: [{}]", all.join(", ")))
}

fn unknown(scene: &Scene, found: &mut Findings) {
    let names: HashSet<&str> = scene.units.iter().map(|unit| unit.name.as_str()).collect();
    let exporter = scene.units.iter().find(|unit| unit.export().is_some());
    for unit in scene.units.iter().filter(|unit| !unit.is_partial) {
        for depend in unit.service.depends.iter().filter(|depend| !names.contains(depend.name.as_str())) {
            let what = format!(
                "there is no service `{}`: Compose refuses the file (`service \"{}\" depends on undefined service \"{}\"`)",
                depend.name, unit.name, depend.name
            );
            let waits = |name: &str| unit.service.depends.iter().any(|depend| depend.name == name);
            let remedy =
                match exporter.filter(|exporter| exporter.name != unit.name && !waits(&exporter.name)) {
                    Some(exporter) => waiting(exporter).then(Remedy::without(&depend.name)),
                    None => Remedy::without(&depend.name),
                };
            found.add(Code::UnknownDependency, depend.mark, &unit.title, what, remedy);
        }
    }
}

/// Each edge that closes a circle, found by walking down from every unit once.
fn circles(scene: &Scene, found: &mut Findings) {
    let index: HashMap<&str, usize> =
        scene.units.iter().enumerate().map(|(index, unit)| (unit.name.as_str(), index)).collect();
    let mut state = vec![State::New; scene.units.len()];
    for start in 0..scene.units.len() {
        if state[start] != State::New {
            continue;
        }
        state[start] = State::Open;
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let unit = &scene.units[*at];
            let Some(depend) = unit.service.depends.get(*next) else {
                state[*at] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match index.get(depend.name.as_str()).map(|to| (*to, state[*to])) {
                Some((to, State::New)) => {
                    state[to] = State::Open;
                    path.push((to, 0));
                }
                Some((_, State::Open)) => {
                    let what = format!(
                        "`{}` waits for it in turn: Compose refuses the file (`dependency cycle detected`)",
                        depend.name
                    );
                    let circle: Vec<usize> = path.iter().map(|(at, _)| *at).collect();
                    let remedy = opened(scene, &circle, index[depend.name.as_str()]);
                    found.add(Code::Circle, depend.mark, &unit.title, what, remedy);
                }
                _ => {}
            }
        }
    }
}

/// Where a circle is to be opened, which is the end of `path` from `start` on: an exporter waits for nobody who reads.
fn opened(scene: &Scene, path: &[usize], start: usize) -> Remedy {
    let from = path.iter().position(|at| *at == start).unwrap_or(0);
    let circle = &path[from..];
    let next = |at: usize| circle.get(at + 1).or(circle.first()).map(|next| &scene.units[*next].name);
    let exporter = circle.iter().position(|at| scene.units[*at].export().is_some());
    match exporter.and_then(|at| Some((&scene.units[circle[at]].name, next(at)?))) {
        Some((name, waited)) => Remedy::without_of(name, &format!("depends_on: {waited}")),
        None => Remedy::without(&scene.units[start].name),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}
