//! Runs a program for what it prints: the one way in which providers do.
//!
//! Invariants: it has a time and a most of output, of which nothing more is kept; it is in a process group of its own,
//! which ends as a whole: when the program ends, however that is, when it is given up, and when kz ends, however that is
//! (`signals`); what it prints, also of complaints, is a secret.

use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use nix::errno::Errno;

use crate::hint::{Hint, Starting};
use crate::secret::Secret;
use crate::signals::{Group, guarded};

/// The most that is kept of what a program complains of, in bytes.
const COMPLAINT: u64 = 64 << 10;
/// How long a pipe may stay open when the group that wrote to it has ended: who left the group may hold it.
const LEFT_OPEN: Duration = Duration::from_millis(500);

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most that it may print, in bytes.
    pub(super) output: u64,
    /// How long it may run.
    pub(super) time: Duration,
}

/// What a program did that ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Whether it says that it succeeded.
    pub(super) success: bool,
    /// What it printed.
    pub(super) output: Secret,
    /// What it complained of, as far as that is kept.
    #[cfg_attr(
        not(feature = "provider-1password"),
        expect(dead_code, reason = "only what `op` complains of is understood")
    )]
    pub(super) complaint: Secret,
}

/// Why there is nothing that a program printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unended {
    /// It did not start.
    NotStarted(Errno),
    /// It prints more than it may.
    TooMuch,
    /// It does not end in its time.
    Hangs,
}

/// Why a program that is there did not start, in words, and what to do about it.
pub(super) fn not_started(errno: Errno) -> (String, Option<Hint>) {
    let (cause, hint): (_, Hint) = match errno {
        Errno::EAGAIN => ("the limit of processes is reached", Starting::Processes.into()),
        Errno::ENOMEM => (
            "there is no memory for another process",
            "raise the container's limit of memory, or what the system may promise (`vm.overcommit_memory`)".into(),
        ),
        Errno::ENOENT => (
            "what is to run it is not there: the interpreter that its first line names, or its loader",
            "a carriage return at the end of a `#!` line is taken for a part of the name; a program that was linked for another C \
             library needs that one's loader"
                .into(),
        ),
        Errno::ENOEXEC => (
            "the system does not know its format: it is made for another architecture, or is a script without a `#!` line",
            "`file` and `uname -m` tell which".into(),
        ),
        Errno::EACCES => (
            "it may not be executed",
            "look at its mode, at its interpreter's, and whether its file system is mounted with `noexec`".into(),
        ),
        other => return (other.desc().to_lowercase(), None),
    };
    (cause.to_owned(), Some(hint))
}

/// Runs a program with `input` on its stdin.
pub(super) async fn run(command: Command, input: &[u8], limits: Limits) -> Result<Ended, Unended> {
    match tokio::time::timeout(limits.time, ended(command, input, limits.output)).await {
        Ok(ended) => ended,
        Err(_) => Err(Unended::Hangs),
    }
}

async fn ended(mut command: Command, input: &[u8], most: u64) -> Result<Ended, Unended> {
    guarded(&mut command);
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let not_started = |error: std::io::Error| {
        Unended::NotStarted(error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
    };
    let mut child = command.spawn().map_err(not_started)?;
    let group = child.id().map(Group::of);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut output, mut complaint) = (Kept::new(most), Kept::new(COMPLAINT));
    let feed = async {
        if let Some(mut stdin) = stdin {
            // Whether it read all of it shows in what it prints.
            let _ = stdin.write_all(input).await;
        }
    };
    let status = {
        let reading = pin!(join3(output.fill(stdout, Rest::Left), complaint.fill(stderr, Rest::Read), feed));
        let waiting = pin!(child.wait());
        match select(waiting, reading).await {
            Either::Left((status, reading)) => {
                drop(group);
                let _ = tokio::time::timeout(LEFT_OPEN, reading).await;
                status
            }
            // It prints no more, or more than it may: then nothing of it is of use, and it is ended.
            Either::Right((_, waiting)) => waiting.await,
        }
    };
    if output.is_full() {
        return Err(Unended::TooMuch);
    }
    let success = status.map_err(not_started)?.success();
    Ok(Ended { success, output: output.into_secret(), complaint: complaint.into_secret() })
}

/// What becomes of output beyond what is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is not read: the pipe is closed, and whoever writes to it ends of that.
    Left,
    /// It is read and forgotten.
    Read,
}

/// The beginning of what is read.
struct Kept {
    bytes: Vec<u8>,
    most: u64,
}

impl Kept {
    fn new(most: u64) -> Self {
        Self { bytes: Vec::new(), most }
    }

    async fn fill(&mut self, from: Option<impl AsyncRead + Unpin>, rest: Rest) {
        let Some(mut from) = from else { return };
        let _ = (&mut from).take(self.most + 1).read_to_end(&mut self.bytes).await;
        if rest == Rest::Read {
            let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
        }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() as u64 > self.most
    }

    fn into_secret(self) -> Secret {
        Secret::new(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> Result<Ended, Unended> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(command, b"input\n", limits))
    }

    const AMPLE: Limits = Limits { output: 1 << 20, time: Duration::from_mins(1) };

    fn is_alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // What is dead and not yet reaped by the system's first process runs no more.
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[track_caller]
    fn assert_ends(pid: &str) {
        while is_alive(pid) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_it_prints_complains_of_and_says_of_itself_is_told() {
        let ended = shell("cat; echo complaint >&2; exit 3", AMPLE).unwrap();
        assert!(!ended.success);
        assert_eq!((ended.output.expose(), ended.complaint.expose()), (&b"input\n"[..], &b"complaint\n"[..]));
        assert!(shell("exit 0", AMPLE).unwrap().success);
        let missing = Command::new("/nonexistent/program");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let refused = runtime.block_on(run(missing, b"", AMPLE));
        assert_eq!(refused.unwrap_err(), Unended::NotStarted(Errno::ENOENT));
    }

    #[test]
    fn one_that_prints_without_end_is_ended_with_no_more_than_its_most_kept() {
        let limits = Limits { output: 1000, ..AMPLE };
        assert_eq!(shell("exec yes", limits).unwrap_err(), Unended::TooMuch);
        assert_eq!(shell("yes & yes & wait", limits).unwrap_err(), Unended::TooMuch);
        let complaint = shell("yes | head -c 1000000 >&2", limits).unwrap().complaint;
        assert_eq!(complaint.expose().len() as u64, COMPLAINT + 1);
    }

    #[test]
    fn one_that_does_not_end_is_ended_with_what_it_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 9999 & echo $! > {}; wait", file.path().display());
        let limits = Limits { time: Duration::from_millis(300), ..AMPLE };
        assert_eq!(shell(&script, limits).unwrap_err(), Unended::Hangs);
        assert_ends(&std::fs::read_to_string(file.path()).unwrap());
    }

    #[test]
    fn what_it_leaves_behind_ends_with_it_and_does_not_hold_its_pipe_open() {
        let ended = shell("sleep 9999 & echo $!", AMPLE).unwrap();
        assert!(ended.success);
        assert_ends(ended.output.expose_text().unwrap());
    }
}
