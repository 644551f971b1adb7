//! The fake Vault, asked what a real `OpenBao` was asked: each request of `tests/fakes/src/vault/recording.jsonl` that it knows.
//!
//! Compared are status, headers, error texts and warnings to the letter, and the shape of the rest: members and types,
//! and what is true or false. What the fake does not know is listed by name, with the reason, in
//! `recording.left-out`; nothing is in neither. Both are of recordings that hold placeholders instead of secrets.

mod world;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use kz_fakes::fake_server::{Backend, Reply};
use kz_fakes::vault::Vault;
use world::World;

const RECORDING: &str = include_str!("../../../fakes/src/vault/recording.jsonl");
const LEFT_OUT: &str = include_str!("../../../fakes/src/vault/recording.left-out");

/// One request and what came of it.
struct Recorded {
    id: String,
    line: Value,
}

impl Recorded {
    fn all() -> impl Iterator<Item = Self> {
        RECORDING.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line of the recording");
            Self { id: line["id"].as_str().expect("an id").to_owned(), line }
        })
    }

    fn method(&self) -> &str {
        self.line["request"]["method"].as_str().expect("a method")
    }

    /// Path and query, below `/v1/`.
    fn target(&self) -> &str {
        self.line["request"]["path"].as_str().expect("a path").trim_start_matches("/v1/")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.line["request"]["headers"].as_array().into_iter().flatten();
        lines.filter_map(Value::as_str).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn status(&self) -> u64 {
        self.line["status"].as_u64().expect("a status")
    }

    /// The headers of the reply; where none are told, those that everything has.
    fn reply_headers(&self) -> Map<String, Value> {
        let usual = || Map::from_iter([("content-type".to_owned(), json!("application/json"))]);
        self.line.get("headers").and_then(Value::as_object).cloned().unwrap_or_else(usual)
    }
}

fn left_out() -> BTreeSet<&'static str> {
    let lines = LEFT_OUT.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
}

/// In what an answer is not as recorded.
fn differences(recorded: &Recorded, reply: &Reply) -> Vec<String> {
    let mut found = Vec::new();
    if recorded.status() != u64::from(reply.status) {
        found.push(format!("status {} instead of {}", reply.status, recorded.status()));
    }
    let headers: Map<String, Value> =
        reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str().into())).collect();
    if headers != recorded.reply_headers() {
        found.push(format!("headers {headers:?} instead of {:?}", recorded.reply_headers()));
    }
    let empty = json!({ "text": "" });
    let body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| empty.clone());
    compare("", &recorded.line["body"], &body, &mut found);
    found
}

/// Error texts and warnings to the letter, truth as it is, and of everything else the kind.
fn compare(at: &str, recorded: &Value, answered: &Value, found: &mut Vec<String>) {
    match (recorded, answered) {
        _ if ["/errors", "/warnings"].contains(&at) && recorded != answered => {
            found.push(format!("{at}: {answered} instead of {recorded}"));
        }
        // What a document holds is its writer's.
        (Value::Object(_), Value::Object(_)) if at == "/data/data" => {}
        (Value::Object(recorded), Value::Object(answered)) => {
            let names = |object: &Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            let (ours, theirs) = (names(answered), names(recorded));
            if ours != theirs {
                let (more, less) = (ours.difference(&theirs), theirs.difference(&ours));
                found.push(format!(
                    "{at}: more {:?}, less {:?}",
                    more.collect::<Vec<_>>(),
                    less.collect::<Vec<_>>()
                ));
            }
            for (name, value) in recorded {
                if let Some(answer) = answered.get(name) {
                    compare(&format!("{at}/{name}"), value, answer, found);
                }
            }
        }
        (Value::Array(recorded), Value::Array(answered)) => match (recorded.first(), answered.first()) {
            (Some(recorded), Some(answered)) => compare(&format!("{at}/0"), recorded, answered, found),
            (None, None) => {}
            _ => found.push(format!("{at}: {} elements instead of {}", answered.len(), recorded.len())),
        },
        (Value::Bool(recorded), Value::Bool(answered)) if recorded == answered => {}
        (Value::String(recorded), Value::String(answered)) if recorded.is_empty() == answered.is_empty() => {}
        // There are no entities, and nobody describes a mount.
        (Value::String(_), Value::String(_))
            if at.ends_with("/entity_id") || at.ends_with("/description") => {}
        (Value::Number(_), Value::Number(_)) | (Value::Null, Value::Null) => {}
        _ => found.push(format!("{at}: {answered} instead of {recorded}")),
    }
}

#[test]
fn the_fake_answers_as_the_real_server_was_recorded() {
    let left_out = left_out();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for recorded in Recorded::all().filter(|recorded| !left_out.contains(recorded.id.as_str())) {
        let mut world = World::of(&recorded);
        let request = world.request(&recorded);
        let reply = Backend::answer(&mut world.vault, &request);
        compared += 1;
        for difference in differences(&recorded, &reply) {
            wrong.push(format!("{}: {difference}", recorded.id));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} answers differ\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared + left_out.len(), Recorded::all().count());
}

#[test]
fn what_the_fake_is_told_to_fail_with_is_worded_as_recorded() {
    for (id, status) in [("quota-exceeded-no-headers", 429), ("sealed-read", 503), ("request-timeout", 500)] {
        let recorded = Recorded::all().find(|recorded| recorded.id == id).expect("a recorded failure");
        let request = World::of(&recorded).request(&recorded);
        let body: Value =
            serde_json::from_slice(&<Vault as Backend>::failure(&request, status).body).expect("JSON");
        assert_eq!(body["errors"], recorded.line["body"]["errors"], "{id}");
    }
}

#[test]
fn nothing_is_left_out_that_was_not_recorded_and_every_group_says_why() {
    let known: BTreeSet<String> = Recorded::all().map(|recorded| recorded.id).collect();
    assert_eq!(known.len(), Recorded::all().count(), "an id stands twice");
    let unknown: Vec<_> = left_out().into_iter().filter(|id| !known.contains(*id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for group in LEFT_OUT.split("\n\n").skip(1) {
        assert!(group.starts_with("# "), "a group without a reason: {group}");
    }
}
