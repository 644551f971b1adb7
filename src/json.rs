//! JSON that is written piece by piece, so that values are copied no more often than they have to be.

/// A JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
