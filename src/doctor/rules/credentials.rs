//! D4, first part: credentials that stand where everybody sees them.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text};
use super::{delivering, own, shells};

/// How the names of variables end that hold a credential.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "REDISCLI_AUTH",
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

/// What stands for a value that is still to be written.
const PLACEHOLDERS: &[&str] =
    &["change", "your", "replace", "example", "placeholder", "todo", "xxx", "***", "<", "{{", "…", "..."];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        for variable in &unit.variables {
            variable_value(scene, unit, variable, known, found);
        }
        for argument in &unit.service.build_arguments {
            build_argument(scene, unit, argument, known, found);
        }
    }
}

fn variable_value(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let dialect = scene.dialect;
    let literal = value.as_ref().and_then(Text::known);
    // In pods such variables often hold the name of a Secret.
    let may_be_name = dialect == Dialect::Pod && name.to_ascii_uppercase().ends_with("SECRET");
    let judged_by = if may_be_name { "" } else { name.as_str() };
    let is_one = |value: &str| {
        is_credential(judged_by, value, known) || (own::proves(name, known) && !is_harmless(value))
    };
    if literal.is_some_and(is_one) {
        let remedy = if own::is_of(unit, name, known) {
            own::in_place(scene, unit, name, known)
        } else {
            delivering::in_place(scene, unit, name, known)
        };
        let what = format!(
            "`{name}` holds a credential, which everybody reads who reads this file, its history, or what the engine tells of the container"
        );
        found.add(Code::LiteralCredential, *mark, &unit.title, what, remedy);
    } else if literal.is_none() && dialect == Dialect::Compose && unit.is_kz() && own::is_one(name, known) {
        let what = format!(
            "`docker inspect` shows `{name}` of this container to everybody who may ask the engine, and it is a credential that opens all others"
        );
        found.add(Code::OwnCredential, *mark, &unit.title, what, own::in_place(scene, unit, name, known));
    }
}

fn build_argument(scene: &Scene, unit: &Unit, argument: &Variable, known: Known<'_>, found: &mut Findings) {
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
        let is_defined = scene.secrets.iter().any(|secret| secret.name == id);
        let defined = Remedy::top(format!("secrets:\n  {id}: {{ environment: {name} }}"));
        let remedy = Remedy::without(format!("`{name}`"))
            .then(Remedy::unit(format!("build:\n  secrets: [{id}]")))
            .remark(format!("in the Dockerfile: RUN --mount=type=secret,id={id} …"))
            .then(if is_defined { Remedy::none() } else { defined });
        found.add(Code::BuildArgument, *mark, &unit.title, what, remedy);
    }
}

/// Whether a variable of this name with this value holds one.
pub(super) fn is_credential(name: &str, value: &str, known: Known<'_>) -> bool {
    let is_placeholder = || is_harmless(value) || value.contains("://");
    known.kz.is_credential(value) || (is_named_so(name) && !is_placeholder())
}

/// Whether a variable is called as those that hold one.
pub(super) fn is_named_so(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| is_word_end(rest, end)))
}

/// `DB_PASSWORD`, `PASSWORD` and `PGPASSWORD` are named so; short ends need a word of their own.
fn is_word_end(rest: &str, end: &str) -> bool {
    let is_own_word = rest.ends_with(['_', '-', '.']);
    match end {
        // Alone it is the directory.
        "PWD" => is_own_word && rest != "OLD_",
        "PASS" => is_own_word,
        _ => rest.is_empty() || is_own_word || end.starts_with("PASS"),
    }
}

/// What is no value: nothing, a switch, a path, where something is, or a word that stands for what is to be written.
pub(super) fn is_harmless(value: &str) -> bool {
    // In a list of `NAME=value` quotes are part of the value, which is not what its writer meant.
    let bare = value.trim().trim_matches(['"', '\'']);
    let lower = bare.to_ascii_lowercase();
    NOTHING.contains(&lower.as_str())
        || is_path(bare)
        || shells::substituted(bare).is_some()
        || PLACEHOLDERS.iter().any(|start| lower.starts_with(start))
}

/// What says that there is no value, or that another one than a text is meant.
const NOTHING: &[&str] = &[
    "",
    "-",
    "0",
    "1",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "nil",
    "n/a",
    "unset",
    "empty",
    "undefined",
    "disabled",
    "enabled",
    "required",
    "optional",
    "auto",
    "default",
];

/// How the names of files end that hold a key or a certificate, or another text.
const ENDS: &[&str] = &[
    ".pem", ".key", ".crt", ".cer", ".p12", ".pfx", ".jks", ".pub", ".txt", ".json", ".yaml", ".yml",
    ".toml", ".conf",
];

/// A path of the container or the host, `%kernel.project_dir%/…`, `file:…`, `C:\…`.
fn is_path(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_named_so = ENDS.iter().any(|end| lower.ends_with(end)) && !value.contains(char::is_whitespace);
    let has_drive = value.as_bytes().get(1) == Some(&b':') && value[2..].starts_with(['\\', '/']);
    value.starts_with(['/', '.'])
        || value.starts_with("~/")
        || (value.starts_with('%') && value.contains("%/") && !value.contains(char::is_whitespace))
        || lower.starts_with("file:")
        || has_drive
        || is_named_so
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_holds_a_credential() {
        for name in [
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "api_key",
            "CLIENT_SECRET",
            "JWT_TOKEN",
            "RABBITMQ_DEFAULT_PASS",
            "MYSQL_PWD",
        ] {
            assert!(is_named_so(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "PASSWORD_MIN_LENGTH",
            "MONKEY",
            "CSRFTOKEN_X",
            "SORT_KEY",
            "TOKENS",
            "PWD",
            "BYPASS",
            "COMPASS",
        ] {
            assert!(!is_named_so(name), "{name}");
        }
    }

    #[test]
    fn switches_paths_and_placeholders_are_no_values() {
        for value in [
            "",
            "yes",
            "/run/secrets/x",
            "changeme",
            "<token>",
            "your-token",
            "***",
            "1",
            "none",
            "\"none\"",
            "N/A",
            "%kernel.project_dir%/config/jwt/private.pem",
            "config/jwt/private.pem",
            "file:keys/a",
            "~/a",
            "C:\\a",
        ] {
            assert!(is_harmless(value), "{value}");
        }
        for value in ["hunter2", "postgres", "12345678", "a/b+c==", "nonesuch", "%41%/x y", "x.pem y"] {
            assert!(!is_harmless(value), "{value}");
        }
    }
}
