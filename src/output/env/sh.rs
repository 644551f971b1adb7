//! The `sh` dialect: what a POSIX shell reads when it sources the file (`set -a; . FILE`). Carries any bytes but NUL.
//!
//! In single quotes nothing has a meaning to a shell but the quote that ends them (XCU 2.2.2).

use super::{Reason, without_nul};

/// The value, quoted unless it means itself.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    without_nul(value)?;
    let stands_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"!%*+,-./:=?@[]^_{}".contains(byte);
    if value.iter().all(stands_bare) {
        to.extend_from_slice(value);
    } else {
        quote(value, to);
    }
    Ok(())
}

/// The value in single quotes, and each quote of its own outside of them.
pub(in crate::output) fn quote(value: &[u8], to: &mut Vec<u8>) {
    to.push(b'\'');
    for &byte in value {
        if byte == b'\'' {
            to.extend_from_slice(b"'\\''");
        } else {
            to.push(byte);
        }
    }
    to.push(b'\'');
}
