//! Compose: v1, a model of v2 (`compose_v2.rs`), and a later Debian's v2 itself.

use std::path::{Path, PathBuf};

use crate::compose_v2;
use crate::engines::{IMAGE, PREFIX, client, mark, strings};
use crate::libraries::tools;
use crate::reader::{Reader, command, object, output};

/// Compose v1, which Debian has. What it prints as YAML is not always what it hands on, so it makes a container.
pub fn v1() -> Reader {
    Reader::new("docker-compose 1.29", |file, here| {
        let name = format!("{PREFIX}-{}", mark(here));
        let more = format!("    container_name: {name}\n    network_mode: none\n    command: ['true']\n");
        let project = project(file, &more);
        let mut compose = command("/usr/bin/docker-compose", here);
        compose.args(["--no-ansi", "--project-name", &name, "--file"]).arg(project);
        let made = output(compose.args(["up", "--no-start"]));
        let seen =
            output(command(client(), here).args(["inspect", "--format", "{{json .Config.Env}}", &name]));
        output(command(client(), here).args(["rm", "--force", &name]))?;
        made.and(seen).and_then(|seen| strings(&seen))
    })
}

/// Compose v2 as it was recorded.
pub fn v2_model() -> Reader {
    Reader::new("Compose v2, recorded", |file, _| {
        compose_v2::read(&String::from_utf8(std::fs::read(file).unwrap()).map_err(|error| error.to_string())?)
    })
}

/// Compose v2 of a later Debian.
pub fn v2() -> Reader {
    let compose = tools().join("compose-v2/docker-compose");
    let version = output(command(&compose, Path::new("/")).args(["version", "--short"]));
    let version = version.unwrap_or_else(|error| panic!("`make setup` installs Compose v2: {error}"));
    let version = String::from_utf8_lossy(&version).split('-').next().unwrap_or_default().trim().to_owned();
    Reader::new(format!("docker compose {version}"), move |file, here| {
        let mut compose = command(&compose, here);
        let seen = output(compose.arg("-f").arg(project(file, "")).args(["config", "--format", "json"]))?;
        let seen: serde_json::Value = serde_json::from_slice(&seen).map_err(|error| error.to_string())?;
        let variables = object(&seen["services"]["s"]["environment"]);
        Ok(variables.into_iter().map(|(name, value)| (name, single_dollars(&value))).collect())
    })
}

/// A `compose.yaml` beside the file.
fn project(file: &Path, more: &str) -> PathBuf {
    let project = file.with_extension("yaml");
    let text = format!(
        "version: '3'\nservices:\n  s:\n    image: {IMAGE}\n    env_file: [{}]\n{more}",
        file.display()
    );
    std::fs::write(&project, text).unwrap();
    project
}

/// `config` prints what could be read again, with every dollar doubled.
fn single_dollars(value: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(value).replace("$$", "$").into_bytes()
}

/// Whether v1 is promised a value that stands so in a file of the dialect `compose`. It does not know `\$`, and takes a
/// quote behind two backslashes for escaped, as far as another quote follows in the file.
pub fn is_for_v1(line: &[u8]) -> bool {
    let has = |pair: &[u8]| line.windows(pair.len()).any(|window| window == pair);
    !has(b"=\"") || !has(b"\\$") && !line.ends_with(b"\\\\\"\n")
}
