//! Every way to log in, against a server that checks, and what becomes of the token afterwards.

use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::process::Command;

use serde_json::json;

use crate::support::{Run, kz_binary};
use crate::vault::stage::Stage;
use kz_fakes::vault::Transport;

const EXPORT: &[&str] = &["export", "--format", "env"];

/// A Vault with one document that the policy `app` may read, and no token for kz.
fn stage() -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.fake.write("secret/data/app", &json!({ "data": { "value": "v" } }));
    stage.fake.configure(|vault| vault.policy("", "app", &["secret/data/app", "database/creds/app"]));
    stage
}

fn section(auth: &str) -> String {
    format!("[providers.vault]\nauth = {{ {auth} }}\n")
}

/// Reads one secret with this login, and fails unless the login was one request and its token is gone.
#[track_caller]
fn logs_in(stage: &Stage, auth: &str, mount: &str) {
    stage.secrets(&[("V", "secret/data/app/value")], &section(auth));
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!(run.stdout(), "V=v\n", "{}", run.describe());
    let paths: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    assert!(paths[0].starts_with(&format!("auth/{mount}/login")), "{paths:?}");
    let after = ["secret/data/app", "auth/token/lookup-self", "auth/token/revoke-self"];
    assert_eq!(paths[1..], after, "{}", run.describe());
    assert_eq!(stage.fake.configure(|vault| vault.tokens()), 0, "a token is left\n{}", run.describe());
}

/// Fails unless kz is refused at the login, asks once, and does not show what it showed the server.
#[track_caller]
fn is_refused(stage: &Stage, auth: &str, shown: &str) -> Run {
    stage.secrets(&[("V", "secret/data/app/value")], &section(auth));
    let run = stage.kz(&[&["-v"], EXPORT].concat()).expect_unresolved();
    assert_eq!(stage.fake.seen().len(), 1, "{}", run.describe());
    assert!(!run.stderr().contains(shown), "the credential is shown\n{}", run.describe());
    run
}

/// The section's address is a socket, as `VAULT_ADDR` may be; the relay behind it is all that an agent is here.
#[test]
fn over_the_socket_of_an_agent_that_the_section_names() {
    let stage = Stage::new(Transport::Plain);
    stage.fake.write("secret/data/app", &json!({ "data": { "value": "v" } }));
    let token = stage.token.clone().unwrap();
    stage.sandbox.file("token", &token);
    let socket = stage.sandbox.path("agent.sock");
    let (listener, server) = (UnixListener::bind(&socket).unwrap(), stage.fake.url().replace("http://", ""));
    std::thread::spawn(move || {
        for near in listener.incoming().map(Result::unwrap) {
            let far = std::net::TcpStream::connect(&server).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write))
            });
            let (mut from, mut to) = (far, near);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    let section = format!(
        "[providers.vault]\naddress = \"unix://{}\"\nauth = {{ method = \"token\", token_file = \"token\" }}\n",
        socket.display()
    );
    stage.secrets(&[("V", "secret/data/app/value")], &section);
    let mut command = Command::new(kz_binary());
    let run = stage.sandbox.run(command.args(EXPORT)).expect_code(0);
    assert_eq!(run.stdout(), "V=v\n", "{}", run.describe());
    let said = format!("kz: asking Vault at unix://{} with the token from", socket.display());
    run.expect_stderr(&[&said]);
}

#[test]
fn approle() {
    let stage = stage();
    let (role, secret) = stage.fake.configure(|vault| vault.approle("", "approle", "app", &["app"]));
    stage.sandbox.file("role_id", format!("{role}\n"));
    stage.sandbox.file("secret_id", format!("{secret}\n"));
    logs_in(
        &stage,
        r#"method = "approle", role_id_file = "role_id", secret_id_file = "secret_id""#,
        "approle",
    );
}

#[test]
fn approle_by_the_role_id_alone_where_the_role_binds_no_secret_id() {
    let stage = stage();
    let role = stage.fake.configure(|vault| {
        let (role, _) = vault.approle("", "approle", "app", &["app"]);
        vault.unbind("", "approle", "app");
        role
    });
    logs_in(&stage, &format!("method = \"approle\", role_id = \"{role}\""), "approle");
    let bound = super::auth::stage();
    let (role, _) = bound.fake.configure(|vault| vault.approle("", "approle", "app", &["app"]));
    is_refused(&bound, &format!("method = \"approle\", role_id = \"{role}\""), &role)
        .expect_stderr(&["wants a secret id", "`secret_id_file = "]);
}

#[test]
fn approle_at_another_mount_with_a_wrapped_secret_id() {
    let stage = stage();
    let (role, _) = stage.fake.configure(|vault| vault.approle("", "machines", "app", &["app"]));
    let wrapping = stage.fake.wrapped("auth/machines/role/app/secret-id");
    stage.sandbox.file("secret_id", &wrapping);
    let auth = format!(
        r#"method = "approle", role_id = "{role}", secret_id_file = "secret_id", wrapped = true, mount = "machines""#
    );
    stage.secrets(&[("V", "secret/data/app/value")], &section(&auth));
    stage.kz(EXPORT).expect_code(0);
    let paths: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    let expected = [
        "sys/wrapping/unwrap",
        "auth/machines/login",
        "secret/data/app",
        "auth/token/lookup-self",
        "auth/token/revoke-self",
    ];
    assert_eq!(paths, expected);
    // A wrapping token opens once: whoever finds it used up knows that somebody else had it.
    let run = stage.kz(EXPORT).expect_unresolved().expect_stderr(&["wrapping token"]);
    assert!(!run.stderr().contains(&wrapping), "{}", run.describe());
}

/// A path of which the last segment is no field is read a second time, one segment further down, for the error's sake.
#[test]
fn a_wrapped_secret_id_is_unwrapped_once_also_where_a_second_look_follows() {
    let stage = stage();
    let paths = ["secret/data/app", "secret/data/longer", "secret/data/longer/name"];
    stage.fake.configure(|vault| vault.policy("", "app", &paths));
    stage.fake.write("secret/data/longer/name", &json!({ "data": { "value": "v" } }));
    let (role, _) = stage.fake.configure(|vault| vault.approle("", "approle", "app", &["app"]));
    stage.sandbox.file("wrapping", stage.fake.wrapped("auth/approle/role/app/secret-id"));
    let auth =
        format!("method = \"approle\", role_id = \"{role}\", secret_id_file = \"wrapping\", wrapped = true");
    stage.secrets(&[("V", "secret/data/app/value"), ("X", "secret/data/longer/name")], &section(&auth));
    let run =
        stage.kz(EXPORT).expect_unresolved().expect_stderr(&["`secret/data/longer/name` is a document"]);
    let seen: Vec<String> = stage.fake.seen().into_iter().map(|seen| seen.path).collect();
    let count = |wanted: &str| seen.iter().filter(|path| path.ends_with(wanted)).count();
    let counts = ["wrapping/unwrap", "/login", "longer/name", "revoke-self"].map(count);
    assert_eq!(counts, [1; 4], "{seen:?}\n{}", run.describe());
    assert_eq!(stage.fake.configure(|vault| vault.tokens()), 0, "a token is left\n{}", run.describe());
}

#[test]
fn a_wrong_secret_id_is_refused_once_and_not_shown() {
    let stage = stage();
    let (role, _) = stage.fake.configure(|vault| vault.approle("", "approle", "app", &["app"]));
    stage.sandbox.file("secret_id", "not-the-secret-id");
    let auth = format!(r#"method = "approle", role_id = "{role}", secret_id_file = "secret_id""#);
    is_refused(&stage, &auth, "not-the-secret-id");
}

#[test]
fn kubernetes() {
    let stage = stage();
    stage.fake.configure(|vault| vault.kubernetes("", "kubernetes", "app", "service-account", &["app"]));
    stage.sandbox.file("jwt", "service-account");
    let auth = r#"method = "kubernetes", role = "app", token_file = "jwt""#;
    logs_in(&stage, auth, "kubernetes");
}

#[test]
fn a_wrong_service_account_is_refused_once_and_not_shown() {
    let stage = stage();
    stage.fake.configure(|vault| vault.kubernetes("", "kubernetes", "app", "service-account", &["app"]));
    stage.sandbox.file("jwt", "another-account");
    is_refused(&stage, r#"method = "kubernetes", role = "app", token_file = "jwt""#, "another-account");
}

#[test]
fn jwt() {
    let stage = stage();
    stage.fake.configure(|vault| vault.jwt("", "ci", "app", "pipeline", &["app"]));
    stage.sandbox.file("jwt", "pipeline");
    logs_in(&stage, r#"method = "jwt", role = "app", token_file = "jwt", mount = "ci""#, "ci");
}

#[test]
fn userpass() {
    let stage = stage();
    stage.fake.configure(|vault| vault.user("", "userpass", "ada", "lovelace", &["app"]));
    stage.sandbox.file("password", "lovelace\n");
    logs_in(&stage, r#"method = "userpass", username = "ada", password_file = "password""#, "userpass");
}

#[test]
fn cert() {
    let stage = stage();
    let client = stage.fake.client_certificate("app");
    stage.fake.configure(|vault| vault.certificate("", "cert", "app", &client.der, &["app"]));
    stage.sandbox.file("client.pem", client.certificate);
    stage.sandbox.file("client.key", client.key);
    let section = "client_cert = \"client.pem\"\nclient_key = \"client.key\"\n";
    stage.secrets(
        &[("V", "secret/data/app/value")],
        &format!("[providers.vault]\nauth = {{ method = \"cert\", role = \"app\" }}\n{section}"),
    );
    assert_eq!(stage.kz(EXPORT).expect_code(0).stdout(), "V=v\n");
    assert_eq!(stage.fake.configure(|vault| vault.tokens()), 0);
}

#[test]
fn aws() {
    let stage = stage();
    stage.fake.configure(|vault| vault.aws("", "aws", "app", "AKIDEXAMPLE", "example-key", &["app"]));
    stage.secrets(&[("V", "secret/data/app/value")], &section(r#"method = "aws", role = "app""#));
    let with = |secret: &str| {
        let mut command = stage.command(&[&["-v"], EXPORT].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", secret);
        stage.sandbox.run(command.env("AWS_REGION", "eu-central-1"))
    };
    assert_eq!(with("example-key").expect_code(0).stdout(), "V=v\n");
    let run = with("not-the-key").expect_unresolved();
    assert!(!run.stderr().contains("not-the-key"), "{}", run.describe());
}

#[test]
fn a_token_that_was_given_is_used_as_it_is_and_never_revoked() {
    let mut stage = stage();
    let token = stage.fake.configure(|vault| vault.token("", &["app"]));
    stage.token = Some(token.clone());
    stage.secrets(&[("V", "secret/data/app/value")], "");
    stage.kz(EXPORT).expect_code(0);
    stage.token = None;
    // White space around a token in a file is an editor's.
    stage.sandbox.file("token", format!("  {token}\n"));
    stage.secrets(&[("V", "secret/data/app/value")], "[providers.vault]\ntoken_file = \"token\"\n");
    stage.kz(EXPORT).expect_code(0);
    assert_eq!(stage.fake.seen().len(), 2);
    assert!(stage.fake.configure(|vault| vault.has_token(&token)));
}

#[test]
fn a_token_stays_when_a_lease_hangs_on_it_and_with_no_revoke() {
    for (path, words) in [
        ("database/creds/app/username", &["export", "--format", "env"][..]),
        ("secret/data/app/value", &["--no-revoke", "export", "--format", "env"]),
    ] {
        let stage = stage();
        stage.fake.configure(|vault| {
            vault.database_role("", "app");
            vault.user("", "userpass", "ada", "lovelace", &["app"]);
        });
        stage.sandbox.file("password", "lovelace");
        let auth = r#"method = "userpass", username = "ada", password_file = "password""#;
        stage.secrets(&[("V", path)], &section(auth));
        stage.kz(words).expect_code(0);
        assert_eq!(stage.fake.configure(|vault| vault.tokens()), 1, "{path}");
        assert_eq!(stage.fake.requests("auth/token"), 0, "{path}");
    }
}

#[test]
fn a_token_is_revoked_when_a_document_is_missing_too() {
    let stage = stage();
    stage.fake.configure(|vault| vault.user("", "userpass", "ada", "lovelace", &["app"]));
    stage.sandbox.file("password", "lovelace");
    let auth = r#"method = "userpass", username = "ada", password_file = "password""#;
    stage.secrets(&[("V", "secret/data/other/value")], &section(auth));
    stage.kz(EXPORT).expect_unresolved();
    assert_eq!(stage.fake.configure(|vault| vault.tokens()), 0);
}

#[test]
fn a_namespace_is_of_the_login_and_of_every_read() {
    let stage = stage();
    stage.fake.configure(|vault| {
        vault.namespace("team");
        vault.policy("team", "app", &["secret/data/*"]);
        vault.user("team", "userpass", "ada", "lovelace", &["app"]);
    });
    stage.fake.write_in("team", "secret/data/app", &json!({ "data": { "value": "of the team" } }));
    stage.sandbox.file("password", "lovelace");
    let auth = r#"method = "userpass", username = "ada", password_file = "password""#;
    stage.secrets(&[("V", "secret/data/app/value")], &format!("{}namespace = \"team\"\n", section(auth)));
    assert_eq!(stage.kz(EXPORT).expect_code(0).stdout(), "V='of the team'\n");
    assert!(stage.fake.seen().iter().all(|seen| seen.namespace == "team"), "{:?}", stage.fake.seen());
}
