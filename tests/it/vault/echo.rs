//! A server that answers with what it was sent, wherever an answer has room for a word. Nothing of it is said.

use crate::vault::stage::Stage;
use kz_fakes::fake_server::Reply;
use kz_fakes::vault::Transport;
use kz_fakes::vault::script::{Act, Rule};

/// What kz sends: none of it looks drawn, so that only its having been sent tells that it is not to be repeated.
const TOKEN: &str = "correct-horse-token";
const PASSWORD: &str = "battery-staple-password";
const PARAMETER: &str = "of-a-parameter";
const LISTED: &str = "inside-of-a-list";
const SENT: [&str; 4] = [TOKEN, PASSWORD, PARAMETER, LISTED];

const CONFIG: &str = r#"[secrets]
FIELD = { provider = "vault", ref = "secret/data/field#wanted" }
LONGER = { provider = "vault", ref = "secret/data/longer/wanted" }
LENT = { provider = "vault", ref = "database/creds/lent#wanted" }
FIXED = { provider = "vault", ref = "database/static-creds/fixed#wanted" }
REFUSED = { provider = "vault", ref = "secret/data/refused#wanted" }
FAILED = { provider = "vault", ref = "secret/data/failed#wanted" }
ABSENT = { provider = "vault", ref = "secret/data/absent#wanted", optional = true }
MADE = { provider = "vault", ref = "pki/issue/made#wanted", request = { common_name = "of-a-parameter", l = ["inside-of-a-list"] } }
LOGIN = { provider = "vault", ref = "ns/auth/x/y#wanted", request = { common_name = "of-a-parameter" } }
"#;
/// What is waited for until the deadline, so by itself.
const SENT_ON: &str = r#"[secrets]
SENT_ON = { provider = "vault", ref = "secret/data/sent-on#wanted" }
"#;
const SECTION: &str = r#"[providers.vault]
auth = { method = "userpass", username = "ada", password_file = "password" }
"#;

/// A server that answers so everywhere with this.
fn stage(echo: &str, config: &str) -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.sandbox.file("password", PASSWORD);
    stage.sandbox.file(".keyzero.toml", format!("{config}{SECTION}"));
    let envelope = |members: serde_json::Value| {
        let mut body = serde_json::json!({ "request_id": echo, "lease_id": "", "renewable": false, "lease_duration": 0, "data": null,
            "wrap_info": null, "warnings": [echo], "auth": null });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let fields = serde_json::json!({ echo: "v", format!("x {echo} y"): "v" });
    let versioned = serde_json::json!({ "data": { "data": fields, "metadata": {
        "version": 1, "created_time": echo, "deletion_time": "", "destroyed": false } } });
    let mount = |kind: &str, login: bool| {
        let config = if login { serde_json::json!({ "token_type": echo }) } else { serde_json::json!({}) };
        envelope(
            serde_json::json!({ "data": { "type": kind, "path": format!("{echo}/"), "options": { "version": echo }, "config": config } }),
        )
    };
    let errors =
        serde_json::json!({ "errors": [echo], "data": { "error": echo, echo: 1 }, "warnings": [echo] });
    for (path, status, body) in [
        (
            "auth/userpass/login/ada",
            200,
            envelope(serde_json::json!({ "auth": { "client_token": TOKEN, "accessor": echo,
            "policies": [echo], "lease_duration": 1200, "renewable": true, "token_type": echo } })),
        ),
        ("secret/data/field", 200, envelope(versioned.clone())),
        ("secret/data/longer/wanted", 200, envelope(versioned)),
        ("secret/data/longer", 404, serde_json::json!({ "errors": [] })),
        (
            "database/creds/lent",
            200,
            envelope(serde_json::json!({ "lease_id": echo, "lease_duration": 60, "data": fields })),
        ),
        (
            "database/static-creds/fixed",
            200,
            envelope(
                serde_json::json!({ "data": { "ttl": 5, "rotation_period": 9, "last_vault_rotation": echo, echo: "v" } }),
            ),
        ),
        ("secret/data/refused", 400, errors.clone()),
        ("secret/data/failed", 405, errors),
        (
            "secret/data/absent",
            404,
            envelope(serde_json::json!({ "data": { "data": null, "metadata": {
            "version": 1, "created_time": echo, "deletion_time": echo, "destroyed": false } } })),
        ),
        ("sys/internal/ui/mounts/pki", 200, mount("pki", false)),
        ("sys/internal/ui/mounts/ns", 200, mount(echo, true)),
        ("pki/issue/made", 200, envelope(serde_json::json!({ "data": fields }))),
        (
            "auth/token/lookup-self",
            200,
            envelope(serde_json::json!({ "data": { "id": TOKEN, "ttl": 1000, "meta": { "a": echo } } })),
        ),
        ("auth/token/revoke-self", 400, serde_json::json!({ "errors": [echo] })),
    ] {
        let reply = Reply::new(status, "application/json", body.to_string());
        stage.fake.script(Rule::new(path, Act::Answer(reply.with("x-err", echo).with("warning", echo))));
    }
    let host = format!("http://{echo}.invalid/v1/secret/data/sent-on");
    let sent_on = Reply::new(307, "application/json", String::new()).with("location", &host);
    stage.fake.script(Rule::new("secret/data/sent-on", Act::Answer(sent_on)));
    stage
}

/// What a run of these words says, of a server that answers with this; fails where any of what was sent is in it.
fn said(echo: &str, config: &str, words: &[&str]) -> String {
    let run = stage(echo, config).kz(&[&["-v", "--timeout", "2s"], words].concat()).expect_unresolved();
    for sent in SENT {
        let said = format!("{}{}", run.stdout(), run.stderr());
        assert!(!said.contains(sent), "{sent}, of a server that answers with {echo}\n{}", run.describe());
    }
    run.describe()
}

const COMMANDS: [&[&str]; 4] = [
    &["export", "--format", "json"],
    &["--log-format", "json", "export", "--format", "json"],
    &["status"],
    &["status", "--format", "json"],
];

#[test]
fn what_kz_sends_is_said_of_no_answer() {
    for echo in SENT {
        for words in COMMANDS {
            let said = said(echo, CONFIG, words);
            // Each of these was met, and says what was left of it.
            for met in ["login method under this path (`***`)", "`***`, `x *** y`"] {
                assert!(said.contains(met), "{met}\n{said}");
            }
        }
    }
}

/// The parameters of a request are not sent there, and a name of a host is in lower case.
#[test]
fn nor_is_it_of_where_a_redirect_leads() {
    for echo in [TOKEN, PASSWORD] {
        for words in COMMANDS {
            let said = said(echo, SENT_ON, words);
            assert!(said.contains("it is a standby that sends kz to ***"), "{said}");
        }
    }
}
