//! What was on its way when whoever waited for it gave up, as at a request to stop: kz takes it, and gives it back.

use std::sync::{Arc, Condvar, Mutex};

use futures_util::future::{Either, select};

use crate::provider::{DocumentRef, End};

use super::authentication::path;
use super::*;

/// What answers wait for until it is opened.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(super) fn pass(&self) {
        let mut is_open = self.0.0.lock().unwrap();
        while !*is_open {
            is_open = self.0.1.wait(is_open).unwrap();
        }
    }
}

const LOGIN: &str = "POST /v1/auth/approle/login";
const UNWRAP: &str = "POST /v1/sys/wrapping/unwrap";
const USER: &str = "GET /v1/db/creds/app";
const PLAIN: &str = "GET /v1/db/plain";

/// Answers this request when the gate is open, and all others at once.
fn server(held: &'static str, gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::plain(move |seen| {
        if seen.line == held {
            gate.pass();
        }
        let auth = format!(r#"{{"auth":{{"client_token":"{CANARY}","accessor":"ours"}}}}"#);
        match seen.line.as_str() {
            LOGIN | UNWRAP => Answer::json(200, auth),
            USER => Answer::json(200, r#"{"lease_id":"db/1","lease_duration":9,"data":{"a":"1"}}"#),
            _ => generous(seen),
        }
    })
}

/// Gives a read up when the request that is held has come, and lets it be answered where it `is_answered`; what is asked after it.
fn given_up(
    held: &'static str,
    path: &str,
    is_answered: bool,
    around: impl Fn(&Server, &Virtual) -> (Settings, Fixture),
) -> Vec<(String, Option<String>)> {
    let gate = Gate::default();
    let server = server(held, &gate);
    let clock = Virtual::of_pauses(|_| {});
    let (settings, fixture) = around(&server, &clock);
    let provider = build(&settings, &fixture);
    let documents = [DocumentRef { path: path.to_owned(), version: None, request: None }];
    crate::http::testing::run(async {
        let has_come = Box::pin(async {
            while !server.lines().iter().any(|line| line == held) {
                tokio::task::yield_now().await;
            }
        });
        let read = match select(provider.fetch(&documents, &fixture.ask), has_come).await {
            Either::Right(((), read)) => read,
            Either::Left((outcomes, _)) => panic!("{outcomes:?}"),
        };
        drop(read);
        if is_answered {
            gate.open();
        } else {
            clock.hang();
        }
        provider.close(End::NotDelivered, &fixture.ask).await;
        provider.close(End::NotDelivered, &fixture.ask).await;
        gate.open();
    });
    let seen = server.seen();
    let after = seen.iter().skip_while(|seen| seen.line != held).skip(1);
    after.map(|seen| (seen.line.clone(), seen.header("x-vault-namespace").map(str::to_owned))).collect()
}

fn lines(asked: Vec<(String, Option<String>)>) -> Vec<String> {
    asked.into_iter().map(|(line, _)| line).collect()
}

const LOOK: &str = "GET /v1/auth/token/lookup-self";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";

fn with_login(server: &Server, clock: &Virtual) -> Fixture {
    surroundings(server, clock).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s")
}

#[test]
fn a_token_whose_login_was_on_its_way_is_ended_in_its_namespace() {
    let around = |server: &Server, clock: &Virtual| {
        let mut settings = auth("approle", &[("namespace", text("admin"))]);
        settings.insert("namespace", text("admin/team"));
        (settings, with_login(server, clock))
    };
    let asked = given_up(LOGIN, "kv/data/a", true, around);
    let admin = || Some("admin".to_owned());
    assert_eq!(asked, [(LOOK.to_owned(), admin()), (REVOKE.to_owned(), admin())]);
}

#[test]
fn a_token_that_was_being_unwrapped_is_ended() {
    let around = |server: &Server, clock: &Virtual| {
        let fixture = surroundings(server, clock);
        let wrapped =
            [("token_file", path(&fixture, "token", "hvs.wrapping")), ("wrapped", Value::Boolean(true))];
        (auth("token", &wrapped), fixture)
    };
    assert_eq!(lines(given_up(UNWRAP, "kv/data/a", true, around)), [LOOK, REVOKE]);
}

#[test]
fn a_credential_that_was_on_its_way_is_given_back() {
    let own = |server: &Server, clock: &Virtual| (Settings::default(), with_login(server, clock));
    assert_eq!(lines(given_up(USER, "db/creds/app", true, own)), [LOOK, REVOKE]);
    let given = |server: &Server, clock: &Virtual| {
        (Settings::default(), surroundings(server, clock).with_variable("VAULT_TOKEN", CANARY))
    };
    assert_eq!(lines(given_up(USER, "db/creds/app", true, given)), ["POST /v1/sys/leases/revoke"]);
    // What turns out to be no credential needs nothing.
    assert_eq!(lines(given_up(PLAIN, "db/plain", true, given)), [""; 0]);
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for_without_end() {
    let around = |server: &Server, clock: &Virtual| (Settings::default(), with_login(server, clock));
    assert_eq!(lines(given_up(LOGIN, "kv/data/a", false, around)), [""; 0]);
}
