//! Becoming CMD: its environment, its arguments, and execve.
//!
//! Invariants: kz does not stay behind, so CMD has kz's process id and gets its signals itself; the
//! signal dispositions and the core-dump protection that kz set for itself are not passed on; the only
//! `unsafe` of kz is in this module.

pub mod env_file;
pub mod environment;

use std::convert::Infallible;
use std::ffi::CString;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigHandler, Signal};

/// Why CMD did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nowhere to be found: exit code 127.
    NotFound,
    /// Found, but not to be run: exit code 126.
    NotExecutable(Errno),
    /// The kernel took neither arguments nor environment: exit code 125.
    TooBig,
}

/// Replaces this process. Returns only when that fails.
pub fn replace(arguments: &[CString], environment: &[CString]) -> Result<Infallible, Refused> {
    let Some(program) = arguments.first() else { return Err(Refused::NotFound) };
    restore_sigpipe();
    // Searches PATH as kz was given it, also when CMD gets another.
    match nix::unistd::execvpe(program, arguments, environment) {
        Ok(never) => Ok(never),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Err(Refused::NotFound),
        Err(Errno::E2BIG) => Err(Refused::TooBig),
        Err(errno) => Err(Refused::NotExecutable(errno)),
    }
}

/// The stack limit that bounds arguments and environment, in bytes.
pub fn stack_limit() -> u64 {
    getrlimit(Resource::RLIMIT_STACK).map_or(8 << 20, |(soft, _)| soft)
}

/// Keeps secrets out of core files and away from tracers of the same uid. execve undoes it, so CMD
/// can be debugged as ever.
pub fn forbid_core_dumps() {
    // Fails on no kernel that kz runs on; where it did, the secrets would be as exposed as CMD's are anyway.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Rust ignores SIGPIPE in its own process; CMD must not inherit that, or `yes | head` never ends.
fn restore_sigpipe() {
    set_handler(Signal::SIGPIPE, SigHandler::SigDfl);
}

/// As PID 1 a process gets no default actions: without this, `docker stop` of a kz that waits takes
/// ten seconds. execve resets handlers, so CMD does not see them.
pub fn end_on_signals() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        set_handler(signal, SigHandler::Handler(end));
    }
}

#[expect(unsafe_code, reason = "signal handlers")]
fn set_handler(signal: Signal, handler: SigHandler) {
    // SAFETY: the handlers set are SIG_DFL and `end`, which only calls _exit, an async-signal-safe function.
    let _ = unsafe { nix::sys::signal::signal(signal, handler) };
}

#[expect(unsafe_code, reason = "destructors must not run in a signal handler")]
extern "C" fn end(signal: nix::libc::c_int) {
    // SAFETY: _exit is async-signal-safe (signal-safety(7)) and takes any status.
    unsafe { nix::libc::_exit(128 + signal) }
}
