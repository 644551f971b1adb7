//! Every advice of `kz doctor` is followed: each finding of each broken file, applied as its steps say, is gone when
//! doctor is asked again, and nothing new is found. What only a person can do stands in `BY_HAND`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::edits::{
    merge, move_first, options, replace_entry, replace_item, take_out, take_out_of, top, unit,
};
use super::tree::{self, Mark, Node};
use super::{files, kz_binary, marks};
use crate::support::{Sandbox, in_repository};

/// One step: the place in a word, whose it is, and what to write.
type Step = (String, Option<String>, String);

/// Steps as doctor has them: the place, whose it is, what to write.
type Steps = &'static [(&'static str, Option<&'static str>, &'static str)];

/// What a person makes of advice that is said: the broken file, the code, and steps as doctor has them.
const BY_HAND: &[(&str, &str, Steps)] = &[
    (
        "behind-a-shell",
        "D310",
        &[("unit", None, "command: [sh, -c, './migrate && exec kz run -- ./server']")],
    ),
    ("credential-in-command", "D402", &[("unit", None, "command: [redis-server, /secrets/redis.conf]")]),
    ("credential-in-string", "D402", &[("unit", None, "command: [./server, --token-file, /secrets/TOKEN]")]),
    (
        "dollar-arguments",
        "D313",
        &[(
            "unit",
            None,
            "entrypoint: [sh, -c, 'set -a; . /secrets/.env && exec docker-entrypoint.sh \"$$@\"', --]",
        )],
    ),
    (
        "dollar-variable",
        "D313",
        &[("unit", None, "command: [sh, -c, 'exec ./server --password-file $$SECRET']")],
    ),
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
        ],
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

/// Advice that gives doctor a configuration to look into, which it could not before: what it then finds is in there.
const REVEALING: &[&str] = &["D405", "D406", "D407", "D408", "D206"];

/// What can be found in a configuration only.
const REVEALED: &[&str] = &["D113", "D415", "D416"];

#[derive(Clone, Debug)]
struct Finding {
    code: String,
    subject: String,
    mark: Mark,
    steps: Vec<Step>,
}

/// A broken file in a directory of its own, with what lies beside it.
struct Stack {
    sandbox: Sandbox,
    name: String,
    documents: Vec<Node>,
    /// How often doctor was asked.
    asked: usize,
}

impl Stack {
    fn of(file: &Path) -> Self {
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
        std::fs::create_dir(sandbox.path("bin")).expect("a directory");
        std::os::unix::fs::symlink(kz_binary(), sandbox.path("bin/kz")).expect("kz");
        // A stand-in for what makes an identity and encrypts: the file that `-o` names.
        for name in ["age", "age-keygen"] {
            let script = "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && : >\"$2\"; shift; done\n";
            sandbox.file(&format!("bin/{name}"), script);
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(sandbox.path(&format!("bin/{name}")), mode).expect("a mode");
        }
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let documents = tree::read(&std::fs::read_to_string(file).expect("a file"));
        Self { sandbox, name, documents, asked: 0 }
    }

    /// Writes the file and asks doctor.
    fn findings(&mut self) -> Vec<Finding> {
        self.asked += 1;
        let text = tree::write(&self.documents);
        self.documents = tree::read(&text);
        self.sandbox.file("stack.yaml", text);
        let run = self.sandbox.kz(&["doctor", "--format", "json", "stack.yaml"]);
        let all: Vec<serde_json::Value> = serde_json::from_slice(&run.output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", self.name, run.describe()));
        all.iter().map(finding).collect()
    }

    fn follow(&mut self, finding: &Finding) {
        let mut steps = Vec::new();
        for step in &finding.steps {
            if step.0 == "said" {
                let by_hand =
                    BY_HAND.iter().find(|(file, code, _)| *file == self.name && *code == finding.code);
                let Some((.., by_hand)) = by_hand else {
                    panic!("{}: nobody does what {} says: {}", self.name, finding.code, step.2)
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
        let context = || format!("{}: {} {place} {of:?}: {text}", self.name, finding.code);
        match place {
            "here" => {
                let is_done = if text.starts_with("- ") {
                    let items = tree::one(text);
                    replace_item(root, finding.mark, &items)
                } else {
                    replace_entry(root, finding.mark, tree::one(text))
                };
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

    fn configure(&self, place: &str, line: &str) {
        let (file, section) = place.split_once(' ').expect("a file and a section");
        let old = std::fs::read_to_string(self.sandbox.path(file)).unwrap_or_default();
        let new = match old.split_once(&format!("{section}\n")) {
            Some((before, after)) => format!("{before}{section}\n{line}\n{after}"),
            None => format!("{old}\n{section}\n{line}\n"),
        };
        self.sandbox.file(file, new);
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
        assert!(run.status.success(), "{}: {command}: {run:?}", self.name);
    }
}

fn finding(object: &serde_json::Value) -> Finding {
    let text = |object: &serde_json::Value, key: &str| object[key].as_str().map(str::to_owned);
    let steps = object["steps"].as_array().expect("steps").iter().map(|step| {
        let place = text(step, "place").expect("a place");
        (place, text(step, "of"), text(step, "write").expect("a text"))
    });
    Finding {
        code: text(object, "code").expect("a code"),
        subject: text(object, "subject").expect("a subject"),
        mark: (object["line"].as_u64().expect("a line"), object["column"].as_u64().expect("a column")),
        steps: steps.collect(),
    }
}

/// Codes and subjects, without those of one finding.
fn others(all: &[Finding], but: &Finding) -> Vec<(String, String)> {
    let mut all: Vec<_> = all.iter().map(|one| (one.code.clone(), one.subject.clone())).collect();
    let at = all.iter().position(|one| *one == (but.code.clone(), but.subject.clone()));
    at.map(|at| all.remove(at));
    all
}

/// Follows one finding, and says what doctor finds then: no longer that, and nothing that was not found before.
fn follow(stack: &mut Stack, file: &Path, found: &[Finding], finding: &Finding) -> Vec<Finding> {
    let before = tree::write(&stack.documents);
    stack.follow(finding);
    let left = stack.findings();
    let mut allowed = others(found, finding);
    for one in &left {
        let pair = (one.code.clone(), one.subject.clone());
        let known = allowed.iter().position(|other| *other == pair);
        let is_revealed = REVEALING.contains(&finding.code.as_str()) && REVEALED.contains(&one.code.as_str());
        assert!(
            known.is_some() || is_revealed,
            "{}: {finding:?}, followed, leaves or brings {one:?}\nbefore:\n{before}\nafter:\n{}",
            file.display(),
            tree::write(&stack.documents)
        );
        known.map(|at| allowed.remove(at));
    }
    left
}

/// Follows each finding of a file alone, and then one after the other until there is none; the codes that were followed.
fn cured(file: &Path) -> BTreeSet<String> {
    let mut followed = BTreeSet::new();
    let first = Stack::of(file).findings();
    assert!(!first.is_empty(), "{}", file.display());
    for index in 0..first.len() {
        let mut stack = Stack::of(file);
        let found = stack.findings();
        follow(&mut stack, file, &found, &found[index]);
        followed.insert(found[index].code.clone());
    }
    let mut stack = Stack::of(file);
    let mut found = stack.findings();
    while let Some(first) = found.first().cloned() {
        found = follow(&mut stack, file, &found, &first);
        assert!(stack.asked < 24, "{}: advice leads in a circle", file.display());
        followed.insert(first.code);
    }
    followed
}

#[test]
fn every_advice_when_it_is_followed_removes_its_finding_and_brings_no_other() {
    let mut followed = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files("tests/doctor", 0) {
        match std::panic::catch_unwind(|| cured(&file)) {
            Ok(codes) => followed.extend(codes),
            Err(_) => wrong.push(file),
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}: what is wrong with each stands above");
    let texts =
        files("tests/doctor", 0).into_iter().map(|file| std::fs::read_to_string(file).expect("a file"));
    let shown: BTreeSet<String> = texts.flat_map(|text| marks(&text)).map(|(_, code)| code).collect();
    assert_eq!(shown.difference(&followed).collect::<Vec<_>>(), Vec::<&String>::new(), "not followed");
}

#[test]
fn nobody_does_by_hand_what_a_step_does() {
    let said: Vec<(String, String)> = files("tests/doctor", 0)
        .iter()
        .flat_map(|file| {
            let mut stack = Stack::of(file);
            let name = stack.name.clone();
            stack
                .findings()
                .into_iter()
                .filter(|finding| finding.steps.iter().any(|step| step.0 == "said"))
                .map(move |finding| (name.clone(), finding.code))
        })
        .collect();
    for (file, code, _) in BY_HAND {
        assert!(said.iter().any(|(name, said)| name == file && said == code), "{file} {code}: not needed");
    }
}
