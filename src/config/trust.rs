//! Reads a file that kz obeys, if nobody who must not could have written it.
//!
//! A configuration is code: it says to whom kz sends its credentials. So is a template: it says which secrets its
//! reader is shown, and what a server's configuration says around them. Invariants: one that any user
//! may write, or whose directory any user may write, is refused. A read-only mount lifts that, since nobody here can
//! have changed it.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use crate::reading::{quoted, unmarked};

/// Why a file is not obeyed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("{} does not exist", quoted(.0))]
    Missing(PathBuf),
    /// Docker makes an empty directory when the source of a bind mount is missing.
    #[error("`{}` is a directory", .0.display())]
    Directory(PathBuf),
    /// A device, pipe or socket.
    #[error("`{}` is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// The system refused.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Over the limit.
    #[error("`{}` is larger than {}", path.display(), size(*largest))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        largest: usize,
    },
    /// Not UTF-8.
    #[error("`{}`:{line}: not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is not, from 1.
        line: usize,
    },
    /// Any user may write it, or swap it.
    #[error("`{}` may be written by any user (mode {mode:04o}), so `{}` is not to be trusted", what.display(), path.display())]
    Writable {
        /// The file that was to be read.
        path: PathBuf,
        /// The file or directory with the mode.
        what: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

/// A file that may be obeyed.
#[derive(Debug)]
pub struct Trusted {
    /// All of it.
    pub text: String,
    /// Its owner.
    pub owner: u32,
    /// Nobody here can write it, whatever its mode is.
    pub is_read_only: bool,
}

/// Reads the file at `path`, without a byte order mark before its text, unless it is larger than `largest` bytes, no text, or anybody could have written it.
pub fn read(path: &Path, largest: usize) -> Result<Trusted, Error> {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    let failed = |source: std::io::Error| match source.kind() {
        // A credential in the place of the path may be longer than any name.
        NotFound | NotADirectory | InvalidFilename => Error::Missing(path.to_owned()),
        _ => Error::Read { path: path.to_owned(), source },
    };
    // Without O_NONBLOCK a pipe in the file's place would hang kz for ever.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_kind(path, &metadata)?;
    let is_read_only = is_read_only(&file);
    if !is_read_only {
        check_writers(path, &metadata)?;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).min(largest) + 1);
    (&mut file).take(largest as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > largest {
        return Err(Error::TooLarge { path: path.to_owned(), largest });
    }
    let mark = bytes.len() - unmarked(&bytes).len();
    bytes.drain(..mark);
    let text = String::from_utf8(bytes).map_err(|error| Error::NotText {
        path: path.to_owned(),
        line: error.as_bytes()[..error.utf8_error().valid_up_to()].split(|&byte| byte == b'\n').count(),
    })?;
    Ok(Trusted { text, owner: metadata.uid(), is_read_only })
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_dir() {
        Err(Error::Directory(path.to_owned()))
    } else if metadata.is_file() {
        Ok(())
    } else {
        Err(Error::NotRegular(path.to_owned()))
    }
}

fn is_read_only(file: &File) -> bool {
    fstatvfs(file.as_fd()).is_ok_and(|filesystem| filesystem.flags().contains(FsFlags::ST_RDONLY))
}

/// The file, its directory, and where a symbolic link leads: none may be open to any user.
fn check_writers(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let refuse = |what: &Path, mode: u32| Error::Writable {
        path: path.to_owned(),
        what: what.to_owned(),
        mode: mode & 0o7777,
    };
    if metadata.mode() & 0o002 != 0 {
        return Err(refuse(path, metadata.mode()));
    }
    let real = path.canonicalize().ok();
    for directory in [Some(path), real.as_deref()].into_iter().flatten().filter_map(Path::parent) {
        let mode = directory.metadata().map_or(0, |metadata| metadata.mode());
        if mode & 0o002 != 0 {
            return Err(refuse(directory, mode));
        }
    }
    Ok(())
}
