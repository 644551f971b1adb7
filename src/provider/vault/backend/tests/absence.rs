//! What is absent and what is not: whose a 404 is, and paths that lack version 2's `data/`.

use super::documents::{SECOND, server};
use super::*;
use crate::provider::{DocumentRef, FailureKind};

#[test]
fn what_vault_refuses_with_a_404_is_no_absence() {
    for (said, cause) in [
        (
            "no handler for route \\\"x\\\". route entry not found.",
            "no engine is mounted under this path (`x/y`)",
        ),
        ("1 error occurred:\\n\\t* unsupported path\\n\\n", "the engine there cannot read this path (`x/y`)"),
        ("namespace not found", "the server has no such namespace"),
    ] {
        let body: &'static str = format!(r#"{{"errors":["{said}"]}}"#).leak();
        let server = server(404, body);
        let failure = failure(outcome(&server, "x/y"));
        assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Misconfigured, cause));
        assert!(failure.hint.is_some());
        assert_eq!(server.seen().len(), 1);
    }
    let root = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":["Non-listing operations on the root of a K/V v2 mount are not supported."]}"#;
    let failure = failure(outcome(&server(404, root), "secret/data"));
    assert!(failure.cause.starts_with("`secret/data` is where the documents"), "{}", failure.cause);
    let unknown = super::failure(outcome(&server(404, r#"{"errors":["canary-4b1f"]}"#), "x/y"));
    assert_eq!(unknown.kind, FailureKind::Malformed);
}

#[test]
fn somebody_elses_404_is_waited_for_and_told() {
    for foreign in [
        "404 page not found",
        "<html><title>404 Not Found</title></html>",
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"data":null}"#,
        "",
    ] {
        let late = late(3, 404, foreign);
        assert_eq!(content(outcome(&late, "kv/a")), r#"{"a":"1"}"#, "{foreign}");
        let always = server(404, foreign);
        let failure = failure(outcome(&always, "kv/a"));
        assert_eq!(failure.kind, FailureKind::Unreachable, "{foreign}");
        assert_eq!(
            failure.cause,
            format!(
                "what answers at localhost:{} is not Vault, for 60 s: its status 404 is none of Vault's own",
                always.port
            )
        );
        assert!(failure.hint.unwrap().to_string().contains("route for it"));
    }
}

/// A server that answers the first `number` requests so, and then as it should.
fn late(number: usize, status: u16, body: &'static str) -> Server {
    let asked = std::sync::Mutex::new(0);
    Server::plain(move |seen| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked <= number { Answer::json(status, body) } else { generous(seen) }
    })
}

#[test]
fn a_404_without_a_word_is_absence_where_a_vault_answers_and_that_is_asked_once() {
    let rusty = Server::plain(|seen| match seen.line.as_str() {
        "GET /v1/sys/seal-status" => Answer::json(200, r#"{"sealed":false,"t":1,"n":1,"progress":0}"#),
        _ => Answer::Reply(404, "", String::new()),
    });
    let patience = Virtual::of_pauses(|_| {}).patience(60, 1.0);
    let one_by_one = Terms { concurrency: Some(1), ..Terms::default() };
    let found = outcomes(
        &with_token(&rusty).with_patience(patience).with_terms(one_by_one),
        &Settings::default(),
        &["kv/a", "kv/b"],
    );
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Absent)));
    assert_eq!(rusty.lines(), ["GET /v1/kv/a", "GET /v1/sys/seal-status", "GET /v1/kv/b"]);
    assert_eq!(rusty.seen()[1].header("x-vault-token"), None);
}

/// Version 2 at `team/kv`, for a token whose policy names documents of it, in the words of a recorded `OpenBao`.
fn of_several_segments(seen: &Seen) -> Answer {
    let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
    match seen.line.as_str() {
        "GET /v1/team/kv/data/app" | "GET /v1/team/kv/data/deep/x" => Answer::json(200, SECOND),
        "GET /v1/sys/internal/ui/mounts/team/kv/app" | "GET /v1/sys/internal/ui/mounts/team/kv/deep/x" => {
            Answer::json(200, r#"{"data":{"options":{"version":"2"},"path":"team/kv/","type":"kv"}}"#)
        }
        "GET /v1/sys/internal/ui/mounts/database/creds/x" => {
            Answer::json(200, r#"{"data":{"options":null,"path":"database/","type":"database"}}"#)
        }
        _ => Answer::json(403, denied),
    }
}

#[test]
fn the_mount_of_a_path_is_asked_for_once_and_serves_its_other_paths() {
    let server = Server::plain(of_several_segments);
    let patience = Virtual::of_pauses(|_| {}).patience(60, 1.0);
    let one_by_one = Terms { concurrency: Some(1), ..Terms::default() };
    let paths = ["team/kv/app", "team/kv/deep/x", "team/kv/none"];
    let mut found = outcomes(
        &with_token(&server).with_patience(patience).with_terms(one_by_one),
        &Settings::default(),
        &paths,
    );
    let denied = failure(found.pop().unwrap());
    assert!(
        denied
            .hint
            .unwrap()
            .to_string()
            .starts_with("let the token's policy read `team/kv/data/none`; `vault")
    );
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))));
    assert_eq!(
        server.lines(),
        [
            "GET /v1/team/kv/app",
            "GET /v1/sys/internal/ui/mounts/team/kv/app",
            "GET /v1/team/kv/data/app",
            "GET /v1/team/kv/data/deep/x",
            "GET /v1/team/kv/data/none"
        ]
    );
}

#[test]
fn a_denied_path_that_is_no_version_2s_is_the_one_to_allow() {
    for (path, requests) in [("database/creds/x", 2), ("team/kv/data/none", 2)] {
        let server = Server::plain(of_several_segments);
        let hint = failure(outcome(&server, path)).hint.unwrap().to_string();
        assert!(hint.starts_with(&format!("let the token's policy read `{path}`; `vault")), "{hint}");
        assert_eq!(server.seen().len(), requests, "{path}");
    }
}

#[test]
fn a_server_that_does_not_tell_the_mount_is_asked_for_each_that_is_possible() {
    let versioned = |seen: &Seen| match seen.line.as_str() {
        "GET /v1/a/b/c/data/x/y" => Answer::json(200, SECOND),
        // Another engine's, and none of version 2's.
        "GET /v1/a/data/b/c/x/y" => Answer::json(200, answer(r#"{"url":"other"}"#)),
        line if line.starts_with("GET /v1/a/b/c/x") => Answer::json(
            404,
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}"#,
        ),
        _ => Answer::json(404, r#"{"errors":["no handler for route \"x\". route entry not found."]}"#),
    };
    let found = content(outcome(&Server::plain(versioned), "a/b/c/x/y"));
    assert!(found.contains("1.50"), "{found}");
    let none = Server::plain(move |seen| match seen.line.as_str() {
        "GET /v1/a/b/c/data/x/y" => Answer::json(404, r#"{"errors":[]}"#),
        _ => versioned(seen),
    });
    assert!(matches!(outcome(&none, "a/b/c/x/y"), Outcome::Absent));
}

/// The outcome of one version of a document.
fn of_version(server: &Server, path: &str, version: &str) -> Outcome {
    let fixture = with_token(server);
    let document = DocumentRef { path: path.into(), version: Some(version.into()), request: None };
    crate::http::testing::run(build(&Settings::default(), &fixture).fetch(&[document], &fixture.ask))
        .remove(0)
}

#[test]
fn a_version_that_is_not_there_is_told_as_one() {
    for nothing in [
        r#"{"errors":[]}"#,
        r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"warnings":null}"#,
    ] {
        let Outcome::AbsentBecause(absence) = of_version(&server(404, nothing), "team/kv/data/app db", "99")
        else {
            panic!("{nothing}");
        };
        assert_eq!(absence.cause, "no version 99 of it is there: it was never written, or is no longer kept");
        let hint = "`vault kv metadata get -mount=team/kv 'app db'` lists the versions";
        assert_eq!(absence.hint.unwrap().to_string(), hint);
    }
    // Elsewhere there are no versions to list.
    assert!(matches!(of_version(&server(404, r#"{"errors":[]}"#), "kv1/app", "99"), Outcome::Absent));
    let null = answer(
        r#"{"data":null,"metadata":{"created_time":"","deletion_time":"","destroyed":false,"version":2}}"#,
    );
    match outcome(&server(200, null), "secret/data/nil") {
        Outcome::AbsentBecause(absence) => assert_eq!(absence.cause, "version 2 holds nothing (`null`)"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_1_document_that_looks_like_version_2_is_delivered_as_it_is() {
    for alike in [
        r#"{"data":{"x":"1"},"metadata":{"version":3}}"#,
        r#"{"data":{"x":"1"},"metadata":{"destroyed":true}}"#,
    ] {
        let server =
            server(200, format!(r#"{{"lease_id":"","lease_duration":2764800,"data":{alike}}}"#).leak());
        assert_eq!(content(outcome(&server, "kv1/like2")), alike);
    }
}

#[test]
fn what_is_no_document_but_an_endpoint_is_told_as_one() {
    let health = r#"{"initialized":true,"sealed":false,"standby":false}"#;
    for own in ["sys/health", "auth/token/accessors", "identity/oidc/.well-known/keys"] {
        let failure = failure(outcome(&server(200, health), own));
        let cause = format!("`{own}` is an endpoint of the server's own, and what it answers is no document");
        assert_eq!((failure.kind, failure.cause), (FailureKind::Misconfigured, cause));
    }
    for kind in ["application/pkix-cert", "application/pem-certificate-chain"] {
        let header: &'static str = format!("Content-Type: {kind}\r\n").leak();
        let raw = Server::plain(move |_| Answer::Reply(200, header, "-----BEGIN".to_owned()));
        let failure = failure(outcome(&raw, "pki/ca/pem"));
        assert!(failure.cause.starts_with("`pki/ca/pem` is a raw endpoint"), "{}", failure.cause);
        assert_eq!(failure.kind, FailureKind::Misconfigured);
    }
    assert_eq!(failure(outcome(&server(200, health), "secret/health")).kind, FailureKind::Malformed);
}
