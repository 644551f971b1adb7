//! A Secret Manager that fails: which class it is, in which words, how often it is asked, and that nothing leaks.

use serde_json::Value;

use crate::canary::{assert_clean, canary};
use crate::gcp::stage::{LINE, Stage};
use crate::support::Run;
use kz_fakes::fake_server::Transport;
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::gcp::words;

/// One secret `app`.
fn small(transport: Transport, value: &str) -> Stage {
    let stage = Stage::new(transport);
    stage.fake.configure(|gcp| gcp.secret("app", value));
    stage.config(LINE);
    stage
}

/// What `kz status` says of the one secret, which the canary is the value of.
#[track_caller]
fn status(stage: &Stage, canary: &str) -> (Run, Value) {
    let run = stage.kz(&["-v", "--timeout", "2s", "status", "--format", "json"]);
    assert_clean(&run, canary);
    let token = stage.variables.iter().find(|(name, _)| *name == "GOOGLE_OAUTH_ACCESS_TOKEN");
    assert!(token.is_none_or(|(_, token)| !run.stderr().contains(token.as_str())), "{}", run.describe());
    let secret = serde_json::from_str::<Vec<Value>>(&run.stdout()).expect("JSON").remove(0);
    (run, secret)
}

/// Class, words, and the number of requests; nothing where it is as many as there was time for.
type Expected = (&'static str, &'static [&'static str], Option<usize>);

fn faults() -> Vec<(Act, Expected)> {
    let status = |status| Act::Status(status, Vec::new());
    let after = |code, seconds: &str| Act::Status(code, vec![("Retry-After".to_owned(), seconds.to_owned())]);
    vec![
        (status(401), ("denied", &["does not accept the identity", "UNAUTHENTICATED"], Some(1))),
        (status(403), ("denied", &["permission denied (PERMISSION_DENIED)"], Some(1))),
        (status(404), ("absent", &[], Some(1))),
        (status(400), ("not set up", &["does not accept the request", "INVALID_ARGUMENT"], Some(1))),
        (status(429), ("unreachable", &["too many requests", "for 2 s"], None)),
        (after(429, "1"), ("unreachable", &["too many requests"], Some(2))),
        (after(429, "60"), ("unreachable", &["too many requests"], Some(1))),
        (status(500), ("server failed", &["the service failed", "INTERNAL"], None)),
        (status(503), ("unreachable", &["the service failed", "UNAVAILABLE"], None)),
        (Act::Hang, ("unreachable", &["no answer from 127.0.0.1", "for 2 s"], Some(1))),
        (Act::Reset, ("unreachable", &["the connection was closed"], None)),
        (Act::Truncate, ("malformed", &["not what Google sends"], Some(1))),
        (Act::Text("{}"), ("malformed", &["not what Google sends: it is not of the right form"], Some(1))),
        (Act::Text("<html>"), ("malformed", &["not what Google sends"], Some(1))),
        (Act::Answer(words::html(404)), ("malformed", &["is not Google", "404"], Some(1))),
        (Act::Answer(words::html(302)), ("malformed", &["is not Google", "302"], Some(1))),
    ]
}

#[test]
fn every_fault_has_its_class_and_its_words_and_shows_no_value() {
    let canary = canary();
    for (act, (class, words, requests)) in faults() {
        let stage = small(Transport::Http1, &canary);
        stage.fake.script(Rule::new("access/", act.clone()));
        let (run, secret) = status(&stage, &canary);
        assert_eq!(secret["state"], class, "{act:?}\n{}", run.describe());
        for word in words {
            let said = secret["cause"].as_str().unwrap_or_default();
            assert!(said.contains(word), "{act:?} lacks {word:?}\n{}", run.describe());
        }
        let asked = stage.fake.requests("access/");
        assert!(requests.map_or(asked > 1, |number| asked == number), "{act:?}: {asked}\n{}", run.describe());
    }
}

#[test]
fn reasons_are_told_apart_and_say_what_to_do() {
    for (reason, words) in [
        ("IAM_PERMISSION_DENIED", ["permission denied", "roles/secretmanager.secretAccessor` on `app`"]),
        (
            "SERVICE_DISABLED",
            ["the API is not enabled", "gcloud services enable secretmanager.googleapis.com"],
        ),
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", ["scopes", "cloud-platform"]),
        ("CONSUMER_INVALID", ["no such project", "id right"]),
        ("BILLING_DISABLED", ["no billing account", "link the project"]),
        ("SECURITY_POLICY_VIOLATED", ["VPC Service Controls", "perimeter"]),
    ] {
        let stage = small(Transport::Http1, "v");
        stage.fake.script(Rule::new("access/", Act::Answer(words::reasoned(403, "it went wrong", reason))));
        let run = stage.kz(&["export", "--format", "env"]).expect_unresolved().expect_stderr(&words);
        assert!(!run.stderr().contains("it went wrong"), "{}", run.describe());
    }
}

#[test]
fn what_passes_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let stage = small(Transport::Http2, "v");
        stage.fake.script(Rule::status("access/", status).times(2));
        stage.kz(&["export", "--format", "env"]).expect_code(0);
        assert_eq!(stage.fake.requests("access/"), 3, "{status}");
    }
}

#[test]
fn a_damaged_value_is_asked_for_once_more_and_then_refused() {
    let canary = canary();
    let stage = small(Transport::Http2, &canary);
    stage.fake.configure(|gcp| gcp.damage("app", 1));
    let run = stage.kz(&["export", "--format", "env"]).expect_code(0);
    assert_eq!((run.stdout(), stage.fake.requests("access/")), (format!("V={canary}\n"), 2));
    stage.fake.configure(|gcp| gcp.damage("app", 1000));
    let (run, secret) = status(&stage, &canary);
    assert_eq!(secret["state"], "malformed", "{}", run.describe());
    assert!(secret["cause"].as_str().is_some_and(|cause| cause.contains("CRC32C")), "{}", run.describe());
    assert_eq!(stage.fake.requests("access/"), 4);
}

#[test]
fn a_value_without_a_checksum_is_taken() {
    let stage = small(Transport::Http2, "v");
    stage.fake.configure(|gcp| gcp.leave_out_checksum("app"));
    assert_eq!(stage.kz(&["export", "--format", "env"]).expect_code(0).stdout(), "V=v\n");
}

/// As a deleted version in other backends: `optional` and `default` apply.
#[test]
fn a_version_that_is_off_or_gone_is_absent_and_said() {
    let stage = small(Transport::Http2, "v");
    for (state, words) in [
        ("DISABLED", ["version latest is disabled", "gcloud secrets versions enable latest --secret=app"]),
        ("DESTROYED", ["version latest is destroyed", "name another `version`"]),
    ] {
        stage.fake.configure(|gcp| gcp.set_state("app", 1, state));
        let run = stage.kz(&["export", "--format", "env"]).expect_unresolved().expect_stderr(&words);
        assert!(run.stderr().contains("absent"), "{}", run.describe());
    }
    stage.config("V = { provider = \"gcp-sm\", ref = \"app\", default = \"d\" }\n");
    assert_eq!(stage.kz(&["export", "--format", "env"]).expect_code(0).stdout(), "V=d\n");
    stage.config("V = { provider = \"gcp-sm\", ref = \"app\", version = 9 }\n");
    let words = ["the secret has no version `9`", "gcloud secrets versions list app"];
    stage.kz(&["export", "--format", "env"]).expect_unresolved().expect_stderr(&words);
}

/// One that is denied does not take others with it.
#[test]
fn each_secret_has_its_own_outcome() {
    let stage = small(Transport::Http2, "v");
    stage.fake.configure(|gcp| {
        gcp.secret("closed", "v");
        gcp.only_for("closed", "somebody else");
    });
    stage.config(&format!("{LINE}C = {{ provider = \"gcp-sm\", ref = \"closed\" }}\n"));
    let run = stage
        .kz(&["export", "--format", "env"])
        .expect_unresolved()
        .expect_stderr(&["C (gcp-sm `closed`) denied"]);
    assert!(!run.stderr().contains("V (gcp-sm"), "{}", run.describe());
}
