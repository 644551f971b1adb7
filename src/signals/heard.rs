//! Every signal that somebody may send to a program, heard by kz in the program's stead.
//!
//! Invariants: they wait from the moment on in which they are held back, and none is lost or taken twice; what kz starts is not to
//! hold them back too (`before`). SIGCHLD is not among them, which event loops need; nor are those that tell a process of a
//! fault of its own, which would come again. The system calls are made without the C library, which hides its own signals,
//! among them what another C library calls SIGRTMIN.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, FromRawFd as _, OwnedFd, RawFd};

use futures_util::future::{Either, select};
use nix::libc;
use nix::sys::signal::SigSet;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::stops::{self, STOPS};

/// The kernel's bits of a set of signals.
type Bits = u64;

const HEARD: [libc::c_int; 15] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGURG,
    libc::SIGIO,
    libc::SIGPWR,
];
/// From the first that any C library calls SIGRTMIN to SIGRTMAX.
const REAL_TIME: std::ops::RangeInclusive<libc::c_int> = 34..=64;

/// A signal that has come, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// Its number.
    pub signal: i32,
    /// Who sent it, as the kernel tells it.
    pub from: From,
}

/// By which two receivers of one signal know that it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct From {
    /// The kernel, a process, a process that queues it.
    pub code: i32,
    /// The process, where it is one.
    pub pid: i32,
}

/// Signals that wait from now on.
pub struct HeldBack {
    descriptor: Descriptor,
    before: Bits,
}

/// Signals that are heard.
pub struct Heard {
    descriptor: AsyncFd<Descriptor>,
    children: Stream,
    before: Bits,
}

/// What is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// A signal.
    Signal(Came),
    /// A child has ended, or was stopped.
    Child,
}

struct Descriptor(OwnedFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl HeldBack {
    /// Holds them back. To be called before there is a second thread, which would receive them.
    #[expect(unsafe_code, reason = "nix has no real-time signals")]
    pub fn now() -> io::Result<Self> {
        let bits = HEARD.into_iter().chain(REAL_TIME).fold(0, |bits, signal| bits | bit(signal));
        // SAFETY: signalfd4 reads a set of the size that it is told.
        let number = unsafe {
            let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
            libc::syscall(libc::SYS_signalfd4, -1, &raw const bits, size_of::<Bits>(), flags)
        };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        let number = RawFd::try_from(number).map_err(io::Error::other)?;
        // SAFETY: the kernel has just given this number to kz, and nobody else has it.
        let descriptor = Descriptor(unsafe { OwnedFd::from_raw_fd(number) });
        let seen = SigSet::thread_get_mask()?;
        // Held back and not heard: in the background of a terminal that wants it so (`stty tostop`), a line of kz's would stop the
        // whole job, the command too.
        let before = swap(libc::SIG_BLOCK, bits | bit(libc::SIGTTOU));
        // Who starts kz with it held back would have kz never hear of CMD's end.
        swap(libc::SIG_UNBLOCK, bit(libc::SIGCHLD));
        stops::hold_for(seen, STOPS.into_iter().collect());
        Ok(Self { descriptor, before })
    }

    /// Hears them. Has to be called inside an event loop.
    pub fn hear(self) -> io::Result<Heard> {
        // SAFETY: the descriptor lives in the `AsyncFd` and is closed with it.
        #[expect(unsafe_code, reason = "tokio cannot know whose a raw descriptor is")]
        let descriptor = unsafe { AsyncFd::register(self.descriptor) };
        let descriptor = descriptor.map_err(|error| error.into_parts().1)?;
        let children = signal(SignalKind::child())?;
        Ok(Heard { descriptor, children, before: self.before })
    }
}

impl Heard {
    /// The next that comes.
    pub async fn next(&mut self) -> Noise {
        let Self { descriptor, children, .. } = self;
        let signal = async {
            loop {
                let Ok(mut ready) = descriptor.readable().await else { return std::future::pending().await };
                if let Some(came) = pending(descriptor.get_ref()) {
                    return came;
                }
                ready.clear_ready();
            }
        };
        match select(Box::pin(signal), Box::pin(children.recv())).await {
            Either::Left((came, _)) => Noise::Signal(came),
            Either::Right(_) => Noise::Child,
        }
    }

    /// What was blocked before, which is what a program that kz starts is to find.
    pub fn before(&self) -> u64 {
        self.before
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        stops::release();
        swap(libc::SIG_SETMASK, self.before);
    }
}

/// One that has come, and waits.
#[expect(unsafe_code, reason = "nix has no real-time signals")]
fn pending(descriptor: &Descriptor) -> Option<Came> {
    let mut told = std::mem::MaybeUninit::<libc::signalfd_siginfo>::uninit();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: read fills at most `size` bytes, and the kernel fills all of them where it fills any.
    let told = unsafe {
        let read = libc::read(descriptor.as_raw_fd(), told.as_mut_ptr().cast(), size);
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        told.assume_init()
    };
    let number = |number: u32| i32::try_from(number).unwrap_or_default();
    let from = From { code: told.ssi_code, pid: number(told.ssi_pid) };
    Some(Came { signal: number(told.ssi_signo), from })
}

/// Whether this one has come and nobody has heard it yet.
#[expect(unsafe_code, reason = "nix has no sigpending")]
pub fn waits(signal: i32) -> bool {
    let mut pending: Bits = 0;
    // SAFETY: the set has the size that is told.
    let told = unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, size_of::<Bits>()) == 0 };
    told && pending & bit(signal) != 0
}

fn bit(signal: i32) -> Bits {
    1 << (signal - 1)
}

/// Changes what this thread holds back; what it held back before. Async-signal-safe.
#[expect(unsafe_code, reason = "the C library hides its own signals")]
pub fn swap(how: i32, bits: u64) -> u64 {
    let mut before: Bits = 0;
    // SAFETY: both point to sets of the size that is told.
    unsafe {
        let before = &raw mut before;
        libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const bits, before, size_of::<Bits>());
    }
    before
}
