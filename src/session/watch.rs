//! The documents of a plan, watched: read once, and then round by round whatever is due of them.
//!
//! It may fail in every way that a backend can: the round says so, and the next one is later (`due.rs`). Invariants: what was
//! good stays until something else is there; one answer that something is gone, or older than it was, changes nothing, since
//! standbys are stale; what is lent is renewed rather than read. Refuses to say anything, and to write.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::plan::{Declaration, Plan, WhenAbsent};
use crate::provider::{Ask, Document, DocumentRef, Failure, FailureKind, Lease, Leases, Outcome, Unrenewed};
use crate::resolve::{self, Failures, Kept, Key, Providers, Reading, Resolution};

use super::due::{AT_ONCE, Due, Fresh, Step};

/// What is due so soon is done along with what is due now.
const TOGETHER: Duration = Duration::from_millis(250);
/// For how long answers have to agree that something is gone, or older than it was.
const AGREE: Duration = Duration::from_secs(30);
/// How soon such an answer is looked at again.
const AGAIN: Duration = Duration::from_secs(10);

/// By which rules documents are watched.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How often what lasts is read again; never, where there is none.
    pub interval: Option<Duration>,
    /// What is done with leases.
    pub leases: Leases,
}

/// The documents of a plan, as they stand.
pub struct Watched<'p> {
    plan: &'p Plan<'p>,
    rules: Rules,
    /// Where this process stands among those that began with it, from 0 to 1.
    spread: f64,
    /// The last that was good of each.
    reading: Reading<'p>,
    each: BTreeMap<Key<'p>, Entry>,
    /// Leases in whose place others are, by instance.
    former: Vec<(&'p str, Lease)>,
}

/// What is known of a document beside what it holds.
#[derive(Default)]
struct Entry {
    /// Nothing where it is not there.
    fresh: Option<Fresh>,
    /// When it was looked at last, where it is not there.
    looked: Option<Instant>,
    /// An answer that is not believed yet.
    doubt: Option<Doubt>,
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy)]
struct Doubt {
    since: Instant,
    last: Instant,
}

/// What stands against a document, while the last that was good of it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is not there any more.
    Gone,
    /// It could not be had.
    Failed(Failure),
}

impl Trouble {
    /// Whether it stays, as far as the backend says: it is not there, or not for kz.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Gone | Self::Failed(Failure { kind: FailureKind::Denied, .. }))
    }

    /// Whether it is said already where the other is.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failed(one), Self::Failed(other)) => one.kind == other.kind,
            _ => self == other,
        }
    }
}

/// What one round came to.
#[derive(Debug, Default)]
pub struct Round<'p> {
    /// Whether a document holds something else than before.
    pub changed: bool,
    /// Troubles that are new, with the document that each is about.
    pub troubles: Vec<(Key<'p>, Trouble)>,
    /// Documents that are all right again.
    pub mended: Vec<Key<'p>>,
    /// Leases that live longer now.
    pub renewed: usize,
    /// A lease ends, and is left to whoever starts kz anew.
    pub leaves: bool,
}

/// How a document stands, for whoever is on call.
#[derive(Debug)]
pub struct Standing<'w, 'p> {
    /// Which.
    pub key: Key<'p>,
    /// What it is lent or changed by.
    pub lease: Option<&'w Lease>,
    /// What is to be done next, and when.
    pub due: Option<Due>,
    /// What stands against it.
    pub trouble: Option<&'w Trouble>,
}

/// Documents as they stood under another configuration, or as an earlier export left them.
#[derive(Default)]
pub struct Known {
    /// By instance and document.
    each: BTreeMap<(String, DocumentRef), (Outcome, Entry)>,
    /// Those of which only the values are known.
    kept: Vec<Kept>,
}

impl<'p> Watched<'p> {
    /// Reads everything that a plan wants and nobody knows.
    pub async fn begin(
        plan: &'p Plan<'p>,
        rules: Rules,
        known: &mut Known,
        providers: &Providers,
        ask: &Ask,
    ) -> Self {
        let (mut each, mut outcomes) = (BTreeMap::new(), Vec::new());
        for (key, known) in known.take(plan) {
            outcomes.push((key, known.0));
            each.insert(key, known.1);
        }
        let reading = resolve::gather(plan, outcomes, known.take_kept(plan), providers, ask).await;
        let (spread, now) = (ask.patience.chance(), ask.now());
        for (key, outcome) in reading.outcomes() {
            let kept = reading.kept(key);
            each.entry(key).or_insert_with(|| match (found(outcome), kept) {
                (Some(document), _) => {
                    let fresh = Fresh::new(document, now, rules.leases, spread);
                    Entry { fresh: Some(fresh), ..Entry::default() }
                }
                (None, Some(kept)) => {
                    let fresh = Fresh::lent(Some(kept.lease.clone()), now, rules.leases, spread);
                    Entry { fresh: Some(fresh), ..Entry::default() }
                }
                (None, None) => Entry { looked: Some(now), ..Entry::default() },
            });
        }
        Self { plan, rules, spread, reading, each, former: Vec::new() }
    }

    /// Everything that is known, for another plan.
    pub fn into_known(mut self) -> Known {
        let mut known = Known::default();
        for (key, entry) in std::mem::take(&mut self.each) {
            if let Some(kept) = self.reading.kept(key) {
                let lease = entry.fresh.as_ref().and_then(Fresh::lease).unwrap_or(&kept.lease).clone();
                known.kept.push(Kept { lease, ..kept.clone() });
            } else if let Some(outcome) = self.reading.outcome(key) {
                known.each.insert((key.0.to_owned(), key.1.clone()), (outcome.clone(), entry));
            }
        }
        known
    }

    /// The leases of an earlier export that are still in use, by instance.
    pub fn adopted(&self) -> Vec<(&'p str, Lease)> {
        let kept = self.each.iter().filter(|(key, _)| self.reading.kept(**key).is_some());
        kept.filter_map(|(key, entry)| Some((key.0, entry.fresh.as_ref()?.lease()?.clone()))).collect()
    }

    /// The values, as the documents stand.
    pub fn resolution(&self, providers: &Providers) -> Result<Resolution, Failures> {
        resolve::deliver(self.plan, resolve::judge(self.plan, providers, &self.reading))
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.each.values().filter_map(|entry| Some(self.due(entry)?.at)).min()
    }

    /// Whether every document is what its backend holds, as far as that was asked.
    pub fn is_sound(&self) -> bool {
        self.each.values().all(|entry| entry.trouble.is_none() && entry.doubt.is_none())
    }

    /// How each document stands.
    pub fn standings(&self) -> impl Iterator<Item = Standing<'_, 'p>> {
        self.each.iter().map(|(key, entry)| Standing {
            key: *key,
            lease: entry.fresh.as_ref().and_then(Fresh::lease),
            due: self.due(entry),
            trouble: entry.trouble.as_ref(),
        })
    }

    /// The secrets that are made of a document: their names.
    pub fn names(&self, key: Key<'_>) -> impl Iterator<Item = &'p str> {
        self.made_of(key).map(|one| one.name.as_str())
    }

    fn made_of(&self, (instance, document): Key<'_>) -> impl Iterator<Item = &'p Declaration> {
        let all = self.plan.steps.iter().map(|step| step.declaration);
        all.filter(move |one| one.is_made_of(instance, document))
    }

    /// Leases in whose place others are, which nobody gives back but who asks for them here.
    pub fn take_former(&mut self) -> Vec<(&'p str, Lease)> {
        std::mem::take(&mut self.former)
    }

    /// Everything that lasts is due now: somebody says that it has changed.
    pub fn hasten(&mut self, now: Instant) {
        for entry in self.each.values_mut() {
            match &mut entry.fresh {
                Some(fresh) => fresh.hasten(now),
                None => entry.looked = None,
            }
        }
    }

    /// Does what is due.
    pub async fn round(&mut self, providers: &Providers, ask: &Ask) -> Round<'p> {
        let mut round = Round::default();
        let soon = ask.now() + TOGETHER;
        let is_due = |due: &Due| due.at <= soon;
        let all =
            self.each.iter().filter_map(|(key, entry)| Some((*key, self.due(entry).filter(is_due)?.step)));
        let (mut renewals, mut reads) = (Vec::new(), Vec::new());
        for (key, step) in all {
            match step {
                Step::Renew => renewals.push(key),
                Step::Read | Step::Reissue => reads.push(key),
                Step::Leave => round.leaves = true,
            }
        }
        for some in renewals.chunks(AT_ONCE) {
            reads.extend(self.renew(some, providers, ask, &mut round).await);
        }
        self.read(&reads, providers, ask, &mut round).await;
        round
    }

    /// Gives these leases a longer life. Those that are over, for which others are to be taken.
    async fn renew(
        &mut self,
        keys: &[Key<'p>],
        providers: &Providers,
        ask: &Ask,
        round: &mut Round<'p>,
    ) -> Vec<Key<'p>> {
        let renewal = |key: &Key<'p>| {
            let fresh = self.each.get(key)?.fresh.as_ref()?;
            let (lease, wanted) = (fresh.lease()?.clone(), fresh.wanted());
            let lender = providers.get(key.0)?.as_ref().ok()?.lender();
            let key = *key;
            Some(async move {
                let result = match lender {
                    Some(lender) => lender.renew(&lease, wanted, ask).await,
                    None => Err(Unrenewed::Fixed),
                };
                (key, wanted, result)
            })
        };
        let results = join_all(keys.iter().filter_map(renewal)).await;
        let now = ask.now();
        let mut over = Vec::new();
        for (key, wanted, result) in results {
            let Some(entry) = self.each.get_mut(&key) else { continue };
            let Some(fresh) = &mut entry.fresh else { continue };
            match result {
                Ok(lease) => {
                    fresh.renewed(lease, wanted);
                    round.renewed += 1;
                    entry.mend(key, round);
                }
                Err(Unrenewed::Fixed) => fresh.cannot_be_renewed(),
                Err(Unrenewed::Over) => {
                    fresh.is_over(now);
                    over.push(key);
                }
                Err(Unrenewed::Failed(failure)) => entry.fail(key, failure, now, round),
            }
        }
        over
    }

    /// Reads these documents again.
    async fn read(&mut self, keys: &[Key<'p>], providers: &Providers, ask: &Ask, round: &mut Round<'p>) {
        let mut batches: BTreeMap<&'p str, Vec<&'p DocumentRef>> = BTreeMap::new();
        for (instance, document) in keys {
            batches.entry(instance).or_default().push(document);
        }
        let asked = batches.into_iter().filter_map(|(instance, documents)| {
            let provider = providers.get(instance)?.as_ref().ok()?;
            Some(async move {
                let wanted: Vec<DocumentRef> = documents.iter().map(|document| (*document).clone()).collect();
                (instance, documents, resolve::fetch(&**provider, &wanted, ask).await)
            })
        });
        let answers = join_all(asked).await;
        let now = ask.now();
        for (instance, documents, outcomes) in answers {
            for (document, outcome) in documents.into_iter().zip(outcomes) {
                self.take((instance, document), outcome, now, round);
            }
        }
    }

    /// Takes an answer, or does not believe it.
    fn take(&mut self, key: Key<'p>, outcome: Outcome, now: Instant, round: &mut Round<'p>) {
        let before = self.reading.outcome(key).and_then(found);
        let was_there = before.is_some() || self.reading.kept(key).is_some();
        let dispensable = self.is_dispensable(key);
        let Some(entry) = self.each.get_mut(&key) else { return };
        match found(&outcome) {
            None if matches!(outcome, Outcome::Failed(_)) => {
                if let Outcome::Failed(failure) = outcome {
                    entry.fail(key, failure, now, round);
                }
            }
            None if !was_there => entry.looked = Some(now),
            None if entry.doubts(now) => entry.rest(now),
            None if dispensable => {
                *entry = Entry { looked: Some(now), ..Entry::default() };
                self.reading.replace(key, outcome);
                round.changed = true;
            }
            None => {
                entry.rest(now);
                entry.trouble(key, Trouble::Gone, round);
            }
            Some(document)
                if before.is_some_and(|before| is_older(document, before)) && entry.doubts(now) =>
            {
                entry.rest(now);
            }
            Some(document) => {
                round.changed |= before.is_none_or(|before| before.content != document.content);
                let lease = entry.fresh.as_ref().and_then(Fresh::lease).filter(|lease| lease.is_lent());
                self.former.extend(lease.map(|lease| (key.0, lease.clone())));
                entry.mend(key, round);
                match &mut entry.fresh {
                    Some(fresh) => fresh.read(document, now),
                    None => entry.fresh = Some(Fresh::new(document, now, self.rules.leases, self.spread)),
                }
                (entry.doubt, entry.looked) = (None, None);
                self.reading.replace(key, outcome);
            }
        }
    }

    /// Whether everything that is made of a document may be absent.
    fn is_dispensable(&self, key: Key<'_>) -> bool {
        self.made_of(key).all(|one| one.when_absent != WhenAbsent::Fail)
    }

    fn due(&self, entry: &Entry) -> Option<Due> {
        let due = match (&entry.fresh, self.rules.interval) {
            (Some(fresh), interval) => fresh.due(interval),
            (None, Some(interval)) => {
                let at = entry.looked.map_or_else(Instant::now, |looked| looked + interval);
                Some(Due { at, step: Step::Read })
            }
            (None, None) => None,
        };
        let again = entry.doubt.map(|doubt| Due { at: doubt.last + AGAIN, step: Step::Read });
        again.into_iter().chain(due).min()
    }
}

impl Known {
    /// Takes what is known of a plan's documents.
    fn take<'p>(&mut self, plan: &'p Plan<'_>) -> Vec<(Key<'p>, (Outcome, Entry))> {
        let documents = plan
            .batches
            .iter()
            .flat_map(|batch| batch.documents.iter().map(|document| (batch.instance.as_str(), document)));
        let known = |(instance, document): Key<'p>| {
            let known = self.each.remove(&(instance.to_owned(), document.clone()))?;
            Some(((instance, document), known))
        };
        documents.filter_map(known).collect()
    }

    /// Takes what stands for documents of a plan.
    fn take_kept(&mut self, plan: &Plan<'_>) -> Vec<Kept> {
        let (taken, left) =
            std::mem::take(&mut self.kept).into_iter().partition(|kept| kept.key_in(plan).is_some());
        self.kept = left;
        taken
    }

    /// Goes on with these, where nothing better is known of them.
    pub fn go_on_with(&mut self, kept: Vec<Kept>) {
        self.kept.extend(kept);
    }

    /// Forgets what is of instances that are set up otherwise now.
    pub fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.each.retain(|(instance, _), _| is_kept(instance));
        self.kept.retain(|kept| is_kept(&kept.instance));
    }

    /// Adds what is known from another plan.
    pub fn add(&mut self, other: Self) {
        self.each.extend(other.each);
        self.kept.extend(other.kept);
    }

    /// The leases of what nobody asked for.
    pub fn leases(&self) -> impl Iterator<Item = (&str, &Lease)> {
        let lent = |lease: &&Lease| lease.is_lent();
        let each = self.each.iter().filter_map(move |((instance, _), (_, entry))| {
            Some((instance.as_str(), entry.fresh.as_ref()?.lease().filter(lent)?))
        });
        each.chain(self.kept.iter().map(|kept| (kept.instance.as_str(), &kept.lease)))
    }
}

impl Entry {
    /// Whether an answer that takes something away is not to be believed yet.
    fn doubts(&mut self, now: Instant) -> bool {
        let doubt = self.doubt.get_or_insert(Doubt { since: now, last: now });
        doubt.last = now;
        now.saturating_duration_since(doubt.since) < AGREE
    }

    /// Nothing is taken from an answer.
    fn rest(&mut self, now: Instant) {
        match &mut self.fresh {
            Some(fresh) => fresh.failed(now),
            None => self.looked = Some(now),
        }
    }

    fn fail<'p>(&mut self, key: Key<'p>, failure: Failure, now: Instant, round: &mut Round<'p>) {
        self.rest(now);
        // Answers agree only where they follow each other.
        self.doubt = None;
        self.trouble(key, Trouble::Failed(failure), round);
    }

    fn trouble<'p>(&mut self, key: Key<'p>, trouble: Trouble, round: &mut Round<'p>) {
        if self.trouble.as_ref().is_none_or(|known| !known.is_like(&trouble)) {
            round.troubles.push((key, trouble.clone()));
        }
        self.trouble = Some(trouble);
    }

    fn mend<'p>(&mut self, key: Key<'p>, round: &mut Round<'p>) {
        if self.trouble.take().is_some() {
            round.mended.push(key);
        }
    }
}

/// What is there, if anything.
fn found(outcome: &Outcome) -> Option<&Document> {
    match outcome {
        Outcome::Found(document) | Outcome::Blank(document) => Some(document),
        Outcome::Absent | Outcome::AbsentBecause(_) | Outcome::Readable | Outcome::Failed(_) => None,
    }
}

/// Whether one has a lower number than the other, where their versions are numbers.
fn is_older(document: &Document, before: &Document) -> bool {
    let number = |document: &Document| document.version.as_ref()?.parse::<u64>().ok();
    matches!((number(document), number(before)), (Some(this), Some(before)) if this < before)
}

#[cfg(test)]
mod tests;
