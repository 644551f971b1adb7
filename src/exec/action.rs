//! A program that is run because secrets have changed: without a shell, with an environment of its own, and in a time.
//!
//! Invariants: it learns names and never a value; it is in a process group that ends with it and with kz, so that nothing of it stays;
//! what it prints goes to stderr, since stdout is for data.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;

use crate::signals::{Group, guarded};

/// What it learns of kz's own environment.
const KEPT: [&str; 4] = ["PATH", "HOME", "TZ", "LANG"];

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It says that it succeeded.
    Done,
    /// It ended with this code.
    Failed(i32),
    /// A signal has ended it.
    Killed,
    /// It did not end in its time.
    Hangs,
    /// It did not start.
    NotStarted(Errno),
}

/// A program that runs.
pub struct Action {
    child: tokio::process::Child,
    group: Option<Group>,
    limit: Duration,
}

impl Action {
    /// Starts a program with these variables beside the few that it keeps of `inherited`. It takes an event loop.
    pub fn start(
        words: &[OsString],
        variables: &[(&str, &OsStr)],
        inherited: &[(OsString, OsString)],
        limit: Duration,
    ) -> Result<Self, Errno> {
        let (program, arguments) = words.split_first().ok_or(Errno::ENOENT)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables.iter().copied());
        command.envs(inherited.iter().filter(|(name, _)| KEPT.iter().any(|kept| name == *kept)).cloned());
        command.stdin(Stdio::null()).stdout(stderr());
        guarded(&mut command);
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        let child = command.spawn().map_err(errno)?;
        let group = child.id().map(Group::of);
        Ok(Self { child, group, limit })
    }

    /// Its number, as long as it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end.
    pub async fn end(mut self) -> Ended {
        let ended = tokio::time::timeout(self.limit, self.child.wait()).await;
        // Whatever it has left behind ends with it.
        drop(self.group.take());
        match ended {
            Err(_) => Ended::Hangs,
            Ok(Ok(status)) if status.success() => Ended::Done,
            // A shell, and kz's own guard, say 128 and more of what a signal has ended.
            Ok(Ok(status)) => status.code().map_or(Ended::Killed, Ended::Failed),
            Ok(Err(_)) => Ended::Killed,
        }
    }
}

/// kz's own stderr, for another to write to.
fn stderr() -> Stdio {
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    stderr.map_or_else(|_| Stdio::null(), |descriptor: OwnedFd| Stdio::from(descriptor))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn run(script: &str, limit: Duration) -> Ended {
        let words = ["sh", "-c", script].map(OsString::from);
        let inherited = [("PATH", "/usr/bin:/bin"), ("VAULT_TOKEN", "t")].map(|(a, b)| (a.into(), b.into()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let variables = [("KZ_CHANGED", OsStr::new("A,B"))];
            match Action::start(&words, &variables, &inherited, limit) {
                Ok(action) => action.end().await,
                Err(errno) => Ended::NotStarted(errno),
            }
        })
    }

    #[test]
    fn it_has_the_names_that_changed_and_nothing_else_of_kz() {
        let minute = Duration::from_mins(1);
        assert_eq!(run("test \"$KZ_CHANGED\" = A,B && test -z \"$VAULT_TOKEN\"", minute), Ended::Done);
        assert_eq!(run("exit 3", minute), Ended::Failed(3));
    }

    #[test]
    fn one_that_hangs_is_ended_with_all_that_it_has_started() {
        let (begun, marker) = (Instant::now(), tempfile::NamedTempFile::new().unwrap());
        let script = format!("(sleep 2; rm {}) & sleep 600", marker.path().display());
        assert_eq!(run(&script, Duration::from_millis(300)), Ended::Hangs);
        while begun.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(marker.path().exists(), "what it started went on");
    }
}
