//! Where corrected stacks are run: many of them as one project of Compose v2, every image but kz's replaced by the stand-in
//! of `stand-ins/reader`, and without what takes time, a port or a network.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::engine::{Image, docker, unique};
use crate::support::{Run, Sandbox, in_repository, tools};

/// Uids of vendors' images, which the stand-in does not have by itself.
const USERS: &[(&str, &str)] = &[("grafana/grafana", "472"), ("redis", "999")];

/// Compose v2.
pub fn compose() -> Command {
    let mut command = Command::new(tools().join("compose-v2/docker-compose"));
    for variable in ["HOME", "DOCKER_HOST"] {
        command.envs(std::env::var_os(variable).map(|value| (variable, value)));
    }
    command
}

/// The command line of a service.
pub fn words(service: &Value) -> Vec<String> {
    ["entrypoint", "command"]
        .iter()
        .filter_map(|key| service[key].as_array())
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// Whether it writes, or only looks.
pub fn is_exporter(service: &Value) -> bool {
    let words = words(service);
    words.iter().any(|word| word == "export" || word == "validate")
}

/// The services of a stack among those of many: with the prefix before every name, the stand-in for every image but kz's,
/// and without what takes time or a port.
pub fn added(all: &mut Map<String, Value>, project: &Value, prefix: &str, reader: &str) {
    let rename = |map: &Value| -> Value {
        let entries = map.as_object().cloned().unwrap_or_default();
        entries
            .into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect::<Map<_, _>>()
            .into()
    };
    let mut section = |key: &str, value: Value| {
        let held = all.entry(key).or_insert_with(|| json!({})).as_object_mut().expect("a map");
        held.extend(value.as_object().cloned().unwrap_or_default());
    };
    let mut services = project["services"].clone();
    let mut writers = services.as_object().expect("services").values().filter(|service| is_exporter(service));
    let writer = writers.find_map(|service| service.get("user").cloned());
    for service in services.as_object_mut().expect("services").values_mut() {
        let service = service.as_object_mut().expect("a service");
        // What only the owner of the image knows.
        for key in ["command", "entrypoint"] {
            for word in service.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                if word == "…" {
                    *word = json!("./server");
                }
            }
        }
        let image = service.get("image").and_then(Value::as_str).unwrap_or_default().to_owned();
        for key in
            ["build", "deploy", "networks", "ports", "profiles", "restart", "extra_hosts", "container_name"]
        {
            service.remove(key);
        }
        service.insert("network_mode".to_owned(), json!("none"));
        let name = image.rsplit('/').next().unwrap_or_default();
        if name.starts_with("kz:") {
            service.insert("image".to_owned(), json!("kz:dev"));
        } else {
            service.insert("image".to_owned(), json!(reader));
            let vendor = USERS.iter().find(|(name, _)| image.split(':').next() == Some(name));
            if let (Some((_, user)), None) = (vendor, service.get("user")) {
                service.insert("user".to_owned(), json!(user));
            }
        }
        // kz takes variables from a file of its own uid's or root's only, as which the image of one's own then runs.
        let line = words(&Value::from(service.clone())).join(" ");
        if let (true, None, Some(writer)) = (line.contains("--env-file"), service.get("user"), &writer) {
            service.insert("user".to_owned(), writer.clone());
        }
        if let Some(depends) = service.get("depends_on") {
            let renamed = rename(depends);
            service.insert("depends_on".to_owned(), renamed);
        }
        for key in ["volumes", "secrets"] {
            for mount in service.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                let is_named = key == "secrets" || mount["type"] == "volume";
                if let (true, Some(source)) = (is_named, mount["source"].as_str()) {
                    mount["source"] = json!(format!("{prefix}{source}"));
                }
            }
        }
    }
    section("services", rename(&services));
    for key in ["volumes", "secrets"] {
        let mut defined = rename(&project[key]);
        for held in defined.as_object_mut().expect("a map").values_mut() {
            held.as_object_mut().map(|held| held.remove("name"));
        }
        section(key, defined);
    }
}

/// Many stacks as one project, which ends with it.
pub struct Project {
    directory: Sandbox,
    name: String,
}

impl Project {
    pub fn new(all: &Map<String, Value>) -> Self {
        let directory = Sandbox::new();
        directory.file("compose.json", Value::from(all.clone()).to_string());
        Self { directory, name: unique("advice") }
    }

    pub fn compose(&self, arguments: &[&str]) -> Run {
        let named = ["--project-name", &self.name, "--file", "compose.json"];
        self.directory.run(compose().args(named).args(arguments))
    }

    /// What each of its containers' services is, with the container.
    pub fn containers(&self) -> BTreeMap<String, String> {
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}}";
        let filter = format!("label=com.docker.compose.project={}", self.name);
        let list =
            docker(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", format]).expect_code(0);
        list.stdout()
            .lines()
            .filter_map(|line| line.split_once(' ').map(|(service, id)| (service.to_owned(), id.to_owned())))
            .collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.compose(&["down", "--volumes", "--timeout", "0"]);
    }
}

pub fn reader_image() -> Image {
    let context = Sandbox::new();
    let directory = in_repository("tests/e2e/stand-ins/reader");
    for name in ["docker-entrypoint.sh", "server", "migrate"] {
        context.file(name, std::fs::read(directory.join(name)).expect("a file"));
        context.mode(name, 0o755);
    }
    context.file("busybox", std::fs::read("/bin/busybox").expect("busybox"));
    context.mode("busybox", 0o755);
    let dockerfile = std::fs::read_to_string(directory.join("Dockerfile")).expect("a file");
    Image::build(&context, &dockerfile)
}
