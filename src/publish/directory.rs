//! A directory held by its descriptor: every other file of this module works through it.
//!
//! Invariants: a name is one component, never a path; nothing here follows a symbolic link, and
//! modes and owners are set on descriptors only. `openat2` refuses links and escapes in the kernel;
//! where it is missing (before Linux 5.6, or hidden by an old seccomp profile) `openat` with
//! `O_NOFOLLOW` says the same for a single component.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat, umask};
use nix::unistd::{UnlinkatFlags, fsync, geteuid, linkat, symlinkat, unlinkat};

use super::access_list;
use super::audience::{Audience, PERMISSIONS};
use super::error::Error;
use crate::log::Log;

/// How single components are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// By `openat2`, and by `openat` where that does not exist.
    Openat2,
    /// By `openat` alone.
    Openat,
}

/// An open directory and the path that messages call it by.
#[derive(Debug)]
pub(super) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    opening: Opening,
}

impl Directory {
    pub(super) fn new(descriptor: OwnedFd, path: PathBuf, opening: Opening) -> Self {
        Self { descriptor, path, opening }
    }

    /// Likewise, called by another path in messages.
    pub(super) fn called(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of an entry, for messages.
    pub(super) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        if self.path == Path::new(".") { name.to_owned() } else { self.path.join(name) }
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }

    pub(super) fn opening(&self) -> Opening {
        self.opening
    }

    pub(super) fn stat(&self) -> nix::Result<FileStat> {
        fstat(&self.descriptor)
    }

    /// What `name` is, itself and not what it points to; `None` when there is nothing.
    pub(super) fn entry(&self, name: &OsStr) -> nix::Result<Option<FileStat>> {
        match fstatat(&self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn open(&self, name: &OsStr, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
        open_component(&self.descriptor, name, flags, mode, self.opening)
    }

    /// A directory in this one.
    pub(super) fn subdirectory(&self, name: &OsStr) -> nix::Result<Self> {
        let descriptor = self.open(name, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())?;
        Ok(Self::new(descriptor, self.at(name), self.opening))
    }

    /// A new directory of ours in this one, with exactly this mode (and the set-group-ID bit where
    /// it is inherited).
    /// `failed` has the words for what the system refuses. Whether the sticky bit is there is for the caller
    /// to see.
    pub(super) fn make_subdirectory(
        &self,
        name: &OsStr,
        mode: u32,
        failed: impl Fn(Errno) -> Error,
    ) -> Result<Self, Error> {
        let private = Mode::S_IRWXU | Mode::from_bits_truncate(mode & Mode::S_ISVTX.bits());
        with_own_umask(|| mkdirat(&self.descriptor, name, private)).map_err(&failed)?;
        self.own_subdirectory(name, mode, failed).inspect_err(|_| {
            let _ = self.remove_subdirectory(name);
        })
    }

    fn own_subdirectory(
        &self,
        name: &OsStr,
        mode: u32,
        failed: impl Fn(Errno) -> Error,
    ) -> Result<Self, Error> {
        let directory = self.subdirectory(name).map_err(&failed)?;
        // Somebody exchanged it between the two calls, perhaps for another of this uid: that would
        // not be empty, and is neither to be changed nor, after a failure, to be removed.
        if !directory.names().map_err(&failed)?.is_empty() {
            return Err(Error::Interference { path: self.at(name) });
        }
        let stat = directory.stat().map_err(&failed)?;
        let shown = Audience::of(&stat);
        let us = geteuid().as_raw();
        if shown.uid != us {
            return Err(Error::not_kept(self.at(name), Audience { uid: us, mode, ..shown }, shown));
        }
        access_list::clear(&directory.descriptor).map_err(failed)?;
        if shown.mode & !Mode::S_ISGID.bits() != mode {
            directory.set_mode(mode)?;
        }
        Ok(directory)
    }

    /// Sets the permission bits, and looks whether they were taken; an inherited set-group-ID bit stays. What
    /// became of the sticky bit is for the caller to see.
    pub(super) fn set_mode(&self, mode: u32) -> Result<(), Error> {
        let failed = self.failed_itself("set the mode of");
        let inherited = self.stat().map_err(&failed)?.st_mode & Mode::S_ISGID.bits();
        let set = |mode: u32| fchmod(&self.descriptor, Mode::from_bits_truncate(mode | inherited));
        let sticky = Mode::S_ISVTX.bits();
        // Some refuse the sticky bit to whom it is not theirs to give, and the other bits with it.
        let set = match set(mode) {
            Err(Errno::EPERM) if mode & sticky != 0 => set(mode & !sticky),
            other => other,
        };
        unless_unsupported(set).map_err(&failed)?;
        let shown = Audience::of(&self.stat().map_err(&failed)?);
        if shown.mode & 0o777 == mode & 0o777 {
            Ok(())
        } else {
            Err(Error::not_kept(self.path.clone(), Audience { mode, ..shown }, shown))
        }
    }

    /// All names but `.` and `..`, in no order.
    pub(super) fn names(&self) -> nix::Result<Vec<OsString>> {
        // A descriptor of its own, since reading moves the position.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut listing = Dir::from_fd(openat(&self.descriptor, ".", flags, Mode::empty())?)?;
        let mut names = Vec::new();
        for entry in listing.iter() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    pub(super) fn read_link(&self, name: &OsStr) -> nix::Result<OsString> {
        readlinkat(&self.descriptor, name)
    }

    pub(super) fn link(&self, target: &OsStr, name: &OsStr) -> nix::Result<()> {
        symlinkat(target, &self.descriptor, name)
    }

    /// Gives a file another name, which must not exist.
    pub(super) fn link_file(&self, from: &OsStr, to: &OsStr) -> nix::Result<()> {
        linkat(&self.descriptor, from, &self.descriptor, to, AtFlags::empty())
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> nix::Result<()> {
        renameat(&self.descriptor, from, &self.descriptor, to)
    }

    pub(super) fn remove(&self, name: &OsStr) -> nix::Result<()> {
        unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir)
    }

    pub(super) fn remove_subdirectory(&self, name: &OsStr) -> nix::Result<()> {
        unlinkat(&self.descriptor, name, UnlinkatFlags::RemoveDir)
    }

    /// Makes the names in it survive a power cut.
    pub(super) fn sync(&self) -> nix::Result<()> {
        sync(&self.descriptor)
    }

    /// Likewise, once readers see what was published. A failure then is none of the export: the new
    /// output is there and whole, and the worst that a power cut can do is to bring back the old.
    pub(super) fn sync_published(&self, log: Log) {
        if let Err(errno) = self.sync() {
            let (path, cause) = (self.path.display(), errno.desc().to_lowercase());
            log.warn(&format!("what was written to `{path}` may not survive a power cut: {cause}"));
        }
    }

    /// Whether somebody mounted something on `name`. Without `openat2` the rename tells it (EBUSY).
    pub(super) fn is_mount_point(&self, name: &OsStr) -> bool {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_XDEV);
        self.opening == Opening::Openat2 && openat2(&self.descriptor, name, how).err() == Some(Errno::EXDEV)
    }

    /// Turns the error of trying to `step` the entry `name` into words.
    pub(super) fn failed(&self, step: &'static str, name: &OsStr) -> impl Fn(Errno) -> Error + use<'_> {
        let path = self.at(name);
        move |errno| self.explain(step, path.clone(), errno)
    }

    /// Likewise, of making a link by which that entry is to be found: a file system without links says so in several ways.
    pub(super) fn failed_link(&self, step: &'static str, name: &OsStr) -> impl Fn(Errno) -> Error + use<'_> {
        let path = self.at(name);
        move |errno| match (errno, self.stat()) {
            (Errno::EPERM, Ok(stat)) if is_foreign_sticky(&stat, geteuid().as_raw()) => {
                self.explain(step, path.clone(), errno)
            }
            (Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS, _) => Error::NoLinks { path: path.clone() },
            (errno, _) => self.explain(step, path.clone(), errno),
        }
    }

    /// Likewise, for the directory itself.
    pub(super) fn failed_itself(&self, step: &'static str) -> impl Fn(Errno) -> Error + use<'_> {
        move |errno| self.explain(step, self.path.clone(), errno)
    }

    fn explain(&self, step: &'static str, path: PathBuf, errno: Errno) -> Error {
        let uid = geteuid().as_raw();
        match (errno, self.stat()) {
            (Errno::EROFS, _) => Error::ReadOnly { step, path },
            (Errno::ENOSPC | Errno::EDQUOT, _) => Error::NoSpace { step, path },
            (Errno::ESTALE, _) => Error::Interference { path },
            (Errno::EACCES, Ok(stat)) => Error::Denied {
                step,
                path,
                uid,
                directory: self.path.clone(),
                owner: stat.st_uid,
                mode: stat.st_mode & PERMISSIONS,
            },
            (Errno::EPERM, Ok(stat)) if is_foreign_sticky(&stat, uid) => Error::Sticky {
                path: self.path.clone(),
                owner: stat.st_uid,
                uid,
                trouble: "files of other users cannot be replaced or removed there",
            },
            (errno, _) => Error::System { step, path, errno },
        }
    }
}

/// Whether the kernel's rules for sticky directories that everybody may write to stand between us
/// and others there.
pub(super) fn is_foreign_sticky(stat: &FileStat, uid: u32) -> bool {
    let sticky = Mode::S_ISVTX.bits() | Mode::S_IWOTH.bits();
    stat.st_mode & sticky == sticky && stat.st_uid != uid
}

/// Makes what was written through it survive a power cut.
pub(super) fn sync(descriptor: impl AsFd) -> nix::Result<()> {
    match fsync(descriptor) {
        // Some network and FUSE file systems cannot, and say so this way.
        Err(Errno::EINVAL | Errno::ENOTSUP) => Ok(()),
        other => other,
    }
}

/// What file systems without modes answer to one that is set: what they show decides.
pub(super) fn unless_unsupported(set: nix::Result<()>) -> nix::Result<()> {
    match set {
        Err(Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS) => Ok(()),
        other => other,
    }
}

/// Opens one component below `directory`, never through a symbolic link.
pub(super) fn open_component(
    directory: impl AsFd,
    name: &OsStr,
    flags: OFlag,
    mode: Mode,
    opening: Opening,
) -> nix::Result<OwnedFd> {
    if name.as_bytes().contains(&b'/') || name == ".." {
        return Err(Errno::EINVAL);
    }
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let plainly = || openat(&directory, name, flags, mode);
    if opening == Opening::Openat {
        return plainly();
    }
    let how = OpenHow::new()
        .flags(flags)
        .mode(mode)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(&directory, name, how) {
        // EPERM is what seccomp profiles older than the call answer; EAGAIN a rename elsewhere.
        Err(Errno::ENOSYS | Errno::EPERM | Errno::EAGAIN) => plainly(),
        other => other,
    }
}

/// Runs `create` under a umask that leaves the owner's bits alone: a directory that a umask such
/// as 0777 made could not even be opened to set its mode.
pub(super) fn with_own_umask<T>(create: impl FnOnce() -> T) -> T {
    static UMASK: Mutex<()> = Mutex::new(());
    let _one_at_a_time = UMASK.lock().unwrap_or_else(PoisonError::into_inner);
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let result = create();
    umask(before);
    result
}

/// What a `st_mode` stands for, with its article.
pub(super) fn kind(mode: u32) -> &'static str {
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => "a file",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        _ => "a device",
    }
}

pub(super) fn is_regular(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits()
}

pub(super) fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
}

pub(super) fn is_link(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Target;
    use super::*;

    #[test]
    fn neither_way_of_opening_follows_a_link_or_takes_a_path() {
        let target = Target::new();
        target.plant_directory("real");
        target.plant("real/file", "x");
        target.plant_link("link", "real");
        target.plant_link("file", "real/file");
        for opening in [Opening::Openat2, Opening::Openat] {
            let directory = target.open_with(opening);
            let open = |name: &str| directory.open(OsStr::new(name), OFlag::O_RDONLY, Mode::empty()).err();
            assert_eq!(open("real"), None);
            assert_eq!(open("link"), Some(Errno::ELOOP));
            assert_eq!(open("file"), Some(Errno::ELOOP));
            assert_eq!(open("real/file"), Some(Errno::EINVAL));
            assert_eq!(open(".."), Some(Errno::EINVAL));
            assert!(directory.subdirectory(OsStr::new("link")).is_err());
        }
    }

    #[test]
    fn a_new_directory_has_its_mode_whatever_is_inherited() {
        let target = Target::new();
        let directory = target.open();
        for mode in [0o700, 0o755] {
            let name = format!("{mode:o}");
            let failed = directory.failed("create", OsStr::new(&name));
            directory.make_subdirectory(OsStr::new(&name), mode, failed).unwrap();
            assert_eq!(target.attributes(&name).0, mode);
        }
        let failed = directory.failed("create", OsStr::new("700"));
        let error = directory.make_subdirectory(OsStr::new("700"), 0o700, failed).unwrap_err();
        assert!(matches!(error, Error::System { errno: Errno::EEXIST, .. }), "{error:?}");
    }

    #[test]
    fn errors_name_the_path_and_what_the_directory_says() {
        let target = Target::new();
        let directory = target.open();
        let explain = |errno| directory.failed("create", OsStr::new("f"))(errno);
        let path = target.path("f");
        assert_eq!(explain(Errno::EROFS), Error::ReadOnly { step: "create", path: path.clone() });
        assert_eq!(explain(Errno::EDQUOT), Error::NoSpace { step: "create", path: path.clone() });
        let uid = geteuid();
        assert_eq!(
            explain(Errno::EACCES).to_string(),
            format!(
                "uid {uid} cannot create `{}`: directory `{}` belongs to uid {uid}, mode 0755",
                path.display(),
                target.path("").display()
            )
        );
    }
}
