//! Whether what was published is still there: complete, unmodified, and since when. For healthchecks.
//!
//! Invariants: it looks, and changes, locks and follows nothing; any uid may ask. How much it can tell depends on what is
//! open to it, and it says how much that was: contents by their HMAC, else what only a change of a file changes (inode, time
//! of change), else, where `.kz/` is closed, whether every name leads to a file. A set that is exchanged meanwhile is looked
//! at again. It detects damage, not a writer of the exporter's own uid, who can forge the manifest too.

mod content;
mod fault;
mod structure;

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

pub use fault::{Fault, ago, verb};

use super::audience::Audience;
use super::directory::{Directory, is_directory, is_regular, kind};
use super::error::Error;
use super::generation::current;
use super::links;
use super::record;
use super::stamp;
use super::walk::open_directory;
use crate::delivery::STATE_DIRECTORY;
use crate::waiting::pause;

/// What may be an exchange that is under way is looked at again after these times.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// What is there, and is right as far as could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// How much was seen.
    pub seen: Seen,
    /// Since when it is so.
    pub since: Since,
}

/// How much could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A set of so many files, by its manifest. The contents of so many were closed, and compared by inode and time of change.
    Manifest {
        /// All of them.
        files: usize,
        /// Those that were closed.
        closed: usize,
    },
    /// A set of so many files, of which only the names were compared: `.kz/` is closed.
    Structure {
        /// As far as they could be listed.
        files: usize,
    },
    /// A single file with these permission bits, owner and group, of which nothing more is known.
    File {
        /// The permission bits.
        mode: u32,
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
    },
}

/// When it was last known to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It was written then.
    Written(SystemTime),
    /// Whoever watches the backends found then that nothing had changed.
    Confirmed(SystemTime),
}

impl Since {
    /// How long ago that is; a clock that was set back makes it now.
    pub fn age(self, now: SystemTime) -> Duration {
        let (Self::Written(time) | Self::Confirmed(time)) = self;
        now.duration_since(time).unwrap_or_default()
    }
}

/// Looks at what was published at `path`, a directory or a file. It may not be older than `max_age`.
pub fn check(path: &Path, max_age: Option<Duration>) -> Result<Sound, Fault> {
    let mut sound = look(path);
    for time in AGAIN {
        match &sound {
            Err(fault) if fault.may_be_an_exchange() => pause(time),
            _ => break,
        }
        sound = look(path);
    }
    let sound = sound?;
    let age = sound.since.age(SystemTime::now());
    match max_age {
        Some(limit) if age > limit => Err(Fault::Old { since: sound.since, age, limit }),
        _ => Ok(sound),
    }
}

fn look(path: &Path) -> Result<Sound, Fault> {
    match open_directory(path) {
        Ok(directory) => look_at_set(&directory),
        Err(Error::NotADirectory { .. }) => look_at_file(path),
        Err(Error::LinkNotFollowed { path: link }) if link == path => look_at_file(path),
        Err(Error::DirectoryMissing { path, .. }) => Err(Fault::Missing(path)),
        Err(error) => Err(Fault::Closed(Box::new(error))),
    }
}

/// A file has neither manifest nor key.
fn look_at_file(path: &Path) -> Result<Sound, Fault> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Fault::Missing(path.to_owned()));
    };
    let directory = open_directory(parent).map_err(|error| Fault::Closed(Box::new(error)))?;
    let stat = directory.entry(name).map_err(|errno| closed(&directory, name, errno))?;
    let stat = stat.ok_or_else(|| Fault::Missing(path.to_owned()))?;
    if links::is_ours(&directory, name) {
        return Err(Fault::Name { path: path.to_owned(), set: directory.path().to_owned() });
    }
    if !is_regular(&stat) {
        return Err(Fault::Kind { path: path.to_owned(), kind: kind(stat.st_mode) });
    }
    let Audience { uid, gid, mode } = Audience::of(&stat);
    let since = Since::Written(stamp::changed(&stat));
    Ok(Sound { seen: Seen::File { mode, uid, gid }, since })
}

fn look_at_set(directory: &Directory) -> Result<Sound, Fault> {
    let name = current(directory).map_err(|error| Fault::Closed(Box::new(error)))?;
    let Some(name) = name else { return Err(Fault::NoSet(directory.path().to_owned())) };
    let generation = match directory.subdirectory(&name) {
        Ok(generation) => generation.called(directory.path()),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {
            return Err(Fault::Gone(directory.at(&name)));
        }
        // What only others may list can still be looked into by name.
        Err(errno) => return Err(closed(directory, &name, errno)),
    };
    let state = OsStr::new(STATE_DIRECTORY);
    match directory.subdirectory(state) {
        Ok(state) => by_manifest(directory, &generation, &name, &state),
        Err(Errno::EACCES | Errno::EPERM) => {
            let files = structure::files(directory, &generation)?;
            let made = stamp::moment(&name).ok_or_else(|| Fault::NoSet(directory.path().to_owned()))?;
            Ok(Sound { seen: Seen::Structure { files }, since: Since::Written(made) })
        }
        Err(_) => Err(Fault::Gone(directory.at(state))),
    }
}

fn by_manifest(
    directory: &Directory,
    generation: &Directory,
    name: &OsStr,
    state: &Directory,
) -> Result<Sound, Fault> {
    let owner = state.stat().map_err(|errno| closed(directory, state.path().as_os_str(), errno))?.st_uid;
    let lost = |name: &str| Fault::State(state.at(name));
    let found = record::look(state, owner);
    let manifest = found.manifest.ok_or_else(|| lost("manifest"))?;
    let key = found.key.ok_or_else(|| lost("key"))?;
    if manifest.generation() != name {
        return Err(Fault::OtherSet { data: directory.at(name), manifest: state.at("manifest") });
    }
    let stat = generation.stat().map_err(|errno| closed(directory, name, errno))?;
    if !is_directory(&stat) || stat.st_uid != owner {
        return Err(Fault::Changed { path: directory.at(name), what: "another owner than `.kz`" });
    }
    let written = manifest.written().ok_or_else(|| lost("manifest"))?;
    let closed = content::compare(generation, &manifest, &key).ok_or_else(|| lost("manifest"))??;
    structure::names(directory, manifest.tops())?;
    let since = match record::confirmed(state, owner) {
        Some(time) if time > written => Since::Confirmed(time),
        _ => Since::Written(written),
    };
    Ok(Sound { seen: Seen::Manifest { files: manifest.len(), closed }, since })
}

/// The system does not let us look at `name`.
fn closed(directory: &Directory, name: &OsStr, errno: Errno) -> Fault {
    Fault::Closed(Box::new(directory.failed("look at", name)(errno)))
}

#[cfg(test)]
mod tests;
