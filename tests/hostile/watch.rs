//! The watcher: a foreign uid that opens whatever it can see in the volume, holds what it could open,
//! and makes hard links of what it may link, in case that becomes readable later.
//!
//! While kz is stopped it is a thread that has given up its rights; while kz runs freely, a process.
//! Between two scans it lets inotify tell it of new names, and tries those first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use crate::identity::FOREIGN;

/// In every value that is exported.
pub const CANARY: &str = "canary-";

/// More than any value has.
const ENOUGH: u64 = 1 << 16;

/// Does `work` with the file system rights of the foreign uid, and no others. Of this thread alone:
/// the file system uid is a thread's own, and without 0 there the capabilities do not count either.
pub fn as_foreign<T>(work: impl FnOnce() -> T) -> T {
    let (user, group) = (Uid::from_raw(FOREIGN), Gid::from_raw(FOREIGN));
    setfsgid(group);
    setfsuid(user);
    assert_eq!(setfsuid(user), user, "the rights could not be given up");
    let result = work();
    setfsuid(Uid::from_raw(0));
    setfsgid(Gid::from_raw(0));
    result
}

/// What it knows of one volume.
#[derive(Default)]
pub struct Watcher {
    base: PathBuf,
    /// Files of others that it could open, by inode, still open.
    opened: BTreeMap<u64, (PathBuf, File)>,
    /// Inodes that it tried to link.
    linked: Vec<u64>,
    events: Option<Inotify>,
    directories: Vec<(WatchDescriptor, PathBuf)>,
    hits: Vec<String>,
}

impl Watcher {
    /// With this volume, and no memory of another.
    pub fn begin(&mut self, base: PathBuf) -> String {
        let events = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok();
        *self = Self { base, events, ..Self::default() };
        self.scan()
    }

    /// Tries everything.
    pub fn scan(&mut self) -> String {
        self.follow_events();
        let volume = self.base.join("vol");
        self.walk(&volume, 0);
        self.verdict()
    }

    /// Everything again, and what it has kept: has it become readable?
    pub fn end(&mut self) -> String {
        self.scan();
        for (_, (path, mut file)) in std::mem::take(&mut self.opened) {
            let _ = file.rewind();
            self.read(&path, &mut file);
        }
        self.verdict()
    }

    /// What another watcher of this volume found.
    pub fn believe(&mut self, verdict: &str) {
        if verdict != "ok" {
            self.hits.push(verdict.to_owned());
        }
    }

    fn verdict(&self) -> String {
        if self.hits.is_empty() { "ok".to_owned() } else { format!("read {}", self.hits.join(", ")) }
    }

    fn follow_events(&mut self) {
        let Some(events) = &self.events else { return };
        let Ok(events) = events.read_events() else { return };
        for event in events {
            let directory = self.directories.iter().find(|(descriptor, _)| *descriptor == event.wd);
            if let Some((path, name)) =
                directory.zip(event.name).map(|((_, path), name)| (path.clone(), name))
            {
                self.try_file(&path.join(name));
            }
        }
    }

    fn walk(&mut self, directory: &Path, depth: usize) {
        let interesting = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ATTRIB;
        if let Some(events) = &self.events
            && !self.directories.iter().any(|(_, known)| known == directory)
            && let Ok(descriptor) = events.add_watch(directory, interesting | AddWatchFlags::IN_ONLYDIR)
        {
            self.directories.push((descriptor, directory.to_owned()));
        }
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < 8 => self.walk(&path, depth + 1),
                Ok(kind) if kind.is_file() || kind.is_symlink() => self.try_file(&path),
                _ => {}
            }
        }
    }

    fn try_file(&mut self, path: &Path) {
        let Ok(metadata) = path.symlink_metadata() else { return };
        if !metadata.is_symlink() && metadata.uid() == FOREIGN {
            return; // Its own: nobody writes into that.
        }
        self.link(path, metadata.ino());
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let Ok(mut file) = File::options().read(true).custom_flags(flags).open(path) else { return };
        let Ok(opened) = file.metadata() else { return };
        if opened.is_file() && opened.uid() != FOREIGN {
            self.read(path, &mut file);
            self.opened.entry(opened.ino()).or_insert((path.to_owned(), file));
        }
    }

    fn link(&mut self, path: &Path, inode: u64) {
        if path.starts_with(self.base.join("vol/hoard")) || self.linked.contains(&inode) {
            return;
        }
        self.linked.push(inode);
        // Never through what the attackers put on the way: a link made outside would look like kz's doing.
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
        if let Ok(parent) = openat2(AT_FDCWD, parent, how) {
            let to = self.base.join("vol/hoard").join(inode.to_string());
            let _ = nix::unistd::linkat(parent, name, AT_FDCWD, &to, AtFlags::empty());
        }
    }

    fn read(&mut self, path: &Path, file: &mut File) {
        let mut content = Vec::new();
        let _ = file.take(ENOUGH).read_to_end(&mut content);
        if content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()) {
            self.hits.push(path.display().to_string());
        }
    }
}
