//! kz under ptrace: stopped before each of its system calls that touches a file, from the one that
//! begins the way to the target to the last.
//!
//! Whatever is done while it is stopped happens between two of its calls, at no other time. A hang is
//! ended from outside, long after kz should have given up by itself.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use crate::identity::Identity;

/// The role that becomes kz.
pub const LAUNCH: &str = "--launch";

/// Longer than any `--timeout` of the suite, by far.
const HANG: Duration = Duration::from_secs(60);

/// x86-64's numbers of the calls that take a name, lock, or write. Between two of these nothing that kz
/// does depends on what an attacker does to names: a directory is listed after its `.` was opened.
const POINTS: [i64; 15] = [1, 2, 91, 93, 73, 257, 258, 262, 263, 264, 265, 266, 267, 316, 437];
/// Of those that may change what a reader can see: after these the watcher looks.
const CHANGING: [i64; 11] = [1, 91, 93, 257, 258, 263, 264, 265, 266, 316, 437];
const OPENAT: i64 = 257;

/// A finished kz.
#[derive(Debug)]
pub struct Finished {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything that it said.
    pub said: String,
    /// It had to be killed.
    pub hung: bool,
    /// At how many calls it was stopped.
    pub points: usize,
}

/// A stop before a call.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// From 0, at a call that attacks are made before.
    pub point: Option<usize>,
    /// The call before this one may have changed something.
    pub changed: bool,
}

/// How kz is called.
#[derive(Debug)]
pub struct Call<'a> {
    pub identity: Identity,
    pub directory: &'a Path,
    pub kz: &'a Path,
    pub arguments: Vec<String>,
    pub value: &'a str,
}

impl Call<'_> {
    /// The command, in this role or as it is.
    fn command(&self, words: &[&str]) -> Command {
        let mut all: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        all.extend(self.identity.wrapper.iter().map(|&word| word.to_owned()));
        all.push(self.kz.display().to_string());
        all.extend(self.arguments.iter().cloned());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(all).current_dir(self.directory).env_clear().env("PATH", path).env("VALUE", self.value);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it freely.
    pub fn run(&self, watchdog: &Watchdog) -> Finished {
        let uid = self.identity.uid.to_string();
        let child = self.command(&[LAUNCH, "free", &uid]).spawn().expect("the launcher starts");
        let pid = Pid::from_raw(child.id().cast_signed());
        let begun = watchdog.begin(pid);
        let output = child.wait_with_output().expect("kz ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        Finished { code: output.status.code(), said, hung: watchdog.end(pid, begun), points: 0 }
    }

    /// Runs it, and calls `at` whenever it is stopped.
    pub fn step(&self, watchdog: &Watchdog, mut at: impl FnMut(Stop)) -> Finished {
        let uid = self.identity.uid.to_string();
        let mut child = self.command(&[LAUNCH, "traced", &uid]).spawn().expect("the launcher starts");
        let pid = Pid::from_raw(child.id().cast_signed());
        let begun = watchdog.begin(pid);
        let mut tracee = Tracee { pid, points: 0, changed: false, entered: false };
        tracee.let_begin();
        let status = tracee.to_the_end(&mut at);
        let hung = watchdog.end(pid, begun);
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        Finished { code: status, said, hung, points: tracee.points }
    }
}

struct Tracee {
    pid: Pid,
    points: usize,
    changed: bool,
    /// It is on its way to the target.
    entered: bool,
}

impl Tracee {
    /// The launcher waits for this.
    fn let_begin(&self) {
        let stopped = waitpid(self.pid, None);
        assert!(matches!(stopped, Ok(WaitStatus::Stopped(_, Signal::SIGSTOP))), "no launcher: {stopped:?}");
        let options =
            Options::PTRACE_O_EXITKILL | Options::PTRACE_O_TRACESECCOMP | Options::PTRACE_O_TRACEEXEC;
        ptrace::setoptions(self.pid, options).unwrap();
    }

    fn to_the_end(&mut self, at: &mut impl FnMut(Stop)) -> Option<i32> {
        let seccomp = ptrace::Event::PTRACE_EVENT_SECCOMP as i32;
        let mut signal = None;
        loop {
            // Where it was killed from outside this fails, and what waits below says so.
            let _ = ptrace::cont(self.pid, signal.take());
            match waitpid(self.pid, None).expect("it is ours") {
                WaitStatus::PtraceEvent(_, _, event) if event == seccomp => self.enter(at),
                WaitStatus::Stopped(_, other) => signal = Some(other),
                WaitStatus::Exited(_, code) => return Some(code),
                WaitStatus::Signaled(..) => return None,
                _ => {}
            }
        }
    }

    fn enter(&mut self, at: &mut impl FnMut(Stop)) {
        let Ok(registers) = ptrace::getregs(self.pid) else { return };
        let number = registers.orig_rax.cast_signed();
        self.entered |= number == OPENAT && self.is_root_of_a_way(registers.rsi, registers.rdx);
        if !self.entered {
            return;
        }
        let point = POINTS.contains(&number).then_some(self.points);
        if point.is_some() || self.changed {
            at(Stop { point, changed: self.changed });
        }
        self.points += usize::from(point.is_some());
        self.changed = CHANGING.contains(&number);
    }

    /// Whether this opens `/` only to pass through it: the target is given as an absolute path.
    fn is_root_of_a_way(&self, path: u64, flags: u64) -> bool {
        let passing = u64::try_from(nix::libc::O_PATH).unwrap();
        let word = ptrace::read(self.pid, path as ptrace::AddressType);
        flags & passing != 0 && word.is_ok_and(|word| word.to_le_bytes()[..2] == *b"/\0")
    }
}

/// Becomes a program, as a uid, traced by the parent or not.
pub fn launch(words: &[String]) -> ExitCode {
    let [how, uid, program, rest @ ..] = words else { panic!("launch {words:?}") };
    // While it is root, or the tracer could not look into what is not dumpable.
    if how == "traced" {
        ptrace::traceme().unwrap();
        raise(Signal::SIGSTOP).unwrap();
    }
    let uid: u32 = uid.parse().unwrap();
    if uid != 0 {
        become_uid(uid);
    }
    if how == "traced" {
        apply_filter(&stops()).expect("seccomp");
    }
    let error = Command::new(program).args(rest).exec();
    panic!("{program}: {error}");
}

/// Lets the tracer be told of the calls that count, and of no other.
fn stops() -> BpfProgram {
    let rules = POINTS.iter().chain(&CHANGING).map(|&number| (number, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), TargetArch::x86_64);
    filter.and_then(BpfProgram::try_from).expect("a filter")
}

/// For good, with no groups.
pub fn become_uid(uid: u32) {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    setgroups(&[]).unwrap();
    setresgid(group, group, group).unwrap();
    setresuid(user, user, user).unwrap();
}

/// Ends what hangs.
#[derive(Debug, Default)]
pub struct Watchdog(Mutex<HashMap<i32, (Instant, bool)>>);

impl Watchdog {
    fn begin(&self, pid: Pid) -> Instant {
        let now = Instant::now();
        self.0.lock().unwrap().insert(pid.as_raw(), (now, false));
        now
    }

    /// Whether it had to be ended.
    fn end(&self, pid: Pid, begun: Instant) -> bool {
        self.0.lock().unwrap().remove(&pid.as_raw()).is_some_and(|(start, killed)| start == begun && killed)
    }

    /// To be called again and again.
    pub fn look(&self) {
        for (pid, (start, killed)) in self.0.lock().unwrap().iter_mut() {
            if !*killed && start.elapsed() > HANG {
                *killed = kill(Pid::from_raw(*pid), Signal::SIGKILL).is_ok();
            }
        }
    }
}
