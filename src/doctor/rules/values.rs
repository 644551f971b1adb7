//! Which values are credentials, by their looks and by the name that they stand under, and which are plainly none.
//!
//! Pure. Invariant: whoever is not sure says that it is none; a placeholder and a path are none.

use super::super::Known;
use super::super::images;
use super::super::scene::Unit;
use super::super::text::{Dialect, blanked};

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
const PLACEHOLDERS: &[&str] = &[
    "change",
    "your",
    "replace",
    "example",
    "placeholder",
    "todo",
    "xxx",
    "***",
    "<",
    "{{",
    "enc[",
    "…",
    "...",
];

/// Where what follows in the address of a hook is the credential itself: whoever has it may post.
const HOOKS: &[&str] = &[
    "://hooks.slack.com/services/",
    "://hooks.slack.com/workflows/",
    "://discord.com/api/webhooks/",
    "://discordapp.com/api/webhooks/",
    "://api.telegram.org/bot",
    ".webhook.office.com/webhookb2/",
    "://outlook.office.com/webhook/",
    "://hooks.zapier.com/hooks/catch/",
];

/// Whether a variable of this name with this value holds one.
pub(super) fn is_credential(name: &str, value: &str, known: Known<'_>) -> bool {
    let is_placeholder = || is_harmless(value) || value.contains("://");
    known.kz.is_credential(value) || of_hook(value).is_some() || (is_named_so(name) && !is_placeholder())
}

/// The same of a variable that a unit has: of a server's own password a placeholder is the password.
pub(super) fn is_credential_of(unit: &Unit, name: &str, value: &str, known: Known<'_>) -> bool {
    // What another program fills in, and what says where the value is.
    let is_filled_in =
        ["{{", "<", "enc[", "…", "***"].iter().any(|begin| value.to_lowercase().starts_with(begin));
    let is_set = || !value.is_empty() && !is_path(value) && substituted(value).is_none() && !is_filled_in;
    // Beside the file that has it, an image refuses both: that is another mistake.
    let is_alone = || unit.variable(&format!("{name}_FILE")).is_none();
    is_credential(name, value, known) || (images::is_password(unit, name) && is_alone() && is_set())
}

/// Whether an address of which something is filled in has a password in it that is not: `postgres://app:pw@${HOST}/db`.
pub(super) fn has_password(raw: &str, dialect: Dialect, known: Known<'_>) -> bool {
    let left = blanked(raw, dialect);
    left.contains("://") && left.contains('@') && known.kz.is_credential(&left)
}

/// What is secret in the address of a hook.
pub(super) fn of_hook(word: &str) -> Option<&str> {
    let rest = HOOKS.iter().find_map(|hook| Some(&word[word.find(hook)? + hook.len()..]))?;
    let rest = rest.split(['"', '\'', ' ', '?']).next()?;
    let is_mixed = rest.len() >= 16 && rest.contains(|c: char| c.is_ascii_digit());
    is_mixed.then_some(rest)
}

/// What stands before `SECRET` where that is the secret itself, and not the name of an object that holds it.
const CONTENTS: &[&str] = &[
    "CLIENT",
    "JWT",
    "SESSION",
    "COOKIE",
    "AUTH",
    "NEXTAUTH",
    "OAUTH",
    "OAUTH2",
    "OIDC",
    "SIGNING",
    "WEBHOOK",
    "API",
    "APP",
    "CSRF",
    "HMAC",
    "SHARED",
    "CONSUMER",
    "HASH",
    "TOKEN",
    "ACCESS",
    "REFRESH",
    "ENCRYPTION",
    "MASTER",
];

/// What the names of objects say that hold one: `app-jwt-secret`, `web-tls`.
const OF_OBJECTS: &[&str] =
    &["secret", "secrets", "tls", "cert", "certs", "credentials", "creds", "auth", "keys"];

/// Whether, in a cluster, the value may be the name of a Secret, as `TLS_SECRET: web-tls` has it.
pub(super) fn may_name_object(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let Some(before) = upper.strip_suffix("SECRET") else { return false };
    // RFC 1123, as the API server has it of an object's name.
    let is_name = value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
    let says_so = || value.split(['-', '.']).any(|word| OF_OBJECTS.contains(&word));
    let kind = before.trim_end_matches('_').rsplit('_').next().unwrap_or_default();
    is_name && (!CONTENTS.contains(&kind) || says_so())
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
        || substituted(bare).is_some()
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

/// The file whose content a shell would put in the place of a part of this text.
pub(super) fn substituted(text: &str) -> Option<&str> {
    let ways = [("$(cat ", ')'), ("$(<", ')'), ("`cat ", '`')];
    let (begin, end) = ways.into_iter().find(|(begin, _)| text.contains(begin))?;
    let rest = text[text.find(begin)? + begin.len()..].trim_start();
    let path = rest.split(end).next()?.trim().trim_matches(['"', '\'']);
    (path.starts_with('/') && !path.contains(char::is_whitespace)).then_some(path)
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
    fn the_address_of_a_hook_is_a_credential_where_it_is_whole() {
        assert_eq!(of_hook("https://hooks.slack.com/services/T00/B00/aaaabbbb"), Some("T00/B00/aaaabbbb"));
        assert_eq!(
            of_hook("https://api.telegram.org/bot123456:aaaaaaaaaaaa/send"),
            Some("123456:aaaaaaaaaaaa/send")
        );
        for other in
            ["https://hooks.slack.com/services/", "https://discord.com/api/webhooks/ID/TOKEN", "slack"]
        {
            assert_eq!(of_hook(other), None, "{other}");
        }
    }

    #[test]
    fn the_name_of_an_object_is_no_credential_and_a_secret_of_its_own_is_one() {
        for (name, value) in [
            ("TLS_SECRET", "web-tls"),
            ("IMAGE_PULL_SECRET", "regcred"),
            ("SECRET", "app"),
            ("JWT_SECRET", "app-jwt-secret"),
            ("secret", "alertmanager-main"),
        ] {
            assert!(may_name_object(name, value), "{name}");
        }
        for (name, value) in [
            ("CLIENT_SECRET", "hunter2"),
            ("APP_SECRET", "Hunter2"),
            ("TLS_SECRET", "Not_A_Name"),
            ("API_TOKEN", "web"),
        ] {
            assert!(!may_name_object(name, value), "{name}");
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
            "ENC[AES256_GCM,data:aGk=,type:str]",
        ] {
            assert!(is_harmless(value), "{value}");
        }
        for value in ["hunter2", "postgres", "12345678", "a/b+c==", "nonesuch", "%41%/x y", "x.pem y"] {
            assert!(!is_harmless(value), "{value}");
        }
    }
}
