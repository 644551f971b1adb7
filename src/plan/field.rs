//! Which part of a document a secret is: `a.b` with `\.` for a literal dot, or a JSON pointer `/a/b`.
//!
//! Rules: design.md §2; JSON pointers are RFC 6901 (`~1` is `/`, `~0` is `~`).

use std::fmt;

/// A path into a document; at least one segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath {
    written: String,
    segments: Vec<String>,
}

/// Why a text is no field path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// Nothing was written.
    #[error("the field is empty")]
    Empty,
    /// Two dots in a row, or one at an end.
    #[error("the field `{0}` has an empty segment: a literal dot is written `\\.`")]
    EmptySegment(String),
    /// A backslash before something other than a dot or a backslash.
    #[error("the field `{0}` has a `\\` that escapes nothing: write `\\.` for a dot, `\\\\` for a backslash")]
    Escape(String),
    /// A `~` of a JSON pointer that is neither `~0` nor `~1`.
    #[error("the JSON pointer `{0}` has a `~` that is neither `~0` (a tilde) nor `~1` (a slash)")]
    Tilde(String),
}

impl FieldPath {
    /// Reads either notation.
    pub fn parse(written: &str) -> Result<Self, InvalidField> {
        let segments = match written.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|part| unescape_pointer(part, written)).collect(),
            None => split_dots(written),
        }?;
        Ok(Self { written: written.to_owned(), segments })
    }

    /// The names to descend by, unescaped.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The field as one key, for documents without nesting.
    pub fn as_key(&self) -> String {
        self.segments.join(".")
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

fn unescape_pointer(part: &str, whole: &str) -> Result<String, InvalidField> {
    let bad = part.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    if bad {
        return Err(InvalidField::Tilde(whole.to_owned()));
    }
    Ok(part.replace("~1", "/").replace("~0", "~"))
}

fn split_dots(written: &str) -> Result<Vec<String>, InvalidField> {
    if written.is_empty() {
        return Err(InvalidField::Empty);
    }
    let mut segments = vec![String::new()];
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '.' => {
                segments.push(String::new());
                continue;
            }
            '\\' => match characters.next() {
                Some(escaped @ ('.' | '\\')) => escaped,
                _ => return Err(InvalidField::Escape(written.to_owned())),
            },
            other => other,
        };
        if let Some(last) = segments.last_mut() {
            last.push(literal);
        }
    }
    if segments.iter().any(String::is_empty) {
        return Err(InvalidField::EmptySegment(written.to_owned()));
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(written: &str) -> Vec<String> {
        FieldPath::parse(written).unwrap().segments
    }

    #[test]
    fn dots_descend_unless_escaped() {
        assert_eq!(segments("a.b"), ["a", "b"]);
        assert_eq!(segments(r"tls\.crt"), ["tls.crt"]);
        assert_eq!(segments(r"a\\.b"), ["a\\", "b"]);
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        assert_eq!(segments("/a~1b/m~0n"), ["a/b", "m~n"]);
        assert_eq!(segments("/~01"), ["~1"]);
        assert_eq!(segments("/a.b/"), ["a.b", ""]);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for written in ["", ".", "a.", "a..b", r"a\", r"a\n", "/a~", "/~2"] {
            assert!(FieldPath::parse(written).is_err(), "{written:?}");
        }
    }
}
