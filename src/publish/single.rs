//! One file: written beside its target under a name of its own, then renamed over it.
//!
//! Invariants: a reader opens the whole old file or the whole new one; after an error the old one
//! is as it was, with nothing beside it; what a killed export left is removed by the next. A
//! target that is anything but a regular file, or that is a mount point, is refused.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, fstat};
use nix::unistd::geteuid;

use super::audience::say_replaced;
use super::content::{Comparison, Place, compare, remove, write_new};
use super::directory::{Directory, is_directory, is_regular, kind};
use super::error::Error;
use super::lock::lock_directory;
use super::signals::Deferred;
use super::stamp::{is_random, random};
use super::walk::{confirm_way, open_directory};
use super::{Change, Turn};
use crate::delivery::{Attributes, STATE_DIRECTORY};
use crate::log::Log;
use crate::secret::Secret;

const PREFIX: &str = ".kz-";
const SUFFIX: &str = ".tmp";

/// Replaces the file `target` by one with this content, mode and owner, in one step. Waits for
/// another exporter for its turn.
pub fn publish_file(
    target: &Path,
    content: &Secret,
    attributes: Attributes,
    turn: Turn,
) -> Result<Change, Error> {
    let (parent, name) = split(target)?;
    let directory = open_directory(parent)?;
    let change = publish_in(&directory, name, content, attributes, turn)?;
    confirm_way(parent, &directory)?;
    Ok(change)
}

/// Fails where [`publish_file`] would for the directory's sake, or for what stands in the file's place.
pub fn check_file(target: &Path) -> Result<(), Error> {
    let (parent, name) = split(target)?;
    inspect(&open_directory(parent)?, name).map(drop)
}

pub(super) fn publish_in(
    directory: &Directory,
    name: &OsStr,
    content: &Secret,
    attributes: Attributes,
    turn: Turn,
) -> Result<Change, Error> {
    inspect(directory, name)?;
    let deferred = Deferred::begin();
    let _lock = lock_directory(directory, turn, &deferred)?;
    let old = inspect(directory, name)?;
    remove_debris(directory, attributes, old.as_ref())?;
    // Without state, what cannot be read cannot be told to be the same.
    if matches!(compare(directory, name, content, attributes), Comparison::Same(_)) {
        return Ok(Change::Unchanged);
    }
    let new = replace(directory, name, content, attributes, turn.log)?;
    if let Some(old) = &old {
        say_replaced(&directory.at(name), old, &new, 0, turn.log);
    }
    Ok(Change::Written)
}

/// The directory and the name of a target file.
pub(super) fn split(target: &Path) -> Result<(&Path, &OsStr), Error> {
    let bytes = target.as_os_str().as_bytes();
    let is_directory = bytes.ends_with(b"/") || bytes.ends_with(b"/.") || bytes == b".";
    match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) if !is_directory => {
            if name == STATE_DIRECTORY || is_temporary(name) {
                return Err(Error::Reserved { path: target.to_owned() });
            }
            Ok((parent, name))
        }
        _ => Err(Error::TargetIsDirectory { path: target.to_owned() }),
    }
}

/// What is at the target now; an error when it is not to be replaced.
fn inspect(directory: &Directory, name: &OsStr) -> Result<Option<FileStat>, Error> {
    let path = || directory.at(name);
    let Some(stat) = directory.entry(name).map_err(directory.failed("look at", name))? else {
        return Ok(None);
    };
    if is_directory(&stat) {
        Err(Error::TargetIsDirectory { path: path() })
    } else if !is_regular(&stat) {
        Err(Error::TargetKind { path: path(), kind: kind(stat.st_mode) })
    } else if directory.is_mount_point(name) {
        Err(Error::MountPoint { path: path() })
    } else {
        Ok(Some(stat))
    }
}

fn replace(
    directory: &Directory,
    name: &OsStr,
    content: &Secret,
    attributes: Attributes,
    log: Log,
) -> Result<FileStat, Error> {
    let temporary = temporary().map_err(directory.failed("create", name))?;
    let place = Place { directory, name: &temporary, shown: name };
    let file = write_new(place, content, attributes)?;
    let written =
        fstat(&file).map_err(directory.failed("look at", name)).inspect_err(|_| remove(place, &file))?;
    // A network file system may fail after it has done it: then readers have the new file.
    let is_there = || {
        let found = directory.entry(name).ok().flatten();
        found.is_some_and(|found| (found.st_dev, found.st_ino) == (written.st_dev, written.st_ino))
    };
    if let Err(errno) = directory.rename(&temporary, name)
        && !is_there()
    {
        remove(place, &file);
        return Err(match errno {
            Errno::EBUSY => Error::MountPoint { path: directory.at(name) },
            errno => directory.failed("replace", name)(errno),
        });
    }
    directory.sync_published(log);
    // Only what is certainly not ours is an error: the output has been replaced by now.
    match directory.entry(name) {
        Ok(published) if published.is_none_or(|stat| stat.st_ino != written.st_ino) => {
            Err(Error::Interference { path: directory.at(name) })
        }
        _ => Ok(written),
    }
}

/// A name that only kz gives, and never twice.
pub(super) fn temporary() -> nix::Result<OsString> {
    Ok(OsString::from(format!("{PREFIX}{}{SUFFIX}", random()?)))
}

fn is_temporary(name: &OsStr) -> bool {
    let middle = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    middle.is_some_and(is_random)
}

/// Removes what killed exports left: by its name, only regular files, and only of owners that an
/// export here can have given them (us, the owner of this one, the owner of the last one). Call it
/// under the lock.
fn remove_debris(directory: &Directory, attributes: Attributes, old: Option<&FileStat>) -> Result<(), Error> {
    let owners =
        [Some(geteuid().as_raw()), attributes.owner.map(|owner| owner.uid), old.map(|old| old.st_uid)];
    let names = directory.names().map_err(directory.failed_itself("list"))?;
    for name in names.iter().filter(|name| is_temporary(name)) {
        let is_ours = |stat: FileStat| is_regular(&stat) && owners.contains(&Some(stat.st_uid));
        if directory.entry(name).is_ok_and(|entry| entry.is_some_and(is_ours)) {
            let _ = directory.remove(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::super::directory::Opening;
    use super::super::testing::{OURS, Target, assert_unchanged, assert_written, files, now, secret, soon};
    use super::super::{DIRECTORY_MODE, publish_set};
    use super::*;
    use crate::delivery::Owner;

    const DEBRIS: &str = ".kz-0123456789abcdef.tmp";

    fn publish(target: &Target, name: &str, content: &str) -> Result<Change, Error> {
        publish_file(&target.path(name), &secret(content), OURS, soon())
    }

    #[test]
    fn a_file_is_made_and_replaced_with_nothing_beside_it() {
        let target = Target::new();
        assert_written(publish(&target, ".env", "A=1\n"));
        assert_eq!(target.attributes(".env").0, 0o400);
        assert_written(publish(&target, ".env", "A=2\n"));
        assert_eq!(target.read(".env"), "A=2\n");
        assert_eq!(target.names(), [".env"]);
    }

    #[test]
    fn equal_content_mode_and_owner_is_not_written_again() {
        let target = Target::new();
        for content in ["", "x", &"long".repeat(100_000)] {
            assert_written(publish(&target, "f", content));
            let before = target.snapshot();
            assert_unchanged(publish(&target, "f", content));
            assert_eq!(target.snapshot(), before);
        }
    }

    #[test]
    fn a_difference_in_content_length_or_mode_is_written() {
        let target = Target::new();
        assert_written(publish(&target, "f", "one"));
        assert_written(publish(&target, "f", "two"));
        assert_written(publish(&target, "f", "twofold"));
        assert_written(publish(&target, "f", "two"));
        let readable = Attributes { mode: 0o444, owner: None };
        assert_written(publish_file(&target.path("f"), &secret("two"), readable, soon()));
        assert_eq!(target.attributes("f").0, 0o444);
    }

    #[test]
    fn the_owner_is_set_and_counts_in_the_comparison() {
        let target = Target::new();
        let us = (geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let owner = if us.0 == 0 { (999, 998) } else { us };
        let attributes = Attributes { mode: 0o440, owner: Some(Owner { uid: owner.0, gid: Some(owner.1) }) };
        let path = target.path("f");
        assert_written(publish_file(&path, &secret("x"), attributes, soon()));
        assert_eq!(target.attributes("f"), (0o440, owner.0, owner.1));
        assert_unchanged(publish_file(&path, &secret("x"), attributes, soon()));
        if us.0 == 0 {
            let back = Attributes { mode: 0o440, owner: None };
            assert_written(publish_file(&path, &secret("x"), back, soon()));
            assert_eq!(target.attributes("f"), (0o440, 0, us.1));
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_left_alone() {
        let target = Target::new();
        target.plant("elsewhere", "theirs");
        target.plant_link("link", "elsewhere");
        target.plant_fifo("fifo");
        target.plant_directory("directory");
        let before = target.snapshot();
        for (name, kind) in [("link", "a symbolic link"), ("fifo", "a FIFO")] {
            let error = publish(&target, name, "x").unwrap_err();
            assert_eq!(error, Error::TargetKind { path: target.path(name), kind });
        }
        for name in ["directory", "directory/", "directory/.", ".."] {
            let error = publish(&target, name, "x").unwrap_err();
            assert!(matches!(error, Error::TargetIsDirectory { .. }), "{name}: {error:?}");
            assert!(error.hint().unwrap().to_string().contains("--format files"));
        }
        assert_eq!(target.snapshot(), before);
    }

    #[test]
    fn a_mount_point_is_told_from_what_is_none() {
        // Something that is one everywhere, without the privilege to mount.
        let directory = open_directory(Path::new("/")).unwrap();
        assert!(directory.is_mount_point(OsStr::new("proc")));
        assert!(!Target::new().open().is_mount_point(OsStr::new("absent")));
    }

    #[test]
    fn names_that_kz_keeps_for_itself_are_refused() {
        let target = Target::new();
        for name in [".kz", DEBRIS] {
            let error = publish(&target, name, "x").unwrap_err();
            assert_eq!(error, Error::Reserved { path: target.path(name) });
        }
        assert!(target.names().is_empty());
    }

    #[test]
    fn a_missing_directory_is_named_and_not_made() {
        let target = Target::new();
        let error = publish(&target, "secrets/tls/.env", "x").unwrap_err();
        let (path, wanted) = (target.path("secrets"), target.path("secrets/tls"));
        assert_eq!(error, Error::DirectoryMissing { path, wanted });
        assert!(error.hint().unwrap().to_string().contains("is the volume mounted?"));
        assert!(target.names().is_empty());
    }

    #[test]
    fn what_a_killed_export_left_is_removed_even_when_nothing_changed() {
        let target = Target::new();
        assert_written(publish(&target, "f", "x"));
        for content in ["x", "y"] {
            target.plant(DEBRIS, "half a sec");
            assert!(publish(&target, "f", content).is_ok());
            assert_eq!(target.names(), ["f"]);
        }
    }

    #[test]
    fn what_only_looks_like_debris_is_left_alone() {
        let target = Target::new();
        let look_alikes =
            [".kz-0123456789ABCDEF.tmp", ".kz-0123.tmp", ".kz-0123456789abcdef.tmp.bak", ".kz-x"];
        for name in look_alikes {
            target.plant(name, "theirs");
        }
        target.plant_directory(".kz-1111111111111111.tmp");
        target.plant_link(".kz-2222222222222222.tmp", "/etc/passwd");
        target.plant_fifo(".kz-3333333333333333.tmp");
        if geteuid().is_root() {
            target.plant(DEBRIS, "theirs");
            target.give_away(DEBRIS);
        }
        let before = target.snapshot();
        assert_written(publish(&target, "f", "x"));
        let after = target.snapshot();
        assert!(before.iter().all(|(path, seen)| after.get(path) == Some(seen)), "{after:?}");
    }

    #[test]
    fn debris_that_belongs_to_the_owner_already_is_removed() {
        if !geteuid().is_root() {
            return; // Giving a file away is what the test is about.
        }
        let target = Target::new();
        target.plant(DEBRIS, "half");
        target.give_away(DEBRIS);
        let attributes = Attributes { mode: 0o400, owner: Some(Owner { uid: 4242, gid: None }) };
        assert_written(publish_file(&target.path("f"), &secret("x"), attributes, soon()));
        assert_eq!(target.names(), ["f"]);
    }

    #[test]
    fn a_failure_leaves_the_old_output_and_nothing_beside_it() {
        let target = Target::new();
        assert_written(publish(&target, "f", "old"));
        let before = target.snapshot();
        let directory = target.open();
        let broken = Attributes { mode: 0o400 | 0o100_0000, owner: None };
        let error = publish_in(&directory, OsStr::new("f"), &secret("new"), broken, soon()).unwrap_err();
        assert!(matches!(error, Error::NotKept { .. }), "{error:?}");
        assert_eq!(target.snapshot(), before);
    }

    #[test]
    fn an_old_file_with_another_name_too_keeps_its_content_there() {
        let target = Target::new();
        assert_written(publish(&target, "f", "old"));
        std::fs::hard_link(target.path("f"), target.path("other")).unwrap();
        assert_written(publish(&target, "f", "new"));
        assert_eq!((target.read("f"), target.read("other")), ("new".to_owned(), "old".to_owned()));
    }

    #[test]
    fn a_second_exporter_waits_until_the_deadline_and_names_the_first() {
        let target = Target::new();
        let directory = target.open();
        let _held = lock_directory(&directory, now(), &Deferred::begin()).unwrap();
        let error = publish_file(&target.path("f"), &secret("x"), OURS, now()).unwrap_err();
        assert_eq!(error, Error::Locked { path: target.path(""), holder: Some(std::process::id()) });
        assert!(target.names().is_empty());
    }

    #[test]
    fn without_openat2_everything_is_the_same() {
        let target = Target::new();
        let directory = target.open_with(Opening::Openat);
        let name = OsStr::new("f");
        assert_written(publish_in(&directory, name, &secret("x"), OURS, soon()));
        assert_unchanged(publish_in(&directory, name, &secret("x"), OURS, soon()));
        target.plant_link("link", "f");
        assert!(publish_in(&directory, OsStr::new("link"), &secret("y"), OURS, soon()).is_err());
        assert_eq!(target.read("f"), "x");
    }

    #[test]
    fn racing_exporters_leave_one_of_their_files_whole() {
        let target = Target::new();
        let contents = ["a".repeat(9000), "b".repeat(9000)];
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| (0..50).for_each(|_| assert!(publish(&target, "f", content).is_ok())));
            }
        });
        assert!(contents.contains(&target.read("f")));
        assert_eq!(target.names(), ["f"]);
    }

    #[test]
    fn a_file_beside_a_set_does_not_disturb_it() {
        let target = Target::new();
        assert_written(publish_set(&target.path(""), &files(&[("A", "1")]), DIRECTORY_MODE, soon()));
        assert_written(publish(&target, ".env", "A=1\n"));
        let inode = std::fs::metadata(target.path("A")).unwrap().ino();
        assert_unchanged(publish_set(&target.path(""), &files(&[("A", "1")]), DIRECTORY_MODE, soon()));
        assert_eq!(std::fs::metadata(target.path("A")).unwrap().ino(), inode);
        assert!(target.exists(".env"));
    }
}
