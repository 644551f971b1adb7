//! JSON that is written piece by piece, so that values are copied no more often than they have to be, or as a whole where it
//! holds none.

use serde::Serialize;

/// A JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Indented, with a line break at its end. Of what serde has no text for, maps with keys that are none, it is empty.
pub fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}
