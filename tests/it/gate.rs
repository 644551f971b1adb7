//! Whatever is typed or set in the wrong place, no command repeats it: each kind of credential in each variable that kz
//! reads, each setting, each option and argument, and in names of a configuration and of a Compose file.
//!
//! The lists are the code's own: what is new joins by itself. What begins as the credentials of known services do is
//! `credentials`' for variables and settings; here it is what nothing but its look tells.

use std::process::Output;
use std::sync::Mutex;

use clap::ArgAction;
use kz::provider::registry::PROVIDERS;
use kz::provider::settings::{Setting, SettingType};

use crate::credentials::{beside, kz_by, text, toml_text, variables};
use crate::support::Sandbox;

const UUID: &str = "6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55";
/// No part of it between slashes has 16 characters.
const AWS: &str = "kQ3/v9TzW2/pX7bL0s/Y6hNd4+/R1mJc8/Gf5uAe";
const PASSWORD: &str = "Xk9#mP2$vL5nQ8wR3tY7uB4z";

/// What only its look tells.
const DRAWN: &[&str] = &[UUID, AWS, PASSWORD];

/// All kinds, each with what of it is secret.
const KINDS: &[(&str, &str)] = &[
    (UUID, UUID),
    (AWS, AWS),
    (PASSWORD, PASSWORD),
    ("hvs.CAESIJabcdefghijklmnop9", "CAESIJabcdefghijklmnop9"),
    (
        "AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3J",
        "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    ),
    (
        "-----BEGIN PRIVATE KEY-----\nMIIEabcdef0123456789xyz\n-----END PRIVATE KEY-----\n",
        "MIIEabcdef0123456789xyz",
    ),
    (
        r#"{"type":"service_account","private_key_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEabcdef0123456789xyz\n","client_email":"reader@project-4711.example"}"#,
        "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c MIIEabcdef0123456789xyz reader@project-4711.example",
    ),
];

/// Encrypted to an identity that nobody has, so that one is looked for.
const SEALED: &str = include_str!("data/sealed.age");

/// Parts of this length tell enough of a credential.
const PIECE: usize = 12;

fn secrets(of: &[&str]) -> String {
    let lines = [
        ("VAULT", "A = { provider = \"vault\", ref = \"secret/data/x#p\" }\n"),
        ("AWS", "B = { provider = \"aws-sm\", ref = \"x\" }\n"),
        ("GOOGLE", "C = { provider = \"gcp-sm\", ref = \"short\" }\n"),
        ("OP", "D = { provider = \"1password\", ref = \"op://a/b/c\" }\n"),
        ("AGE", "E = { provider = \"age\", ref = \"x.age\" }\n"),
    ];
    let chosen = lines.iter().filter(|(key, _)| of.is_empty() || of.contains(key)).map(|(_, line)| *line);
    format!("[secrets]\n{}[resolve]\ntimeout = \"30ms\"\n", chosen.collect::<String>())
}

/// The secrets that ask whom a variable or a provider is about, or all.
fn secrets_about(name: &str) -> String {
    let upper = name.to_uppercase();
    let whom: &[&str] = match () {
        () if upper.starts_with("VAULT") || upper.starts_with("BAO") => &["VAULT"],
        () if upper.starts_with("AWS") => &["AWS"],
        () if ["GOOGLE", "CLOUDSDK", "GCE", "NO_GCE", "GCP"].iter().any(|p| upper.starts_with(p)) => {
            &["GOOGLE"]
        }
        () if upper.starts_with("OP_") || upper.starts_with("1PASSWORD") => &["OP"],
        () if upper.contains("AGE") => &["AGE"],
        () => &[],
    };
    secrets(whom)
}

fn kz(sandbox: &Sandbox, words: &[&str], variables: &[(&str, &str)]) -> Output {
    sandbox.file("x.age", SEALED);
    kz_by("https", sandbox, words, variables)
}

/// Every output that repeats a piece of what it must not.
#[derive(Default)]
struct Repeated(Mutex<Vec<String>>);

impl Repeated {
    fn look(&self, output: &Output, secrets: &str, what: &str) {
        let said = text(output);
        let lower = said.to_lowercase();
        let secrets = secrets.to_lowercase();
        let mut pieces = secrets.split(' ').flat_map(|secret| secret.as_bytes().windows(PIECE));
        let repeated = pieces.find(|piece| lower.as_bytes().windows(PIECE).any(|said| said == *piece));
        let repeated = repeated.map(String::from_utf8_lossy);
        if repeated.is_some() || output.status.code().is_none() {
            let words = format!("{repeated:?}, {}: {what}\n{said}", output.status);
            self.0.lock().expect("no other test").push(words);
        }
    }

    #[track_caller]
    fn assert_none(&self) {
        let all = self.0.lock().expect("no other test");
        assert!(all.is_empty(), "{} of these:\n{}", all.len(), all.join("\n"));
    }
}

#[test]
fn what_looks_drawn_in_any_variable_is_printed_by_no_command() {
    let repeated = &Repeated::default();
    let names: Vec<String> = variables().into_iter().collect();
    std::thread::scope(|scope| {
        for drawn in DRAWN {
            let names = &names;
            scope.spawn(move || {
                for name in names {
                    let sandbox = Sandbox::with_config(&secrets_about(name));
                    let mut set = beside(name);
                    set.push((name, drawn));
                    let output = kz(&sandbox, &["-v", "status"], &set);
                    repeated.look(&output, drawn, &format!("{name}={drawn}"));
                }
            });
        }
    });
    repeated.assert_none();
}

/// What else has to be set for the file in such a variable to be read.
fn beside_path(name: &str) -> Vec<(&'static str, &'static str)> {
    match name.replacen("BAO_", "VAULT_", 1).as_str() {
        "VAULT_TOKEN_FILE" | "VAULT_TOKEN_PATH" => vec![],
        "VAULT_ROLE_ID_FILE" => vec![("VAULT_SECRET_ID", "x")],
        "VAULT_SECRET_ID_FILE" => vec![("VAULT_ROLE_ID", "x")],
        "VAULT_PASSWORD_FILE" => vec![("VAULT_USERNAME", "x")],
        "VAULT_JWT_FILE" => vec![("VAULT_ROLE", "x")],
        "AWS_CA_BUNDLE" => vec![("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")],
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" => {
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/")]
        }
        _ => beside(name),
    }
}

#[test]
fn of_a_path_that_names_no_file_the_place_is_said_and_only_what_is_plainly_a_path_is_repeated() {
    let ends = [
        "_FILE",
        "_CACERT",
        "_CAPATH",
        "_CLIENT_CERT",
        "_CLIENT_KEY",
        "_TOKEN_PATH",
        "_CREDENTIALS",
        "_CA_BUNDLE",
    ];
    let names = variables().into_iter().filter(|name| ends.iter().any(|end| name.ends_with(end)));
    let said = |sandbox: &Sandbox, name: &str, written: &str| {
        let mut set = beside_path(name);
        set.push((name, written));
        text(&kz(sandbox, &["status"], &set)).replace('`', "")
    };
    for name in names {
        let sandbox = Sandbox::with_config(&secrets_about(&name));
        for (written, words) in [
            ("hunter2", format!("{name} names no file; what it holds is not repeated")),
            (UUID, format!("{name} names no file; it holds what looks like a credential")),
            ("/run/secrets/tokn", "/run/secrets/tokn".to_owned()),
            ("keys/identity.txt", "keys/identity.txt".to_owned()),
        ] {
            let said = said(&sandbox, &name, written);
            let is_repeated = said.contains("hunter2");
            assert!(said.contains(&words) && !is_repeated, "{name}={written}\n{said}");
        }
    }
    for written in ["hunter2", "keys/identity.txt"] {
        let section = format!("[providers.vault]\ntoken_file = \"{written}\"\n");
        let said = said(&Sandbox::with_config(&(secrets(&["VAULT"]) + &section)), "UNUSED", "");
        let is_named = said.contains("token_file names no file; what it holds is not repeated");
        assert_eq!(
            (is_named, said.contains(written)),
            (written == "hunter2", written != "hunter2"),
            "{said}"
        );
    }
}

/// Every text, path and address of a section, as `NAME = VALUE`, those of each method of `auth` too.
fn settings(settings: &[Setting], written: &str) -> Vec<String> {
    let of = |setting: &Setting| match setting.kind {
        SettingType::Text
        | SettingType::Path
        | SettingType::Paths
        | SettingType::Address
        | SettingType::AddressOrSocket => {
            vec![format!("{} = {}", setting.name, toml_text(written))]
        }
        SettingType::Addresses => {
            let text = toml_text(written);
            vec![format!("{} = {text}", setting.name), format!("{} = [{text}]", setting.name)]
        }
        SettingType::Auth(methods) => {
            let lines = |method: &kz::provider::settings::Method| {
                let name = method.name;
                let with = |line| format!("{} = {{ method = \"{name}\", {line} }}", setting.name);
                self::settings(method.settings, written).into_iter().map(with).collect::<Vec<_>>()
            };
            methods.iter().flat_map(lines).collect()
        }
        SettingType::Boolean | SettingType::Integer(..) => Vec::new(),
    };
    settings.iter().flat_map(of).collect()
}

#[test]
fn what_looks_drawn_in_any_setting_is_printed_by_no_command() {
    let repeated = &Repeated::default();
    std::thread::scope(|scope| {
        for drawn in DRAWN {
            scope.spawn(move || {
                for provider in PROVIDERS {
                    let lines = settings(provider.settings, drawn);
                    assert!(
                        !lines.is_empty() || ["env", "file", "keyzero"].contains(&provider.name),
                        "{}",
                        provider.name
                    );
                    for line in lines {
                        let written = format!(
                            "{}[providers.{}]\n{line}\n",
                            secrets_about(provider.name),
                            provider.name
                        );
                        let sandbox = Sandbox::with_config(&written);
                        let output = kz(&sandbox, &["-v", "status"], &[("VAULT_ADDR", "")]);
                        repeated.look(&output, drawn, &written);
                    }
                }
            });
        }
    });
    repeated.assert_none();
}

/// Command lines with a text in each place that clap knows.
fn command_lines(written: &str) -> Vec<Vec<String>> {
    let root = kz::cli::command();
    let mut lines = vec![vec![written.to_owned()], vec![format!("--{written}")], vec![format!("-{written}")]];
    for command in root.get_subcommands() {
        let name = command.get_name().to_owned();
        let tail: &[&str] = match name.as_str() {
            "run" => &["--", "true"],
            "export" => &["--format", "json"],
            _ => &[],
        };
        let mut with = |words: Vec<String>| {
            let tail = tail.iter().map(|word| (*word).to_owned());
            lines.push(std::iter::once(name.clone()).chain(words).chain(tail).collect());
        };
        with(vec![format!("--{written}")]);
        with(vec![format!("--no-such-option={written}")]);
        with(vec![written.to_owned()]);
        if name == "run" {
            with(vec!["--".to_owned(), written.to_owned()]);
        }
        for argument in root.get_arguments().chain(command.get_arguments()) {
            let Some(long) = argument.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            if matches!(argument.get_action(), ArgAction::Set | ArgAction::Append) {
                with(vec![format!("--{long}"), written.to_owned()]);
            }
            with(vec![format!("--{long}={written}")]);
        }
    }
    lines
}

#[test]
fn nothing_that_looks_like_a_credential_on_the_command_line_is_repeated() {
    let repeated = &Repeated::default();
    let config = "[secrets]\nA = { provider = \"env\", ref = \"HOME\" }\n";
    std::thread::scope(|scope| {
        for (written, secret) in KINDS {
            scope.spawn(move || {
                let sandbox = Sandbox::with_config(config);
                let lines = command_lines(written);
                assert!(
                    lines.len() > 100
                        && lines.iter().any(|line| line[1..] == ["--owner", written, "--format", "json"])
                );
                for words in lines {
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    repeated.look(&kz(&sandbox, &words, &[]), secret, &format!("{words:?}"));
                    // A file that is there is named, whatever it is called.
                    let _ = std::fs::remove_file(sandbox.path(written));
                }
                for name in ["KEYZERO_ENV", "KEYZERO_CONFIG"] {
                    let output = kz(&sandbox, &["validate"], &[(name, written)]);
                    repeated.look(&output, secret, &format!("{name}={written}"));
                    assert_eq!(output.status.code(), Some(2), "{name}={written}\n{}", text(&output));
                }
            });
        }
    });
    repeated.assert_none();
}

#[test]
fn names_and_refs_that_look_drawn_are_repeated_neither_in_an_excerpt_nor_in_a_table() {
    let repeated = &Repeated::default();
    for drawn in DRAWN {
        for config in [
            format!("[\"{drawn}\".secrets]\nA = 1\n[\"{drawn}\".x]\n"),
            format!("[providers.\"{drawn}\"]\naddress = \"x\"\n"),
            format!("[secrets]\n\"{drawn}\" = {{ provider = \"env\", ref = \"A\" }}\n"),
            format!("[secrets]\n\"{drawn}\" = \"x\"\n"),
            format!("[secrets]\nA = {{ provider = \"env\", \"{drawn}\" = 1 }}\n"),
            format!("[secrets]\nA = {{ provider = \"{drawn}\", ref = \"A\" }}\n"),
            format!("[secrets]\nA = {{ provider = \"env\", ref = \"A\", owner = \"{drawn}\", mode = 1 }}\n"),
            format!("[secrets]\nA = {{ provider = \"env\", ref = \"A\", file = \"{drawn}\", mode = 1 }}\n"),
            format!("[secrets]\nA = {{ template = \"{{{{ {drawn} }}}}\" }}\n"),
            format!("\"{drawn}\" = 1\n= \n"),
            format!("[[outputs]]\nformat = \"env\"\npath = \"{drawn}\"\nonly = [\"{drawn}\"]\n"),
            format!("[resolve]\ntimeout = \"{drawn}\"\nenvironment_from = \"{drawn}\"\n"),
        ] {
            let sandbox = Sandbox::with_config(&config);
            for words in [["validate", "--log-format=text"], ["validate", "--log-format=json"]] {
                repeated.look(&kz(&sandbox, &words, &[]), drawn, &config);
            }
        }
        for (provider, suffix) in [
            ("vault", "/x#y"),
            ("aws-sm", ""),
            ("aws-sm", "#f"),
            ("aws-ps", ""),
            ("gcp-sm", ""),
            ("env", ""),
            ("file", ""),
            ("age", ""),
        ] {
            // A ref of Vault's has words beside it.
            if provider == "vault" && *drawn == UUID {
                continue;
            }
            let config = format!(
                "[secrets]\nA = {{ provider = \"{provider}\", ref = \"{drawn}{suffix}\" }}\n[resolve]\ntimeout = \"30ms\"\n"
            );
            let sandbox = Sandbox::with_config(&config);
            let formats = ["table", "json", "hcl", "iam"].map(|form| ["plan", "--format", form]);
            for words in formats.into_iter().chain([
                ["status", "--format", "json"],
                ["status", "--format", "table"],
                ["export", "--format", "json"],
            ]) {
                let output = kz(&sandbox, &words, &[("VAULT_TOKEN", "x")]);
                repeated.look(&output, drawn, &format!("{words:?}\n{config}"));
            }
        }
    }
    let config = "[secrets]\nA = { provider = \"vault\", ref = \"secret/app#password\" }\nB = { provider = \"aws-sm\", ref = \"rds!db-6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55\" }\n";
    let said = text(&kz(&Sandbox::with_config(config), &["plan"], &[]));
    assert!(said.contains("secret/app") && said.contains("rds!db-6a174c20"), "{said}");
    repeated.assert_none();
}

#[test]
fn kz_doctor_repeats_no_name_that_looks_drawn() {
    let repeated = &Repeated::default();
    for drawn in DRAWN {
        for compose in [
            format!("services:\n  a:\n    image: x\n    depends_on: [\"{drawn}\"]\n"),
            format!(
                "services:\n  a:\n    image: x\n    depends_on:\n      \"{drawn}\": {{ condition: service_completed_successfully }}\n"
            ),
            format!(
                "services:\n  a:\n    image: x\n    volumes: [\"{drawn}:/secrets\"]\n    command: kz run --env-file /secrets/.env -- x\n"
            ),
            format!(
                "services:\n  a:\n    image: kz\n    command: kz export --format env --output {drawn} --owner {drawn}\n"
            ),
            format!(
                "services:\n  a:\n    image: kz\n    command: kz run --env-file /secrets/.env --wait {drawn} -- x\n"
            ),
            format!("services:\n  a:\n    image: kz\n    command: kz \"{drawn}\" --{drawn}\n"),
            format!(
                "services:\n  a:\n    image: kz\n    environment:\n      VAULT_TOKEN: \"{drawn}\"\n      \"{drawn}\": x\n      VAULT_TOKEN_FILE: \"{drawn}\"\n    command: kz run -- x\n"
            ),
            format!(
                "services:\n  \"{drawn}\":\n    image: kz\n    volumes: [\"./{drawn}:/a\", \"{drawn}:/b\"]\n    user: \"{drawn}\"\n    command: kz export --format env --output /b/.env\n  b:\n    image: x\n    volumes: [\"{drawn}:/b\"]\n    entrypoint: kz run --env-file /b/.env --\n"
            ),
        ] {
            let sandbox = Sandbox::new();
            sandbox.file("compose.yaml", &compose);
            for format in ["text", "json"] {
                let output = kz(&sandbox, &["doctor", "--format", format, "compose.yaml"], &[]);
                repeated.look(&output, drawn, &compose);
            }
        }
    }
    repeated.assert_none();
}
