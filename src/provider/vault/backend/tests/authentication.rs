//! Which credential is used, what a login sends, and what becomes of its token.

use kz_fakes::fake_server::tls::{Authority, Flaw};

use super::*;
use crate::provider::{DocumentRef, FailureKind, Purpose};

/// The requests of one read with these settings and surroundings.
pub(super) fn asked(fixture: &Fixture, settings: &Settings, server: &Server) -> Vec<Seen> {
    let outcome = outcomes(fixture, settings, &["kv/a"]).remove(0);
    assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}");
    server.seen()
}

/// The forecast of that read is what was asked.
pub(super) fn assert_foreseen(fixture: &Fixture, settings: &Settings, seen: &[Seen]) {
    let document = DocumentRef { path: "kv/a".to_owned(), version: None, request: None };
    let forecast = crate::provider::vault::foresee(settings, &[document], fixture);
    let foreseen: Vec<_> = forecast
        .calls
        .iter()
        .map(|call| call.operation.replace("POST ", "POST /v1/").replace("GET auth", "GET /v1/auth"))
        .collect();
    let asked = seen.iter().map(|seen| seen.line.replace("GET /v1/kv/a", "GET").replace("login/me", "login"));
    assert_eq!(foreseen, asked.collect::<Vec<_>>());
}

pub(super) fn refused(fixture: &Fixture, settings: &Settings) -> Failure {
    failure(outcomes(fixture, settings, &["kv/a"]).remove(0))
}

pub(super) fn path(fixture: &Fixture, name: &str, content: &str) -> Value {
    Value::Paths(vec![fixture.file(name, content)])
}

pub(super) fn fresh(server: &Server) -> Fixture {
    surroundings(server, &Virtual::of_pauses(|_| {}))
}

#[test]
fn the_first_token_that_is_there_is_used_in_the_documented_order() {
    let token = |fixture: &Fixture, settings: &Settings| {
        let server = Server::plain(generous);
        let home = fixture.path("").into_os_string().into_string().unwrap();
        let patience = Virtual::of_pauses(|_| {}).patience(60, 1.0);
        let mut all =
            Fixture::new().with_variable("VAULT_ADDR", server.address()).with_variable("HOME", home);
        for name in ["VAULT_TOKEN", "VAULT_TOKEN_FILE"] {
            if let Some(value) = crate::provider::Surroundings::variable(fixture, name) {
                all = all.with_variable(name, value.expose());
            }
        }
        let all = all.with_patience(patience);
        let seen = asked(&all, settings, &server);
        assert_foreseen(&all, settings, &seen);
        seen[0].header("x-vault-token").unwrap().to_owned()
    };
    let fixture = Fixture::new();
    fixture.file(".vault-token", "of-home\n");
    assert_eq!(token(&fixture, &Settings::default()), "of-home");
    let file = fixture.file("token", " of-the-file\r\n").into_os_string().into_string().unwrap();
    let fixture = fixture.with_variable("VAULT_TOKEN_FILE", &file);
    assert_eq!(token(&fixture, &Settings::default()), "of-the-file");
    let fixture = fixture.with_variable("VAULT_TOKEN", "of-the-variable");
    assert_eq!(token(&fixture, &Settings::default()), "of-the-variable");
    let section = path(&fixture, "section", "of-the-section");
    assert_eq!(token(&fixture, &settings(&[("token_file", section.clone())])), "of-the-section");
    assert_eq!(token(&fixture, &auth("token", &[("token_file", section)])), "of-the-section");
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let server = Server::plain(generous);
    let fixture = fresh(&server).with_variable("VAULT_TOKEN", "");
    let failure = refused(&fixture, &Settings::default());
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    for looked_for in [
        "VAULT_TOKEN,",
        "/run/secrets/vault-token",
        "~/.vault-token",
        "VAULT_ROLE_ID_FILE",
        "VAULT_ROLE with",
    ] {
        assert!(failure.cause.contains(looked_for), "{}", failure.cause);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_token_with_a_control_character_is_refused_without_a_panic_or_a_request() {
    let server = Server::plain(generous);
    let fixture = fresh(&server).with_variable("VAULT_TOKEN", format!("{CANARY}\r\nX-Evil: 1"));
    assert_eq!(
        refused(&fixture, &Settings::default()).cause,
        "the credential in VAULT_TOKEN has a control character inside"
    );
    let fixture = with_token(&server).with_variable("VAULT_NAMESPACE", "a\nb");
    assert_eq!(
        refused(&fixture, &Settings::default()).cause,
        "the namespace holds characters that a header cannot hold"
    );
    assert!(server.seen().is_empty());
}

#[test]
fn an_approle_of_files_logs_in_and_gives_its_token_back() {
    let server = Server::plain(generous);
    let fixture = fresh(&server);
    let role_id = path(&fixture, "role", "the-role\n");
    let secret_id = path(&fixture, "secret", "the-secret\n");
    let auth = auth(
        "approle",
        &[("role_id_file", role_id), ("secret_id_file", secret_id), ("mount", text("apps/"))],
    );
    let seen = asked(&fixture, &auth, &server);
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/auth/apps/login",
            "GET /v1/kv/a",
            "GET /v1/auth/token/lookup-self",
            "POST /v1/auth/token/revoke-self"
        ]
    );
    assert_eq!(seen[0].body, r#"{"role_id":"the-role","secret_id":"the-secret"}"#);
    assert_eq!(seen[0].header("x-vault-token"), None);
    assert_eq!(seen[1].header("x-vault-token"), Some(CANARY));
    assert_eq!(seen[2].header("x-vault-token"), Some(CANARY));
    assert_eq!(server.connections(), 1);
    assert_foreseen(&fixture, &auth, &seen);
}

#[test]
fn an_approle_of_variables_is_used_when_there_is_no_token() {
    let server = Server::plain(generous);
    let fixture = fresh(&server).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s");
    let seen = asked(&fixture, &Settings::default(), &server);
    assert_eq!(
        (seen[0].line.as_str(), seen[0].body.as_str()),
        ("POST /v1/auth/approle/login", r#"{"role_id":"r","secret_id":"s"}"#)
    );
    assert_foreseen(&fixture, &Settings::default(), &seen);
}

#[test]
fn a_wrapped_secret_id_is_unwrapped_with_its_own_token() {
    let server = Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/sys/wrapping/unwrap" => {
            Answer::json(200, r#"{"data":{"secret_id":"inside","secret_id_ttl":0}}"#)
        }
        _ => generous(seen),
    });
    let fixture = fresh(&server);
    let pieces = [
        ("role_id", text("r")),
        ("secret_id_file", path(&fixture, "wrapped", "the-wrapping")),
        ("wrapped", Value::Boolean(true)),
    ];
    let seen = asked(&fixture, &auth("approle", &pieces), &server);
    assert_foreseen(&fixture, &auth("approle", &pieces), &seen);
    assert_eq!(seen[0].header("x-vault-token"), Some("the-wrapping"));
    assert_eq!(seen[1].body, r#"{"role_id":"r","secret_id":"inside"}"#);
    // Who only looks leaves it for who delivers.
    let mut looking = fresh(&server);
    looking.ask.purpose = Purpose::Look;
    let before = server.lines().len();
    let failure = refused(&looking, &auth("approle", &pieces));
    assert_eq!((failure.kind, server.lines().len()), (FailureKind::Misconfigured, before));
    assert!(failure.cause.ends_with("unwrapping uses it up: kz does not, only to look"), "{}", failure.cause);
    let spent = Server::plain(|_| {
        Answer::json(400, r#"{"errors":["wrapping token is not valid or does not exist"]}"#)
    });
    let failure = refused(&fresh(&spent), &auth("approle", &pieces));
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.cause.ends_with("the wrapping token is used up, expired, or none (status 400)"));
    assert!(failure.hint.unwrap().to_string().contains("somebody else did"));
}

/// A method, what stands beside it, and the path and the body of its login.
type Case<'a> = (&'a str, &'a [(&'static str, Value)], &'a str, &'a str);

#[test]
fn every_other_login_sends_what_the_api_asks_for() {
    let server = Server::plain(generous);
    let fixture = fresh(&server);
    let jwt = path(&fixture, "jwt", "a.b.c");
    let password = path(&fixture, "password", "p");
    let cases: [Case<'_>; 4] = [
        (
            "kubernetes",
            &[("role", text("app")), ("token_file", jwt.clone())],
            "kubernetes/login",
            r#"{"jwt":"a.b.c","role":"app"}"#,
        ),
        (
            "jwt",
            &[("role", text("ci")), ("token_file", jwt.clone()), ("mount", text("gitlab"))],
            "gitlab/login",
            r#"{"jwt":"a.b.c","role":"ci"}"#,
        ),
        ("jwt", &[("token_file", jwt)], "jwt/login", r#"{"jwt":"a.b.c"}"#),
        (
            "userpass",
            &[("username", text("me")), ("password_file", password)],
            "userpass/login/me",
            r#"{"password":"p"}"#,
        ),
    ];
    for (method, pieces, path, body) in cases {
        let server = Server::plain(generous);
        let (fixture, auth) = (fresh(&server), auth(method, pieces));
        let seen = asked(&fixture, &auth, &server);
        assert_foreseen(&fixture, &auth, &seen);
        assert_eq!(seen[0].line, format!("POST /v1/auth/{path}"));
        assert_eq!(seen[0].body, body, "{method}");
    }
}

#[test]
fn a_certificate_logs_in_by_the_connection_itself() {
    let authority = Authority::new();
    let server = Server::tls(authority.asking_config(&[]), generous);
    let fixture = fresh(&server);
    let client = authority.client("localhost");
    let mut with_certificate = auth("cert", &[("role", text("web"))]);
    assert_eq!(refused(&fixture, &with_certificate).cause, "a login by certificate needs one");
    with_certificate.insert("ca_cert", path(&fixture, "ca.pem", &authority.pem()));
    with_certificate
        .insert("client_cert", path(&fixture, "both.pem", &format!("{}{}", client.certificate, client.key)));
    let seen = asked(&fixture, &with_certificate, &server);
    assert_eq!(
        (seen[0].line.as_str(), seen[0].body.as_str()),
        ("POST /v1/auth/cert/login", r#"{"name":"web"}"#)
    );
}

#[test]
fn an_aws_identity_is_signed_for_vault_to_ask() {
    use base64::Engine as _;
    let server = Server::plain(generous);
    let fixture = fresh(&server);
    let aws = auth("aws", &[("role", text("app")), ("server_id", text("vault.test"))]);
    assert!(refused(&fixture, &aws).cause.contains("AWS_ACCESS_KEY_ID"));
    let fixture = fixture
        .with_variable("AWS_ACCESS_KEY_ID", "access")
        .with_variable("AWS_SECRET_ACCESS_KEY", CANARY)
        .with_variable("AWS_SESSION_TOKEN", "session");
    let seen = asked(&fixture, &aws, &server);
    assert_eq!(seen[0].line, "POST /v1/auth/aws/login");
    let sent: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    let decoded = |name: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(sent[name].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        (sent["role"].as_str(), sent["iam_http_request_method"].as_str()),
        (Some("app"), Some("POST"))
    );
    assert_eq!(decoded("iam_request_url"), "https://sts.amazonaws.com/");
    let headers: serde_json::Value = serde_json::from_str(&decoded("iam_request_headers")).unwrap();
    assert_eq!(headers["x-vault-aws-iam-server-id"][0], "vault.test");
    assert!(!seen[0].body.contains(CANARY) && !decoded("iam_request_headers").contains(CANARY));
}

#[test]
fn a_token_is_kept_where_a_lease_hangs_on_it_or_it_is_not_ours_or_we_are_told_to() {
    let revoked = |server: &Server| server.lines().iter().any(|line| line.contains("revoke-self"));
    let login = |server: &Server| {
        fresh(server).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s")
    };
    let plain = Server::plain(generous);
    asked(&login(&plain), &Settings::default(), &plain);
    assert!(revoked(&plain));
    let leased = Server::plain(|seen| match seen.line.as_str() {
        "GET /v1/kv/a" => {
            Answer::json(200, r#"{"lease_id":"x","renewable":false,"lease_duration":60,"data":{"a":"1"}}"#)
        }
        _ => generous(seen),
    });
    asked(&login(&leased), &Settings::default(), &leased);
    assert!(!revoked(&leased));
    let batch = Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/auth/approle/login" => {
            Answer::json(200, r#"{"auth":{"client_token":"b","token_type":"batch"}}"#)
        }
        _ => generous(seen),
    });
    asked(&login(&batch), &Settings::default(), &batch);
    assert!(!revoked(&batch));
    let theirs = Server::plain(generous);
    asked(&with_token(&theirs), &Settings::default(), &theirs);
    assert!(!revoked(&theirs));
    let kept = Server::plain(generous);
    let fixture = login(&kept).with_terms(Terms { tokens: Tokens::Keep, ..Terms::default() });
    assert_foreseen(&fixture, &Settings::default(), &asked(&fixture, &Settings::default(), &kept));
    assert!(!revoked(&kept));
}

#[test]
fn a_revocation_that_fails_changes_nothing() {
    let server = Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/auth/token/revoke-self" => Answer::json(500, ""),
        _ => generous(seen),
    });
    let fixture = fresh(&server).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s");
    // The login, the document, the look at the token, and three attempts.
    assert_eq!(asked(&fixture, &Settings::default(), &server).len(), 6);
}

#[test]
fn a_refused_login_is_made_once_and_names_its_mount() {
    for (status, body, cause) in [
        (
            400,
            r#"{"errors":["invalid role or secret ID"]}"#,
            "login at `auth/approle`: the server does not accept this role id with this secret id (status 400)",
        ),
        (
            403,
            r#"{"errors":["permission denied"]}"#,
            "login at `auth/approle`: permission denied (status 403)",
        ),
        (
            404,
            r#"{"errors":["no handler for route \"auth/approle/login\". route entry not found."]}"#,
            "no login method is mounted at `auth/approle`",
        ),
        (404, r#"{"errors":["namespace not found"]}"#, "the server has no such namespace"),
        (
            200,
            r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}"#,
            "the login at `auth/approle` demands a second factor, which kz cannot give",
        ),
        (200, "{}", "the login at `auth/approle` gave no token"),
    ] {
        let server = Server::plain(move |_| Answer::json(status, body));
        let fixture =
            fresh(&server).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", CANARY);
        let failures: Vec<Failure> =
            outcomes(&fixture, &Settings::default(), &["kv/a", "kv/b"]).into_iter().map(failure).collect();
        assert_eq!(failures[0].cause, cause);
        assert_eq!(failures[0], failures[1]);
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[test]
fn credentials_of_the_environment_stay_away_from_another_address() {
    let server = Server::plain(generous);
    let home = Fixture::new();
    home.file(".vault-token", CANARY);
    let fixture = fresh(&server)
        .with_variable("VAULT_ADDR", "https://vault.internal:8200")
        .with_variable("VAULT_TOKEN", CANARY)
        .with_variable("VAULT_SECRET_ID", CANARY)
        .with_variable("VAULT_ROLE", "r")
        .with_variable("HOME", home.path("").into_os_string().into_string().unwrap());
    let address = ("address", text(&server.address()));
    for method in [None, Some("token"), Some("approle"), Some("jwt"), Some("kubernetes"), Some("userpass")] {
        let mut elsewhere = method.map_or_else(Settings::default, |method| auth(method, &[]));
        elsewhere.insert(address.0, address.1.clone());
        assert_eq!(refused(&fixture, &elsewhere).kind, FailureKind::Misconfigured, "{method:?}");
    }
    assert!(server.seen().is_empty());
    let mut own = auth("token", &[("token_file", path(&fixture, "own", "the-sections"))]);
    own.insert(address.0, address.1);
    assert_eq!(asked(&fixture, &own, &server)[0].header("x-vault-token"), Some("the-sections"));
}

#[test]
fn skipping_verification_is_refused_and_a_missing_address_is_asked_for() {
    let server = Server::plain(generous);
    let failure =
        refused(&with_token(&server).with_variable("VAULT_SKIP_VERIFY", "true"), &Settings::default());
    assert!(failure.cause.starts_with("VAULT_SKIP_VERIFY is set"));
    asked(&with_token(&server).with_variable("VAULT_SKIP_VERIFY", "false"), &Settings::default(), &server);
    let nowhere = Fixture::new().with_variable("VAULT_TOKEN", "t");
    assert_eq!(refused(&nowhere, &Settings::default()).cause, "there is no address of Vault");
}

#[test]
fn certificates_may_lie_in_a_directory_among_other_files() {
    let authority = Authority::new();
    let server = Server::tls(authority.server_config(Flaw::None, &[]), generous);
    let directory = Fixture::new();
    directory.file("ca.crt", authority.pem());
    directory.file("README", "no certificate");
    let fixture = with_token(&server).with_variable("VAULT_CAPATH", directory.path("").to_str().unwrap());
    asked(&fixture, &Settings::default(), &server);
    let empty = Fixture::new();
    let fixture = with_token(&server).with_variable("VAULT_CACERT", empty.path("").to_str().unwrap());
    assert!(refused(&fixture, &Settings::default()).cause.ends_with("has no file with a certificate in it"));
}
