//! Reads typed values out of the TOML tree, recording a problem where the type is wrong.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::problem::{Mistake, Place, Problems};

/// A value and the text it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The index of its text.
    pub source: usize,
    /// The value, with its span.
    pub value: &'a Spanned<DeValue<'a>>,
}

/// A key, where it stands, and its value.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a str,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node<'a>,
}

/// The entries of a table in the order of the text.
pub(super) fn entries<'a>(source: usize, table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref(),
            place: Place::new(source, key.span()),
            node: Node { source, value },
        })
        .collect();
    entries.sort_by_key(|entry| entry.place.start);
    entries
}

/// The number, where it has 64 bits.
pub(super) fn whole_number(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

impl<'a> Node<'a> {
    /// Where the value stands.
    pub fn place(self) -> Place {
        Place::new(self.source, self.value.span())
    }

    /// The entries of a table; a problem that says `expected` when it is none.
    pub fn table(self, expected: &str, problems: &mut Problems) -> Option<Vec<Entry<'a>>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(entries(self.source, table)),
            other => {
                let message = format!("expected {expected}, found {}", kind(other));
                problems.add(self.place(), Mistake::WrongType, message);
                None
            }
        }
    }

    /// A string.
    pub fn text(self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            other => {
                let message = format!("`{key}` takes a string, found {}", kind(other));
                let hint = format!("write `{key} = \"…\"`, with quotes");
                problems.add_with_hint(self.place(), Mistake::WrongType, message, hint);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(self, key: &str, problems: &mut Problems) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            other => {
                let message = format!("`{key}` takes true or false, found {}", kind(other));
                problems.add(self.place(), Mistake::WrongType, message);
                None
            }
        }
    }

    /// A whole number between two others, inclusive.
    pub fn integer(self, key: &str, least: i64, most: i64, problems: &mut Problems) -> Option<i64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(integer) => whole_number(integer),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("`{key}` takes a whole number from {least} to {most}");
            problems.add(self.place(), Mistake::WrongForm, message);
        }
        number
    }

    /// A string, or a list of strings.
    pub fn texts(self, key: &str, problems: &mut Problems) -> Vec<(&'a str, Place)> {
        match self.value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .filter_map(|value| {
                    let item = Node { source: self.source, value };
                    Some((item.text(key, problems)?, item.place()))
                })
                .collect(),
            _ => self.text(key, problems).map(|text| (text, self.place())).into_iter().collect(),
        }
    }
}

/// What a value is, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
