//! The directories `..<stamp>.<random>` that hold one complete set each, and `..data`, the link
//! that says which is current.
//!
//! Invariants: a generation is 0700 until it is complete, and has the mode of its set from then on; the rename of a
//! new link over `..data` is the one moment at which readers change over. Only what has the name,
//! the type, the owner and the mark of a generation of ours is ever removed, and in it only regular
//! files and directories, which are unlinked without being opened.
//! What looks like one and is left, or cannot be removed, is said: it may hold old secrets.

use std::ffi::{OsStr, OsString};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::FileStat;
use nix::unistd::geteuid;

use super::directory::{Directory, is_directory, is_link, is_regular, kind};
use super::error::Error;
use super::mark::{MARK, Marks};
use super::stamp::{is_random, is_stamp, random, stamp};
use super::tree::{DRAFT_MODE, Seen, Tree};
use crate::log::Log;

const DATA: &str = "..data";
const TEMPORARY: &str = "..data_tmp.";
/// No set is deeper (see [`super::RelativePath`]).
const LEVELS: usize = 65;

/// The generation that `..data` names; it need not exist, or be ours.
pub(super) fn current(directory: &Directory) -> Result<Option<OsString>, Error> {
    let name = OsStr::new(DATA);
    let taken = |kind| Error::NameTaken { path: directory.at(name), kind };
    match directory.read_link(name) {
        Ok(target) if is_generation(&target) => Ok(Some(target)),
        Ok(_) => Err(taken("a symbolic link")),
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::EINVAL) => {
            let stat = directory.entry(name).map_err(directory.failed("look at", name))?;
            Err(taken(stat.map_or("a file", |stat| kind(stat.st_mode))))
        }
        Err(errno) => Err(directory.failed("read", name)(errno)),
    }
}

/// None is current any more.
pub(super) fn forget_current(directory: &Directory) -> Result<(), Error> {
    let name = OsStr::new(DATA);
    directory.remove(name).map_err(directory.failed("remove", name))
}

/// A generation that is being written. Dropped before [`Draft::publish`], it vanishes.
pub(super) struct Draft<'a> {
    parent: &'a Directory,
    marks: Marks<'a>,
    directory: Directory,
    name: OsString,
    /// What was written.
    files: Vec<Seen<'a>>,
    is_public: bool,
}

impl<'a> Draft<'a> {
    /// Writes everything, down to the disk, where nobody else can enter.
    pub(super) fn write(parent: &'a Directory, marks: Marks<'a>, tree: &Tree<'a>) -> Result<Self, Error> {
        let failed = parent.failed_itself("write to");
        let name = format!("..{}.{}", stamp(SystemTime::now()), random().map_err(&failed)?);
        let name = OsString::from(name);
        let directory = parent.make_subdirectory(&name, DRAFT_MODE | MARK, &failed)?;
        // Readers, and so messages, know its files by the names outside.
        let directory = directory.called(parent.path());
        let mut draft = Self { parent, marks, directory, name, files: Vec::new(), is_public: false };
        draft.mark()?;
        draft.files = tree.write_into(&draft.directory)?;
        draft.directory.set_mode(tree.mode() | MARK)?;
        // A file system may take it when it makes a directory, and not when it changes one.
        draft.mark()?;
        draft.directory.sync().map_err(parent.failed("sync", &draft.name))?;
        Ok(draft)
    }

    fn mark(&self) -> Result<(), Error> {
        let stat = self.directory.stat().map_err(self.directory.failed_itself("look at"))?;
        self.marks.set(&self.name, &stat)
    }

    /// The name that it has and is going to keep.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// What was written, in the order of the tree.
    pub(super) fn files(&self) -> &[Seen<'a>] {
        &self.files
    }

    /// Makes it the current one, in one step.
    pub(super) fn publish(mut self) -> Result<Published, Error> {
        // A random name, since anybody could put something at a fixed one.
        let data = OsStr::new(DATA);
        let parent = self.parent;
        let random = random().map_err(parent.failed("replace", data))?;
        let temporary = OsString::from(format!("{TEMPORARY}{random}"));
        parent.link(&self.name, &temporary).map_err(parent.failed_link("replace", data))?;
        // Everything that the new link leads to reaches the disk before it does.
        let swapped = parent.sync().and_then(|()| parent.rename(&temporary, data));
        if let Err(errno) = swapped {
            // A network file system may fail after it has done it: then readers have the new set.
            let is_done = parent.read_link(data).is_ok_and(|target| target == self.name);
            if !is_done {
                let _ = parent.remove(&temporary);
                return Err(parent.failed("replace", data)(errno));
            }
        }
        self.is_public = true;
        let identity = self.directory.stat().ok().map(|stat| (stat.st_dev, stat.st_ino));
        Ok(Published { name: self.name.clone(), identity })
    }
}

/// The generation that readers see now.
pub(super) struct Published {
    pub(super) name: OsString,
    identity: Option<(dev_t, ino_t)>,
}

impl Published {
    /// Looks whether they really see it, and not what somebody else put in its place.
    pub(super) fn confirm(&self, directory: &Directory) -> Result<(), Error> {
        // Only what is certainly not ours is an error: the output has been replaced by now.
        match directory.read_link(OsStr::new(DATA)) {
            Ok(target) if target == self.name => {}
            Ok(_) | Err(Errno::ENOENT | Errno::EINVAL) => {
                return Err(Error::Interference { path: directory.at(DATA) });
            }
            Err(_) => {}
        }
        let found = directory.entry(&self.name).map(|stat| stat.map(|stat| (stat.st_dev, stat.st_ino)));
        match found {
            Ok(found) if self.identity.is_some() && found != self.identity => {
                Err(Error::Interference { path: directory.at(&self.name) })
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_public {
            let stat = self.directory.stat();
            let _ = empty(&self.directory, LEVELS);
            let gone = self.parent.remove_subdirectory(&self.name);
            if let (Ok(()), Ok(stat)) = (gone, stat) {
                self.marks.remove(&self.name, &stat);
            }
        }
    }
}

/// What killed exports left, with whether somebody may still be reading in it.
pub(super) struct Debris<'a> {
    directory: &'a Directory,
    marks: Marks<'a>,
    links: Vec<OsString>,
    generations: Vec<OsString>,
    /// What only looks like a generation of ours, and may be one that lost its mark.
    doubtful: Vec<OsString>,
    /// Some of it was current once.
    pub(super) was_public: bool,
}

impl<'a> Debris<'a> {
    /// Everything of ours that `current` is not; `former` was it until just now.
    pub(super) fn find(
        directory: &'a Directory,
        marks: Marks<'a>,
        current: Option<&OsStr>,
        former: Option<&OsStr>,
    ) -> Result<Self, Error> {
        let (links, generations, doubtful) = (Vec::new(), Vec::new(), Vec::new());
        let mut debris = Self { directory, marks, links, generations, doubtful, was_public: false };
        let looks_like_draft = |stat: &FileStat| stat.st_mode & 0o777 == DRAFT_MODE;
        // Where the set is closed like a draft, a draft may be a set that was current once.
        let set = current.and_then(|name| directory.entry(name).ok().flatten());
        let tells_nothing = set.is_some_and(|stat| looks_like_draft(&stat));
        for name in directory.names().map_err(directory.failed_itself("list"))? {
            let is_link_name = is_temporary(&name);
            if !is_link_name && !is_generation(&name) || Some(name.as_os_str()) == current {
                continue;
            }
            let entry = directory.entry(&name).map_err(directory.failed("look at", &name))?;
            let Some(stat) = entry.filter(|stat| stat.st_uid == geteuid().as_raw()) else { continue };
            if is_link_name && is_link(&stat) {
                debris.links.push(name);
            } else if !is_link_name && marks.has(&name, &stat) {
                debris.was_public |=
                    tells_nothing || !looks_like_draft(&stat) || Some(name.as_os_str()) == former;
                debris.generations.push(name);
            } else if !is_link_name && is_directory(&stat) {
                debris.doubtful.push(name);
            }
        }
        Ok(debris)
    }

    /// Leaves those generations alone that somebody may still be reading in.
    pub(super) fn spare(&mut self, stays: impl Fn(&OsStr) -> bool) {
        self.generations.retain(|name| !stays(name));
        self.was_public &= !self.generations.is_empty();
    }

    /// Removes what can be removed; the rest stays for the next export, or for somebody who reads of it.
    pub(super) fn remove(self, log: Log) {
        for name in &self.links {
            let _ = self.directory.remove(name);
        }
        for name in &self.generations {
            if let Err(errno) = self.remove_generation(name) {
                let (path, cause) = (self.directory.at(name), errno.desc().to_lowercase());
                log.warn(&format!(
                    "old secrets may be left in `{}`, which cannot be removed: {cause}",
                    path.display()
                ));
            }
        }
        if let Some(name) = self.doubtful.first() {
            let (path, more) = (self.directory.at(name), self.doubtful.len() - 1);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            log.warn(&format!(
                "`{}` looks like an old set and lacks the mark of kz, so it is left{more}: look at it, and `rm -r` it",
                path.display()
            ));
        }
    }

    fn remove_generation(&self, name: &OsStr) -> nix::Result<()> {
        let directory = self.directory.subdirectory(name)?;
        // What bears the name may be another directory by now.
        let stat = directory.stat()?;
        if !self.marks.has(name, &stat) {
            return Err(Errno::ESTALE);
        }
        empty(&directory, LEVELS)?;
        self.directory.remove_subdirectory(name)?;
        self.marks.remove(name, &stat);
        Ok(())
    }
}

/// Removes what is in a directory of ours.
fn empty(directory: &Directory, levels: usize) -> nix::Result<()> {
    if levels == 0 || directory.stat()?.st_uid != geteuid().as_raw() {
        return Err(Errno::EPERM);
    }
    for name in directory.names()? {
        // Whatever else is there is not ours: it stays, and the directory with it, but the
        // secrets beside it go.
        let _ = match directory.entry(&name)? {
            Some(stat) if is_directory(&stat) => directory
                .subdirectory(&name)
                .and_then(|inner| empty(&inner, levels - 1))
                .and_then(|()| directory.remove_subdirectory(&name)),
            Some(stat) if is_regular(&stat) => directory.remove(&name),
            _ => Ok(()),
        };
    }
    Ok(())
}

fn is_generation(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.strip_prefix("..")?.split_once('.'));
    parts.is_some_and(|(stamp, random)| is_stamp(stamp) && is_random(random))
}

fn is_temporary(name: &OsStr) -> bool {
    name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)).is_some_and(is_random)
}
