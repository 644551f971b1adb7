//! One JSON object, a member per secret, in the order of the configuration; ends with a newline.

use base64::Engine as _;

use crate::json::quoted;
use crate::secret::Secret;

use super::{Item, Refusal};

/// What becomes of values that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// They are refused.
    Refuse,
    /// They become `{"base64": "…"}`, so that a reader can tell them from text that looks alike.
    Base64,
}

/// The object, or a refusal for each value that it cannot hold.
pub fn encode(items: &[Item], bytes: Bytes) -> Result<Secret, Vec<Refusal>> {
    let mut json = String::from("{");
    let mut refusals = Vec::new();
    for item in items {
        json.push_str(if json.len() == 1 { "" } else { "," });
        json.push_str(&quoted(&item.name));
        json.push(':');
        match (item.value.expose_text(), bytes) {
            (Some(text), _) => json.push_str(&quoted(text)),
            (None, Bytes::Base64) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(item.value.expose());
                json.extend(["{\"base64\":", &quoted(&encoded), "}"]);
            }
            (None, Bytes::Refuse) => refusals.push(Refusal {
                name: item.name.clone(),
                reason: "its value is not UTF-8, which JSON cannot hold".to_owned(),
            }),
        }
    }
    json.push_str("}\n");
    if refusals.is_empty() { Ok(Secret::new(json.into_bytes())) } else { Err(refusals) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, value: &[u8]) -> Item {
        Item { name: name.to_owned(), value: Secret::new(value.to_vec()) }
    }

    #[test]
    fn text_is_text_and_bytes_are_marked() {
        let items = [item("b", b"a\"\n\xc3\xa9"), item("a", b"\xff\x00")];
        let json = encode(&items, Bytes::Base64).unwrap();
        assert_eq!(json.expose_text().unwrap(), "{\"b\":\"a\\\"\\né\",\"a\":{\"base64\":\"/wA=\"}}\n");
        assert_eq!(encode(&items, Bytes::Refuse).unwrap_err()[0].name, "a");
        assert_eq!(encode(&[], Bytes::Refuse).unwrap().expose(), b"{}\n");
    }
}
