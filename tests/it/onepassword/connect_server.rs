//! kz and a Connect server: what it costs in calls, which names are understood, and what is said of what fails.

use std::process::Command;

use crate::canary::{assert_clean, canary};
use crate::support::{Run, Sandbox, kz_binary};
use kz_fakes::connect::{Connect, Fake, TOKEN};
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::fake_server::{Reply, Transport};

const EXPORT: &[&str] = &["--timeout", "3s", "export", "--format", "env"];

/// A server, and a directory whose configuration reads it.
struct Stage {
    fake: Fake,
    sandbox: Sandbox,
    token: String,
}

impl Stage {
    fn new(transport: Transport, furnish: impl FnOnce(&mut Connect)) -> Self {
        let stage = Self { fake: Fake::start(transport), sandbox: Sandbox::new(), token: TOKEN.to_owned() };
        stage.fake.configure(furnish);
        stage.sandbox.file("ca.pem", stage.fake.ca());
        stage
    }

    fn secrets(&self, refs: &[(&str, &str)]) {
        let line = |(name, path): &(&str, &str)| {
            format!("{name} = {{ provider = \"1password\", ref = \"{path}\" }}\n")
        };
        let lines: String = refs.iter().map(line).collect();
        self.sandbox.file(
            ".keyzero.toml",
            format!("[secrets]\n{lines}[providers.1password]\nca_cert = \"ca.pem\"\n"),
        );
    }

    fn kz(&self, words: &[&str]) -> Run {
        let mut command = Command::new(kz_binary());
        command.args(words).env("OP_CONNECT_HOST", self.fake.url()).env("OP_CONNECT_TOKEN", &self.token);
        self.sandbox.run(&mut command)
    }
}

/// A vault `prod` with an item `db` that has a password.
fn small(value: &str) -> Stage {
    let stage = Stage::new(Transport::Http1, |connect| {
        connect.vault("prod");
        connect.item("prod", "db");
        connect.field("prod", "db", None, "password", value);
    });
    stage.secrets(&[("V", "op://prod/db/password")]);
    stage
}

#[test]
fn an_item_is_read_to_the_limit_and_what_is_too_large_is_told() {
    let stage = small(&"x".repeat(2_000));
    let config = std::fs::read(stage.sandbox.path(".keyzero.toml")).unwrap();
    for (limit, code) in [("16KiB", 0), ("1KiB", 1)] {
        let limit = format!("[resolve]\nmax_document_size = \"{limit}\"\n");
        stage.sandbox.file(".keyzero.toml", [config.as_slice(), limit.as_bytes()].concat());
        let run = stage.kz(EXPORT).expect_code(code);
        let words = "the answer has more than 1 KiB [KZ119]";
        assert_eq!(run.stderr().contains(words), code == 1, "{}", run.describe());
    }
}

#[test]
fn fifty_fields_of_ten_items_in_two_vaults_are_at_most_22_calls() {
    let stage = Stage::new(Transport::Http2, |connect| {
        for vault in ["one", "two"] {
            connect.vault(vault);
            for item in 0..5 {
                connect.item(vault, &format!("item {item}"));
                for field in 0..5 {
                    connect.field(vault, &format!("item {item}"), None, &format!("f{field}"), "v");
                }
            }
        }
    });
    let mut refs = Vec::new();
    for number in 0..50 {
        let (vault, item, field) = (["one", "two"][number / 25], number / 5 % 5, number % 5);
        refs.push((format!("S{number}"), format!("op://{vault}/item {item}/f{field}")));
    }
    let refs: Vec<_> = refs.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    stage.secrets(&refs);
    let run = stage.kz(EXPORT).expect_code(0);
    assert_eq!(run.stdout().lines().count(), 50, "{}", run.describe());
    assert_eq!((stage.fake.seen().len(), stage.fake.connections()), (2 + 10 + 10, 1), "{}", run.describe());
}

#[test]
fn ids_need_no_look_up() {
    let stage = Stage::new(Transport::Http1, |_| {});
    let (vault, item) = stage.fake.configure(|connect| {
        let ids = (connect.vault("prod"), connect.item("prod", "db"));
        connect.field("prod", "db", None, "password", "v");
        ids
    });
    stage.secrets(&[("V", &format!("op://{vault}/{item}/password"))]);
    stage.kz(EXPORT).expect_code(0);
    assert_eq!(stage.fake.seen().len(), 1);
}

#[test]
fn sections_one_time_passwords_and_files_are_found() {
    let stage = Stage::new(Transport::Http1, |connect| {
        connect.vault("prod");
        connect.item("prod", "db");
        connect.field("prod", "db", Some("staging"), "token", "s");
        connect.field("prod", "db", Some("live"), "token", "l");
        connect.one_time("prod", "db", "code", "123456");
        connect.file("prod", "db", "key.pem", b"line 1\nline 2\n");
    });
    stage.secrets(&[
        ("LIVE", "op://Prod/DB/live/token"),
        ("CODE", "op://prod/db/code?attribute=otp"),
        ("KEY", "op://prod/db/key.pem"),
    ]);
    let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    assert_eq!(run.stdout(), "{\"LIVE\":\"l\",\"CODE\":\"123456\",\"KEY\":\"line 1\\nline 2\\n\"}\n");
    stage.secrets(&[("V", "op://prod/db/token")]);
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["several of that name", "`staging/", "`live/"]);
}

#[test]
fn a_title_that_two_items_bear_is_an_error_with_their_ids() {
    let stage = small("v");
    let ids = stage.fake.configure(|connect| connect.item("prod", "db"));
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["several items are named `db`", &ids, "id instead"]);
}

#[test]
fn what_is_not_there_is_absent_and_said() {
    let stage = small("v");
    for (path, words) in [
        ("op://none/db/password", "the token opens no vault of that name"),
        ("op://prod/none/password", "the vault has no item of that title"),
        ("op://prod/db/none", "it has `password`"),
    ] {
        stage.secrets(&[("V", path)]);
        stage.kz(EXPORT).expect_unresolved().expect_stderr(&["absent", words]);
    }
    let id = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
    stage.secrets(&[("V", &format!("op://{id}/{id}/password"))]);
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["absent"]);
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_not() {
    for status in [408, 429, 500, 502, 503, 504] {
        let stage = small("v");
        stage.fake.script(Rule::status("/v1/", status).times(2));
        stage.kz(EXPORT).expect_code(0);
        assert_eq!(stage.fake.seen().len(), 3 + 2, "{status}");
    }
    let stage = small("v");
    stage.fake.script(Rule::retry_after("/v1/", 429, "1").times(1));
    stage.kz(EXPORT).expect_code(0);
    for (status, words) in [
        (400, "does not accept the request"),
        (401, "does not accept the token"),
        (403, "does not open this vault"),
        (418, "not a Connect server"),
    ] {
        let stage = small("v");
        stage.fake.script(Rule::status("/v1/", status));
        let run = stage.kz(EXPORT).expect_unresolved().expect_stderr(&[words, &status.to_string()]);
        assert_eq!(stage.fake.seen().len(), 1, "{}", run.describe());
    }
}

/// A vault with a file of 1,000 bytes, of which the server gives this instead; what kz says, and how often it asked.
fn file_instead(instead: Reply) -> (Run, usize) {
    let stage = Stage::new(Transport::Http1, |connect| {
        connect.vault("prod");
        connect.item("prod", "tls");
        connect.file("prod", "tls", "server.key", &[b'x'; 1000]);
    });
    stage.secrets(&[("K", "op://prod/tls/server.key")]);
    let content = format!("/v1/vaults/{:026}/items/{:026}/files/", 1, 2);
    stage.fake.script(Rule::new(&content, Act::Answer(instead)));
    let run =
        stage.kz(&["--timeout", "1s", "export", "--format", "files", "--output", "."]).expect_unresolved();
    assert!(!stage.sandbox.path("K").exists(), "{}", run.describe());
    (run, stage.fake.requests(&content))
}

#[test]
fn a_file_that_is_not_whole_is_not_delivered() {
    let binary = |status, size| Reply::new(status, "application/octet-stream", vec![b'x'; size]);
    for (instead, words, requests) in [
        (binary(200, 100), "it has 100 bytes, and the item says 1000", 2),
        (binary(200, 1001), "it has 1001 bytes, and the item says 1000", 2),
        (binary(200, 0), "it has 0 bytes, and the item says 1000", 2),
        (Reply::new(200, "text/html", "<html>login</html>"), "what came is not the file", 2),
        (binary(206, 1000), "not a whole answer (status 206)", 1),
        (binary(204, 0), "not a whole answer (status 204)", 1),
    ] {
        let (run, asked) = file_instead(instead);
        run.expect_stderr(&["malformed", words]);
        assert_eq!(asked, requests, "{words}");
    }
}

#[test]
fn a_file_that_was_cut_once_is_had_and_an_empty_one_is_delivered() {
    let stage = Stage::new(Transport::Http1, |connect| {
        connect.vault("prod");
        connect.item("prod", "tls");
        connect.file("prod", "tls", "key", b"whole");
        connect.file("prod", "tls", "empty", b"");
    });
    stage.secrets(&[("K", "op://prod/tls/key"), ("E", "op://prod/tls/empty")]);
    let content = format!("/v1/vaults/{:026}/items/{:026}/files/{:026}", 1, 2, 3);
    stage.fake.script(Rule::new(&content, Act::Truncate).times(1));
    let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    assert_eq!(run.stdout(), "{\"K\":\"whole\",\"E\":\"\"}\n");
}

#[test]
fn an_item_that_is_not_whole_is_malformed_and_never_absent() {
    for (instead, words) in [
        (Reply::new(200, "application/json", "{}"), "is not what a Connect server gives"),
        (
            Reply::new(200, "application/json", r#"{"id":"other","fields":[]}"#),
            "is not what a Connect server gives",
        ),
        (Reply::new(204, "application/json", ""), "not a whole answer (status 204)"),
        (Reply::new(206, "application/json", "{}"), "not a whole answer (status 206)"),
    ] {
        let stage = small("v");
        stage.sandbox.file(
            ".keyzero.toml",
            "[secrets]\nV = { provider = \"1password\", ref = \"op://prod/db/password\", optional = true }\n\
             [providers.1password]\nca_cert = \"ca.pem\"\n",
        );
        let item = format!("/v1/vaults/{:026}/items/{:026}", 1, 2);
        stage.fake.script(Rule::new(&item, Act::Answer(instead)));
        stage.kz(EXPORT).expect_unresolved().expect_stderr(&["malformed", words]);
    }
}

/// An optional secret, where everything whose path begins so is answered by somebody else.
fn optional_behind(prefix: &str, instead: &Reply) -> Run {
    let stage = small("v");
    stage.sandbox.file(
        ".keyzero.toml",
        "[secrets]\nV = { provider = \"1password\", ref = \"op://prod/db/password\", optional = true }\n\
         [providers.1password]\nca_cert = \"ca.pem\"\n",
    );
    stage.fake.script(Rule::new(prefix, Act::Answer(instead.clone())));
    stage.kz(&["--timeout", "1s", "export", "--format", "env"]).expect_unresolved()
}

#[test]
fn somebody_elses_404_or_empty_list_is_no_absence() {
    for body in
        ["404 page not found", "", "{\"message\":\"no Route matched\"}", "{\"status\":500,\"message\":\"x\"}"]
    {
        let foreign = Reply::new(404, "text/plain", body);
        for prefix in ["/v1/vaults", &format!("/v1/vaults/{:026}/items/", 1)] {
            let words = ["unreachable", "is not a Connect server, for 1 s", "have a route for it"];
            optional_behind(prefix, &foreign).expect_stderr(&words);
        }
    }
    let nothing = Reply::new(200, "application/json", "[]");
    optional_behind("/v1/", &nothing).expect_stderr(&["denied", "opens no vault at all"]);
}

#[test]
fn a_field_that_was_never_filled_in_is_absent_and_an_empty_one_is_not() {
    let stage = small("v");
    stage.fake.configure(|connect| {
        connect.unfilled("prod", "db", "never filled");
        connect.field("prod", "db", None, "cleared", "");
    });
    stage.secrets(&[("V", "op://prod/db/never filled")]);
    stage.kz(EXPORT).expect_unresolved().expect_stderr(&["absent", "`never filled` was never filled in"]);
    stage.sandbox.file(
        ".keyzero.toml",
        "[secrets]\nD = { provider = \"op\", ref = \"op://prod/db/never filled\", default = \"x\" }\n\
         O = { provider = \"op\", ref = \"op://prod/db/never filled\", optional = true }\n\
         C = { provider = \"op\", ref = \"op://prod/db/cleared\" }\n[providers.1password]\nca_cert = \"ca.pem\"\n",
    );
    let run = stage.kz(&["export", "--format", "json"]).expect_code(0);
    assert_eq!(run.stdout(), "{\"D\":\"x\",\"C\":\"\"}\n");
}

/// Class, words, and the number of requests; nothing where it is as many as there was time for.
type Expected = (&'static str, &'static [&'static str], Option<usize>);

fn faults() -> Vec<(Act, Expected)> {
    let status = |status| Act::Status(status, Vec::new());
    let after = |code, seconds: &str| Act::Status(code, vec![("Retry-After".to_owned(), seconds.to_owned())]);
    vec![
        (status(401), ("denied", &["does not accept the token (status 401)"], Some(1))),
        (status(403), ("denied", &["does not open this vault (status 403)"], Some(1))),
        (status(404), ("absent", &[], Some(1))),
        (status(429), ("unreachable", &["too many requests (status 429)", "for 4 s"], None)),
        (after(429, "2"), ("unreachable", &["too many requests (status 429)"], Some(2))),
        (after(429, "60"), ("unreachable", &["too many requests (status 429)"], Some(1))),
        (status(500), ("server failed", &["the server failed (status 500)", "for 4 s"], None)),
        (Act::Hang, ("unreachable", &["no answer from 127.0.0.1", "for 4 s"], Some(1))),
        (Act::Text("<html>"), ("malformed", &["is not what a Connect server gives"], Some(1))),
        (Act::Truncate, ("malformed", &["is not what a Connect server gives"], Some(1))),
    ]
}

#[test]
fn every_fault_has_its_class_and_its_words_and_shows_no_value() {
    let canary = canary();
    // By ids, as the fake counts them: one request, without look-ups.
    let path = format!("op://{:026}/{:026}/password", 1, 2);
    for (act, (class, words, requests)) in faults() {
        let stage = small(&canary);
        stage.secrets(&[("V", path.as_str())]);
        stage.fake.script(Rule::new("/v1/", act.clone()));
        let run = stage.kz(&["-v", "--timeout", "4s", "status", "--format", "json"]);
        assert_clean(&run, &canary);
        let secrets: Vec<serde_json::Value> = serde_json::from_str(&run.stdout()).expect("JSON");
        assert_eq!(secrets[0]["state"], class, "{act:?}\n{}", run.describe());
        for word in words {
            let said = secrets[0]["cause"].as_str().unwrap_or_default();
            assert!(said.contains(word), "{act:?} lacks {word:?}\n{}", run.describe());
        }
        let asked = stage.fake.seen().len();
        assert!(requests.map_or(asked > 1, |number| asked == number), "{act:?}: {asked}\n{}", run.describe());
    }
}

#[test]
fn nothing_of_a_value_or_a_token_is_shown() {
    let canary = canary();
    for act in [
        Act::Truncate,
        Act::Break,
        Act::Text("<html>"),
        Act::Status(401, Vec::new()),
        Act::Status(403, Vec::new()),
        Act::Status(500, Vec::new()),
    ] {
        let mut stage = small(&canary);
        stage.fake.script(Rule::new("/v1/vaults/", act.clone()));
        let run = stage.kz(&["-v", "--timeout", "1s", "export", "--format", "env"]).expect_unresolved();
        assert_clean(&run, &canary);
        assert!(!run.stderr().contains(TOKEN), "{act:?}\n{}", run.describe());
        stage.token.clone_from(&canary);
        let run = stage.kz(&["-v", "--timeout", "1s", "export", "--format", "env"]).expect_unresolved();
        assert_clean(&run, &canary);
    }
}

#[test]
fn what_is_not_set_up_is_said() {
    let stage = small("v");
    let kz = |variables: &[(&str, &str)]| {
        let mut command = Command::new(kz_binary());
        stage.sandbox.run(command.args(EXPORT).envs(variables.iter().copied())).expect_unresolved()
    };
    kz(&[]).expect_stderr(&["no way to 1Password", "OP_CONNECT_HOST", "OP_SERVICE_ACCOUNT_TOKEN"]);
    kz(&[("OP_CONNECT_HOST", "http://127.0.0.1:1")]).expect_stderr(&["no token for it"]);
    kz(&[("OP_CONNECT_TOKEN", "x")]).expect_stderr(&["no server", "OP_CONNECT_HOST"]);
    kz(&[("OP_SERVICE_ACCOUNT_TOKEN", "x")])
        .expect_stderr(&["`op` program, which is not on PATH", "Connect"]);
}
