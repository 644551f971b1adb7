//! D5: what only a pod can have wrong.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Delivery, Pod, Scene, Stage, Unit, User};
use super::configuration;

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    let Some(pod) = &scene.pod else { return };
    for unit in &scene.units {
        if let (Some(_), Stage::Sidecar(_, mark)) = (unit.export(), unit.stage) {
            let what = "with `restartPolicy: Always` the kubelet goes on as soon as it has started, and starts it again whenever it has ended: the app may read before the secrets are there";
            found.add(Code::ExportAsSidecar, mark, &unit.title, what, Remedy::without("restartPolicy"));
        }
        if let (User::Id(0, mark), true) = (unit.user, unit.refuses_root) {
            let what = "`runAsNonRoot` and `runAsUser: 0` exclude each other: the kubelet does not start it (`CreateContainerConfigError: container's runAsUser breaks non-root policy`)";
            found.add(Code::RootRefused, mark, &unit.title, what, Remedy::here("runAsUser: 65532"));
        }
    }
    for delivery in scene.deliveries() {
        let consumers = scene.consumers(&delivery);
        exports_as_container(pod, delivery.unit, !consumers.is_empty(), found);
        for (reader, _) in consumers {
            too_early(&delivery, reader, found);
        }
    }
    no_token(scene, pod, known, found);
}

fn exports_as_container(pod: &Pod, unit: &Unit, has_readers: bool, found: &mut Findings) {
    if unit.stage == Stage::Main && (pod.restarts || has_readers) {
        let what = if pod.restarts {
            "it stands in `containers`: the others do not wait for it, and the kubelet starts it again whenever it has ended (`CrashLoopBackOff`)"
        } else {
            "it stands in `containers`: the others start at the same time and may read before the secrets are there"
        };
        let remedy = Remedy::first(&unit.name);
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

fn no_token(scene: &Scene, pod: &Pod, known: Known<'_>, found: &mut Findings) {
    let asks = |unit: &&Unit| {
        let configuration = configuration::of(scene, unit, known);
        let names_token = ["VAULT_JWT_FILE", "BAO_JWT_FILE"].iter().any(|name| unit.variable(name).is_some());
        unit.line().is_some()
            && !names_token
            && configuration.is_some_and(|configuration| configuration.uses_service_account)
    };
    let (Some(mark), Some(unit)) = (pod.without_token, scene.units.iter().find(asks)) else { return };
    if !pod.projects_token {
        let what = "the configuration logs in to Vault with the pod's service account, whose token is not mounted: every secret from there is refused (KZ105)";
        let remedy = Remedy::top("automountServiceAccountToken: true");
        found.add(Code::NoServiceAccountToken, mark, &unit.title, what, remedy);
    }
}
