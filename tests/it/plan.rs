//! `kz plan` reads the configuration and nothing else, and its policies are what their tools take.

use std::process::Command;

use crate::support::{Sandbox, kz_binary};

/// Everything there is to be tempted by: files that exist, a login, a server that would answer.
const CONFIG: &str = r#"
[secrets]
F = { provider = "file", ref = "value" }
A = { provider = "age", ref = "value" }
V = { provider = "vault", ref = "secret/data/a#b" }
S = { provider = "aws-sm", ref = "s" }
P = { provider = "aws-ssm", ref = "/p" }
G = { provider = "gcp-sm", ref = "g" }
T = { template = "{{ F }}{{ V }}" }
[providers.vault]
address = "http://127.0.0.1:1"
token_file = "value"
ca_cert = "value"
[providers.age]
identity_file = "value"
[providers.aws-sm]
profile = "default"
credentials_file = "value"
[providers.gcp-sm]
credentials_file = "value"
"#;

#[test]
fn nothing_but_the_configuration_is_opened_and_nothing_is_connected_to() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("value", "v");
    let calls = "trace=%network,%file,openat2";
    let run = sandbox
        .run(Command::new("strace").args(["-f", "-e", calls, "-o", "trace"]).arg(kz_binary()).arg("plan"));
    let run = run.expect_code(0);
    let trace = std::fs::read_to_string(sandbox.path("trace")).expect("a trace");
    assert!(trace.contains("/.keyzero.toml\""), "{trace}\n{}", run.describe());
    for word in ["socket(", "connect(", "/value\"", "\"value\"", "vault-token", ".aws", "gcloud"] {
        assert!(!trace.contains(word), "{word} in {trace}");
    }
}

#[test]
fn a_hundred_secrets_are_five_calls_and_a_policy_that_is_json() {
    let secret = |number| {
        format!("S{number} = {{ provider = \"aws-sm\", ref = \"application/database/s{number}\" }}\n")
    };
    let config: String = std::iter::once("[secrets]\n".to_owned()).chain((0..100).map(secret)).collect();
    let sandbox = Sandbox::with_config(&config);
    let parsed = |words: &[&str]| -> serde_json::Value {
        serde_json::from_str(&sandbox.kz(words).expect_code(0).stdout()).expect("JSON")
    };
    let plan = parsed(&["plan", "--format", "json", "--starts-per-day", "1000000"]);
    assert_eq!(plan["calls_per_start"], 5);
    assert_eq!(plan["providers"][0]["calls"][4]["documents"].as_array().expect("documents").len(), 20);
    assert_eq!(plan["usd_per_month"].as_f64(), Some(750.0));
    let policy = parsed(&["plan", "--format", "iam"]);
    assert_eq!(plan["iam_policy"], policy);
    assert_eq!(policy["Statement"][0]["Resource"].as_array().expect("resources").len(), 100);
    assert!(sandbox.kz(&["plan"]).stdout().contains("a managed policy takes 6144: split it"));
}
