//! The one way to stdout for what commands were asked to print.

use std::io::IsTerminal as _;

use nix::errno::Errno;

use super::failure::Failure;
use crate::exec::inherited;
use crate::waiting;

/// Writes all of it. That there is no stdout is an error: what is said to be printed was asked for.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    if inherited::stdout_is_closed() {
        return Err(Failure::Stdout(Errno::EBADF.into()));
    }
    waiting::write_all(std::io::stdout(), bytes).map_err(Failure::Stdout)
}

/// Whether a person would see it.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
