//! What became of every document that was asked for.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::plan::Reference;
use crate::provider::{DocumentRef, Outcome};

/// A provider instance and a document of it.
pub type Key<'a> = (&'a str, &'a DocumentRef);

/// The document that a secret is of.
pub(super) fn key(reference: &Reference) -> Key<'_> {
    (&reference.instance, &reference.document)
}

/// The outcome of each document.
#[derive(Debug, Default)]
pub(super) struct Documents<'a>(BTreeMap<Key<'a>, Outcome>);

impl<'a> Documents<'a> {
    /// Notes what became of one. What was there before is over.
    pub(super) fn add(&mut self, instance: &'a str, document: &'a DocumentRef, outcome: Outcome) {
        self.0.insert((instance, document), outcome);
    }

    /// What became of a secret's document.
    pub(super) fn outcome<'d>(&'d self, reference: &'d Reference) -> Option<&'d Outcome> {
        self.0.get(&key(reference))
    }

    /// What became of this one.
    pub(super) fn of<'d>(&'d self, key: Key<'d>) -> Option<&'d Outcome> {
        self.0.get(&key)
    }

    /// What became of each.
    pub(super) fn all(&self) -> impl Iterator<Item = (Key<'a>, &Outcome)> {
        self.0.iter().map(|(key, outcome)| (*key, outcome))
    }

    /// Whether this document was lent, and is nearly over.
    pub(super) fn is_nearly_over(&self, instance: &str, document: &DocumentRef, now: Instant) -> bool {
        let lease = self.0.get(&(instance, document)).and_then(|outcome| match outcome {
            Outcome::Found(found) => found.lease.as_ref(),
            _ => None,
        });
        lease.is_some_and(|lease| lease.is_nearly_over(now))
    }

    /// Whether the backend said of a secret's document that it is not there, and nothing more.
    pub(super) fn is_plainly_absent(&self, reference: &Reference) -> bool {
        matches!(self.outcome(reference), Some(Outcome::Absent))
    }
}
