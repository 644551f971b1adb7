//! Filters for files of lines: a word, a field or the rest of one line.

use super::encoding::push_hex;

const BREAK: &str = "a line break";
const NUL: &str = "a NUL byte";

/// POSIX, Shell Command Language §2.2.2: nothing has a meaning between single quotes but `'` itself.
pub(super) fn shell(text: &str) -> Result<String, &'static str> {
    if text.contains('\0') {
        return Err(NUL);
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The manual of `PostgreSQL`, "The Password File": `\` before `:` and `\`. It also keeps a field of one `*` from
/// meaning any, and a line that begins with `#` from being a comment. libpq takes an empty password for none, and
/// carriage returns off the end of a line.
pub(super) fn pgpass(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("nothing in it");
    }
    let mut encoded = String::new();
    for c in text.chars() {
        match c {
            '\n' => return Err(BREAK),
            '\r' => return Err("a carriage return"),
            '\0' => return Err(NUL),
            ':' | '\\' | '*' | '#' => encoded.extend(['\\', c]),
            other => encoded.push(other),
        }
    }
    Ok(encoded)
}

/// Python's `configparser`, which strips values (what `str.isspace` takes for white space) and has no escape.
pub(super) fn ini(text: &str) -> Result<String, &'static str> {
    let is_white = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    if text.contains(['\n', '\r']) {
        return Err(BREAK);
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("a control character");
    }
    if text.starts_with(is_white) || text.ends_with(is_white) {
        return Err("white space at its start or end");
    }
    Ok(text.to_owned())
}

/// Redis's `sdssplitargs`: a double-quoted argument knows `\xHH`.
pub(super) fn redis(bytes: &[u8]) -> Result<String, &'static str> {
    let mut encoded = String::from('"');
    for &byte in bytes {
        match byte {
            0 => return Err(NUL),
            b'"' | b'\\' => encoded.extend(['\\', char::from(byte)]),
            b' '..=b'~' => encoded.push(char::from(byte)),
            other => {
                encoded.push_str("\\x");
                push_hex(&mut encoded, other);
            }
        }
    }
    encoded.push('"');
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_one_word_of_its_line() {
        assert_eq!(shell("it's $5"), Ok(r"'it'\''s $5'".to_owned()));
        assert_eq!(pgpass(r"a:b\c"), Ok(r"a\:b\\c".to_owned()));
        assert_eq!(pgpass("*"), Ok(r"\*".to_owned()));
        assert_eq!(ini("a = b ; c"), Ok("a = b ; c".to_owned()));
        assert_eq!(redis(b"a\"\\ \n\xff"), Ok(r#""a\"\\ \x0A\xFF""#.to_owned()));
    }

    #[test]
    fn what_a_line_cannot_carry_is_refused() {
        assert_eq!(shell("a\0b"), Err(NUL));
        for text in ["", "a\nb", "a\r", "\0"] {
            assert!(pgpass(text).is_err(), "{text:?}");
        }
        for text in ["a\nb", "a\rb", " a", "a\u{a0}", "\u{1b}", "a\u{85}b"] {
            assert!(ini(text).is_err(), "{text:?}");
        }
        assert_eq!(redis(b"\0"), Err(NUL));
    }
}
