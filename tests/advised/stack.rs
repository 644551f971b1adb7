//! A broken file of `tests/doctor/` in a directory of its own, and somebody who follows the advice of `kz doctor` there.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::edits::{
    merge, move_first, options, options_out, replace_entry, replace_item, take_out, take_out_of, top, unit,
};
use super::lines;
use super::tree::{self, Mark, Node};
use crate::support::{Sandbox, in_repository, kz_binary};

/// One step: the place in a word, whose it is, and what to write.
pub type Step = (String, Option<String>, String);

/// Steps as doctor has them: the place, whose it is, what to write.
pub type Steps = &'static [(&'static str, Option<&'static str>, &'static str)];

/// What a person makes of advice that is said: the broken file, the code, and steps as doctor has them.
pub const BY_HAND: &[(&str, &str, Steps)] = &[
    (
        "behind-a-shell",
        "D310",
        &[("unit", None, "command: [sh, -c, './migrate && exec kz run -- ./server']")],
    ),
    ("credential-in-command", "D402", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    (
        "credential-in-two-words",
        "D402",
        &[("unit", None, "command: [./server, --db-password-file, /secrets/DB]")],
    ),
    ("credential-in-script", "D402", &[("unit", None, "command: [sh, -c, 'exec ./server']")]),
    (
        "credential-in-healthcheck",
        "D402",
        &[(
            "unit",
            None,
            "healthcheck: { test: [CMD-SHELL, 'MYSQL_PWD=\"$$(cat /run/secrets/root)\" mysqladmin ping -uroot'] }",
        )],
    ),
    ("credential-before-command", "D402", &[("unit", None, "entrypoint: [./server]")]),
    ("pod-credential-in-command", "D402", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    ("pod-secret-in-manifest", "D516", &[("out", None, "`data` or `stringData`")]),
    (
        "pod-guest",
        "D117",
        &[
            (
                "unit",
                None,
                "volumeMounts: [ { name: conf, mountPath: /etc/rabbitmq/conf.d, readOnly: true } ]",
            ),
            ("top", None, "volumes: [ { name: conf, configMap: { name: conf } } ]"),
        ],
    ),
    (
        "inline-config",
        "D423",
        &[("out", Some("cache"), "configs: redis"), ("out-of-top", None, "configs: redis")],
    ),
    (
        "inline-config-of-keys",
        "D423",
        &[("out", Some("app"), "configs: settings"), ("out-of-top", None, "configs: settings")],
    ),
    (
        "inline-config-of-json",
        "D423",
        &[("out", Some("app"), "configs: settings"), ("out-of-top", None, "configs: settings")],
    ),
    ("not-substituted", "D121", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    ("not-substituted-string", "D121", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    ("filled-in-command", "D402", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    (
        "default-credential-in-command",
        "D402",
        &[("unit", None, "command: [redis-server, /secrets/redis.conf]")],
    ),
    (
        "credential-of-a-client",
        "D402",
        &[("unit", None, "healthcheck: { test: [CMD, mongosh, --eval, \"db.adminCommand('ping')\"] }")],
    ),
    ("hook-in-command", "D402", &[("unit", None, "command: [--config, /secrets/report.curl]")]),
    ("credential-in-string", "D402", &[("unit", None, "command: [./server, --token-file, /secrets/TOKEN]")]),
    ("list-of-manifests", "D402", &[("unit", None, "args: [--api-key-file=/keys/api]")]),
    (
        "misread-option",
        "D409",
        &[("unit", None, "command: [kz, export, --format, files, --output, /secrets]")],
    ),
    (
        "misread-together",
        "D409",
        &[("unit", None, "command: [kz, run, --env-file, /secrets/.env, --, ./server]")],
    ),
    (
        "misread-value",
        "D409",
        &[("unit", None, "command: [kz, export, --format, files, --output, /secrets]")],
    ),
    ("no-shell", "D412", &[("unit", None, "command: [kz, export, --format, env, --output, /secrets/.env]")]),
    (
        "no-shell-and",
        "D412",
        &[(
            "unit",
            None,
            "command: [kz, run, --env-file, /secrets/.env, --, sh, -c, './migrate && exec ./server']",
        )],
    ),
    (
        "shell-in-kz-image",
        "D412",
        &[("unit", None, "command: [kz, export, --format, shell, --output, /secrets/env.sh]")],
    ),
    (
        "pod-shell-in-kz-image",
        "D412",
        &[("unit", None, "command: [kz, export, --format, files, --output, /secrets]")],
    ),
    (
        "target-is-a-mount",
        "D219",
        &[
            ("out", Some("secrets-init"), "volumes: ./present.env:/out/.env"),
            ("unit", Some("secrets-init"), "volumes: [ './run:/out' ]"),
            ("out", Some("db"), "volumes: ./present.env:/out/.env:ro"),
            ("unit", Some("db"), "volumes: [ './run:/out:ro' ]"),
            ("shell", None, "mkdir -p run && chown 999 run"),
        ],
    ),
    ("cannot-read-given-to-another", "D208", &[("shell", None, "sed -i s/1000:1000/999:999/ owners.toml")]),
    ("pod-text-as-argument", "D121", &[("unit", None, "args: [redis-server, /secrets/redis.conf]")]),
    (
        "pod-credential-in-probe",
        "D402",
        &[("unit", None, "livenessProbe: { exec: { command: [redis-cli, ping] } }")],
    ),
    ("dollar-string", "D313", &[("unit", None, "command: [./server]")]),
    ("not-substituted-healthcheck", "D121", &[("unit", None, "healthcheck: { test: [CMD, pg_isready] }")]),
    ("argument-of-template", "D109", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    ("not-in-image", "D425", &[("unit", None, "image: registry.example/web:1")]),
    ("not-in-image-of-kz", "D425", &[("unit", None, "image: registry.example/web:1")]),
    (
        "pod-no-such-item",
        "D515",
        &[(
            "top",
            None,
            "volumes: [ { name: id, secret: { secretName: kz-age, items: [ { key: identity.txt, path: identity } ] } } ]",
        )],
    ),
    (
        "two-exports",
        "D220",
        &[
            ("unit", Some("more-secrets"), "volumes: [ 'more:/secrets' ]"),
            ("unit", Some("db"), "volumes: [ 'more:/more:ro' ]"),
            ("top", None, "volumes: { more: {} }"),
        ],
    ),
];

#[derive(Clone, Debug)]
pub struct Finding {
    pub code: String,
    pub subject: String,
    pub mark: Mark,
    pub steps: Vec<Step>,
}

/// A broken file in a directory of its own, with what lies beside it.
pub struct Stack {
    pub sandbox: Sandbox,
    /// The broken files that it is made of.
    pub names: Vec<String>,
    pub documents: Vec<Node>,
    /// How often doctor was asked.
    pub asked: usize,
}

impl Stack {
    pub fn of(file: &Path) -> Self {
        let documents = tree::read(&std::fs::read_to_string(file).expect("a file"));
        Self::with(&[file], documents)
    }

    /// These documents, made of these files.
    pub fn with(files: &[&Path], documents: Vec<Node>) -> Self {
        let sandbox = Sandbox::new();
        let directory = in_repository("tests/doctor");
        for entry in std::fs::read_dir(&directory).expect("the files").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                std::fs::create_dir(sandbox.path(&name)).expect("a directory");
            } else if entry.path().extension().is_none_or(|extension| extension != "yaml") {
                sandbox.file(&name, std::fs::read(entry.path()).expect("a file"));
            }
        }
        // The repository keeps no mode and no owner; whoever is not root is another one already.
        sandbox.mode("closed.txt", 0o600);
        let _ = std::os::unix::fs::chown(sandbox.path("closed.txt"), Some(1000), None);
        std::fs::create_dir(sandbox.path("bin")).expect("a directory");
        std::os::unix::fs::symlink(kz_binary(), sandbox.path("bin/kz")).expect("kz");
        // A stand-in for what makes an identity and encrypts: the file that `-o` names.
        for name in ["age", "age-keygen"] {
            let script = "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && : >\"$2\"; shift; done\n";
            sandbox.file(&format!("bin/{name}"), script);
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(sandbox.path(&format!("bin/{name}")), mode).expect("a mode");
        }
        // Nobody asks a test for a password.
        sandbox.file("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(sandbox.path("bin/sudo"), mode).expect("a mode");
        let name = |file: &&Path| file.file_stem().expect("a name").to_string_lossy().into_owned();
        Self { sandbox, names: files.iter().map(name).collect(), documents, asked: 0 }
    }

    /// Writes the file and asks doctor.
    pub fn findings(&mut self) -> Vec<Finding> {
        self.write();
        let run = self.sandbox.kz(&["doctor", "--format", "json", "stack.yaml"]);
        let all: Vec<serde_json::Value> = serde_json::from_slice(&run.output.stdout)
            .unwrap_or_else(|_| panic!("{:?}: {}", self.names, run.describe()));
        all.iter().map(finding).collect()
    }

    /// Writes the file, for doctor to be asked.
    pub fn write(&mut self) {
        self.asked += 1;
        let text = tree::write(&self.documents);
        self.documents = tree::read(&text);
        self.sandbox.file("stack.yaml", text);
    }

    /// What a person makes of what is said in this finding.
    fn by_hand(&self, finding: &Finding) -> Option<Steps> {
        let is_it =
            |file: &str, code: &str| self.names.iter().any(|name| name == file) && code == finding.code;
        BY_HAND.iter().find(|(file, code, _)| is_it(file, code)).map(|(.., steps)| *steps)
    }

    /// Whether it can be followed: what is only said was done by hand for one file, and names its services.
    pub fn can_follow(&self, finding: &Finding) -> bool {
        let is_said = finding.steps.iter().any(|step| step.0 == "said");
        !is_said
            || self
                .by_hand(finding)
                .is_some_and(|steps| steps.iter().all(|(place, of, _)| *place == "unit" && of.is_none()))
    }

    pub fn follow(&mut self, finding: &Finding) {
        let mut steps = Vec::new();
        for step in &finding.steps {
            if step.0 == "said" {
                let Some(by_hand) = self.by_hand(finding) else {
                    panic!("{:?}: nobody does what {} says: {}", self.names, finding.code, step.2)
                };
                steps.extend(by_hand.iter().map(|(place, of, text)| {
                    ((*place).to_owned(), of.map(str::to_owned), (*text).to_owned())
                }));
            } else {
                steps.push(step.clone());
            }
        }
        // What stands where the finding stands is replaced or taken out once the marks of the others are not needed.
        for (place, of, text) in &steps {
            self.step(finding, place, of.as_deref(), text);
        }
    }

    fn step(&mut self, finding: &Finding, place: &str, of: Option<&str>, text: &str) {
        let subject = finding.subject.split('`').nth(1).unwrap_or_default().to_owned();
        let name = of.unwrap_or(&subject).to_owned();
        let document = |documents: &mut [Node]| -> usize {
            documents.iter_mut().position(|root| unit(root, &name).is_some()).unwrap_or(0)
        };
        let index = document(&mut self.documents);
        let root = &mut self.documents[index];
        let context = || format!("{:?}: {} {place} {of:?}: {text}", self.names, finding.code);
        match place {
            // It may stand in another document, such as a ConfigMap.
            "here" => {
                let is_done = self.documents.iter_mut().any(|root| {
                    if text.starts_with("- ") {
                        replace_item(root, finding.mark, &tree::one(text))
                    } else {
                        replace_entry(root, finding.mark, tree::one(text))
                    }
                });
                assert!(is_done, "{}", context());
            }
            "unit" => {
                let found = unit(root, &name).unwrap_or_else(|| panic!("{}", context()));
                merge(found, tree::one(text));
            }
            "top" => merge(top(root), tree::one(text)),
            "options" => {
                let found = unit(root, &name).unwrap_or_else(|| panic!("{}", context()));
                options(found, text);
            }
            "options-out" => {
                options_out(unit(root, &name).unwrap_or_else(|| panic!("{}", context())), text);
            }
            "configuration-end" => {
                let file = self.sandbox.path(of.expect("a file"));
                let old = std::fs::read_to_string(&file).unwrap_or_default();
                std::fs::write(file, format!("{old}\n{text}\n")).expect("a file");
            }
            "out" => match of {
                Some(_) => {
                    take_out_of(unit(root, &name).unwrap_or_else(|| panic!("{}", context())), text);
                }
                // It may stand in another document, such as a ConfigMap.
                None => assert!(
                    self.documents.iter_mut().any(|root| take_out(root, finding.mark, text)),
                    "{}",
                    context()
                ),
            },
            "words" | "script-start" | "before" | "split" => {
                let found = unit(root, &subject).unwrap_or_else(|| panic!("{}", context()));
                let (key, old) = of.expect("a key").split_once(' ').unwrap_or((of.expect("a key"), ""));
                let key = if key == "healthcheck" {
                    found.get(key).and_then(|check| check.get("test"))
                } else {
                    found.get(key)
                };
                let node = key.unwrap_or_else(|| panic!("{}", context()));
                let is_done = match place {
                    "words" => lines::replace(node, old, text),
                    "script-start" => lines::begin(node, text),
                    "before" => lines::put_before(node, text),
                    _ => lines::split(node),
                };
                assert!(is_done, "{}", context());
            }
            "first" => move_first(root, &name),
            "out-of-top" => {
                let keys: Vec<&str> = text.split(": ").collect();
                let (last, above) = keys.split_last().expect("a key");
                let held = above.iter().fold(top(root), |node, key| node.get(key).expect("it"));
                held.remove(last);
            }
            "configuration" => self.configure(of.expect("a file"), text),
            "shell" => self.shell(text),
            _ => panic!("{}: no such place", context()),
        }
    }

    fn configure(&mut self, place: &str, line: &str) {
        let (file, section) = place.split_once(' ').expect("a file and a section");
        let added = |old: &str| match old.split_once(&format!("{section}\n")) {
            Some((before, after)) => format!("{before}{section}\n{line}\n{after}"),
            None => format!("{old}\n{section}\n{line}\n"),
        };
        // In a pod it is a ConfigMap's.
        let mut held = self.documents.iter_mut().filter_map(|root| root.get("data")?.get(file));
        if let Some(held) = held.next() {
            *held = Node::scalar(&added(held.text().unwrap_or_default()));
            return;
        }
        let old = std::fs::read_to_string(self.sandbox.path(file)).unwrap_or_default();
        self.sandbox.file(file, added(&old));
    }

    fn shell(&self, command: &str) {
        let path =
            format!("{}:{}", self.sandbox.path("bin").display(), std::env::var("PATH").expect("a PATH"));
        let run = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.sandbox.path("."))
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        assert!(run.status.success(), "{:?}: {command}: {run:?}", self.names);
    }
}

pub fn finding(object: &serde_json::Value) -> Finding {
    let text = |object: &serde_json::Value, key: &str| object[key].as_str().map(str::to_owned);
    let steps = object["steps"].as_array().expect("steps").iter().map(|step| {
        let place = text(step, "place").expect("a place");
        let of = text(step, "of").map(|of| match text(step, "instead") {
            Some(old) => format!("{of} {old}"),
            None => of,
        });
        (place, of, text(step, "write").expect("a text"))
    });
    Finding {
        code: text(object, "code").expect("a code"),
        subject: text(object, "subject").expect("a subject"),
        mark: (object["line"].as_u64().expect("a line"), object["column"].as_u64().expect("a column")),
        steps: steps.collect(),
    }
}
