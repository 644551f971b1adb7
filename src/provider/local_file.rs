//! Reads a file of this machine into a [`Secret`], for the providers that do.
//!
//! Invariants: only regular files, found out on the open descriptor, and opened so that neither a FIFO nor a
//! device can make kz wait; never more than the caller's limit; absent, denied and unfit are told apart.
//! Nothing here looks at the content, and no message contains any.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Absence, Failure, FailureKind, Surroundings};
use crate::log::typed;
use crate::secret::Secret;

/// Where relative paths and `~/` lead.
#[derive(Clone, Debug)]
pub(super) struct Places {
    base: PathBuf,
    home: Option<PathBuf>,
}

impl Places {
    /// As the surroundings have them.
    pub(super) fn of(surroundings: &dyn Surroundings) -> Self {
        let home = surroundings.variable("HOME").map(|home| path_of(&home));
        Self { base: surroundings.base().to_owned(), home: home.filter(|home| home.is_absolute()) }
    }

    /// The path to open for a path as written.
    pub(super) fn locate(&self, written: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        let written = written.as_ref();
        match (written.strip_prefix("~"), &self.home) {
            (Err(_), _) => Ok(self.base.join(written)),
            (Ok(rest), Some(home)) => Ok(home.join(rest)),
            (Ok(_), None) => Err(Failure {
                kind: FailureKind::Misconfigured,
                cause: format!("`{}` starts from `HOME`, which is not set", written.display()),
                hint: Some("write the path from `/`".into()),
            }),
        }
    }
}

/// A path that came as a variable's value, byte for byte.
pub(super) fn path_of(value: &Secret) -> PathBuf {
    std::ffi::OsString::from_vec(value.expose().to_vec()).into()
}

/// Why a file was not read. `Display` continues a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unreadable {
    #[error("does not exist")]
    Absent,
    #[error("may not be read by uid {uid}: {}", owner.as_ref().map_or_else(no_entry, Owner::words))]
    Denied { uid: u32, owner: Option<Owner> },
    #[error("is a directory")]
    Directory,
    #[error("is {0}, not a regular file")]
    Special(&'static str),
    #[error("has more than {} KiB", .0 / 1024)]
    TooLarge(u64),
    #[error("cannot be read: {0}")]
    Broken(String),
}

/// Whose a file is that may not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    mode: u32,
}

impl Owner {
    fn words(&self) -> String {
        format!("it belongs to uid {} with mode {:04o}", self.uid, self.mode)
    }
}

fn no_entry() -> String {
    "a directory above it may not be entered".into()
}

impl Unreadable {
    /// The failure of the provider that needed the file at `path`.
    pub(super) fn failure(&self, path: &Path) -> Failure {
        let kind = match self {
            Self::Absent => FailureKind::Misconfigured,
            Self::Denied { .. } => FailureKind::Denied,
            _ => FailureKind::Malformed,
        };
        Failure { kind, cause: format!("`{}` {self}", path.display()), hint: self.hint(path) }
    }

    fn hint(&self, path: &Path) -> Option<String> {
        match self {
            Self::Denied { owner: Some(owner), uid } if owner.uid != *uid => Some(format!(
                "run kz with `user: \"{}\"`, or as root with `cap_add: [DAC_READ_SEARCH]`",
                owner.uid
            )),
            Self::Denied { owner: Some(_), .. } => Some(format!("`chmod u+r {}`", typed::path(path))),
            Self::Denied { .. } => Some("run kz as root with `cap_add: [DAC_READ_SEARCH]`".into()),
            Self::Directory => {
                Some("Docker makes a directory where the source of a bind mount is missing: remove it, put the file there, then `docker compose up --force-recreate`".into())
            }
            _ => None,
        }
    }
}

/// What is said of a document that is no file.
pub(super) fn absence(path: &Path) -> Absence {
    Absence { cause: format!("`{}` does not exist", path.display()), hint: None }
}

/// The whole file, when it is a regular one of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Secret, Unreadable> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| unopened(path, &error))?;
    let metadata = file.metadata().map_err(|error| broken(&error))?;
    fit(&metadata)?;
    if metadata.len() > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    read_open(file, metadata.len(), limit)
}

/// Reads to the end, since files in /proc and /sys are longer than they say.
fn read_open(file: File, expected: u64, limit: u64) -> Result<Secret, Unreadable> {
    // With room to spare the buffer is neither moved while it grows, nor filled by way of the stack.
    let capacity = usize::try_from(expected).unwrap_or(0).saturating_add(64);
    let mut content = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
    if content.len() as u64 > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    Ok(Secret::new(std::mem::take(&mut *content)))
}

fn fit(metadata: &Metadata) -> Result<(), Unreadable> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => Ok(()),
        () if kind.is_dir() => Err(Unreadable::Directory),
        () if kind.is_fifo() => Err(Unreadable::Special("a pipe")),
        () => Err(Unreadable::Special("a device")),
    }
}

fn unopened(path: &Path, error: &io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Absent,
        io::ErrorKind::PermissionDenied => {
            let metadata = std::fs::metadata(path).ok();
            let owner = metadata.map(|found| Owner { uid: found.uid(), mode: found.mode() & 0o7777 });
            Unreadable::Denied { uid: nix::unistd::geteuid().as_raw(), owner }
        }
        // What open(2) says to a socket.
        _ if error.raw_os_error() == Some(Errno::ENXIO as i32) => Unreadable::Special("a socket"),
        _ => broken(error),
    }
}

fn broken(error: &io::Error) -> Unreadable {
    let words = error.raw_os_error().map_or("unexpected error", |number| Errno::from_raw(number).desc());
    Unreadable::Broken(words.to_lowercase())
}

/// [`check_path`] of what stands before `#field`.
pub(super) const REF_PATTERN: &str = r"^(?![^#]*/$)[^\u0000]";

/// What can be said of a path without looking: used by `kz validate`.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    match path {
        "" => Err("the path of the file is missing".into()),
        _ if path.contains('\0') => Err("a path cannot contain a NUL".into()),
        _ if path.ends_with('/') => Err(format!("`{path}` ends in `/`, so it names a directory")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;

    #[test]
    fn the_bytes_are_exact() {
        let fixture = Fixture::new();
        let path = fixture.file("value", b"\0\xff tail\n");
        assert_eq!(read(&path, 100).unwrap().expose(), b"\0\xff tail\n");
    }

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_not() {
        let fixture = Fixture::new();
        let path = fixture.file("value", [7; 4096]);
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
    fn nothing_there_is_absent_also_below_a_file() {
        let fixture = Fixture::new();
        let path = fixture.file("value", b"x");
        assert_eq!(read(&fixture.path("other"), 10), Err(Unreadable::Absent));
        assert_eq!(read(&path.join("below"), 10), Err(Unreadable::Absent));
    }

    #[test]
    fn a_pipe_a_socket_a_device_and_a_directory_are_refused_without_waiting() {
        let fixture = Fixture::new();
        nix::unistd::mkfifo(&fixture.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(fixture.path("socket")).unwrap();
        assert_eq!(read(&fixture.path("fifo"), 10), Err(Unreadable::Special("a pipe")));
        assert_eq!(read(&fixture.path("socket"), 10), Err(Unreadable::Special("a socket")));
        assert_eq!(read(Path::new("/dev/null"), 10), Err(Unreadable::Special("a device")));
        assert_eq!(read(&fixture.path("."), 10), Err(Unreadable::Directory));
    }

    #[test]
    fn a_denied_file_is_named_with_our_uid_its_owner_and_a_way_out() {
        let owner = Some(Owner { uid: 1000, mode: 0o600 });
        let failure = Unreadable::Denied { uid: 65532, owner }.failure(Path::new("/run/secrets/key"));
        assert_eq!(failure.kind, FailureKind::Denied);
        assert_eq!(
            failure.cause,
            "`/run/secrets/key` may not be read by uid 65532: it belongs to uid 1000 with mode 0600"
        );
        assert!(failure.hint.unwrap().contains("user: \"1000\""));
    }

    #[test]
    fn a_loop_of_links_is_said_in_lower_case() {
        let fixture = Fixture::new();
        std::os::unix::fs::symlink("loop", fixture.path("loop")).unwrap();
        let words = read(&fixture.path("loop"), 10).unwrap_err().to_string();
        assert_eq!(words, "cannot be read: too many symbolic links encountered");
    }

    #[test]
    fn relative_paths_start_from_the_base_and_tilde_from_home() {
        let places = Places { base: "/app".into(), home: Some("/home/me".into()) };
        assert_eq!(places.locate("x/y").unwrap(), Path::new("/app/x/y"));
        assert_eq!(places.locate("/x").unwrap(), Path::new("/x"));
        assert_eq!(places.locate("~/x").unwrap(), Path::new("/home/me/x"));
        assert_eq!(places.locate("~x").unwrap(), Path::new("/app/~x"));
        let homeless = Places { home: None, ..places };
        assert_eq!(homeless.locate("~/x").unwrap_err().kind, FailureKind::Misconfigured);
    }

    #[test]
    fn paths_that_cannot_name_a_file_are_known_without_looking() {
        assert!(check_path("a.age").is_ok());
        for path in ["", "a/", "a\0b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }
}
