//! What is due next, of the documents that a session keeps fresh: renew a lease, take another, read again.
//!
//! Pure: time and chance are parameters. Invariants: what is lent is never read again only to look at it, since each read
//! makes a credential; nothing is asked more often than its own rule says, whatever fails; many that began together do not
//! come back together. Code that asks and waits stands on it.

use std::time::{Duration, Instant};

use crate::provider::{Document, Lease, Leases};

/// The first pause after something failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A server looks every few seconds whether a password is to be changed, so it is not changed at once.
const AFTER_CHANGE: Duration = Duration::from_secs(1);

/// How many leases are renewed at once.
pub(super) const AT_ONCE: usize = 8;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Ask for a longer life of what is lent.
    Renew,
    /// Take another one, before this one ends.
    Reissue,
    /// Read it again.
    Read,
    /// Leave it to whoever starts kz anew.
    Leave,
}

/// What to do, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When.
    pub at: Instant,
    /// What.
    pub step: Step,
}

/// A document that is kept fresh.
#[derive(Clone, Debug)]
pub struct Fresh {
    lease: Option<Lease>,
    /// How long that was valid at first.
    wanted: Duration,
    version: Option<String>,
    read: Instant,
    /// Where it stands among those that began with it, from 0 to 1.
    spread: f64,
    rule: Leases,
    /// Whether its life can still be prolonged by what makes it worth it.
    renews: bool,
    /// What is to be done before its time.
    at_once: Option<Due>,
    /// How often in a row something failed, or had not changed yet, and when that was last.
    vain: Option<(u32, Instant)>,
}

impl Fresh {
    /// One that was read at this time; `spread`, from 0 to 1, is chance.
    pub fn new(document: &Document, now: Instant, rule: Leases, spread: f64) -> Self {
        Self { version: document.version.clone(), ..Self::lent(document.lease.clone(), now, rule, spread) }
    }

    /// One of which nothing else is known.
    pub fn lent(lease: Option<Lease>, now: Instant, rule: Leases, spread: f64) -> Self {
        let lent = lease.as_ref().and_then(|lease| lease.lent.as_ref());
        let renews = rule == Leases::Renew && lent.is_some_and(|lent| lent.renewable);
        let wanted = lease.as_ref().map(|lease| lease.valid).unwrap_or_default();
        Self { lease, wanted, version: None, read: now, spread, rule, renews, at_once: None, vain: None }
    }

    /// What it is lent or changed by, as it stands now.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The life that a renewal is asked for: what its lease had at first.
    pub fn wanted(&self) -> Duration {
        self.wanted
    }

    /// What is to be done next with it; nothing where it lasts, and is not looked at in an interval.
    pub fn due(&self, interval: Option<Duration>) -> Option<Due> {
        let due = |step, at: Instant| Due { at, step };
        if let Some(Due { at, step }) = self.at_once {
            return Some(due(step, self.after_failures(at)));
        }
        let Some(lease) = &self.lease else {
            // No retry is faster than the interval.
            let last = self.vain.map_or(self.read, |(_, at)| at);
            return Some(due(Step::Read, last + self.earlier(interval?)));
        };
        if lease.lent.is_none() {
            let changed = lease.end() + AFTER_CHANGE + AFTER_CHANGE.mul_f64(self.spread);
            return Some(due(Step::Read, self.after_failures(changed)));
        }
        if self.renews {
            // At two thirds, or a little before: Vault's own clients do so.
            let at = lease.issued + self.earlier(lease.valid.mul_f64(2.0 / 3.0));
            let at = self.after_failures(at);
            if at < lease.end() {
                return Some(due(Step::Renew, at));
            }
        }
        let at = lease.issued + self.earlier(lease.valid.mul_f64(0.9));
        Some(due(self.replaces(), self.after_failures(at)))
    }

    /// How another one comes in the place of what is lent.
    fn replaces(&self) -> Step {
        if self.rule == Leases::Exit { Step::Leave } else { Step::Reissue }
    }

    /// Takes the place of what was read before.
    pub fn read(&mut self, document: &Document, now: Instant) {
        // A password that was to be changed and has the same version is going to be.
        let is_vain =
            document.lease.as_ref().is_some_and(|lease| !lease.is_lent() && lease.left(now).is_zero())
                && self.version == document.version;
        let failures = self.vain.map_or(0, |(failures, _)| failures);
        *self = Self::new(document, now, self.rule, self.spread);
        self.vain = is_vain.then_some((failures + 1, now));
    }

    /// Its lease has this life now, of the one that was asked for.
    pub fn renewed(&mut self, lease: Lease, asked: Duration) {
        // Near its longest life it is given less and less: then another one is taken.
        self.renews = lease.valid >= asked / 2;
        self.lease = Some(lease);
        self.vain = None;
    }

    /// It may have changed: it is to be read now, unless it is lent, which changes by nobody's hand.
    pub fn hasten(&mut self, now: Instant) {
        if self.lease.as_ref().is_none_or(|lease| !lease.is_lent()) {
            self.at_once = Some(Due { at: now, step: Step::Read });
            self.vain = None;
        }
    }

    /// The backend does not prolong it.
    pub fn cannot_be_renewed(&mut self) {
        self.renews = false;
        self.vain = None;
    }

    /// The backend has no such lease any more: another one is taken at once.
    pub fn is_over(&mut self, now: Instant) {
        self.cannot_be_renewed();
        self.at_once = Some(Due { at: now, step: self.replaces() });
    }

    /// What was due has failed, and may succeed later.
    pub fn failed(&mut self, now: Instant) {
        let failures = self.vain.map_or(0, |(failures, _)| failures);
        self.vain = Some((failures + 1, now));
        self.at_once.take_if(|due| due.step == Step::Read);
    }

    /// Up to a tenth earlier than that.
    fn earlier(&self, time: Duration) -> Duration {
        time.mul_f64(1.0 - 0.1 * self.spread)
    }

    /// Not before it has been left alone for a while, after failures.
    fn after_failures(&self, at: Instant) -> Instant {
        let Some((failures, last)) = self.vain else { return at };
        let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_PAUSE);
        // What is left of it is halved rather than slept away: a backend that comes back late is still found in time.
        let lease = self.lease.as_ref().filter(|_| self.at_once.is_none());
        let left = lease.map(|lease| lease.left(last)).filter(|left| !left.is_zero());
        let pause = left.map_or(pause, |left| pause.min((left / 2).max(FIRST_PAUSE)));
        at.max(last + pause.mul_f64(1.0 - 0.5 * self.spread))
    }
}

/// What is due first of all these, and whose it is.
pub fn next_due<'a, K: Ord + Copy>(
    all: impl IntoIterator<Item = (K, &'a Fresh)>,
    interval: Option<Duration>,
) -> Option<(K, Due)> {
    let each = all.into_iter().filter_map(|(key, fresh)| Some((fresh.due(interval)?, key)));
    each.min().map(|(due, key)| (key, due))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Lent, Shape};
    use crate::secret::Secret;

    const SECOND: Duration = Duration::from_secs(1);

    fn document(content: &str, lease: Option<Lease>) -> Document {
        let content = Secret::new(content.as_bytes().to_vec());
        Document { content, shape: Shape::Json, version: None, lease }
    }

    fn lent(issued: Instant, valid: Duration, renewable: bool) -> Lease {
        let (id, namespace) = ("l".to_owned(), String::new());
        Lease { lent: Some(Box::new(Lent { id, namespace, accessor: None, renewable })), issued, valid }
    }

    /// A lease server under a simulated clock: it lends for a minute, a credential lives for an hour at most, and it may be away.
    struct Lender {
        begun: Instant,
        made: u32,
        renewed: u32,
        /// When what is lent was made.
        since: Instant,
    }

    impl Lender {
        const VALID: Duration = Duration::from_mins(1);
        const LONGEST: Duration = Duration::from_hours(1);

        fn is_away(&self, now: Instant) -> bool {
            // For twenty seconds in every ten minutes.
            now.duration_since(self.begun).as_secs() % 600 < 20
        }

        fn take(&mut self, now: Instant) -> Document {
            (self.made, self.since) = (self.made + 1, now);
            document(&self.made.to_string(), Some(lent(now, Self::VALID, true)))
        }

        fn renew(&mut self, now: Instant) -> Lease {
            self.renewed += 1;
            let left = (self.since + Self::LONGEST).saturating_duration_since(now);
            lent(now, Self::VALID.min(left), true)
        }
    }

    #[test]
    fn a_day_of_leases_has_no_gap_and_no_storm() {
        let begun = Instant::now();
        let mut lender = Lender { begun, made: 0, renewed: 0, since: begun };
        let mut fresh = Fresh::new(&lender.take(begun), begun, Leases::Renew, 0.3);
        let (mut now, mut steps, mut vain) = (begun, 0, 0);
        while now < begun + Duration::from_hours(24) {
            let ((), due) = next_due([((), &fresh)], None).unwrap();
            let end = fresh.lease().unwrap().end();
            assert!(due.at < end, "what is lent ends before something is done about it");
            assert!(due.at > now || steps == 0, "it is asked again at once");
            now = due.at;
            steps += 1;
            if lender.is_away(now) {
                vain += 1;
                fresh.failed(now);
                continue;
            }
            match due.step {
                Step::Renew => fresh.renewed(lender.renew(now), Lender::VALID),
                Step::Reissue => fresh.read(&lender.take(now), now),
                Step::Read | Step::Leave => panic!("a read would make a credential"),
            }
        }
        assert!((24..=30).contains(&lender.made), "{} credentials", lender.made);
        assert!((2_000..2_700).contains(&lender.renewed), "{} renewals", lender.renewed);
        assert!(vain > 0 && vain < 24 * 6 * 8, "{vain} in vain");
    }

    #[test]
    fn what_cannot_be_prolonged_is_taken_anew_before_its_end() {
        let now = Instant::now();
        let at = |fresh: &Fresh| fresh.due(None).map(|due| (due.at.duration_since(now), due.step));
        let mut fresh =
            Fresh::new(&document("a", Some(lent(now, 100 * SECOND, false))), now, Leases::Renew, 0.0);
        assert_eq!(at(&fresh), Some((90 * SECOND, Step::Reissue)));
        fresh = Fresh::new(&document("a", Some(lent(now, 99 * SECOND, true))), now, Leases::Renew, 0.0);
        assert_eq!(at(&fresh), Some((66 * SECOND, Step::Renew)));
        // It was given less than half of what was asked for.
        fresh.renewed(lent(now, 40 * SECOND, true), 99 * SECOND);
        assert_eq!(at(&fresh), Some((36 * SECOND, Step::Reissue)));
        fresh = Fresh::new(&document("a", Some(lent(now, 99 * SECOND, true))), now, Leases::Renew, 0.0);
        fresh.cannot_be_renewed();
        assert_eq!(at(&fresh).map(|(_, step)| step), Some(Step::Reissue));
        fresh.is_over(now + SECOND);
        assert_eq!(at(&fresh), Some((SECOND, Step::Reissue)));
        for (rule, step) in [(Leases::Reissue, Step::Reissue), (Leases::Exit, Step::Leave)] {
            let fresh = Fresh::new(&document("a", Some(lent(now, 100 * SECOND, true))), now, rule, 0.0);
            assert_eq!(at(&fresh), Some((90 * SECOND, step)));
        }
    }

    #[test]
    fn a_password_that_the_backend_changes_is_read_after_its_end_until_it_has_changed() {
        let now = Instant::now();
        let with = |version: &str, valid, read: Instant| Document {
            version: Some(version.to_owned()),
            ..document(version, Some(Lease::of_change(read, valid)))
        };
        let mut fresh = Fresh::new(&with("1", 10 * SECOND, now), now, Leases::Renew, 0.0);
        let first = fresh.due(None).unwrap();
        assert_eq!((first.at, first.step), (now + 11 * SECOND, Step::Read));
        let mut last = first.at;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            fresh.read(&with("1", Duration::ZERO, last), last);
            let next = fresh.due(None).unwrap().at;
            pauses.push(next.duration_since(last));
            last = next;
        }
        assert!(pauses.iter().all(|pause| *pause >= SECOND), "{pauses:?}");
        assert!(pauses[5] >= 8 * SECOND, "{pauses:?}");
        fresh.read(&with("2", 10 * SECOND, last), last);
        assert_eq!(fresh.due(None).unwrap().at, last + 11 * SECOND);
    }

    #[test]
    fn what_lasts_is_looked_at_in_intervals_and_no_failure_makes_that_faster() {
        let (now, minute) = (Instant::now(), Duration::from_mins(1));
        let mut fresh = Fresh::new(&document("a", None), now, Leases::Renew, 0.0);
        assert_eq!(fresh.due(None), None);
        for number in 1..100 {
            let due = fresh.due(Some(minute)).unwrap();
            assert_eq!(due, Due { at: now + minute * number, step: Step::Read });
            fresh.failed(due.at);
        }
        fresh.read(&document("b", None), now);
        assert_eq!(fresh.due(Some(minute)).unwrap().at, now + minute);
    }

    #[test]
    fn a_thousand_that_began_together_come_back_apart() {
        let (now, interval) = (Instant::now(), Some(100 * SECOND));
        let all: Vec<Fresh> = (0..1000_u32)
            .map(|number| {
                let spread = f64::from(number * 7919 % 1000) / 1000.0;
                Fresh::new(&document("a", None), now, Leases::Renew, spread)
            })
            .collect();
        let mut buckets = [0; 11];
        for fresh in &all {
            let early = fresh.due(interval).unwrap().at.duration_since(now).as_secs();
            buckets[usize::try_from(early - 90).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|bucket| *bucket <= 110), "{buckets:?}");
        let first = all.iter().filter_map(|fresh| fresh.due(interval)).min();
        assert_eq!(next_due(all.iter().enumerate(), interval).map(|(_, due)| due), first);
    }
}
