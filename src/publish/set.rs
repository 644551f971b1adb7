//! Many files at once, by the kubelet's scheme (`pkg/volume/util/atomic_writer.go`): a directory per
//! generation, `..data` swapped by rename, a symbolic link per name.
//!
//! Better than its model in three ways: everything is synced, a second exporter waits, and nothing
//! that a killed export left stands in the way. Invariants: before the swap, a failure takes back
//! all that was made; after it, nothing is a failure any more but what endangers the new set.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::stat::FileStat;

use super::audience::{Audience, say_replaced};
use super::directory::Directory;
use super::error::Error;
use super::former::{Former, remove_debris};
use super::generation::{Draft, current};
use super::links::{Links, confirm_names};
use super::lock::lock_state;
use super::mark::Marks;
use super::protected_links::check_links_for;
use super::record::{self, Record};
use super::signals::Deferred;
use super::tree::{Seen, Tree};
use super::walk::{confirm_way, open_directory};
use super::{Change, File, Turn};
use crate::log::Log;

/// Makes these files, and no others, the set that `directory` holds, in one step. Waits for
/// another exporter for its turn. Directories in it get `directory_mode` ([`super::DIRECTORY_MODE`] where
/// nobody says otherwise).
pub fn publish_set(
    directory: &Path,
    files: &[File],
    directory_mode: u32,
    turn: Turn,
) -> Result<Change, Error> {
    replace_set(directory, files, directory_mode, turn, &mut Former::default())
}

/// The same, where sets that were replaced stay for a while.
pub fn replace_set(
    directory: &Path,
    files: &[File],
    directory_mode: u32,
    turn: Turn,
    former: &mut Former,
) -> Result<Change, Error> {
    let opened = open_directory(directory)?;
    let change = publish_in(&opened, files, directory_mode, turn, former)?;
    confirm_way(directory, &opened)?;
    Ok(change)
}

/// Notes for `kz check --max-age` that the set which this directory holds is what its backends hold now.
pub fn confirm_set(directory: &Path, turn: Turn) -> Result<(), Error> {
    let opened = open_directory(directory)?;
    if current(&opened)?.is_none() {
        return Ok(());
    }
    let deferred = Deferred::begin();
    let state = lock_state(&opened, turn, &deferred)?;
    record::confirm(state.directory())
}

pub(super) fn publish_in(
    directory: &Directory,
    files: &[File],
    directory_mode: u32,
    turn: Turn,
    former: &mut Former,
) -> Result<Change, Error> {
    let tree = Tree::of(files, directory_mode)?;
    let stat = directory.stat().map_err(directory.failed_itself("look at"))?;
    check_links_for(directory.path(), &stat, files.iter().map(|file| &file.attributes))?;
    // Once before there is even a lock, so that a refused export leaves nothing at all.
    current(directory)?;
    Links::examine(directory, &tree)?;
    let deferred = Deferred::begin();
    let state = lock_state(directory, turn, &deferred)?;
    let record = Record::read(state.directory(), files.len(), turn.log);
    let result = exchange(directory, Marks(state.directory()), &tree, &record, former, turn.log);
    if result.is_err() {
        state.undo(directory);
    }
    result
}

fn exchange(
    directory: &Directory,
    marks: Marks<'_>,
    tree: &Tree<'_>,
    record: &Record<'_>,
    former: &mut Former,
    log: Log,
) -> Result<Change, Error> {
    let old = current(directory)?;
    let links = Links::examine(directory, tree)?;
    former.forget(Instant::now());
    remove_debris(directory, marks, (old.as_deref(), None), former, log)?;
    let generation = old.as_ref().and_then(|old| directory.subdirectory(old).ok());
    if let Some(old) = &old
        && let Some(files) = generation.as_ref().and_then(|generation| tree.find_in(generation))
        && record.confirms(old, &files)
    {
        repair(directory, &links)?;
        record.update(old, &files);
        return Ok(Change::Unchanged);
    }
    let draft = Draft::write(directory, marks, tree)?;
    let replaced = generation.map(|generation| replaced(&generation, draft.files())).unwrap_or_default();
    let note = record.draft(draft.name(), draft.files())?;
    let new = links.make(directory)?;
    let published = draft.publish()?;
    new.keep();
    directory.sync_published(log);
    published.confirm(directory)?;
    note.publish();
    links.remove_stale(directory);
    // The new set is there, whether or not the last one can be removed now.
    if !old.as_deref().is_some_and(|old| former.keep(old)) {
        let _ = remove_debris(directory, marks, (Some(&published.name), old.as_deref()), former, log);
    }
    published.confirm(directory)?;
    confirm_names(directory, tree)?;
    if let Some((path, old, new)) = replaced.first() {
        say_replaced(&directory.at(path), old, new, replaced.len() - 1, log);
    }
    Ok(Change::Written)
}

/// The files that have another mode or owner in the last generation, with both looks.
fn replaced(last: &Directory, files: &[Seen<'_>]) -> Vec<(PathBuf, FileStat, FileStat)> {
    let differs = |seen: &Seen<'_>| {
        let path = Path::new(seen.file.path.as_str());
        let old = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            None => last.entry(path.file_name()?).ok()?,
            Some(parent) => {
                let inner =
                    parent.iter().try_fold(last.subdirectory(OsStr::new(".")).ok()?, |at, name| {
                        at.subdirectory(name).ok()
                    })?;
                inner.entry(path.file_name()?).ok()?
            }
        }?;
        (Audience::of(&old) != Audience::of(&seen.stat)).then(|| (path.to_owned(), old, seen.stat))
    };
    files.iter().filter_map(differs).collect()
}

/// Somebody removed names of a set that is otherwise right, or a killed export left stale ones.
fn repair(directory: &Directory, links: &Links) -> Result<(), Error> {
    if links.are_right() {
        return Ok(());
    }
    links.make(directory)?.keep();
    links.remove_stale(directory);
    directory.sync().map_err(directory.failed_itself("sync"))
}

#[cfg(test)]
mod tests;
