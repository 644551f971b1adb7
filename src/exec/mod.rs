//! CMD (`child`), the files that it is told of, and the process and the program that kz itself is.
//!
//! Invariants: kz does not stay behind, so CMD has kz's process id and gets its signals itself, unless kz supervises it (`spawn`,
//! `supervise`); the signal dispositions (`inherited`) and the core-dump protection that kz set for itself are not passed on; beside
//! `signals`, `unsafe` is in this module alone, with that of its heap (`memory`).

pub mod action;
mod call;
pub mod child;
pub mod env_file;
pub mod environment;
pub mod inherited;
mod look;
pub mod memory;
pub mod memory_file;
pub mod program;
pub mod spawn;
pub mod supervise;

use nix::sys::signal::{SigHandler, Signal};

/// Keeps secrets out of core files and away from tracers of the same uid. execve undoes it, so CMD
/// can be debugged as ever.
pub fn forbid_core_dumps() {
    // Fails on no kernel that kz runs on; where it did, the secrets would be as exposed as CMD's are anyway.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Dies of SIGPIPE, like a program whose reader has gone, for which shells have no message. PID 1 does not die of it, and
/// gets the exit code instead that a shell would see. `None` where kz was started with that signal ignored: then a
/// reader that has gone is an error, as it is for others.
pub fn end_by_closed_pipe() -> Option<u8> {
    if inherited::is_ignored(Signal::SIGPIPE) {
        return None;
    }
    // Rust ignores it.
    set_handler(Signal::SIGPIPE, SigHandler::SigDfl);
    let _ = nix::sys::signal::raise(Signal::SIGPIPE);
    Some(141)
}

/// As PID 1 a process gets no default actions: without this, `docker stop` of a kz that waits takes
/// ten seconds. execve resets handlers, so CMD does not see them.
pub fn end_on_signals() {
    let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
    for signal in signals.into_iter().filter(|signal| !inherited::is_ignored(*signal)) {
        set_handler(signal, SigHandler::Handler(end));
    }
}

/// Undoes that for a signal which somebody is going to hear.
pub fn take_back(signal: Signal) {
    if !inherited::is_ignored(signal) {
        set_handler(signal, SigHandler::SigDfl);
    }
}

#[expect(unsafe_code, reason = "signal handlers")]
fn set_handler(signal: Signal, handler: SigHandler) {
    // SAFETY: the handlers set are SIG_DFL, SIG_IGN, one that does nothing, and `end`, which only calls _exit, an
    // async-signal-safe function.
    let _ = unsafe { nix::sys::signal::signal(signal, handler) };
}

#[expect(unsafe_code, reason = "destructors must not run in a signal handler")]
extern "C" fn end(signal: nix::libc::c_int) {
    // SAFETY: _exit is async-signal-safe (signal-safety(7)) and takes any status.
    unsafe { nix::libc::_exit(128 + signal) }
}
