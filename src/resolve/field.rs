//! One field out of a document: JSON, TOML or dotenv.
//!
//! Rules (design.md §2): a string is taken as it is, any other JSON value as compact JSON, with
//! numbers digit for digit as they were written. Invariant: errors name fields, never values.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use crate::output::dotenv;
use crate::output::json::quoted;
use crate::plan::field::FieldPath;
use crate::provider::{Document, Shape};
use crate::secret::Secret;

/// Why there is no such field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The document is well-formed and has other fields.
    #[error("there is no field `{wanted}`; the document has {}", names(fields))]
    Missing {
        /// The first segment that is not there.
        wanted: String,
        /// What stands in its place.
        fields: Vec<String>,
    },
    /// The path goes on where the document does not.
    #[error("`{0}` holds a value, not an object with fields")]
    NotAnObject(String),
    /// It is not what its name or first byte says.
    #[error("the document is not {what}: {reason}")]
    Malformed {
        /// `JSON`, `TOML` or `KEY=value lines`.
        what: &'static str,
        /// Line, column, rule.
        reason: String,
    },
}

fn names(fields: &[String]) -> String {
    const MOST: usize = 20;
    let listed: Vec<String> = fields.iter().take(MOST).map(|field| format!("`{field}`")).collect();
    match fields.len() {
        0 => "none".to_owned(),
        number if number > MOST => format!("{} and {} more", listed.join(", "), number - MOST),
        _ => listed.join(", "),
    }
}

/// The field's value.
pub fn extract(document: &Document, field: &FieldPath) -> Result<Secret, FieldError> {
    let text = document.content.expose_text();
    match document.shape {
        Shape::Json => json(text.ok_or_else(|| not_text("JSON"))?, field),
        Shape::Toml => toml(text.ok_or_else(|| not_text("TOML"))?, field),
        Shape::Dotenv => dotenv_value(&document.content, field),
    }
}

fn not_text(what: &'static str) -> FieldError {
    FieldError::Malformed { what, reason: "it is not UTF-8".to_owned() }
}

fn dotenv_value(content: &Secret, field: &FieldPath) -> Result<Secret, FieldError> {
    let entries = dotenv::decode(content)
        .map_err(|error| FieldError::Malformed { what: "KEY=value lines", reason: error.to_string() })?;
    let key = field.as_key();
    match entries.iter().find(|(name, _)| *name == key) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(FieldError::Missing {
            wanted: key,
            fields: entries.into_iter().map(|(name, _)| name).collect(),
        }),
    }
}

/// The members of an object, in order, undecoded.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    members.push((Cow::Owned(key), map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

fn json(text: &str, field: &FieldPath) -> Result<Secret, FieldError> {
    let mut current: &RawValue = serde_json::from_str(text).map_err(|error| malformed_json(&error))?;
    let mut above = "the document".to_owned();
    for segment in field.segments() {
        current = step(current, segment, &above)?;
        above.clone_from(segment);
    }
    json_value(current)
}

fn step<'a>(current: &'a RawValue, segment: &str, above: &str) -> Result<&'a RawValue, FieldError> {
    let text = current.get();
    let missing = |fields| FieldError::Missing { wanted: segment.to_owned(), fields };
    match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(|error| malformed_json(&error))?;
            // Like every JSON parser in use: of equal keys, the last.
            match members.iter().rev().find(|(key, _)| key == segment) {
                Some((_, value)) => Ok(value),
                None => Err(missing(members.into_iter().map(|(key, _)| key.into_owned()).collect())),
            }
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| malformed_json(&error))?;
            let index: Option<usize> = segment.parse().ok();
            index
                .and_then(|index| items.get(index).copied())
                .ok_or_else(|| missing(vec![format!("{} elements, numbered from 0", items.len())]))
        }
        _ => Err(FieldError::NotAnObject(above.to_owned())),
    }
}

fn json_value(value: &RawValue) -> Result<Secret, FieldError> {
    let text = value.get();
    if text.starts_with('"') {
        let decoded: String = serde_json::from_str(text).map_err(|error| malformed_json(&error))?;
        return Ok(Secret::new(decoded.into_bytes()));
    }
    Ok(Secret::new(compact(text).into_bytes()))
}

/// JSON without the white space between its tokens.
fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    for character in text.chars() {
        if in_string || !character.is_ascii_whitespace() {
            compact.push(character);
        }
        in_string = if character == '"' && !escaped { !in_string } else { in_string };
        escaped = in_string && character == '\\' && !escaped;
    }
    compact
}

/// `serde_json` says what it expected and where; only the place is passed on.
fn malformed_json(error: &serde_json::Error) -> FieldError {
    FieldError::Malformed {
        what: "JSON",
        reason: format!("line {}, column {}", error.line(), error.column()),
    }
}

fn toml(text: &str, field: &FieldPath) -> Result<Secret, FieldError> {
    let tree = DeTable::parse(text).map_err(|error| {
        let line = text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1;
        FieldError::Malformed { what: "TOML", reason: format!("line {line}") }
    })?;
    let mut current = DeValue::Table(tree.into_inner());
    let mut above = "the document".to_owned();
    for segment in field.segments() {
        current = toml_step(current, segment, &above)?;
        above.clone_from(segment);
    }
    match &current {
        DeValue::String(text) => Ok(Secret::new(text.as_bytes().to_vec())),
        other => {
            let mut json = String::new();
            write_json(other, &mut json)?;
            Ok(Secret::new(json.into_bytes()))
        }
    }
}

fn toml_step<'a>(current: DeValue<'a>, segment: &str, above: &str) -> Result<DeValue<'a>, FieldError> {
    match current {
        DeValue::Table(mut table) => {
            let key = table.keys().find(|key| key.get_ref() == segment).cloned();
            if let Some(value) = key.and_then(|key| table.remove(&key)) {
                Ok(value.into_inner())
            } else {
                let fields = table.keys().map(|key| key.get_ref().to_string()).collect();
                Err(FieldError::Missing { wanted: segment.to_owned(), fields })
            }
        }
        DeValue::Array(items) => {
            let number = items.len();
            let index: Option<usize> = segment.parse().ok();
            let item = index.and_then(|index| items.into_iter().nth(index));
            item.map(toml::Spanned::into_inner).ok_or_else(|| FieldError::Missing {
                wanted: segment.to_owned(),
                fields: vec![format!("{number} elements, numbered from 0")],
            })
        }
        _ => Err(FieldError::NotAnObject(above.to_owned())),
    }
}

/// A TOML value as compact JSON; dates become strings.
fn write_json(value: &DeValue<'_>, json: &mut String) -> Result<(), FieldError> {
    let unfit =
        || FieldError::Malformed { what: "TOML", reason: "a number that JSON cannot hold".to_owned() };
    match value {
        DeValue::String(text) => json.push_str(&quoted(text)),
        DeValue::Boolean(boolean) => json.push_str(if *boolean { "true" } else { "false" }),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix()).map_err(|_| unfit())?;
            json.push_str(&number.to_string());
        }
        DeValue::Float(number) => {
            let text = number.as_str().trim_start_matches('+');
            let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
            json.push_str(if finite { text } else { return Err(unfit()) });
        }
        DeValue::Datetime(date) => json.push_str(&quoted(&date.to_string())),
        DeValue::Array(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                write_json(item.get_ref(), json)?;
            }
            json.push(']');
        }
        DeValue::Table(table) => {
            json.push('{');
            for (index, (key, item)) in table.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                json.push_str(&quoted(key.get_ref()));
                json.push(':');
                write_json(item.get_ref(), json)?;
            }
            json.push('}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(shape: Shape, content: &str, field: &str) -> Result<String, FieldError> {
        let document = Document { content: Secret::new(content.as_bytes().to_vec()), shape };
        extract(&document, &FieldPath::parse(field).unwrap()).map(|s| s.expose_text().unwrap().to_owned())
    }

    #[test]
    fn json_strings_come_as_they_are_and_the_rest_compact() {
        let text = r#"{ "a": { "b": "x\n\u00e9", "tls.crt": "c" }, "n": 1.50, "big": 12345678901234567890123, "l": [ 1, { "k" : "v w\" ]" } ], "z": null }"#;
        for (field, value) in [
            ("a.b", "x\né"),
            (r"a.tls\.crt", "c"),
            ("/a/tls.crt", "c"),
            ("n", "1.50"),
            ("big", "12345678901234567890123"),
            ("l", r#"[1,{"k":"v w\" ]"}]"#),
            ("l.1.k", "v w\" ]"),
            ("z", "null"),
        ] {
            assert_eq!(get(Shape::Json, text, field).as_deref(), Ok(value), "{field}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_there_is() {
        let error = get(Shape::Json, r#"{"user":"u","password":"hunter2"}"#, "pass").unwrap_err().to_string();
        assert_eq!(error, "there is no field `pass`; the document has `user`, `password`");
        assert_eq!(
            get(Shape::Json, r#"{"a":"hunter2"}"#, "a.b"),
            Err(FieldError::NotAnObject("a".to_owned()))
        );
        assert!(
            get(Shape::Json, "{\"a\": hunter2}", "a").unwrap_err().to_string().contains("line 1, column 7")
        );
    }

    #[test]
    fn toml_and_dotenv_have_fields_too() {
        let text = "a = 'x'\nn = 0x10\nd = 2026-11-23\nf = +1.5\n[t]\nk = [1, \"q\"]\n";
        for (field, value) in [
            ("a", "x"),
            ("n", "16"),
            ("d", "\"2026-11-23\""),
            ("f", "1.5"),
            ("t", r#"{"k":[1,"q"]}"#),
            ("t.k.1", "q"),
        ] {
            assert_eq!(get(Shape::Toml, text, field).as_deref(), Ok(value), "{field}");
        }
        assert_eq!(get(Shape::Dotenv, "A=1\nB='x y'\n", "B").as_deref(), Ok("x y"));
        assert!(get(Shape::Dotenv, "A=1\n", "C").unwrap_err().to_string().contains("has `A`"));
    }
}
