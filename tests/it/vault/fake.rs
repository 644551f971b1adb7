//! The Vault that tests start, driven once by a client that knows nothing of kz: PyPI's hvac.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::{Run, Sandbox, in_repository, tools};
use kz_fakes::vault::script::{Act, Rule};
use kz_fakes::vault::{Fake, Protocol, Transport};

/// Everything that the fake claims, as the script lists it.
const CLAIMS: &str = "\
kv1: write, read, list, delete
kv2: versions, soft delete, undelete, destroy, metadata, list, check-and-set, wrong path
tokens: lookup, create, revoke with children, bad, none
policies: read here, denied there
approle: role id, secret id, login, wrong secret id
kubernetes: login, wrong token, unknown role
jwt: login, wrong token, unknown role
userpass: login, wrong password
cert: login, without a certificate
aws: signed login, wrong key
wrapping: secret id opens once, lookup, wrap, login with it
namespaces: apart, own tokens, unknown
leases: new each time, lookup, renew, revoke, with their token
health: unsealed
errors: 400, 403, 404, 412, 429, 500, 502, 503
";

fn hvac(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> Run {
    let python = tools().join("hvac/bin/python");
    assert!(python.exists(), "{} is missing: run `make setup`", python.display());
    sandbox.run(Command::new(python).arg(in_repository(script)).args(arguments))
}

/// What the script logs in with.
fn furnish(fake: &Fake, certificate: &[u8]) {
    fake.configure(|vault| {
        vault.policy("", "app", &["secret/data/app/*", "database/creds/app"]);
        vault.namespace("team");
        vault.policy("team", "app", &["secret/data/*"]);
        vault.approle("", "approle", "app", &["app"]);
        vault.kubernetes("", "kubernetes", "app", "service-account", &["app"]);
        vault.jwt("", "jwt", "app", "pipeline", &["app"]);
        vault.user("", "userpass", "ada", "lovelace", &["app"]);
        vault.user("team", "userpass", "ada", "in the team", &["app"]);
        vault.certificate("", "cert", "app", certificate, &["app"]);
        vault.aws("", "aws", "app", "AKIDEXAMPLE", "example-key", &["app"]);
        vault.database_role("", "app");
    });
    for status in [412, 429, 500, 502, 503] {
        fake.script(Rule::status(&format!("secret/data/status/{status}"), status));
    }
    fake.write("secret/data/app/db", &json!({ "data": { "url": "postgres://db" } }));
}

#[test]
fn a_foreign_client_finds_everything_that_the_fake_claims() {
    let fake = Fake::start(Transport::Http1);
    let client = fake.client_certificate("app");
    furnish(&fake, &client.der);
    let sandbox = Sandbox::new();
    sandbox.file("ca.pem", fake.ca());
    sandbox.file("client.pem", client.certificate);
    sandbox.file("client.key", client.key);
    let root = fake.configure(|vault| vault.root());
    let run = hvac(&sandbox, "tests/fakes/src/vault/claims.py", &[&fake.url(), &root]).expect_code(0);
    assert_eq!(run.stdout(), CLAIMS, "{}", run.describe());
    assert!(fake.seen().iter().all(|seen| seen.protocol == Protocol::Http1));
}

#[test]
fn a_foreign_client_is_told_that_the_server_is_sealed() {
    let fake = Fake::start(Transport::Plain);
    fake.configure(|vault| vault.sealed = true);
    let root = fake.configure(|vault| vault.root());
    let script = "import hvac, sys\n\
                  client = hvac.Client(url=sys.argv[1], token=sys.argv[2])\n\
                  try: client.secrets.kv.v2.read_secret_version('app', raise_on_deleted_version=True)\n\
                  except hvac.exceptions.VaultDown as error: print(error.errors)\n";
    let sandbox = Sandbox::new();
    let script = sandbox.file("sealed.py", script);
    let run = hvac(&sandbox, &script.display().to_string(), &[&fake.url(), &root]).expect_code(0);
    assert_eq!(run.stdout(), "['Vault is sealed']\n", "{}", run.describe());
}

/// The script of failures, as curl sees it: the tests that use it would pass with a fake that does not fail.
#[test]
fn every_scripted_failure_is_one() {
    let fake = Fake::start(Transport::Plain);
    fake.write("secret/data/app", &json!({ "data": { "value": "0123456789" } }));
    let root = fake.configure(|vault| vault.root());
    // Each act once, for the next request: curl's exit code, and whether what came is whole.
    let acts = [
        ("hang", Act::Hang, 28, false),
        ("hang-in-body", Act::HangInBody, 28, false),
        ("break", Act::Break, 18, false),
        ("reset", Act::Reset, 52, false),
        ("text", Act::Text("no JSON"), 0, false),
        ("truncate", Act::Truncate, 0, false),
        ("slow", Act::Slow(Duration::from_millis(1)), 0, true),
        ("huge", Act::Huge(4 << 20), 0, true),
    ];
    let count = acts.len();
    let sandbox = Sandbox::new();
    for (name, act, code, whole) in acts {
        fake.script(Rule::new("secret/data/app", act).times(1));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "2", "--output", name]);
        curl.args([
            "--header",
            &format!("X-Vault-Token: {root}"),
            &format!("{}/v1/secret/data/app", fake.url()),
        ]);
        let run = sandbox.run(&mut curl).expect_code(code);
        let got = std::fs::read(sandbox.path(name)).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&got).is_ok(), whole, "{}", run.describe());
        assert_eq!(got.len() > 4 << 20, name == "huge", "{} bytes", got.len());
    }
    assert_eq!((fake.requests("secret/data/app"), fake.connections()), (count, count));
}

#[test]
fn a_scripted_gzip_bomb_is_one() {
    let fake = Fake::start(Transport::Plain);
    fake.script(Rule::new("", Act::Gzip(64 << 20)));
    let sandbox = Sandbox::new();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--output", "bomb.gz", &format!("{}/v1/secret/data/app", fake.url())]);
    sandbox.run(&mut curl).expect_code(0);
    let inflated = sandbox.run(Command::new("sh").args(["-c", "gzip -dc bomb.gz | wc -c"])).expect_code(0);
    let sent = std::fs::metadata(sandbox.path("bomb.gz")).unwrap().len();
    assert!(sent < 1 << 20, "{sent} bytes were sent");
    assert!(inflated.stdout().trim().parse::<u64>().unwrap() > 64 << 20, "{}", inflated.describe());
}

#[test]
fn a_closed_fake_refuses_and_keeps_its_port_until_it_opens() {
    let fake = Fake::closed(Transport::Plain);
    let connect = || std::net::TcpStream::connect(fake.address).map(drop).map_err(|error| error.kind());
    assert_eq!(connect(), Err(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(connect(), Err(std::io::ErrorKind::ConnectionRefused));
    fake.open();
    while connect().is_err() {
        std::thread::yield_now();
    }
}
