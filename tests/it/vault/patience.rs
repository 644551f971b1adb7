//! kz and a Vault that is not ready yet, or never: what is tried again, what is not, and what is said of it.

use std::time::{Duration, Instant};

use crate::vault::stage::Stage;
use kz_fakes::vault::script::{Act, Rule};
use kz_fakes::vault::{Fake, Transport};

const EXPORT: &[&str] = &["export", "--format", "env", "--output", "out"];

/// The whole story once, by the real clock: five seconds without a listener, then three seconds of a sealed Vault.
#[test]
fn a_vault_that_refuses_for_5_s_and_is_sealed_for_3_is_waited_for() {
    let stage = Stage::before(Fake::closed(Transport::Http2));
    stage.documents(3);
    let opens = Instant::now() + Duration::from_secs(5);
    stage.fake.script(Rule::status("secret/", 503).until(opens + Duration::from_secs(3)));
    // A pause may be longer than those three seconds: some attempts must meet the seal all the same.
    stage.fake.script(Rule::status("secret/", 503).times(3));
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(opens - Instant::now());
            stage.fake.open();
        });
        stage.kz(EXPORT)
    });
    let run =
        run.expect_code(0).expect_stderr(&["connection refused", "sealed", &stage.fake.address.to_string()]);
    assert!(Instant::now() > opens + Duration::from_secs(3), "{}", run.describe());
    let lines = std::fs::read_to_string(stage.sandbox.path("out")).unwrap();
    assert_eq!(lines.lines().count(), 3, "{}", run.describe());
    // The first document alone meets the refusals, since the rest wait until its connection stands; the seal they meet
    // together, and nobody knocks without a pause. Pauses are drawn, so that only a storm is told from patience.
    assert!(stage.fake.requests("") < 100, "{} requests", stage.fake.requests(""));
}

#[test]
fn a_vault_that_hangs_for_ever_is_given_up_at_the_deadline() {
    for act in [Act::Hang, Act::HangInBody] {
        let stage = Stage::new(Transport::Http2);
        stage.documents(3);
        stage.fake.script(Rule::new("", act));
        let words = [&["--timeout", "2s"], EXPORT].concat();
        let run = stage.kz(&words).expect_unresolved().expect_stderr(&["S0", "S1", "S2", "for 2 s"]);
        assert!(!stage.sandbox.path("out").exists(), "{}", run.describe());
    }
}

#[test]
fn what_passes_is_tried_again() {
    for status in [408, 412, 425, 429, 472, 473, 500, 502, 503, 504] {
        let stage = Stage::new(Transport::Http2);
        stage.documents(1);
        stage.fake.script(Rule::status("secret/", status).times(1));
        stage.kz(EXPORT).expect_code(0);
        assert_eq!(stage.fake.requests("secret/"), 2, "{status}");
    }
    for act in [Act::Reset, Act::Break] {
        let stage = Stage::new(Transport::Http1);
        stage.documents(1);
        stage.fake.script(Rule::new("secret/", act.clone()).times(1));
        stage.kz(EXPORT).expect_code(0);
        assert_eq!(stage.fake.requests("secret/"), 2, "{act:?}");
    }
}

#[test]
fn what_stays_is_asked_for_once() {
    for status in [400, 401, 403, 404, 405] {
        let stage = Stage::new(Transport::Http2);
        stage.documents(1);
        stage.fake.script(Rule::status("secret/", status));
        let run = stage.kz(EXPORT).expect_unresolved();
        assert_eq!(stage.fake.requests(""), 1, "{status}\n{}", run.describe());
    }
}

#[test]
fn a_retry_after_that_the_deadline_does_not_allow_is_not_slept_through() {
    let stage = Stage::new(Transport::Http2);
    stage.documents(1);
    stage.fake.script(Rule::retry_after("secret/", 429, "3600"));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["too many requests"]);
    assert_eq!(stage.fake.requests(""), 1);
}

#[test]
fn a_retry_after_is_waited_for() {
    let stage = Stage::new(Transport::Http2);
    stage.documents(1);
    stage.fake.script(Rule::retry_after("secret/", 429, "2").times(1));
    let begin = Instant::now();
    stage.kz(EXPORT).expect_code(0);
    assert!(begin.elapsed() >= Duration::from_secs(2), "after {:?}", begin.elapsed());
    assert_eq!(stage.fake.requests(""), 2);
}

/// One busy document among many: the others are not asked for again.
#[test]
fn only_the_document_that_failed_is_asked_for_again() {
    let stage = Stage::new(Transport::Http2);
    stage.documents(20);
    stage.fake.script(Rule::status("secret/data/d7", 500).times(2));
    stage.kz(EXPORT).expect_code(0);
    assert_eq!((stage.fake.requests("secret/data/d7"), stage.fake.requests("")), (3, 22));
}
