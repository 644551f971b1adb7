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
