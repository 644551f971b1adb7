//! JSON that is written piece by piece, so that values are copied no more often than they have to be, or as a whole where it
//! holds none.

use serde::Serialize;

/// A JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// In one line. Of what serde has no text for it is empty.
pub fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// An array with a line for each of these, and a line break at its end.
pub fn lines(values: impl IntoIterator<Item = impl Serialize>) -> String {
    let lines: Vec<String> = values.into_iter().map(|value| format!("  {}", line(&value))).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

/// Indented, with a line break at its end. Of what serde has no text for, maps with keys that are none, it is empty.
pub fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_has_a_line_for_each_of_its_values() {
        let values = [serde_json::json!({ "a": "1\n2" }), serde_json::json!(null)];
        assert_eq!(lines(&values), "[\n  {\"a\":\"1\\n2\"},\n  null\n]\n");
        assert_eq!(lines(&values[..0]), "[]\n");
    }
}
