//! Percent-encoding, for values in queries and forms.

use std::fmt::Write as _;

/// A value with everything escaped that is not unreserved (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
