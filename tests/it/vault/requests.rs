//! `request = { … }`: what engines make of parameters. Made once for all its parts, by nobody who only looks, and never of KV.

use crate::support::Run;
use crate::vault::stage::Stage;
use kz_fakes::vault::Transport;
use kz_fakes::vault::script::{Act, Rule};

/// A Vault with an authority, one-time passwords and KV version 1, whose token may have them all made.
fn stage(config: &str) -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    let token = stage.fake.configure(|vault| {
        vault.issuer("", "app", false);
        vault.issuer("", "lent", true);
        vault.one_time("", "otp");
        vault.policy("", "app", &["kv/*"]);
        for path in ["pki/*", "ssh/*", "kv/*"] {
            vault.grant("", "app", path, &["update"]);
        }
        vault.token("", &["app"])
    });
    stage.fake.write("kv/app", &serde_json::json!({ "value": "v" }));
    stage.token = Some(token);
    stage.sandbox.file(".keyzero.toml", config);
    stage
}

fn posts(stage: &Stage, prefix: &str) -> usize {
    let seen = stage.fake.seen();
    seen.iter().filter(|seen| seen.method == "POST" && seen.path.starts_with(prefix)).count()
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout()).expect("JSON")
}

const JSON: &[&str] = &["export", "--format", "json"];

#[test]
fn the_parts_of_one_request_come_from_one_answer_and_another_request_is_another_document() {
    let stage = stage(
        r#"[secrets]
CERT = { provider = "vault", ref = "pki/issue/app#certificate", request = { common_name = "db.internal", ttl = "1h" } }
CHAIN = { provider = "vault", ref = "pki/issue/app#ca_chain", request = { ttl = "1h", common_name = "db.internal" } }
ENDS = { provider = "vault", ref = "pki/issue/app/expiration", request = { common_name = "db.internal", ttl = "1h" } }
OTHER = { provider = "vault", ref = "pki/issue/app#private_key", request = { common_name = "web.internal" } }

[secrets.KEY]
provider = "vault"
ref = "pki/issue/app#private_key"
[secrets.KEY.request]
common_name = "db.internal"
ttl = "1h"
"#,
    );
    let got = json(&stage.kz(JSON).expect_code(0));
    let inside = |name: &str| got[name].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(inside("CERT"), inside("KEY"), "certificate and key belong together");
    assert!(inside("KEY").starts_with("db.internal "), "{got}");
    assert!(inside("OTHER").starts_with("web.internal "), "{got}");
    assert_eq!(got["ENDS"], "4136846706");
    assert!(got["CHAIN"].as_str().unwrap().starts_with("[\"-----BEGIN"), "{got}");
    // One look at the mount, and two certificates.
    assert_eq!((posts(&stage, "pki/"), stage.fake.requests("sys/internal/")), (2, 1));
}

#[test]
fn whoever_only_looks_has_nothing_made() {
    let stage = stage(
        r#"[secrets]
CERT = { provider = "vault", ref = "pki/issue/app#certificate", request = { common_name = "db.internal" } }
"#,
    );
    for words in [&["status"][..], &["validate"], &["plan"], &["plan", "--format", "hcl"]] {
        stage.kz(words).expect_code(0);
    }
    assert_eq!(posts(&stage, "pki/"), 0);
    // `create` alone makes nothing at a real server, and so it is no right to.
    stage.fake.configure(|vault| {
        vault.policy("", "app", &[]);
        vault.grant("", "app", "pki/issue/app", &["create", "read"]);
    });
    let run = stage.kz(&["status"]).expect_unresolved();
    assert!(run.stdout().contains("denied"), "{}", run.describe());
    assert_eq!(posts(&stage, "pki/"), 0);
}

#[test]
fn a_request_never_writes_a_document_of_kv() {
    for (path, engine) in
        [("kv/app", "kv"), ("kv/none", "kv"), ("secret/app", "kv"), ("cubbyhole2/app", "kv")]
    {
        let config = format!(
            "[secrets]\nA = {{ provider = \"vault\", ref = \"{path}#value\", request = {{ value = \"overwritten\" }} }}\n"
        );
        let stage = stage(&config);
        stage.fake.configure(|vault| {
            vault.mount_kv("", "cubbyhole2", 1);
            for path in ["secret/*", "cubbyhole2/*"] {
                vault.grant("", "app", path, &["update"]);
            }
        });
        for words in [JSON, &["status"]] {
            let run = stage.kz(words).expect_unresolved();
            let said = format!("the engine under this path (`{engine}`) makes no document of parameters");
            assert!(run.describe().contains(&said), "{path}\n{}", run.describe());
        }
        assert_eq!(posts(&stage, path), 0, "{path}");
    }
    // Nor where nobody tells what is there: whoever stands in between may hide it.
    let config =
        "[secrets]\nA = { provider = \"vault\", ref = \"kv/app#value\", request = { value = \"x\" } }\n";
    for act in [
        Act::Status(404, Vec::new()),
        Act::Answer(kz_fakes::fake_server::Reply::new(403, "text/html", "<html>")),
        Act::Text("{}"),
    ] {
        let stage = stage(config);
        stage.fake.script(Rule::new("sys/internal/", act));
        stage
            .kz(JSON)
            .expect_unresolved()
            .expect_stderr(&["the server does not tell which engine is under this path"]);
        assert_eq!(posts(&stage, "kv/"), 0);
    }
}

#[test]
fn what_was_lent_for_a_request_is_given_back_where_nobody_receives_it() {
    let config = |more: &str| {
        format!(
            r#"[secrets]
CERT = {{ provider = "vault", ref = "pki/issue/lent#certificate", request = {{ common_name = "db.internal" }} }}
OTP = {{ provider = "vault", ref = "ssh/creds/otp#key", request = {{ ip = "10.1.2.3" }} }}
{more}"#
        )
    };
    let absent = config("X = { provider = \"vault\", ref = \"kv/none#value\" }\n");
    let leases = |stage: &Stage| stage.fake.configure(|vault| vault.leases());
    let failing = stage(&absent);
    failing.fake.configure(|vault| vault.grant("", "app", "sys/leases/revoke", &["update"]));
    let run = failing.kz(JSON).expect_unresolved();
    assert_eq!(
        (posts(&failing, "pki/"), posts(&failing, "ssh/"), leases(&failing)),
        (1, 1, 0),
        "{}",
        run.describe()
    );
    let delivered = stage(&config(""));
    delivered
        .kz(JSON)
        .expect_code(0)
        .expect_stderr(&["leased until", "nobody renews it after kz: CERT, OTP"]);
    assert_eq!(leases(&delivered), 2);
}

#[test]
fn an_answer_that_is_lost_is_not_asked_for_again() {
    let stage = stage(
        "[secrets]\nCERT = { provider = \"vault\", ref = \"pki/issue/app#certificate\", request = { common_name = \"db.internal\" } }\n",
    );
    stage.fake.script(Rule::new("pki/", Act::Break));
    stage.kz(JSON).expect_unresolved().expect_stderr(&["whether a credential was made is not known"]);
    assert_eq!(posts(&stage, "pki/"), 1);
}

#[test]
fn what_the_engine_says_of_the_parameters_is_told_in_words_of_kzs_own() {
    let config = |path: &str, request: &str| {
        format!("[secrets]\nA = {{ provider = \"vault\", ref = \"{path}\", request = {{ {request} }} }}\n")
    };
    for (path, request, words) in [
        (
            "pki/issue/app#certificate",
            "common_name = \"canary.test\"",
            "the role does not allow a name in `request`",
        ),
        (
            "pki/issue/app#certificate",
            "ttl = \"1h\"",
            "the engine wants a parameter that `request` does not have",
        ),
        ("ssh/creds/otp#key", "port = 22", "the engine wants a parameter that `request` does not have"),
        ("pki/issue/none#certificate", "common_name = \"a.internal\"", "the server knows no such role"),
        ("pki/nothing/app#certificate", "common_name = \"a.internal\"", "the engine there has no such path"),
        ("pki/issue/app", "common_name = \"a.internal\"", "the engine there has no such path (`pki/issue`)"),
        ("nowhere/issue/app#x", "a = true", "update `nowhere/issue/app`"),
    ] {
        let stage = stage(&config(path, request));
        let run = stage.kz(JSON).expect_unresolved().expect_stderr(&[words]);
        assert!(!run.stderr().contains("canary"), "{}", run.describe());
    }
    // What was not taken as written is said to everybody.
    let ignored = config("pki/issue/app#certificate", "common_name = \"a.internal\", colour = \"red\"");
    stage(&ignored).kz(JSON).expect_code(0).expect_stderr(&["it ignored a parameter of the request"]);
    let shortened = config("pki/issue/app#certificate", "common_name = \"a.internal\", ttl = \"900h\"");
    stage(&shortened).kz(JSON).expect_code(0).expect_stderr(&["it lives less long than it was to"]);
}

/// Of what lies in a namespace whose name begins the ref, only the server tells what it is: as an `OpenBao` told it.
#[test]
fn a_request_never_changes_the_server_whatever_namespace_the_ref_begins_with() {
    for (path, kind, mount, is_login) in [
        ("ns1/sys/mounts/x", "ns_system", "ns1/sys/", false),
        ("ns1/sys/policies/acl/x", "ns_system", "ns1/sys/", false),
        ("ns1/ns2/sys/mounts/x", "ns_system", "ns1/ns2/sys/", false),
        ("ns1/auth/token/create", "ns_token", "ns1/auth/token/", true),
        ("ns1/auth/userpass/users/eve", "userpass", "ns1/auth/userpass/", true),
        ("ns1/auth/deep/er/role/x", "approle", "ns1/auth/deep/er/", true),
        ("ns1/identity/entity", "ns_identity", "ns1/identity/", false),
        ("ns1/cubbyhole/x", "ns_cubbyhole", "ns1/cubbyhole/", false),
    ] {
        let stage = stage(&format!(
            "[secrets]\nA = {{ provider = \"vault\", ref = \"{path}#x\", request = {{ a = \"b\" }} }}\n"
        ));
        let mut config =
            serde_json::json!({ "default_lease_ttl": 0, "force_no_cache": false, "max_lease_ttl": 0 });
        if is_login {
            config["token_type"] = "default-service".into();
        }
        let told = serde_json::json!({ "request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0,
            "data": { "config": config, "options": {}, "path": mount, "type": kind }, "auth": null });
        let told = kz_fakes::fake_server::Reply::new(200, "application/json", told.to_string());
        stage.fake.script(Rule::new("sys/internal/ui/mounts/", Act::Answer(told)));
        for words in [JSON, &["status"]] {
            let run = stage.kz(words).expect_unresolved();
            let said = format!("(`{kind}`) makes no document of parameters");
            assert!(run.describe().contains(&said), "{path}\n{}", run.describe());
        }
        assert_eq!(posts(&stage, "ns1/"), 0, "{path}");
    }
}

/// What is not read is refused alike by whoever only looks, and with a request what takes none.
#[test]
fn status_says_of_a_path_what_an_export_would() {
    let request = ", request = { common_name = \"a.internal\" }";
    for (path, request, is_ready) in [
        ("pki/issue/app#certificate", "", false),
        ("ssh/creds/otp#key", "", false),
        ("pki/nothing/app#x", "", false),
        ("database/creds/app#password", "", true),
        ("database/static-creds/st#password", "", true),
        ("pki/issue/app#certificate", request, true),
        ("pki/nothing/app#x", request, false),
        ("pky/issue/app#certificate", "", false),
        ("pky/issue/app#certificate", request, false),
        ("database/creds/app#password", request, false),
    ] {
        let stage = stage(&format!("[secrets]\nA = {{ provider = \"vault\", ref = \"{path}\"{request} }}\n"));
        stage.fake.configure(|vault| {
            vault.database_role("", "app");
            vault.static_role("", "st", 86_399);
            for path in ["pki/*", "pky/*", "ssh/*", "database/*"] {
                vault.grant("", "app", path, &["read", "update"]);
            }
        });
        let code = i32::from(!is_ready);
        let looked = stage.kz(&["status"]).expect_code(code);
        let made =
            (posts(&stage, "pki/") + posts(&stage, "ssh/"), stage.fake.configure(|vault| vault.leases()));
        assert_eq!(made, (0, 0), "{path}");
        let delivered = stage.kz(JSON).expect_code(code);
        if is_ready {
            continue;
        }
        let said = delivered.stderr();
        let cause = said.lines().find_map(|line| line.split_once("not set up: ")).map(|(_, cause)| cause);
        let cause = cause.unwrap_or_else(|| panic!("{}", delivered.describe()));
        assert!(looked.stdout().contains(cause), "{path} {request}: {cause}\n{}", looked.describe());
    }
}

/// A server that fails is not a token that may not ask.
#[test]
fn status_says_that_the_server_failed_where_it_does_not_tell_what_a_token_may() {
    for request in ["", ", request = { common_name = \"a.internal\" }"] {
        let stage = stage(&format!(
            "[secrets]\nA = {{ provider = \"vault\", ref = \"pki/issue/app#certificate\"{request} }}\n"
        ));
        stage.fake.script(Rule::status("sys/capabilities-self", 500));
        let run = stage.kz(&["--timeout", "1s", "status"]).expect_unresolved();
        assert!(run.stdout().contains("server failed"), "{}", run.describe());
        assert!(!run.stdout().contains("may not ask"), "{}", run.describe());
        assert_eq!(posts(&stage, "pki/"), 0);
    }
}

#[test]
fn a_path_that_takes_a_post_says_how_it_is_written() {
    let stage = stage("[secrets]\nA = { provider = \"vault\", ref = \"pki/issue/app#certificate\" }\n");
    stage.fake.configure(|vault| vault.policy("", "app", &["pki/*"]));
    stage.kz(JSON).expect_unresolved().expect_stderr(&["request = { common_name = \"…\" }"]);
}

#[test]
fn a_password_that_the_server_changes_goes_out_with_its_end_and_its_version() {
    for (ttl, words) in [
        (4, Some("changed by the server at ")),
        (0, Some("changed by the server at any moment, and nobody tells it after kz: P, U")),
        (86_399, None),
    ] {
        let mut stage = stage(
            "[secrets]\nP = { provider = \"vault\", ref = \"database/static-creds/st/password\" }\nU = { provider = \"vault\", ref = \"database/static-creds/st/username\" }\n",
        );
        stage.token = Some(stage.fake.configure(|vault| {
            vault.static_role("", "st", ttl);
            vault.root()
        }));
        std::fs::create_dir(stage.sandbox.path("out")).unwrap();
        let run = stage.kz(&["export", "--format", "files", "--output", "out"]).expect_code(0);
        match words {
            Some(words) => drop(run.expect_stderr(&[words])),
            None => assert!(!run.stderr().contains("changed by the server"), "{}", run.describe()),
        }
        let manifest = std::fs::read_to_string(stage.sandbox.path("out/.kz/manifest")).unwrap();
        assert!(manifest.contains("2026-11-25T12:00:00.000000001Z"), "{manifest}");
        // It is the server's own: nothing hangs on kz's token, and nothing is asked about that.
        assert_eq!(stage.fake.requests("auth/"), 0);
    }
}
