//! Signals wait while output is half made: a stop request must not leave debris, since the next
//! export may never come.
//!
//! It begins before there is a lock, whose file is the first thing that may have to be taken back.
//! Waiting for one stays interruptible ([`Deferred::suspended`]), and `SIGQUIT` and `SIGKILL` always work. It takes that
//! no other thread of the process would receive the signal instead: each that kz starts leaves them to the main one
//! ([`crate::signals::leave_stops_to_others`]).

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::signals::STOPS;

/// Signals are held back until this is dropped, and have their effect then.
#[must_use]
pub(super) struct Deferred {
    before: Option<SigSet>,
}

impl Deferred {
    pub(super) fn begin() -> Self {
        let stops: SigSet = STOPS.into_iter().collect();
        Self { before: stops.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok() }
    }

    /// What came so far takes effect, and what comes during `wait` does at once.
    pub(super) fn suspended(&self, wait: impl FnOnce()) {
        let held_back = self.before.as_ref().map(|before| before.thread_swap_mask(SigmaskHow::SIG_SETMASK));
        wait();
        if let Some(Ok(held_back)) = held_back {
            let _ = held_back.thread_set_mask();
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = before.thread_set_mask();
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::*;

    #[test]
    fn stop_requests_wait_and_the_mask_is_restored() {
        let blocked = || STOPS.map(|stop| SigSet::thread_get_mask().unwrap().contains(stop));
        assert_eq!(blocked(), [false; 3]);
        let deferred = Deferred::begin();
        assert_eq!(blocked(), [true; 3]);
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGQUIT));
        deferred.suspended(|| assert_eq!(blocked(), [false; 3]));
        assert_eq!(blocked(), [true; 3]);
        drop(deferred);
        assert_eq!(blocked(), [false; 3]);
    }
}
