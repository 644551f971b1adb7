//! D4, first part: credentials that stand where everybody sees them.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text};

/// How the names of variables end that hold a credential.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "SECRET_KEY",
    "SECRET_KEY_BASE",
    "SECRET_ACCESS_KEY",
    "PRIVATE_KEY",
    "ENCRYPTION_KEY",
];

/// How options are named that take one, without dashes.
const OPTIONS: &[&str] = &["requirepass", "masterauth", "token", "api-key", "secret-key"];

/// Those that do so only behind `=`: for psql and others the bare option asks for it.
const OPTIONS_BEFORE_VALUE: &[&str] = &["password", "passwd"];

/// What stands for a value that is still to be written.
const PLACEHOLDERS: &[&str] =
    &["change", "your", "replace", "example", "placeholder", "todo", "xxx", "***", "<", "{{", "…", "..."];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        for variable in &unit.variables {
            variable_value(scene.dialect, unit, variable, known, found);
        }
        for argument in &unit.service.build_arguments {
            build_argument(unit, argument, known, found);
        }
        command_line(unit, known, found);
    }
}

fn variable_value(
    dialect: Dialect,
    unit: &Unit,
    variable: &Variable,
    known: Known<'_>,
    found: &mut Findings,
) {
    let Variable { name, value, mark } = variable;
    let literal = value.as_ref().and_then(Text::known);
    // In pods such variables often hold the name of a Secret.
    let may_be_name = dialect == Dialect::Pod && name.to_ascii_uppercase().ends_with("SECRET");
    let judged_by = if may_be_name { "" } else { name.as_str() };
    let is_one =
        |value: &str| is_credential(judged_by, value, known) || (proves(name, known) && !is_harmless(value));
    if literal.is_some_and(is_one) {
        let is_kzs = unit.is_kz() && known.credential_variables.contains(&name.as_str());
        let write = if is_kzs { own_from_file(dialect, name) } else { from_file(dialect, name) };
        let what = format!(
            "`{name}` holds a credential, which everybody reads who reads this file, its history, or what the engine tells of the container"
        );
        found.add(Code::LiteralCredential, *mark, &unit.title, what, write);
    } else if literal.is_none() && dialect == Dialect::Compose && unit.is_kz() && is_own(name, known) {
        let what = format!(
            "`docker inspect` shows `{name}` of this container to everybody who may ask the engine, and it is a credential that opens all others"
        );
        found.add(Code::OwnCredential, *mark, &unit.title, what, own_from_file(dialect, name));
    }
}

/// Whether what a variable of kz's own holds proves who it is, whatever it looks like: a secret id is a UUID. A name does not.
fn proves(name: &str, known: Known<'_>) -> bool {
    is_own(name, known) && !["ROLE_ID", "USERNAME"].iter().any(|end| name.ends_with(end))
}

/// Whether a variable holds a credential of kz's own. A key's id is none.
fn is_own(name: &str, known: Known<'_>) -> bool {
    known.credential_variables.contains(&name) && !name.ends_with("KEY_ID")
}

fn from_file(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Compose => format!(
            "{name}_FILE: /secrets/{name}   # if the image knows it; else ${{{name}}}, or `kz run` in front of its command"
        ),
        Dialect::Pod => format!(
            "- {{ name: {name}_FILE, value: /secrets/{name} }}   # if the image knows it; else valueFrom: {{ secretKeyRef: … }}"
        ),
    }
}

/// The lines that give kz its own credential as a file.
fn own_from_file(dialect: Dialect, name: &str) -> String {
    let has_file_form = ["VAULT_", "BAO_", "KEYZERO_"].iter().any(|prefix| name.starts_with(prefix))
        && !name.ends_with("_BYTES");
    let secret = name.to_ascii_lowercase().replace('_', "-");
    match (dialect, has_file_form) {
        (Dialect::Compose, true) => {
            format!("environment:\n  {name}_FILE: /run/secrets/{secret}\nsecrets: [{secret}]")
        }
        (Dialect::Compose, false) => match setting(name) {
            Some((file, setting, section)) => {
                format!(
                    "secrets: [{file}]   # and {setting} = \"/run/secrets/{file}\" in [providers.{section}]"
                )
            }
            None => {
                format!("secrets: [{secret}]   # and name /run/secrets/{secret} in the provider's section")
            }
        },
        (Dialect::Pod, true) => {
            format!(
                "- {{ name: {name}_FILE, value: /run/kz/{secret} }}   # with the Secret mounted at /run/kz"
            )
        }
        (Dialect::Pod, false) => "valueFrom: { secretKeyRef: { name: …, key: … } }".to_owned(),
    }
}

/// Where kz reads a credential from a file that has no variable of its own: the file, the setting, the section.
fn setting(name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match name {
        "OP_CONNECT_TOKEN" => Some(("connect_token", "token_file", "1password")),
        "OP_SERVICE_ACCOUNT_TOKEN" => {
            Some(("service_account_token", "service_account_token_file", "1password"))
        }
        _ if name.ends_with("_CLIENT_KEY_BYTES") => Some(("client_key", "client_key", "vault")),
        _ if name.starts_with("AWS_") => Some(("aws_credentials", "credentials_file", "aws-sm")),
        _ => None,
    }
}

fn build_argument(unit: &Unit, argument: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = argument;
    let is_credential = match value.as_ref().map(Text::known) {
        Some(Some(value)) => is_credential(name, value, known),
        // Wherever it comes from, it ends in the image.
        None | Some(None) => is_named_so(name),
    };
    if is_credential {
        let id = name.to_ascii_lowercase();
        let what = format!(
            "the value of `{name}` stays in the image: `docker history` shows it to everybody who has the image"
        );
        let write = format!(
            "secrets: [{id}]   # below `build:`; in the Dockerfile: RUN --mount=type=secret,id={id} …"
        );
        found.add(Code::BuildArgument, *mark, &unit.title, what, write);
    }
}

fn command_line(unit: &Unit, known: Known<'_>, found: &mut Findings) {
    let words = unit.argv();
    let follows = |index: usize| words.get(index + 1).and_then(|word| word.known());
    let spoken = words.iter().enumerate().find_map(|(index, word)| {
        let text = word.known()?;
        let given = match option(text) {
            Some((name, None)) if OPTIONS.contains(&name) => {
                follows(index).filter(|value| !value.starts_with('-'))
            }
            Some((name, value)) if OPTIONS.contains(&name) || OPTIONS_BEFORE_VALUE.contains(&name) => value,
            _ => None,
        };
        let is_option = given.is_some_and(|value| !is_harmless(value) && !value.contains('$'));
        (is_option || known.kz.is_credential(text)).then_some(word.mark)
    });
    if let Some(mark) = spoken {
        let what = "its command line holds a credential, which everybody reads who reads this file or lists the processes (`docker top`, `ps`)";
        let write =
            "a file that the program reads (`--password-file /secrets/…`), or its environment by `kz run`";
        found.add(Code::CredentialInCommand, mark, &unit.title, what, write);
    }
}

/// `--name` or `--name=value`.
fn option(word: &str) -> Option<(&str, Option<&str>)> {
    let bare = word.strip_prefix("--")?;
    Some(match bare.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (bare, None),
    })
}

fn is_credential(name: &str, value: &str, known: Known<'_>) -> bool {
    let is_placeholder = || is_harmless(value) || value.contains("://");
    known.kz.is_credential(value) || (is_named_so(name) && !is_placeholder())
}

fn is_named_so(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| is_word_end(rest, end)))
}

/// `DB_PASSWORD`, `PASSWORD` and `PGPASSWORD` are named so; short ends need a word of their own.
fn is_word_end(rest: &str, end: &str) -> bool {
    rest.is_empty() || rest.ends_with(['_', '-', '.']) || end.starts_with("PASS")
}

/// What is no value: nothing, a switch, a path, or a word that stands for what is to be written.
fn is_harmless(value: &str) -> bool {
    let lower = value.trim().to_ascii_lowercase();
    let is_switch =
        ["", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"].contains(&lower.as_str());
    is_switch
        || lower.starts_with(['/', '.'])
        || lower == "-"
        || PLACEHOLDERS.iter().any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_holds_a_credential() {
        for name in ["POSTGRES_PASSWORD", "PGPASSWORD", "api_key", "CLIENT_SECRET", "JWT_TOKEN"] {
            assert!(is_named_so(name), "{name}");
        }
        for name in
            ["POSTGRES_PASSWORD_FILE", "PASSWORD_MIN_LENGTH", "MONKEY", "CSRFTOKEN_X", "SORT_KEY", "TOKENS"]
        {
            assert!(!is_named_so(name), "{name}");
        }
    }

    #[test]
    fn switches_paths_and_placeholders_are_no_values() {
        for value in ["", "yes", "/run/secrets/x", "changeme", "<token>", "your-token", "***", "1"] {
            assert!(is_harmless(value), "{value}");
        }
        for value in ["hunter2", "postgres", "12345678"] {
            assert!(!is_harmless(value), "{value}");
        }
    }

    #[test]
    fn a_credential_of_kz_is_to_be_a_file_that_its_provider_reads() {
        let write = |name| own_from_file(Dialect::Compose, name);
        assert_eq!(
            write("AWS_SECRET_ACCESS_KEY"),
            "secrets: [aws_credentials]   # and credentials_file = \"/run/secrets/aws_credentials\" in [providers.aws-sm]"
        );
        assert_eq!(write("AWS_SECRET_ACCESS_KEY"), write("AWS_ACCESS_KEY_ID"));
        assert!(write("OP_CONNECT_TOKEN").contains("token_file = "));
        assert!(write("VAULT_TOKEN").contains("VAULT_TOKEN_FILE: /run/secrets/vault-token"));
        assert!(write("BAO_TOKEN").contains("BAO_TOKEN_FILE: /run/secrets/bao-token"));
        assert!(write("BAO_CLIENT_KEY_BYTES").contains("client_key = \"/run/secrets/client_key\""));
    }

    #[test]
    fn an_option_is_parted_from_its_value() {
        assert_eq!(option("--token=x"), Some(("token", Some("x"))));
        assert_eq!(option("--token"), Some(("token", None)));
        assert_eq!(option("-t"), None);
    }
}
