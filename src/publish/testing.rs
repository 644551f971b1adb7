//! A directory to publish into, and what can be seen in it.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::directory::{Directory, Opening};
use super::walk::open_directory;
use super::{Change, Error, File, Turn};
use crate::delivery::{Attributes, RelativePath};
use crate::log::Log;
use crate::secret::Secret;

pub(super) const OURS: Attributes = Attributes { mode: 0o400, owner: None };

pub(super) struct Target(tempfile::TempDir);

impl Target {
    pub(super) fn new() -> Self {
        let target = Self(tempfile::tempdir().unwrap());
        std::fs::set_permissions(target.0.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        target
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.path().to_owned() } else { self.0.path().join(name) }
    }

    pub(super) fn open(&self) -> Directory {
        open_directory(self.0.path()).unwrap()
    }

    pub(super) fn open_with(&self, opening: Opening) -> Directory {
        Directory::new(self.open().descriptor().try_clone().unwrap(), self.path(""), opening)
    }

    /// What somebody else put there.
    #[expect(clippy::disallowed_methods, reason = "stands for another program")]
    pub(super) fn plant(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Makes a file shorter, or longer by a hole.
    pub(super) fn cut(&self, name: &str, length: u64) {
        std::fs::OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(length).unwrap();
    }

    pub(super) fn plant_link(&self, name: &str, target: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    pub(super) fn plant_directory(&self, name: &str) {
        std::fs::create_dir(self.path(name)).unwrap();
    }

    pub(super) fn plant_fifo(&self, name: &str) {
        nix::unistd::mkfifo(&self.path(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }

    /// To a uid that is not ours; only root can.
    pub(super) fn give_away(&self, name: &str) {
        std::os::unix::fs::lchown(self.path(name), Some(4242), Some(4242)).unwrap();
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.path(name)).is_ok()
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Mode, uid, gid.
    pub(super) fn attributes(&self, name: &str) -> (u32, u32, u32) {
        let metadata = std::fs::symlink_metadata(self.path(name)).unwrap();
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
    }

    /// The names at the top, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Everything that publishing could change, of everything below.
    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        look(self.0.path(), &mut found);
        found
    }
}

fn look(directory: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let facts = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.ino());
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        let seen = format!("{facts:?} {changed:?} {content:?}");
        if metadata.is_dir() {
            look(&path, found);
        }
        found.insert(path, seen);
    }
}

pub(super) fn secret(content: &str) -> Secret {
    Secret::new(content.as_bytes().to_vec())
}

pub(super) fn files(content: &[(&str, &str)]) -> Vec<File> {
    let file = |(path, content): &(&str, &str)| File {
        path: RelativePath::new(path).unwrap(),
        content: secret(content),
        attributes: OURS,
        origin: None,
    };
    content.iter().map(file).collect()
}

pub(super) fn soon() -> Turn {
    Turn { deadline: Instant::now() + Duration::from_secs(10), log: Log::default() }
}

/// For tests that want no lock to be waited for.
pub(super) fn now() -> Turn {
    Turn { deadline: Instant::now(), log: Log::default() }
}

type Published = Result<Change, Error>;

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the call under test is the argument")]
pub(super) fn assert_written(result: Published) {
    assert_eq!(result, Ok(Change::Written));
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the call under test is the argument")]
pub(super) fn assert_unchanged(result: Published) {
    assert_eq!(result, Ok(Change::Unchanged));
}
