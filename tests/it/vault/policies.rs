//! The policy that `kz plan --format hcl` prints is all that kz needs, and no line of it is one too many: for every kind of ref,
//! with a token that has no policy `default`. The same was run on a real `OpenBao`.

use std::collections::BTreeMap;

use crate::support::Run;
use crate::vault::stage::Stage;
use kz_fakes::vault::Transport;

/// A kind of ref: its lines in `[secrets]`.
struct Kind {
    name: &'static str,
    secrets: &'static str,
    /// Lines that are for one of several forms that a path may be meant in, of which the server knows which it is.
    open: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind {
        name: "KV version 2 as data",
        secrets: "A = { provider = \"vault\", ref = \"secret/data/app/value\" }",
        open: &[],
    },
    Kind {
        name: "KV version 2 as the CLI writes it",
        secrets: "A = { provider = \"vault\", ref = \"secret/app#value\" }",
        open: &["secret/app", "auth/token/renew-self", "sys/capabilities-self"],
    },
    Kind {
        name: "KV version 1",
        secrets: "A = { provider = \"vault\", ref = \"kv/app#value\" }",
        open: &["kv/data/app", "auth/token/renew-self", "sys/capabilities-self"],
    },
    Kind {
        name: "a credential that is made",
        secrets: "A = { provider = \"vault\", ref = \"database/creds/app#password\" }",
        open: &[],
    },
    Kind {
        name: "a password that the server changes",
        secrets: "A = { provider = \"vault\", ref = \"database/static-creds/st#password\" }",
        open: &[],
    },
    Kind {
        name: "a request whose document is lent",
        secrets: "A = { provider = \"vault\", ref = \"pki/issue/lent#certificate\", request = { common_name = \"a.internal\" } }",
        open: &[],
    },
    Kind {
        name: "a request whose document is not",
        secrets: "A = { provider = \"vault\", ref = \"pki/issue/app#certificate\", request = { common_name = \"a.internal\" } }",
        // Only the answer tells that nothing is lent.
        open: &["auth/token/renew-self"],
    },
];

/// A Vault whose policy `default` lets nobody do anything, in this namespace.
fn stage(kind: &Kind, login: &str, read_in: &str) -> Stage {
    let mut stage = Stage::new(Transport::Http2);
    stage.token = None;
    stage.fake.configure(|vault| {
        for name in [login, read_in].into_iter().filter(|name| !name.is_empty()) {
            vault.namespace(name);
        }
        for name in ["", login, read_in] {
            vault.policy(name, "default", &[]);
        }
        vault.database_role(read_in, "app");
        vault.static_role(read_in, "st", 86_399);
        vault.issuer(read_in, "app", false);
        vault.issuer(read_in, "lent", true);
        vault.user(login, "userpass", "ada", "lovelace", &["app"]);
        // Longer than anything that is lent.
        vault.token_life = 31_536_000;
    });
    stage.fake.write_in(read_in, "secret/data/app", &serde_json::json!({ "data": { "value": "v" } }));
    stage.fake.write_in(read_in, "kv/app", &serde_json::json!({ "value": "v" }));
    stage.sandbox.file("password", "lovelace");
    let namespaces = if login == read_in { String::new() } else { format!(", namespace = \"{login}\"") };
    let auth = format!(
        "namespace = \"{read_in}\"\nauth = {{ method = \"userpass\", username = \"ada\", password_file = \"password\"{namespaces} }}"
    );
    stage.sandbox.file(".keyzero.toml", format!("[secrets]\n{}\n[providers.vault]\n{auth}\n", kind.secrets));
    stage
}

/// The rules of a printed policy: what is allowed at each path.
fn rules(hcl: &str) -> BTreeMap<String, Vec<String>> {
    let quoted =
        |line: &str| -> Vec<String> { line.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut lines = hcl.lines();
    let mut rules = BTreeMap::new();
    while let Some(line) = lines.next() {
        if line.starts_with("path ") {
            let allowed = lines.next().expect("what is allowed");
            assert!(allowed.trim_start().starts_with("capabilities = "), "{hcl}");
            rules.insert(quoted(line).remove(0), quoted(allowed));
        }
    }
    rules
}

fn grant(stage: &Stage, login: &str, rules: &BTreeMap<String, Vec<String>>) {
    stage.fake.configure(|vault| {
        vault.policy(login, "app", &[]);
        for (path, allowed) in rules {
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            vault.grant(login, "app", path, &allowed);
        }
    });
}

/// What is wrong with a run: it fails, or says that it could do better.
fn is_short(run: &Run) -> bool {
    let said = run.stderr();
    let complains =
        ["kz's own token", "login stays", "does not take"].iter().any(|words| said.contains(words));
    run.output.status.code() != Some(0) || complains
}

const COMMANDS: &[&[&str]] = &[&["export", "--format", "json"], &["run", "--", "/bin/true"], &["status"]];

#[test]
fn the_printed_policy_suffices_for_each_kind_of_ref_and_no_line_is_one_too_many() {
    for kind in KINDS {
        for (login, read_in) in [("", ""), ("admin", "admin/team")] {
            let stage = stage(kind, login, read_in);
            let hcl = stage.kz(&["plan", "--format", "hcl"]).expect_code(0).stdout();
            let rules = rules(&hcl);
            let what = format!("{} in `{read_in}`\n{hcl}", kind.name);
            grant(&stage, login, &rules);
            for command in COMMANDS {
                let run = stage.kz(command);
                assert!(!is_short(&run), "{what}\n{}", run.describe());
            }
            for path in rules.keys() {
                let mut fewer = rules.clone();
                fewer.remove(path);
                grant(&stage, login, &fewer);
                let short = COMMANDS.iter().any(|command| is_short(&stage.kz(command)));
                let is_open = kind.open.iter().any(|open| path.ends_with(open));
                assert_eq!(short, !is_open, "`{path}` of {what}");
            }
        }
    }
}
