//! The Google Cloud that tests start, driven once by clients that know nothing of kz: Google's own for Python.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Sandbox, in_repository, tools};
use kz_fakes::fake_server::Transport;
use kz_fakes::gcp::{Fake, Gcp, NUMBER, PROJECT, SUBJECT_HEADER, impersonation_url};

/// Everything that the fake claims, as the script lists it.
const CLAIMS: &str = "\
versions: latest, number, alias, a project's number, regional
values: bytes, empty, damaged once, without a checksum
errors: no secret, no version, disabled, destroyed, denied, no token
keys: a token, deleted account, unknown key, another's signature, no scope
logins: a token, revoked
pools: a file, an address, an account, another audience, another type, another token, no header
impersonation: an account, by a delegate, denied
metadata: what it is, project, a token
";

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn secrets(gcp: &mut Gcp) {
    gcp.secret("app", "old");
    gcp.secret("app", "new");
    gcp.alias("app", "blue", 1);
    gcp.secret_at(&format!("projects/{PROJECT}/locations/europe-west3/secrets/app"), "regional");
    gcp.secret("bytes", b"\x00\xff\n");
    gcp.secret("empty", "");
    gcp.secret("damaged", "whole");
    gcp.damage("damaged", 1);
    gcp.secret("unsummed", "value");
    gcp.leave_out_checksum("unsummed");
    gcp.secret("closed", "value");
    gcp.only_for("closed", "somebody else");
}

/// What the script looks for; says what it cannot know.
fn furnish(fake: &Fake, sandbox: &Sandbox) -> Value {
    let origin = fake.url();
    let good = sandbox.file("subject", "example-subject").display().to_string();
    let wrong = sandbox.file("wrong", "another").display().to_string();
    fake.configure(|gcp| {
        secrets(gcp);
        let key = gcp.key("app", &origin);
        let deleted = gcp.key("gone", &origin);
        gcp.delete_keys(&deleted.email);
        let target = gcp.let_impersonate(&key.email, "target");
        let far = gcp.let_impersonate(&target, "far");
        gcp.let_impersonate(&Gcp::member("pool"), "target");
        gcp.instance("vm");
        gcp.serve_subject(r#"{"id_token": "example-subject"}"#);
        let pool = json!({
            "type": "external_account", "audience": gcp.pool("pool", JWT, "example-subject"),
            "subject_token_type": JWT, "token_url": format!("{origin}/v1/token"),
            "credential_source": { "file": good },
        });
        json!({
            "project": PROJECT, "number": NUMBER, "token": gcp.token(&Gcp::email("app")),
            "key": key.json, "deleted": deleted.json, "login": gcp.login(&origin), "pool": pool,
            "behind_an_address": {
                "url": format!("{origin}/subject"), "headers": { SUBJECT_HEADER.0: SUBJECT_HEADER.1 },
                "format": { "type": "json", "subject_token_field_name": "id_token" },
            },
            "wrong_token_file": wrong, "target": target, "far": far,
            "impersonation_url": impersonation_url(&origin, &target),
        })
    })
}

/// Versions 3 and 4 are there once `latest` was read.
fn switch_off(fake: &Fake) {
    fake.configure(|gcp| {
        for state in ["DISABLED", "DESTROYED"] {
            let version = gcp.hidden("app");
            gcp.set_state("app", version, state);
        }
    });
}

#[test]
fn a_foreign_client_finds_everything_that_the_fake_claims() {
    let python = tools().join("google-cloud-secret-manager/bin/python");
    assert!(python.exists(), "{} is missing: run `make setup`", python.display());
    let (fake, sandbox) = (Fake::start(Transport::Plain), Sandbox::new());
    // In a file: there are keys in it.
    let facts = sandbox.file("facts.json", furnish(&fake, &sandbox).to_string());
    switch_off(&fake);
    let mut command = Command::new(python);
    command.arg(in_repository("tests/fakes/src/gcp/claims.py")).arg(fake.url()).arg(facts);
    let run = sandbox.run(&mut command).expect_code(0);
    assert_eq!(run.stdout(), CLAIMS, "{}", run.describe());
    let iam = format!("iam/{}", Gcp::email("target"));
    let regional = format!("access/projects/{PROJECT}/locations/europe-west3/secrets/app");
    for name in ["token", "sts", &iam, &regional, "metadata/instance/service-accounts/", "subject"] {
        assert!(fake.requests(name) > 0, "{name}: {:?}", fake.seen());
    }
}
