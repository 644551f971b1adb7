//! The hostile volume suite: siblings that attack a volume while kz exports into it.
//!
//! Every attack of `attack::ATTACKS` is made before an export and at the system calls of an export, for
//! every identity of kz and with `fs.protected_symlinks` 0 and 1. Between two of its calls kz changes
//! nothing, so that stopping it at each shows everything that it passes through: a foreign uid looks at
//! every one of these states, and links and holds what it can. Then the same attacks run freely.
//!
//! Invariants that every run is judged by (`judge`): nothing outside the target is made, changed or
//! removed; no value can be read by another uid at any instant; kz ends by itself, with 0 and the right
//! output or with 4, one error and the old output.
//!
//! It changes sysctls of the machine, and so runs alone, as root, and never skips. It takes names of
//! attacks as arguments; `KZ_HOSTILE_ROUNDS` (1 to 16) multiplies the points that each is made at.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests write files, read the environment, print a table and may fail; nobody imports them"
)]

/// What the attackers do.
mod attack;
/// Who kz is.
mod identity;
/// Whether a run kept the promises.
mod judge;
/// The volume, and what lies outside of it.
mod scene;
/// The processes that attack and watch.
mod sibling;
/// kz, stopped at its system calls.
mod step;
/// All runs, and their table.
mod suite;
/// The machine's settings, changed and restored.
mod sysctl;
/// The foreign uid that tries to read.
mod watch;

use std::process::{Command, ExitCode};

/// Set in the mount namespace that the suite lives in.
const NAMESPACE: &str = "KZ_HOSTILE_NAMESPACE";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first().map(|(role, rest)| (role.as_str(), rest)) {
        Some((step::LAUNCH, rest)) => step::launch(rest),
        Some((sibling::ROLE, rest)) => sibling::serve(rest),
        Some((sysctl::GUARD, _)) => sysctl::guard(),
        _ if std::env::var_os(NAMESPACE).is_some() => suite::run(&words),
        _ => in_namespace(&words),
    }
}

/// The suite again, where what it mounts vanishes with it.
fn in_namespace(words: &[String]) -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("the hostile suite needs root: it changes uids and sysctls");
        return ExitCode::FAILURE;
    }
    let mut again = Command::new("unshare");
    again.args(["--mount", "--propagation", "private", "--"]).arg(std::env::current_exe().unwrap());
    let status = again.args(words).env(NAMESPACE, "1").status().expect("`unshare` of util-linux");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
