//! A Compose file as a scene.
//!
//! `extends`, `include` and further files are not read: what they could bring is not missed.

mod fills;
mod mounts;
mod unseen;

use super::scene::{
    Capabilities, CommandLine, Condition, Container, Depend, EnvFile, GivenSecret, Healthcheck, Kind, Scene,
    Service, Source, Stage, Unit, User, Variable, Volume, Writing,
};
use super::text::{Dialect, Text, below, normal};
use super::yaml::{Key, Mark, Node};
use super::{Found, Known, words};
use super::{images, program};

const COMPOSE: Dialect = Dialect::Compose;

/// What Compose lays over a file by itself, when it stands beside it.
const OVERRIDES: &[&str] = &[
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Whether a document is a Compose file.
pub(super) fn is_compose(root: &Node) -> bool {
    let has = |name| root.get(name).is_some();
    (has("services") || has("include")) && !has("apiVersion")
}

/// Reads it.
pub(super) fn read(root: &Node, known: Known<'_>) -> Scene {
    let is_overridden = OVERRIDES.iter().any(|name| known.host.look(name) == Found::File);
    let is_partial = is_overridden || root.get("include").is_some();
    let secrets = root.get("secrets");
    let bases = bases(root);
    let service = |(key, node): (&Key, &Node)| {
        let mut unit = unit(key, node, secrets);
        unit.is_partial |= is_partial;
        unit.is_base |= bases.contains(&unit.name.as_str());
        for mount in &mut unit.mounts {
            if let Source::Bind(path) = &mount.source {
                mount.source = Source::Bind(beside(path.clone(), known));
            }
        }
        unit.program = program::of(&unit.argv(), known.kz);
        unit.started = program::started(&unit.argv(), &unit.program, known.kz);
        unit
    };
    let units = root.get("services").map(|services| services.entries().map(service).collect());
    let project = root.text_at("name");
    let volumes =
        root.get("volumes").map(|volumes| volumes.entries().map(|entry| volume(entry, project)).collect());
    Scene {
        dialect: COMPOSE,
        units: units.unwrap_or_default(),
        volumes: volumes.unwrap_or_default(),
        secrets: secrets
            .map(|secrets| secrets.entries().map(|entry| given_secret(entry, known)).collect())
            .unwrap_or_default(),
        inline: root.get("configs").map(inline).unwrap_or_default(),
        fills: fills::of(root),
        shared: fills::shared(root),
        is_partial,
        pod: None,
    }
}

/// The services of this file that others are made of. What those bring is not looked at, and they may be for nothing else.
fn bases(root: &Node) -> Vec<&str> {
    let services = root.get("services").into_iter().flat_map(Node::entries);
    let extended = services.filter_map(|(_, service)| service.get("extends"));
    let own = extended.filter(|node| node.get("file").is_none());
    own.filter_map(|node| node.text().or_else(|| node.text_at("service"))).collect()
}

/// Whether it is scaled to nothing.
fn is_off(node: &Node) -> bool {
    let replicas = node.at(&["deploy", "replicas"]).and_then(Node::text);
    node.text_at("scale").or(replicas) == Some("0")
}

fn volume((key, node): (&Key, &Node), project: Option<&str>) -> Volume {
    // `docker compose config` names each as Compose would.
    let own = project.map(|project| format!("{project}_{}", key.text));
    let is_shared = node.get("name").is_some_and(|name| name.text() != own.as_deref());
    Volume { is_shared, ..Volume::new(key.text.clone(), key.mark, kind(node)) }
}

/// An absolute path below the directory that the file stands in, as one that is relative to that: `docker compose config`
/// writes it so.
fn beside(path: String, known: Known<'_>) -> String {
    let rest = known.host.directory().and_then(|directory| below(&path, &directory).map(str::to_owned));
    match rest {
        Some(rest) if rest.is_empty() => ".".to_owned(),
        Some(rest) => rest,
        None => path,
    }
}

/// What of it is not looked at, in words.
pub(super) fn unseen(root: &Node, known: Known<'_>) -> Vec<String> {
    unseen::of(root, known)
}

/// What `configs:` says itself.
fn inline(configs: &Node) -> Vec<(String, Text)> {
    let content = |(name, node): (&Key, &Node)| {
        let (key, content) = node.entry("content")?;
        Some((name.text.clone(), Text::new(content.text()?, key.mark, COMPOSE)))
    };
    configs.entries().filter_map(content).collect()
}

fn given_secret((key, node): (&Key, &Node), known: Known<'_>) -> GivenSecret {
    let file = node.get("file").and_then(|node| Text::of(node, COMPOSE));
    let file = file.as_ref().and_then(Text::known).map(|file| beside(normal(file), known));
    GivenSecret { name: key.text.clone(), file }
}

fn kind(node: &Node) -> Kind {
    let is_elsewhere = node.get("external").is_some();
    let is_local = matches!(node.text_at("driver"), None | Some("local"));
    let options = node.get("driver_opts");
    match options {
        _ if is_elsewhere || !is_local => Kind::Other,
        None => Kind::Plain,
        Some(options) if options.text_at("type") == Some("tmpfs") => {
            let given = options.text_at("o").unwrap_or_default();
            let has_mode = ["mode=", "uid=", "$"].iter().any(|word| given.contains(word));
            Kind::Memory { has_mode }
        }
        Some(options) if options.entries().next().is_none() => Kind::Plain,
        Some(_) => Kind::Other,
    }
}

fn unit(key: &Key, node: &Node, secrets: Option<&Node>) -> Unit {
    let command_line = |name| node.entry(name).and_then(|(_, node)| command_line(node));
    Unit {
        name: key.text.clone(),
        title: format!("service `{}`", key.text),
        mark: key.mark,
        image: node.get("image").and_then(|node| Text::of(node, COMPOSE)),
        is_built: node.get("build").is_some(),
        is_partial: node.get("extends").is_some() || node.get("volumes_from").is_some(),
        entrypoint: command_line("entrypoint"),
        command: command_line("command"),
        user: user(node, own_image(node)),
        variables: node.get("environment").map(variables).unwrap_or_default(),
        mounts: mounts::of(node),
        directory: node.get("working_dir").and_then(|node| Text::of(node, COMPOSE)),
        capabilities: capabilities(node),
        is_base: is_off(node),
        refuses_root: false,
        program: program::Program::Other,
        started: Vec::new(),
        stage: Stage::Main,
        service: service(node, secrets),
        container: Container::default(),
    }
}

fn service(node: &Node, secrets: Option<&Node>) -> Service {
    let ports = node.entry("ports").filter(|(_, ports)| !ports.items().is_empty());
    let profiles = node.get("profiles").map(Node::items).unwrap_or_default();
    Service {
        depends: node.get("depends_on").map(depends).unwrap_or_default(),
        env_files: node.get("env_file").map(env_files).unwrap_or_default(),
        build_arguments: node.at(&["build", "args"]).map(variables).unwrap_or_default(),
        ports: ports.map(|(key, _)| key.mark),
        shares_network: node.get("network_mode").is_some(),
        offline: node
            .entry("network_mode")
            .filter(|(_, mode)| mode.text() == Some("none"))
            .map(|(key, _)| key.mark),
        healthcheck: node.at(&["healthcheck", "test"]).map(healthcheck).unwrap_or_default(),
        restarts: restarts(node),
        profiles: profiles.iter().filter_map(|node| node.text()).map(str::to_owned).collect(),
        owned_secrets: mounts::owned_secrets(node, secrets),
    }
}

/// `command` and `entrypoint`: a list, or a string that Compose splits into words.
fn command_line(node: &Node) -> Option<CommandLine> {
    let is_string = node.text().is_some();
    let words = match node.text() {
        // A variable stays in its word, whatever spaces there are in what it will be.
        Some(line) => words::split(line)?.iter().map(|word| Text::new(word, node.mark, COMPOSE)).collect(),
        None if node.is_list() => node.items().iter().filter_map(|node| Text::of(node, COMPOSE)).collect(),
        None => return None,
    };
    Some(CommandLine { words, mark: node.mark, is_string })
}

/// The image, unless one is built here under its name.
fn own_image(node: &Node) -> Option<&Node> {
    node.get("image").filter(|_| node.get("build").is_none())
}

fn user(node: &Node, image: Option<&Node>) -> User {
    let Some(node) = node.get("user").filter(|node| node.text().is_some()) else { return User::Image };
    let text = Text::of(node, COMPOSE);
    match text.as_ref().and_then(Text::known) {
        Some("root") => User::Id(0, node.mark),
        Some(known) => {
            let image = image.and_then(|image| Text::of(image, COMPOSE));
            let named = || images::uid_named(&image?, known.split(':').next()?);
            program::uid(known).or_else(named).map_or(User::Unknown, |uid| User::Id(uid, node.mark))
        }
        None => User::Unknown,
    }
}

/// `environment` and `args`: a map, or a list of `NAME=value`.
fn variables(node: &Node) -> Vec<Variable> {
    let from_map = node.entries().map(|(key, value)| Variable {
        name: key.text.clone(),
        value: Text::of(value, COMPOSE),
        mark: key.mark,
    });
    if node.is_map() {
        return from_map.collect();
    }
    let from_list = node.items().into_iter().filter_map(|item| {
        let (name, value) = match item.text()?.split_once('=') {
            Some((name, value)) => (name, Some(Text::new(value, item.mark, COMPOSE))),
            None => (item.text()?, None),
        };
        Some(Variable { name: name.to_owned(), value, mark: item.mark })
    });
    from_list.collect()
}

/// A string for a shell, or a list whose first word says what the others are.
fn healthcheck(node: &Node) -> Healthcheck {
    let words = node.items();
    let is_shells = !node.is_list() || words.first().and_then(|word| word.text()) == Some("CMD-SHELL");
    let commands = if node.is_list() { words.get(1..).unwrap_or_default() } else { &words };
    Healthcheck { words: commands.iter().filter_map(|node| Text::of(node, COMPOSE)).collect(), is_shells }
}

fn env_files(node: &Node) -> Vec<EnvFile> {
    // One that is written as a map is no list of it.
    let single = [node];
    let items = if node.is_map() { single.to_vec() } else { node.items() };
    let file = |item: &Node| {
        let path = if item.is_map() { item.get("path")? } else { item };
        let required = item.entry("required").filter(|_| item.is_false("required"));
        let mark = required.map_or(path.mark, |(key, _)| key.mark);
        let writing = match (item.is_map(), node.is_list()) {
            (true, _) => Writing::Path,
            (false, true) => Writing::Item,
            (false, false) => Writing::Alone,
        };
        Some(EnvFile { path: Text::of(path, COMPOSE)?, is_required: required.is_none(), mark, writing })
    };
    items.into_iter().filter_map(file).collect()
}

fn depends(node: &Node) -> Vec<Depend> {
    if !node.is_map() {
        let short = |item: &Node| {
            let name = item.text()?.to_owned();
            Some(Depend { name, mark: item.mark, condition: Condition::Short, is_required: true })
        };
        return node.items().into_iter().filter_map(short).collect();
    }
    let long = |(key, node): (&Key, &Node)| Depend {
        name: key.text.clone(),
        mark: key.mark,
        condition: condition(node.text_at("condition")),
        is_required: !node.is_false("required"),
    };
    node.entries().map(long).collect()
}

fn condition(written: Option<&str>) -> Condition {
    match written {
        None | Some("service_started") => Condition::Started,
        Some("service_healthy") => Condition::Healthy,
        Some("service_completed_successfully") => Condition::Completed,
        Some(_) => Condition::Unknown,
    }
}

fn restarts(node: &Node) -> Option<(String, Mark)> {
    let policy =
        node.entry("restart").filter(|(_, node)| matches!(node.text(), Some("always" | "unless-stopped")));
    let deployed = node
        .at(&["deploy", "restart_policy"])
        .and_then(|policy| policy.entry("condition"))
        .filter(|(_, node)| node.text() == Some("any"));
    let (key, node) = policy.or(deployed)?;
    Some((format!("{}: {}", key.text, node.text()?), key.mark))
}

/// The capabilities that are dropped by their names, and where each is.
pub(super) fn lacking(dropped: &[&Node]) -> Vec<(String, Mark)> {
    let named =
        |item: &&Node| Some((item.text()?.to_uppercase().trim_start_matches("CAP_").to_owned(), item.mark));
    dropped.iter().filter_map(named).collect()
}

fn capabilities(node: &Node) -> Capabilities {
    let dropped = node.get("cap_drop").map(Node::items).unwrap_or_default();
    let added = node.get("cap_add").map(Node::items).unwrap_or_default();
    Capabilities {
        dropped: dropped
            .iter()
            .find(|item| item.text().is_some_and(|name| name.eq_ignore_ascii_case("ALL")))
            .map(|item| item.mark),
        lacking: lacking(&dropped),
        added: added
            .iter()
            .filter_map(|item| item.text())
            .map(str::to_uppercase)
            .chain(node.is_true("privileged").then(|| "ALL".to_owned()))
            .collect(),
    }
}
