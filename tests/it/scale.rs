//! Thousands of secrets in one export, measured in counts, not in seconds.

use std::fmt::Write as _;
use std::process::Command;

use crate::delivery::{Delivery, Form, listing};
use crate::strace::{name, trace};
use crate::support::{Run, Sandbox, kz_binary};

const SECRETS: usize = 5_000;

fn key(number: usize) -> String {
    format!("SECRET_{number:05}")
}

/// Each secret has a value of its own.
fn sandbox() -> Sandbox {
    let mut config = String::from("[secrets]\n");
    for number in 0..SECRETS {
        let key = key(number);
        let _ = writeln!(config, "{key} = {{ provider = \"env\", ref = \"{key}\" }}");
    }
    let sandbox = Sandbox::with_config(&config);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    sandbox
}

fn export(sandbox: &Sandbox, format: &str, output: &str) -> Run {
    let mut command = Command::new(kz_binary());
    command.args(["export", "--format", format, "--output", output]);
    command.envs((0..SECRETS).map(|number| (key(number), format!("value {number}"))));
    sandbox.run(&mut command).expect_code(0)
}

#[test]
fn five_thousand_secrets_arrive_in_every_form() {
    let sandbox = sandbox();
    for wanted in ["wrote 5000 secrets", "5000 secrets in out unchanged"] {
        let run = export(&sandbox, "files", "out").expect_stderr(&[wanted]);
        let names = listing(&sandbox.path("out"));
        assert_eq!(names.len(), 2 * SECRETS + 6, "{}", run.stderr());
    }
    for number in 0..SECRETS {
        let found = std::fs::read_to_string(sandbox.path("out").join(key(number))).unwrap();
        assert_eq!(found, format!("value {number}"));
    }
    export(&sandbox, "env", "out/.env");
    let line = |number: usize| format!("{}='value {number}'\n", key(number));
    let env = std::fs::read_to_string(sandbox.path("out/.env")).unwrap();
    assert!(env == (0..SECRETS).map(line).collect::<Vec<_>>().concat(), "{}", &env[..200]);
    export(&sandbox, "json", "out/all.json");
    let json = std::fs::read(sandbox.path("out/all.json")).unwrap();
    let json: std::collections::BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
    let expected = (0..SECRETS).map(|number| (key(number), format!("value {number}"))).collect();
    assert!(json == expected, "{} keys", json.len());
}

#[test]
fn what_is_synced_grows_with_the_files_and_there_is_one_swap() {
    let delivery = Delivery::new(Form::Set, 1_000);
    for value in ["one", "two"] {
        let trace = trace(&delivery, value);
        let count = |call: &str| trace.iter().filter(|line| name(line) == call).count();
        let syncs = count("fsync") + count("fdatasync");
        assert!((1_000..=3_000).contains(&syncs), "{syncs} syncs of 1000 files");
        assert_eq!(count("sync") + count("syncfs"), 0, "of what is not ours");
        let renames: Vec<&String> = trace.iter().filter(|line| name(line).starts_with("rename")).collect();
        let swaps = renames.iter().filter(|line| line.contains("\"..data\"")).count();
        // The other two are of the manifest and its key.
        assert!(swaps == 1 && renames.len() == 3, "{renames:?}");
    }
}

#[test]
fn five_thousand_fields_of_one_document_are_one_read() {
    let sandbox = Sandbox::new();
    let lines = |line: fn(usize) -> String| (0..SECRETS).map(line).collect::<Vec<_>>();
    let json = lines(|number| format!("\"{}\":\"v\"", key(number))).join(",");
    let dotenv = lines(|number| format!("{}=v\n", key(number))).concat();
    for (name, document) in [("doc.json", format!("{{{json}}}")), ("doc.env", dotenv)] {
        sandbox.file(name, document);
        let secret = |key: String| format!("{key} = {{ provider = \"file\", ref = \"{name}#{key}\" }}\n");
        let secrets: Vec<String> = (0..SECRETS).map(|number| secret(key(number))).collect();
        sandbox.file(".keyzero.toml", ["[secrets]\n", &secrets.concat()].concat());
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=open,openat,openat2", "-o", "trace", "--"]);
        command.arg(kz_binary()).args(["export", "--format", "env"]);
        let run = sandbox.run(&mut command).expect_code(0);
        assert_eq!(run.stdout().lines().count(), SECRETS, "{}", run.stderr());
        let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
        assert_eq!(trace.matches(name).count(), 1, "{name} is not read once\n{trace}");
    }
}
