//! One execve, with everything that it takes made before: between fork and execve nothing may be allocated.
//!
//! Not execvp: of the C libraries that kz is built with, one runs a file without `#!` by a shell.

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;

/// The files that may be the program, and what it is given. No `Debug`: it holds values.
pub(super) struct Call<'a> {
    candidates: Vec<CString>,
    /// Both end with a null pointer, and point into what they are made of.
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// Descriptors that the program is to have.
    open: Vec<RawFd>,
    of: PhantomData<&'a CStr>,
}

impl<'a> Call<'a> {
    /// The first of these files that can be executed, with these words and variables.
    pub(super) fn of(
        candidates: Vec<CString>,
        arguments: &'a [CString],
        environment: &'a [CString],
        open: Vec<RawFd>,
    ) -> Self {
        let pointers = |strings: &'a [CString]| {
            strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(arguments), pointers(environment));
        Self { candidates, arguments, environment, open, of: PhantomData }
    }

    /// The files that may be the program.
    pub(super) fn candidates(&self) -> &[CString] {
        &self.candidates
    }

    /// How many files may be the program.
    pub(super) fn files(&self) -> usize {
        self.candidates.len()
    }

    /// Becomes the program. Returns only when that fails, and has told why of each file that it tried. Async-signal-safe where
    /// `failed` is.
    #[expect(unsafe_code, reason = "execve allocates nothing, which nix's does")]
    pub(super) fn execute(&self, mut failed: impl FnMut(Errno)) {
        for descriptor in &self.open {
            // SAFETY: F_SETFD takes any number.
            unsafe { libc::fcntl(*descriptor, libc::F_SETFD, 0) };
        }
        for candidate in &self.candidates {
            // SAFETY: both lists end with a null pointer, and what they point to lives as long as this.
            unsafe {
                libc::execve(candidate.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr());
            }
            let errno = Errno::last();
            failed(errno);
            // Another directory may have one that can be executed.
            if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) {
                return;
            }
        }
    }
}
