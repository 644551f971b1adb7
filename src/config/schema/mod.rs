//! The JSON Schema (draft 2020-12) of `.keyzero.toml`, made from the tables that the parser checks with:
//! [`super::keys`] and the providers' settings.
//!
//! Invariant: it refuses nothing that `kz validate` accepts. What it cannot see, and `kz validate` does:
//! - across keys: unknown names in templates and outputs, circles of templates, two secrets or outputs of
//!   one file, a template's scope against that of its inputs, a `provider` that no section declares where the
//!   file declares others, an environment's keys together with what they are laid over;
//! - inside values: literals that look like credentials, the grammar of templates, the finer rules of refs, TOML
//!   values that JSON has no type for (`1.0` is an integer there, a date a string), lengths in bytes, a `timeout`
//!   beyond 64 bits;
//! - outside the file: `~/` without HOME, an `address` that contradicts the environment's, the local file.

mod output;
mod provider;
mod secret;

use serde_json::{Map, Value, json};

use super::keys::{self, Key, Takes};
use crate::resolve::template::FILTERS;

/// The schema as it is printed and committed: indented, with a line break at its end.
pub fn text() -> String {
    // The alternate form indents as `to_string_pretty` does, and cannot fail.
    format!("{:#}\n", document())
}

fn document() -> Value {
    let mut definitions = Map::new();
    definitions.insert("secret".into(), secret::whole());
    definitions.insert("secret-over".into(), secret::over());
    definitions.insert("secret-keys".into(), secret::keys());
    definitions.insert("parameter".into(), secret::parameter());
    definitions.insert("output".into(), output::one());
    definitions.extend(provider::definitions());
    let mut properties = keys_of(keys::TOP);
    for section in keys::SECTIONS {
        let mut schema = match section.name {
            "secrets" => secrets("secret"),
            "providers" => provider::sections(),
            "outputs" => json!({ "type": "array", "items": reference("output") }),
            _ => table(keys_of(keys::RESOLVE)),
        };
        schema["description"] = section.about.into();
        properties.insert(section.name.into(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        "title": ".keyzero.toml",
        "description": "where kz finds the secrets of an application, and how it delivers them",
        "type": "object",
        "properties": properties,
        "additionalProperties": environment(),
        "if": provider::no_named_instances(),
        "then": provider::built_in_only(),
    })
}

/// `[NAME.secrets]`.
fn environment() -> Value {
    let mut schema = table(Map::from_iter([("secrets".to_owned(), secrets("secret-over"))]));
    schema["required"] = json!(["secrets"]);
    schema["description"] = "an environment: laid over `[secrets]` by `--env` or KEYZERO_ENV".into();
    schema
}

fn secrets(definition: &str) -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": keys::NAME },
        "additionalProperties": reference(definition),
    })
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

/// A table that has no other keys than these.
fn table(properties: impl Into<Value>) -> Value {
    json!({ "type": "object", "properties": properties.into(), "additionalProperties": false })
}

fn keys_of(keys: &[Key]) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect()
}

fn of_key(key: &Key) -> Value {
    let mut schema = match key.takes {
        Takes::Provider => provider::any_name(),
        Takes::Text(pattern) => string(pattern),
        Takes::Template => string(keys::ANY),
        Takes::Texts(pattern) => one_or_many(&string(pattern)),
        Takes::TextOrInteger => json!({ "type": ["string", "integer"] }),
        Takes::Boolean => json!({ "type": "boolean" }),
        Takes::Integer(least, most) => integer(least, most),
        Takes::Parameters => secret::parameters(),
        Takes::Word(words) => json!({ "enum": words() }),
    };
    schema["description"] = match key.takes {
        Takes::Template => format!("{}; filters: {}", key.about, filters()).into(),
        _ => key.about.into(),
    };
    // The examples are TOML; those of these kinds are JSON too, which the tests check.
    if let Ok(example) = serde_json::from_str::<Value>(key.example) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// The filters of a template, in words.
fn filters() -> String {
    FILTERS.iter().map(|filter| filter.name).collect::<Vec<_>>().join(", ")
}

fn string(pattern: &str) -> Value {
    if pattern == keys::ANY {
        json!({ "type": "string" })
    } else {
        json!({ "type": "string", "pattern": pattern })
    }
}

fn integer(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// What the parser reads as a list, where one may stand alone.
fn one_or_many(item: &Value) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_json_too() {
        let all = keys::SECRET.iter().chain(keys::TOP).chain(keys::RESOLVE).chain(keys::OUTPUT);
        // A table is written otherwise in TOML, and its example is the schema's own.
        for key in all.filter(|key| !matches!(key.takes, Takes::Parameters)) {
            assert!(serde_json::from_str::<Value>(key.example).is_ok(), "{}", key.name);
        }
    }

    #[test]
    fn every_reference_has_its_definition() {
        let text = text();
        let document = document();
        for name in text.split("\"#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["$defs"].get(name).is_some(), "{name}");
        }
    }
}
