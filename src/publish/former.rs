//! Sets that were replaced a while ago, and in which somebody may still be reading: how long each stays.
//!
//! Invariant: it is known by whoever replaced them, and by nobody else: another exporter, and kz started anew, remove them.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Turn;
use super::directory::Directory;
use super::error::Error;
use super::generation::{Debris, current};
use super::lock::lock_state;
use super::mark::Marks;
use super::signals::Deferred;
use super::walk::open_directory;
use crate::log::Log;
use crate::waiting::pause;

/// How long the last set stays at least, so that a reader that has just opened
/// `..data` can finish.
const GRACE: Duration = Duration::from_millis(100);

/// The sets that were replaced. Without a time none stays.
#[derive(Debug, Default)]
pub struct Former {
    stay: Option<Duration>,
    sets: Vec<(OsString, Instant)>,
}

impl Former {
    /// Each stays so long.
    pub fn staying(stay: Duration) -> Self {
        Self { stay: Some(stay), sets: Vec::new() }
    }

    /// When the next of them has stayed long enough.
    pub fn next(&self) -> Option<Instant> {
        let stay = self.stay?;
        self.sets.iter().map(|(_, since)| *since + stay).min()
    }

    /// Removes those of `directory` that have stayed long enough. Where that fails, whoever exports next does it.
    pub fn remove(&mut self, directory: &Path, turn: Turn) -> Result<(), Error> {
        self.forget(Instant::now());
        let opened = open_directory(directory)?;
        let deferred = Deferred::begin();
        let state = lock_state(&opened, turn, &deferred)?;
        self.remove_in(&opened, Marks(state.directory()), turn)
    }

    fn remove_in(&self, directory: &Directory, marks: Marks<'_>, turn: Turn) -> Result<(), Error> {
        let present = current(directory)?;
        remove_debris(directory, marks, (present.as_deref(), None), self, turn.log)
    }

    /// Those that have stayed long enough are to go.
    pub(super) fn forget(&mut self, now: Instant) {
        let stay = self.stay.unwrap_or_default();
        self.sets.retain(|(_, since)| now.saturating_duration_since(*since) < stay);
    }

    /// Notes that this set was replaced now. Whether it stays.
    pub(super) fn keep(&mut self, name: &OsStr) -> bool {
        if self.stay.is_some() {
            self.sets.push((name.to_owned(), Instant::now()));
        }
        self.stay.is_some()
    }

    /// Whether this set stays.
    pub(super) fn has(&self, name: &OsStr) -> bool {
        self.sets.iter().any(|(kept, _)| kept == name)
    }
}

/// Removes all generations but the present one and those that stay, and half-made links. Under the lock they are nobody's. The
/// last was replaced just now.
pub(super) fn remove_debris(
    directory: &Directory,
    marks: Marks<'_>,
    (present, last): (Option<&OsStr>, Option<&OsStr>),
    former: &Former,
    log: Log,
) -> Result<(), Error> {
    let mut debris = Debris::find(directory, marks, present, last)?;
    debris.spare(|name| former.has(name));
    if debris.was_public {
        pause(GRACE);
    }
    debris.remove(log);
    Ok(())
}
