//! The schema of one of `[[outputs]]`: its keys, and which of them its form has.

use serde_json::{Map, Value, json};

use crate::config::keys::{self, OutputFormat};

use super::{keys_of, table};

/// One output.
pub(super) fn one() -> Value {
    let mut schema = table(keys_of(keys::OUTPUT));
    schema["required"] = json!(["format"]);
    schema["allOf"] = keys::OUTPUT_FORMATS.iter().map(by_format).collect();
    schema
}

/// What its form asks for and has no place for.
fn by_format(format: &OutputFormat) -> Value {
    let foreign = keys::names(keys::OUTPUT).filter(|key| !format.takes(key));
    let refused: Map<String, Value> = foreign.map(|key| (key.to_owned(), json!(false))).collect();
    json!({
        "if": { "properties": { "format": { "const": format.name } }, "required": ["format"] },
        "then": { "required": format.needs, "properties": refused },
    })
}
