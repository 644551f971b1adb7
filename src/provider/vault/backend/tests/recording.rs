//! Every error text of a recorded `OpenBao`, met where it was recorded, and what kz makes of it: one table, `recording.words`.
//!
//! A class of the table is a code (`src/cli/explain/catalogue.rs`): denied is KZ102, unreachable KZ103, malformed
//! KZ104, not set up KZ105, server failed KZ120. Of texts that kz's own requests cannot meet the table says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::authentication::{fresh, path};
use super::*;
use crate::provider::fixture::fetch_documents;
use crate::provider::{DocumentRef, FailureKind, Request};

const RECORDING: &str = include_str!("../../../../../tests/fakes/src/vault/recording.jsonl");
const WORDS: &str = include_str!("recording.words");

/// What kz was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Situation {
    Login,
    Read,
    Make,
    Unwrap,
    Never,
}

/// Where a request of the recording stands in the work of kz; its path is without `/v1/`.
fn situation(id: &str, method: &str, target: &str) -> Situation {
    // Requests with headers that kz does not send, or without one that it always sends.
    let headers = ["inline-", "wrap-ttl-", "mfa-header-", "cors-", "proxy-request-header-"];
    // Logins without a piece that kz does not begin without.
    let pieces = ["approle-no-role-id", "approle-empty-body", "userpass-no-password", "-no-jwt", "jwt-empty"];
    if headers.iter().any(|begin| id.starts_with(begin)) || pieces.iter().any(|end| id.ends_with(end)) {
        return Situation::Never;
    }
    match (method, target) {
        // Whoever only looks asks for it, and takes no word of it.
        (_, target) if target.ends_with("?help=1") => Situation::Never,
        ("POST", "sys/wrapping/unwrap") => Situation::Unwrap,
        ("POST", target) if target.starts_with("auth/") && target.contains("/login") => Situation::Login,
        // Of engines that make something of parameters; the others' own writes are nobody's `request`.
        ("POST", target)
            if ["pki/issue/", "ssh/creds/", "transit/decrypt/"]
                .iter()
                .any(|begin| target.starts_with(begin)) =>
        {
            Situation::Make
        }
        // Not what kz asks the server itself, nor what no ref can be.
        ("GET", target)
            if target.contains('/')
                && !target.ends_with('/')
                && !["//", "%"].iter().any(|odd| target.contains(odd))
                && !["auth/", "sys/"].iter().any(|own| target.starts_with(own)) =>
        {
            Situation::Read
        }
        _ => Situation::Never,
    }
}

/// What kz says, without the server's address.
fn said(situation: Situation, target: &str, status: u16, body: &str) -> String {
    let answer = body.to_owned();
    let server = Server::plain(move |_| Answer::json(status, answer.clone()));
    let outcome = match situation {
        Situation::Read => outcome(&server, target.split('?').next().unwrap_or_default()),
        Situation::Make => {
            let answer = body.to_owned();
            let server = Server::plain(move |seen| {
                if seen.line.starts_with("GET") {
                    Answer::json(200, super::answer(r#"{"path":"engine/","type":"pki"}"#))
                } else {
                    Answer::json(status, answer.clone())
                }
            });
            let parameters = serde_json::from_str(r#"{"a":"1"}"#).unwrap();
            let request = Some(Request::new(&parameters));
            let document = DocumentRef { path: target.to_owned(), version: None, request };
            let provider = build(&Settings::default(), &with_token(&server));
            fetch_documents(&*provider, &[document]).remove(0)
        }
        Situation::Login => {
            let fixture = fresh(&server);
            let piece = || path(&fixture, "piece", "a.b.c");
            let (mount, _) = target["auth/".len()..].split_once("/login").unwrap();
            let login = match mount.split('-').next().unwrap() {
                "approle" => auth("approle", &[("role_id", text("r")), ("secret_id_file", piece())]),
                "userpass" | "up" => {
                    auth("userpass", &[("username", text("ann")), ("password_file", piece())])
                }
                "cert" => {
                    let mount = ("mount", text("cert"));
                    auth("jwt", &[("role", text("app")), ("token_file", piece()), mount])
                }
                "kubernetes" => auth("kubernetes", &[("role", text("app")), ("token_file", piece())]),
                _ => auth("jwt", &[("role", text("app")), ("token_file", piece())]),
            };
            outcomes(&fixture, &login, &["kv/a"]).remove(0)
        }
        Situation::Unwrap => {
            let fixture = fresh(&server);
            let piece = path(&fixture, "piece", "hvs.wrapping");
            let pieces =
                [("role_id", text("r")), ("secret_id_file", piece), ("wrapped", Value::Boolean(true))];
            outcomes(&fixture, &auth("approle", &pieces), &["kv/a"]).remove(0)
        }
        Situation::Never => return String::new(),
    };
    let Outcome::Failed(failure) = outcome else { panic!("{target}: {body} is no failure: {outcome:?}") };
    let class = match failure.kind {
        FailureKind::Denied => "denied",
        FailureKind::Unreachable | FailureKind::Barred => "unreachable",
        FailureKind::Malformed => "malformed",
        FailureKind::Misconfigured => "not set up",
        FailureKind::ServerFailed => "server failed",
        FailureKind::TooLarge => "too large",
    };
    let told = format!(
        "    {class}: {}\n    hint: {}\n",
        failure.cause,
        failure.hint.map_or_else(|| "-".to_owned(), |hint| hint.to_string())
    );
    let address = server.address().replace("http://", "");
    // Where the piece lies is the test's.
    let told = told.replace(&address, "SERVER");
    match told.split_once("secret id in `") {
        Some((before, rest)) => {
            let after = rest.split_once("/piece`").map_or(rest, |(_, after)| after);
            format!("{before}secret id in `FILE`{after}")
        }
        None => told,
    }
}

#[test]
fn every_recorded_error_text_leads_to_the_words_of_the_table() {
    let mut table = String::new();
    let mut seen = BTreeSet::new();
    let mut never = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for line in RECORDING.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let errors = line["body"]["errors"].as_array().into_iter().flatten();
        let texts: Vec<&str> = errors.filter_map(Json::as_str).collect();
        if texts.is_empty() {
            continue;
        }
        let (method, target) =
            (line["request"]["method"].as_str().unwrap(), line["request"]["path"].as_str().unwrap());
        let target = target.trim_start_matches("/v1/");
        let situation = situation(line["id"].as_str().unwrap(), method, target);
        let shown = texts.join(" | ").replace('\n', "\\n").replace('\t', "\\t");
        let status = u16::try_from(line["status"].as_u64().unwrap()).unwrap();
        let words = said(situation, target, status, &line["body"].to_string());
        if words.is_empty() {
            never.insert(shown);
            continue;
        }
        assert!(
            !words.contains("18405") && !words.contains("NONSENSE"),
            "the server's own text is repeated: {words}"
        );
        asked.insert(shown.clone());
        let row = format!("{situation:?} {status} {shown}\n{words}")
            .replacen("Login", "login", 1)
            .replacen("Read", "read", 1)
            .replacen("Make", "make", 1)
            .replacen("Unwrap", "unwrap", 1);
        let key = if situation == Situation::Login { words.clone() } else { String::new() };
        if seen.insert((situation, status, key, shown)) {
            let _ = writeln!(table, "{row}");
        }
    }
    let _ = writeln!(table, "Met by nothing that kz asks:");
    for text in never.difference(&asked) {
        let _ = writeln!(table, "    {text}");
    }
    // The first line says what the rest is.
    let (_, expected) = WORDS.split_once("\n\n").unwrap();
    if table.trim_end() != expected.trim_end() {
        let differs = table.lines().zip(expected.lines()).find(|(ours, theirs)| ours != theirs);
        panic!("the table of {} lines is another: {differs:?}\n{table}", expected.lines().count());
    }
}
