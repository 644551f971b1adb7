//! Finds `.keyzero.toml` and reads it, if it is to be trusted.
//!
//! A configuration is code: it says to whom kz sends its credentials. Invariants (design.md §2): one
//! that any user may write, or whose directory any user may write, is refused; one found above the
//! working directory belongs to us or root. A read-only mount lifts both, since nobody here can have
//! changed it. The search stops at a repository's root, at `HOME` and at a mount boundary.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::source::Source;
use super::variables::Process;

/// The file's name.
pub const FILE_NAME: &str = ".keyzero.toml";

/// The name of a developer's own changes, beside it.
pub const LOCAL_FILE_NAME: &str = ".keyzero.local.toml";

/// More than any configuration has; enough that a wrong file is noticed before it fills memory.
const LARGEST: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The search ended without one.
    #[error("no `{FILE_NAME}` in `{}` or above it", .0.display())]
    NotFound(PathBuf),
    /// A named one is not there.
    #[error("`{}` does not exist", .0.display())]
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
    /// Over 1 MiB.
    #[error("`{}` is larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
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
        /// The configuration.
        path: PathBuf,
        /// The file or directory with the mode.
        what: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Above the working directory, and another user's.
    #[error("`{}` lies above the working directory and belongs to uid {owner}, not to uid {ours} or root", path.display())]
    Stranger {
        /// The configuration.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our effective uid.
        ours: u32,
    },
}

/// How a file came to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By `--config` or `KEYZERO_CONFIG`.
    Named,
    /// In the working directory.
    Here,
    /// Above it.
    Above,
}

/// Finds the configuration: `named`, else in the working directory, else above.
pub fn find(named: Option<&Path>, process: &Process) -> Result<(PathBuf, Found), Error> {
    if let Some(path) = named {
        return Ok((process.directory.join(path), Found::Named));
    }
    let mut directory = process.directory.as_path();
    loop {
        let candidate = directory.join(FILE_NAME);
        if candidate.symlink_metadata().is_ok() {
            let found = if directory == process.directory { Found::Here } else { Found::Above };
            return Ok((candidate, found));
        }
        match directory.parent() {
            Some(parent) if !is_boundary(directory, process) => directory = parent,
            _ => return Err(Error::NotFound(process.directory.clone())),
        }
    }
}

fn is_boundary(directory: &Path, process: &Process) -> bool {
    directory.join(".git").symlink_metadata().is_ok()
        || process.variable("HOME").is_some_and(|home| directory == Path::new(home))
        || parent_is_other_mount(directory)
}

fn parent_is_other_mount(directory: &Path) -> bool {
    let Ok(here) = File::open(directory) else { return true };
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match nix::fcntl::openat2(here.as_fd(), "..", how) {
        Ok(_) => false,
        // Kernels and sandboxes without openat2 at least tell file systems apart.
        Err(nix::Error::ENOSYS | nix::Error::EPERM) => {
            let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
            directory.parent().and_then(device) != device(directory)
        }
        Err(_) => true,
    }
}

/// Reads the file at `path`, unless somebody who must not could have written it.
pub fn read(path: &Path, found: Found, process: &Process) -> Result<Source, Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => Error::Read { path: path.to_owned(), source },
    };
    // Without O_NONBLOCK a pipe in the file's place would hang kz for ever.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_kind(path, &metadata)?;
    if !is_read_only(&file) {
        check_writers(path, &metadata)?;
        let ours = process.uid;
        if found == Found::Above && ![ours, 0].contains(&metadata.uid()) {
            return Err(Error::Stranger { path: path.to_owned(), owner: metadata.uid(), ours });
        }
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LARGEST)).unwrap_or(0) + 1);
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::TooLarge(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|error| Error::NotText {
        path: path.to_owned(),
        line: error.as_bytes()[..error.utf8_error().valid_up_to()].split(|&byte| byte == b'\n').count(),
    })?;
    Ok(Source::new(path.to_owned(), text))
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
