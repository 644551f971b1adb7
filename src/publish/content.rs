//! The content of one file: written so that at no instant anybody reads it who may not, and
//! compared with what is there already.
//!
//! The order is what matters. A new file is empty and 0600 until it has its final mode and owner
//! (mode first: with `CAP_CHOWN` alone the owner could not change it afterwards); only then is the
//! content written, through the descriptor that creating it gave. An old file is opened only when
//! it is regular, without following a link and without blocking.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write as _};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, fchmod, fstat};
use nix::unistd::{Gid, Uid, fchown, getegid, geteuid};
use zeroize::Zeroizing;

use super::access_list::{self, AccessList};
use super::audience::Audience;
use super::directory::{Directory, is_regular, sync, unless_unsupported};
use super::error::Error;
use crate::delivery::{Attributes, Owner};
use crate::secret::Secret;

/// How much of an old file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where a new file is made.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) directory: &'a Directory,
    /// The name that it is made under.
    pub(super) name: &'a OsStr,
    /// The name that it is going to have, for messages.
    pub(super) shown: &'a OsStr,
}

/// Creates a file, which must not exist, and puts everything into it, down to the disk. After an
/// error it does not exist. It comes back open, for [`remove`] and for telling it from others.
pub(super) fn write_new(place: Place<'_>, content: &Secret, attributes: Attributes) -> Result<File, Error> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let descriptor = place.directory.open(place.name, flags, Mode::S_IRUSR | Mode::S_IWUSR);
    let file = File::from(descriptor.map_err(place.failed("create"))?);
    fill(place, &file, content, attributes).inspect_err(|_| remove(place, &file))?;
    Ok(file)
}

fn fill(place: Place<'_>, mut file: &File, content: &Secret, attributes: Attributes) -> Result<(), Error> {
    give(place, file, attributes)?;
    file.write_all(content.expose()).map_err(|error| place.failed("write")(errno(&error)))?;
    sync(file).map_err(place.failed("sync"))
}

/// Sets mode and owner, and looks whether they were taken and say all: no access list, and no other owner where
/// none is named (as root's files have on a network file system).
fn give(place: Place<'_>, file: &File, attributes: Attributes) -> Result<(), Error> {
    access_list::clear(file).map_err(place.failed("take the inherited access control list from"))?;
    let set = fchmod(file, Mode::from_bits_truncate(attributes.mode));
    unless_unsupported(set).map_err(place.failed("set the mode of"))?;
    let mut stat = fstat(file).map_err(place.failed("look at"))?;
    if let Some(owner) = attributes.owner
        && !Audience::of(&stat).satisfies(attributes)
    {
        let gid = owner.gid.map(Gid::from_raw);
        fchown(file, Some(Uid::from_raw(owner.uid)), gid).map_err(|errno| match errno {
            Errno::EPERM => place.owner_denied(owner),
            Errno::EINVAL => place.owner_unmapped(owner),
            errno => place.failed("set the owner of")(errno),
        })?;
        stat = fstat(file).map_err(place.failed("look at"))?;
    }
    let shown = Audience::of(&stat);
    if !shown.satisfies(attributes) {
        let wanted = Audience::expected(attributes, shown);
        return Err(Error::not_kept(place.directory.at(place.shown), wanted, shown));
    }
    Ok(())
}

fn owner_words(owner: Owner) -> String {
    let group = owner.gid.map(|gid| format!(", gid {gid}")).unwrap_or_default();
    format!("uid {}{group}", owner.uid)
}

impl<'a> Place<'a> {
    fn failed(self, step: &'static str) -> impl Fn(Errno) -> Error + use<'a> {
        self.directory.failed(step, self.shown)
    }

    fn owner_denied(self, owner: Owner) -> Error {
        let (path, owner) = (self.directory.at(self.shown), owner_words(owner));
        Error::OwnerDenied { path, uid: geteuid().as_raw(), owner }
    }

    fn owner_unmapped(self, owner: Owner) -> Error {
        Error::OwnerUnmapped { path: self.directory.at(self.shown), owner: owner_words(owner) }
    }
}

/// Removes a file that was just made. In a sticky directory without `CAP_FOWNER` that takes
/// owning it.
pub(super) fn remove(place: Place<'_>, file: &File) {
    let remove = || place.directory.remove(place.name);
    if remove() == Err(Errno::EPERM) && fchown(file, Some(geteuid()), Some(getegid())).is_ok() {
        let _ = remove();
    }
}

/// How an old file compares with what writing it would make, with what it looks like.
#[must_use]
pub(super) enum Comparison {
    /// Type, size, mode, owner and every byte are the same.
    Same(FileStat),
    /// Type, size, mode and owner are; the content is closed to us (root that was given
    /// `CAP_CHOWN` only, and a file of 999).
    Unreadable(FileStat),
    /// Something differs, or it is not there, or it could not be told.
    Different,
}

/// Compares `name` with what writing it would make.
pub(super) fn compare(
    directory: &Directory,
    name: &OsStr,
    content: &Secret,
    attributes: Attributes,
) -> Comparison {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let is_candidate = |stat: &FileStat| {
        is_regular(stat)
            && usize::try_from(stat.st_size) == Ok(content.expose().len())
            && Audience::of(stat).satisfies(attributes)
    };
    // Before it is opened, since opening a device or a FIFO does things.
    let Some(entry) = directory.entry(name).ok().flatten().filter(is_candidate) else {
        return Comparison::Different;
    };
    let descriptor = match directory.open(name, flags, Mode::empty()) {
        Ok(descriptor) => descriptor,
        Err(Errno::EACCES | Errno::EPERM) => return Comparison::Unreadable(entry),
        Err(_) => return Comparison::Different,
    };
    // A list that it was given lets others read it.
    if !matches!(AccessList::of(&descriptor), Ok(None)) {
        return Comparison::Different;
    }
    match fstat(&descriptor) {
        Ok(stat)
            if is_candidate(&stat) && holds(File::from(descriptor), content.expose()).unwrap_or(false) =>
        {
            Comparison::Same(stat)
        }
        _ => Comparison::Different,
    }
}

/// Whether everything that `file` yields is `expected`, to the end.
fn holds(mut file: impl Read, mut expected: &[u8]) -> io::Result<bool> {
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES.min(expected.len() + 1)]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(expected.is_empty()),
            Ok(length) => match expected.strip_prefix(&chunk[..length]) {
                Some(rest) => expected = rest,
                None => return Ok(false),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OURS, Target, secret};
    use super::*;

    #[test]
    fn an_existing_file_or_link_is_never_written_into() {
        let target = Target::new();
        target.plant("theirs", "old");
        target.plant_link("link", "absent");
        for name in ["theirs", "link"] {
            let (directory, name) = (&target.open(), OsStr::new(name));
            let place = Place { directory, name, shown: name };
            let error = write_new(place, &secret("new"), OURS).unwrap_err();
            assert!(matches!(error, Error::System { errno: Errno::EEXIST, .. }), "{error:?}");
        }
        assert_eq!(target.read("theirs"), "old");
        assert!(!target.exists("absent"));
    }

    #[test]
    fn content_is_compared_to_the_last_byte() {
        let long = "x".repeat(CHUNK_BYTES * 2);
        for (file, expected, same) in [
            ("", "", true),
            ("a", "", false),
            ("", "a", false),
            ("ab", "ab", true),
            ("ab", "ac", false),
            ("ab", "abc", false),
            ("abc", "ab", false),
            (&long, &long, true),
            (&long, &long[1..], false),
        ] {
            assert_eq!(holds(file.as_bytes(), expected.as_bytes()).unwrap(), same);
        }
    }
}
