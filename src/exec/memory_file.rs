//! A value as an open file that lies in no file system: a sealed memfd, which CMD inherits.
//!
//! Invariants: no other program that kz starts has it (`close-on-exec` until CMD's own start); it is complete and sealed before its number is told to anybody, so that nobody who has it can change
//! what another reads; whoever inherits it can read it, also after it changed its uid, as entrypoints do. It is
//! lost where a program closes the descriptors that it does not know.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};

use crate::secret::Secret;

/// Shells keep descriptors of their own from 10 on, and scripts name those below.
const FIRST: RawFd = 20;

/// `MFD_NOEXEC_SEAL`: since Linux 6.3, and demanded where `vm.memfd_noexec` is 2.
const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(0x8);

/// The system has no such file for a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{name}` cannot be put into a memory file: {}", errno.desc().to_lowercase())]
pub struct Error {
    /// The secret.
    pub name: String,
    /// What the system said.
    pub errno: Errno,
}

/// Puts a value into a file of its own, for CMD to have open; where CMD finds it.
pub fn hand_over(name: &str, value: &Secret) -> Result<(String, OwnedFd), Error> {
    let error = |errno| Error { name: name.to_owned(), errno };
    let file = create(name).map_err(error)?;
    let descriptor = fill(&file, value).map_err(error)?;
    Ok((format!("/proc/self/fd/{}", descriptor.as_raw_fd()), descriptor))
}

fn create(name: &str) -> Result<File, Errno> {
    let flags = MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_CLOEXEC;
    // A name is cut to what the kernel takes; it is only for a person who looks at /proc.
    let name = &name[..name.len().min(200)];
    let file = memfd_create(name, flags | NOEXEC_SEAL).or_else(|errno| match errno {
        Errno::EINVAL => memfd_create(name, flags),
        errno => Err(errno),
    })?;
    Ok(File::from(file))
}

/// It, at the number at which CMD has it.
#[expect(unsafe_code, reason = "nix tells a number")]
fn fill(mut file: &File, value: &Secret) -> Result<OwnedFd, Errno> {
    file.write_all(value.expose())
        .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    // Each opening of /proc/self/fd/N asks for permission anew, and an entrypoint may have dropped its uid.
    fchmod(file, Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH)?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(file, FcntlArg::F_ADD_SEALS(seals))?;
    // EINVAL: the limit of descriptors lies below FIRST (fcntl(2)).
    let number = fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(FIRST))
        .map_err(|errno| if errno == Errno::EINVAL { Errno::EMFILE } else { errno })?;
    // SAFETY: the kernel has just given this number to kz, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::{Read as _, Seek as _};

    #[test]
    fn what_is_handed_over_is_read_whole_by_each_reader_and_written_by_none() {
        let value = Secret::new(vec![0xff; 300_000]);
        let (path, _open) = hand_over("A", &value).unwrap();
        for _ in 0..2 {
            let mut read = Vec::new();
            File::open(&path).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, value.expose());
        }
        let number: i32 = path.rsplit('/').next().unwrap().parse().unwrap();
        assert!(number >= FIRST);
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut file| {
            file.rewind()?;
            file.write_all(b"x")
        });
        assert!(written.is_err());
    }
}
