//! What replies are taken for.

use super::*;
use crate::provider::{DocumentRef, FailureKind};

/// A server that answers every read so.
pub(super) fn server(status: u16, body: impl Into<String>) -> Server {
    let body = body.into();
    Server::plain(move |_| Answer::json(status, body.clone()))
}

fn absence(outcome: Outcome) -> (String, Option<String>) {
    match outcome {
        Outcome::AbsentBecause(absence) => (absence.cause, absence.hint.map(|hint| hint.to_string())),
        other => panic!("{other:?}"),
    }
}

pub(super) const SECOND: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":
    {"url": "x", "n": 1.50, "big": 123456789012345678901234567890},"metadata":{"created_time":"2026-01-01T00:00:00Z",
    "custom_metadata":null,"deletion_time":"","destroyed":false,"version":7}},"wrap_info":null,"warnings":null,"auth":null}"#;

#[test]
fn version_2_is_told_by_its_shape_and_its_document_is_exact() {
    let Outcome::Found(document) = outcome(&server(200, SECOND), "secret/data/db") else { panic!() };
    let text = document.content.expose_text().unwrap();
    assert_eq!(text, r#"{"url": "x", "n": 1.50, "big": 123456789012345678901234567890}"#);
    assert_eq!((document.version.as_deref(), document.lease), (Some("7"), None));
}

#[test]
fn version_1_and_every_other_engine_is_taken_as_it_is() {
    for document in [
        r#"{"key":"v"}"#,
        r#"{"data":"x","metadata":"y"}"#,
        r#"{"data":{"a":1},"metadata":{"version":1},"more":1}"#,
        r#"{"data":{"a":1},"metadata":{"author":"me"}}"#,
        // As version 2 wraps a document, under a path that is none of its.
        r#"{"data":{"a":1},"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":false,"version":1}}"#,
        r#"{"data":null,"metadata":{"version":1,"destroyed":true}}"#,
    ] {
        let body = answer(document);
        assert_eq!(content(outcome(&server(200, body), "kv/a")), document);
    }
}

#[test]
fn a_lease_is_told_and_its_document_is_never_version_2() {
    let body = r#"{"lease_id":"database/creds/app/x","renewable":true,"lease_duration":3600,"data":{"username":"u","password":"p"}}"#;
    let Outcome::Found(document) = outcome(&server(200, body), "database/creds/app") else { panic!() };
    assert_eq!(document.lease.map(|lease| lease.valid), Some(std::time::Duration::from_hours(1)));
}

#[test]
fn missing_deleted_and_destroyed_are_told_apart() {
    for plain in [
        r#"{"errors":[]}"#,
        r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":null}"#,
    ] {
        assert!(matches!(outcome(&server(404, plain), "secret/data/x"), Outcome::Absent), "{plain}");
    }
    let deleted = answer(
        r#"{"data":null,"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"2026-02-01T00:00:00.5Z","destroyed":false,"version":3}}"#,
    );
    let (cause, hint) = absence(outcome(&server(404, deleted), "secret/data/app/db"));
    assert_eq!(cause, "version 3 was deleted at 2026-02-01T00:00:00.5Z");
    assert_eq!(hint.unwrap(), "`vault kv undelete -mount=secret -versions=3 app/db` brings it back");
    let destroyed = answer(
        r#"{"data":null,"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":true,"version":3}}"#,
    );
    assert_eq!(absence(outcome(&server(404, destroyed), "secret/data/x")).0, "version 3 was destroyed");
}

#[test]
fn an_address_with_the_apis_own_path_or_the_browsers_is_refused_before_anything_is_sent() {
    let server = Server::plain(generous);
    for (path, told) in
        [("/v1", "/v1"), ("/v1/", "/v1"), ("/ui", "/ui"), ("/a/ui/vault/secrets", "/ui/vault/secrets")]
    {
        let address = format!("{}{path}", server.address());
        let failure = failure(
            outcomes(
                &with_token(&server).with_variable("VAULT_ADDR", address),
                &Settings::default(),
                &["kv/a"],
            )
            .remove(0),
        );
        assert_eq!(failure.cause, format!("the address of Vault has a path too many: `{told}`"));
        let begin = if path.starts_with("/a") { "/a" } else { "" };
        assert!(failure.hint.unwrap().to_string().ends_with(&format!("`{}{begin}`", server.address())));
    }
    assert!(server.seen().is_empty());
}

#[test]
fn only_a_whole_200_is_a_document() {
    for status in [201, 202, 203, 204, 206] {
        let failure = failure(outcome(&server(status, answer(r#"{"a":"1"}"#)), "kv/a"));
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(failure.cause.ends_with(&format!("status 200, and this with {status}")), "{}", failure.cause);
    }
}

#[test]
fn a_damaged_version_is_malformed_and_not_absent() {
    for (body, reason) in [
        (
            answer(r#"{"data":{"p":"v"},"metadata":{"version":"3"}}"#),
            "its `metadata` is not that of a version",
        ),
        (answer(r#"{"data":{"p":"v"}}"#), "its `metadata` is not that of a version"),
        (
            answer(
                r#"{"data":"v","metadata":{"version":3,"created_time":"","deletion_time":"","destroyed":false}}"#,
            ),
            "its `data` is no object",
        ),
    ] {
        let malformed = failure(outcome(&server(200, body), "secret/data/app"));
        assert_eq!(malformed.cause, format!("the answer is not what Vault sends: {reason}"));
    }
    let odd = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":null,"metadata":{"version":"3","destroyed":true}}}"#;
    assert_eq!(failure(outcome(&server(404, odd), "secret/data/app")).kind, FailureKind::Malformed);
}

#[test]
fn a_servers_own_words_are_not_repeated() {
    let deleted = answer(&format!(
        r#"{{"data":null,"metadata":{{"created_time":"","deletion_time":"{CANARY}","destroyed":false,"version":3}}}}"#
    ));
    assert_eq!(absence(outcome(&server(404, deleted), "secret/data/x")).0, "version 3 was deleted");
    for status in [400, 403, 404, 405] {
        let body = format!(r#"{{"errors":["1 error occurred: {CANARY}"]}}"#);
        let server = Server::plain(move |_| Answer::json(status, body.clone()));
        let shown = format!("{:?}", outcome(&server, "secret/x"));
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

/// A version 2 engine at `secret/`.
fn versioned(seen: &Seen) -> Answer {
    if seen.line.starts_with("GET /v1/secret/data/") {
        Answer::json(200, SECOND)
    } else {
        Answer::json(
            404,
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs"]}"#,
        )
    }
}

#[test]
fn a_path_without_data_is_corrected_once_for_each_mount() {
    let server = Server::plain(versioned);
    let patience = Virtual::of_pauses(|_| {}).patience(60, 1.0);
    let one_by_one = Terms { concurrency: Some(1), ..Terms::default() };
    let fixture = with_token(&server).with_patience(patience).with_terms(one_by_one);
    let found = outcomes(&fixture, &Settings::default(), &["secret/a", "secret/b", "secret/data/c"]);
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))));
    assert_eq!(
        server.lines(),
        // What is certainly KV goes first.
        ["GET /v1/secret/data/c", "GET /v1/secret/a", "GET /v1/secret/data/a", "GET /v1/secret/data/b"]
    );
}

#[test]
fn a_correction_that_does_not_help_says_what_to_write() {
    let server = Server::plain(|_| {
        Answer::json(
            404,
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}"#,
        )
    });
    let failure = failure(outcome(&server, "team/kv/a"));
    assert!(failure.cause.contains("`data/` after the whole mount"), "{}", failure.cause);
    assert_eq!(
        server.lines(),
        [
            "GET /v1/team/kv/a",
            "GET /v1/sys/internal/ui/mounts/team/kv/a",
            "GET /v1/team/data/kv/a",
            "GET /v1/team/kv/data/a"
        ]
    );
}

#[test]
fn versions_are_numbers_and_are_refused_where_there_are_none() {
    let ask = |server: &Server, version: &str| {
        let fixture = with_token(server);
        let provider = build(&Settings::default(), &fixture);
        let document =
            DocumentRef { path: "secret/data/x".into(), version: Some(version.into()), request: None };
        crate::http::testing::run(provider.fetch(&[document], &fixture.ask)).remove(0)
    };
    let second = server(200, SECOND);
    assert!(matches!(ask(&second, "7"), Outcome::Found(_)));
    assert_eq!(second.lines(), ["GET /v1/secret/data/x?version=7"]);
    for version in ["", "latest", "1&list=true", "-1", "1234567890123456789"] {
        assert_eq!(failure(ask(&second, version)).kind, FailureKind::Misconfigured, "{version}");
    }
    let first = server(200, answer(r#"{"key":"v"}"#));
    assert_eq!(failure(ask(&first, "7")).cause, "the engine under this path keeps no versions");
}

#[test]
fn a_denied_read_is_asked_once_and_says_which_path_to_allow() {
    let server = server(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#);
    let denied = failure(outcome(&server, "secret/app/db"));
    assert_eq!((denied.kind, denied.cause.as_str()), (FailureKind::Denied, "permission denied (status 403)"));
    assert_eq!(
        denied.hint.unwrap().to_string(),
        "let the token's policy read `secret/app/db`; if its mount is KV version 2, write `data/` after the whole mount, as in `secret/data/app/db`; `vault token lookup` tells whether the token is still valid"
    );
    assert_eq!(server.lines(), ["GET /v1/secret/app/db", "GET /v1/sys/internal/ui/mounts/secret/app/db"]);
}

#[test]
fn a_token_that_is_none_is_told_from_one_that_may_not() {
    let server =
        server(403, r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#);
    let denied = failure(outcome(&server, "secret/data/x"));
    assert_eq!(denied.cause, "the token is not one of this server's, or no longer (status 403)");
}

#[test]
fn what_is_no_answer_of_vaults_is_malformed_without_a_byte_of_it() {
    let foreign = "it lacks what every answer of Vault's has, so something else answers";
    for (body, reason) in [
        (r#"{"data":{"password":"canary-4b1f"#, "it ends in the middle"),
        ("<html>canary-4b1f</html>", "it is no JSON of the right form at line 1"),
        (&answer(r#""canary-4b1f""#), "its `data` is no object"),
        (&answer("null"), "it has no `data`"),
        ("{}", foreign),
        (r#"{"status":"ok","data":{"message":"canary-4b1f"}}"#, foreign),
        (r#"{"request_id":"canary-4b1f","data":{"message":"up"}}"#, foreign),
        ("", "it ends in the middle"),
        ("{\"data\":{\"a\":\"\u{1}canary-4b1f\"}}", "it is no JSON of the right form at line 1"),
    ] {
        let malformed = failure(outcome(&server(200, body), "kv/a"));
        assert_eq!(malformed.kind, FailureKind::Malformed);
        assert_eq!(malformed.cause, format!("the answer is not what Vault sends: {reason}"), "{body}");
    }
}

/// What a real `OpenBao` answered to reads, with 200 and with 404: `id`, `path`, `status`, `body`.
const RECORDED: &str = include_str!("../../../../../tests/fakes/src/vault/openbao-reads.jsonl");

#[test]
fn every_recorded_read_of_an_openbao_is_believed() {
    #[derive(serde::Deserialize)]
    struct Line {
        id: String,
        path: String,
        status: u16,
        body: Box<serde_json::value::RawValue>,
    }
    let lines: Vec<Line> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut found, mut absent) = (0, 0);
    for Line { id, path, status, body } in lines {
        match (status, outcome(&server(status, body.get()), &path)) {
            (200, Outcome::Found(document)) => {
                let text = document.content.expose_text().unwrap();
                assert!(body.get().contains(text), "{id}");
                assert!(!path.starts_with("kv1/") || document.version.is_none(), "{id}");
                found += 1;
            }
            // A version that holds `null`.
            (200, Outcome::AbsentBecause(_)) => assert_eq!(id, "kv2-read-null-data"),
            (404, Outcome::Absent | Outcome::AbsentBecause(_)) => absent += 1,
            (404, Outcome::Failed(Failure { kind: FailureKind::Misconfigured, .. })) => {}
            (_, other) => panic!("{id}: {other:?}"),
        }
    }
    assert!(found > 40 && absent > 10, "{found} found, {absent} absent");
}

#[test]
fn odd_characters_of_a_path_arrive_as_they_are() {
    let server = Server::plain(generous);
    let _ = outcomes(&with_token(&server), &Settings::default(), &["kv/a b/ü?x%2f;y"]);
    assert_eq!(server.lines(), ["GET /v1/kv/a%20b/%C3%BC%3Fx%252f;y"]);
}

#[test]
fn an_address_may_have_a_path_before_the_apis() {
    let server = Server::plain(generous);
    let address = format!("{}/vault/", server.address());
    let fixture = with_token(&server).with_variable("VAULT_ADDR", address);
    let _ = outcomes(&fixture, &Settings::default(), &["kv/a"]);
    assert_eq!(server.lines(), ["GET /vault/v1/kv/a"]);
}

#[test]
fn the_headers_are_those_of_the_api() {
    let server = Server::plain(generous);
    let fixture = with_token(&server).with_variable("VAULT_NAMESPACE", "admin/team/");
    let _ = outcomes(&fixture, &Settings::default(), &["kv/a"]);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("x-vault-token"), Some(CANARY));
    assert_eq!(seen.header("x-vault-namespace"), Some("admin/team"));
    assert_eq!(seen.header("x-vault-request"), Some("true"));
    assert_eq!(seen.header("accept-encoding"), None);
}

#[test]
fn the_first_document_goes_alone_and_the_rest_within_the_limit_on_few_connections() {
    let server = Server::plain(generous);
    let paths: Vec<String> = (0..100).map(|number| format!("kv/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let found = outcomes(&with_token(&server), &Settings::default(), &paths);
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))));
    assert_eq!((server.seen().len(), server.lines()[0].as_str()), (100, "GET /v1/kv/0"));
    assert!(server.connections() <= 32, "{}", server.connections());
    let one = Server::plain(generous);
    let mut fixture = with_token(&one);
    fixture = fixture.with_terms(Terms { concurrency: Some(1), ..Terms::default() });
    let _ = outcomes(&fixture, &Settings::default(), &paths);
    assert_eq!((one.seen().len(), one.connections()), (100, 1));
}
