//! `fs.protected_symlinks` and `fs.protected_hardlinks`: set, and restored however the suite ends.
//!
//! The values that were there are written down before anything is changed, in /run, which is emptied
//! when the kernel's settings are, too. A guard process restores them when its pipe closes: at the end,
//! after a panic, after SIGKILL. Should it be killed as well, the next run finds the record and takes
//! that for the truth.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

/// The guard's role.
pub const GUARD: &str = "--guard";

/// Where the suite keeps things.
pub const DIRECTORY: &str = "/run/kz-hostile";
const RECORD: &str = "/run/kz-hostile/sysctls";

const SYMLINKS: &str = "/proc/sys/fs/protected_symlinks";
/// Off all the while: the attackers may link what is not theirs.
const HARDLINKS: &str = "/proc/sys/fs/protected_hardlinks";

/// Changed settings. Dropped, they are what they were.
pub struct Settings {
    guard: Child,
    before: String,
}

fn current() -> String {
    let read = |path: &str| format!("{path} {}\n", std::fs::read_to_string(path).unwrap().trim());
    [SYMLINKS, HARDLINKS].map(read).concat()
}

fn restore(record: &str) {
    for line in record.lines() {
        let (path, value) = line.split_once(' ').expect("what `current` made");
        std::fs::write(path, value).unwrap();
    }
}

impl Settings {
    /// Writes down what is there, starts the guard, and lets hard links be made.
    pub fn take() -> Self {
        if let Ok(record) = std::fs::read_to_string(RECORD) {
            eprintln!(
                "an earlier run was killed with its guard: restoring {}",
                record.trim().replace('\n', ", ")
            );
            restore(&record);
        }
        let before = current();
        let half = Path::new(RECORD).with_extension("half");
        std::fs::write(&half, &before).unwrap();
        std::fs::rename(&half, RECORD).unwrap();
        let mut guard = Command::new(std::env::current_exe().unwrap());
        let guard = guard.arg(GUARD).stdin(Stdio::piped()).spawn().expect("the guard starts");
        std::fs::write(HARDLINKS, "0").unwrap();
        Self { guard, before }
    }

    /// Of `fs.protected_symlinks`.
    pub fn protect_symlinks(&self, value: u8) {
        std::fs::write(SYMLINKS, value.to_string()).unwrap();
        assert!(current().starts_with(&format!("{SYMLINKS} {value}\n")), "the kernel took another value");
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let ended = self.guard.wait();
        if current() != self.before || Path::new(RECORD).exists() {
            eprintln!("the sysctls were not restored ({ended:?}): {}, now {}", self.before, current());
        }
    }
}

/// Waits until the suite is gone. In a session of its own, so that no terminal ends it too.
pub fn guard() -> ExitCode {
    let _ = nix::unistd::setsid();
    let mut nothing = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut nothing);
    restore(&std::fs::read_to_string(RECORD).unwrap());
    std::fs::remove_file(RECORD).unwrap();
    ExitCode::SUCCESS
}
