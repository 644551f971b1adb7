//! The filters, each for one kind of place that a value can land in.
//!
//! Invariant: what a filter makes is read back by the reader of that place as exactly the value, or the filter
//! refuses. [`FILTERS`] is the one list of them: engine, errors, schema and `docs/templates.md` are made from it,
//! and `tests/it/template_readers.rs` asks the real readers.

mod document;
mod encoding;
mod line;

use std::borrow::Cow;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::super::ending;
use super::error::{Fault, Refused, refuse};

/// One filter.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// As it is written after `|`.
    pub name: &'static str,
    /// What it makes of a value, and where that stands.
    pub makes: &'static str,
    /// What it refuses, beside what is not UTF-8 where it takes text.
    pub refuses: &'static str,
    /// What the tests read it back with.
    pub readers: &'static str,
    encode: Encode,
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug)]
enum Encode {
    /// Every text.
    AnyText(fn(&str) -> String),
    /// Some texts; the error says what the value has that cannot be carried.
    Text(fn(&str) -> Result<String, &'static str>),
    /// All bytes.
    AnyBytes(fn(&[u8]) -> String),
    /// Some bytes; likewise.
    Bytes(fn(&[u8]) -> Result<String, &'static str>),
    /// A part of any value, which may stand where the value may.
    Part(fn(&[u8]) -> &[u8]),
}

/// The filter that changes nothing.
pub(super) const RAW: &str = "raw";

/// The filter that takes line breaks off the end.
pub(super) const TRIM: &str = "trim";

/// All of them, in the order in which they are listed.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "urlencode",
        makes: "percent-encoding (RFC 3986), for any part of a URL",
        refuses: "nothing",
        readers: "Python's `urllib.parse.unquote_to_bytes`",
        encode: Encode::AnyBytes(encoding::url),
    },
    Filter {
        name: "b64encode",
        makes: "base64 (RFC 4648 §4) with padding",
        refuses: "nothing",
        readers: "Python's `base64.b64decode`",
        encode: Encode::AnyBytes(encoding::base64),
    },
    Filter {
        name: "tojson",
        makes: "a JSON string with its quotes",
        refuses: "nothing",
        readers: "Python's `json`",
        encode: Encode::Text(document::json),
    },
    Filter {
        name: "toml",
        makes: "a TOML basic string with its quotes",
        refuses: "nothing",
        readers: "Python's `tomllib`",
        encode: Encode::AnyText(document::toml),
    },
    Filter {
        name: "yaml",
        makes: "a double-quoted YAML scalar, which YAML 1.1 and 1.2 take for a string",
        refuses: "nothing",
        readers: "PyYAML in Python and in C (1.1), ruamel.yaml (1.2)",
        encode: Encode::AnyText(document::yaml),
    },
    Filter {
        name: "xml",
        makes: "XML 1.0 text, or an attribute's value between quotes of either kind; not in CDATA or comments",
        refuses: "control characters but tab and line breaks, U+FFFE, U+FFFF",
        readers: "`xmllint`, Python's `ElementTree`; as text and as attribute",
        encode: Encode::Text(document::xml),
    },
    Filter {
        name: "sh",
        makes: "one word of a POSIX shell, in single quotes",
        refuses: "NUL",
        readers: "dash, bash, busybox sh",
        encode: Encode::Text(line::shell),
    },
    Filter {
        name: "pgpass",
        makes: "one field of PostgreSQL's `.pgpass`",
        refuses: "an empty value, line breaks, carriage returns, NUL",
        readers: "psql (libpq)",
        encode: Encode::Text(line::pgpass),
    },
    Filter {
        name: "ini",
        makes: "what stands right of `=` for Python's `configparser` with `interpolation=None`; systemd, git and PHP read other grammars",
        refuses: "line breaks and control characters but tab, white space at the start or end",
        readers: "Python's `configparser`",
        encode: Encode::Text(line::ini),
    },
    Filter {
        name: "redis",
        makes: "a double-quoted argument of `redis.conf`",
        refuses: "NUL, which would end some settings",
        readers: "redis-server",
        encode: Encode::Bytes(line::redis),
    },
    Filter {
        name: TRIM,
        makes: "the value without the line breaks (LF, CRLF) at its end, for a place or another filter: `{{ P | trim | yaml }}`",
        refuses: "nothing",
        readers: "compared byte for byte",
        encode: Encode::Part(ending::trimmed),
    },
    Filter {
        name: RAW,
        makes: "the value as it is, line breaks and all: whoever writes it vouches for the place",
        refuses: "nothing",
        readers: "compared byte for byte",
        encode: Encode::AnyText(encoding::raw),
    },
];

impl Filter {
    /// Whether values that are not UTF-8 are taken too.
    pub fn takes_bytes(&self) -> bool {
        matches!(self.encode, Encode::AnyBytes(_) | Encode::Bytes(_) | Encode::Part(_))
    }

    /// Whether it makes a value fit a place; otherwise another filter has to follow.
    pub fn is_for_a_place(&self) -> bool {
        !matches!(self.encode, Encode::Part(_))
    }

    fn apply(&self, value: &Value) -> Result<Value, Error> {
        let encoded = match self.encode {
            Encode::AnyText(encode) => Ok(encode(&text(value)?)),
            Encode::Text(encode) => encode(&text(value)?),
            Encode::AnyBytes(encode) => Ok(encode(&bytes(value)?)),
            Encode::Bytes(encode) => encode(&bytes(value)?),
            Encode::Part(of) => return part(value, of),
        };
        match encoded {
            Ok(encoded) => Ok(Value::from_safe_string(encoded)),
            Err(what) => Err(refuse(Fault::Refused(Refused { filter: self.name, what }))),
        }
    }
}

/// Makes them known to the engine.
pub(super) fn install(engine: &mut Environment<'_>) {
    for filter in FILTERS {
        engine.add_filter(filter.name, |value: &Value| filter.apply(value));
    }
}

/// The filter of this name.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// The filter that was most likely meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
    let names = FILTERS.iter().map(|filter| (distance(filter.name), filter.name));
    names.filter(|(distance, known)| *distance <= 1 + known.len() / 4).min().map(|(_, known)| known)
}

/// "`urlencode`, `b64encode` and `raw`", of those that are wanted.
pub(super) fn list(is_wanted: impl Fn(&Filter) -> bool) -> String {
    let names: Vec<String> = FILTERS
        .iter()
        .filter(|filter| is_wanted(filter))
        .map(|filter| format!("`{}`", filter.name))
        .collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// A part of a value that is what the value is: text, bytes, or what a filter has vouched for. `of` takes line breaks
/// off its end, so text stays text.
fn part(value: &Value, of: fn(&[u8]) -> &[u8]) -> Result<Value, Error> {
    if value.kind() == ValueKind::Bytes {
        return Ok(Value::from_bytes(of(&bytes(value)?).to_vec()));
    }
    let text = text(value)?;
    let part = &text[..of(text.as_bytes()).len()];
    Ok(if value.is_safe() { Value::from_safe_string(part.to_owned()) } else { Value::from(part) })
}

/// The bytes of a value, which need not be text.
fn bytes(value: &Value) -> Result<Cow<'_, [u8]>, Error> {
    match value.as_bytes() {
        Some(bytes) => Ok(Cow::Borrowed(bytes)),
        None => Ok(Cow::Owned(text(value)?.into_owned().into_bytes())),
    }
}

/// The text of a value: of a string, number or truth value.
pub(super) fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(Cow::Borrowed(text)),
        (None, ValueKind::Number | ValueKind::Bool) => Ok(Cow::Owned(value.to_string())),
        (None, ValueKind::Undefined) => Err(Error::from(ErrorKind::UndefinedError)),
        (None, ValueKind::Bytes) => Err(refuse(Fault::NotText)),
        (None, _) => Err(refuse(Fault::Other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_has_a_name_of_its_own_and_words() {
        for (index, filter) in FILTERS.iter().enumerate() {
            assert!(FILTERS[..index].iter().all(|other| other.name != filter.name), "{}", filter.name);
            assert!(!filter.makes.is_empty() && !filter.refuses.is_empty() && !filter.readers.is_empty());
        }
    }

    fn trim() -> &'static Filter {
        find(TRIM).unwrap()
    }

    #[test]
    fn a_part_is_what_the_whole_was() {
        let of = |value: Value| trim().apply(&value).unwrap();
        assert_eq!(of(Value::from("pw\r\n")).as_str(), Some("pw"));
        assert!(!of(Value::from("pw\n")).is_safe());
        assert!(of(Value::from_safe_string("pw\n".to_owned())).is_safe());
        let bytes = of(Value::from_bytes(b"\xff\n".to_vec()));
        assert_eq!((bytes.kind(), bytes.as_bytes()), (ValueKind::Bytes, Some(&b"\xff"[..])));
        assert!(trim().apply(&Value::UNDEFINED).is_err());
    }

    #[test]
    fn the_nearest_filter_is_near() {
        assert_eq!(nearest("urlencod"), Some("urlencode"));
        assert_eq!(nearest("base64encode"), Some("b64encode"));
        assert_eq!(nearest("upper"), None);
        assert_eq!(list(Filter::takes_bytes), "`urlencode`, `b64encode`, `redis` and `trim`");
    }
}
