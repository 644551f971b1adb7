//! The `systemd` dialect: `EnvironmentFile=` (systemd.exec(5)). Carries any text without noncharacters.
//!
//! In double quotes a backslash gives four characters their own meaning and is itself before any other.

use super::common::stands_bare;
use super::{Reason, is_noncharacter, quote, text};

/// The value, quoted unless it means itself.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    let text = text(value)?;
    if text.chars().any(is_noncharacter) {
        return Err("its value has a noncharacter of Unicode, for which systemd drops the variable");
    }
    if text.chars().all(stands_bare) {
        to.extend_from_slice(value);
    } else {
        quote(value, b'"', b"\"\\`$", to);
    }
    Ok(())
}
