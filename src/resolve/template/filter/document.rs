//! Filters for documents with a string of their own: JSON, TOML, YAML, XML.
//!
//! What is not plain ASCII is escaped where the format has an escape for it: readers then agree whatever they
//! take for a line break or a printable character, and whatever encoding the document declares.

use std::fmt::Write as _;

/// RFC 8259 §7, quotes included.
pub(super) fn json(text: &str) -> Result<String, &'static str> {
    serde_json::to_string(text).map_err(|_| "something that is no text")
}

/// TOML 1.0, a basic string.
pub(super) fn toml(text: &str) -> String {
    quoted(text, |encoded, c| match c {
        '\u{8}' => encoded.push_str("\\b"),
        '\t' => encoded.push_str("\\t"),
        '\n' => encoded.push_str("\\n"),
        '\u{c}' => encoded.push_str("\\f"),
        '\r' => encoded.push_str("\\r"),
        other => push_escape(encoded, other, None),
    })
}

/// YAML 1.1 §5.6 and 1.2 §5.7, a double-quoted scalar: quotes keep `null` and `1e3` a string.
pub(super) fn yaml(text: &str) -> String {
    quoted(text, |encoded, c| match c {
        '\t' => encoded.push_str("\\t"),
        '\n' => encoded.push_str("\\n"),
        '\r' => encoded.push_str("\\r"),
        other => push_escape(encoded, other, Some('x')),
    })
}

/// XML 1.0 §2.2: characters that it has, those with a meaning as references. White space too, since attributes
/// (§3.3.3) and line ends (§2.11) are normalised.
pub(super) fn xml(text: &str) -> Result<String, &'static str> {
    let mut encoded = String::new();
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | '&' | '<' | '>' | '"' | '\'' => push_reference(&mut encoded, c),
            ' '..='~' => encoded.push(c),
            '\0'..='\u{1f}' => return Err("a control character"),
            '\u{fffe}' | '\u{ffff}' => return Err("a character that is none (U+FFFE or U+FFFF)"),
            _ => push_reference(&mut encoded, c),
        }
    }
    Ok(encoded)
}

fn push_reference(encoded: &mut String, c: char) {
    let _ = write!(encoded, "&#{};", u32::from(c));
}

/// Between `"`, with `\` before `"` and `\`; what is not printable ASCII goes through `escape`.
fn quoted(text: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut encoded = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => encoded.extend(['\\', c]),
            ' '..='~' => encoded.push(c),
            other => escape(&mut encoded, other),
        }
    }
    encoded.push('"');
    encoded
}

/// `\xHH` where there is that, `\uHHHH`, `\UHHHHHHHH`.
fn push_escape(encoded: &mut String, c: char, short: Option<char>) {
    let number = u32::from(c);
    let _ = match short {
        Some(letter) if number < 0x100 => write!(encoded, "\\{letter}{number:02X}"),
        _ if number < 0x1_0000 => write!(encoded, "\\u{number:04X}"),
        _ => write!(encoded, "\\U{number:08X}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_escaped() {
        let value = "a\"\\\n\u{7f}é\u{2028}𝄞";
        assert_eq!(toml(value), r#""a\"\\\n\u007F\u00E9\u2028\U0001D11E""#);
        assert_eq!(yaml(value), r#""a\"\\\n\x7F\xE9\u2028\U0001D11E""#);
        assert_eq!(xml(value).unwrap(), r"a&#34;\&#10;&#127;&#233;&#8232;&#119070;");
        assert_eq!(json(value).unwrap(), "\"a\\\"\\\\\\n\u{7f}é\u{2028}𝄞\"");
    }

    #[test]
    fn xml_refuses_what_it_does_not_have() {
        for text in ["\0", "\u{1b}[0m", "\u{b}", "\u{fffe}", "a\u{ffff}"] {
            assert!(xml(text).is_err(), "{text:?}");
        }
        assert_eq!(xml("\t"), Ok("&#9;".to_owned()));
    }
}
