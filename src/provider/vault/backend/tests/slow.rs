//! Giving back to a server that takes its time. The time is virtual: a reply costs as much of it as the server says, and comes
//! after whoever would not wait for it has gone. So what is asked, and what is not, follows from the bounds alone.

use std::time::Duration;

use futures_util::future::{Either, select};

use crate::provider::{DocumentRef, End};

use super::*;

const LOGIN: &str = "POST /v1/auth/approle/login";
const USER: &str = "GET /v1/db/creds/app";
const LOOK: &str = "GET /v1/auth/token/lookup-self";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";
const REVOKE_LEASE: &str = "POST /v1/sys/leases/revoke";

/// A server whose replies take so long, from this request on.
fn server(clock: &Virtual, from: &'static str, seconds: f64) -> Server {
    let (clock, is_slow) = (clock.clone(), std::sync::atomic::AtomicBool::new(false));
    Server::plain(move |seen| {
        let begins = seen.line == from;
        if is_slow.fetch_or(begins, std::sync::atomic::Ordering::SeqCst) || begins {
            clock.spend(Duration::from_secs_f64(seconds));
        }
        reply(seen)
    })
}

/// What is asked from `LOOK` on when it is given back at this server, after a read of `path`.
fn given_back(path: &str, seconds: f64, ends: &[End]) -> Vec<String> {
    let clock = Virtual::of_replies();
    let server = server(&clock, LOOK, seconds);
    let fixture = with_login(&server, &clock);
    let provider = build(&Settings::default(), &fixture);
    let documents = [DocumentRef { path: path.to_owned(), version: None, request: None }];
    crate::http::testing::run(async {
        drop(provider.fetch(&documents, &fixture.ask).await);
        for end in ends {
            provider.close(*end, &fixture.ask).await;
        }
    });
    server.lines().into_iter().skip_while(|line| line != LOOK).collect()
}

fn with_login(server: &Server, clock: &Virtual) -> Fixture {
    surroundings(server, clock).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s")
}

#[test]
fn a_token_is_ended_after_a_delivery_where_each_reply_takes_more_than_two_seconds() {
    for seconds in [0.0, 1.2, 2.0, 2.4] {
        assert_eq!(given_back("kv/data/a", seconds, &[End::Delivered]), [LOOK, REVOKE], "{seconds}");
    }
}

#[test]
fn a_token_is_asked_to_end_also_where_nobody_waits_for_the_answer() {
    assert_eq!(given_back("kv/data/a", 3.9, &[End::Delivered]), [LOOK, REVOKE]);
    assert_eq!(given_back("kv/data/a", 6.9, &[End::NotDelivered]), [LOOK, REVOKE]);
}

#[test]
fn whoever_does_not_tell_whose_a_token_is_has_the_leases_ended_in_time_that_is_left() {
    assert_eq!(given_back("db/creds/app", 7.1, &[End::NotDelivered]), [LOOK, REVOKE_LEASE]);
    // A delivery waits for less.
    assert_eq!(given_back("kv/data/a", 4.1, &[End::Delivered]), [LOOK]);
}

/// A stop that comes while it is given back after a delivery, of a command that then is not started.
#[test]
fn a_stop_after_all_has_time_left_and_looks_no_second_time() {
    let asked = given_back("db/creds/app", 2.4, &[End::Delivered, End::NotDelivered]);
    assert_eq!(asked.iter().filter(|line| *line == LOOK).count(), 1, "{asked:?}");
    assert_eq!(asked.last().unwrap(), REVOKE);
}

/// A stop while a login, or what makes a credential, is on its way.
#[test]
fn what_is_on_its_way_at_a_stop_is_awaited_and_given_back_where_each_reply_takes_more_than_two_seconds() {
    for (held, path) in [(LOGIN, "kv/data/a"), (USER, "db/creds/app")] {
        for seconds in [0.2, 2.3, 2.6] {
            let clock = Virtual::of_replies();
            let server = stopped(&clock, held, path, seconds);
            let asked: Vec<_> = server.lines().into_iter().skip_while(|line| line != held).skip(1).collect();
            assert_eq!(asked, [LOOK, REVOKE], "{held} {seconds}");
        }
    }
}

/// Gives up a read when `held` has been asked for.
fn stopped(clock: &Virtual, held: &'static str, path: &str, seconds: f64) -> Server {
    // It answers only when nobody waits any more, so that it is certain that somebody has given up.
    let gate = super::given_up::Gate::default();
    let (inner, passed) = (clock.clone(), gate.clone());
    let is_slow = std::sync::atomic::AtomicBool::new(false);
    let server = Server::plain(move |seen| {
        let begins = seen.line == held;
        if begins {
            passed.pass();
        }
        if is_slow.fetch_or(begins, std::sync::atomic::Ordering::SeqCst) || begins {
            inner.spend(Duration::from_secs_f64(seconds));
        }
        reply(seen)
    });
    let fixture = with_login(&server, clock);
    let provider = build(&Settings::default(), &fixture);
    let documents = [DocumentRef { path: path.to_owned(), version: None, request: None }];
    crate::http::testing::run(async {
        let has_come = Box::pin(async {
            while !server.lines().iter().any(|line| line == held) {
                tokio::task::yield_now().await;
            }
        });
        match select(provider.fetch(&documents, &fixture.ask), has_come).await {
            Either::Right(((), read)) => drop(read),
            Either::Left((outcomes, _)) => panic!("{outcomes:?}"),
        }
        let closing = provider.close(End::NotDelivered, &fixture.ask);
        // The bounds begin before the answer comes.
        let opening = Box::pin(async {
            tokio::task::yield_now().await;
            gate.open();
        });
        futures_util::future::join(closing, opening).await;
    });
    server
}

fn reply(seen: &Seen) -> Answer {
    let auth = format!(r#"{{"auth":{{"client_token":"{CANARY}","accessor":"ours","lease_duration":1200}}}}"#);
    match seen.line.as_str() {
        LOGIN => Answer::json(200, auth),
        USER => {
            Answer::json(200, r#"{"request_id":"r","lease_id":"db/1","lease_duration":9,"data":{"a":"1"}}"#)
        }
        _ => generous(seen),
    }
}
