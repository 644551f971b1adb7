//! Reads a file of this machine, bounded: the one way in which kz reads what somebody else names.
//!
//! Invariants: only regular files, found out on the open descriptor, and opened so that neither a FIFO nor a
//! device can make kz wait; never more than the caller's limit. A pipe, as `<(…)` makes one, is read where a credential
//! is read once: until its writer closes it, the limit or the deadline. Absent, denied and unfit are told apart;
//! nothing here looks at the content but for its byte order mark, and no message contains any. What stands where a path
//! belongs, names no file and looks like a credential is not repeated.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::literal;
use crate::secret::Secret;
use crate::size::Size;

/// Why a file was not read. `Display` continues a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Nothing has that name.
    #[error("does not exist")]
    Absent,
    /// Its mode, or a directory's above it, does not let this uid.
    #[error("may not be read by uid {uid}: {}", owner.as_ref().map_or_else(no_entry, Ownership::words))]
    Denied {
        /// Ours.
        uid: u32,
        /// Whose it is, where that can be seen.
        owner: Option<Ownership>,
    },
    /// It is a directory.
    #[error("is a directory")]
    Directory,
    /// It is neither file nor directory.
    #[error("is {0}, not a regular file")]
    Special(&'static str),
    /// It is a pipe that nobody has open for writing, or nobody any more.
    #[error("is a pipe that nobody writes to")]
    Unwritten,
    /// It is a pipe whose writer has not closed it by the deadline.
    #[error("is a pipe whose writer does not end")]
    Endless,
    /// It is longer than what is read there.
    #[error("has more than {}", Size(*.0))]
    TooLarge(u64),
    /// It is text, in another encoding than all others.
    #[error("begins with the byte order mark of UTF-16, and kz reads UTF-8")]
    Utf16,
    /// The system says something else.
    #[error("cannot be read: {0}")]
    Broken(String),
}

/// Whose a file is that may not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
}

impl Ownership {
    /// Of the file that could not be opened for this reason, where that is its mode and it may be looked at.
    pub fn of(path: &Path, refused: &io::Error) -> Option<Self> {
        let metadata = || std::fs::metadata(path).ok();
        let found = (refused.kind() == io::ErrorKind::PermissionDenied).then(metadata)??;
        Some(Self { uid: found.uid(), mode: found.mode() & 0o7777 })
    }

    /// As in "it belongs to uid 0 with mode 0400".
    pub fn words(&self) -> String {
        format!("it belongs to uid {} with mode {:04o}", self.uid, self.mode)
    }
}

fn no_entry() -> String {
    "a directory above it may not be entered".into()
}

/// The whole file, when it is a regular one of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Secret, Unreadable> {
    let (file, metadata) = open(path)?;
    if metadata.file_type().is_fifo() {
        return Err(Unreadable::Special("a pipe"));
    }
    read_open(file, &metadata, limit)
}

/// The same of a credential, which may come through a pipe, and whose byte order mark is no part of it.
pub fn read_credential(path: &Path, limit: u64, until: Instant) -> Result<Secret, Unreadable> {
    let (file, metadata) = open(path)?;
    let content = if metadata.file_type().is_fifo() {
        drain(file, limit, until)?
    } else {
        read_open(file, &metadata, limit)?
    };
    match content.expose() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(Unreadable::Utf16),
        marked => match unmarked(marked) {
            text if text.len() < marked.len() => Ok(Secret::new(text.to_vec())),
            _ => Ok(content),
        },
    }
}

/// A text without the byte order mark that editors put before it, which is no part of it. Of bytes that may be no text, as the
/// whole value of a file, it is a part.
pub fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

fn open(path: &Path) -> Result<(File, Metadata), Unreadable> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| unopened(path, &error))?;
    let metadata = file.metadata().map_err(|error| broken(&error))?;
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() || kind.is_fifo() => Ok((file, metadata)),
        () if kind.is_dir() => Err(Unreadable::Directory),
        () => Err(Unreadable::Special("a device")),
    }
}

/// Reads to the end, since files in /proc and /sys are longer than they say.
fn read_open(file: File, metadata: &Metadata, limit: u64) -> Result<Secret, Unreadable> {
    if metadata.len() > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    // With room to spare the buffer is neither moved while it grows, nor filled by way of the stack.
    let capacity = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(64);
    let mut content = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
    if content.len() as u64 > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    Ok(Secret::new(std::mem::take(&mut *content)))
}

/// What a pipe's writer has written when it closes it.
fn drain(mut pipe: File, limit: u64, until: Instant) -> Result<Secret, Unreadable> {
    let mut content = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new([0; 4096]);
    loop {
        match pipe.read(&mut *part) {
            Ok(0) if content.is_empty() => return Err(Unreadable::Unwritten),
            Ok(0) => return Ok(Secret::new(std::mem::take(&mut *content))),
            Ok(read) => content.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&pipe, until)?,
            Err(error) => return Err(broken(&error)),
        }
        if content.len() as u64 > limit {
            return Err(Unreadable::TooLarge(limit));
        }
    }
}

/// Ends when there is something to read, or nobody left to write.
fn wait(pipe: &File, until: Instant) -> Result<(), Unreadable> {
    let left = until.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match nix::poll::poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(0) => Err(Unreadable::Endless),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Unreadable::Broken(errno.desc().to_lowercase())),
    }
}

/// A path as messages name it.
pub fn quoted(path: &Path) -> String {
    if may_be_credential(path) { literal::HIDDEN.to_owned() } else { format!("`{}`", path.display()) }
}

/// Whether what stands where a path belongs is no path, but what a file was to hold. As much of a path as there is
/// names something, so only what follows is looked at.
pub fn may_be_credential(path: &Path) -> bool {
    let there = path.ancestors().find(|above| above.symlink_metadata().is_ok());
    let rest = there.and_then(|there| path.strip_prefix(there).ok()).unwrap_or(path);
    let text = rest.to_string_lossy();
    literal::may_be_credential(&text) || text.contains(['\n', '{'])
}

fn unopened(path: &Path, error: &io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Absent,
        io::ErrorKind::PermissionDenied => {
            Unreadable::Denied { uid: nix::unistd::geteuid().as_raw(), owner: Ownership::of(path, error) }
        }
        // What open(2) says to a socket, and of a name that is longer than any.
        _ if error.raw_os_error() == Some(Errno::ENXIO as i32) => Unreadable::Special("a socket"),
        _ if error.raw_os_error() == Some(Errno::ENAMETOOLONG as i32) => Unreadable::Absent,
        _ if error.kind() == io::ErrorKind::InvalidInput => Unreadable::Absent,
        _ => broken(error),
    }
}

fn broken(error: &io::Error) -> Unreadable {
    let words = error.raw_os_error().map_or("unexpected error", |number| Errno::from_raw(number).desc());
    Unreadable::Broken(words.to_lowercase())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the tests make the files that are read")]

    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
            std::fs::write(self.path(name), content).unwrap();
            self.path(name)
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn the_bytes_are_exact() {
        let files = Files::new();
        let path = files.file("value", b"\0\xff tail\n");
        assert_eq!(read(&path, 100).unwrap().expose(), b"\0\xff tail\n");
    }

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_not() {
        let files = Files::new();
        let path = files.file("value", [7; 4096]);
        assert_eq!(read(&path, 4096).unwrap().expose().len(), 4096);
        assert_eq!(read(&path, 4095), Err(Unreadable::TooLarge(4095)));
    }

    #[test]
    fn a_file_that_understates_its_length_is_read_whole_within_the_limit() {
        let path = Path::new("/proc/self/mountinfo");
        assert!(!read(path, 1 << 20).unwrap().expose().is_empty());
        assert_eq!(read(path, 10), Err(Unreadable::TooLarge(10)));
    }

    #[test]
    fn nothing_there_is_absent_also_below_a_file_and_by_a_name_that_cannot_be() {
        let files = Files::new();
        let path = files.file("value", b"x");
        let long = "x".repeat(300);
        for absent in [files.path("other"), path.join("below"), files.path(&long), PathBuf::from("a\0b")] {
            assert_eq!(read(&absent, 10), Err(Unreadable::Absent), "{absent:?}");
        }
    }

    #[test]
    fn a_pipe_a_socket_a_device_and_a_directory_are_refused_without_waiting() {
        let files = Files::new();
        nix::unistd::mkfifo(&files.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(files.path("socket")).unwrap();
        let far = Instant::now() + Duration::from_hours(1);
        assert_eq!(read(&files.path("fifo"), 10), Err(Unreadable::Special("a pipe")));
        assert_eq!(read_credential(&files.path("fifo"), 10, far), Err(Unreadable::Unwritten));
        for (path, refused) in [
            (files.path("socket"), Unreadable::Special("a socket")),
            ("/dev/null".into(), Unreadable::Special("a device")),
            ("/dev/zero".into(), Unreadable::Special("a device")),
            (files.path("."), Unreadable::Directory),
        ] {
            assert_eq!(read(&path, 10), Err(refused.clone()));
            assert_eq!(read_credential(&path, 10, far), Err(refused));
        }
    }

    #[test]
    fn a_credential_comes_through_a_pipe_whole_bounded_and_by_the_deadline() {
        let pipe = |content: &'static [u8]| {
            let (reader, writer) = nix::unistd::pipe().unwrap();
            let mut writer = File::from(writer);
            writer.write_all(content).unwrap();
            (PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd())), reader, writer)
        };
        let (path, _reader, writer) = pipe(b"hunter2\n");
        drop(writer);
        assert_eq!(read_credential(&path, 10, soon()).unwrap().expose(), b"hunter2\n");
        let (path, _reader, _writer) = pipe(b"hunter2\n");
        assert_eq!(read_credential(&path, 10, soon()), Err(Unreadable::Endless));
        assert_eq!(read_credential(&path, 10, Instant::now()), Err(Unreadable::Endless));
        let (path, _reader, _writer) = pipe(b"a line of more than ten bytes\n");
        assert_eq!(read_credential(&path, 10, soon()), Err(Unreadable::TooLarge(10)));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_credential_and_of_a_value_it_is() {
        let files = Files::new();
        let path = files.file("token", b"\xef\xbb\xbft\n");
        assert_eq!(read_credential(&path, 10, soon()).unwrap().expose(), b"t\n");
        assert_eq!(read(&path, 10).unwrap().expose(), b"\xef\xbb\xbft\n");
        for mark in [b"\xff\xfet\0", b"\xfe\xff\0t"] {
            let path = files.file("token", mark);
            assert_eq!(read_credential(&path, 10, soon()), Err(Unreadable::Utf16));
        }
    }

    #[test]
    fn a_loop_of_links_is_said_in_lower_case() {
        let files = Files::new();
        std::os::unix::fs::symlink("loop", files.path("loop")).unwrap();
        let words = read(&files.path("loop"), 10).unwrap_err().to_string();
        assert_eq!(words, "cannot be read: too many symbolic links encountered");
    }
}
