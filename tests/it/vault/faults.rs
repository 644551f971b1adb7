//! Servers that are broken or hostile: one clear error each (`tests/cases/vault-*.case` has the whole texts), and
//! memory that stays flat however much they send.

use std::process::Command;

use crate::vault::stage::{Stage, named};
use kz_fakes::vault::Transport;
use kz_fakes::vault::script::{Act, Rule};

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

/// kz's output and its largest resident set.
#[test]
fn every_fault_is_one_error_and_memory_stays_flat() {
    for fault in FAULTS {
        let (stage, url) = named(fault);
        stage.secrets(
            &[("URL", "secret/data/app/url"), ("USER", "secret/data/app/user")],
            "[resolve]\nmax_document_size = \"16MiB\"\n",
        );
        let kz = stage.command(&["-v", "--timeout", "2s", "export", "--format", "env", "--output", "out"]);
        let run = stage
            .sandbox
            .run(timed(&kz).env("VAULT_ADDR", url))
            .expect_unresolved()
            .expect_stderr(&["URL", "USER"]);
        assert_eq!(run.stderr().matches("kz: error: ").count(), 1, "{fault}\n{}", run.describe());
        let hostile = |character: char| character.is_control() && character != '\n';
        assert!(!run.stderr().contains(hostile), "{fault}\n{}", run.describe());
        assert!(
            !run.stderr().contains("xxxx") && !run.stderr().contains("Sign in"),
            "{fault}\n{}",
            run.describe()
        );
        assert!(!stage.sandbox.path("out").exists(), "{fault}\n{}", run.describe());
        let peak = peak(&stage);
        assert!(peak < MEMORY, "{fault}: {peak} KiB\n{}", run.describe());
    }
}

/// The largest resident set, in KiB, whatever number of servers or requests sends without end where a reply may have 16 MiB: two
/// are read at once, while they grow, and of the others what their connections keep.
const TOGETHER: usize = 320 << 10;

#[test]
fn replies_without_end_share_what_they_may_take_of_memory() {
    for transport in [Transport::Http2, Transport::Http1] {
        let stage = Stage::new(transport);
        let refs: Vec<(String, String)> =
            (0..60).map(|number| (format!("S{number}"), format!("secret/data/d{number}/value"))).collect();
        let refs: Vec<(&str, &str)> =
            refs.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
        stage.secrets(&refs, "[resolve]\nmax_document_size = \"16MiB\"\n");
        stage.fake.script(Rule::new("secret/", Act::Huge(100 << 20)));
        let kz = stage.command(&["export", "--format", "env", "--output", "out"]);
        let mut timed = timed(&kz);
        let run = stage.sandbox.run(&mut timed).expect_unresolved();
        run.expect_stderr(&[
            "60 secrets could not be resolved",
            "too large: ",
            "has more than 16 MiB [KZ119]",
        ]);
        let peak = peak(&stage);
        eprintln!("{transport:?}: {peak} KiB");
        assert!(peak < TOGETHER, "{peak} KiB");
    }
}

/// As it runs below GNU time, which stands between, since a child begins with what its parent had.
fn timed(kz: &Command) -> Command {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["--quiet", "-f", "%M", "-o", "peak"]).arg(kz.get_program()).args(kz.get_args());
    timed.envs(kz.get_envs().filter_map(|(name, value)| Some((name, value?))));
    timed
}

/// The largest resident set of what was timed, in KiB.
fn peak(stage: &Stage) -> usize {
    let peak = std::fs::read_to_string(stage.sandbox.path("peak")).unwrap();
    peak.trim().parse().expect("a number")
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
