//! A provider that is asked again, hours later: what its token came by, and what of it is used a second time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::authentication::path;
use super::*;
use crate::provider::{Ask, DocumentRef, End, Provider};

const HOUR: Duration = Duration::from_hours(1);

/// A server that unwraps a secret id, or a token that lives for an hour; its tokens are not renewed.
fn server() -> Server {
    Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/sys/wrapping/unwrap" => Answer::json(
            200,
            format!(
                r#"{{"data":{{"secret_id":"of-the-wrapping"}},"auth":{{"client_token":"{CANARY}","lease_duration":3600}}}}"#
            ),
        ),
        "POST /v1/auth/approle/login" => {
            Answer::json(200, format!(r#"{{"auth":{{"client_token":"{CANARY}","lease_duration":3600}}}}"#))
        }
        _ => generous(seen),
    })
}

/// What comes of asking now, and how many requests of these kinds there were by then.
fn ask(provider: &dyn Provider, clock: &Virtual, server: &Server) -> (Outcome, [usize; 2]) {
    let documents = [DocumentRef { path: "secret/data/a".to_owned(), version: None, request: None }];
    let ask = Ask { patience: clock.patience_from_now(60), ..Ask::default() };
    let outcome = crate::http::testing::run(provider.fetch(&documents, &ask)).remove(0);
    let count = |wanted: &str| server.lines().iter().filter(|line| line.ends_with(wanted)).count();
    (outcome, ["/unwrap", "/login"].map(count))
}

#[test]
fn a_wrapped_secret_id_serves_each_login_until_another_lies_there() {
    let (server, clock) = (server(), Virtual::of_replies());
    let fixture = surroundings(&server, &clock);
    let settings = auth(
        "approle",
        &[
            ("role_id", text("r")),
            ("secret_id_file", path(&fixture, "wrapped", "one")),
            ("wrapped", Value::Boolean(true)),
        ],
    );
    let provider = build(&settings, &fixture);
    for logins in 1..4 {
        let (outcome, counts) = ask(&*provider, &clock, &server);
        assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
        assert_eq!(counts, [1, logins]);
        clock.spend(HOUR);
    }
    fixture.file("wrapped", "two");
    assert_eq!(ask(&*provider, &clock, &server).1, [2, 4]);
    let sent = server.seen();
    let logins = sent.iter().filter(|seen| seen.line.ends_with("/login"));
    assert!(logins.into_iter().all(|seen| seen.body.contains("of-the-wrapping")));
}

#[test]
fn a_wrapped_token_that_has_ended_is_said_to_be_and_its_wrapping_is_not_sent_again() {
    let (server, clock) = (server(), Virtual::of_replies());
    let fixture = surroundings(&server, &clock);
    let wrapped = [("token_file", path(&fixture, "token", "one")), ("wrapped", Value::Boolean(true))];
    let provider = build(&auth("token", &wrapped), &fixture);
    let (outcome, counts) = ask(&*provider, &clock, &server);
    assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
    assert_eq!(counts, [1, 0]);
    clock.spend(HOUR);
    for _ in 0..2 {
        let (outcome, counts) = ask(&*provider, &clock, &server);
        let failure = failure(outcome);
        assert!(failure.cause.ends_with("has ended, and kz has used the wrapping one up"), "{failure:?}");
        assert_eq!(counts, [1, 0]);
    }
    fixture.file("token", "two");
    let (outcome, counts) = ask(&*provider, &clock, &server);
    assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
    assert_eq!(counts, [2, 0]);
}

#[test]
fn a_token_that_the_server_no_longer_knows_is_got_anew_and_not_at_each_asking() {
    let clock = Virtual::of_replies();
    let server = Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/auth/approle/login" => {
            Answer::json(200, format!(r#"{{"auth":{{"client_token":"{CANARY}","lease_duration":3600}}}}"#))
        }
        line if line.starts_with("GET /v1/secret") => {
            Answer::json(403, r#"{"errors":["permission denied","invalid token"]}"#)
        }
        _ => generous(seen),
    });
    let fixture = surroundings(&server, &clock).with_variable("VAULT_ROLE_ID", "r");
    let fixture = fixture.with_variable("VAULT_SECRET_ID", "s");
    let provider = build(&Settings::default(), &fixture);
    for (seconds, logins) in [(0, 1), (10, 1), (60, 1), (1, 2), (10, 2)] {
        clock.spend(Duration::from_secs(seconds));
        assert_eq!(ask(&*provider, &clock, &server).1, [0, logins], "{seconds}");
    }
}

/// The tokens that are ended at the end, so long after the second was got, which was shortly before the end of the first.
fn ended(later: Duration) -> Vec<String> {
    let clock = Virtual::of_replies();
    let logins = AtomicUsize::new(0);
    let server = Server::plain(move |seen| match seen.line.as_str() {
        "POST /v1/auth/approle/login" => {
            let number = logins.fetch_add(1, Ordering::SeqCst);
            let auth = format!(r#"{{"client_token":"{CANARY}-{number}","lease_duration":3600}}"#);
            Answer::json(200, format!(r#"{{"auth":{auth}}}"#))
        }
        "GET /v1/auth/token/lookup-self" => {
            let token = seen.header("x-vault-token").unwrap_or_default();
            Answer::json(200, answer(&format!(r#"{{"id":"{token}","ttl":60}}"#)))
        }
        _ => generous(seen),
    });
    let fixture = surroundings(&server, &clock).with_variable("VAULT_ROLE_ID", "r");
    let fixture = fixture.with_variable("VAULT_SECRET_ID", "s");
    let provider = build(&Settings::default(), &fixture);
    for time in [Duration::from_mins(59), later] {
        assert!(matches!(ask(&*provider, &clock, &server).0, Outcome::Found(_)));
        clock.spend(time);
    }
    let last = Ask { patience: clock.patience_from_now(60), ..Ask::default() };
    crate::http::testing::run(provider.close(End::NotDelivered, &last));
    let revoked = server.seen().into_iter().filter(|seen| seen.line.ends_with("revoke-self"));
    revoked.filter_map(|seen| seen.header("x-vault-token").map(str::to_owned)).collect()
}

#[test]
fn tokens_that_kz_uses_no_more_are_ended_with_the_last_as_long_as_they_live() {
    let [first, second] = [0, 1].map(|number| format!("{CANARY}-{number}"));
    assert_eq!(ended(Duration::from_secs(10)), [first, second.clone()]);
    assert_eq!(ended(Duration::from_mins(10)), [second]);
}
