//! Signals to processes that kz did not start: those of containers that share its process namespace.
//!
//! Invariants: a signal goes to the process that was found, and to none that has taken its number since (`pidfd_open`, Linux
//! 5.3); where a name means several, it goes to none.

use std::fs::{read_dir, read_to_string};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;

/// A process that was found.
#[derive(Debug)]
pub struct Other {
    descriptor: OwnedFd,
    pid: i32,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfound {
    /// No process has this name or number.
    None,
    /// So many have it, and none of them started the others.
    Several(usize),
    /// The kernel does not say, or does not let kz.
    System(Errno),
}

impl Other {
    /// The process with this number, or the one with this name (as in `/proc/PID/comm`): of several the one that is not
    /// started by another of them, as a server that forks has it.
    pub fn find(name: &str) -> Result<Self, Unfound> {
        if let Ok(pid) = name.parse::<i32>() {
            return Self::open(pid);
        }
        let pids = pids(name);
        let is_first = |pid: &&i32| parent(**pid).is_none_or(|parent| !pids.contains(&parent));
        let first: Vec<i32> = pids.iter().filter(is_first).copied().collect();
        match first[..] {
            [] => Err(Unfound::None),
            [pid] => {
                let found = Self::open(pid)?;
                // It may have ended, and another have its number, until it was opened.
                if is_named(pid, name) { Ok(found) } else { Err(Unfound::None) }
            }
            _ => Err(Unfound::Several(first.len())),
        }
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) -> Result<(), Errno> {
        send(self.descriptor.as_raw_fd(), signal)
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    #[expect(unsafe_code, reason = "there is no wrapper of pidfd_open")]
    fn open(pid: i32) -> Result<Self, Unfound> {
        // SAFETY: pidfd_open takes any number, and returns a new descriptor or -1.
        let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        match (Errno::result(opened), i32::try_from(opened)) {
            (Ok(_), Ok(descriptor)) => {
                // SAFETY: the descriptor was opened just now, and nobody else has it.
                Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) }, pid })
            }
            (Err(Errno::ESRCH | Errno::EINVAL), _) => Err(Unfound::None),
            (Err(errno), _) => Err(Unfound::System(errno)),
            (Ok(_), Err(_)) => Err(Unfound::System(Errno::EBADF)),
        }
    }
}

#[expect(unsafe_code, reason = "there is no wrapper of pidfd_send_signal")]
fn send(descriptor: libc::c_int, signal: Signal) -> Result<(), Errno> {
    let nothing = std::ptr::null_mut::<libc::siginfo_t>();
    // SAFETY: without information of its own the call takes the null pointer.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal as libc::c_int, nothing, 0) };
    Errno::result(sent).map(drop)
}

/// The processes of this name. Without `/proc` there is none.
fn pids(name: &str) -> Vec<i32> {
    let entries = read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = i32::try_from(std::process::id()).ok();
    pids.filter(|pid| Some(*pid) != own && is_named(*pid, name)).collect()
}

fn is_named(pid: i32, name: &str) -> bool {
    // The kernel keeps 15 bytes of a name.
    let kept = name.get(..15).unwrap_or(name);
    read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end_matches('\n') == kept)
}

/// Who started it: the fourth field, behind the name in parentheses, which may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process of this name that waits.
    fn sleeper(directory: &std::path::Path, name: &str) -> Child {
        let program = directory.join(name);
        if !program.exists() {
            std::fs::copy("/bin/sleep", &program).unwrap();
        }
        Command::new(program).arg("600").spawn().unwrap()
    }

    #[test]
    fn one_of_a_name_is_found_and_told_and_of_several_none() {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("kzt{}", std::process::id());
        assert_eq!(Other::find(&name).unwrap_err(), Unfound::None);
        let mut one = sleeper(directory.path(), &name);
        while !is_named(i32::try_from(one.id()).unwrap(), &name) {
            std::thread::yield_now();
        }
        let found = Other::find(&name).unwrap();
        assert_eq!(u32::try_from(found.pid()).unwrap(), one.id());
        let mut two = sleeper(directory.path(), &name);
        while !is_named(i32::try_from(two.id()).unwrap(), &name) {
            std::thread::yield_now();
        }
        assert_eq!(Other::find(&name).unwrap_err(), Unfound::Several(2));
        assert_eq!(Other::find(&two.id().to_string()).unwrap().send(Signal::SIGTERM), Ok(()));
        two.wait().unwrap();
        found.send(Signal::SIGTERM).unwrap();
        one.wait().unwrap();
        assert_eq!(found.send(Signal::SIGTERM), Err(Errno::ESRCH), "nobody else gets it");
    }
}
