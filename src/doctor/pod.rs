//! Kubernetes manifests as scenes, one for each pod that they describe.

use super::program;
use super::scene::{
    Capabilities, CommandLine, Kind, Mount, Pod, Scene, Service, Source, Stage, Unit, User, Variable, Volume,
};
use super::text::{Dialect, Text, normal};
use super::yaml::Node;
use super::{Configuration, Known};

const POD: Dialect = Dialect::Pod;

/// Where the pod stands in each kind of object.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("Pod", &["spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
];

/// Whether a document is a Kubernetes object.
pub(super) fn is_manifest(root: &Node) -> bool {
    root.text_at("apiVersion").is_some() && root.text_at("kind").is_some()
}

/// The pods of all documents.
pub(super) fn read<R: AsRef<Node>>(roots: &[R], known: Known<'_>) -> Vec<Scene> {
    let objects: Vec<&Node> = roots.iter().flat_map(|root| objects(root.as_ref())).collect();
    let configurations: Vec<Configuration> =
        objects.iter().flat_map(|object| configurations(object, known)).collect();
    objects.iter().filter_map(|object| scene(object, &configurations, known)).collect()
}

/// Kinds of objects that hold no pod.
const WITHOUT_PODS: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "LimitRange",
    "Namespace",
    "NetworkPolicy",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "PriorityClass",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
    "StorageClass",
];

/// The objects that may hold pods and are not looked at, in words.
pub(super) fn unseen<R: AsRef<Node>>(roots: &[R]) -> Vec<String> {
    let objects =
        roots.iter().filter(|root| is_manifest((*root).as_ref())).flat_map(|root| objects(root.as_ref()));
    let unseen = |object: &Node| {
        let kind = object.text_at("kind").unwrap_or("?");
        let name = object.at(&["metadata", "name"]).and_then(Node::text);
        let object_words = name.map_or(kind.to_owned(), |name| format!("{kind} `{name}`"));
        match TEMPLATES.iter().find(|(known, _)| *known == kind) {
            Some((_, path)) if object.at(path).is_some() => None,
            Some((_, path)) => Some(format!("{object_words}, which has no `{}`", path.join("."))),
            None if WITHOUT_PODS.contains(&kind) => None,
            None => Some(object_words),
        }
    };
    objects.filter_map(unseen).collect()
}

/// Whether there is nothing but what Kustomize takes, which runs nothing by itself.
pub(super) fn is_kustomization<R: AsRef<Node>>(roots: &[R]) -> bool {
    roots.iter().all(|root| root.as_ref().text_at("kind") == Some("Kustomization"))
}

/// The object itself, or those of a list.
fn objects(root: &Node) -> Vec<&Node> {
    match root.get("items") {
        Some(items) if root.text_at("kind") == Some("List") => items.items(),
        _ => vec![root],
    }
}

/// What the configurations of kz in a `ConfigMap` say.
fn configurations(object: &Node, known: Known<'_>) -> Vec<Configuration> {
    let is_map = object.text_at("kind") == Some("ConfigMap");
    let data = object.get("data").filter(|_| is_map);
    let files = data.into_iter().flat_map(Node::entries).filter(|(key, _)| program::is_toml(&key.text));
    files.filter_map(|(_, node)| node.text()).map(|text| known.kz.configuration(text)).collect()
}

fn scene(object: &Node, configurations: &[Configuration], known: Known<'_>) -> Option<Scene> {
    let kind = object.text_at("kind")?;
    let (_, path) = TEMPLATES.iter().find(|(name, _)| *name == kind)?;
    let spec = object.at(path)?;
    let name = object.at(&["metadata", "name"]).and_then(Node::text).unwrap_or("?");
    let owner = format!("{kind} `{name}`");
    let mut units = Vec::new();
    for (index, node) in list(spec, "initContainers").into_iter().enumerate() {
        let always = node.entry("restartPolicy").filter(|(_, policy)| policy.text() == Some("Always"));
        let stage = always.map_or(Stage::Init(index), |(key, _)| Stage::Sidecar(index, key.mark));
        units.extend(unit(node, spec, &owner, stage));
    }
    units.extend(
        list(spec, "containers").into_iter().filter_map(|node| unit(node, spec, &owner, Stage::Main)),
    );
    for unit in &mut units {
        unit.program = program::of(unit, known.kz);
    }
    let mut volumes: Vec<Volume> = list(spec, "volumes").into_iter().filter_map(volume).collect();
    volumes.extend(list_at(object, &["spec", "volumeClaimTemplates"]).into_iter().filter_map(claim));
    let pod = pod(spec, kind, configurations);
    Some(Scene { dialect: POD, units, volumes, secrets: Vec::new(), is_partial: false, pod: Some(pod) })
}

fn list<'a>(node: &'a Node, name: &str) -> Vec<&'a Node> {
    list_at(node, &[name])
}

fn list_at<'a>(node: &'a Node, names: &[&str]) -> Vec<&'a Node> {
    node.at(names).map(Node::items).unwrap_or_default()
}

fn pod(spec: &Node, kind: &str, configurations: &[Configuration]) -> Pod {
    let policy = spec.text_at("restartPolicy").unwrap_or("Always");
    let automount = spec.entry("automountServiceAccountToken");
    let projects_token = list(spec, "volumes").iter().any(|volume| {
        list_at(volume, &["projected", "sources"])
            .iter()
            .any(|source| source.get("serviceAccountToken").is_some())
    });
    Pod {
        restarts: policy == "Always" && !matches!(kind, "Job" | "CronJob"),
        without_token: automount
            .filter(|_| spec.is_false("automountServiceAccountToken"))
            .map(|(key, _)| key.mark),
        projects_token,
        configuration: configurations.iter().cloned().reduce(together),
    }
}

/// What two configurations say, of which it is not known who uses which.
fn together(mut one: Configuration, other: Configuration) -> Configuration {
    one.secrets = one.secrets.zip(other.secrets).map(|(one, other)| [one, other].concat());
    one.file_names.extend(other.file_names);
    one.outputs.extend(other.outputs);
    one.environments.extend(other.environments);
    one.providers.extend(other.providers);
    one.files.extend(other.files);
    one.gives_owners |= other.gives_owners;
    one.names_files |= other.names_files;
    one.uses_service_account |= other.uses_service_account;
    one
}

fn volume(node: &Node) -> Option<Volume> {
    let (_, name) = node.entry("name")?;
    let kind = if let Some((_, scratch)) = node.entry("emptyDir") {
        Kind::Scratch { in_memory: scratch.text_at("medium") == Some("Memory") }
    } else if node.get("hostPath").is_some() {
        Kind::HostPath
    } else {
        Kind::Other
    };
    // What is wrong with a volume is wrong with its kind.
    let place =
        node.entry("emptyDir").or_else(|| node.entry("hostPath")).map_or(name.mark, |(key, _)| key.mark);
    Some(Volume { name: name.text()?.to_owned(), mark: place, kind })
}

fn claim(node: &Node) -> Option<Volume> {
    let name = node.at(&["metadata", "name"])?;
    Some(Volume { name: name.text()?.to_owned(), mark: name.mark, kind: Kind::Other })
}

fn unit(node: &Node, spec: &Node, owner: &str, stage: Stage) -> Option<Unit> {
    let name = node.get("name")?;
    let words = |name: &str| node.get(name).filter(|node| node.is_list()).map(command_line);
    Some(Unit {
        name: name.text()?.to_owned(),
        title: format!("container `{}` of {owner}", name.text()?),
        mark: name.mark,
        image: node.get("image").and_then(|node| Text::of(node, POD)),
        is_built: false,
        is_partial: false,
        entrypoint: words("command"),
        command: words("args"),
        user: user(node, spec),
        variables: list(node, "env").into_iter().filter_map(variable).collect(),
        mounts: list(node, "volumeMounts").into_iter().filter_map(mount).collect(),
        directory: node.get("workingDir").and_then(|node| Text::of(node, POD)),
        capabilities: capabilities(node),
        refuses_root: refuses_root(node, spec),
        program: program::Program::Other,
        stage,
        service: Service::default(),
    })
}

fn command_line(node: &Node) -> CommandLine {
    let words = node.items().into_iter().filter_map(|item| Text::of(item, POD)).collect();
    CommandLine { words, mark: node.mark, is_string: false }
}

fn user(container: &Node, spec: &Node) -> User {
    let names = ["securityContext", "runAsUser"];
    let written = container.at(&names).or_else(|| spec.at(&names));
    match written.map(|node| (node.text().map(str::parse), node.mark)) {
        None => User::Image,
        Some((Some(Ok(uid)), mark)) => User::Id(uid, mark),
        Some(_) => User::Unknown,
    }
}

/// Whether the container, or else its pod, says that it must not run as root.
fn refuses_root(container: &Node, spec: &Node) -> bool {
    let written = |node: &Node| {
        let context = node.get("securityContext").filter(|context| context.get("runAsNonRoot").is_some())?;
        Some(context.is_true("runAsNonRoot"))
    };
    written(container).or_else(|| written(spec)).unwrap_or(false)
}

fn variable(node: &Node) -> Option<Variable> {
    let name = node.get("name")?;
    // Nothing where it is taken from a Secret, a ConfigMap or a field.
    let value = node.get("value").and_then(|node| Text::of(node, POD));
    let mark = value.as_ref().map_or(name.mark, |value| value.mark);
    Some(Variable { name: name.text()?.to_owned(), value, mark })
}

fn mount(node: &Node) -> Option<Mount> {
    let name = node.text_at("name")?.to_owned();
    let part = node.entry("subPath").and_then(|(key, node)| Some((node.text()?.to_owned(), key.mark)));
    Some(Mount {
        target: normal(node.text_at("mountPath")?),
        mark: node.mark,
        source: Source::Named(name),
        is_read_only: node.is_true("readOnly"),
        part,
    })
}

fn capabilities(node: &Node) -> Capabilities {
    let of = |name| list_at(node, &["securityContext", "capabilities", name]);
    Capabilities {
        dropped: of("drop").iter().find(|item| item.text() == Some("ALL")).map(|item| item.mark),
        added: of("add").iter().filter_map(|item| item.text()).map(str::to_uppercase).collect(),
    }
}
