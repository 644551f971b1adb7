//! Which part of a document a secret is: `a.b` with `\.` for a literal dot, or a JSON pointer `/a/b`.
//!
//! Rules: a text that begins with `/` is a pointer, by RFC 6901 (`~1` is `/`, `~0` is `~`); a backslash escapes dots and
//! itself, and nothing else; no segment of the dotted form is empty.

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

    /// The paths that this one is where dots that were written as separators belong to names: every way of joining
    /// neighbours, in this path's notation. None for a JSON pointer, where a dot is one already.
    pub fn joined(&self) -> Vec<Self> {
        // Further segments are nobody's names with dots, and would double the ways with each.
        const MOST: usize = 8;
        if self.written.starts_with('/') || self.segments.len() > MOST {
            return Vec::new();
        }
        (1..1_usize << (self.segments.len() - 1)).map(|joints| self.joined_at(joints)).collect()
    }

    /// Joins segment `n + 1` to the one before it where bit `n` is set.
    fn joined_at(&self, joints: usize) -> Self {
        let mut segments: Vec<String> = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            match segments.last_mut() {
                Some(last) if joints >> (index - 1) & 1 == 1 => *last = format!("{last}.{segment}"),
                _ => segments.push(segment.clone()),
            }
        }
        let escaped = |segment: &String| segment.replace('\\', r"\\").replace('.', r"\.");
        Self { written: segments.iter().map(escaped).collect::<Vec<_>>().join("."), segments }
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
    fn a_path_is_joined_in_every_way_that_its_dots_allow() {
        let joined = |written: &str| -> Vec<String> {
            FieldPath::parse(written).unwrap().joined().iter().map(ToString::to_string).collect()
        };
        assert_eq!(joined("a.b"), [r"a\.b"]);
        assert_eq!(joined(r"a.b.c\\"), [r"a\.b.c\\", r"a.b\.c\\", r"a\.b\.c\\"]);
        assert!(
            joined("a").is_empty() && joined("/a/b").is_empty() && joined("1.2.3.4.5.6.7.8.9").is_empty()
        );
        for path in FieldPath::parse("a.b.c").unwrap().joined() {
            assert_eq!(FieldPath::parse(&path.to_string()), Ok(path));
        }
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
