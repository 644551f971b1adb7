//! Servers that are broken or hostile: one clear error each (`tests/cases/vault-*.case` has the whole texts), and
//! memory that stays flat however much they send.

use std::process::Command;

use crate::vault_stage::named;

/// The largest resident set that kz may have at a fault, in KiB, where a reply may have 16 MiB: so much is read before
/// it is too large.
const MEMORY: usize = 40 << 10;

const FAULTS: &[&str] = &[
    "wrong-ca",
    "expired",
    "other-name",
    "tls-behind-http",
    "plain-behind-https",
    "no-http",
    "control-characters",
    "truncated",
    "breaking",
    "no-json",
    "huge",
    "gzip-bomb",
    "hanging",
    "hanging-in-the-body",
    "sealed",
];

/// kz's output and its largest resident set. GNU time stands between, since a child begins with what its parent had.
#[test]
fn every_fault_is_one_error_and_memory_stays_flat() {
    for fault in FAULTS {
        let (stage, url) = named(fault);
        stage.secrets(
            &[("URL", "secret/data/app/url"), ("USER", "secret/data/app/user")],
            "[resolve]\nmax_document_size = \"16MiB\"\n",
        );
        let kz = stage.command(&["-v", "--timeout", "2s", "export", "--format", "env", "--output", "out"]);
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["--quiet", "-f", "%M", "-o", "peak"]).arg(kz.get_program()).args(kz.get_args());
        timed.envs(kz.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("VAULT_ADDR", url);
        let run = stage.sandbox.run(&mut timed).expect_code(1).expect_stderr(&["URL", "USER"]);
        assert_eq!(run.stderr().matches("kz: error: ").count(), 1, "{fault}\n{}", run.describe());
        let hostile = |character: char| character.is_control() && character != '\n';
        assert!(!run.stderr().contains(hostile), "{fault}\n{}", run.describe());
        assert!(
            !run.stderr().contains("xxxx") && !run.stderr().contains("Sign in"),
            "{fault}\n{}",
            run.describe()
        );
        assert!(!stage.sandbox.path("out").exists(), "{fault}\n{}", run.describe());
        let peak = std::fs::read_to_string(stage.sandbox.path("peak")).unwrap();
        let peak: usize = peak.trim().parse().expect("a number");
        assert!(peak < MEMORY, "{fault}: {peak} KiB\n{}", run.describe());
    }
}

/// Against the same memory: what a reply of the largest size costs that is not refused.
#[test]
fn a_large_document_arrives_whole() {
    let (stage, _) = named("running");
    let value = "x".repeat(4 << 20);
    stage.fake.write("secret/data/large", &serde_json::json!({ "data": { "value": value } }));
    stage.secrets(&[("LARGE", "secret/data/large/value")], "");
    stage.kz(&["export", "--format", "env", "--output", "out"]).expect_code(0);
    let written = std::fs::metadata(stage.sandbox.path("out")).unwrap().len();
    assert_eq!(written, (4 << 20) + "LARGE=\n".len() as u64);
}
