//! The `docker` dialect: what `docker run --env-file`, podman and `kubectl create secret --from-env-file` read.
//!
//! A line is a value as it stands: these readers know no quotes and no escapes. So whatever a line can hold is carried,
//! and nothing else. docker may strip quotes one day (it has open changes that do), so a value that looks quoted is
//! refused now.

use super::{Reason, text};

/// The longest line that these readers take, in bytes, without its end: Go's scanner stops at 64 KiB.
pub(super) const LINE_LIMIT: usize = 65_535;

/// The value as it is.
pub(super) fn write(value: &[u8], to: &mut Vec<u8>) -> Result<(), Reason> {
    let text = text(value)?;
    if text.contains('\n') {
        return Err("its value has a line break, which this dialect cannot hold");
    }
    if text.ends_with('\r') {
        return Err("its value ends in a carriage return, which readers take for a part of the line's end");
    }
    if ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote)) {
        return Err("its value begins and ends with the same quote, which a reader might strip");
    }
    to.extend_from_slice(value);
    Ok(())
}
