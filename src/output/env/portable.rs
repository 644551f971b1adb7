//! The `portable` dialect: what all fourteen parsers read alike, those that know quotes and those that do not.
//!
//! Only values that stand bare. It is for files whose reader is not known.

use super::common::stands_bare;
use super::{Reason, text};

/// The value as it is.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    if !text(value)?.chars().all(stands_bare) {
        return Err(
            "its value has more than letters, digits and `!%*+,-./:=?@[]^_{}`, which parsers read differently",
        );
    }
    to.extend_from_slice(value);
    Ok(())
}
