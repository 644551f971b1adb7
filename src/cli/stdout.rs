//! The one way to stdout for what commands were asked to print.

use std::io::Write as _;

use super::report::Failure;

/// Writes all of it.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::Stdout)
}
