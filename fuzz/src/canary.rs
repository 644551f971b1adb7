//! Strings that must not be repeated, and where a configuration has them lawfully in the open.

use toml::de::{DeTable, DeValue};

/// Looks generated, whatever stands around it, so it may be shown nowhere but as a key.
pub const CREDENTIAL: &str = "Zk3canary9XqPv7Lw2TbR8sYd";

/// Looks like any other word, so it may be shown where kz shows words.
pub const WORD: &str = "hunter2canary";

/// Keys whose words errors and excerpts may repeat. A template's names are repeated, its text is not.
const SHOWN: &[&str] = &[
    "deliver",
    "provider",
    "resolver",
    "type",
    "ref",
    "field",
    "version",
    "encoding",
    "file",
    "mode",
    "owner",
    "method",
    "hosts",
    "in",
    "methods",
    "paths",
    "address",
    "timeout",
    "environment_from",
    "keep_env",
    "format",
    "path",
    "only",
    "dialect",
    "shell",
    "json_bytes",
    "template",
];

/// Whether the text is TOML.
pub fn is_toml(text: &str) -> bool {
    DeTable::parse(text).is_ok()
}

/// Whether a key, as far as there are any to be recognised, has this in it.
pub fn in_a_key(text: &str, canary: &str) -> bool {
    any(DeTable::parse_recoverable(text).0.get_ref(), &|key, _| key.contains(canary))
}

/// Whether the string of a key that may be shown has this in it.
pub fn in_the_open(text: &str, canary: &str) -> bool {
    let in_string = |key: &str, value: &DeValue<'_>| {
        SHOWN.contains(&key) && matches!(value, DeValue::String(string) if string.contains(canary))
    };
    any(DeTable::parse_recoverable(text).0.get_ref(), &in_string)
}

fn any(table: &DeTable<'_>, holds: &dyn Fn(&str, &DeValue<'_>) -> bool) -> bool {
    table.iter().any(|(key, value)| any_in(key.get_ref(), value.get_ref(), holds))
}

fn any_in(key: &str, value: &DeValue<'_>, holds: &dyn Fn(&str, &DeValue<'_>) -> bool) -> bool {
    holds(key, value)
        || match value {
            DeValue::Table(table) => any(table, holds),
            DeValue::Array(items) => items.iter().any(|item| any_in(key, item.get_ref(), holds)),
            _ => false,
        }
}
