//! Process groups that end with kz: what kz starts and gives up on, or leaves, has to end with it.
//!
//! Invariants: a group is ended when its [`Group`] is dropped, and by the signal that ends kz; a signal that kz was told
//! to ignore stays ignored; a handler calls only what signal-safety(7) lists. Beside `exec`, this module alone has
//! `unsafe`.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, sigaction};
use nix::unistd::Pid;

/// More programs than kz runs at once. One that finds no place is still ended by its drop.
const PLACES: usize = 16;

static GROUPS: [AtomicI32; PLACES] = [const { AtomicI32::new(0) }; PLACES];
static WATCHED: Once = Once::new();

/// A process group of which the leader is a child of kz's.
#[derive(Debug)]
#[must_use]
pub struct Group {
    leader: i32,
    place: Option<usize>,
}

impl Group {
    /// The group that this child leads. From now on it ends with kz.
    pub fn of(leader: u32) -> Self {
        WATCHED.call_once(watch);
        let leader = i32::try_from(leader).unwrap_or(0);
        let free =
            |place: &AtomicI32| place.compare_exchange(0, leader, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        Self { leader, place: GROUPS.iter().position(free) }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.leader > 1 {
            // Where nobody is left in it, that is what was wanted.
            let _ = killpg(Pid::from_raw(self.leader), Signal::SIGKILL);
        }
        if let Some(place) = self.place {
            GROUPS[place].store(0, Ordering::SeqCst);
        }
    }
}

/// Ends every group, for who ends kz without dropping anything.
pub fn end_groups() {
    for group in &GROUPS {
        let leader = group.load(Ordering::SeqCst);
        if leader > 1 {
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

#[expect(unsafe_code, reason = "signal handlers")]
fn watch() {
    let action = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        // SAFETY: `end` only does what is async-signal-safe; what was there before is put back where it was SIG_IGN.
        unsafe {
            if let Ok(before) = sigaction(signal, &action)
                && matches!(before.handler(), SigHandler::SigIgn)
            {
                let _ = sigaction(signal, &before);
            }
        }
    }
}

#[expect(unsafe_code, reason = "destructors must not run in a signal handler")]
extern "C" fn end(signal: libc::c_int) {
    end_groups();
    // SAFETY: all of it is async-signal-safe. PID 1 has no default actions, so it ends by itself.
    unsafe {
        if libc::getpid() != 1 {
            libc::signal(signal, libc::SIG_DFL);
            let mut only: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut only);
            libc::sigaddset(&raw mut only, signal);
            libc::raise(signal);
            libc::sigprocmask(libc::SIG_UNBLOCK, &raw const only, std::ptr::null_mut());
        }
        libc::_exit(128 + signal)
    }
}
