//! Becoming CMD: its environment, its arguments, and execve; and the program that kz itself is.
//!
//! Invariants: kz does not stay behind, so CMD has kz's process id and gets its signals itself; the
//! signal dispositions (`inherited`) and the core-dump protection that kz set for itself are not passed on; beside
//! `signals`, `unsafe` is in this module alone, with that of its heap (`memory`).

pub mod env_file;
pub mod environment;
pub mod inherited;
mod look;
pub mod memory;
pub mod memory_file;
pub mod program;

pub use look::Needed;

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigHandler, Signal};

/// Why CMD did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nowhere to be found: exit code 127.
    NotFound,
    /// Found, and what it needs to run is not there: 127 too, as of every shell.
    Needs(Needed),
    /// A program for another kind of machine: exit code 126.
    OtherMachine(String),
    /// Neither a program nor a script with a `#!` line: exit code 126.
    NoProgram,
    /// Found, but not to be run: exit code 126.
    NotExecutable(Errno),
    /// The kernel took neither arguments nor environment: exit code 125.
    TooBig,
}

/// Where programs are looked for when PATH is unset, as in a container without one.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Replaces this process by the first program of that name on `path`, which is kz's own PATH, also when
/// CMD gets another. Returns only when that fails.
///
/// Not execvp: of the C libraries that kz is built with, one runs a file without `#!` by a shell.
pub fn replace(
    arguments: &[CString],
    environment: &[CString],
    path: Option<&OsStr>,
) -> Result<Infallible, Refused> {
    let Some(program) = arguments.first() else { return Err(Refused::NotFound) };
    inherited::restore();
    let mut refused = Refused::NotFound;
    for candidate in candidates(program, path.map_or(DEFAULT_PATH, OsStrExt::as_bytes)) {
        match nix::unistd::execve(&candidate, arguments, environment) {
            Ok(never) => return Ok(never),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {
                refused = look::needed(&candidate).map_or(refused, Refused::Needs);
            }
            Err(Errno::ENOEXEC) => {
                return Err(look::other_machine(&candidate).map_or(Refused::NoProgram, Refused::OtherMachine));
            }
            // Another directory may have one that can be executed.
            Err(Errno::EACCES) => refused = Refused::NotExecutable(Errno::EACCES),
            Err(Errno::E2BIG) => return Err(Refused::TooBig),
            Err(errno) => return Err(Refused::NotExecutable(errno)),
        }
    }
    Err(refused)
}

/// Whether [`replace`] would find a program, as far as can be told without starting it.
pub fn look_for(arguments: &[CString], path: Option<&OsStr>) -> Result<(), Refused> {
    let Some(program) = arguments.first() else { return Err(Refused::NotFound) };
    let mut refused = Refused::NotFound;
    for candidate in candidates(program, path.map_or(DEFAULT_PATH, OsStrExt::as_bytes)) {
        match look::executable(&candidate) {
            Ok(()) => return Ok(()),
            Err(Errno::EACCES) => refused = Refused::NotExecutable(Errno::EACCES),
            Err(_) => refused = look::needed(&candidate).map_or(refused, Refused::Needs),
        }
    }
    Err(refused)
}

/// The files that a program's name may mean (execvp(3)): itself when it has a slash, else one a directory.
fn candidates(program: &CStr, path: &[u8]) -> Vec<CString> {
    let name = program.to_bytes();
    if name.contains(&b'/') {
        return vec![program.to_owned()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    let in_directory = |directory: &[u8]| match directory {
        b"" => CString::new(name),
        directory => CString::new([directory, b"/", name].concat()),
    };
    path.split(|&byte| byte == b':').filter_map(|directory| in_directory(directory).ok()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn files(program: &CStr, path: &str) -> Vec<String> {
        let files = candidates(program, path.as_bytes());
        files.into_iter().map(|file| file.into_string().unwrap()).collect()
    }

    #[test]
    fn a_name_is_looked_for_in_every_directory_and_a_path_is_not() {
        assert_eq!(files(c"sh", "/a::/b/"), ["/a/sh", "sh", "/b//sh"]);
        assert_eq!(files(c"./sh", "/a"), ["./sh"]);
        assert_eq!(files(c"", "/a"), [""; 0]);
    }
}
