//! Filters that carry bytes through any text, and the one that changes nothing.

use base64::Engine as _;

use crate::percent;

/// Percent-encoding, so that a value can stand in any part of a URL.
pub(super) fn url(bytes: &[u8]) -> String {
    percent::encoded(bytes)
}

/// RFC 4648 §4, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The value as it is.
pub(super) fn raw(text: &str) -> String {
    text.to_owned()
}

/// Two digits.
pub(super) fn push_hex(encoded: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_unreserved_or_two_digits() {
        assert_eq!(url(b"a/b@c:\xc3\xa9 ~\n"), "a%2Fb%40c%3A%C3%A9%20~%0A");
        assert_eq!(url(b"\xff"), "%FF");
        assert_eq!(base64(b"\xff\x00"), "/wA=");
    }
}
