//! Reads `KEY=value` files of the `common` dialect, which `env` writes.
//!
//! Invariant: what is read is read alike by every parser that knows quotes (docs/decisions/output.md). Accepted
//! are that dialect and what a person writes beside it (comments, `export`); what parsers read differently is refused.

use std::collections::BTreeSet;

use crate::secret::Secret;

use super::env::common::{fits_double_quotes, fits_single_quotes, is_refused, stands_bare};
use super::env::name::is_posix;

/// A line that parsers would read differently, or none would read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct DecodeError {
    /// From 1.
    pub line: usize,
    /// The rule that it breaks.
    pub reason: &'static str,
}

/// Every such line of a file, in its order; one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeErrors(pub Vec<DecodeError>);

/// So many lines are told of a file that is perhaps another language altogether.
const MOST: usize = 5;

impl std::fmt::Display for DecodeErrors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(errors) = self;
        let told: Vec<String> = errors.iter().take(MOST).map(DecodeError::to_string).collect();
        formatter.write_str(&told.join("; "))?;
        match errors.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

impl From<DecodeError> for DecodeErrors {
    fn from(error: DecodeError) -> Self {
        Self(vec![error])
    }
}

/// The keys and values of a file, in its order, or everything that is wrong with it.
pub fn decode(content: &Secret) -> Result<Vec<(String, Secret)>, DecodeErrors> {
    let Some(text) = content.expose_text() else {
        return Err(DecodeError { line: 1, reason: "the file is not UTF-8" }.into());
    };
    let mut entries: Vec<(String, Secret)> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut errors, mut counted) = (Vec::new(), Counted { text, at: 0, line: 1 });
    while !rest.is_empty() {
        let here = rest;
        let mut fail = |reason| {
            errors.push(DecodeError { line: counted.line(text.len() - here.len()), reason });
        };
        let end = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let first = without_end(&rest[..end]).trim_matches(BLANKS);
        if first.is_empty() || first.starts_with('#') {
            if first.contains('\r') {
                fail("a carriage return inside the line, which to some parsers ends it");
            }
            rest = &rest[end..];
            continue;
        }
        match assignment(rest) {
            Ok((key, value, after)) => {
                if !seen.insert(key) {
                    fail("this key stands above already: parsers differ in which one counts");
                }
                entries.push((key.to_owned(), Secret::new(value.as_bytes().to_vec())));
                rest = after;
            }
            Err(reason) => {
                fail(reason);
                // Where such a value was to end, nobody knows: what follows may be lines of it.
                rest = if reason == OPEN { "" } else { &rest[end..] };
            }
        }
    }
    if errors.is_empty() { Ok(entries) } else { Err(DecodeErrors(errors)) }
}

/// Lines are counted when there is something to say of one, not for each, and none twice.
struct Counted<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Counted<'_> {
    /// The line of a byte that is not before the last one asked for.
    fn line(&mut self, byte: usize) -> usize {
        self.line += self.text[self.at..byte].matches('\n').count();
        self.at = byte;
        self.line
    }
}

const OPEN: &str = "the quote is not closed";

/// What separates words: to shells no other white space does.
const BLANKS: [char; 2] = [' ', '\t'];

/// A line without its LF or CRLF.
fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Key, value and what follows the line.
fn assignment(text: &str) -> Result<(&str, &str, &str), &'static str> {
    let text = text.trim_start_matches(BLANKS);
    let text = text.strip_prefix("export ").map_or(text, |rest| rest.trim_start_matches(BLANKS));
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    let Some((key, _)) = line.split_once('=') else { return Err("it has no `=`") };
    if !is_posix(key) {
        return Err("what stands before `=` is not a name of letters, digits and `_`");
    }
    let value = &text[key.len() + 1..];
    match value.chars().next() {
        Some('\'') => quoted(key, &value[1..], '\'', fits_single_quotes),
        Some('"') => quoted(key, &value[1..], '"', fits_double_quotes),
        _ => bare(key, value),
    }
}

fn quoted<'a>(
    key: &'a str,
    text: &'a str,
    quote: char,
    fits: fn(&str) -> bool,
) -> Result<(&'a str, &'a str, &'a str), &'static str> {
    let Some(end) = text.find(quote) else { return Err(OPEN) };
    let (value, after) = (&text[..end], &text[end + 1..]);
    if !fits(value) || value.chars().any(is_refused) {
        return Err("the quoted value has characters that parsers read differently");
    }
    let end = after.find('\n').map_or(after.len(), |newline| newline + 1);
    if without_end(&after[..end]).trim_matches(BLANKS).is_empty() {
        Ok((key, value, &after[end..]))
    } else {
        Err("something follows the closing quote")
    }
}

fn bare<'a>(key: &'a str, text: &'a str) -> Result<(&'a str, &'a str, &'a str), &'static str> {
    let end = text.find('\n').map_or(text.len(), |newline| newline + 1);
    let value = without_end(&text[..end]).trim_end_matches(BLANKS);
    if value.chars().all(stands_bare) {
        Ok((key, value, &text[end..]))
    } else {
        Err("the value has characters that parsers read differently unless it is quoted, as in KEY='value'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Item;
    use crate::output::env::{Dialect, encode};

    fn encoded(value: &[u8]) -> Result<String, String> {
        let item = Item { name: "K".to_owned(), value: Secret::new(value.to_vec()) };
        match encode(&[item], Dialect::Common) {
            Ok(text) => Ok(text.expose_text().unwrap().to_owned()),
            Err(refusals) => Err(refusals[0].reason.clone()),
        }
    }

    #[test]
    fn a_value_gets_the_least_quotes_that_carry_it() {
        for (value, line) in [
            ("", "K=\n"),
            ("plain-1.2/3:x=y", "K=plain-1.2/3:x=y\n"),
            ("é", "K=é\n"),
            ("a b", "K='a b'\n"),
            ("$2a$10$x", "K='$2a$10$x'\n"),
            ("~/x", "K='~/x'\n"),
            ("a\nEVIL=1", "K='a\nEVIL=1'\n"),
            ("it's", "K=\"it's\"\n"),
            ("#x", "K='#x'\n"),
            ("a\u{a0}", "K='a\u{a0}'\n"),
            ("a\\n", "K='a\\n'\n"),
        ] {
            assert_eq!(encoded(value.as_bytes()).as_deref(), Ok(line), "{value:?}");
        }
    }

    #[test]
    fn what_has_no_common_form_is_refused() {
        for value in
            ["it's $5", "'\"", "a\r\nb", "${HOME}", "a\\\\b", "a\\", "x\0", "\u{1b}", "'; touch x #\\"]
        {
            assert!(encoded(value.as_bytes()).is_err(), "{value:?}");
        }
        assert!(encoded(b"\xff").is_err());
        let item = Item { name: "a-b".to_owned(), value: Secret::new(vec![]) };
        assert_eq!(encode(&[item], Dialect::Common).unwrap_err()[0].name, "a-b");
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let values = ["", "a b", "it's", "l1\nl2\n", "x#y", "tab\there", "é ü", "`id`", "a=b", "'only"];
        let items: Vec<Item> = values
            .iter()
            .enumerate()
            .map(|(n, value)| Item { name: format!("K{n}"), value: Secret::new(value.as_bytes().to_vec()) })
            .collect();
        let decoded = decode(&encode(&items, Dialect::Common).unwrap()).unwrap();
        for (item, (name, value)) in items.iter().zip(decoded) {
            assert_eq!((&item.name, &item.value), (&name, &value));
        }
    }

    #[test]
    fn files_written_by_hand_are_read_or_refused_by_line() {
        let text = "# comment\r\n\nexport A=1\r\n  B = 2\n";
        assert_eq!(decode(&Secret::new(text.into())).unwrap_err().0[0].line, 4);
        for (text, line) in [
            ("A=a b\n", 1),
            ("A=1\nB=$x\n", 2),
            ("A='x\n", 1),
            ("A='x'y\n", 1),
            ("A=1\nA=2\n", 2),
            ("x\n", 1),
        ] {
            assert_eq!(decode(&Secret::new(text.into())).unwrap_err().0[0].line, line, "{text:?}");
        }
        let fine = decode(&Secret::new("A='1\n2' \r\nB=x".into())).unwrap();
        assert_eq!(fine[0].1.expose(), b"1\n2");
        assert_eq!(fine[1].1.expose(), b"x");
    }

    #[test]
    fn what_no_environment_or_encoder_takes_is_not_decoded() {
        for text in ["A='\0'\n", "A=\"x\x1b\"\n", "A='\u{85}'\n"] {
            assert_eq!(decode(&Secret::new(text.into())).unwrap_err().0[0].line, 1, "{text:?}");
        }
    }

    #[test]
    fn white_space_that_shells_take_for_text_is_refused() {
        // To a shell the first is the value "x\u{a0}"; to python-dotenv a lone CR ends the comment.
        for text in ["A='x'\u{a0}\n", "A='x'\x0c\n", "\u{a0}\nA=x\n", "A=x\r\r\n", "# a\rA=1\n"] {
            assert_eq!(decode(&Secret::new(text.into())).unwrap_err().0[0].line, 1, "{text:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let told = |text: &str| decode(&Secret::new(text.into())).unwrap_err().to_string();
        assert_eq!(
            told("A=1\nbad line\n# c\n\nA=2\nB=2 3\n1=x\nC=1"),
            "line 2: it has no `=`; line 5: this key stands above already: parsers differ in which one counts; \
             line 6: the value has characters that parsers read differently unless it is quoted, as in KEY='value'; \
             line 7: what stands before `=` is not a name of letters, digits and `_`"
        );
        // What follows an open quote may be the value.
        assert_eq!(told("A\nB='x\nC\nD E\n"), "line 1: it has no `=`; line 2: the quote is not closed");
        assert_eq!(
            told("a\nb\nc\nd\ne\nf\ng\n").split("; ").skip(4).collect::<Vec<_>>(),
            ["line 5: it has no `=`", "and 2 more"]
        );
    }
}
