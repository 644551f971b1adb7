//! A process beside a program that kz supervises, which knows two things that kz cannot: whether a signal that kz got went to
//! the whole process group, so that the program has it already; and that kz has ended, so that the program is to end too.
//!
//! The witness stays in kz's process group and holds every signal back. What is sent to the group (by a terminal, by
//! `kill -- -GROUP`) it gets as the program does, what is sent to kz alone it does not get. By the end of its socket it learns that
//! kz has ended, however that was: a parent-death signal alone would not do, since the kernel forgets it when the program becomes
//! another user, as entrypoints do.
//!
//! Invariants: it is started before kz has read any secret, so that its memory holds none; it makes system calls only, and
//! allocates nothing; it holds one descriptor. It cannot end a program that became another user where kz is not root, nor what
//! the program has started.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpgrp, setpgid};

use super::Fate;
use super::heard::{Came, From, swap};

/// How soon kz looks whether a witness that does not answer is stopped.
const LOOK: u8 = 100;

/// What the program says of itself, and what kz asks: what, and a number.
type Message = [i32; 2];
const PROGRAM: i32 = 1;
const SEEN: i32 = 2;
/// Whether there was such a signal, and from whom.
type Answer = [i32; 3];

/// The witness, as kz has it.
#[derive(Debug)]
#[must_use]
pub struct Witness {
    socket: UnixStream,
    pid: Pid,
    is_gone: bool,
}

/// How a program is ended when kz has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// By this signal,
    pub signal: i32,
    /// and when it runs so long after that, by SIGKILL.
    pub patience: Duration,
}

impl Witness {
    /// Starts one.
    #[expect(unsafe_code, reason = "fork")]
    pub fn start(ending: Ending) -> io::Result<Self> {
        let (socket, its) = UnixStream::pair()?;
        let before = swap(libc::SIG_SETMASK, u64::MAX);
        // SAFETY: the child makes system calls only.
        let forked = unsafe { fork() };
        if let Ok(ForkResult::Child) = forked {
            attend(its.as_raw_fd(), ending);
        }
        swap(libc::SIG_SETMASK, before);
        match forked? {
            ForkResult::Parent { child } => Ok(Self { socket, pid: child, is_gone: false }),
            ForkResult::Child => unreachable!("it does not return"),
        }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether somebody has ended it: then another one is to be started.
    pub fn is_gone(&mut self) -> bool {
        let fate = super::look_at(self.pid.as_raw());
        self.is_gone |= matches!(fate, Some(Fate::Exited(_) | Fate::Killed(_)));
        self.is_gone
    }

    /// Whether that is known already.
    pub fn is_known_gone(&self) -> bool {
        self.is_gone
    }

    /// Tells it of a program that runs.
    pub fn attend_to(&self, program: i32) {
        tell(self.socket.as_raw_fd(), [PROGRAM, program]);
    }

    /// By which a program that is being started says that it is there.
    pub fn door(&self) -> Door {
        Door(self.socket.as_raw_fd())
    }

    /// Whether a signal that came to kz came to the whole process group.
    pub fn has_seen(&self, came: Came) -> bool {
        // Whoever sends to a group holds a lock of the kernel until all have the signal, and this call takes that lock: from here on the
        // witness has it too, or is not going to get it. It changes nothing.
        let _ = setpgid(Pid::from_raw(0), getpgrp());
        let mut was_woken = false;
        let answer = self.ask(came.signal, &mut was_woken);
        let is_continued = came.signal == libc::SIGCONT;
        if was_woken && !is_continued {
            // That was kz's own.
            self.ask(libc::SIGCONT, &mut false);
        }
        // One that was asleep had not been told to go on.
        answer == Some(came.from) && !(was_woken && is_continued)
    }

    fn ask(&self, signal: i32, was_woken: &mut bool) -> Option<From> {
        if !tell(self.socket.as_raw_fd(), [SEEN, signal]) {
            return None;
        }
        loop {
            let mut there = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if poll(&mut there, PollTimeout::from(LOOK)).is_ok_and(|number| number > 0) {
                let [is_there, code, pid]: Answer = hear(self.socket.as_raw_fd())?;
                return (is_there == 1).then_some(From { code, pid });
            }
            let look = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            match waitid(Id::Pid(self.pid), look) {
                Ok(WaitStatus::Stopped(..)) => {
                    *was_woken = true;
                    let _ = kill(self.pid, Signal::SIGCONT);
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Witness {
    /// Ends it, and by it a program that still runs.
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = kill(self.pid, Signal::SIGCONT);
        let _ = waitpid(self.pid, None);
    }
}

/// Where a program says that it is there.
#[derive(Clone, Copy, Debug)]
pub struct Door(RawFd);

impl Door {
    /// Says it of this process. Async-signal-safe.
    pub fn enter(self) {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        tell(self.0, [PROGRAM, own]);
    }
}

/// Sends these numbers; whether anybody is there. Async-signal-safe.
#[expect(unsafe_code, reason = "what is sent is no bytes")]
fn tell<const N: usize>(socket: RawFd, numbers: [i32; N]) -> bool {
    let size = size_of_val(&numbers);
    // SAFETY: the buffer has the size that is told.
    let sent = unsafe { libc::send(socket, numbers.as_ptr().cast(), size, libc::MSG_NOSIGNAL) };
    usize::try_from(sent) == Ok(size)
}

/// Receives so many numbers; nothing where nobody is there any more. Async-signal-safe.
#[expect(unsafe_code, reason = "what is received is no bytes")]
fn hear<const N: usize>(socket: RawFd) -> Option<[i32; N]> {
    let mut numbers = [0; N];
    let size = size_of_val(&numbers);
    // SAFETY: the buffer has the size that is told, and every content is numbers.
    let received = unsafe { libc::recv(socket, numbers.as_mut_ptr().cast(), size, libc::MSG_WAITALL) };
    (usize::try_from(received) == Ok(size)).then_some(numbers)
}

/// What the witness does, until kz has ended.
#[expect(unsafe_code, reason = "a process that makes system calls only")]
fn attend(socket: RawFd, ending: Ending) -> ! {
    let mut program = None;
    // SAFETY: nothing of kz's is used here but the socket; the buffers live on this stack, and are as long as is said.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"kz-witness".as_ptr());
        close_but(socket);
        while let Some::<Message>(message) = hear(socket) {
            match message {
                [PROGRAM, pid] => {
                    program.map(|before| libc::close(before));
                    program = i32::try_from(libc::syscall(libc::SYS_pidfd_open, pid, 0)).ok();
                }
                [_, signal] => {
                    tell(socket, take(signal));
                }
            }
        }
        if let Some(program) = program.filter(|number| *number >= 0) {
            end(program, ending);
        }
        libc::_exit(0)
    }
}

/// Ends the program.
#[expect(unsafe_code, reason = "a process that makes system calls only")]
unsafe fn end(program: RawFd, ending: Ending) {
    let tell = |signal: i32| {
        // SAFETY: pidfd_send_signal takes any number, and no further information here.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, program, signal, 0, 0) == 0 }
    };
    // One that is stopped would not end.
    if tell(ending.signal) && tell(libc::SIGCONT) {
        let mut ended = libc::pollfd { fd: program, events: libc::POLLIN, revents: 0 };
        let patience = i32::try_from(ending.patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one structure is told.
        unsafe { libc::poll(&raw mut ended, 1, patience) };
        tell(libc::SIGKILL);
    }
}

/// Takes a signal that waits, and says from whom it is.
#[expect(unsafe_code, reason = "the C library hides its own signals")]
pub(super) fn take(signal: i32) -> Answer {
    let set: u64 = 1 << (signal - 1).clamp(0, 63);
    let mut told = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set has the size that is told, and where a signal was there, what is told of it is filled.
    unsafe {
        let (set, info) = (&raw const set, told.as_mut_ptr());
        let taken = libc::syscall(libc::SYS_rt_sigtimedwait, set, info, &raw const now, size_of::<u64>());
        if taken == libc::c_long::from(signal) { [1, (*info).si_code, (*info).si_pid()] } else { [0; 3] }
    }
}

/// So that whatever reads or writes at the other ends sees kz's end and the program's.
#[expect(unsafe_code, reason = "descriptors that nobody owns here")]
unsafe fn close_but(socket: RawFd) {
    let number = libc::c_uint::try_from(socket).unwrap_or_default();
    // SAFETY: nothing in this process uses another descriptor from now on.
    unsafe {
        let above = libc::syscall(libc::SYS_close_range, number + 1, libc::c_uint::MAX, 0);
        let below = if number == 0 { 0 } else { libc::syscall(libc::SYS_close_range, 0, number - 1, 0) };
        if above != 0 || below != 0 {
            for descriptor in (0..super::DESCRIPTORS).filter(|descriptor| *descriptor != socket) {
                libc::close(descriptor);
            }
        }
    }
}
