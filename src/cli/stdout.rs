//! The one way to stdout for what commands were asked to print.

use std::io::{IsTerminal as _, Write as _};

use super::report::Failure;

/// Writes all of it.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::Stdout)
}

/// Whether a person would see it.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
