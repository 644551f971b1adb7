//! How directories that kz made are told from others of the same uid and of the same kind of name.
//!
//! The mark is the sticky bit, which nobody sets where nobody else may write. Whoever may write to
//! the target can give its directories other names, but not that: by it a directory of the same uid
//! that another program made is told from debris, whatever it is called. Where the file system drops it, a
//! note takes its place: an empty file in `.kz/`, which only we can enter, named by inode and generation, so that
//! another directory that gets the name is none of ours.

use std::ffi::{OsStr, OsString};

use nix::sys::stat::{FileStat, Mode};

use super::content::{Place, write_new};
use super::directory::{Directory, is_directory, is_regular};
use super::error::Error;
use crate::delivery::Attributes;
use crate::secret::Secret;

/// The sticky bit.
pub(super) const MARK: u32 = Mode::S_ISVTX.bits();

const NOTE_MODE: u32 = 0o600;

/// Where generations are marked: `.kz/`.
#[derive(Clone, Copy)]
pub(super) struct Marks<'a>(pub(super) &'a Directory);

impl Marks<'_> {
    /// Marks the generation `name`, which was given the sticky bit and looks like this.
    pub(super) fn set(self, name: &OsStr, stat: &FileStat) -> Result<(), Error> {
        if self.has(name, stat) {
            return Ok(());
        }
        let note = note(name, stat);
        let place = Place { directory: self.0, name: &note, shown: &note };
        write_new(place, &Secret::new(Vec::new()), Attributes { mode: NOTE_MODE, owner: None }).map(drop)
    }

    /// Whether we made the directory `name` that looks like this.
    pub(super) fn has(self, name: &OsStr, stat: &FileStat) -> bool {
        let is_noted =
            || self.0.entry(&note(name, stat)).is_ok_and(|note| note.is_some_and(|it| is_regular(&it)));
        is_directory(stat) && (bears_mark(stat) || is_noted())
    }

    /// It is gone.
    pub(super) fn remove(self, name: &OsStr, stat: &FileStat) {
        if !bears_mark(stat) {
            let _ = self.0.remove(&note(name, stat));
        }
    }
}

fn bears_mark(stat: &FileStat) -> bool {
    is_directory(stat) && stat.st_mode & MARK != 0
}

fn note(name: &OsStr, stat: &FileStat) -> OsString {
    let mut note = OsString::from(format!("made.{}", stat.st_ino));
    note.push(name);
    note
}
