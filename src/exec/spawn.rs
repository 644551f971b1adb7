//! CMD as a child of kz's: in kz's own process group and session, with the signals that kz was started with.
//!
//! Invariants: whether it has started is known when this returns; the witness knows of it before it is CMD; between fork and
//! execve there are system calls only. It ends with kz (`signals/witness.rs`), and by the kernel where that does not forget it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, pipe2};

use crate::signals::heard::swap;
use crate::signals::witness::Door;

use super::call::Call;
use super::child::{Child, Refused};
use super::inherited;

/// What a child is to have beside its words and its environment.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// kz's own PATH, on which the program is looked for.
    pub path: Option<&'a OsStr>,
    /// Which signals it holds back.
    pub mask: u64,
    /// Where it says that it is there.
    pub door: Door,
    /// By which the kernel tells it that kz has ended.
    pub ends_by: i32,
}

/// What a child does to be one.
struct Birth<'a> {
    call: &'a Call<'a>,
    kz: Pid,
    said: RawFd,
    /// As many as there are files, so that nothing is allocated.
    failed: Vec<i32>,
    of: Surroundings<'a>,
}

/// Starts CMD; its number.
#[expect(unsafe_code, reason = "fork")]
pub fn spawn(child: &Child, of: Surroundings<'_>) -> Result<Pid, Refused> {
    let call = child.call(of.path).ok_or(Refused::NotFound)?;
    let (listens, says) = pipe2(OFlag::O_CLOEXEC).map_err(Refused::NotStarted)?;
    let failed = Vec::with_capacity(call.files());
    let birth = Birth { call: &call, kz: getpid(), said: says.as_raw_fd(), failed, of };
    // No handler of kz's runs in the child.
    let before = swap(libc::SIG_SETMASK, u64::MAX);
    // SAFETY: the child makes system calls only.
    let forked = unsafe { fork() };
    if let Ok(ForkResult::Child) = forked {
        birth.become_it();
    }
    swap(libc::SIG_SETMASK, before);
    drop(says);
    let pid = match forked.map_err(Refused::NotStarted)? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => unreachable!("it does not return"),
    };
    let mut said = Vec::new();
    let read = File::from(listens).read_to_end(&mut said);
    if said.is_empty() && read.is_ok() {
        return Ok(pid);
    }
    let _ = waitpid(pid, None);
    let (numbers, _) = said.as_chunks::<4>();
    let failed: Vec<Errno> =
        numbers.iter().map(|number| Errno::from_raw(i32::from_ne_bytes(*number))).collect();
    Err(Refused::of(&call, &failed))
}

impl Birth<'_> {
    #[expect(unsafe_code, reason = "between fork and execve")]
    fn become_it(mut self) -> ! {
        // SAFETY: system calls only.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, self.of.ends_by);
            if getppid() != self.kz {
                libc::_exit(125);
            }
            self.of.door.enter();
            take_handlers_away();
            inherited::restore();
            swap(libc::SIG_SETMASK, self.of.mask);
            self.call.execute(|errno| self.failed.push(errno as i32));
            // Now that no file is it: a file that is not there is no failure where the next one is.
            libc::write(self.said, self.failed.as_ptr().cast(), size_of_val(&*self.failed));
            libc::_exit(127)
        }
    }
}

/// execve would do so too, but until then a signal would run what is kz's.
#[expect(unsafe_code, reason = "nix changes a disposition to read it")]
unsafe fn take_handlers_away() {
    for signal in 1..=64 {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: without a new action sigaction changes nothing, and fills the old one when it returns 0.
        unsafe {
            if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
                && ![libc::SIG_IGN, libc::SIG_DFL].contains(&action.assume_init_ref().sa_sigaction)
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}
