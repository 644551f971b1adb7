//! Leases that are given a longer life, and given back, in the words of a recorded `OpenBao`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

use super::*;
use crate::patience::Clock as _;
use crate::provider::{FailureKind, Lease, Lent, Unrenewed};

const RECORDING: &str = include_str!("../../../../../tests/fakes/src/vault/recording.jsonl");
const SECOND: Duration = Duration::from_secs(1);

/// The recorded answer of this name: its status and body.
fn recorded(id: &str) -> (u16, String) {
    let mut lines = RECORDING.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let line = lines.find(|line| line["id"] == id).unwrap_or_else(|| panic!("no record of {id}"));
    (u16::try_from(line["status"].as_u64().unwrap()).unwrap(), line["body"].to_string())
}

/// The recorded answer whose error has this text.
fn refusing(text: &str) -> (u16, String) {
    let mut lines = RECORDING.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let says = |line: &Json| {
        line["body"]["errors"][0].as_str().is_some_and(|error| error.contains(text))
            && line["request"]["path"].as_str().is_some_and(|path| path.contains("leases/renew"))
    };
    let line = lines.find(says).unwrap_or_else(|| panic!("no record of {text}"));
    (u16::try_from(line["status"].as_u64().unwrap()).unwrap(), line["body"].to_string())
}

fn lease(clock: &Virtual, number: usize, renewable: bool) -> Lease {
    let (id, namespace) = (format!("database/creds/app/{number}"), String::new());
    let lent = Lent { id, namespace, accessor: None, renewable };
    Lease { lent: Some(Box::new(lent)), issued: clock.now(), valid: 3600 * SECOND }
}

/// What a renewal comes to that is answered so, after ten minutes; and what was sent.
fn renewed((status, body): (u16, String), renewable: bool) -> (Result<Lease, Unrenewed>, Vec<Seen>) {
    let server = Server::plain(move |seen| match seen.line.as_str() {
        "POST /v1/sys/leases/renew" => Answer::json(status, body.clone()),
        _ => generous(seen),
    });
    let clock = Virtual::of_replies();
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", CANARY);
    let provider = build(&Settings::default(), &fixture);
    let lease = lease(&clock, 1, renewable);
    clock.spend(600 * SECOND);
    let ask = crate::provider::Ask { patience: clock.patience_from_now(60), ..fixture.ask.clone() };
    let result = crate::http::testing::run(provider.lender().unwrap().renew(&lease, lease.valid, &ask));
    let result = result.inspect(|longer| {
        assert_eq!((longer.issued, &longer.lent), (lease.issued + 600 * SECOND, &lease.lent));
    });
    (result, server.seen())
}

#[test]
fn a_lease_is_asked_for_as_long_a_life_as_it_had_and_has_what_it_is_given() {
    let (longer, seen) = renewed(recorded("lease-renew"), true);
    assert_eq!(longer.unwrap().valid, 3600 * SECOND);
    assert_eq!(seen.len(), 1);
    let sent: Json = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(sent, serde_json::json!({ "lease_id": "database/creds/app/1", "increment": 3600 }));
    let (status, body) = recorded("lease-renew");
    let capped = renewed((status, body.replace("\"lease_duration\":3600", "\"lease_duration\":120")), true);
    assert_eq!(capped.0.unwrap().valid, 120 * SECOND);
}

#[test]
fn why_a_lease_has_no_longer_life_is_told_apart() {
    assert_eq!(renewed(refusing("lease not found"), true).0, Err(Unrenewed::Over));
    assert_eq!(renewed(refusing("lease is not renewable"), true).0, Err(Unrenewed::Fixed));
    let (fixed, seen) = renewed(recorded("lease-renew"), false);
    assert_eq!((fixed, seen.len()), (Err(Unrenewed::Fixed), 0));
    let kind = |answer| match renewed(answer, true).0 {
        Err(Unrenewed::Failed(failure)) => failure.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(refusing("failed to renew entry")), FailureKind::ServerFailed);
    assert_eq!(kind(recorded("lease-renew-denied")), FailureKind::Denied);
    assert_eq!(kind((200, "{}".to_owned())), FailureKind::Malformed);
}

#[test]
fn many_are_given_back_each_once_and_few_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        Server::plain(move |seen| {
            if seen.line != "POST /v1/sys/leases/revoke" {
                return generous(seen);
            }
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
            Answer::json(204, "")
        })
    };
    let clock = Virtual::of_pauses(|_| {});
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", CANARY);
    let provider = build(&Settings::default(), &fixture);
    let leases: Vec<Lease> = (0..50).map(|number| lease(&clock, number, true)).collect();
    crate::http::testing::run(provider.lender().unwrap().give_back(&leases, &fixture.ask));
    let mut bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), server.seen().len()), (50, 50));
    assert!((1..=8).contains(&most.load(Ordering::SeqCst)), "{most:?} at once");
}
