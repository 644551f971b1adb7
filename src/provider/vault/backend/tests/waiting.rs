//! Servers that are not there yet, or will never be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kz_fakes::byte_server::free_port;
use kz_fakes::fake_server::tls::{Authority, Flaw};

use super::*;
use crate::patience::testing::after;
use crate::provider::FailureKind;

#[test]
fn a_vault_that_refuses_for_five_seconds_and_is_sealed_for_three_is_waited_for() {
    let port = free_port();
    let time = Arc::new(Mutex::new(Duration::ZERO));
    let server: Arc<Mutex<Option<Server>>> = Arc::default();
    let clock = {
        let (time, server) = (Arc::clone(&time), Arc::clone(&server));
        Virtual::of_pauses(move |passed| {
            *time.lock().unwrap() = passed;
            let mut server = server.lock().unwrap();
            if passed >= after(5.0) && server.is_none() {
                let time = Arc::clone(&time);
                *server = Some(Server::plain_at(port, move |seen| {
                    if *time.lock().unwrap() < after(8.0) {
                        Answer::json(503, r#"{"errors":["Vault is sealed"]}"#)
                    } else {
                        generous(seen)
                    }
                }));
            }
        })
    };
    let fixture = Fixture::new()
        .with_variable("VAULT_ADDR", format!("http://localhost:{port}"))
        .with_variable("VAULT_TOKEN", "t")
        .with_patience(clock.patience(60, 1.0));
    let found = outcomes(&fixture, &Settings::default(), &["kv/a", "kv/b"]);
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))), "{found:?}");
    assert!(clock.passed() >= after(8.0) && clock.passed() < after(13.0), "{:?}", clock.passed());
}

#[test]
fn one_that_never_comes_is_named_in_every_documents_error() {
    let clock = Virtual::of_pauses(|_| {});
    let port = free_port();
    let fixture = Fixture::new()
        .with_variable("VAULT_ADDR", format!("http://localhost:{port}"))
        .with_variable("VAULT_TOKEN", "t")
        .with_patience(clock.patience(60, 1.0));
    let failures: Vec<_> =
        outcomes(&fixture, &Settings::default(), &["kv/a", "kv/b"]).into_iter().map(failure).collect();
    for failure in failures {
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert_eq!(
            failure.cause,
            format!("connection refused to localhost:{port} for 60 s: is the mesh sidecar or Vault up yet?")
        );
    }
}

#[test]
fn one_that_hangs_for_ever_ends_at_the_deadline() {
    let clock = Virtual::of_pauses(|_| {});
    let server = {
        let clock = clock.clone();
        Server::plain(move |_| {
            clock.hang();
            Answer::Hang
        })
    };
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", "t");
    let failure = failure(outcomes(&fixture, &Settings::default(), &["kv/a"]).remove(0));
    let authority = format!("localhost:{}", server.port);
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_eq!(
        failure.cause,
        format!("no answer from {authority} for 60 s: is it Vault that listens there?")
    );
    assert_eq!(clock.passed(), after(60.0));
}

#[test]
fn one_that_was_never_asked_for_says_so_and_because_of_whom() {
    let clock = Virtual::of_pauses(|_| {});
    let server = {
        let (clock, asked) = (clock.clone(), Mutex::new(0));
        Server::plain(move |seen| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            if *asked == 1 {
                return generous(seen);
            }
            clock.hang();
            Answer::Hang
        })
    };
    let terms = Terms { concurrency: Some(1), ..Terms::default() };
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", "t").with_terms(terms);
    let found = outcomes(&fixture, &Settings::default(), &["kv/a", "kv/b", "kv/c"]);
    assert!(matches!(found[0], Outcome::Found(_)), "{found:?}");
    let causes: Vec<_> = found.into_iter().skip(1).map(|outcome| failure(outcome).cause).collect();
    let authority = format!("localhost:{}", server.port);
    assert_eq!(causes[0], format!("no answer from {authority} for 60 s: is it Vault that listens there?"));
    assert_eq!(causes[1], format!("{authority}: not asked for, since what came before took all of the 60 s"));
    assert_eq!(server.seen().len(), 2);
}

/// How many requests a hundred documents make of a server that is in trouble for so many seconds.
fn requests(seconds: f64, trouble: fn() -> Answer) -> usize {
    let time = Arc::new(Mutex::new(Duration::ZERO));
    let passed = Arc::clone(&time);
    let clock = Virtual::of_pauses(move |passed| *time.lock().unwrap() = passed);
    let server =
        Server::plain(
            move |seen| {
                if *passed.lock().unwrap() < after(seconds) { trouble() } else { generous(seen) }
            },
        );
    let paths: Vec<String> = (0..100).map(|number| format!("kv/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", "t");
    let found = outcomes(&fixture, &Settings::default(), &paths);
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))), "{found:?}");
    server.seen().len()
}

#[test]
fn a_hundred_documents_ask_a_server_in_trouble_as_one() {
    let troubles: [fn() -> Answer; 5] = [
        || Answer::json(503, r#"{"errors":["Vault is sealed"]}"#),
        || Answer::Reply(429, "", String::new()),
        || Answer::Reply(473, "", String::new()),
        || Answer::Reply(502, "content-type: text/html\r\n", "<html>".to_owned()),
        || Answer::Close,
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        let requests = requests(20.0, trouble);
        assert!((100..=250).contains(&requests), "{number}: {requests} requests");
    }
}

/// A server that answers the first `number` requests so, and then as it should.
fn late(number: usize, status: u16, headers: &'static str) -> Server {
    let asked = Mutex::new(0);
    Server::plain(move |seen| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked <= number { Answer::Reply(status, headers, String::new()) } else { generous(seen) }
    })
}

#[test]
fn every_status_that_passes_is_waited_for() {
    for status in [408, 412, 425, 429, 472, 473, 500, 502, 503, 504] {
        let server = late(3, status, "");
        // Behind a gateway that gave up, a credential may have been made: `ways` has those.
        let path = if status == 504 { "secret/data/a" } else { "kv/a" };
        assert!(matches!(outcome(&server, path), Outcome::Found(_)), "{status}");
        assert_eq!(server.seen().len(), 4, "{status}");
    }
}

#[test]
fn a_server_that_says_how_long_to_stay_away_is_heeded() {
    let server = late(1, 429, "retry-after: 17\r\n");
    let clock = Virtual::of_pauses(|_| {});
    let fixture = surroundings(&server, &clock).with_variable("VAULT_TOKEN", "t");
    assert!(matches!(&outcomes(&fixture, &Settings::default(), &["kv/a"])[0], Outcome::Found(_)));
    assert_eq!(clock.passed(), after(25.5));
}

#[test]
fn what_stays_is_asked_once() {
    // A 404 is final in Vault's own words only: `documents` has those.
    for status in [400, 401, 403, 405] {
        let server = late(9, status, "");
        assert!(!matches!(outcome(&server, "kv/a"), Outcome::Found(_)));
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[test]
fn a_standby_is_followed_to_its_own_address_only() {
    let server = Server::plain(|seen| match seen.line.as_str() {
        "GET /v1/kv/a" => Answer::Reply(307, "location: /v1/kv/b\r\n", String::new()),
        _ => generous(seen),
    });
    assert!(matches!(outcome(&server, "kv/a"), Outcome::Found(_)));
    let elsewhere = Server::plain(generous);
    let location: &'static str = format!("location: {}/v1/kv/a\r\n", elsewhere.address()).leak();
    let standby = Server::plain(move |_| Answer::Reply(307, location, String::new()));
    let failure = failure(outcome(&standby, "kv/a"));
    let words = format!("for 60 s: it is a standby that sends kz to {}", elsewhere.address());
    assert!(failure.cause.ends_with(&words), "{}", failure.cause);
    assert!(elsewhere.seen().is_empty(), "the token went to another server");
    let circle = Server::plain(|_| Answer::Reply(307, "location: /v1/kv/a\r\n", String::new()));
    let words = "for 60 s: it redirects kz in a circle";
    assert!(super::failure(outcome(&circle, "kv/a")).cause.ends_with(words));
}

#[test]
fn a_standby_that_sends_kz_to_a_leader_that_has_died_is_asked_again() {
    let asked = Mutex::new(0);
    let standby = Server::plain(move |seen| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        match *asked {
            1..4 => Answer::Reply(307, "location: https://leader.test:8200/v1/kv/a\r\n", String::new()),
            4..7 => Answer::Reply(307, "location: /v1/kv/a\r\n", String::new()),
            _ => generous(seen),
        }
    });
    assert!(matches!(outcome(&standby, "kv/a"), Outcome::Found(_)));
    assert_eq!(standby.seen().len(), 7);
}

#[test]
fn what_is_no_vault_is_told_at_once() {
    let tls = Authority::new().server_config(Flaw::None, &[]);
    let server = Server::tls(tls, generous);
    let address = format!("http://localhost:{}", server.port);
    let fixture = with_token(&server).with_variable("VAULT_ADDR", address);
    let failure = failure(outcomes(&fixture, &Settings::default(), &["kv/a"]).remove(0));
    assert_eq!(failure.hint, crate::hint::said("is the address to begin with `https://`?"));
    let huge = Server::plain(|_| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"));
    let failure = super::failure(outcome(&huge, "kv/a"));
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert_eq!(failure.cause, format!("localhost:{}: the answer has more than 64 MiB", huge.port));
    assert_eq!(huge.seen().len(), 1);
}

#[test]
fn a_server_that_was_never_given_keys_is_told_from_one_that_is_sealed() {
    let sealed = r#"{"errors":["Vault is sealed"]}"#;
    for (status, words, hint) in [
        (
            r#"{"initialized":false,"sealed":true}"#,
            "Vault was never initialized (status 503)",
            "operator init",
        ),
        (r#"{"initialized":true,"sealed":true}"#, "Vault is sealed (status 503)", "operator unseal"),
        // RustyVault's, and somebody's who does not answer that.
        (r#"{"sealed":true}"#, "Vault is sealed (status 503)", "operator unseal"),
        ("no", "Vault is sealed (status 503)", "operator unseal"),
    ] {
        let server = Server::plain(move |seen| match seen.line.as_str() {
            "GET /v1/sys/seal-status" => Answer::json(200, status),
            _ => Answer::json(503, sealed),
        });
        for outcome in outcomes(&with_token(&server), &Settings::default(), &["kv/a", "kv/b", "kv/c"]) {
            let failure = failure(outcome);
            assert_eq!(failure.kind, FailureKind::Unreachable);
            assert!(
                failure.cause.ends_with(words) || failure.cause.contains("not asked for"),
                "{}",
                failure.cause
            );
            assert!(failure.hint.is_none_or(|told| told.to_string().contains(hint)), "{words}");
        }
        // Where it was never given keys, once more when the waiting is over: it may have been meanwhile.
        let times = if hint == "operator init" { 2 } else { 1 };
        let asked = server.lines().iter().filter(|line| line.ends_with("seal-status")).count();
        assert_eq!(asked, times, "{words}");
    }
}
