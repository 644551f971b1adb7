//! One JSON object, a member per secret, in the order of the configuration; ends with a newline.
//!
//! The decoder takes what the encoder writes and no more: strings, and `{"base64": "…"}`. A name that stands twice
//! is refused, since readers differ in which one counts.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::json::quoted;
use crate::reading::unmarked;
use crate::secret::Secret;

use super::dotenv::{DecodeError, DecodeErrors};
use super::{Item, Unencodable};

/// What becomes of values that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// They are refused.
    Refuse,
    /// They become `{"base64": "…"}`, so that a reader can tell them from text that looks alike.
    Base64,
}

/// The object, or a refusal for each value that it cannot hold.
pub fn encode(items: &[Item], bytes: Bytes) -> Result<Secret, Vec<Unencodable>> {
    let mut json = String::from("{");
    let mut refusals = Vec::new();
    for item in items {
        json.push_str(if json.len() == 1 { "" } else { "," });
        json.push_str(&quoted(&item.name));
        json.push(':');
        match (item.value.expose_text(), bytes) {
            (Some(text), _) => json.push_str(&quoted(text)),
            (None, Bytes::Base64) => {
                let encoded = STANDARD.encode(item.value.expose());
                json.extend(["{\"base64\":", &quoted(&encoded), "}"]);
            }
            (None, Bytes::Refuse) => refusals.push(Unencodable {
                name: item.name.clone(),
                reason: "its value is not UTF-8, which JSON cannot hold".to_owned(),
            }),
        }
    }
    json.push_str("}\n");
    if refusals.is_empty() { Ok(Secret::new(json.into_bytes())) } else { Err(refusals) }
}

/// Whether a file is such an object, and not `KEY=value` lines: no line of those begins so.
pub fn is_object(content: &Secret) -> bool {
    unmarked(content.expose()).trim_ascii_start().starts_with(b"{")
}

/// The names and values of an object, in its order.
pub fn decode(content: &Secret) -> Result<Vec<(String, Secret)>, DecodeErrors> {
    let Ok(text) = std::str::from_utf8(unmarked(content.expose())) else {
        return Err(DecodeError { line: 1, reason: "the file is not UTF-8" }.into());
    };
    let Members(members) = serde_json::from_str(text).map_err(|error| DecodeError {
        line: error.line().max(1),
        // The library's own words quote what they were given.
        reason: "not one JSON object of strings, each name once, as `kz export --format json` writes it",
    })?;
    Ok(members)
}

struct Members(Vec<(String, Secret)>);

/// A member's value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Text(String),
    Bytes(Encoded),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

impl Member {
    fn value(self) -> Option<Secret> {
        match self {
            Member::Text(text) => Some(Secret::new(text.into_bytes())),
            Member::Bytes(Encoded { base64 }) => STANDARD.decode(base64).ok().map(Secret::new),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let refused = || serde::de::Error::custom("refused");
        let mut members = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((name, member)) = map.next_entry::<String, Member>()? {
            let is_name = !name.is_empty() && !name.contains(['=', '\0']);
            if !is_name || !seen.insert(name.clone()) {
                return Err(refused());
            }
            members.push((name, member.value().ok_or_else(refused)?));
        }
        Ok(Members(members))
    }
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

    #[test]
    fn what_is_encoded_is_decoded() {
        let items = [item("b", "a\"\n\\\\é".as_bytes()), item("a.b", b"\xff\x00"), item("c", b"")];
        let json = encode(&items, Bytes::Base64).unwrap();
        assert!(is_object(&json));
        let marked = Secret::new([b"\xef\xbb\xbf", json.expose()].concat());
        assert!(is_object(&marked));
        for json in [json, marked] {
            for (item, (name, value)) in items.iter().zip(decode(&json).unwrap()) {
                assert_eq!((&item.name, &item.value), (&name, &value));
            }
        }
    }

    #[test]
    fn anything_else_is_refused_by_its_line() {
        for (text, line) in [
            ("{\"a\": 1}", 1),
            ("{\"a\": \"x\",\n\"a\": \"y\"}", 2),
            ("{\"a\": {\"base64\": \"*\"}}", 1),
            ("{\"a\": {\"base64\": \"\", \"b\": \"\"}}", 1),
            ("{\"a=b\": \"x\"}", 1),
            ("{\"\": \"x\"}", 1),
            ("{\"a\": \"x\"} {", 1),
            ("{\n\n", 3),
        ] {
            let error = decode(&Secret::new(text.into())).expect_err(text);
            assert_eq!(error.0[0].line, line, "{text}");
        }
    }
}
