//! The rows of the table: each situation, what is said, and what the hint says to do.
//!
//! A flat table, by what it is that is wrong.

use std::process::Command;

use super::Follow::{Config, File, Instead, Server, Variable};
use super::{Row, row};
use crate::vault::stage::Stage;
use kz_fakes::vault::tls::Authority;

const APP: &str = "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n";
const APP_VALUE: &str = "{\"A\":\"app\"}";
const DOCUMENT: &str = "[secrets]\nA = { provider = \"file\", ref = \"d#user\" }\n";
const RUN: &[&str] = &["run", "--", "./program"];

/// The head of a program for s390x, as far as a kernel looks before it says that it is none of its own.
const OTHER_MACHINES: &str = "\u{7f}ELF\u{2}\u{1}\u{1}\0\0\0\0\0\0\0\0\0\u{2}\0\u{16}\0";

fn executable(stage: &Stage) {
    stage.sandbox.mode("program", 0o755);
}

fn login(stage: &Stage) {
    let (role_id, secret_id) = stage.fake.configure(|vault| {
        vault.kubernetes("", "kubernetes", "web", "a.b.c", &["app"]);
        vault.approle("", "approle", "web", &["app"])
    });
    for (name, content) in [("role-id", role_id.as_str()), ("secret-id", &secret_id), ("ended", "ended")] {
        stage.sandbox.file(name, content);
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = paths();
    rows.extend(logins());
    rows.extend(certificates());
    rows.extend(named_files());
    rows.extend(documents());
    rows.extend(commands());
    rows.extend(names());
    rows
}

/// Paths, mounts and engines.
fn paths() -> Vec<Row> {
    vec![
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"kv/data/app#url\" }\n",
            says: "absent: its mount is KV version 1, where paths have no `data/` after the mount (`kv/data/app`)",
            hint: "write `kv/app` instead of `kv/data/app`",
            follow: Config("kv/data/app", "kv/app"),
            then: "{\"A\":\"postgres://old\"}",
            ..row("`data/` on a mount of version 1", "KZ101")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"kv/data/app/url\" }\n",
            says: "its mount is KV version 1",
            hint: "write `kv/app` instead of `kv/data/app`",
            follow: Config("kv/data/app", "kv/app"),
            then: "{\"A\":\"postgres://old\"}",
            ..row("the same, with the field behind a slash", "KZ101")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"kv/data/app#url\", version = \"1\" }\n",
            says: "its mount is KV version 1",
            hint: "write `kv/app` instead of `kv/data/app`",
            follow: Config("kv/data/app#url\", version = \"1\"", "kv/app#url\""),
            then: "{\"A\":\"postgres://old\"}",
            ..row("the same, with a version, which version 1 has not", "KZ101")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"secret/app#user\" }\n",
            // Corrected: nothing to do.
            says: "",
            then: APP_VALUE,
            ..row("the mirror image: no `data/` on a mount of version 2", "")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"pki/issue/web#serial_number\" }\n",
            before: |stage| stage.fake.configure(|vault| vault.issuer("", "web", false)),
            says: "not set up: this path cannot be read",
            hint: "write them beside `ref`: `request = { common_name = \"…\" }`",
            follow: Config(" }", ", request = { common_name = \"a.internal\" } }"),
            then: "{\"A\":\"",
            ..row("a path that makes something of parameters", "KZ105")
        },
        Row {
            config: APP,
            before: |stage| stage.fake.configure(|vault| vault.sealed = true),
            says: "Vault is sealed",
            hint: "unseal it: `vault operator unseal`",
            follow: Server(|stage| stage.fake.configure(|vault| vault.sealed = false)),
            then: APP_VALUE,
            ..row("a sealed server", "KZ103")
        },
        Row {
            config: APP,
            variables: &[("VAULT_ADDR", "\"[VAULT]\"")],
            says: "the address of Vault has quotation marks of its own",
            hint: "write it as `https://vault.internal:8200`",
            follow: Variable("VAULT_ADDR", "[VAULT]"),
            then: APP_VALUE,
            ..row("a quoted address in a variable", "KZ105")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n[providers.vault]\naddress = \"'[VAULT]'\"\n",
            variables: &[("VAULT_ADDR", "")],
            says: "`address` takes an address without quotation marks of its own",
            hint: "write the address alone, as in `https://vault.internal:8200`",
            follow: Config("'", ""),
            then: APP_VALUE,
            ..row("a quoted address in the configuration", "KZ228")
        },
    ]
}

/// Who kz is.
fn logins() -> Vec<Row> {
    vec![
        Row {
            config: APP,
            variables: &[
                ("VAULT_TOKEN", ""),
                ("VAULT_ROLE_ID_FILE", "role-id"),
                ("VAULT_SECRET_ID_FILE", "ended"),
            ],
            before: login,
            says: "login at `auth/approle`: the server does not accept this role id with this secret id (status 400)",
            hint: "`vault write -f auth/approle/role/ROLE/secret-id` makes a new one",
            follow: Variable("VAULT_SECRET_ID_FILE", "secret-id"),
            then: APP_VALUE,
            ..row("a secret id that has ended", "KZ102")
        },
        Row {
            config: APP,
            variables: &[
                ("VAULT_TOKEN", ""),
                ("VAULT_ROLE_ID_FILE", "ended"),
                ("VAULT_SECRET_ID_FILE", "secret-id"),
            ],
            before: login,
            says: "the server does not accept this role id with this secret id",
            hint: "`vault read auth/approle/role/ROLE/role-id` tells the role id",
            follow: Variable("VAULT_ROLE_ID_FILE", "role-id"),
            then: APP_VALUE,
            ..row("another role's id", "KZ102")
        },
        Row {
            config: APP,
            variables: &[("VAULT_TOKEN", "'[TOKEN]'")],
            says: "the credential in VAULT_TOKEN has quotation marks of its own",
            hint: "write it without them, as in `NAME=value`: an env file, and `- NAME=\"…\"` in a list, may keep them",
            follow: Variable("VAULT_TOKEN", "[TOKEN]"),
            then: APP_VALUE,
            ..row("a quoted token in a variable", "KZ105")
        },
        Row {
            config: APP,
            variables: &[("VAULT_TOKEN", ""), ("VAULT_ROLE_ID_FILE", "role-id")],
            before: login,
            says: "this role wants a secret id beside the role id",
            hint: "give kz one: `secret_id_file = \"…\"` in `auth`, or VAULT_SECRET_ID_FILE",
            follow: Variable("VAULT_SECRET_ID_FILE", "secret-id"),
            then: APP_VALUE,
            ..row("a role id alone", "KZ105")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n[providers.vault]\nauth = { method = \"kubernetes\", role = \"wbe\", token_file = \"jwt\" }\n",
            files: &[("jwt", "a.b.c")],
            before: login,
            says: "login at `auth/kubernetes`: the server has no such role",
            hint: "`vault list auth/kubernetes/role` names the roles",
            follow: Config("wbe", "web"),
            then: APP_VALUE,
            ..row("an unknown role", "KZ105")
        },
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n[providers.vault]\nauth = { method = \"kubernetes\", role = \"web\" }\n",
            files: &[("jwt", "a.b.c")],
            before: login,
            says: "`/var/run/secrets/kubernetes.io/serviceaccount/token` does not exist",
            hint: "name another token's file with `token_file = \"…\"` in `auth`",
            follow: Config("role = \"web\"", "role = \"web\", token_file = \"jwt\""),
            then: APP_VALUE,
            ..row("no token of a service account", "KZ105")
        },
    ]
}

/// Whom kz believes.
fn certificates() -> Vec<Row> {
    const NAMED: &str = "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n[providers.vault]\nca_cert = \"other.pem\"\n";
    vec![
        Row {
            config: NAMED,
            before: |stage| drop(stage.sandbox.file("other.pem", Authority::new().pem())),
            says: "the server's certificate is signed by another authority of the same name",
            hint: "`ca_cert` or VAULT_CACERT has to name the certificate that signs the server's: none that kz trusts now does",
            follow: Config("other.pem", "ca.pem"),
            then: APP_VALUE,
            ..row("a wrong certificate in `ca_cert`", "KZ121")
        },
        Row {
            config: NAMED,
            says: "other.pem`, which `ca_cert` names, does not exist",
            hint: "correct `ca_cert`, or bring the file there: a container sees what is mounted",
            follow: Config("other.pem", "ca.pem"),
            then: APP_VALUE,
            ..row("a certificate that is not mounted", "KZ105")
        },
        Row {
            config: NAMED,
            files: &[("other.pem", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n")],
            says: "other.pem`, which `ca_cert` names, holds no certificate in PEM",
            hint: "name a PEM file with the certificate, not with its key",
            follow: Config("other.pem", "ca.pem"),
            then: APP_VALUE,
            ..row("a key in the place of a certificate", "KZ105")
        },
    ]
}

/// Files that something names.
fn named_files() -> Vec<Row> {
    vec![
        Row {
            config: "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/app#user\" }\n[providers.vault]\ntoken_file = \"run/token\"\n",
            variables: &[("VAULT_TOKEN", "")],
            says: "run/token`, which `token_file` names, does not exist",
            hint: "correct `token_file`, or bring the file there",
            follow: File("run/token", "[TOKEN]\n"),
            then: APP_VALUE,
            ..row("a token's file that is not mounted", "KZ105")
        },
        Row {
            config: APP,
            variables: &[("VAULT_TOKEN", ""), ("VAULT_TOKEN_FILE", "run/token")],
            says: "run/token`, which VAULT_TOKEN_FILE names, does not exist",
            hint: "correct VAULT_TOKEN_FILE, or bring the file there",
            follow: File("run/token", "[TOKEN]\n"),
            then: APP_VALUE,
            ..row("the same, named by a variable", "KZ105")
        },
        Row {
            config: "[secrets]\nA = { provider = \"age\", ref = \"app.age\" }\n[providers.age]\nidentity_file = \"identity\"\n",
            before: sealed,
            says: "app.age` does not exist",
            hint: "bring the file to `",
            follow: Server(|stage| {
                std::fs::rename(stage.sandbox.path("sealed"), stage.sandbox.path("app.age")).unwrap();
            }),
            then: "{\"A\":\"of age\"}",
            ..row("a document of age that is not mounted", "KZ101")
        },
        Row {
            config: "[secrets]\nA = { provider = \"age\", ref = \"sealed\" }\n[providers.age]\nidentity_file = \"run/identity\"\n",
            before: sealed,
            says: "run/identity`, which `identity_file` names, does not exist",
            hint: "correct `identity_file`, or bring the file there",
            follow: Config("run/identity", "identity"),
            then: "{\"A\":\"of age\"}",
            ..row("an identity that is not mounted", "KZ105")
        },
    ]
}

/// `sealed`, and `identity`, which opens it.
fn sealed(stage: &Stage) {
    let sandbox = &stage.sandbox;
    sandbox.run(Command::new("age-keygen").args(["--output", "identity"])).expect_code(0);
    let recipient = sandbox.run(Command::new("age-keygen").args(["-y", "identity"])).expect_code(0).stdout();
    sandbox.file("plain", "of age");
    let mut age = Command::new("age");
    age.args(["--encrypt", "--recipient", recipient.trim(), "--output", "sealed", "plain"]);
    sandbox.run(&mut age).expect_code(0);
}

/// What documents are.
fn documents() -> Vec<Row> {
    vec![
        Row {
            config: "[secrets]\nA = { provider = \"file\", ref = \"d#key.json\" }\n",
            files: &[("d", "{\"key.json\": \"v\"}")],
            says: "there is no field `key`; the document has `key.json`",
            hint: "write `key\\.json`, and the whole text between `'`",
            follow: Config("\"d#key.json\"", "'d#key\\.json'"),
            then: "{\"A\":\"v\"}",
            ..row("a name with a dot", "KZ101")
        },
        Row {
            config: "[secrets]\nA = { provider = \"file\", ref = \"d#key\\.json\" }\n",
            files: &[("d", "{\"key.json\": \"v\"}")],
            says: "not TOML",
            hint: "write `\\\\`, or put the text between `'`",
            follow: Config("\"d#key\\.json\"", "'d#key\\.json'"),
            then: "{\"A\":\"v\"}",
            ..row("the same between the wrong quotation marks", "KZ220")
        },
        Row {
            config: DOCUMENT,
            files: &[("d", "user: u\nport: 5432\n")],
            says: "the document is not KEY=value lines: line 1: it has no `=`; line 2: it has no `=`",
            hint: "or keep the document as JSON or TOML: no field is read of YAML",
            follow: File("d", "{\"user\": \"u\", \"port\": 5432}"),
            then: "{\"A\":\"u\"}",
            ..row("a document in YAML", "KZ104")
        },
        Row {
            config: DOCUMENT,
            files: &[("d", "user=u\npassword=two words\n9=x\nnothing\n")],
            says: "line 2: the value has characters that parsers read differently unless it is quoted, as in KEY='value'; line 3: what stands before `=` is not a name of letters, digits and `_`; line 4: it has no `=`",
            hint: "write each line as `KEY='value'`",
            follow: File("d", "user='u'\npassword='two words'\nnine='x'\n"),
            then: "{\"A\":\"u\"}",
            ..row("several bad lines of an env document", "KZ104")
        },
    ]
}

/// What `kz run` is to become.
fn commands() -> Vec<Row> {
    vec![
        Row {
            files: &[("program", "#!/bin/sh\r\necho ran\n")],
            before: executable,
            arguments: RUN,
            says: "`./program` needs what its `#!` line names, `/bin/sh`, which is not there",
            hint: "`sed -i 's/\\r$//' ./program`",
            then: "ran",
            ..row("a script with the ends of lines of Windows", "KZ512")
        },
        Row {
            files: &[("program", "#!/bin/no-such-shell\necho ran\n")],
            before: executable,
            arguments: RUN,
            says: "`./program` needs what its `#!` line names, `/bin/no-such-shell`, which is not there",
            hint: "correct that line, or use an image that has `/bin/no-such-shell`",
            follow: File("program", "#!/bin/sh\necho ran\n"),
            then: "ran",
            ..row("a script whose shell is not there", "KZ512")
        },
        Row {
            files: &[("program", "echo ran\n")],
            before: executable,
            arguments: RUN,
            says: "caused by: it is neither a program nor a script that names its shell",
            hint: "or name the shell: `kz run -- sh ./program`",
            follow: Instead(&["run", "--", "sh", "./program"]),
            then: "ran",
            ..row("a script without `#!`", "KZ513")
        },
        Row {
            files: &[("program", OTHER_MACHINES)],
            before: executable,
            arguments: RUN,
            says: "caused by: it is a program for s390x, and this machine is ",
            hint: "build or pull the image for this machine",
            follow: File("program", "#!/bin/sh\necho ran\n"),
            then: "ran",
            ..row("a program of another architecture", "KZ513")
        },
        Row {
            files: &[("program", "\u{feff}#!/bin/sh\necho ran\n")],
            before: executable,
            arguments: RUN,
            says: "caused by: it begins with a byte order mark, behind which the kernel sees no `#!` line",
            hint: "write the script as UTF-8 without one: `sed -i '1s/^\\xef\\xbb\\xbf//' ./program`",
            then: "ran",
            ..row("a script with a byte order mark", "KZ513")
        },
        Row {
            files: &[("bin/program", "#!/bin/sh\necho ran\n")],
            before: |stage| stage.sandbox.mode("bin/program", 0o755),
            arguments: &["run", "--", "./bin"],
            says: "caused by: it is a directory",
            hint: "name the program in it: `ls ./bin` shows what there is",
            follow: Instead(&["run", "--", "./bin/program"]),
            then: "ran",
            ..row("a directory", "KZ513")
        },
        Row {
            files: &[("program", "#!/bin/sh\necho ran\n")],
            arguments: RUN,
            says: "caused by: permission denied",
            hint: "`chmod +x ./program`",
            then: "ran",
            ..row("a script that nobody may execute", "KZ513")
        },
    ]
}

/// Names and refs that somebody gives a meaning.
fn names() -> Vec<Row> {
    const PATH: &str = "[secrets]\npath = { provider = \"env\", ref = \"V\" }\n";
    vec![
        Row {
            config: PATH,
            variables: &[("V", "v")],
            files: &[("out/README", "")],
            arguments: &["export", "--format", "shell", "--output", "out/env.sh"],
            says: "path: its name is one to which zsh gives a meaning",
            hint: "`--format files` carries any value and name",
            follow: Instead(&["export", "--format", "files", "--output", "out"]),
            then: "",
            ..row("a name of zsh's", "KZ401")
        },
        Row {
            config: "[secrets]\nA = { provider = \"env\", ref = \"V\" }\n",
            variables: &[("V", "v")],
            arguments: &["export", "--format", "files", "--output", "new/secrets/app"],
            says: "directory `new` does not exist",
            hint: "`mkdir -p new/secrets/app`",
            follow: Instead(&["export", "--format", "json"]),
            then: "{\"A\":\"v\"}",
            ..row("several directories that are missing", "KZ403")
        },
        Row {
            config: "[secrets]\nA = { provider = \"env\", ref = \"V\" }\n",
            variables: &[("V", "v")],
            files: &[("taken", "")],
            arguments: &["export", "--format", "files", "--output", "taken"],
            says: "`taken` is not a directory, and one is needed there",
            hint: "`ls -ld taken` shows what it is",
            follow: Instead(&["export", "--format", "json"]),
            then: "{\"A\":\"v\"}",
            ..row("a file in the place of the directory", "KZ404")
        },
        Row {
            config: "[secrets]\nA = { provider = \"1password\", ref = \"op://prod/Schlüssel für Müller/Passwort\" }\n",
            arguments: &["validate"],
            says: "a 1Password ref cannot contain 'ü': write the id instead of the name, as `op vault list` and `op item list` show it",
            hint: "",
            follow: Config("Schlüssel für Müller", "abcdefghijklmnopqrstuvwxyz"),
            then: "",
            ..row("umlauts in a ref of 1Password's", "KZ233")
        },
    ]
}
