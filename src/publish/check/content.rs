//! The files of a generation beside its manifest: all of them, nothing else, and each as it was written.
//!
//! A content that can be read is compared by its HMAC, and then the inode does not matter: a volume that was restored has
//! others. One that is closed is unchanged where inode and time of change are, which nobody can set back.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read as _};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, fstat};
use zeroize::Zeroizing;

use super::super::access_list::AccessList;
use super::super::directory::{Directory, is_directory, is_regular, kind};
use super::super::manifest::{Key, Listed, Manifest};
use super::{Fault, closed};
use crate::delivery::RelativePath;

/// How much of a file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A directory of the set, as the manifest has it.
#[derive(Default)]
struct Wanted<'a> {
    files: BTreeMap<&'a str, Listed<'a>>,
    directories: BTreeMap<&'a str, Wanted<'a>>,
}

/// How many contents are closed to us; `None` where the manifest names what no set can hold.
pub(super) fn compare(
    generation: &Directory,
    manifest: &Manifest,
    key: &Key,
) -> Option<Result<usize, Fault>> {
    let mut wanted = Wanted::default();
    for file in manifest.files() {
        RelativePath::new(file.path()).ok()?;
        let (directories, name) = match file.path().rsplit_once('/') {
            Some((directories, name)) => (directories.split('/').collect(), name),
            None => (Vec::new(), file.path()),
        };
        let place = directories
            .into_iter()
            .fold(&mut wanted, |at, directory| at.directories.entry(directory).or_default());
        place.files.insert(name, file);
    }
    Some(wanted.compare(generation, key))
}

impl Wanted<'_> {
    fn compare(&self, directory: &Directory, key: &Key) -> Result<usize, Fault> {
        let names = directory.names().map_err(|errno| closed(directory, OsStr::new("."), errno))?;
        let is_wanted = |name: &str| self.files.contains_key(name) || self.directories.contains_key(name);
        if let Some(strange) = names.iter().find(|name| !name.to_str().is_some_and(is_wanted)) {
            return Err(Fault::Strange(directory.at(strange)));
        }
        let mut shut = 0;
        for (name, inner) in &self.directories {
            let name = OsStr::new(name);
            let stat = entry(directory, name)?;
            if !is_directory(&stat) {
                return Err(Fault::Kind { path: directory.at(name), kind: kind(stat.st_mode) });
            }
            let opened = directory.subdirectory(name).map_err(|errno| closed(directory, name, errno))?;
            shut += inner.compare(&opened, key)?;
        }
        for (name, listed) in &self.files {
            shut += usize::from(is_closed(directory, OsStr::new(name), listed, key)?);
        }
        Ok(shut)
    }
}

fn entry(directory: &Directory, name: &OsStr) -> Result<FileStat, Fault> {
    let stat = directory.entry(name).map_err(|errno| closed(directory, name, errno))?;
    stat.ok_or_else(|| Fault::Gone(directory.at(name)))
}

/// Compares one file, and says whether its content is closed to us.
fn is_closed(directory: &Directory, name: &OsStr, listed: &Listed<'_>, key: &Key) -> Result<bool, Fault> {
    let changed = |what| Fault::Changed { path: directory.at(name), what };
    let stat = entry(directory, name)?;
    // Before it is opened, since opening a device or a FIFO does things.
    if !is_regular(&stat) {
        return Err(Fault::Kind { path: directory.at(name), kind: kind(stat.st_mode) });
    }
    if let Some(what) = listed.difference(&stat) {
        return Err(changed(what));
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = match directory.open(name, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::EACCES | Errno::EPERM) if listed.is_untouched(&stat) => return Ok(true),
        Err(Errno::EACCES | Errno::EPERM) => {
            return Err(changed("another inode or time of change than kz noted"));
        }
        Err(errno) => return Err(closed(directory, name, errno)),
    };
    let opened = fstat(&file).map_err(|errno| closed(directory, name, errno))?;
    if let Some(what) = listed.difference(&opened) {
        return Err(changed(what));
    }
    if !matches!(AccessList::of(&file), Ok(None)) {
        return Err(changed("an access control list that kz did not give it"));
    }
    match holds(file, listed, key) {
        Some(true) => Ok(false),
        Some(false) => Err(changed("another content than kz wrote")),
        None => Err(closed(directory, name, Errno::EIO)),
    }
}

/// Whether the file has the content that its HMAC is of; `None` where it cannot be read.
fn holds(mut file: File, listed: &Listed<'_>, key: &Key) -> Option<bool> {
    let mut tag = key.begin(listed.generation(), listed.path())?;
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Some(tag.digits()? == listed.hmac()),
            Ok(length) => tag.update(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
