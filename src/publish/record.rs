//! Where the manifest is kept: `.kz/manifest`, 0600, and `.kz/key`, 0400, of the exporter's uid.
//!
//! Invariants: they are believed for one thing only, that a file whose content is closed to us is
//! unchanged; what is not a small enough regular file of ours, closed to everybody else, is taken as
//! missing; a manifest says nothing of another generation than its own. They are written
//! before readers have the new set, under names of their own, and renamed after it, so that a full disk
//! is a failure like any other, and a killed export leaves an old manifest that is not believed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, fstat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::geteuid;

use super::audience::PERMISSIONS;
use super::content::{Place, remove, write_new};
use super::directory::{Directory, is_regular, kind, with_own_umask};
use super::error::Error;
use super::manifest::{Key, Manifest};
use super::stamp;
use super::tree::Seen;
use crate::delivery::Attributes;
use crate::log::Log;
use crate::secret::Secret;

const MANIFEST: Kept = Kept { name: "manifest", temporary: "manifest.new", mode: 0o600 };
const KEY: Kept = Kept { name: "key", temporary: "key.new", mode: 0o400 };
/// What was lent of a set.
const LEASES: Kept = Kept { name: "leases", temporary: "leases.new", mode: 0o600 };
/// What confirms a set that did not change.
const WATCH: &str = "watch";

/// What a manifest without files takes at most, and what each file adds: its path six times over
/// (as JSON may have to write it), and the rest.
const HEAD_BYTES: usize = 64 << 10;
const FILE_BYTES: usize = 32 << 10;
/// And not more than this in all: no manifest of more than some fifty thousand files.
const LIMIT: usize = 16 << 20;

/// A file of `.kz/`.
struct Kept {
    name: &'static str,
    temporary: &'static str,
    mode: u32,
}

/// What was written down of the set that is there.
pub(super) struct Record<'a> {
    state: &'a Directory,
    log: Log,
    last: Option<(Manifest, Key)>,
}

impl<'a> Record<'a> {
    /// What `.kz/` holds, where a set of so many files is expected. Removes what a killed export
    /// left half written; call it under the lock.
    pub(super) fn read(state: &'a Directory, files: usize, log: Log) -> Self {
        for kept in [&MANIFEST, &KEY, &LEASES] {
            let _ = state.remove(OsStr::new(kept.temporary));
        }
        let limit = files.saturating_mul(FILE_BYTES).saturating_add(HEAD_BYTES).min(LIMIT);
        let Found { manifest, key } = find(state, geteuid().as_raw(), limit);
        Self { state, log, last: manifest.zip(key) }
    }

    /// Whether the current generation holds these files: each was read, or the manifest vouches
    /// for it.
    pub(super) fn confirms(&self, generation: &OsStr, files: &[Seen<'_>]) -> bool {
        if files.iter().all(|seen| seen.was_read) {
            return true;
        }
        self.compared(generation, files).is_some_and(|(last, present)| {
            let vouched = |index| last.vouches_for(index, &present);
            files.iter().enumerate().all(|(index, seen)| seen.was_read || vouched(index))
        })
    }

    /// Writes down that `generation` is going to hold these files, down to the disk, but not yet where
    /// it is looked for.
    pub(super) fn draft(&self, generation: &OsStr, files: &[Seen<'_>]) -> Result<Note<'a>, Error> {
        let (state, log) = (self.state, self.log);
        let no_key = |_| state.failed("draw", OsStr::new(KEY.name))(Errno::EIO);
        let key = Key::draw().map_err(no_key)?;
        let manifest = Manifest::of(generation, files, &key, SystemTime::now());
        let text = manifest.and_then(|manifest| manifest.text()).filter(|text| text.len() <= LIMIT);
        // Too many files for one: it would not be read.
        let Some(text) = text else { return Ok(Note { state, log, drafts: Vec::new() }) };
        let key = KEY.draft(state, &Secret::new(key.expose().to_vec()))?;
        let manifest = MANIFEST.draft(state, &Secret::new(text))?;
        Ok(Note { state, log, drafts: vec![key, manifest] })
    }

    /// Brings up to date what is written down of the current generation, which holds these files. That
    /// it cannot be is no failure.
    pub(super) fn update(&self, generation: &OsStr, files: &[Seen<'_>]) {
        if self.compared(generation, files).is_some_and(|(last, present)| last.agrees_with(&present)) {
            return;
        }
        match self.draft(generation, files) {
            Ok(note) => note.publish(),
            // Where nothing can be written, nothing has to be.
            Err(Error::ReadOnly { .. }) => {}
            Err(error) => warn(&error, self.log),
        }
    }

    /// The manifest that is there, and one of what there is, under the same key.
    fn compared(&self, generation: &OsStr, files: &[Seen<'_>]) -> Option<(&Manifest, Manifest)> {
        let (last, key) = self.last.as_ref()?;
        Some((last, Manifest::of(generation, files, key, SystemTime::now())?))
    }
}

/// What lies in `.kz/`, each only as it may be believed.
pub(super) struct Found {
    pub(super) manifest: Option<Manifest>,
    pub(super) key: Option<Key>,
}

/// What lies in `.kz/` of this owner, for somebody who only looks.
pub(super) fn look(state: &Directory, owner: u32) -> Found {
    find(state, owner, LIMIT)
}

fn find(state: &Directory, owner: u32, limit: usize) -> Found {
    let manifest = || Manifest::parse(MANIFEST.read(state, owner, limit)?.expose());
    let key = || Key::from_bytes(KEY.read(state, owner, Key::BYTES)?.expose());
    Found { manifest: manifest(), key: key() }
}

/// Writes down what was lent, or takes away what was written down of it.
pub(super) fn leave(state: &Directory, text: Option<String>) -> Result<(), Error> {
    let name = OsStr::new(LEASES.name);
    match text {
        Some(text) => {
            let _ = state.remove(OsStr::new(LEASES.temporary));
            LEASES.draft(state, &Secret::new(text.into_bytes()))?.publish()
        }
        None => match state.remove(name) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(state.failed("remove", name)(errno)),
        },
    }
}

/// What was written down of that, by this owner.
pub(super) fn left(state: &Directory, owner: u32) -> Option<String> {
    LEASES.read(state, owner, LIMIT)?.expose_text().map(str::to_owned)
}

/// When somebody who watches the backends last found that the set is what they hold: the time of `.kz/watch`, which holds
/// no value, and which is written anew after a round in which every document could be read, and after no other.
pub(super) fn confirmed(state: &Directory, owner: u32) -> Option<SystemTime> {
    let stat = state.entry(OsStr::new(WATCH)).ok().flatten()?;
    let is_kept = is_regular(&stat) && stat.st_uid == owner && stat.st_mode & 0o022 == 0;
    is_kept.then(|| stamp::changed(&stat))
}

/// Notes that somebody who watches the backends has found just now that the set is what they hold.
pub(super) fn confirm(state: &Directory) -> Result<(), Error> {
    let name = OsStr::new(WATCH);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mode = Mode::from_bits_truncate(0o600);
    let opened = with_own_umask(|| state.open(name, flags, mode)).map_err(state.failed("create", name))?;
    let stat = fstat(&opened).map_err(state.failed("look at", name))?;
    if !is_regular(&stat) {
        return Err(Error::StateKind { path: state.at(name), kind: kind(stat.st_mode) });
    }
    let now = TimeSpec::UTIME_NOW;
    futimens(&opened, &now, &now).map_err(state.failed("set the time of", name))
}

/// A manifest and its key, written but not in their places. Dropped before [`Note::publish`], they
/// vanish.
pub(super) struct Note<'a> {
    state: &'a Directory,
    log: Log,
    drafts: Vec<Draft<'a>>,
}

impl Note<'_> {
    /// Puts both in their places. Between the two steps neither is believed: they do not fit together.
    pub(super) fn publish(self) {
        let publish = || {
            for draft in self.drafts {
                draft.publish()?;
            }
            self.state.sync().map_err(self.state.failed_itself("sync"))
        };
        if let Err(error) = publish() {
            warn(&error, self.log);
        }
    }
}

/// The output itself is right by now.
fn warn(error: &Error, log: Log) {
    log.warn(&format!("{error}; the secrets are there, and the next export may write them again"));
}

/// A file of `.kz/` that does not have its name yet. Dropped before [`Draft::publish`], it vanishes.
struct Draft<'a> {
    state: &'a Directory,
    kept: &'a Kept,
    file: Option<File>,
}

impl Kept {
    /// All of it, when it is a regular file of `owner` that nobody else may touch, and not too large.
    fn read(&self, state: &Directory, owner: u32, limit: usize) -> Option<Secret> {
        let name = OsStr::new(self.name);
        let is_kept = |stat: &FileStat| {
            is_regular(stat)
                && stat.st_uid == owner
                && stat.st_mode & PERMISSIONS & !self.mode == 0
                && usize::try_from(stat.st_size).is_ok_and(|size| size <= limit)
        };
        // Before it is opened, since opening a device or a FIFO does things.
        state.entry(name).ok().flatten().filter(is_kept)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(state.open(name, flags, Mode::empty()).ok()?);
        let size = fstat(&file).ok().filter(is_kept)?.st_size;
        let mut content = Vec::with_capacity(usize::try_from(size).ok()?);
        file.take(limit as u64).read_to_end(&mut content).ok()?;
        Some(Secret::new(content))
    }

    fn draft<'a>(&'a self, state: &'a Directory, content: &Secret) -> Result<Draft<'a>, Error> {
        let attributes = Attributes { mode: self.mode, owner: None };
        let file = write_new(self.place(state), content, attributes)?;
        Ok(Draft { state, kept: self, file: Some(file) })
    }

    fn place<'a>(&'a self, directory: &'a Directory) -> Place<'a> {
        Place { directory, name: OsStr::new(self.temporary), shown: OsStr::new(self.temporary) }
    }
}

impl Draft<'_> {
    fn publish(mut self) -> Result<(), Error> {
        let Kept { name, temporary, .. } = self.kept;
        let (name, temporary) = (OsStr::new(name), OsStr::new(temporary));
        self.state.rename(temporary, name).map_err(self.state.failed("replace", name))?;
        self.file = None;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            remove(self.kept.place(self.state), file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::super::File as SetFile;
    use super::super::testing::{OURS, Target, files, secret};
    use super::*;
    use crate::delivery::RelativePath;

    type Plant = fn(&Target);

    const GENERATION: &str = "..2026_11_25_13_45_00.0123456789abcdef";

    fn generation() -> &'static OsStr {
        OsStr::new(GENERATION)
    }

    /// A target whose `.kz/` speaks of these files; they were written, and now are closed to us.
    fn recorded(content: &[SetFile]) -> Target {
        let target = Target::new();
        target.plant_directory(".kz");
        let state = state(&target);
        Record::read(&state, content.len(), Log::default())
            .draft(generation(), &closed(content))
            .unwrap()
            .publish();
        target
    }

    fn state(target: &Target) -> Directory {
        target.open().subdirectory(OsStr::new(".kz")).unwrap()
    }

    fn closed(content: &[SetFile]) -> Vec<Seen<'_>> {
        let stat = nix::sys::stat::stat("/").unwrap();
        content.iter().map(|file| Seen { file, stat, was_read: false }).collect()
    }

    fn read(content: &[SetFile]) -> Vec<Seen<'_>> {
        closed(content).into_iter().map(|seen| Seen { was_read: true, ..seen }).collect()
    }

    fn confirms(target: &Target, seen: &[Seen<'_>]) -> bool {
        Record::read(&state(target), seen.len(), Log::default()).confirms(generation(), seen)
    }

    fn mode(target: &Target, name: &str, mode: u32) {
        std::fs::set_permissions(target.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Everything in `.kz/`, but not its own times, which what comes and goes there changes.
    fn kept(target: &Target) -> BTreeMap<PathBuf, String> {
        let mut kept = target.snapshot();
        kept.remove(&target.path(".kz"));
        kept
    }

    /// The same file with other content.
    fn replace(target: &Target, name: &str, content: &[u8]) {
        let mode = target.attributes(name).0;
        std::fs::remove_file(target.path(name)).unwrap();
        target.plant(name, content);
        self::mode(target, name, mode);
    }

    #[test]
    fn what_is_closed_is_unchanged_when_the_manifest_says_so() {
        let content = files(&[("A", "1"), ("B", "2")]);
        let target = recorded(&content);
        assert_eq!((target.attributes(".kz/manifest").0, target.attributes(".kz/key").0), (0o600, 0o400));
        assert!(confirms(&target, &closed(&content)));
        assert!(!confirms(&target, &closed(&files(&[("A", "1"), ("B", "x")]))), "another value");
        assert!(!confirms(&target, &closed(&files(&[("A", "2"), ("B", "1")]))), "exchanged values");
        assert!(!confirms(&target, &closed(&files(&[("A", "1"), ("B", "2"), ("C", "")]))), "one more");
        let state = state(&target);
        let record = Record::read(&state, 2, Log::default());
        assert!(!record.confirms(OsStr::new("..other"), &closed(&content)), "another generation");
    }

    #[test]
    fn what_was_read_needs_nobody_to_vouch_for_it() {
        let (content, target) = (files(&[("A", "1"), ("B", "2")]), Target::new());
        target.plant_directory(".kz");
        assert!(confirms(&target, &read(&content)) && !confirms(&target, &closed(&content)));
        let mut half = read(&content);
        half[1].was_read = false;
        assert!(!confirms(&target, &half));
        assert!(confirms(&recorded(&content), &half));
    }

    #[test]
    fn what_is_not_ours_alone_whole_and_small_is_taken_as_missing() {
        let plants: [(&str, Plant); 16] = [
            ("no manifest", |target| std::fs::remove_file(target.path(".kz/manifest")).unwrap()),
            ("no key", |target| std::fs::remove_file(target.path(".kz/key")).unwrap()),
            ("half a manifest", |target| target.cut(".kz/manifest", 100)),
            ("half a key", |target| replace(target, ".kz/key", &[0; 31])),
            ("more than a key", |target| replace(target, ".kz/key", &[0; 33])),
            ("another key", |target| replace(target, ".kz/key", &[0; 32])),
            ("an empty manifest", |target| target.cut(".kz/manifest", 0)),
            ("a huge manifest", |target| target.cut(".kz/manifest", 1 << 40)),
            ("a manifest for the group", |target| mode(target, ".kz/manifest", 0o640)),
            ("a manifest for everybody", |target| mode(target, ".kz/manifest", 0o602)),
            ("a key for the group", |target| mode(target, ".kz/key", 0o440)),
            ("a key that can be written", |target| mode(target, ".kz/key", 0o600)),
            ("a set-user-ID manifest", |target| mode(target, ".kz/manifest", 0o4600)),
            ("a manifest of another uid", |target| target.give_away(".kz/manifest")),
            ("a key of another uid", |target| target.give_away(".kz/key")),
            ("text", |target| target.plant(".kz/manifest", "{}")),
        ];
        let content = files(&[("A", "1")]);
        for (what, plant) in plants {
            if what.ends_with("another uid") && !geteuid().is_root() {
                continue; // Only root can give a file away.
            }
            let target = recorded(&content);
            plant(&target);
            assert!(!confirms(&target, &closed(&content)), "{what}");
            assert!(confirms(&target, &read(&content)), "{what}");
            // And it is replaced.
            Record::read(&state(&target), 1, Log::default()).update(generation(), &closed(&content));
            assert!(confirms(&target, &closed(&content)), "{what}");
        }
        for name in [".kz/manifest", ".kz/key"] {
            let kinds: [fn(&Target, &str); 3] = [
                |target, name| target.plant_link(name, "elsewhere"),
                |target, name| target.plant_fifo(name),
                |target, name| target.plant_directory(name),
            ];
            for plant in kinds {
                let target = recorded(&content);
                std::fs::hard_link(target.path(name), target.path(".kz/elsewhere")).unwrap();
                std::fs::remove_file(target.path(name)).unwrap();
                plant(&target, name);
                assert!(
                    !confirms(&target, &closed(&content)) && confirms(&target, &read(&content)),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn what_is_right_is_not_written_again() {
        let content = files(&[("A", "1")]);
        let target = recorded(&content);
        let before = kept(&target);
        Record::read(&state(&target), 1, Log::default()).update(generation(), &read(&content));
        assert_eq!(kept(&target), before);
    }

    #[test]
    fn what_was_half_written_is_removed_and_nothing_else() {
        let content = files(&[("A", "1")]);
        let target = recorded(&content);
        target.plant(".kz/theirs", "");
        let before = kept(&target);
        target.plant(".kz/manifest.new", "{");
        target.plant(".kz/key.new", "");
        assert!(confirms(&target, &closed(&content)));
        assert_eq!(kept(&target), before);
    }

    #[test]
    fn a_note_that_is_dropped_leaves_everything_as_it_was() {
        let content = files(&[("A", "1")]);
        let target = recorded(&content);
        let before = kept(&target);
        let state = state(&target);
        let note =
            Record::read(&state, 1, Log::default()).draft(OsStr::new("..other"), &closed(&content)).unwrap();
        assert!(target.exists(".kz/manifest.new") && target.exists(".kz/key.new"));
        assert!(confirms_only_old(&target, &content));
        drop(note);
        assert_eq!(kept(&target), before);
    }

    /// Without [`Record::read`], which would remove the drafts.
    fn confirms_only_old(target: &Target, content: &[SetFile]) -> bool {
        let state = state(target);
        let manifest =
            Manifest::parse(MANIFEST.read(&state, geteuid().as_raw(), LIMIT).unwrap().expose()).unwrap();
        let key =
            Key::from_bytes(KEY.read(&state, geteuid().as_raw(), Key::BYTES).unwrap().expose()).unwrap();
        let record = Record { state: &state, log: Log::default(), last: Some((manifest, key)) };
        record.confirms(generation(), &closed(content))
            && !record.confirms(OsStr::new("..other"), &closed(content))
    }

    #[test]
    fn neither_half_of_a_new_pair_fits_the_old_one() {
        let content = files(&[("A", "1")]);
        for name in [".kz/manifest", ".kz/key"] {
            let target = recorded(&content);
            let old = std::fs::read(target.path(name)).unwrap();
            let state = state(&target);
            Record::read(&state, 1, Log::default()).draft(generation(), &closed(&content)).unwrap().publish();
            assert!(confirms(&target, &closed(&content)));
            replace(&target, name, &old);
            assert!(!confirms(&target, &closed(&content)), "{name}");
        }
    }

    #[test]
    fn a_manifest_too_large_to_be_read_is_not_written() {
        let target = Target::new();
        target.plant_directory(".kz");
        let component = "\u{1}".repeat(254);
        let path = |number: usize| format!("{number:06}/{}", vec![component.as_str(); 15].join("/"));
        let file = |number| SetFile {
            path: RelativePath::new(&path(number)).unwrap(),
            content: secret(""),
            attributes: OURS,
            origin: None,
        };
        let content: Vec<SetFile> = (0..800).map(file).collect();
        let before = kept(&target);
        let state = state(&target);
        let record = Record::read(&state, content.len(), Log::default());
        record.update(generation(), &read(&content));
        assert_eq!(kept(&target), before);
        // A few of these are no trouble, since the limit grows with their number.
        record.update(generation(), &read(&content[..5]));
        assert!(confirms(&target, &closed(&content[..5])));
        assert!(target.path(".kz/manifest").metadata().unwrap().len() > 5 * 20_000);
    }
}
