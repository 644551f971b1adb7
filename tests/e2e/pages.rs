//! The pages of `docs/` that are about Docker: what they say an engine or Compose does, it does.

use std::process::Command;

use crate::engine::{Project, ask, docker, docker_program, expect_nowhere, unique};
use crate::support::{Sandbox, in_repository, kz_binary, tools};

/// The first block of a page in this language.
fn block(page: &str, language: &str) -> String {
    let text = std::fs::read_to_string(in_repository(page)).expect("the page");
    let fence = format!("```{language}\n");
    let (_, rest) = text.split_once(&fence).unwrap_or_else(|| panic!("{page} has no block of {language}"));
    rest.split("```").next().expect("its end").to_owned()
}

/// What the page says that a version says.
fn message(version: &str) -> String {
    let page = std::fs::read_to_string(in_repository("docs/env-file.md")).expect("the page");
    let row = format!("| {version} | `");
    let (_, row) = page.split_once(&row).unwrap_or_else(|| panic!("no row for {version}"));
    row.split('`').next().expect("its message").to_owned()
}

#[test]
fn compose_says_of_an_env_file_in_a_volume_what_the_page_says_and_starts_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("compose.yaml", block("docs/env-file.md", "yaml"));
    let project = Project::new(sandbox);
    let v2 = tools().join("compose-v2/docker-compose");
    let ups = [
        (project.compose(&["up", "--detach"]), message("docker-compose 1.29")),
        (project.directory.run(Command::new(v2).args(["up", "--detach"])), message("Compose v2 (2.26)")),
    ];
    for (up, message) in ups {
        assert_ne!(up.output.status.code(), Some(0), "{}", up.describe());
        assert!(up.stderr().contains(&message), "{message:?}\n{}", up.describe());
    }
    assert_eq!(project.container("app") + &project.container("secrets-init"), "");
}

/// The page's two blocks, with `BuildKit`.
#[test]
fn a_secret_of_a_build_is_in_no_layer_and_no_history() {
    let token = unique("token");
    let sandbox = Sandbox::with_config("[secrets]\nNPM_TOKEN = { provider = \"env\", ref = \"SOURCE\" }\n");
    sandbox.file("Dockerfile", block("docs/build-time.md", "dockerfile"));
    let image = unique("image");
    let command =
        block("docs/build-time.md", "sh").replace("--tag app", &format!("--no-cache --tag {image}"));
    let built = run(&sandbox, &command, &token);
    assert_eq!(built.output.status.code(), Some(0), "{}", built.describe());
    let image = crate::engine::Image(image);
    // "//registry.example/:_authToken=", the token, and the line's end: it was there while it was needed.
    let length = ask(&["run", "--rm", "--entrypoint=cat", &image.0, "/length"]);
    assert_eq!(length, (31 + token.len() + 1).to_string());
    expect_nowhere(&token, &[&["history", "--no-trunc", &image.0], &["save", &image.0]]);
}

/// What the page warns of.
#[test]
fn a_build_argument_is_in_the_history() {
    let token = unique("token");
    let sandbox = Sandbox::with_config("[secrets]\nNPM_TOKEN = { provider = \"env\", ref = \"SOURCE\" }\n");
    sandbox.file("Dockerfile", "FROM postgres:16\nARG NPM_TOKEN\nRUN test -n \"$NPM_TOKEN\"\n");
    let image = unique("image");
    let line = format!("kz run -- docker build --no-cache --build-arg NPM_TOKEN --tag {image} .");
    let built = run(&sandbox, &line, &token);
    assert_eq!(built.output.status.code(), Some(0), "{}", built.describe());
    let image = crate::engine::Image(image);
    let history = docker(&["history", "--no-trunc", &image.0]).expect_code(0);
    assert!(history.stdout().contains(&token), "{}", history.describe());
}

/// A line as a user types it, with kz and Docker on PATH.
fn run(sandbox: &Sandbox, line: &str, token: &str) -> crate::support::Run {
    let line = line.replace("docker build", &format!("{} build", docker_program()));
    let kz = kz_binary();
    let path =
        format!("{}:{}", kz.parent().expect("a directory").display(), std::env::var("PATH").expect("PATH"));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env("PATH", path).env("SOURCE", token).env("DOCKER_BUILDKIT", "1");
    command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    sandbox.run(&mut command)
}
