//! Credentials where none belong, sources that do not work, and what libraries would stumble over: kz says which it was,
//! repeats nothing, is nobody else, and leaves nothing running.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kz::provider::registry::PROVIDERS;
use kz::provider::settings::{Setting, SettingType};

use crate::left_running::until_ended;
use crate::support::{Sandbox, in_repository, kz_binary};

/// A credential of each kind, each with this in it.
const MARK: &str = "CANARY";
const KINDS: &[&str] = &[
    "hvs.CANARYabcdefghijklmnop9",
    "eyJCANARYabcdefghij.abc.def",
    "wJalrCANARYXUtnFEMI/K7MDENG/bPxRfi",
    "AGE-SECRET-KEY-1CANARY9QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "-----BEGIN PRIVATE KEY-----\nMIIECANARYabcdef0123456789\n-----END PRIVATE KEY-----\n",
    r#"{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMIIECANARYabcdef0123456789\n"}"#,
    "https://user:CANARYhunter2@host.invalid/",
];
const COMMANDS: &[&[&str]] = &[
    &["export", "--format", "json"],
    &["run", "--", "true"],
    &["validate"],
    &["status", "--format", "json"],
    &["plan"],
];
const CONFIG: &str = "[secrets]
A = { provider = \"vault\", ref = \"secret/data/x#p\" }
B = { provider = \"aws-sm\", ref = \"x\" }
C = { provider = \"gcp-sm\", ref = \"short\" }
D = { provider = \"1password\", ref = \"op://a/b/c\" }
E = { provider = \"age\", ref = \"x.age\" }
[resolve]
timeout = \"30ms\"
";

/// Every name of a variable that stands in the sources of providers, configuration and the HTTPS client.
pub(crate) fn variables() -> BTreeSet<String> {
    fn read(directory: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).expect("sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                read(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                names.extend(text.split('"').filter(|word| is_variable(word)).map(str::to_owned));
            }
        }
    }
    let mut names = BTreeSet::new();
    for directory in ["src/provider", "src/config", "src/http"] {
        read(&in_repository(directory), &mut names);
    }
    // The table of Vault's has the ends of names that are read with both beginnings.
    let table =
        std::fs::read_to_string(in_repository("src/provider/vault/environment.rs")).expect("the table");
    for line in table.lines().filter(|line| line.contains("\" Fate::")) {
        let end = line.split('"').nth(1).expect("the end of a name");
        names.extend(["VAULT_", "BAO_"].map(|prefix| format!("{prefix}{end}")));
    }
    names
}

fn is_variable(word: &str) -> bool {
    let own =
        ["VAULT_", "BAO_", "AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_", "NO_GCE_", "OP_", "KEYZERO_", "SSL_"];
    let letters = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters
        && (own.iter().any(|prefix| word.len() > prefix.len() && word.starts_with(prefix))
            || ["HOME", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY"].contains(&word))
}

/// kz where nobody answers, with these variables.
fn kz(sandbox: &Sandbox, words: &[&str], variables: &[(&str, &str)]) -> Output {
    kz_by("http", sandbox, words, variables)
}

/// The same, whose servers are spoken to by this scheme: by `https` it looks at certificates too.
pub(crate) fn kz_by(scheme: &str, sandbox: &Sandbox, words: &[&str], variables: &[(&str, &str)]) -> Output {
    let nobody = format!("{scheme}://127.0.0.1:9");
    let mut command = Command::new(kz_binary());
    command.env_clear().args(words).current_dir(sandbox.path("")).stdin(Stdio::null());
    command.env("PATH", "/usr/bin:/bin").env("HOME", sandbox.path(""));
    for (name, value) in [
        ("VAULT_ADDR", nobody.as_str()),
        ("AWS_ENDPOINT_URL", &nobody),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_GCE_CHECK", "true"),
        ("OP_CONNECT_HOST", &nobody),
        ("OP_CONNECT_TOKEN", "x"),
    ] {
        command.env(name, value);
    }
    command.envs(variables.iter().copied()).output().expect("kz")
}

/// What else has to be set for a variable to be looked at.
pub(crate) fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    match name.replacen("BAO_", "VAULT_", 1).as_str() {
        "VAULT_CLIENT_KEY" | "VAULT_CLIENT_KEY_BYTES" => {
            vec![("VAULT_CLIENT_CERT", "/etc/hostname"), ("VAULT_TOKEN", "x")]
        }
        "AWS_WEB_IDENTITY_TOKEN_FILE" => vec![("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x")],
        "AWS_ROLE_ARN" => vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/etc/hostname")],
        "AWS_REGION" | "AWS_PROFILE" | "AWS_SESSION_TOKEN" => {
            vec![("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]
        }
        _ => vec![("VAULT_TOKEN", "x")],
    }
}

pub(crate) fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[track_caller]
fn assert_discreet(output: &Output, what: &str) {
    let said = text(output);
    assert!(!said.to_uppercase().contains(MARK), "{what}\n{said}");
    assert!(matches!(output.status.code(), Some(0..=4 | 125)), "{what}: {:?}\n{said}", output.status);
}

#[test]
fn a_credential_in_any_variable_is_printed_by_no_command() {
    let sandbox = Sandbox::with_config(CONFIG);
    let names = variables();
    for known in [
        "VAULT_TOKEN_FILE",
        "BAO_PROXY_ADDR",
        "VAULT_CLIENT_KEY_BYTES",
        "AWS_PROFILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "SSL_CERT_FILE",
        "KEYZERO_CONFIG",
    ] {
        assert!(names.contains(known), "{known}");
    }
    let check = |name: &str, kind: &str| {
        for words in COMMANDS {
            let mut set = beside(name);
            set.push((name, kind));
            assert_discreet(&kz(&sandbox, words, &set), &format!("{name}={kind} kz {words:?}"));
        }
    };
    // Each kind beside the others: nearly all of the time is kz waiting for servers that are not there.
    std::thread::scope(|scope| {
        for kind in KINDS {
            scope.spawn(|| names.iter().for_each(|name| check(name, kind)));
        }
    });
}

#[test]
fn a_credential_in_any_setting_is_printed_by_no_command_and_refused_where_it_is_unmistakable() {
    for provider in PROVIDERS {
        for Setting { name, kind, .. } in provider.settings {
            if !matches!(
                kind,
                SettingType::Text
                    | SettingType::Path
                    | SettingType::Paths
                    | SettingType::Address
                    | SettingType::Addresses
            ) {
                continue;
            }
            for (number, credential) in KINDS.iter().enumerate() {
                let written =
                    format!("{CONFIG}[providers.{}]\n{name} = {}\n", provider.name, toml_text(credential));
                let sandbox = Sandbox::with_config(&written);
                for words in COMMANDS {
                    assert_discreet(&kz(&sandbox, words, &[("VAULT_ADDR", "")]), &written);
                }
                // What is no more than long and mixed may be a name.
                let is_unmistakable = number != 2;
                let validated = kz(&sandbox, &["validate"], &[("VAULT_ADDR", "")]);
                assert!(
                    !is_unmistakable || validated.status.code() == Some(2),
                    "{written}{}",
                    text(&validated)
                );
            }
        }
    }
}

pub(crate) fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

const AWS: &str = "[secrets]\nA = { provider = \"aws-sm\", ref = \"x\" }\n[resolve]\ntimeout = \"50ms\"\n";

#[test]
fn what_the_sdk_would_stumble_over_is_an_error_of_kz() {
    let sandbox = Sandbox::with_config(AWS);
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    for (name, value, words) in [
        ("AWS_ENDPOINT_URL", "", "unreachable"),
        ("AWS_ENDPOINT_URL", " ", "unreachable"),
        ("AWS_ENDPOINT_URL", "/", "the address in AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "no address", "the address in AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        ("AWS_ENDPOINT_URL", "http://a\u{1}b", "the address in AWS_ENDPOINT_URL"),
        ("AWS_ACCESS_KEY_ID", "a\u{1}b", "the access key id"),
        ("AWS_SECRET_ACCESS_KEY", "a\nb", "the secret access key"),
        ("AWS_SESSION_TOKEN", "a\u{7f}b", "the session token"),
        ("AWS_REGION", "a\u{1}b", "AWS_REGION names no region"),
        ("AWS_REGION", "eu west", "AWS_REGION names no region"),
        ("AWS_PROFILE", "a\u{1}b", "unreachable"),
    ] {
        // Nothing answers there: the real service is not asked by a test.
        let mut set = vec![("HTTPS_PROXY", "http://127.0.0.1:9")];
        set.extend(keys);
        set.push((name, value));
        let output = kz(&sandbox, COMMANDS[0], &set);
        let code = if words == "unreachable" { 75 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{name}={value:?}\n{}", text(&output));
        assert!(text(&output).contains(words), "{name}={value:?}\n{}", text(&output));
        assert!(!text(&output).contains("internal error"), "{}", text(&output));
    }
    let role = "[secrets]\nA = { provider = \"aws-sm\", ref = \"x\" }\n[providers.aws-sm]\nrole_arn = \"no\\u0001arn\"\n";
    let output = kz(&Sandbox::with_config(role), COMMANDS[0], &keys);
    assert!(text(&output).contains("what is to name a role is no ARN"), "{}", text(&output));
}

#[test]
fn a_file_of_profiles_that_does_not_work_is_named_and_nobody_else_is_asked() {
    let sandbox = Sandbox::with_config(AWS);
    let container = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/c");
    let fifo = sandbox.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    for (file, words) in [
        ("/nope", "`/nope`, which AWS_SHARED_CREDENTIALS_FILE names, does not exist"),
        ("/", "which AWS_SHARED_CREDENTIALS_FILE names, is a directory"),
        ("/dev/zero", "which AWS_SHARED_CREDENTIALS_FILE names, is a device"),
        (fifo.to_str().expect("text"), "is a pipe that nobody writes to"),
    ] {
        let output = kz(&sandbox, COMMANDS[0], &[container, ("AWS_SHARED_CREDENTIALS_FILE", file)]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(words), "{}", text(&output));
        assert!(!text(&output).contains("AWS_CONTAINER"), "{}", text(&output));
    }
    let unnamed = kz(&sandbox, COMMANDS[0], &[container, ("AWS_PROFILE", "nobody")]);
    assert!(text(&unnamed).contains("the profile `nobody` is not there"), "{}", text(&unnamed));
    std::fs::create_dir_all(sandbox.path(".aws/credentials")).expect("a directory");
    let usual = kz(&sandbox, COMMANDS[0], &[container]);
    assert!(text(&usual).contains(".aws/credentials` is a directory"), "{}", text(&usual));
}

#[test]
fn a_program_that_does_not_end_or_prints_without_end_leaves_nothing_running() {
    for (line, words) in [
        ("yes", "prints more than any credentials"),
        ("sleep 9999 & echo $! > pid; wait", "does not end"),
        ("sh -c 'sleep 9999 & echo $! > pid'; echo no", "is no credentials"),
    ] {
        let sandbox = Sandbox::with_config(&AWS.replace("50ms", "300ms"));
        sandbox.file(".aws/config", format!("[default]\ncredential_process = {line}\n"));
        let output = kz(&sandbox, COMMANDS[0], &[]);
        assert!(text(&output).contains(words), "{line}\n{}", text(&output));
        assert_ended(&sandbox);
    }
}

/// Waits for the end of the process whose id is in `pid`.
fn assert_ended(sandbox: &Sandbox) {
    let Ok(pid) = std::fs::read_to_string(sandbox.path("pid")) else { return };
    until_ended(pid.trim());
}

#[test]
fn a_credential_may_come_through_a_pipe_and_a_device_never_is_one() {
    let config =
        "[secrets]\nA = { provider = \"vault\", ref = \"secret/data/x#p\" }\n[resolve]\ntimeout = \"50ms\"\n";
    let sandbox = Sandbox::with_config(config);
    let run = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("KZ", kz_binary()).env("VAULT_ADDR", "http://127.0.0.1:9");
        text(&command.env_remove("VAULT_TOKEN").current_dir(sandbox.path("")).output().expect("bash"))
    };
    let through = run("VAULT_TOKEN_FILE=<(printf 'hvs.token\\n') \"$KZ\" export --format json");
    assert!(through.contains("unreachable") && through.contains("127.0.0.1:9"), "{through}");
    let silent = run("VAULT_TOKEN_FILE=<(sleep 2) \"$KZ\" export --format json");
    assert!(silent.contains("is a pipe whose writer does not end"), "{silent}");
    let device = run("VAULT_TOKEN_FILE=/dev/zero \"$KZ\" export --format json");
    assert!(device.contains("is a device, not a regular file"), "{device}");
}

#[test]
fn a_list_of_certificates_without_end_is_refused() {
    let sandbox = Sandbox::with_config(CONFIG);
    let output = kz(
        &sandbox,
        COMMANDS[0],
        &[("SSL_CERT_FILE", "/dev/zero"), ("VAULT_ADDR", "https://127.0.0.1:9"), ("VAULT_TOKEN", "x")],
    );
    assert!(
        text(&output).contains("`/dev/zero`, which SSL_CERT_FILE names, cannot be read"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_variable_that_is_set_to_nothing_is_unset_where_something_else_is_to_be_used_then() {
    let config = |more: &str| format!("[secrets]\nA = {{ provider = \"env\", ref = \"LOG_LEVEL\"{more} }}\n");
    for (more, stdout) in [
        (", default = \"info\"", "{\"A\":\"info\"}\n"),
        (", default = \"\"", "{\"A\":\"\"}\n"),
        (", optional = true", "{}\n"),
        ("", "{\"A\":\"\"}\n"),
    ] {
        let output = kz(&Sandbox::with_config(&config(more)), COMMANDS[0], &[("LOG_LEVEL", "")]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{more}\n{}", text(&output));
    }
}

#[test]
fn a_byte_order_mark_is_of_a_whole_value_and_of_no_field() {
    let sandbox = Sandbox::with_config(
        "[secrets]\nJ = { provider = \"file\", ref = \"b.json#a\" }\nT = { provider = \"file\", ref = \"b.toml#a\" }\n\
         E = { provider = \"file\", ref = \"b.env#a\" }\nW = { provider = \"file\", ref = \"b.env\" }\n",
    );
    for (name, content) in [("b.json", "{\"a\":\"b\"}"), ("b.toml", "a = \"b\""), ("b.env", "a=b\n")] {
        sandbox.file(name, format!("\u{feff}{content}"));
    }
    let output = kz(&sandbox, COMMANDS[0], &[]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"J\":\"b\",\"T\":\"b\",\"E\":\"b\",\"W\":\"\u{feff}a=b\\n\"}\n",
        "{}",
        text(&output)
    );
}

#[test]
fn a_byte_order_mark_is_of_no_text_that_is_read() {
    let sandbox = Sandbox::new();
    let config = "[secrets]\nB = { provider = \"file\", ref = \"b64\", encoding = \"base64\" }\n\
                  U = { provider = \"file\", ref = \"url\", encoding = \"base64url\" }\n\
                  H = { provider = \"file\", ref = \"hex\", encoding = \"hex\" }\n\
                  F = { provider = \"file\", ref = \"b.json#a\", encoding = \"hex\" }\n";
    let documents = [
        (".keyzero.toml", config),
        ("b64", "dmFsdWU=\r\n"),
        ("url", "dmFsdWU"),
        ("hex", "76616C7565\n"),
        ("b.json", "{\"a\":\"76616c7565\"}"),
        ("text.tmpl", "b={{ B }}\n"),
        ("env.json", "{\"A\":\"value\"}"),
        ("env", "A=value\n"),
    ];
    for (name, content) in documents {
        sandbox.file(name, format!("\u{feff}{content}"));
        sandbox.mode(name, 0o600);
    }
    let said = |words: &[&str]| {
        let run = sandbox.kz(&[&["-q"], words].concat()).expect_code(0);
        run.stdout()
    };
    let all = "{\"B\":\"value\",\"U\":\"value\",\"H\":\"value\",\"F\":\"value\"}\n";
    assert_eq!(said(&["export", "--format", "json"]), all);
    assert_eq!(said(&["export", "--format", "template", "--template", "text.tmpl"]), "b=value\n");
    for file in ["env.json", "env"] {
        assert_eq!(said(&["run", "--env-file", file, "--", "sh", "-c", "printf %s \"$A\""]), "value");
    }
}
