//! The schema of one secret: its keys, which of them exclude each other, what its provider's refs look like.

use serde_json::{Value, json};

use crate::config::keys::{self, Group};
use crate::provider::registry;

use super::{keys_of, provider, reference, table};

/// What any secret may hold, laid over another or not.
pub(super) fn keys() -> Value {
    let with_source: Vec<&str> = keys::SECRET
        .iter()
        .filter(|key| matches!(key.group, Group::Source | Group::Place))
        .map(|key| key.name)
        .collect();
    let refused: Vec<Value> = with_source.iter().map(|name| json!({ "required": [name] })).collect();
    let mut schema = table(keys_of(keys::SECRET));
    let mut rules = vec![json!({ "not": { "required": ["provider", "resolver"] } })];
    rules.push(json!({ "if": { "required": ["template"] }, "then": { "not": { "anyOf": refused } } }));
    rules.extend(registry::PROVIDERS.iter().map(provider::refs));
    schema["allOf"] = rules.into();
    schema
}

/// One that stands alone: it says where its value comes from.
pub(super) fn whole() -> Value {
    json!({
        "$ref": "#/$defs/secret-keys",
        "if": { "not": { "required": ["template"] } },
        "then": {
            "required": ["ref"],
            "anyOf": [{ "required": ["provider"] }, { "required": ["resolver"] }],
        },
    })
}

/// One of an environment: single keys are laid over the secret of the same name, unless it names a source.
pub(super) fn over() -> Value {
    json!({
        "$ref": reference("secret-keys")["$ref"],
        "if": { "anyOf": [{ "required": ["provider"] }, { "required": ["resolver"] }] },
        "then": { "required": ["ref"] },
    })
}

/// What an engine is asked with: at least one thing.
pub(super) fn parameters() -> Value {
    json!({ "type": "object", "minProperties": 1, "additionalProperties": reference("parameter"),
            "examples": [{ "common_name": "db.internal", "ttl": "1h" }] })
}

/// One thing of it.
pub(super) fn parameter() -> Value {
    json!({ "anyOf": [
        { "type": ["string", "integer", "boolean"] },
        { "type": "array", "items": { "type": "string" } },
        { "type": "object", "additionalProperties": reference("parameter") },
    ] })
}
