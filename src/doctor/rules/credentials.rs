//! D4, first part: credentials that stand where everybody sees them.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit, Variable};
use super::super::text::{Dialect, Text};
use super::{configuration, delivering, mounting};

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
            variable_value(scene, unit, variable, known, found);
        }
        for argument in &unit.service.build_arguments {
            build_argument(scene, unit, argument, known, found);
        }
        command_line(unit, known, found);
    }
}

fn variable_value(scene: &Scene, unit: &Unit, variable: &Variable, known: Known<'_>, found: &mut Findings) {
    let Variable { name, value, mark } = variable;
    let dialect = scene.dialect;
    let literal = value.as_ref().and_then(Text::known);
    // In pods such variables often hold the name of a Secret.
    let may_be_name = dialect == Dialect::Pod && name.to_ascii_uppercase().ends_with("SECRET");
    let judged_by = if may_be_name { "" } else { name.as_str() };
    let is_one =
        |value: &str| is_credential(judged_by, value, known) || (proves(name, known) && !is_harmless(value));
    if literal.is_some_and(is_one) {
        let is_kzs = unit.is_kz() && known.credential_variables.contains(&name.as_str());
        let remedy = if is_kzs {
            own_from_file(scene, unit, name)
        } else {
            delivering::in_place(scene, unit, name, known)
        };
        let what = format!(
            "`{name}` holds a credential, which everybody reads who reads this file, its history, or what the engine tells of the container"
        );
        found.add(Code::LiteralCredential, *mark, &unit.title, what, remedy);
    } else if literal.is_none() && dialect == Dialect::Compose && unit.is_kz() && is_own(name, known) {
        let what = format!(
            "`docker inspect` shows `{name}` of this container to everybody who may ask the engine, and it is a credential that opens all others"
        );
        found.add(Code::OwnCredential, *mark, &unit.title, what, own_from_file(scene, unit, name));
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

/// The lines that give kz its own credential as a file.
fn own_from_file(scene: &Scene, unit: &Unit, name: &str) -> Remedy {
    let has_file_form = ["VAULT_", "BAO_", "KEYZERO_"].iter().any(|prefix| name.starts_with(prefix))
        && !name.ends_with("_BYTES");
    let secret = name.to_ascii_lowercase().replace('_', "-");
    match (scene.dialect, has_file_form) {
        (Dialect::Compose, true) => Remedy::here(format!("{name}_FILE: /run/secrets/{secret}"))
            .then(mounting::given_secret(scene, &secret))
            .then(written(scene, unit, &secret)),
        (Dialect::Compose, false) => {
            let out = Remedy::without(format!("`{name}`"));
            match setting(name) {
                Some((file, setting, section)) => out
                    .then(mounting::given_secret(scene, file))
                    .then(written(scene, unit, file))
                    .then(Remedy::configuration(
                        &configuration::name_on_host(unit),
                        section,
                        format!("{setting} = \"/run/secrets/{file}\""),
                    )),
                None => out
                    .then(mounting::given_secret(scene, &secret))
                    .then(written(scene, unit, &secret))
                    .remark(format!("and name /run/secrets/{secret} in the provider's section")),
            }
        }
        (Dialect::Pod, true) => {
            const VOLUME: &str = "kz-credential";
            let variable =
                mounting::variable_line(Dialect::Pod, &format!("{name}_FILE"), &format!("/run/kz/{secret}"));
            let volume = format!("volumes:\n  - {{ name: {VOLUME}, secret: {{ secretName: {VOLUME} }} }}");
            let defined = if scene.volume(VOLUME).is_some() { Remedy::none() } else { Remedy::top(volume) };
            let mount =
                format!("volumeMounts:\n  - {{ name: {VOLUME}, mountPath: /run/kz, readOnly: true }}");
            Remedy::here(variable)
                .then(Remedy::unit(mount))
                .remark(format!("of a Secret with the key `{secret}`"))
                .then(defined)
        }
        (Dialect::Pod, false) => Remedy::here(format!(
            "- {{ name: {name}, valueFrom: {{ secretKeyRef: {{ name: …, key: … }} }} }}"
        )),
    }
}

/// The command that makes the file of a secret which Compose does not have yet.
fn written(scene: &Scene, unit: &Unit, secret: &str) -> Remedy {
    let is_defined = scene.secrets.iter().any(|given| given.name == secret);
    if is_defined { Remedy::none() } else { mounting::file_written(secret, unit) }
}

/// Where kz reads a credential from a file that has no variable of its own: the file, the setting, the section.
fn setting(name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match name {
        "OP_CONNECT_TOKEN" => Some(("connect_token", "token_file", "providers.1password")),
        "OP_SERVICE_ACCOUNT_TOKEN" => {
            Some(("service_account_token", "service_account_token_file", "providers.1password"))
        }
        _ if name.ends_with("_CLIENT_KEY_BYTES") => Some(("client_key", "client_key", "providers.vault")),
        _ if name.starts_with("AWS_") => Some(("aws_credentials", "credentials_file", "providers.aws-sm")),
        _ => None,
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
        let remedy =
            Remedy::said("let it read a file (`--password-file /secrets/…`), or its environment by `kz run`");
        found.add(Code::CredentialInCommand, mark, &unit.title, what, remedy);
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
    rest.is_empty() || rest.ends_with(['_', '-', '.']) || end.starts_with("PASS")
}

/// What is no value: nothing, a switch, a path, where something is, or a word that stands for what is to be written.
fn is_harmless(value: &str) -> bool {
    // In a list of `NAME=value` quotes are part of the value, which is not what its writer meant.
    let bare = value.trim().trim_matches(['"', '\'']);
    let lower = bare.to_ascii_lowercase();
    NOTHING.contains(&lower.as_str())
        || is_path(bare)
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

    #[test]
    fn an_option_is_parted_from_its_value() {
        assert_eq!(option("--token=x"), Some(("token", Some("x"))));
        assert_eq!(option("--token"), Some(("token", None)));
        assert_eq!(option("-t"), None);
    }
}
