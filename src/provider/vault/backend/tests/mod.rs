//! The provider against servers in this process. Time is virtual: only pauses between attempts take any.

mod absence;
mod again;
mod authentication;
mod custody;
mod documents;
mod given_up;
mod lending;
mod logins;
mod recording;
mod slow;
mod waiting;
mod ways;

use kz_fakes::byte_server::{Answer, Seen, Server};

use crate::patience::testing::Virtual;
use crate::provider::fixture::{Fixture, documents, fetch_on};
use crate::provider::settings::{Settings, Value};
use crate::provider::{Failure, Outcome, Terms, Tokens};

use super::build;

/// What goes through everything and may be seen nowhere.
const CANARY: &str = "canary-4b1f";

/// Surroundings in which `server` is Vault's, on terms of a minute of virtual time.
fn surroundings(server: &Server, clock: &Virtual) -> Fixture {
    Fixture::new().with_variable("VAULT_ADDR", server.address()).with_patience(clock.patience(60, 1.0))
}

/// The same with a token.
fn with_token(server: &Server) -> Fixture {
    surroundings(server, &Virtual::of_pauses(|_| {})).with_variable("VAULT_TOKEN", CANARY)
}

/// The outcomes of these paths.
fn outcomes(fixture: &Fixture, settings: &Settings, paths: &[&str]) -> Vec<Outcome> {
    fetch_on(&fixture.ask, &*build(settings, fixture), &documents(paths))
}

/// The outcome of one path, with a token.
fn outcome(server: &Server, path: &str) -> Outcome {
    outcomes(&with_token(server), &Settings::default(), &[path]).remove(0)
}

fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => {
            let text = format!("{} {:?}", failure.cause, failure.hint);
            assert!(!text.contains(CANARY), "{text}");
            failure
        }
        other => panic!("{other:?}"),
    }
}

fn content(outcome: Outcome) -> String {
    match outcome {
        Outcome::Found(document) => document.content.expose_text().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// A section's settings, all text or paths.
fn settings(pairs: &[(&'static str, Value)]) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in pairs {
        settings.insert(name, value.clone());
    }
    settings
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Settings with this `auth`.
fn auth(method: &str, pairs: &[(&'static str, Value)]) -> Settings {
    settings(&[("auth", Value::Auth(method.to_owned(), settings(pairs)))])
}

/// Vault's answer with this `data`.
fn answer(data: &str) -> String {
    let wrapping = r#""request_id":"r","lease_id":"","renewable":false,"lease_duration":0"#;
    format!("{{{wrapping},\"data\":{data},\"wrap_info\":null,\"warnings\":null,\"auth\":null}}")
}

/// A server that has one document everywhere, and gives a token to every login.
fn generous(seen: &Seen) -> Answer {
    match seen.line.split_once(' ') {
        Some(("GET", path)) if path.ends_with("/lookup-self") => {
            Answer::json(200, answer(&format!(r#"{{"id":"{CANARY}","ttl":3600}}"#)))
        }
        Some(("GET", _)) => Answer::json(200, answer(r#"{"a":"1"}"#)),
        Some((_, path)) if path.contains("/login") => {
            Answer::json(200, format!(r#"{{"auth":{{"client_token":"{CANARY}"}}}}"#))
        }
        _ => Answer::json(204, ""),
    }
}
