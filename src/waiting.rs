//! Waiting in the kernel: for a descriptor that takes bytes, and for time to pass.
//!
//! Invariants: nothing here panics or spins, whatever the system refuses; a descriptor that its other users
//! have made non-blocking is waited for like any other, and what it said is an error of its own, `EBADF` too, which
//! the standard library's stdout takes for success.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::write;

/// Writes all of it.
pub fn write_all(descriptor: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    let descriptor = descriptor.as_fd();
    while !bytes.is_empty() {
        match write(descriptor, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => until_writable(descriptor)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// As a write to a blocking descriptor would.
fn until_writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    match poll(&mut [PollFd::new(descriptor, PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Lets this much time pass, or less when a signal comes. `std::thread::sleep` panics where the system refuses to sleep.
pub fn pause(time: Duration) {
    let slept = clock_nanosleep(
        ClockId::CLOCK_MONOTONIC,
        ClockNanosleepFlags::empty(),
        &TimeSpec::from_duration(time),
    );
    if !matches!(slept, Ok(_) | Err(Errno::EINTR)) {
        let milliseconds = u16::try_from(time.as_millis()).unwrap_or(u16::MAX);
        let _ = poll(&mut [], PollTimeout::from(milliseconds));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    use super::*;

    #[test]
    fn a_pipe_that_does_not_block_gets_every_byte() {
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let bytes = vec![7; 1 << 20];
        let read = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        write_all(&writer, &bytes).unwrap();
        drop(writer);
        assert!(read.join().unwrap() == bytes);
    }

    #[test]
    fn a_descriptor_that_is_not_for_writing_is_an_error() {
        let (reader, _writer) = io::pipe().unwrap();
        let error = write_all(&reader, b"x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EBADF as i32));
    }
}
