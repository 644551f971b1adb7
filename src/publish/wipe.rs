//! Takes away what was published: everything of it that is kz's, and nothing else.
//!
//! Invariant: readers lose the whole set in one step, with the link that says which is current; what is left of it afterwards,
//! nobody finds by its name.

use std::ffi::OsStr;
use std::path::Path;

use super::Turn;
use super::directory::is_regular;
use super::error::Error;
use super::former::{Former, remove_debris};
use super::generation::{current, forget_current};
use super::links::Links;
use super::lock::{lock_directory, lock_state};
use super::mark::Marks;
use super::signals::Deferred;
use super::single::split;
use super::tree::Tree;
use super::walk::open_directory;

/// Removes the set that this directory holds.
pub fn wipe_set(directory: &Path, turn: Turn) -> Result<(), Error> {
    let opened = open_directory(directory)?;
    let deferred = Deferred::begin();
    let state = lock_state(&opened, turn, &deferred)?;
    if current(&opened)?.is_some() {
        forget_current(&opened)?;
    }
    Links::examine(&opened, &Tree::of(&[], super::DIRECTORY_MODE)?)?.remove_stale(&opened);
    remove_debris(&opened, Marks(state.directory()), (None, None), &Former::default(), turn.log)
}

/// Removes this file, where it is one of our own.
pub fn wipe_file(target: &Path, turn: Turn) -> Result<(), Error> {
    let (parent, name) = split(target)?;
    let directory = open_directory(parent)?;
    let deferred = Deferred::begin();
    let _lock = lock_directory(&directory, turn, &deferred)?;
    match directory.entry(name).map_err(directory.failed("look at", name))? {
        Some(stat) if is_regular(&stat) => remove(&directory, name),
        _ => Ok(()),
    }
}

fn remove(directory: &super::directory::Directory, name: &OsStr) -> Result<(), Error> {
    directory.remove(name).map_err(directory.failed("remove", name))
}
