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
mod long;
mod scene;
mod secrets;
mod tls;
mod vault;
mod waiting;

/// Measures all, or the one part that is named: `cargo test --test bench -- waiting`.
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((long::ASKER, told)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return long::ask(told);
    }
    let only = words.first();
    let parts: [(&str, fn()); 6] = [
        ("chains", chains::measure),
        ("vault", vault::measure),
        ("secrets", secrets::measure),
        ("tls", tls::measure),
        ("waiting", waiting::measure),
        ("long", long::measure),
    ];
    for (name, measure) in parts {
        if only.is_none_or(|only| only == name) {
            measure();
        }
    }
}
