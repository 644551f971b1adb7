//! Kubernetes manifests as scenes, one for each pod that they describe.

mod objects;
mod volume;

use std::collections::HashMap;

use super::manifest::Filled;
use super::scene::{
    Capabilities, CommandLine, Container, FileKey, Kind, Mapped, Mount, Pod, Scene, Service, Source, Stage,
    Unit, User, Variable, Volume,
};
use super::text::{Dialect, Text, join};
use super::yaml::{Key, Mark, Node};
use super::{Known, compose, program};

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
    let configurations: Vec<Mapped> =
        objects.iter().flat_map(|object| configurations(object, known)).collect();
    objects.iter().filter_map(|object| scene(object, &objects, &configurations, known)).collect()
}

/// The `ConfigMap`s and Secrets of all documents, with what is in them.
pub(super) fn filled<R: AsRef<Node>>(roots: &[R]) -> Vec<Filled> {
    let manifests = roots.iter().map(AsRef::as_ref).filter(|root| is_manifest(root));
    manifests.flat_map(objects).filter_map(objects::filled).collect()
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

/// The object itself, or those of a list.
fn objects(root: &Node) -> Vec<&Node> {
    match root.get("items") {
        Some(items) if root.text_at("kind") == Some("List") => items.items(),
        _ => vec![root],
    }
}

/// What the configurations of kz in a `ConfigMap` say.
fn configurations(object: &Node, known: Known<'_>) -> Vec<Mapped> {
    let is_map = object.text_at("kind") == Some("ConfigMap");
    let map = object.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default();
    let data = object.get("data").filter(|_| is_map);
    let files = data.into_iter().flat_map(Node::entries).filter(|(key, _)| program::is_toml(&key.text));
    let mapped = |(key, text): (String, &str)| Mapped {
        map: map.to_owned(),
        key,
        configuration: known.kz.configuration(text),
    };
    files.filter_map(|(key, node)| Some(mapped((key.text.clone(), node.text()?)))).collect()
}

fn scene(object: &Node, objects: &[&Node], configurations: &[Mapped], known: Known<'_>) -> Option<Scene> {
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
        unit.program = program::of(&unit.argv(), known.kz);
        unit.started = program::started(&unit.argv(), &unit.program, known.kz);
    }
    let mut volumes: Vec<Volume> =
        list(spec, "volumes").into_iter().filter_map(|node| volume::read(node, objects)).collect();
    volumes.extend(list_at(object, &["spec", "volumeClaimTemplates"]).into_iter().filter_map(claim));
    let pod = pod(object, spec, kind, objects, configurations);
    Some(Scene {
        dialect: POD,
        units,
        volumes,
        secrets: Vec::new(),
        inline: Vec::new(),
        fills: Vec::new(),
        shared: HashMap::new(),
        is_partial: false,
        pod: Some(pod),
    })
}

fn list<'a>(node: &'a Node, name: &str) -> Vec<&'a Node> {
    list_at(node, &[name])
}

fn list_at<'a>(node: &'a Node, names: &[&str]) -> Vec<&'a Node> {
    node.at(names).map(Node::items).unwrap_or_default()
}

fn pod(object: &Node, spec: &Node, kind: &str, objects: &[&Node], configurations: &[Mapped]) -> Pod {
    let policy = spec.text_at("restartPolicy").unwrap_or("Always");
    Pod {
        is_injected: is_injected(object, kind),
        shares_network: spec.is_true("hostNetwork"),
        objects: objects::of(object, objects),
        restarts: policy == "Always" && !matches!(kind, "Job" | "CronJob"),
        without_token: without_token(spec, objects),
        group: number(spec, "fsGroup"),
        groups: list_at(spec, &["securityContext", "supplementalGroups"])
            .into_iter()
            .filter_map(|group| group.text()?.parse().ok())
            .collect(),
        configurations: configurations.to_vec(),
        entries: objects.iter().flat_map(|object| entries(object)).collect(),
    }
}

/// Whether the pod's annotations are those of an injector, as Vault's agent and Bank-Vaults have one.
fn is_injected(object: &Node, kind: &str) -> bool {
    let path = TEMPLATES.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, path)| path);
    let above = path.split_last().map_or(&[][..], |(_, above)| above);
    let annotations = object.at(above).and_then(|template| template.at(&["metadata", "annotations"]));
    let is_one = |key: &Key| key.text.contains("inject") || key.text.starts_with("vault.");
    annotations.is_some_and(|annotations| annotations.entries().any(|(key, _)| is_one(key)))
}

/// The entries of a `ConfigMap`, as the variables that they may become.
fn entries(object: &Node) -> Vec<(String, Variable)> {
    let is_map = object.text_at("kind") == Some("ConfigMap");
    let map = object.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default();
    let data = object.get("data").filter(|_| is_map);
    let variable = |(key, node): (&Key, &Node)| {
        // Nothing is filled in here.
        let value = node.text().map(|text| Text::new(&text.replace('$', "$$"), key.mark, POD));
        (map.to_owned(), Variable { name: key.text.clone(), value, mark: key.mark })
    };
    data.into_iter().flat_map(Node::entries).map(variable).collect()
}

/// Where the pod, or else its service account, says that the account's token is not mounted.
fn without_token(spec: &Node, objects: &[&Node]) -> Option<Mark> {
    const KEY: &str = "automountServiceAccountToken";
    let says = |node: &Node| node.entry(KEY).filter(|_| node.is_false(KEY)).map(|(key, _)| key.mark);
    if spec.get(KEY).is_some() {
        return says(spec);
    }
    let name = spec.entry("serviceAccountName").and_then(|(key, node)| Some((node.text()?, key.mark)));
    let (name, mark) = name?;
    let is_it = |object: &&&Node| {
        object.text_at("kind") == Some("ServiceAccount")
            && object.at(&["metadata", "name"]).and_then(Node::text) == Some(name)
    };
    objects.iter().find(is_it).and_then(|account| says(account)).map(|_| mark)
}

/// A number of a security context.
fn number(node: &Node, name: &str) -> Option<u32> {
    node.at(&["securityContext", name])?.text()?.parse().ok()
}

fn claim(node: &Node) -> Option<Volume> {
    let name = node.at(&["metadata", "name"])?;
    Some(Volume::new(name.text()?.to_owned(), name.mark, Kind::Other))
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
        is_base: false,
        refuses_root: refuses_root(node, spec),
        program: program::Program::Other,
        started: Vec::new(),
        stage,
        service: Service::default(),
        container: Container {
            group: number(node, "runAsGroup").or_else(|| number(spec, "runAsGroup")),
            file_keys: list(node, "env").into_iter().filter_map(file_key).collect(),
            takes_more: node.get("envFrom").is_some(),
            maps: list(node, "envFrom")
                .into_iter()
                .filter(|from| from.get("prefix").is_none())
                .filter_map(|from| from.at(&["configMapRef", "name"])?.text().map(str::to_owned))
                .collect(),
            asked: asked(node),
            has_startup_probe: node.get("startupProbe").is_some(),
            wanted: objects::wanted_by(node),
        },
    })
}

/// The commands by which the kubelet asks for a container's health, and those that it runs at its start and its end.
fn asked(node: &Node) -> Vec<Vec<Text>> {
    const PLACES: [&[&str]; 5] = [
        &["livenessProbe"],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    let words = |place: &&[&str]| {
        let items = list_at(node.at(place)?, &["exec", "command"]);
        Some(items.into_iter().filter_map(|item| Text::of(item, POD)).collect())
    };
    PLACES.iter().filter_map(words).collect()
}

fn file_key(node: &Node) -> Option<FileKey> {
    let key = node.at(&["valueFrom", "fileKeyRef"])?;
    // An absolute path means inside the volume.
    let path = join("/", key.text_at("path")?).trim_start_matches('/').to_owned();
    Some(FileKey { volume: key.text_at("volumeName")?.to_owned(), path, mark: node.mark })
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
        // The kubelet begins a relative one at the root.
        target: join("/", node.text_at("mountPath")?),
        mark: node.mark,
        source: Source::Named(name),
        is_read_only: node.is_true("readOnly"),
        is_bare: false,
        part,
    })
}

fn is_privileged(node: &Node) -> bool {
    node.get("securityContext").is_some_and(|context| context.is_true("privileged"))
}

fn capabilities(node: &Node) -> Capabilities {
    let of = |name| list_at(node, &["securityContext", "capabilities", name]);
    Capabilities {
        dropped: of("drop").iter().find(|item| item.text() == Some("ALL")).map(|item| item.mark),
        lacking: compose::lacking(&of("drop")),
        added: of("add")
            .iter()
            .filter_map(|item| item.text())
            .map(str::to_uppercase)
            .chain(is_privileged(node).then(|| "ALL".to_owned()))
            .collect(),
    }
}
