//! The broken files of `tests/doctor/`, and what it takes to follow the advice of `kz doctor` as a person does: a tree that
//! can be edited (`tree`), the edits (`edits`, and of what is said by its words `lines`), and a directory with what lies beside the file (`stack`).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test binary uses its part, and a test may fail"
)]

pub mod edits;
pub mod lines;
pub mod stack;
pub mod tree;

use std::path::PathBuf;

use crate::support::in_repository;

/// The YAML files of a directory and, if asked for, of those below it.
pub fn files(directory: &str, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(in_repository(directory)).expect(directory).flatten() {
        let path = entry.path();
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below it").display().to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => found.push(path),
            _ if depth > 0 && path.is_dir() => found.extend(files(&name, depth - 1)),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Line and code of each mark.
pub fn marks(text: &str) -> Vec<(u64, String)> {
    let of = |line: &str| line.split_once("   # D").map(|(_, digits)| format!("D{}", digits.trim()));
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, of(line)?))).collect()
}
