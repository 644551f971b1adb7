//! The files of a set as a tree, which can be written into a directory and compared with one.
//!
//! Invariants: no path is wanted twice or is a file and a directory at once; directories are the
//! exporter's, of one mode, 0755 unless told otherwise, so that the files' owners can pass; one
//! descriptor is open per level, and the levels are bounded by [`super::RelativePath`].

use std::collections::BTreeMap;
use std::ffi::OsStr;

use nix::sys::stat::{FileStat, fstat};
use nix::unistd::geteuid;

use super::File;
use super::access_list::AccessList;
use super::content::{Comparison, Place, compare, write_new};
use super::directory::{Directory, is_directory};
use super::error::Error;

/// What a directory of a set is like while it is written: nobody else can enter.
pub(super) const DRAFT_MODE: u32 = 0o700;

/// One directory.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// What it is like once it is complete.
    mode: u32,
    /// Its entries, by name.
    nodes: BTreeMap<&'a str, Node<'a>>,
}

#[derive(Debug)]
enum Node<'a> {
    File(&'a File),
    Directory(Tree<'a>),
}

/// A file of a set as it lies in a generation.
pub(super) struct Seen<'a> {
    pub(super) file: &'a File,
    pub(super) stat: FileStat,
    /// Whether the content was seen too; else it was closed to us.
    pub(super) was_read: bool,
}

impl<'a> Tree<'a> {
    /// The tree of these files with directories of this mode, or the path that cannot be.
    pub(super) fn of(files: &'a [File], mode: u32) -> Result<Self, Error> {
        let mut tree = Self::new(mode);
        for file in files {
            let components: Vec<_> = file.path.components().collect();
            tree.insert(&components, file)
                .ok_or_else(|| Error::Conflict { path: file.path.as_str().to_owned() })?;
        }
        Ok(tree)
    }

    fn new(mode: u32) -> Self {
        Self { mode, nodes: BTreeMap::new() }
    }

    /// What its directories are like once they are complete.
    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    fn insert(&mut self, components: &[&'a str], file: &'a File) -> Option<()> {
        match components {
            [] => None,
            [name] => match self.nodes.insert(name, Node::File(file)) {
                None => Some(()),
                Some(_) => None,
            },
            [name, rest @ ..] => {
                let mode = self.mode;
                match self.nodes.entry(name).or_insert_with(|| Node::Directory(Self::new(mode))) {
                    Node::Directory(tree) => tree.insert(rest, file),
                    Node::File(_) => None,
                }
            }
        }
    }

    /// The names at the top.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.nodes.keys().copied()
    }

    pub(super) fn contains(&self, name: &OsStr) -> bool {
        name.to_str().is_some_and(|name| self.nodes.contains_key(name))
    }

    /// Writes everything into an empty directory and syncs all of it but that directory. Says what
    /// became of the files, in the order of the tree.
    pub(super) fn write_into(&self, directory: &Directory) -> Result<Vec<Seen<'a>>, Error> {
        let mut written = Vec::new();
        self.write_to(directory, &mut written)?;
        Ok(written)
    }

    fn write_to(&self, directory: &Directory, written: &mut Vec<Seen<'a>>) -> Result<(), Error> {
        for (name, node) in &self.nodes {
            let name = OsStr::new(name);
            match node {
                Node::File(file) => {
                    let place = Place { directory, name, shown: name };
                    let new = write_new(place, &file.content, file.attributes)?;
                    let stat = fstat(&new).map_err(directory.failed("look at", name))?;
                    written.push(Seen { file, stat, was_read: true });
                }
                Node::Directory(tree) => {
                    let failed = directory.failed("create", name);
                    let made = directory.make_subdirectory(name, DRAFT_MODE, failed)?;
                    tree.write_to(&made, written)?;
                    // Not before: whoever is not of its group loses an inherited set-group-ID bit by
                    // this, and with it what gives the files in it that group.
                    made.set_mode(tree.mode)?;
                    made.sync().map_err(made.failed_itself("sync"))?;
                }
            }
        }
        Ok(())
    }

    /// The files as they lie in the directory, in the order of the tree, when it holds all of it and
    /// nothing else, as far as that can be seen: `None` when anything differs.
    pub(super) fn find_in(&self, directory: &Directory) -> Option<Vec<Seen<'a>>> {
        let mut found = Vec::new();
        self.is_in(directory, &mut found).then_some(found)
    }

    fn is_in(&self, directory: &Directory, found: &mut Vec<Seen<'a>>) -> bool {
        let is_right = directory.stat().is_ok_and(|stat| {
            stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o777 == self.mode && is_directory(&stat)
        }) && matches!(AccessList::of(directory.descriptor()), Ok(None));
        is_right
            && directory.names().is_ok_and(|names| {
                names.len() == self.nodes.len() && names.iter().all(|name| self.contains(name))
            })
            && self.nodes.iter().all(|(name, node)| node.is_in(directory, OsStr::new(name), found))
    }
}

impl<'a> Node<'a> {
    fn is_in(&self, directory: &Directory, name: &OsStr, found: &mut Vec<Seen<'a>>) -> bool {
        match self {
            Self::File(file) => {
                let (stat, was_read) = match compare(directory, name, &file.content, file.attributes) {
                    Comparison::Same(stat) => (stat, true),
                    Comparison::Unreadable(stat) => (stat, false),
                    Comparison::Different => return false,
                };
                found.push(Seen { file, stat, was_read });
                true
            }
            Self::Directory(tree) => {
                directory.subdirectory(name).is_ok_and(|subdirectory| tree.is_in(&subdirectory, found))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Attributes, RelativePath};
    use crate::secret::Secret;

    fn conflict(paths: &[&str]) -> Option<String> {
        let file = |path: &&str| File {
            path: RelativePath::new(path).unwrap(),
            content: Secret::new(Vec::new()),
            attributes: Attributes { mode: 0o400, owner: None },
            origin: None,
        };
        let files: Vec<_> = paths.iter().map(file).collect();
        match Tree::of(&files, 0o755) {
            Ok(_) => None,
            Err(Error::Conflict { path }) => Some(path),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_path_is_wanted_twice_or_is_a_file_and_a_directory() {
        assert_eq!(conflict(&["a", "b/c", "b/d", "b.c"]), None);
        assert_eq!(conflict(&["a", "b", "a"]).as_deref(), Some("a"));
        assert_eq!(conflict(&["a", "a/b"]).as_deref(), Some("a/b"));
        assert_eq!(conflict(&["a/b", "a"]).as_deref(), Some("a"));
        assert_eq!(conflict(&["a/b/c", "a/b"]).as_deref(), Some("a/b"));
    }
}
