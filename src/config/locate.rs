//! Finds `.keyzero.toml` and reads it, if it is to be trusted.
//!
//! Invariants, beside those of `trust`: one found above the working directory belongs to us or root,
//! unless it is on a read-only mount. The search stops at a repository's root, at `HOME` and at a mount boundary.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag};

use super::source_file::SourceFile;
use super::trust::{self, Trusted};
use super::variables::Process;

/// The file's name.
pub const FILE_NAME: &str = ".keyzero.toml";

/// The name of a developer's own changes, beside it.
pub const LOCAL_FILE_NAME: &str = ".keyzero.local.toml";

/// More than any configuration has; enough that a wrong file is noticed before it fills memory.
const LARGEST: usize = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The search ended without one.
    #[error("no `{FILE_NAME}` in `{}` or above it", directory.display())]
    NotFound {
        /// Where the search began.
        directory: PathBuf,
        /// The file there that was probably meant, by its name.
        meant: Option<&'static str>,
    },
    /// It is there, and cannot be obeyed.
    #[error(transparent)]
    File(#[from] trust::Error),
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
            _ => return Err(not_found(&process.directory)),
        }
    }
}

/// Under these names people have written theirs.
const MEANT: [&str; 6] =
    ["keyzero.toml", ".keyzero", ".keyzero.yaml", ".keyzero.yml", "keyzero.yaml", "keyzero.yml"];

fn not_found(directory: &Path) -> Error {
    let meant = MEANT.into_iter().find(|name| directory.join(name).is_file());
    Error::NotFound { directory: directory.to_owned(), meant }
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
pub fn read(path: &Path, found: Found, process: &Process) -> Result<SourceFile, Error> {
    let Trusted { text, owner, is_read_only } = trust::read(path, LARGEST)?;
    let ours = process.uid;
    if found == Found::Above && !is_read_only && ![ours, 0].contains(&owner) {
        return Err(Error::Stranger { path: path.to_owned(), owner, ours });
    }
    Ok(SourceFile::new(path.to_owned(), text))
}
