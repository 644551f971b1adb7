//! What reading from backends costs over a network with a round-trip time, and while they are away, and what templates
//! cost: `make bench` runs this with the release binary (`KZ_BINARY`). Prints figures beside the budgets of
//! docs/decisions/build-and-image.md and never fails on them, since they vary with the machine; `tests/it/*/counts.rs` hold the counts. No test: nothing here asserts a time.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of measurements"
)]

#[path = "../it/support.rs"]
mod support;

mod chains;
mod scene;
mod secrets;
mod tls;
mod vault;
mod waiting;

/// Measures all, or the one part that is named: `cargo test --test bench -- waiting`.
fn main() {
    let only = std::env::args().nth(1);
    let parts: [(&str, fn()); 5] = [
        ("chains", chains::measure),
        ("vault", vault::measure),
        ("secrets", secrets::measure),
        ("tls", tls::measure),
        ("waiting", waiting::measure),
    ];
    for (name, measure) in parts {
        if only.as_ref().is_none_or(|only| only == name) {
            measure();
        }
    }
}
