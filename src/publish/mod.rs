//! Brings secrets into a directory that others may write to: all or none, right before visible.
//!
//! Invariants: a reader that opens the file (or `..data`) once sees the complete old set or the
//! complete new one, at every instant; after an error the old output is byte for byte as it was;
//! no content is ever in a file that somebody may read who is not meant to; nothing is removed
//! that kz did not make; equal content is not written again; SIGTERM waits for a whole output.
//! Everything is done relative to one
//! directory descriptor and no symbolic link below it is followed. Nothing here needs /proc,
//! which a process that is not dumpable cannot use; /proc only improves two messages.
//!
//! It refuses to create the target directory (a missing one is a volume that is not mounted), and
//! to replace what is no regular file, is a mount point, or is not kz's.
//!
//! From the bottom: `audience`, `access_list`, `directory` (the descriptor), `walk` (the way to it), `content` (one file),
//! `lock`, `signals`; then `single` (one file), `fresh` (one where there is none) and `tree`,
//! `mark`, `generation`, `links`, `manifest` (what was delivered), `record` (where that is kept), `set` (many), and `check`,
//! which looks at all of it for others.

mod access_list;
mod audience;
pub mod check;
mod content;
mod directory;
mod error;
mod former;
mod fresh;
mod generation;
mod links;
mod lock;
mod manifest;
mod mark;
mod note;
pub mod protected_links;
pub mod readers;
mod record;
mod set;
mod signals;
mod single;
mod stamp;
#[cfg(test)]
mod testing;
mod tree;
mod walk;
mod wipe;

pub use error::Error;
pub use former::Former;
pub use fresh::publish_new;
pub use note::{Noted, leave_note, noted};
pub use set::{confirm_set, publish_set, replace_set};
pub use single::{check_file, publish_file};
pub use wipe::{wipe_file, wipe_set};

use std::path::Path;
use std::time::Instant;

use crate::delivery::{Attributes, Origin, RelativePath};
use crate::log::Log;
use crate::secret::Secret;

/// Fails where `path` is no directory to publish in, so that nothing is made for it.
pub fn check_directory(path: &Path) -> Result<(), Error> {
    walk::open_directory(path).map(drop)
}

/// What the directories of a set are like: everybody may pass, and the files decide who reads.
pub const DIRECTORY_MODE: u32 = 0o755;

/// Whether the directories of a set may have this mode: kz has to be able to write and to remove them, and
/// nobody else may put anything there, since a set is replaced and never changed.
pub fn is_directory_mode(mode: u32) -> bool {
    mode & !0o755 == 0 && mode & 0o700 == 0o700
}

/// One file of a set.
#[derive(Clone, Debug)]
pub struct File {
    /// Where, inside the set.
    pub path: RelativePath,
    /// Every byte of it.
    pub content: Secret,
    /// Mode and owner.
    pub attributes: Attributes,
    /// The backend that the content is from, when it is from one.
    pub origin: Option<Origin>,
}

/// How another exporter is waited for, and where that, and whatever else is no error, is said.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Until when.
    pub deadline: Instant,
    /// Where.
    pub log: Log,
}

/// What publishing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// Readers see something new.
    Written,
    /// Content, modes, owners and names were right already.
    Unchanged,
}
