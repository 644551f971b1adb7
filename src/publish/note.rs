//! A note beside a set, for whoever goes on with it: `.kz/leases`, 0600, of the exporter's uid. And the contents that the set has,
//! each only as it was written.
//!
//! Invariants: a note speaks of one generation, and says nothing of another; what is not a small regular file of ours, closed to
//! everybody else, is no note; a content whose HMAC is not the manifest's is none. What stands in it is its writer's business.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fstat};
use nix::unistd::geteuid;

use super::Turn;
use super::directory::{Directory, is_regular};
use super::error::Error;
use super::generation::current;
use super::lock::lock_state;
use super::manifest::{Key, Manifest};
use super::record::{self, Found};
use super::signals::Deferred;
use super::walk::open_directory;
use crate::delivery::{RelativePath, STATE_DIRECTORY};
use crate::secret::Secret;

/// Leaves a note beside the set that is there, made from the name of its generation; or none, where that makes nothing.
pub fn leave_note(
    directory: &Path,
    make: impl FnOnce(&str) -> Option<String>,
    turn: Turn,
) -> Result<(), Error> {
    let opened = open_directory(directory)?;
    let deferred = Deferred::begin();
    let state = lock_state(&opened, turn, &deferred)?;
    let generation = current(&opened)?;
    let text = generation.as_deref().and_then(OsStr::to_str).and_then(make);
    record::leave(state.directory(), text)
}

/// A note, and the set that it speaks of.
pub struct Noted {
    generation: Directory,
    manifest: Manifest,
    key: Key,
    text: String,
}

/// The note beside the set that lies there, where there is one that is ours, and the set is as it was written.
pub fn noted(directory: &Path) -> Option<Noted> {
    let opened = open_directory(directory).ok()?;
    let name = current(&opened).ok()??;
    let state = opened.subdirectory(OsStr::new(STATE_DIRECTORY)).ok()?;
    let owner = geteuid().as_raw();
    let text = record::left(&state, owner)?;
    let Found { manifest, key } = record::look(&state, owner);
    let (manifest, key) = (manifest.filter(|manifest| manifest.generation() == name)?, key?);
    let generation = opened.subdirectory(&name).ok()?;
    Some(Noted { generation, manifest, key, text })
}

impl Noted {
    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the generation that the set is.
    pub fn generation(&self) -> &str {
        self.manifest.generation().to_str().unwrap_or_default()
    }

    /// What this file of the set holds, where we may read it, and it is as it was written.
    pub fn content(&self, path: &str) -> Option<Secret> {
        let listed = self.manifest.files().find(|file| file.path() == path)?;
        RelativePath::new(path).ok()?;
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut inner: Option<Directory> = None;
        for directory in directories.split('/').filter(|directory| !directory.is_empty()) {
            let outer = inner.as_ref().unwrap_or(&self.generation);
            inner = Some(outer.subdirectory(OsStr::new(directory)).ok()?);
        }
        let (directory, name) = (inner.as_ref().unwrap_or(&self.generation), OsStr::new(name));
        // Before it is opened, since opening a device or a FIFO does things.
        directory.entry(name).ok().flatten().filter(is_regular)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut file = File::from(directory.open(name, flags, Mode::empty()).ok()?);
        let stat = fstat(&file).ok()?;
        if listed.difference(&stat).is_some() {
            return None;
        }
        let size = usize::try_from(stat.st_size).ok()?;
        let mut content = Vec::with_capacity(size);
        file.by_ref().take(stat.st_size.unsigned_abs() + 1).read_to_end(&mut content).ok()?;
        let content = Secret::new(content);
        let mut tag = self.key.begin(listed.generation(), listed.path())?;
        tag.update(content.expose());
        (tag.digits()? == listed.hmac()).then_some(content)
    }
}
