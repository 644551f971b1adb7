//! The `compose` dialect: `env_file` of Compose v2, which carries any text.
//!
//! Where one form is read alike by Compose v1 (which has python-dotenv in it), that one is taken: without `$`, and
//! without a backslash at the end, everything has one; with `$`, what single quotes hold. The rest is for Compose v2 alone,
//! which understands `\$`. A shell must not source such a file: in `'\'; touch pwned #'` the quotes end elsewhere for it,
//! and it runs the rest.

use super::common::{fits_single_quotes, stands_bare};
use super::{Reason, quote, text};

/// The value, quoted and escaped.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    let text = text(value)?;
    if text.chars().all(stands_bare) {
        to.extend_from_slice(value);
    } else if fits_single_quotes(text) || fits_escaped_single_quotes(text) && text.contains('$') {
        quote(value, b'\'', b"'", to);
    } else {
        double(value, to);
    }
    Ok(())
}

/// In single quotes v1 takes `\\` for one backslash and v2 for two, and after one `'` does not end the value.
fn fits_escaped_single_quotes(text: &str) -> bool {
    !text.contains('\r')
        && !["${", "\\\\", "\\'"].iter().any(|pair| text.contains(pair))
        && !text.ends_with('\\')
}

/// v1 reads through Python, to which a carriage return is a line end unless it is escaped.
fn double(value: &[u8], to: &mut Vec<u8>) {
    to.push(b'"');
    for &byte in value {
        match byte {
            b'\r' => to.extend_from_slice(b"\\r"),
            b'\\' | b'"' | b'$' => to.extend_from_slice(&[b'\\', byte]),
            _ => to.push(byte),
        }
    }
    to.push(b'"');
}
