//! What the program that started kz had set, and CMD is to have: which signals are ignored, which descriptors closed.
//!
//! It is looked at before `main`, because Rust's runtime then ignores SIGPIPE and opens /dev/null in the place
//! of a closed stdout. Invariants: a signal that was ignored at the start stays so, in kz too, and CMD finds every signal as kz
//! did; a write beyond a limit of file sizes is an error (`EFBIG`) and ends nobody. This is the one global state
//! beside the allocator: it is written once, before there is a second thread or anything of kz.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::libc;
use nix::sys::signal::{SigHandler, Signal};

/// The signals that kz, Rust or an event loop sets.
const SIGNALS: [Signal; 7] = [
    Signal::SIGPIPE,
    Signal::SIGXFSZ,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGCHLD,
];

/// A bit for the number of each signal that was ignored.
static IGNORED: AtomicU64 = AtomicU64::new(0);
static STDOUT_IS_CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
#[expect(unsafe_code, reason = "there is no other way to run before Rust's runtime")]
// SAFETY: the C library calls each function of this section once, with arguments that `look` leaves alone, before
// `main` and while there is one thread.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[expect(unsafe_code, reason = "nix changes a disposition to read it")]
extern "C" fn look() {
    let ignored = SIGNALS.into_iter().filter(|signal| {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action sigaction changes nothing, and fills the old one when it returns 0.
        unsafe {
            libc::sigaction(*signal as libc::c_int, std::ptr::null(), action.as_mut_ptr()) == 0
                && action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    });
    IGNORED.store(ignored.map(bit).sum(), Ordering::Relaxed);
    // SAFETY: F_GETFD takes any number and changes nothing.
    let is_closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1;
    STDOUT_IS_CLOSED.store(is_closed, Ordering::Relaxed);
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as u64)
}

/// Whether kz was started with this signal ignored, as `nohup` and systemd do it.
pub fn is_ignored(signal: Signal) -> bool {
    IGNORED.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Whether kz was started without a stdout: what is written there now goes nowhere.
pub fn stdout_is_closed() -> bool {
    STDOUT_IS_CLOSED.load(Ordering::Relaxed)
}

/// Gives every signal the disposition that kz was started with. Handlers need no care: execve takes them away.
pub(super) fn restore() {
    for signal in SIGNALS {
        if is_ignored(signal) {
            super::set_handler(signal, SigHandler::SigIgn);
        } else if signal == Signal::SIGPIPE {
            super::set_handler(signal, SigHandler::SigDfl);
        }
    }
}

/// Lets a write beyond a limit of file sizes fail instead of ending kz. By a handler, which no program that
/// kz starts inherits.
pub fn survive_size_limit() {
    if !is_ignored(Signal::SIGXFSZ) {
        super::set_handler(Signal::SIGXFSZ, SigHandler::Handler(go_on));
    }
}

extern "C" fn go_on(_: libc::c_int) {}
