//! Programs that end with kz: what kz starts has to end when kz does, also by a signal that nobody can catch.
//!
//! Between kz and a program stands a guard: a child of kz's that leads a process group, in which the program is. The
//! kernel tells it that kz has ended, however that was, and it ends the whole group. Only who leaves the group (a program that
//! makes itself a daemon), or becomes another user (`sudo`), goes on. That the kernel tells the program itself would not do: it forgets
//! to when a program is set-group-ID, as `op` is, and never tells what the program started.
//!
//! Invariants: a group is ended when its [`Group`] is dropped, and by its guard when kz ends; the guard never
//! allocates, and holds no descriptor of kz's. Beside `exec`, this module alone has `unsafe`.

pub mod heard;
mod other;
mod stops;
pub mod witness;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigSet, Signal, killpg, raise, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

pub use other::{Other, Unfound};
pub use stops::{STOPS, Stops, is_asked_to_stop, leave_stops_to_others};

/// By which the guard learns that kz has ended, and anybody else may have it end the group.
const KZ_ENDED: Signal = Signal::SIGTERM;
/// How many descriptors are closed one by one, where the kernel cannot close all at once (before Linux 5.9).
const DESCRIPTORS: i32 = 4096;

/// A process group of which the leader is a child of kz's.
#[derive(Debug)]
#[must_use]
pub struct Group(Pid);

impl Group {
    /// The group that this child leads, which was started from a [`guarded`] command.
    pub fn of(leader: u32) -> Self {
        Self(Pid::from_raw(i32::try_from(leader).unwrap_or(0)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.0.as_raw() > 1 {
            // Where nobody is left in it, that is what was wanted.
            let _ = killpg(self.0, Signal::SIGKILL);
        }
    }
}

/// Lets a command run in a group of its own that ends with kz. It is to be started by a thread that lives as long
/// as it may run: the kernel takes that thread's end for kz's.
#[expect(unsafe_code, reason = "what is done between fork and exec")]
pub fn guarded(command: &mut Command) {
    let (kz, mask) = (getpid(), stops::mask_before());
    command.process_group(0);
    // SAFETY: `guard` makes system calls, and calls nothing that allocates or takes a lock.
    unsafe {
        command.pre_exec(move || guard(kz, mask));
    }
}

/// Returns in the program, a child of the guard's, with this mask of signals or kz's own; the guard stays here. It leads the
/// group already.
#[expect(unsafe_code, reason = "fork and signal dispositions")]
fn guard(kz: Pid, mask: Option<SigSet>) -> io::Result<()> {
    let before = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)?;
    // SAFETY: no handler is set. Were it ignored, nobody would tell how the program ends.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl)? };
    set_pdeathsig(KZ_ENDED)?;
    if getppid() != kz {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let guard = getpid();
    // SAFETY: this process has one thread, and the child makes system calls only.
    match unsafe { fork()? } {
        ForkResult::Parent { child } => watch(child),
        ForkResult::Child => {
            set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != guard {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            mask.unwrap_or(before).thread_set_mask()?;
            Ok(())
        }
    }
}

/// Ends kz as a signal does that it held back: of it, or, as PID 1, with the exit code that a shell would see.
pub fn end_by(signal: Signal) -> ! {
    let _ = raise(signal);
    end(128 + signal as i32)
}

/// Ends kz as this signal, which it may hold back or ignore, has ended another: of it, or, as PID 1, with the exit code that a
/// shell would see.
#[expect(unsafe_code, reason = "real-time signals, which nix does not know")]
pub fn end_like(number: i32) -> ! {
    // SAFETY: SIG_DFL is a disposition of every signal, and kill takes any number.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        heard::swap(libc::SIG_UNBLOCK, 1 << (number - 1).clamp(0, 63));
        libc::kill(libc::getpid(), number);
    }
    end(128 + number)
}

/// As PID 1, reaps what was left to kz and has ended, but for these children of its own, which somebody waits for. What ends
/// after one of those waits until that is reaped.
#[expect(unsafe_code, reason = "nix does not know a child that a real-time signal has ended")]
pub fn reap_orphans(own: &[u32]) {
    while getpid().as_raw() == 1 {
        let mut told = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        let peek = libc::WNOHANG | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: what is told is filled, or stays zero; waitpid takes any number, and tells nothing here.
        unsafe {
            let ended = libc::waitid(libc::P_ALL, 0, told.as_mut_ptr(), peek) == 0;
            let pid = told.assume_init_ref().si_pid();
            if !ended || pid <= 0 || own.contains(&pid.cast_unsigned()) {
                return;
            }
            libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG);
        }
    }
}

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has ended with this code.
    Exited(i32),
    /// This signal has ended it.
    Killed(i32),
    /// This signal has stopped it.
    Stopped(i32),
}

/// What is new of a child. One that has ended is reaped.
#[expect(unsafe_code, reason = "nix does not know a child that a real-time signal has ended")]
pub fn look_at(child: i32) -> Option<Fate> {
    let mut status = 0;
    // SAFETY: what is told is filled where a child is.
    let changed = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    if changed != child {
        return None;
    }
    Some(if libc::WIFSTOPPED(status) {
        Fate::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFSIGNALED(status) {
        Fate::Killed(libc::WTERMSIG(status))
    } else {
        Fate::Exited(libc::WEXITSTATUS(status))
    })
}

/// Sends a child of kz's, which nobody has reaped, a signal.
#[expect(unsafe_code, reason = "real-time signals, which nix does not know")]
pub fn send(child: i32, signal: i32) {
    // SAFETY: kill takes any numbers. One that ends meanwhile needs no signal any more.
    unsafe { libc::kill(child, signal) };
}

/// Stops kz as this signal does it, until it is continued, unless this child, for whose stop that is, goes on already: whoever continued
/// both would not do so again. Where nobody would continue kz, the kernel does not stop it.
#[expect(unsafe_code, reason = "a disposition")]
pub fn suspend_by(signal: i32, child: Option<i32>) {
    let bit = 1 << (signal - 1).clamp(0, 63);
    let mask = heard::swap(libc::SIG_BLOCK, bit);
    // From here on what continues kz takes the stop away; what came before has continued the child.
    send(getpid().as_raw(), signal);
    if child.is_some_and(goes_on) {
        witness::take(signal);
    } else {
        // SAFETY: SIG_DFL is a disposition of every signal.
        unsafe {
            let before = libc::signal(signal, libc::SIG_DFL);
            heard::swap(libc::SIG_UNBLOCK, bit);
            libc::signal(signal, before);
        }
    }
    heard::swap(libc::SIG_SETMASK, mask);
}

/// Whether a child was continued since it was stopped last.
#[expect(unsafe_code, reason = "nix does not know a child that a real-time signal has ended")]
fn goes_on(child: i32) -> bool {
    let mut told = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let look = libc::WNOHANG | libc::WCONTINUED | libc::WNOWAIT;
    // SAFETY: what is told is filled, or stays zero.
    unsafe {
        let looked = libc::waitid(libc::P_PID, child.cast_unsigned(), told.as_mut_ptr(), look) == 0;
        looked && told.assume_init_ref().si_pid() == child
    }
}

/// Waits for the end of the program, which becomes the guard's own, or of kz.
fn watch(program: Pid) -> ! {
    close_everything();
    let awaited: SigSet = [Signal::SIGCHLD, KZ_ENDED].into_iter().collect();
    loop {
        if awaited.wait() == Ok(KZ_ENDED) {
            // The guard is one of the group.
            let _ = killpg(getpid(), Signal::SIGKILL);
        }
        match waitpid(program, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => end(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => end(128 + signal as i32),
            Ok(_) => {}
            Err(_) => end(125),
        }
    }
}

/// So that what reads or writes at their other ends sees the program's end, and a lock ends with kz.
#[expect(unsafe_code, reason = "descriptors that nobody owns here")]
fn close_everything() {
    // SAFETY: nothing in this process uses a descriptor from now on.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) != 0 {
            for descriptor in 0..DESCRIPTORS {
                libc::close(descriptor);
            }
        }
    }
}

#[expect(unsafe_code, reason = "what kz does at its end is not the guard's to do")]
fn end(code: i32) -> ! {
    // SAFETY: _exit takes any status.
    unsafe { libc::_exit(code) }
}
