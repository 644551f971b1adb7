//! What is lent to kz and does not reach anybody: nothing of it is left, however kz ends.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fake::Transport;
use crate::fake::script::{Act, Rule};
use crate::support::Run;
use crate::vault_stage::Stage;

/// A Vault that lends database users, to who logs in as `ada`.
fn stage(refs: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.fake.write("secret/data/app", &serde_json::json!({ "data": { "value": "v" } }));
    stage.fake.configure(|vault| {
        vault.database_role("", "app");
        vault.policy("", "app", &["secret/data/app", "secret/data/none", "database/creds/app"]);
        vault.user("", "userpass", "ada", "lovelace", &["app"]);
    });
    stage.sandbox.file("password", "lovelace");
    let auth = "auth = { method = \"userpass\", username = \"ada\", password_file = \"password\" }";
    stage.secrets(refs, &format!("[providers.vault]\n{auth}\n"));
    stage
}

/// How many leases and tokens there are.
fn left(stage: &Stage) -> (usize, usize) {
    stage.fake.configure(|vault| (vault.leases(), vault.tokens()))
}

const USER: (&str, &str) = ("U", "database/creds/app/username");
const PLAIN: (&str, &str) = ("A", "secret/data/app/value");
const ABSENT: (&str, &str) = ("X", "secret/data/none/value");

#[test]
fn of_a_credential_that_is_not_delivered_nothing_is_left() {
    let json = &["export", "--format", "json"][..];
    for (what, refs, words, code) in [
        ("kz only looks", &[USER, PLAIN][..], &["status"][..], 0),
        ("another secret is absent", &[USER, ABSENT], json, 1),
        ("a field is misspelt", &[("U", "database/creds/app#nobody"), PLAIN], json, 1),
        ("there is no directory", &[USER], &["export", "--format", "json", "--output", "none/x"], 4),
        ("there is no directory for a set", &[USER], &["export", "--format", "files", "--output", "none"], 4),
        ("there is no such command", &[USER], &["run", "--", "/no/such/command"], 127),
        ("the interpreter of the script is missing", &[USER], &["run", "--", "./script"], 127),
        (
            "the reader may not read it",
            &[USER],
            &["export", "--format", "json", "--output", "x", "--for", "4242"],
            4,
        ),
    ] {
        let stage = stage(refs);
        stage.sandbox.file("script", "#!/no/such/interpreter\n");
        stage.sandbox.mode("script", 0o755);
        let run = stage.kz(words).expect_code(code);
        assert_eq!(left(&stage), (0, 0), "{what}\n{}", run.describe());
    }
}

/// A crash loop, as Kubernetes and Compose make of a pod whose configuration is wrong.
#[test]
fn fifty_restarts_with_one_secret_absent_leave_nothing() {
    let stage = stage(&[USER, ABSENT]);
    for _ in 0..50 {
        stage.kz(&["export", "--format", "json"]).expect_code(1);
    }
    assert_eq!(left(&stage), (0, 0));
}

#[test]
fn what_is_delivered_stays_and_is_told_until_when() {
    let stage = stage(&[USER, PLAIN]);
    let run: Run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    assert_eq!(left(&stage), (1, 1), "{}", run.describe());
    run.expect_stderr(&["leased until", "nobody renews it after kz: U"]);
}

#[test]
fn a_request_to_stop_gives_back_first() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let stage = stage(&[USER, ("K", "kv/app/value")]);
        // The credential is made, and what is read beside it never comes.
        stage.fake.configure(|vault| vault.policy("", "app", &["database/creds/app", "kv/app"]));
        stage.fake.script(Rule::new("kv/app", Act::Status(503, Vec::new())));
        let mut kz = stage.spawn(&["--quiet", "export", "--format", "json"]);
        let end = Instant::now() + Duration::from_secs(30);
        while left(&stage).0 == 0 {
            assert!(Instant::now() < end, "no credential was made");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(kz.id().cast_signed()), signal).unwrap();
        let status = kz.wait().unwrap();
        let ended_by = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!((ended_by, left(&stage)), (Some(signal as i32), (0, 0)), "{signal}");
    }
}

/// Until when the token lives is good to know, and nothing that a delivery waits for, or fails by.
#[test]
fn a_look_at_the_token_that_is_never_answered_costs_no_delivery() {
    let mut stage = stage(&[USER]);
    stage.token = Some(stage.fake.configure(|vault| vault.root()));
    stage.secrets(&[USER], "");
    stage.fake.script(Rule::new("auth/token/lookup-self", Act::Hang));
    let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    run.expect_stderr(&["leased until"]);
    assert_eq!(stage.fake.configure(|vault| vault.leases()), 1);
}
