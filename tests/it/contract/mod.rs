//! One contract for all providers: fourteen situations that any backend can be in, a file of rows for each
//! provider, and what kz has to say of each, whoever the backend is. Drives the real binary as an ordinary user.
//!
//! A situation that a provider cannot be in is said by its row, with the reason; none is left out.

mod age;
mod aws;
mod env;
mod file;
mod gcp;
mod onepassword;
mod vault;

use std::any::Any;
use std::process::Command;

use serde_json::Value;

use crate::canary::{assert_clean, canary};
use crate::support::{Run, Sandbox};

/// What happens to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    /// It has the document.
    Present,
    /// It says that there is none.
    Absent,
    /// It does not let kz read.
    Denied,
    /// Nobody answers.
    Unreachable,
    /// It answers, with pauses.
    Slow,
    /// What it sends cannot be read.
    Malformed,
    /// What it sends is larger than anything that kz takes.
    Huge,
    /// The value is no text.
    Binary,
    /// The value is empty.
    Empty,
    /// Three secrets are fields of one document.
    Fields,
    /// It never answers.
    Deadline,
    /// It answers that it has an error inside.
    Failing,
    /// Its certificate is not one that kz trusts.
    Untrusted,
    /// kz has no credential for it.
    Unset,
}

use Situation::{
    Absent, Binary, Deadline, Denied, Empty, Failing, Fields, Huge, Malformed, Present, Slow, Unreachable,
    Unset, Untrusted,
};

const SITUATIONS: [Situation; 14] = [
    Present,
    Absent,
    Denied,
    Unreachable,
    Slow,
    Malformed,
    Huge,
    Binary,
    Empty,
    Fields,
    Deadline,
    Failing,
    Untrusted,
    Unset,
];

impl Situation {
    /// The class that `kz status` has to give.
    fn state(self) -> &'static str {
        match self {
            Present | Slow | Binary | Empty | Fields => "ok",
            Absent => "absent",
            Denied => "denied",
            Unreachable | Deadline | Untrusted => "unreachable",
            Malformed => "malformed",
            Huge => "too large",
            Failing => "server failed",
            Unset => "not set up",
        }
    }

    /// How kz has to end: 75 says that it may pass by itself. Of `kz run`, whose own failures are 125, the same.
    fn codes(self) -> (i32, i32) {
        match self {
            Present | Slow | Binary | Empty | Fields => (0, 0),
            Unreachable | Deadline | Failing => (75, 75),
            Absent | Denied | Malformed | Huge | Untrusted | Unset => (1, 125),
        }
    }
}

/// What the binary value is: no UTF-8, a NUL, and a line break at its end.
pub(crate) const BYTES: &[u8] = b"\xff\x00\xfe\n";
/// The same, as base64.
pub(crate) const BYTES_BASE64: &str = "/wD+Cg==";

/// A backend in a situation, and a configuration that reads it.
pub(crate) struct Scene {
    /// The whole `.keyzero.toml`; its secrets are `V`, or `A`, `B` and `C` for [`Fields`].
    pub(crate) config: String,
    pub(crate) variables: Vec<(&'static str, Vec<u8>)>,
    /// Words that the cause has to have.
    pub(crate) words: &'static [&'static str],
    /// Kept until kz has ended.
    pub(crate) backend: Option<Box<dyn Any>>,
}

impl Scene {
    pub(crate) fn new(config: &str) -> Self {
        Self { config: config.to_owned(), variables: Vec::new(), words: &[], backend: None }
    }

    pub(crate) fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }
}

/// What a provider has to say of a situation.
pub(crate) enum Row {
    Scene(Scene),
    /// It cannot be in it, because.
    DoesNotApply(&'static str),
}

/// Puts a provider's backend into a situation. The value is the text for secrets that are text.
type Rows = fn(Situation, &Sandbox, &str) -> Row;

fn kz(sandbox: &Sandbox, scene: &Scene, words: &[&str]) -> Run {
    use std::os::unix::ffi::OsStrExt as _;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups", "./kz", "-v", "--timeout", "2s"]);
    command.args(words);
    for (name, value) in &scene.variables {
        command.env(name, std::ffi::OsStr::from_bytes(value));
    }
    sandbox.run(&mut command)
}

/// Holds a provider to the contract.
fn hold(provider: &str, rows: Rows) {
    let mut applied = 0;
    for situation in SITUATIONS {
        let (sandbox, canary) = (Sandbox::new(), canary());
        match rows(situation, &sandbox, &canary) {
            Row::Scene(scene) => {
                sandbox.copy_kz();
                sandbox.file(".keyzero.toml", &scene.config);
                check(provider, situation, &sandbox, &scene, &canary);
                drop(scene.backend);
                applied += 1;
            }
            Row::DoesNotApply(because) => assert!(because.split(' ').count() > 3, "{provider} {situation:?}"),
        }
    }
    assert!(applied >= 6, "{provider}: a provider that is in {applied} situations only");
}

fn check(provider: &str, situation: Situation, sandbox: &Sandbox, scene: &Scene, canary: &str) {
    let state = situation.state();
    let (code, of_run) = situation.codes();
    let status = kz(sandbox, scene, &["status", "--format", "json"]).expect_code(code);
    assert_clean(&status, canary);
    let secrets: Vec<Value> = serde_json::from_str(&status.stdout()).expect("JSON");
    assert_eq!(secrets.len(), if situation == Fields { 3 } else { 1 }, "{}", status.describe());
    for secret in &secrets {
        assert_eq!(secret["state"], state, "{provider} {situation:?}\n{}", status.describe());
        let cause = secret["cause"].as_str().unwrap_or_default();
        for word in scene.words {
            assert!(cause.contains(word), "{provider} {situation:?} lacks {word:?}\n{}", status.describe());
        }
        assert_eq!(cause.is_empty(), code == 0, "{provider} {situation:?}\n{}", status.describe());
    }
    let words = ["export", "--format", "json", "--json-bytes", "base64"];
    let export = kz(sandbox, scene, &words).expect_code(code);
    if code == 0 {
        let values: Value = serde_json::from_str(&export.stdout()).expect("JSON");
        assert_eq!(values, expected(situation, canary), "{provider} {situation:?}");
    } else {
        assert_eq!(export.stdout(), "", "{provider} {situation:?} delivers something");
        assert_eq!(export.stderr().matches("kz: error: ").count(), 1, "{}", export.describe());
        assert_clean(&export, canary);
        let run = kz(sandbox, scene, &["run", "--", "echo", "begun"]).expect_code(of_run);
        assert_eq!(run.stdout(), "", "{provider} {situation:?} begins the command");
    }
}

fn expected(situation: Situation, canary: &str) -> Value {
    match situation {
        Binary => serde_json::json!({ "V": { "base64": BYTES_BASE64 } }),
        Empty => serde_json::json!({ "V": "" }),
        Fields => serde_json::json!({ "A": canary, "B": "two", "C": "{\"d\":[1,null]}" }),
        _ => serde_json::json!({ "V": canary }),
    }
}

/// The document of [`Fields`].
pub(crate) fn fields(canary: &str) -> String {
    format!(r#"{{"a": "{canary}", "b": {{"c": "two"}}, "e": {{"d": [1, null]}}}}"#)
}

#[test]
fn env_keeps_the_contract() {
    hold("env", env::rows);
}

#[test]
fn file_keeps_the_contract() {
    hold("file", file::rows);
}

#[test]
fn age_keeps_the_contract() {
    hold("age", age::rows);
}

#[test]
fn vault_keeps_the_contract() {
    hold("vault", vault::rows);
}

#[test]
fn secrets_manager_keeps_the_contract() {
    hold("aws-sm", aws::secrets);
}

#[test]
fn parameter_store_keeps_the_contract() {
    hold("aws-ssm", aws::parameters);
}

#[test]
fn secret_manager_keeps_the_contract() {
    hold("gcp-sm", gcp::rows);
}

#[test]
fn connect_keeps_the_contract() {
    hold("1password", onepassword::rows);
}
