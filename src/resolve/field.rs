//! One field out of a document: JSON, TOML or dotenv.
//!
//! Rules: a string is taken as it is, any other JSON value as compact JSON, with
//! numbers digit for digit as they were written; `null` is no value, so a field that is null is absent.
//! Invariant: errors name fields, never values.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use crate::json::quoted;
use crate::output::dotenv;
use crate::plan::field::FieldPath;
use crate::provider::{Document, Shape};
use crate::reading::unmarked;
use crate::secret::Secret;

/// Why there is no such field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The document is well-formed and has other fields.
    #[error("there is no field `{wanted}`; the document has {}", names(fields.iter().map(String::as_str)))]
    Missing {
        /// The first segment that is not there.
        wanted: String,
        /// What stands in its place.
        fields: Vec<String>,
    },
    /// It is there and holds nothing.
    #[error("`{0}` is null")]
    Null(String),
    /// The path goes on where the document does not.
    #[error("`{0}` holds a value, not an object with fields")]
    NotAnObject(String),
    /// It is not what its name or first byte says.
    #[error("the document is not {what}: {reason}")]
    Malformed {
        /// `JSON`, `TOML` or `KEY=value lines`.
        what: &'static str,
        /// Line or rule.
        reason: String,
    },
}

/// A list of fields or secrets, as errors have it.
pub(super) fn names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let number = names.len();
    let listed: Vec<String> = names.take(MOST).map(|name| format!("`{name}`")).collect();
    match number {
        0 => "none".to_owned(),
        number if number > MOST => format!("{} and {} more", listed.join(", "), number - MOST),
        _ => listed.join(", "),
    }
}

/// A document that was read once, for all the fields that are asked of it.
pub enum Fields<'a> {
    /// Keys and values.
    Dotenv(BTreeMap<String, Secret>),
    /// The members of the outermost object, undecoded; of equal keys, the last.
    Json(BTreeMap<String, &'a RawValue>),
    /// JSON that is no object.
    JsonValue(&'a RawValue),
    /// The tree.
    Toml(DeValue<'a>),
}

impl<'a> Fields<'a> {
    /// Reads a document by its shape.
    pub fn of(document: &'a Document) -> Result<Self, FieldError> {
        // A byte order mark is of the value where that is the whole document, and of no field.
        let text = std::str::from_utf8(unmarked(document.content.expose())).ok();
        match document.shape {
            Shape::Json => json(text.ok_or_else(|| not_text("JSON"))?),
            Shape::Toml => toml(text.ok_or_else(|| not_text("TOML"))?),
            Shape::Dotenv => dotenv_entries(&document.content),
        }
    }

    /// The names of the outermost fields; none where it is no object.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Dotenv(entries) => entries.keys().cloned().collect(),
            Self::Json(members) => members.keys().cloned().collect(),
            Self::Toml(DeValue::Table(table)) => table.keys().map(|key| key.get_ref().to_string()).collect(),
            Self::JsonValue(_) | Self::Toml(_) => Vec::new(),
        }
    }

    /// The field's value.
    pub fn get(&self, field: &FieldPath) -> Result<Secret, FieldError> {
        match self {
            Self::Dotenv(entries) => {
                let key = field.as_key();
                entries.get(&key).cloned().ok_or_else(|| missing(&key, entries.keys().cloned()))
            }
            Self::Json(members) => {
                let (first, rest) = first(field);
                match members.get(first) {
                    Some(value) => descend_json(value, first, rest),
                    None => Err(missing(first, members.keys().cloned())),
                }
            }
            Self::JsonValue(value) => descend_json(value, "the document", field.segments()),
            Self::Toml(tree) => descend_toml(tree, field),
        }
    }
}

/// What to write instead, where a field is not found so.
pub(super) fn hint(fields: Option<&Fields<'_>>, field: &FieldPath, error: &FieldError) -> Option<String> {
    if let FieldError::Malformed { what: KEY_VALUE, .. } = error {
        return Some("write each line as `KEY='value'`, or keep the document as JSON or TOML: no field is read of YAML; without a field the whole document is delivered".to_owned());
    }
    let meant =
        field.joined().into_iter().find(|joined| fields.is_some_and(|fields| fields.get(joined).is_ok()))?;
    Some(format!(
        "a `.` goes one name further down, and here it is in a name: write `{meant}`, and the whole text between `'`, where TOML takes `\\` as it is"
    ))
}

/// What a document is whose name and first byte say nothing else.
const KEY_VALUE: &str = "KEY=value lines";

fn first(field: &FieldPath) -> (&str, &[String]) {
    field.segments().split_first().map_or(("", &[]), |(first, rest)| (first, rest))
}

fn missing(wanted: &str, fields: impl IntoIterator<Item = String>) -> FieldError {
    FieldError::Missing { wanted: wanted.to_owned(), fields: fields.into_iter().collect() }
}

fn not_text(what: &'static str) -> FieldError {
    FieldError::Malformed { what, reason: "it is not UTF-8".to_owned() }
}

fn dotenv_entries(content: &Secret) -> Result<Fields<'static>, FieldError> {
    let malformed =
        |error: dotenv::DecodeErrors| FieldError::Malformed { what: KEY_VALUE, reason: error.to_string() };
    Ok(Fields::Dotenv(dotenv::decode(content).map_err(malformed)?.into_iter().collect()))
}

fn json(text: &str) -> Result<Fields<'_>, FieldError> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| malformed_json(&error))?;
    if whole.get().starts_with('{') { members(whole).map(Fields::Json) } else { Ok(Fields::JsonValue(whole)) }
}

fn members(object: &RawValue) -> Result<BTreeMap<String, &RawValue>, FieldError> {
    serde_json::from_str(object.get()).map_err(|error| malformed_json(&error))
}

fn descend_json(from: &RawValue, name: &str, segments: &[String]) -> Result<Secret, FieldError> {
    let mut current = from;
    let mut above = name;
    for segment in segments {
        current = step(current, segment, above)?;
        above = segment;
    }
    if is_null(current) { Err(FieldError::Null(above.to_owned())) } else { json_value(current) }
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn step<'a>(current: &'a RawValue, segment: &str, above: &str) -> Result<&'a RawValue, FieldError> {
    match current.get().as_bytes().first() {
        Some(b'{') => {
            let members = members(current)?;
            members.get(segment).copied().ok_or_else(|| missing(segment, members.into_keys()))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(current.get()).map_err(|error| malformed_json(&error))?;
            let item = index(segment).and_then(|index| items.get(index).copied());
            item.ok_or_else(|| missing(segment, [elements(items.len())]))
        }
        _ if is_null(current) => Err(FieldError::Null(above.to_owned())),
        _ => Err(FieldError::NotAnObject(above.to_owned())),
    }
}

/// The index that a segment is to an array: digits, without a sign or leading zeros (RFC 6901, 4).
fn index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || segment.starts_with(|first: char| ('1'..='9').contains(&first));
    segment.parse().ok().filter(|_| canonical)
}

/// What stands in an array, in the place of field names.
fn elements(number: usize) -> String {
    format!("{number} elements, numbered from 0")
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

/// `serde_json` says what it expected and where; only the line is passed on. The column would tell how
/// long the values before it are.
fn malformed_json(error: &serde_json::Error) -> FieldError {
    FieldError::Malformed { what: "JSON", reason: format!("line {}", error.line()) }
}

fn toml(text: &str) -> Result<Fields<'_>, FieldError> {
    let tree = DeTable::parse(text).map_err(|error| {
        let line = text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1;
        FieldError::Malformed { what: "TOML", reason: format!("line {line}") }
    })?;
    Ok(Fields::Toml(DeValue::Table(tree.into_inner())))
}

fn descend_toml(tree: &DeValue<'_>, field: &FieldPath) -> Result<Secret, FieldError> {
    let mut current = tree;
    let mut above = "the document";
    for segment in field.segments() {
        current = toml_step(current, segment, above)?;
        above = segment;
    }
    if let DeValue::String(text) = current {
        return Ok(Secret::new(text.as_bytes().to_vec()));
    }
    let mut json = String::new();
    write_json(current, &mut json)?;
    Ok(Secret::new(json.into_bytes()))
}

fn toml_step<'a>(
    current: &'a DeValue<'a>,
    segment: &str,
    above: &str,
) -> Result<&'a DeValue<'a>, FieldError> {
    match current {
        DeValue::Table(table) => match table.get(segment) {
            Some(value) => Ok(value.get_ref()),
            None => Err(missing(segment, table.keys().map(|key| key.get_ref().to_string()))),
        },
        DeValue::Array(items) => {
            let item = index(segment).and_then(|index| items.get(index));
            item.map(toml::Spanned::get_ref).ok_or_else(|| missing(segment, [elements(items.len())]))
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
        let content = Secret::new(content.as_bytes().to_vec());
        let document = Document { content, shape, version: None, lease: None };
        let value = Fields::of(&document)?.get(&FieldPath::parse(field).unwrap())?;
        Ok(value.expose_text().unwrap().to_owned())
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
        ] {
            assert_eq!(get(Shape::Json, text, field).as_deref(), Ok(value), "{field}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_there_is() {
        let error = get(Shape::Json, r#"{"user":"u","password":"hunter2"}"#, "pass").unwrap_err().to_string();
        assert_eq!(error, "there is no field `pass`; the document has `password`, `user`");
        assert_eq!(
            get(Shape::Json, r#"{"a":"hunter2"}"#, "a.b"),
            Err(FieldError::NotAnObject("a".to_owned()))
        );
        assert!(get(Shape::Json, "{\"a\": hunter2}", "a").unwrap_err().to_string().ends_with("JSON: line 1"));
    }

    #[test]
    fn null_is_no_value_wherever_it_stands() {
        let text = r#"{"a":null,"b":{"c": null,"d.e":null},"l":[null],"s":"null","o":{"k":null}}"#;
        for (field, named) in [
            ("a", "a"),
            ("a.x", "a"),
            ("/a/x/y", "a"),
            ("b.c", "c"),
            ("/b/c", "c"),
            (r"b.d\.e", "d.e"),
            ("l.0", "0"),
            ("/l/0", "0"),
        ] {
            assert_eq!(get(Shape::Json, text, field), Err(FieldError::Null(named.to_owned())), "{field}");
        }
        assert_eq!(get(Shape::Json, "null", "a"), Err(FieldError::Null("the document".to_owned())));
        // A text is a text, and what is taken whole is taken as it is.
        assert_eq!(get(Shape::Json, text, "s").as_deref(), Ok("null"));
        assert_eq!(get(Shape::Json, text, "o").as_deref(), Ok(r#"{"k":null}"#));
    }

    #[test]
    fn an_index_is_written_in_one_way() {
        for field in ["/l/+1", "/l/01", "l.+1", "l.00", "l.-0", "/l/", "/l/ 1"] {
            assert!(
                matches!(get(Shape::Json, r#"{"l":[1,2]}"#, field), Err(FieldError::Missing { .. })),
                "{field}"
            );
            assert!(
                matches!(get(Shape::Toml, "l = [1, 2]", field), Err(FieldError::Missing { .. })),
                "{field}"
            );
        }
        assert_eq!(get(Shape::Json, "[5, 6]", "/1").as_deref(), Ok("6"));
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
