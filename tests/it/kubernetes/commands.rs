//! Every command line of kz's in the manifests, carried out as it stands, in the order of the containers: only the paths
//! of the mounts are replaced by a directory, and the address by that of a Vault in this process.

use serde_json::{Value, json};

use crate::manifests::{containers, find, overlaid, words};
use crate::support::{Run, Sandbox};
use kz_fakes::vault::{Fake, Transport};

const PASSWORD: &str = "pass word@1";
const TOKEN: &str = "a-service-accounts-token";

/// A pod's mounts, as directories.
struct Pod {
    manifests: Vec<Value>,
    name: &'static str,
    sandbox: Sandbox,
    vault: Fake,
}

impl Pod {
    /// A Vault whose role takes the token, and what the pod finds mounted.
    fn new(name: &'static str) -> Self {
        let vault = Fake::start(Transport::Http2);
        vault.write("secret/data/prod/db", &json!({ "data": { "password": PASSWORD } }));
        vault.configure(|vault| {
            vault.policy("", "webapp", &["secret/data/prod/db"]);
            vault.kubernetes("", "kubernetes", "webapp", TOKEN, &["webapp"]);
        });
        let manifests = overlaid("resources: [../base]\n", &[]);
        let pod = Self { manifests, name, sandbox: Sandbox::new(), vault };
        let config = find(&pod.manifests, "ConfigMap", "kz")["data"][".keyzero.toml"].as_str();
        let config = pod.here(config.expect("the configuration"));
        pod.sandbox.file("app/.keyzero.toml", config);
        pod.sandbox.file("etc/vault/ca.pem", pod.vault.ca());
        pod.sandbox.file("var/run/secrets/vault/token", TOKEN);
        for directory in ["secrets", "kz"] {
            std::fs::create_dir(pod.sandbox.path(directory)).expect("a directory");
        }
        pod
    }

    /// A text in which what is quoted, or the whole where nothing is, lies in our directory if it lies in a mount.
    fn here(&self, text: &str) -> String {
        let pod = &find(&self.manifests, "Deployment", self.name)["spec"]["template"];
        let mounts = containers(pod).into_iter().filter_map(|container| container["volumeMounts"].as_array());
        let places: Vec<&str> = mounts.flatten().filter_map(|mount| mount["mountPath"].as_str()).collect();
        let is_in = |piece: &str, place: &str| {
            piece.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let moved = |piece: &str| {
            if places.iter().any(|place| is_in(piece, place)) {
                self.sandbox.path(piece.trim_start_matches('/')).display().to_string()
            } else {
                piece.to_owned()
            }
        };
        text.split('"').map(moved).collect::<Vec<_>>().join("\"")
    }

    /// Runs a container's command, with other arguments where it is not kz that they are of.
    fn run(&self, container: &str, arguments: &[&str]) -> Run {
        let pod = &find(&self.manifests, "Deployment", self.name)["spec"]["template"];
        let container = containers(pod).into_iter().find(|found| found["name"] == container);
        let command = words(&container.expect("the container")["command"]);
        let command: Vec<String> = command.iter().map(|word| self.here(word)).collect();
        let kz = crate::support::kz_binary().to_string_lossy().into_owned();
        let program = if command[0] == "kz" { &kz } else { &command[0] };
        let mut run = std::process::Command::new(program);
        run.args(&command[1..]).args(arguments).env("VAULT_ADDR", self.vault.url());
        run.env("KEYZERO_CONFIG", self.sandbox.path("app/.keyzero.toml"));
        self.sandbox.run(&mut run)
    }
}

#[test]
fn the_databases_password_becomes_a_file() {
    let pod = Pod::new("database");
    let run = pod.run("secrets", &[]).expect_code(0);
    let delivered = std::fs::read_to_string(pod.sandbox.path("secrets/POSTGRES_PASSWORD"));
    assert_eq!(delivered.ok().as_deref(), Some(PASSWORD), "{}", run.describe());
    assert!(!pod.sandbox.path("secrets/DATABASE_URL").exists());
    assert_eq!(pod.vault.configure(|vault| vault.tokens()), 0, "the login's token is left");
}

#[test]
fn the_application_begins_with_the_installed_kz_and_gets_one_variable() {
    let pod = Pod::new("app");
    pod.run("kz-install", &[]).expect_code(0);
    pod.run("secrets", &[]).expect_code(0);
    let run = pod.run("app", &["/usr/bin/env"]).expect_code(0);
    let variables: Vec<String> = run.stdout().lines().map(str::to_owned).collect();
    let expected = "DATABASE_URL=postgres://postgres:pass%20word%401@database/postgres";
    assert!(variables.iter().any(|line| line == expected), "{}", run.describe());
    assert!(!run.stdout().contains("POSTGRES_PASSWORD"), "{}", run.describe());
}

#[test]
fn without_the_roles_token_nothing_is_written() {
    for name in ["app", "database"] {
        let pod = Pod::new(name);
        pod.sandbox.file("var/run/secrets/vault/token", "another-token");
        let run = pod.run("secrets", &[]).expect_unresolved().expect_stderr(&["auth/kubernetes"]);
        assert!(!run.stderr().contains("another-token"), "{}", run.describe());
        let left = std::fs::read_dir(pod.sandbox.path("secrets")).expect("the volume").flatten();
        let left: Vec<_> = left.filter(|entry| entry.file_name() != ".kz").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
