//! Requests to stop that come while kz asks backends: what was lent until then is given back first.
//!
//! Invariants: a signal that kz was started with ignored stays ignored; without a descriptor for them signals end kz as they always
//! do; SIGQUIT and SIGKILL end it at once.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::unix::AsyncFd;

/// What asks a process to end and can wait for it.
pub const STOPS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// What is held back, while it is.
static HELD: Mutex<Option<Held>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Held {
    /// What was blocked before: what kz starts is not to hold requests to stop back too.
    before: SigSet,
    stops: SigSet,
}

fn held() -> MutexGuard<'static, Option<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has this thread receive no request to stop: another one may be holding them back.
pub fn leave_stops_to_others() {
    let stops: SigSet = STOPS.into_iter().collect();
    // It fails for a set that is none only.
    let _ = stops.thread_block();
}

/// What the mask would be if no request to stop were held back; nothing where none is.
pub(super) fn mask_before() -> Option<SigSet> {
    held().map(|held| held.before)
}

/// Somebody holds all signals back, these requests to stop among them.
pub(super) fn hold_for(before: SigSet, stops: SigSet) {
    *held() = Some(Held { before, stops });
}

/// And does so no more.
pub(super) fn release() {
    *held() = None;
}

/// Whether one has come that is held back: who waits is not to wait any longer, so that what was lent can be given back.
/// What is not held back has its effect by itself.
#[expect(unsafe_code, reason = "nix has no sigpending")]
pub fn is_asked_to_stop() -> bool {
    let Some(Held { stops, .. }) = *held() else { return false };
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigpending fills the set when it returns 0, and sigismember takes any such set.
    unsafe {
        libc::sigpending(pending.as_mut_ptr()) == 0
            && stops.iter().any(|stop| libc::sigismember(pending.as_ptr(), stop as libc::c_int) == 1)
    }
}

/// Holds requests to stop back until it is dropped, and tells of them.
#[must_use]
pub struct Stops {
    descriptor: AsyncFd<Descriptor>,
    before: SigSet,
}

struct Descriptor(SignalFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Stops {
    /// From now on these wait, but for those that are ignored: blocked, they would come all the same. Has to be called
    /// inside an event loop.
    pub fn hold(signals: &[Signal], is_ignored: impl Fn(Signal) -> bool) -> io::Result<Self> {
        let stops: SigSet = signals.iter().copied().filter(|stop| !is_ignored(*stop)).collect();
        let descriptor = SignalFd::with_flags(&stops, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        // SAFETY: the descriptor is the `SignalFd`'s, which lives in the `AsyncFd` and is closed with it.
        #[expect(unsafe_code, reason = "tokio cannot know whose a raw descriptor is")]
        let descriptor =
            unsafe { AsyncFd::register(Descriptor(descriptor)) }.map_err(|error| error.into_parts().1)?;
        let before = stops.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        *held() = Some(Held { before, stops });
        Ok(Self { descriptor, before })
    }

    /// One that has come, and waits.
    pub fn pending(&self) -> Option<Signal> {
        let told = self.descriptor.get_ref().0.read_signal().ok()??;
        Signal::try_from(i32::try_from(told.ssi_signo).ok()?).ok()
    }

    /// Holds them back for as long as kz lives: it has done what it was started for.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    /// The next that comes.
    pub async fn next(&self) -> Signal {
        loop {
            let Ok(mut ready) = self.descriptor.readable().await else { return std::future::pending().await };
            if let Some(signal) = self.pending() {
                return signal;
            }
            ready.clear_ready();
        }
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        *held() = None;
        let _ = self.before.thread_set_mask();
    }
}
