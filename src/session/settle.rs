//! When something is done about changes: when nothing has changed for a while, so that several changes are one action, and
//! only so often in an hour.
//!
//! Pure: time is a parameter. Invariant: a change is never forgotten; where an action fails, it is done again, later.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::secret::Secret;

const HOUR: Duration = Duration::from_hours(1);
/// The pause after an action that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// How long changes are waited for, and how often something is done.
#[derive(Clone, Copy, Debug)]
pub struct Settling {
    /// So long nothing has changed.
    pub quiet: Duration,
    /// And longer than this nobody waits.
    pub longest: Duration,
    /// So often in an hour at most.
    pub per_hour: usize,
}

/// What has changed, and what was done about it.
#[derive(Debug, Default)]
pub struct Changes {
    names: BTreeSet<String>,
    /// The first and the last change that nothing was done about.
    since: Option<(Instant, Instant)>,
    /// When something was done within the last hour.
    done: VecDeque<Instant>,
    /// How often in a row it failed, and when that was last.
    failed: Option<(u32, Instant)>,
}

/// The names of what has another value than before, or is there only before or only now.
pub fn differing(before: &[(String, Secret)], after: &[(String, Secret)]) -> BTreeSet<String> {
    let differs = |(name, value): &&(String, Secret)| {
        !before.iter().any(|(known, held)| known == name && held == value)
    };
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(known, _)| known == name));
    after.iter().filter(differs).chain(gone).map(|(name, _)| name.clone()).collect()
}

impl Changes {
    /// Whoever is to be told has all of it by another way.
    pub fn forget(&mut self) {
        self.since = None;
        self.names.clear();
        self.failed = None;
    }

    /// These have changed.
    pub fn add(&mut self, names: impl IntoIterator<Item = String>, now: Instant) {
        self.names.extend(names);
        let first = self.since.map_or(now, |(first, _)| first);
        self.since = Some((first, now));
    }

    /// When something is to be done about them, where there are any.
    pub fn due(&self, settling: Settling) -> Option<Instant> {
        let (first, last) = self.since?;
        let settled = (last + settling.quiet).min(first + settling.longest);
        let paused = self.failed.map_or(settled, |(times, last)| {
            last + FIRST_PAUSE.saturating_mul(1 << (times - 1).min(16)).min(LONGEST_PAUSE)
        });
        let full = self.done.len().checked_sub(settling.per_hour).and_then(|over| self.done.get(over));
        let allowed = full.map_or(settled, |oldest| *oldest + HOUR);
        Some(settled.max(paused).max(allowed))
    }

    /// Whether it is the number of actions in an hour that is waited for.
    pub fn is_held_back(&self, settling: Settling, now: Instant) -> bool {
        let of_all = self.due(settling);
        let without = Settling { per_hour: usize::MAX, ..settling };
        of_all.is_some_and(|due| due > now) && self.due(without) < of_all
    }

    /// Something is done about them now: their names.
    pub fn begin(&mut self, now: Instant) -> BTreeSet<String> {
        self.since = None;
        self.done.retain(|done| now.saturating_duration_since(*done) < HOUR);
        self.done.push_back(now);
        std::mem::take(&mut self.names)
    }

    /// What was done about these has succeeded.
    pub fn succeeded(&mut self) {
        self.failed = None;
    }

    /// What was done about these has failed, and is to be done again.
    pub fn failed(&mut self, names: BTreeSet<String>, now: Instant) {
        self.add(names, now);
        let times = self.failed.map_or(0, |(times, _)| times);
        self.failed = Some((times + 1, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SETTLING: Settling =
        Settling { quiet: Duration::from_secs(5), longest: Duration::from_secs(30), per_hour: 3 };

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_another_is_new_or_is_gone_differs() {
        let of = |values: &[(&str, &str)]| -> Vec<(String, Secret)> {
            let secret =
                |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(value.as_bytes().to_vec()));
            values.iter().map(secret).collect()
        };
        let before = of(&[("A", "1"), ("B", "1"), ("C", "1")]);
        assert_eq!(differing(&before, &of(&[("D", "1"), ("B", "2"), ("A", "1")])), names(&["B", "C", "D"]));
        assert_eq!(differing(&before, &before), names(&[]));
    }

    #[test]
    fn what_is_forgotten_is_not_done() {
        let (now, mut changes) = (Instant::now(), Changes::default());
        changes.add(names(&["A"]), now);
        changes.forget();
        assert_eq!((changes.due(SETTLING), changes.begin(now)), (None, names(&[])));
    }

    #[test]
    fn several_changes_are_one_action_when_nothing_has_changed_for_a_while() {
        let (now, mut changes) = (Instant::now(), Changes::default());
        assert_eq!(changes.due(SETTLING), None);
        changes.add(names(&["A"]), now);
        changes.add(names(&["B"]), now + 3 * SECOND);
        assert_eq!(changes.due(SETTLING), Some(now + 8 * SECOND));
        assert_eq!(changes.begin(now + 8 * SECOND), names(&["A", "B"]));
        assert_eq!(changes.due(SETTLING), None);
    }

    #[test]
    fn what_never_rests_is_waited_for_no_longer_than_that() {
        let (now, mut changes) = (Instant::now(), Changes::default());
        for second in 0..40 {
            changes.add(names(&["A"]), now + second * SECOND);
        }
        assert_eq!(changes.due(SETTLING), Some(now + 30 * SECOND));
    }

    #[test]
    fn in_an_hour_only_so_much_is_done_and_nothing_is_forgotten() {
        let (begun, mut changes) = (Instant::now(), Changes::default());
        let (mut now, mut actions) = (begun, 0);
        for _ in 0..10_000 {
            changes.add(names(&["A"]), now);
            if changes.due(SETTLING).is_some_and(|due| due <= now) {
                changes.begin(now);
                changes.succeeded();
                actions += 1;
            }
            now += SECOND;
        }
        assert_eq!(actions, 9, "3 in each of three hours");
        assert!(changes.is_held_back(SETTLING, now) && changes.due(SETTLING) <= Some(begun + 4 * HOUR));
    }

    #[test]
    fn what_failed_is_done_again_later_and_later_with_all_its_names() {
        let (begun, mut changes) = (Instant::now(), Changes::default());
        let settling = Settling { per_hour: 100, ..SETTLING };
        changes.add(names(&["A"]), begun);
        let (mut now, mut pauses) = (changes.due(settling).unwrap(), Vec::new());
        for _ in 0..9 {
            let of = changes.begin(now);
            assert!(of.contains("A"));
            changes.failed(of, now);
            let due = changes.due(settling).unwrap();
            pauses.push(due.duration_since(now).as_secs());
            now = due;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        changes.begin(now);
        changes.succeeded();
        changes.add(names(&["B"]), now);
        assert_eq!(changes.due(settling), Some(now + 5 * SECOND));
    }
}
