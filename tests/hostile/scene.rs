//! A volume that others may write to, with a target in it, and everything around that has to stay as
//! it is.
//!
//!     outside/        kz may write here, so only its care keeps it from doing so
//!     vol/neighbour/  kz's uid's, in the same volume, not in the target
//!     vol/a/b/        the target: everybody may write to `vol`, `a` and `b`
//!     vol/a/b/theirs/ kz's uid's, in the target, made by another program
//!     vol/stash/      what the attackers keep ready
//!     vol/hoard/      what the watcher could link

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use crate::identity::{FOREIGN, Identity};

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `--format env --output …/b/.env`
    File,
    /// `--format files --output …/b`
    Set,
}

/// What the target directory is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// kz's own, mode 0777.
    Open,
    /// Of the attackers' group, mode 0775.
    Group,
    /// Of a third uid, mode 1777.
    Sticky,
}

/// In `theirs`, `neighbour` and `outside`.
pub const PRECIOUS: &str = "precious";

/// All of one run.
#[derive(Clone, Debug)]
pub struct Scene {
    pub base: PathBuf,
    pub form: Form,
    /// kz's uid.
    pub uid: u32,
}

impl Scene {
    pub fn outside(&self) -> PathBuf {
        self.base.join("outside")
    }

    pub fn volume(&self) -> PathBuf {
        self.base.join("vol")
    }

    pub fn target(&self) -> PathBuf {
        self.base.join("vol/a/b")
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.target().join(name)
    }

    pub fn stash(&self, name: &str) -> PathBuf {
        self.base.join("vol/stash").join(name)
    }

    /// Everything but the output.
    pub fn build(base: PathBuf, form: Form, identity: Identity, surface: Surface) -> Self {
        let scene = Self { base, form, uid: identity.uid };
        directory(&scene.base, 0, 0o755);
        let config = |names: &[&str]| -> String {
            let line = |name: &&str| format!("{name} = {{ provider = \"env\", ref = \"VALUE\" }}\n");
            format!("[secrets]\n{}", names.iter().map(line).collect::<String>())
        };
        std::fs::write(scene.base.join("old.toml"), config(&["S0", "OLD"])).unwrap();
        let nested = "NEW = { provider = \"env\", ref = \"VALUE\", file = \"sub/NEW\" }\n";
        std::fs::write(scene.base.join("new.toml"), config(&["S0"]) + nested).unwrap();
        scene.build_outside();
        for name in ["vol", "vol/a", "vol/stash"] {
            directory(&scene.base.join(name), 0, 0o777);
        }
        directory(&scene.base.join("vol/hoard"), FOREIGN, 0o700);
        directory(&scene.target(), scene.uid, 0o777);
        for name in ["vol/neighbour", "vol/a/b/theirs"] {
            directory(&scene.base.join(name), scene.uid, 0o755);
            file(&scene.base.join(name).join("hard-keep"), scene.uid, 0o644);
        }
        symlink(scene.outside(), scene.stash("link")).unwrap();
        directory(&scene.stash("directory"), FOREIGN, 0o777);
        directory(&scene.stash("directory/b"), FOREIGN, 0o777);
        match surface {
            Surface::Open => {}
            Surface::Group => {
                chown(scene.target(), Some(scene.uid), Some(FOREIGN)).unwrap();
                mode(&scene.target(), 0o775);
            }
            Surface::Sticky => {
                chown(scene.target(), Some(5555), Some(5555)).unwrap();
                mode(&scene.target(), 0o1777);
            }
        }
        scene
    }

    /// Under every name that a link could lead kz to.
    fn build_outside(&self) {
        let outside = self.outside();
        for name in ["", "b", "lock-directory", "sub", "b/sub", "..data", "generation"] {
            directory(&outside.join(name), self.uid, 0o755);
        }
        for name in ["S0", ".env", "lock", "manifest", "key", "b/S0", "b/.env", "generation/S0", "sub/NEW"] {
            file(&outside.join(name), self.uid, 0o644);
        }
        for number in 0..HARD_LINKS {
            file(&outside.join(format!("{HARD}{number}")), self.uid, 0o644);
        }
        file(&outside.join("private"), self.uid, 0o600);
    }
}

/// Files that attackers make hard links of: that changes when their inode changed last.
const HARD: &str = "hard";
const HARD_LINKS: usize = 8;

/// A file outside that hard links may be made of.
pub fn hard(scene: &Scene, number: usize) -> PathBuf {
    scene.outside().join(format!("{HARD}{}", number % HARD_LINKS))
}

pub fn directory(path: &Path, uid: u32, bits: u32) {
    std::fs::create_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    chown(path, Some(uid), Some(uid)).unwrap();
    mode(path, bits);
}

fn file(path: &Path, uid: u32, bits: u32) {
    std::fs::write(path, PRECIOUS).unwrap();
    chown(path, Some(uid), Some(uid)).unwrap();
    mode(path, bits);
}

fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
}

/// One file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub inode: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Of a change of the content and of the inode, where that tells something.
    pub changed: (i128, i128),
    pub content: Vec<u8>,
}

pub type Snapshot = BTreeMap<PathBuf, Seen>;

/// Everything below, and the directory itself, without following anything.
pub fn snapshot(directory: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    look(directory, &mut found);
    found
}

fn look(path: &Path, found: &mut Snapshot) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    // What attackers planted is no content: devices never end, huge files are sparse.
    let content = if metadata.is_symlink() {
        std::fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else if metadata.is_file() && metadata.len() < 1 << 20 {
        std::fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let is_hard = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(HARD));
    let inode_changed = if is_hard { 0 } else { nanoseconds(metadata.ctime(), metadata.ctime_nsec()) };
    let seen = Seen {
        inode: metadata.ino(),
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        changed: (nanoseconds(metadata.mtime(), metadata.mtime_nsec()), inode_changed),
        content,
    };
    found.insert(path.to_owned(), seen);
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            look(&entry.path(), found);
        }
    }
}

/// What differs, in words.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let changed = before.iter().filter(|(path, seen)| after.get(*path) != Some(seen));
    let changed = changed.map(|(path, seen)| match after.get(path) {
        None => format!("{} is gone", path.display()),
        Some(now) => format!("{} was {seen:?}, is {now:?}", path.display()),
    });
    let new = after.keys().filter(|path| !before.contains_key(*path));
    changed.chain(new.map(|path| format!("{} is new", path.display()))).collect()
}
