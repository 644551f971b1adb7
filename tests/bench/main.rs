//! What reading from backends costs over a network with a round-trip time: `make bench` runs this with the release
//! binary (`KZ_BINARY`). Prints figures beside the budgets of design.md §6 and never fails on them, since they
//! vary with the machine; `tests/it/*_counts.rs` hold the counts. No test: nothing here asserts a time.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of measurements"
)]

#[path = "../aws_fake/mod.rs"]
#[allow(unused_imports, reason = "a part of the fake is enough here")]
mod aws;
#[path = "../vault_fake/mod.rs"]
mod fake;
#[path = "../fake_server/mod.rs"]
mod fake_server;
#[path = "../it/support.rs"]
mod support;

mod scene;
mod secrets;
mod vault;

fn main() {
    vault::measure();
    secrets::measure();
}
