//! Logins that are refused, that need no second half, and none at all.

use super::authentication::{asked, assert_foreseen, fresh, path, refused};
use super::*;
use crate::provider::FailureKind;

/// What `auth = …` of this method says of a server that answers its login so.
fn refused_login(method: &str, status: u16, said: &str) -> Failure {
    let body = serde_json::json!({ "errors": [said] }).to_string();
    let server = Server::plain(move |_| Answer::json(status, body.clone()));
    let fixture = fresh(&server);
    let jwt = path(&fixture, "jwt", "a.b.c");
    let pieces: &[(&'static str, Value)] = match method {
        "approle" => &[("role_id", text("r"))],
        _ => &[("role", text("app")), ("token_file", jwt)],
    };
    let refused = refused(&fixture, &auth(method, pieces));
    assert_eq!(server.seen().len(), 1, "{said}");
    refused
}

#[test]
fn a_login_is_refused_in_the_words_of_its_own_method() {
    use FailureKind::{Denied, Misconfigured};
    let expired = "error validating token: invalid expiration time (exp) claim: token is expired";
    let audience = "invalid audience (aud) claim: audience claim does not match any expected audience";
    let keys = "error validating token: error verifying token signature: fetching keys oidc: get keys failed";
    let signature =
        "error verifying token signature: no known key successfully validated the token signature";
    for (method, status, said, kind, words) in [
        ("kubernetes", 400, r#"invalid role name "app""#, Misconfigured, "no such role"),
        ("jwt", 400, r#"role "app" could not be found"#, Misconfigured, "no such role"),
        ("jwt", 400, r#"entry for role "app" not found"#, Misconfigured, "no such role"),
        ("jwt", 400, "missing role", Misconfigured, "names no role"),
        ("approle", 400, "missing secret_id", Misconfigured, "wants a secret id"),
        ("kubernetes", 500, "could not load backend configuration", Misconfigured, "never configured"),
        ("kubernetes", 403, "service account name not authorized", Denied, "service account's name"),
        ("kubernetes", 403, "namespace not authorized", Denied, "account's namespace"),
        ("jwt", 400, expired, Denied, "has expired"),
        ("kubernetes", 403, audience, Denied, "audience"),
        ("jwt", 400, "error validating token: invalid issuer (iss) claim", Denied, "another issuer"),
        ("jwt", 400, keys, Denied, "cannot fetch the keys"),
        ("jwt", 400, signature, Denied, "signed by nobody"),
    ] {
        let failure = refused_login(method, status, said);
        assert_eq!(failure.kind, kind, "{said}");
        assert!(failure.cause.contains(words), "{said}: {}", failure.cause);
        assert!(failure.cause.starts_with(&format!("login at `auth/{method}`: ")), "{}", failure.cause);
        assert!(failure.hint.is_some_and(|hint| !hint.to_string().contains("MOUNT")), "{said}");
    }
    let role = refused_login("kubernetes", 400, r#"invalid role name "app""#);
    assert!(role.hint.unwrap().to_string().contains("`vault list auth/kubernetes/role`"));
    let bare = refused_login("jwt", 403, "permission denied");
    assert!(bare.hint.unwrap().to_string().contains("where none is mounted"));
}

#[test]
fn an_approle_without_a_secret_id_logs_in_with_the_role_id_alone() {
    let lone = r#"{"role_id":"r"}"#;
    let server = Server::plain(generous);
    let fixture = fresh(&server).with_variable("VAULT_ROLE_ID", "r");
    let seen = asked(&fixture, &Settings::default(), &server);
    assert_eq!((seen[0].line.as_str(), seen[0].body.as_str()), ("POST /v1/auth/approle/login", lone));
    assert_foreseen(&fixture, &Settings::default(), &seen);
    let server = Server::plain(generous);
    let auth = auth("approle", &[("role_id", text("r"))]);
    let seen = asked(&fresh(&server), &auth, &server);
    assert_eq!(seen[0].body, lone);
    assert_foreseen(&fresh(&server), &auth, &seen);
    // A login that proves more is taken before it.
    let server = Server::plain(generous);
    let fixture = fresh(&server)
        .with_variable("VAULT_ROLE_ID", "r")
        .with_variable("VAULT_USERNAME", "me")
        .with_variable("VAULT_PASSWORD", "p");
    assert_eq!(asked(&fixture, &Settings::default(), &server)[0].line, "POST /v1/auth/userpass/login/me");
    let server = Server::plain(generous);
    let wrapped = super::auth("approle", &[("role_id", text("r")), ("wrapped", Value::Boolean(true))]);
    assert_eq!(refused(&fresh(&server), &wrapped).cause, "this `auth` has no secret id");
}

#[test]
fn an_agent_is_asked_without_a_token_and_one_that_adds_none_is_told() {
    let server = Server::plain(generous);
    let fixture = with_token(&server);
    let none = auth("none", &[]);
    let seen = asked(&fixture, &none, &server);
    assert_eq!(seen.iter().map(|seen| seen.line.as_str()).collect::<Vec<_>>(), ["GET /v1/kv/a"]);
    assert_eq!(seen[0].header("x-vault-token"), None);
    assert_foreseen(&fixture, &none, &seen);
    for (status, said) in [(403, "permission denied"), (400, "missing client token")] {
        let body = format!(r#"{{"errors":["{said}"]}}"#);
        let server = Server::plain(move |_| Answer::json(status, body.clone()));
        let failure = refused(&fresh(&server), &none);
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.cause.starts_with("the server wants a token, and nothing on the way adds one"));
        assert!(failure.hint.unwrap().to_string().contains("use_auto_auth_token"));
        assert_eq!(server.seen().len(), 1);
    }
}
