//! D3, third part: an export that stays (`--watch`). It never ends, so that nobody may wait for its end; it is ready when
//! `kz check` says that the set is there.

use super::super::catalogue::Code;
use super::super::delivery::Delivery;
use super::super::finding::Findings;
use super::super::images;
use super::super::remedy::Remedy;
use super::super::scene::{Condition, Scene, Stage, Unit};
use super::super::text::{Dialect, Text, normal};

/// What an export that stays is waited for by.
pub(super) const HEALTHY: &str = "service_healthy";

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, found: &mut Findings) {
    for delivery in scene.deliveries().iter().filter(|delivery| delivery.export.stays) {
        match scene.dialect {
            Dialect::Compose => waited_for(scene, delivery, found),
            Dialect::Pod => in_pod(delivery.unit, found),
        }
    }
}

/// Whether `kz check` in its healthcheck names a path, and not the one that it writes to.
fn asks_elsewhere(delivery: &Delivery<'_>) -> bool {
    let check = &delivery.unit.service.healthcheck;
    let words: Option<Vec<&str>> = check.words.iter().map(Text::known).collect();
    let Some(words) = words.filter(|words| !check.is_shells && words.get(1) == Some(&"check")) else {
        return false;
    };
    let paths: Vec<String> =
        words.iter().skip(2).filter(|word| word.starts_with('/')).map(|path| normal(path)).collect();
    !paths.is_empty() && !paths.contains(&delivery.path)
}

fn waited_for(scene: &Scene, delivery: &Delivery<'_>, found: &mut Findings) {
    let (name, unit) = (&delivery.unit.name, delivery.unit);
    let check = &unit.service.healthcheck;
    if let Some(first) = check.words.first().filter(|_| check.is_shells && images::is_kz(unit)) {
        let what = "its healthcheck is for a shell, which kz's image does not have: it is never healthy";
        found.add(Code::NoShell, first.mark, &unit.title, what, checked(unit));
    }
    for reader in &scene.units {
        let Some(depend) = reader.service.depends.iter().find(|depend| depend.name == *name) else {
            continue;
        };
        match depend.condition {
            Condition::Completed => {
                let what = format!(
                    "`{name}` stays, since it watches, and never completes: `up` waits for it for ever, and this service never starts"
                );
                let required = if depend.is_required { "" } else { "\n    required: true" };
                let remedy = waiting_as(unit, required);
                found.add(Code::StaysForEver, depend.mark, &reader.title, what, remedy);
            }
            Condition::Healthy if asks_elsewhere(delivery) => {
                let what = format!(
                    "the healthcheck of `{name}` asks for another path than `{}`, where it writes, so that it never becomes healthy: `up` ends with `dependency failed to start` (`container … is unhealthy`)",
                    delivery.path
                );
                found.add(Code::HealthyDependency, depend.mark, &reader.title, what, checked(unit));
            }
            Condition::Healthy if !is_checked(unit) => {
                let what = format!(
                    "`{name}` has no healthcheck, so it never becomes healthy: `up` ends with `dependency failed to start` (`container … has no healthcheck configured`)"
                );
                found.add(Code::HealthyDependency, depend.mark, &reader.title, what, checked(unit));
            }
            _ => {}
        }
    }
}

fn in_pod(unit: &Unit, found: &mut Findings) {
    match unit.stage {
        Stage::Init(_) => {
            let what = "it stays, since it watches, and an init container has to end before the next one starts: the pod never starts";
            found.add(Code::StaysForEver, unit.command_mark(), &unit.title, what, sidecar(unit));
        }
        Stage::Sidecar(_, mark) if !unit.container.has_startup_probe => {
            let what = "without a `startupProbe` the kubelet goes on as soon as it has started: the app may read before the secrets are there";
            found.add(Code::ExportAsSidecar, mark, &unit.title, what, probed(unit));
        }
        _ => {}
    }
}

/// The lines that wait until it has written, and that say when it has.
pub(super) fn waiting(unit: &Unit) -> Remedy {
    waiting_as(unit, "")
}

fn waiting_as(unit: &Unit, required: &str) -> Remedy {
    let waiting = Remedy::unit(format!("depends_on:\n  {}:\n    condition: {HEALTHY}{required}", unit.name));
    if is_checked(unit) { waiting } else { waiting.then(checked(unit)) }
}

/// The lines that make a container of a pod a sidecar which the others wait for.
pub(super) fn sidecar(unit: &Unit) -> Remedy {
    let stays = Remedy::in_unit(&unit.name, "restartPolicy: Always");
    if unit.container.has_startup_probe { stays } else { stays.then(probed(unit)) }
}

/// What comes from elsewhere may bring a healthcheck.
fn is_checked(unit: &Unit) -> bool {
    unit.is_partial || !unit.service.healthcheck.words.is_empty()
}

fn checked(unit: &Unit) -> Remedy {
    let test = format!("[\"CMD\", \"kz\", \"check\", \"{}\"]", written(unit));
    Remedy::in_unit(&unit.name, format!("healthcheck:\n  test: {test}\n  interval: 2s\n  retries: 30"))
}

fn probed(unit: &Unit) -> Remedy {
    let command = format!("[kz, check, {}]", written(unit));
    Remedy::in_unit(
        &unit.name,
        format!("startupProbe: {{ exec: {{ command: {command} }}, periodSeconds: 1, failureThreshold: 60 }}"),
    )
}

/// Where it writes, as its command line has it.
fn written(unit: &Unit) -> &str {
    unit.export().and_then(|export| export.output.as_deref()).unwrap_or("/secrets")
}
