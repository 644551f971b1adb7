//! One exporter at a time: `flock`, which the kernel releases however the process ends.
//!
//! A single file locks its directory. A set locks `.kz/lock`, because whoever mounts the volume
//! `:ro` can lock the directory through its descriptor, but cannot enter `.kz/` (0700, of the
//! exporter's uid). A `.kz/` of another uid, or one that is no directory, is refused; so is one that
//! is another program's directory by that name, and a lock that has a second name elsewhere: their
//! modes are not kz's to set.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, major, minor};
use nix::unistd::geteuid;

use super::Turn;
use super::access_list;
use super::directory::{Directory, is_directory, is_regular, kind, with_own_umask};
use super::error::{Error, process};
use super::signals::Deferred;
use crate::delivery::STATE_DIRECTORY;
use crate::log::Wait;
use crate::signals::is_asked_to_stop;
use crate::waiting::pause;

const LOCK: &str = "lock";
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Held until dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Lock {
    _file: File,
}

/// `.kz/`, locked until dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct State {
    _lock: Lock,
    directory: Directory,
    /// It was not there before.
    is_new: bool,
}

/// Locks the directory itself.
pub(super) fn lock_directory(directory: &Directory, turn: Turn, deferred: &Deferred) -> Result<Lock, Error> {
    let descriptor = directory
        .open(OsStr::new("."), OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())
        .map_err(directory.failed_itself("lock"))?;
    let file = File::from(descriptor);
    wait(&file, directory.path(), turn, deferred)?;
    Ok(Lock { _file: file })
}

/// Locks `.kz/lock` in the directory, and makes both where they are missing.
pub(super) fn lock_state(directory: &Directory, turn: Turn, deferred: &Deferred) -> Result<State, Error> {
    let path = directory.at(STATE_DIRECTORY);
    let mut wait = Wait::new(turn.log, turn.deadline);
    loop {
        match attempt(directory, turn, deferred) {
            Ok(Some(state)) => return Ok(state),
            // Somebody took it away between two of our steps, as `State::undo` does.
            Ok(None) | Err(Error::System { errno: Errno::ENOENT, .. }) if !is_over(turn) => {
                wait.tick(|| format!("`{}`, which others make and remove", path.display()));
                deferred.suspended(|| pause(PAUSE));
            }
            Ok(None) => return Err(Error::Interference { path }),
            Err(error) => return Err(error),
        }
    }
}

/// `None` when what was locked is not there any more: it would let two in.
fn attempt(directory: &Directory, turn: Turn, deferred: &Deferred) -> Result<Option<State>, Error> {
    let (state, is_new) = open_state(directory)?;
    let opened = open_lock(&state).inspect_err(|_| {
        if is_new {
            let _ = directory.remove_subdirectory(OsStr::new(STATE_DIRECTORY));
        }
    });
    let file = File::from(opened?);
    wait(&file, &state.at(LOCK), turn, deferred)?;
    let same = |opened: nix::Result<FileStat>, present: nix::Result<Option<FileStat>>| {
        let present = present.ok().flatten();
        present.zip(opened.ok()).is_some_and(|(one, other)| identity(&one) == identity(&other))
    };
    let is_there = same(state.stat(), directory.entry(OsStr::new(STATE_DIRECTORY)))
        && same(fstat(&file), state.entry(OsStr::new(LOCK)));
    Ok(is_there.then_some(State { _lock: Lock { _file: file }, directory: state, is_new }))
}

impl State {
    /// `.kz/` itself.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Leaves no `.kz/` where a failed export was the first.
    pub(super) fn undo(self, parent: &Directory) {
        if self.is_new {
            let _ = self.directory.remove(OsStr::new(LOCK));
            let _ = parent.remove_subdirectory(OsStr::new(STATE_DIRECTORY));
        }
    }
}

/// `.kz/`, and whether it is new.
fn open_state(directory: &Directory) -> Result<(Directory, bool), Error> {
    let name = OsStr::new(STATE_DIRECTORY);
    match directory.entry(name).map_err(directory.failed("look at", name))? {
        Some(stat) => check_state(&stat, directory, name, is_directory)?,
        None => match directory.make_subdirectory(name, 0o700, directory.failed("create", name)) {
            Ok(made) => {
                directory.sync().map_err(directory.failed_itself("sync")).inspect_err(|_| {
                    let _ = directory.remove_subdirectory(name);
                })?;
                return Ok((made, true));
            }
            // Another exporter was faster: it made the directory, or put its lock into the one that we made.
            Err(Error::System { errno: Errno::EEXIST, .. } | Error::Interference { .. }) => {}
            Err(error) => return Err(error),
        },
    }
    let state = directory.subdirectory(name).map_err(directory.failed("open", name))?;
    let stat = state.stat().map_err(directory.failed("look at", name))?;
    check_state(&stat, directory, name, is_directory)?;
    if stat.st_mode & 0o777 != 0o700 {
        // Such as what a kubelet did that gave the volume to an `fsGroup`.
        let names = state.names().map_err(state.failed_itself("list"))?;
        if !names.is_empty() && !names.iter().any(|name| name == LOCK) {
            return Err(Error::StateKind { path: state.path().to_owned(), kind: "a directory" });
        }
        state.set_mode(0o700)?;
    }
    Ok((state, false))
}

fn open_lock(state: &Directory) -> Result<std::os::fd::OwnedFd, Error> {
    let name = OsStr::new(LOCK);
    let base = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    // Before it is opened, since opening a device does things.
    if let Some(stat) = state.entry(name).map_err(state.failed("look at", name))? {
        check_state(&stat, state, name, is_regular)?;
    }
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let opened = match with_own_umask(|| state.open(name, base | OFlag::O_RDWR | OFlag::O_CREAT, mode)) {
        // Nothing will be written if nothing has changed.
        Err(Errno::EROFS) => state.open(name, base | OFlag::O_RDONLY, Mode::empty()),
        Err(Errno::ELOOP) => {
            return Err(Error::StateKind { path: state.at(name), kind: "a symbolic link" });
        }
        other => other,
    };
    let descriptor = opened.map_err(state.failed("open", name))?;
    access_list::clear(&descriptor).map_err(state.failed("look at", name))?;
    let stat = fstat(&descriptor).map_err(state.failed("look at", name))?;
    check_state(&stat, state, name, is_regular)?;
    if stat.st_nlink > 1 {
        return Err(Error::StateKind { path: state.at(name), kind: "a file with another name elsewhere" });
    }
    if stat.st_mode & 0o777 != 0o600 {
        fchmod(&descriptor, mode).map_err(state.failed("set the mode of", name))?;
    }
    Ok(descriptor)
}

fn check_state(
    stat: &FileStat,
    parent: &Directory,
    name: &OsStr,
    is_expected: fn(&FileStat) -> bool,
) -> Result<(), Error> {
    let path = parent.at(name);
    let ours = geteuid().as_raw();
    if !is_expected(stat) {
        Err(Error::StateKind { path, kind: kind(stat.st_mode) })
    } else if stat.st_uid != ours {
        Err(Error::ForeignState { path, theirs: stat.st_uid, ours })
    } else {
        Ok(())
    }
}

fn wait(file: &File, path: &Path, turn: Turn, deferred: &Deferred) -> Result<(), Error> {
    let mut wait = Wait::new(turn.log, turn.deadline);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
                return Err(Error::System { step: "lock", path: path.to_owned(), errno });
            }
        }
        if is_over(turn) {
            return Err(Error::Locked { path: path.to_owned(), holder: holder(file) });
        }
        wait.tick(|| format!("the lock of `{}`, which {} holds", path.display(), process(holder(file))));
        let left = turn.deadline.saturating_duration_since(Instant::now());
        deferred.suspended(|| pause(PAUSE.min(left)));
    }
}

/// Whether it is waited no longer: the time is over, or kz is to end, and has to give back what it was lent before that.
fn is_over(turn: Turn) -> bool {
    Instant::now() >= turn.deadline || is_asked_to_stop()
}

fn identity(stat: &FileStat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn holder(file: &File) -> Option<u32> {
    let stat = fstat(file).ok()?;
    let locks = std::fs::read_to_string(Path::new("/proc/locks")).ok()?;
    holder_in(&locks, &stat)
}

/// The pid in a line such as `1: FLOCK  ADVISORY  WRITE 1234 fd:01:9876 0 EOF` (proc(5)). It is 0
/// for a process of another container.
fn holder_in(locks: &str, stat: &FileStat) -> Option<u32> {
    let wanted = format!("{:02x}:{:02x}:{}", major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place == wanted => pid.parse().ok().filter(|pid| *pid != 0),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::testing::{Target, now, soon};
    use super::*;

    type Plant = fn(&Target);

    #[test]
    fn state_that_is_not_a_directory_of_ours_is_refused() {
        let plants: [(&str, Plant); 3] = [
            ("a file", |target| target.plant(".kz", "")),
            ("a symbolic link", |target| target.plant_link(".kz", "/tmp")),
            ("a FIFO", |target| target.plant_fifo(".kz")),
        ];
        for (kind, plant) in plants {
            let target = Target::new();
            plant(&target);
            let error = lock_state(&target.open(), now(), &Deferred::begin()).unwrap_err();
            assert_eq!(error, Error::StateKind { path: target.path(".kz"), kind });
        }
    }

    #[test]
    fn a_lock_that_is_not_a_file_of_ours_is_refused_without_waiting() {
        let plants: [(&str, Plant); 2] = [
            ("a symbolic link", |target| target.plant_link(".kz/lock", "/etc/passwd")),
            ("a FIFO", |target| target.plant_fifo(".kz/lock")),
        ];
        for (kind, plant) in plants {
            let target = Target::new();
            target.plant_directory(".kz");
            plant(&target);
            let error = lock_state(&target.open(), now(), &Deferred::begin()).unwrap_err();
            assert_eq!(error, Error::StateKind { path: target.path(".kz/lock"), kind });
        }
    }

    #[test]
    fn the_state_of_another_uid_is_an_error_that_names_both() {
        if !geteuid().is_root() {
            return; // Only root can make a directory of another uid.
        }
        let target = Target::new();
        target.plant_directory(".kz");
        target.give_away(".kz");
        let error = lock_state(&target.open(), now(), &Deferred::begin()).unwrap_err();
        assert_eq!(error, Error::ForeignState { path: target.path(".kz"), theirs: 4242, ours: 0 });
        assert!(error.hint().unwrap().to_string().contains("4242"));
    }

    #[test]
    fn state_with_a_loose_mode_is_closed() {
        let target = Target::new();
        target.plant_directory(".kz");
        target.plant(".kz/lock", "");
        std::fs::set_permissions(target.path(".kz"), std::fs::Permissions::from_mode(0o777)).unwrap();
        let _lock = lock_state(&target.open(), now(), &Deferred::begin()).unwrap();
        assert_eq!((target.attributes(".kz").0, target.attributes(".kz/lock").0), (0o700, 0o600));
    }

    #[test]
    fn another_programs_directory_by_that_name_is_refused_as_it_is() {
        let target = Target::new();
        target.plant_directory(".kz");
        target.plant(".kz/server.key", "theirs");
        std::fs::set_permissions(target.path(".kz"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let before = target.snapshot();
        let error = lock_state(&target.open(), now(), &Deferred::begin()).unwrap_err();
        assert_eq!(error, Error::StateKind { path: target.path(".kz"), kind: "a directory" });
        assert_eq!(target.snapshot(), before);
    }

    #[test]
    fn a_lock_that_is_a_hard_link_of_another_file_is_refused_as_it_is() {
        let target = Target::new();
        target.plant("theirs", "");
        target.plant_directory(".kz");
        std::fs::set_permissions(target.path(".kz"), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::hard_link(target.path("theirs"), target.path(".kz/lock")).unwrap();
        let mode = target.attributes("theirs");
        let error = lock_state(&target.open(), now(), &Deferred::begin()).unwrap_err();
        let kind = "a file with another name elsewhere";
        assert_eq!(error, Error::StateKind { path: target.path(".kz/lock"), kind });
        assert_eq!(target.attributes("theirs"), mode);
    }

    #[test]
    fn a_lock_is_free_again_when_it_is_dropped() {
        let target = Target::new();
        let directory = target.open();
        for _ in 0..2 {
            let held = lock_directory(&directory, now(), &Deferred::begin()).unwrap();
            assert!(lock_directory(&directory, now(), &Deferred::begin()).is_err());
            drop(held);
        }
    }

    #[test]
    fn state_made_for_nothing_is_taken_back_and_whoever_waits_makes_his_own() {
        let target = Target::new();
        let directory = target.open();
        std::thread::scope(|scope| {
            let first = lock_state(&directory, now(), &Deferred::begin()).unwrap();
            let waiting = scope.spawn(|| lock_state(&directory, soon(), &Deferred::begin()));
            std::thread::sleep(PAUSE * 3);
            first.undo(&directory);
            let second = waiting.join().unwrap().unwrap();
            assert!(target.exists(".kz/lock"));
            assert!(matches!(lock_state(&directory, now(), &Deferred::begin()), Err(Error::Locked { .. })));
            second.undo(&directory);
        });
        assert!(target.names().is_empty());
    }

    #[test]
    fn the_holder_is_found_by_device_and_inode() {
        let mut stat = nix::sys::stat::stat("/").unwrap();
        stat.st_dev = nix::sys::stat::makedev(0xfd, 1);
        stat.st_ino = 77;
        let table = [
            ("1: FLOCK  ADVISORY  WRITE 1234 fd:01:77 0 EOF\n", Some(1234)),
            (
                "1: POSIX  ADVISORY  WRITE 1 fd:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 9 fd:01:77 0 EOF",
                Some(9),
            ),
            ("1: FLOCK  ADVISORY  WRITE 0 fd:01:77 0 EOF\n", None),
            ("1: FLOCK  ADVISORY  WRITE 1234 fd:02:77 0 EOF\n", None),
            ("1: -> FLOCK  ADVISORY  WRITE 1234 fd:01:77 0 EOF\n", None),
            ("", None),
        ];
        for (locks, pid) in table {
            assert_eq!(holder_in(locks, &stat), pid, "{locks}");
        }
    }
}
