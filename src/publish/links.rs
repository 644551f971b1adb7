//! The names that readers use: one symbolic link `NAME -> ..data/NAME` per name at the top of a set.
//!
//! Invariants: a link is ours when it reads exactly so, and nothing else is replaced or removed;
//! new ones are made before the set changes over, stale ones are removed after it.

use std::ffi::{OsStr, OsString};

use nix::errno::Errno;

use super::directory::{Directory, kind};
use super::error::Error;
use super::tree::Tree;

/// What is to be done about names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Links {
    missing: Vec<OsString>,
    stale: Vec<OsString>,
}

impl Links {
    /// Compares what is there with what the set wants; an error when a name is taken by something
    /// that is not ours. Writes nothing.
    pub(super) fn examine(directory: &Directory, tree: &Tree<'_>) -> Result<Self, Error> {
        let mut missing = Vec::new();
        for name in tree.names().map(OsStr::new) {
            if !is_present(directory, name)? {
                missing.push(name.to_owned());
            }
        }
        let mut stale = directory.names().map_err(directory.failed_itself("list"))?;
        stale.retain(|name| !tree.contains(name) && is_ours(directory, name));
        Ok(Self { missing, stale })
    }

    /// Nothing is to be done.
    pub(super) fn are_right(&self) -> bool {
        self.missing.is_empty() && self.stale.is_empty()
    }

    /// Makes the missing ones. They vanish again unless [`NewLinks::keep`] is called.
    pub(super) fn make<'a>(&self, directory: &'a Directory) -> Result<NewLinks<'a>, Error> {
        let mut new = NewLinks { directory, made: Vec::new() };
        for name in &self.missing {
            directory.link(&target(name), name).map_err(directory.failed_link("create", name))?;
            new.made.push(name.clone());
        }
        Ok(new)
    }

    /// Removes the stale ones, as far as that is possible.
    pub(super) fn remove_stale(&self, directory: &Directory) {
        for name in &self.stale {
            if is_ours(directory, name) {
                let _ = directory.remove(name);
            }
        }
    }
}

/// Looks once more whether readers find every name of the set.
pub(super) fn confirm_names(directory: &Directory, tree: &Tree<'_>) -> Result<(), Error> {
    // Only what is certainly not ours is an error: the output has been replaced by now.
    let is_another = |name: &&OsStr| match directory.read_link(name) {
        Ok(read) => read != target(name),
        Err(errno) => matches!(errno, Errno::ENOENT | Errno::EINVAL),
    };
    match tree.names().map(OsStr::new).find(is_another) {
        None => Ok(()),
        Some(name) => Err(Error::Interference { path: directory.at(name) }),
    }
}

/// Links that lead nowhere yet.
pub(super) struct NewLinks<'a> {
    directory: &'a Directory,
    made: Vec<OsString>,
}

impl NewLinks<'_> {
    /// Lets them stay.
    pub(super) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for NewLinks<'_> {
    fn drop(&mut self) {
        for name in &self.made {
            let _ = self.directory.remove(name);
        }
    }
}

/// Relative, so that it is right wherever a reader mounts the directory.
fn target(name: &OsStr) -> OsString {
    let mut target = OsString::from("..data/");
    target.push(name);
    target
}

/// Whether it is a link of ours.
pub(super) fn is_ours(directory: &Directory, name: &OsStr) -> bool {
    directory.read_link(name).is_ok_and(|read| read == target(name))
}

fn is_present(directory: &Directory, name: &OsStr) -> Result<bool, Error> {
    let taken = |kind| Error::NameTaken { path: directory.at(name), kind };
    match directory.read_link(name) {
        Ok(read) if read == target(name) => Ok(true),
        Ok(_) => Err(taken("a symbolic link")),
        Err(Errno::ENOENT) => Ok(false),
        Err(Errno::EINVAL) => {
            let entry = directory.entry(name).map_err(directory.failed("look at", name))?;
            Err(taken(entry.map_or("a file", |stat| kind(stat.st_mode))))
        }
        Err(errno) => Err(directory.failed("read", name)(errno)),
    }
}
