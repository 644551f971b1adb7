//! `make dialects`: what `kz export` writes for programs that read `KEY=value` lines is read by those programs.
//!
//! Values by hand (`values`) and generated ones, in every form (`form`), go through every real reader that the form is
//! for (`shells`, `libraries`, `engines`, `compose`, `systemd`); what is read back is compared byte for byte, or kz has
//! refused to write it. Invariants: mismatches 0, executions 0, and a wrong writer is caught for every reader. A reader that
//! is missing fails. `VALUES` is how many are generated, and `SEED` makes others.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "tests write files, read the environment, print a table and may fail; nobody imports them"
)]

/// Compose, old and new.
mod compose;
/// What Compose v2 answered, as a parser.
mod compose_v2;
/// docker, podman, kubectl.
mod engines;
/// What is written.
mod form;
/// What came back.
mod judge;
/// Node, Python, Rust.
mod libraries;
/// Names that shells have by themselves.
mod names;
/// What reads.
mod reader;
/// Shells.
mod shells;
/// Everything together, and the table.
mod suite;
/// systemd.
mod systemd;
/// What is tried.
mod values;

fn main() -> std::process::ExitCode {
    suite::run()
}
