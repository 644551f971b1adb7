//! One file where there is none: whatever appears in its place in the meantime stays as it is.
//!
//! It is written whole under a name of its own, and then linked to the target: `linkat` never
//! replaces, which makes it the `RENAME_NOREPLACE` of file systems that have hard links. Where there
//! are none the file is created under its own name, exclusively.

use std::ffi::OsStr;
use std::path::Path;

use nix::errno::Errno;

use super::Turn;
use super::content::{Place, remove, write_new};
use super::directory::Directory;
use super::error::Error;
use super::lock::lock_directory;
use super::signals::Deferred;
use super::single::{split, temporary};
use super::walk::open_directory;
use crate::delivery::Attributes;
use crate::secret::Secret;

/// Creates the file `target`; [`Error::Exists`] when there is anything by that name, a link too.
/// Waits for another exporter for its turn.
pub fn publish_new(target: &Path, content: &Secret, attributes: Attributes, turn: Turn) -> Result<(), Error> {
    let (parent, name) = split(target)?;
    let directory = open_directory(parent)?;
    let taken = || Error::Exists { path: directory.at(name) };
    if directory.entry(name).map_err(directory.failed("look at", name))?.is_some() {
        return Err(taken());
    }
    let deferred = Deferred::begin();
    let _lock = lock_directory(&directory, turn, &deferred)?;
    create(&directory, name, content, attributes)?;
    directory.sync_published(turn.log);
    Ok(())
}

fn create(
    directory: &Directory,
    name: &OsStr,
    content: &Secret,
    attributes: Attributes,
) -> Result<(), Error> {
    let temporary = temporary().map_err(directory.failed("create", name))?;
    let place = Place { directory, name: &temporary, shown: name };
    let file = write_new(place, content, attributes)?;
    let linked = directory.link_file(&temporary, name);
    remove(place, &file);
    match linked {
        Ok(()) => Ok(()),
        Err(Errno::EEXIST) => Err(Error::Exists { path: directory.at(name) }),
        // What FAT and some FUSE and network file systems say, and some seccomp profiles.
        Err(Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS | Errno::EMLINK) => {
            create_in_place(directory, name, content, attributes)
        }
        Err(errno) => Err(directory.failed("create", name)(errno)),
    }
}

fn create_in_place(
    directory: &Directory,
    name: &OsStr,
    content: &Secret,
    attributes: Attributes,
) -> Result<(), Error> {
    match write_new(Place { directory, name, shown: name }, content, attributes) {
        Err(Error::System { errno: Errno::EEXIST, .. }) => Err(Error::Exists { path: directory.at(name) }),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OURS, Target, secret, soon};
    use super::*;

    type Make = fn(&Directory, &OsStr, &Secret, Attributes) -> Result<(), Error>;

    #[test]
    fn a_file_is_made_where_none_is_with_nothing_beside_it() {
        for make in [create as Make, create_in_place] {
            let target = Target::new();
            make(&target.open(), OsStr::new("f"), &secret("x"), OURS).unwrap();
            assert_eq!((target.read("f").as_str(), target.attributes("f").0), ("x", 0o400));
            assert_eq!(target.names(), ["f"]);
        }
    }

    /// Past the first look, as when it appeared after that.
    #[test]
    fn whatever_is_there_by_then_stays_and_nothing_beside_it() {
        let plants: [fn(&Target); 4] = [
            |target| target.plant("f", "theirs"),
            |target| target.plant_link("f", "absent"),
            |target| target.plant_fifo("f"),
            |target| target.plant_directory("f"),
        ];
        for plant in plants {
            for make in [create as Make, create_in_place] {
                let target = Target::new();
                plant(&target);
                let before = target.snapshot();
                let error = make(&target.open(), OsStr::new("f"), &secret("x"), OURS).unwrap_err();
                assert_eq!(error, Error::Exists { path: target.path("f") });
                assert_eq!(target.snapshot(), before);
            }
        }
    }

    #[test]
    fn what_is_there_from_the_start_is_not_waited_for() {
        let target = Target::new();
        target.plant("f", "theirs");
        let error = publish_new(&target.path("f"), &secret("x"), OURS, soon()).unwrap_err();
        assert_eq!(error, Error::Exists { path: target.path("f") });
        assert_eq!((target.read("f").as_str(), target.names().len()), ("theirs", 1));
    }

    #[test]
    fn of_two_one_is_first() {
        let target = Target::new();
        let publish = |content: &str| publish_new(&target.path("f"), &secret(content), OURS, soon());
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| publish("one"));
            (publish("other"), one.join().unwrap())
        });
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(target.names(), ["f"]);
    }
}
