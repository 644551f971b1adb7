//! Line breaks at a value's end, which editors and `echo` leave and no password means.
//!
//! A line break is LF or CRLF, and all of them at the end go; other white space and a lone CR stay. Nothing is taken
//! off unasked: a value is exact.

/// The value without them.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let mut rest = value;
    while let Some(shorter) = rest.strip_suffix(b"\n") {
        rest = shorter.strip_suffix(b"\r").unwrap_or(shorter);
    }
    rest
}

/// Whether it is one line together with its break. Text of several lines (PEM) ends in one by its form.
pub(super) fn is_line(value: &[u8]) -> bool {
    let rest = trimmed(value);
    rest.len() < value.len() && !rest.contains(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_breaks_at_the_end_go_and_nothing_else() {
        for (value, rest) in [
            ("pw\n", "pw"),
            ("pw\r\n", "pw"),
            ("pw\n\r\n\n", "pw"),
            ("\n", ""),
            ("", ""),
            ("pw\r", "pw\r"),
            ("pw\r\r\n", "pw\r"),
            (" pw \n", " pw "),
            ("\npw", "\npw"),
            ("a\nb\n", "a\nb"),
        ] {
            assert_eq!(trimmed(value.as_bytes()), rest.as_bytes(), "{value:?}");
        }
        assert_eq!(trimmed(b"\xff\r\n"), b"\xff");
    }

    #[test]
    fn one_line_is_told_from_text() {
        for (value, expected) in
            [("pw\n", true), ("pw\r\n", true), ("\n", true), ("pw", false), ("", false), ("a\nb\n", false)]
        {
            assert_eq!(is_line(value.as_bytes()), expected, "{value:?}");
        }
    }
}
