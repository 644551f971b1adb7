//! The way to the target directory, component by component.
//!
//! Invariant: a symbolic link is followed only while nobody but root and ourselves could have put
//! it there, that is, when every directory passed so far belongs to one of the two and is not
//! writable by group or others. So `/var/run -> /run` works, and a link that a sibling container
//! plants in a shared volume does not. Links in /proc are never followed: what they read as is not
//! where they lead.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::geteuid;

use super::directory::{Directory, Opening};
use super::error::Error;

/// As the kernel's own limit.
const LINKS: usize = 40;

/// Opens the directory `path`, for reading and for locking.
pub(super) fn open_directory(path: &Path) -> Result<Directory, Error> {
    let start = PathBuf::from(if path.is_absolute() { "/" } else { "." });
    let opened = openat(AT_FDCWD, &start, passing(), Mode::empty())
        .map_err(|errno| Error::System { step: "open", path: start.clone(), errno })
        .and_then(|descriptor| open_from(Directory::new(descriptor, start, Opening::Openat2), path));
    opened.map_err(|error| error.on_the_way_to(path))
}

/// Looks whether `path` still leads to the directory that was opened by it: what was written is
/// nothing to its readers when somebody put another in its place.
pub(super) fn confirm_way(path: &Path, opened: &Directory) -> Result<(), Error> {
    let is_elsewhere = match open_directory(path) {
        Ok(now) => now
            .stat()
            .ok()
            .zip(opened.stat().ok())
            .is_some_and(|(now, opened)| (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino)),
        // Only what certainly leads elsewhere is an error: the output has been replaced by now.
        Err(error) => matches!(
            error,
            Error::DirectoryMissing { .. } | Error::NotADirectory { .. } | Error::LinkNotFollowed { .. }
        ),
    };
    if is_elsewhere { Err(Error::Interference { path: opened.path().to_owned() }) } else { Ok(()) }
}

/// Likewise, `path` being relative to `start` unless it is absolute.
pub(super) fn open_from(start: Directory, path: &Path) -> Result<Directory, Error> {
    let mut walk = Walk { here: start, pending: Vec::new(), trusted: true, links: 0 };
    walk.push(path);
    while let Some(name) = walk.pending.pop() {
        walk.step(&name)?;
    }
    walk.arrive()
}

/// To pass through a directory takes no permission to read it.
fn passing() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

struct Walk {
    here: Directory,
    /// What is still to be walked, last component first.
    pending: Vec<OsString>,
    /// Whether nobody else can have put a link anywhere on the way.
    trusted: bool,
    links: usize,
}

impl Walk {
    fn push(&mut self, path: &Path) {
        let names = path.components().rev().filter(|part| !matches!(part, Component::CurDir));
        self.pending.extend(names.map(|part| part.as_os_str().to_owned()));
    }

    fn step(&mut self, name: &OsStr) -> Result<(), Error> {
        if name == "/" || name == ".." {
            let descriptor = openat(self.here.descriptor(), name, passing(), Mode::empty())
                .map_err(self.here.failed("open", name))?;
            self.enter(descriptor, name);
            return Ok(());
        }
        let stat = self.here.stat().map_err(self.here.failed_itself("look at"))?;
        let ours = stat.st_uid == 0 || stat.st_uid == geteuid().as_raw();
        self.trusted &= ours && stat.st_mode & 0o022 == 0;
        match self.here.open(name, passing(), Mode::empty()) {
            Ok(descriptor) => {
                self.enter(descriptor, name);
                Ok(())
            }
            Err(Errno::ENOENT) => {
                let path = self.here.at(name);
                Err(Error::DirectoryMissing { wanted: path.clone(), path })
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => self.follow(name),
            Err(errno) => Err(self.here.failed("open", name)(errno)),
        }
    }

    fn enter(&mut self, descriptor: OwnedFd, name: &OsStr) {
        let path = self.here.at(name);
        self.here = Directory::new(descriptor, path, self.here.opening());
    }

    fn follow(&mut self, name: &OsStr) -> Result<(), Error> {
        let path = self.here.at(name);
        let target = match self.here.read_link(name) {
            Ok(target) => target,
            Err(Errno::EINVAL) => return Err(Error::NotADirectory { path }),
            Err(errno) => return Err(self.here.failed("read", name)(errno)),
        };
        let is_proc = fstatfs(self.here.descriptor())
            .is_ok_and(|filesystem| filesystem.filesystem_type() == PROC_SUPER_MAGIC);
        self.links += 1;
        if !self.trusted || is_proc {
            return Err(Error::LinkNotFollowed { path });
        }
        if self.links > LINKS {
            return Err(Error::System { step: "follow", path, errno: Errno::ELOOP });
        }
        self.push(Path::new(&target));
        Ok(())
    }

    /// A descriptor that was only passed through can neither be listed, locked nor synced.
    fn arrive(self) -> Result<Directory, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let here = &self.here;
        let descriptor =
            here.open(OsStr::new("."), flags, Mode::empty()).map_err(here.failed_itself("open"))?;
        Ok(Directory::new(descriptor, here.path().to_owned(), here.opening()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::testing::Target;
    use super::*;

    fn open(target: &Target, path: &str) -> Result<PathBuf, Error> {
        let start =
            Directory::new(target.open().descriptor().try_clone().unwrap(), ".".into(), Opening::Openat2);
        open_from(start, Path::new(path)).map(|directory| {
            directory.names().unwrap(); // It can be read.
            directory.path().to_owned()
        })
    }

    fn share(target: &Target, name: &str, mode: u32) {
        std::fs::set_permissions(target.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `real/inner`, `link -> real`, `common/link -> ../real`.
    fn tree() -> Target {
        let target = Target::new();
        for name in ["real", "real/inner", "common", "common/own"] {
            target.plant_directory(name);
        }
        target.plant_link("link", "real");
        target.plant_link("chain", "link/inner");
        target.plant_link("common/link", "../real");
        target.plant_link("common/own/link", "../../real");
        target.plant("file", "");
        target
    }

    #[test]
    fn links_that_only_we_can_have_made_are_followed() {
        let target = tree();
        for (path, real) in [
            ("real/inner", "real/inner"),
            ("./real/./inner/", "real/inner"),
            ("link/inner", "real/inner"),
            ("chain", "real/inner"),
            ("real/../link", "real/../real"),
            ("common/link", "common/../real"),
        ] {
            assert_eq!(open(&target, path), Ok(PathBuf::from(real)), "{path}");
        }
        assert_eq!(open(&target, &format!("{}/real", target.path("").display())), Ok(target.path("real")));
    }

    #[test]
    fn a_link_in_a_directory_that_others_may_write_to_is_not_followed() {
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            let target = tree();
            share(&target, "common", mode);
            let error = open(&target, "common/link").unwrap_err();
            assert_eq!(error, Error::LinkNotFollowed { path: "common/link".into() }, "{mode:o}");
        }
    }

    #[test]
    fn nor_is_one_further_down() {
        let target = tree();
        share(&target, "common", 0o777);
        assert_eq!(open(&target, "common/own"), Ok("common/own".into()));
        let error = open(&target, "common/own/link").unwrap_err();
        assert_eq!(error, Error::LinkNotFollowed { path: "common/own/link".into() });
    }

    #[test]
    fn nor_one_in_a_directory_of_another_uid() {
        if !geteuid().is_root() {
            return; // Only root can make a directory of another uid.
        }
        let target = tree();
        target.give_away("common");
        assert!(matches!(open(&target, "common/link"), Err(Error::LinkNotFollowed { .. })));
    }

    #[test]
    fn nor_one_that_leads_through_such_a_directory_to_another() {
        let target = tree();
        share(&target, "common", 0o777);
        target.plant_link("into", "common/link");
        assert_eq!(open(&target, "into").unwrap_err(), Error::LinkNotFollowed { path: "common/link".into() });
    }

    #[test]
    fn a_loop_ends() {
        let target = Target::new();
        target.plant_link("a", "b");
        target.plant_link("b", "a");
        assert!(matches!(open(&target, "a"), Err(Error::System { errno: Errno::ELOOP, .. })));
    }

    #[test]
    fn links_of_proc_are_not_followed() {
        let error = open_directory(Path::new("/proc/self/cwd")).unwrap_err();
        assert_eq!(error, Error::LinkNotFollowed { path: "/proc/self".into() });
    }

    #[test]
    fn what_is_missing_or_no_directory_is_named() {
        let target = tree();
        target.plant_link("dangling", "absent/x");
        let missing = |path: &str| Error::DirectoryMissing { path: path.into(), wanted: path.into() };
        assert_eq!(open(&target, "real/no/where"), Err(missing("real/no")));
        assert_eq!(open(&target, "dangling"), Err(missing("absent")));
        // All that is missing on the way comes with the last; what a link misses is the link's.
        let on_the_way = |path: &str, target: &str| match missing(path).on_the_way_to(Path::new(target)) {
            Error::DirectoryMissing { wanted, .. } => wanted.display().to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(on_the_way("real/no", "real/no/where"), "real/no/where");
        assert_eq!(on_the_way("./a", "./a/b"), "./a/b");
        assert_eq!(on_the_way("absent", "dangling"), "absent");
        assert_eq!(open(&target, "file"), Err(Error::NotADirectory { path: "file".into() }));
        assert_eq!(open(&target, "file/x"), Err(Error::NotADirectory { path: "file".into() }));
    }
}
