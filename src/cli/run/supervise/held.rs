//! What CMD was lent, until when it may use that, and what others were lent before it that is still to be given back.

use std::time::{Duration, Instant};

use crate::provider::Lease;
use crate::session::watch::Watched;

/// How long a CMD runs before what the one before it had is given back.
const RETIREMENT: Duration = Duration::from_secs(10);

/// Leases.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of the CMD that runs, by provider instance.
    own: Vec<(String, Lease)>,
    /// In whose place others are, and from when on nobody uses them, once that is known.
    former: Vec<(String, Lease, Option<Instant>)>,
}

impl Held {
    /// What a CMD would have of these documents.
    pub(super) fn of(watched: &Watched<'_>) -> Self {
        let lent = watched.standings().filter_map(|one| {
            let lease = one.lease.filter(|lease| lease.is_lent())?;
            Some((one.key.0.to_owned(), lease.clone()))
        });
        Self { own: lent.collect(), former: Vec::new() }
    }

    /// Some may live longer now.
    pub(super) fn follow(&mut self, watched: &Watched<'_>) {
        for standing in watched.standings() {
            let Some(lease) = standing.lease.filter(|lease| lease.is_lent()) else { continue };
            let is_it =
                |(instance, own): &&mut (String, Lease)| instance == standing.key.0 && is_same(own, lease);
            if let Some((_, own)) = self.own.iter_mut().find(is_it) {
                *own = lease.clone();
            }
        }
    }

    /// Its values are as they were, whatever they are lent by now.
    pub(super) fn is_still(&mut self, watched: &Watched<'_>) {
        if !self.own.is_empty() {
            self.own = Self::of(watched).own;
        }
    }

    /// Others are in the place of these.
    pub(super) fn replaced(&mut self, leases: Vec<(&str, Lease)>) {
        self.former.extend(leases.into_iter().map(|(instance, lease)| (instance.to_owned(), lease, None)));
    }

    /// A CMD runs that has this.
    pub(super) fn started(&mut self, other: Self, now: Instant) {
        self.own = other.own;
        let own = &self.own;
        for (instance, lease, at) in &mut self.former {
            if !own.iter().any(|(name, held)| name == instance && is_same(held, lease)) {
                at.get_or_insert(now + RETIREMENT);
            }
        }
    }

    /// When CMD is to be stopped, since the first of what it has ends; a little earlier where there is something to start it
    /// anew with, and when something is to be given back.
    pub(super) fn next(&self, has_other: bool) -> Option<Instant> {
        let end = |lease: &Lease| {
            let early = if has_other { (lease.valid / 20).min(RETIREMENT) } else { Duration::ZERO };
            lease.end().checked_sub(early)
        };
        self.own.iter().filter_map(|(_, lease)| end(lease)).min()
    }

    /// When something is to be given back.
    pub(super) fn gives_back(&self) -> Option<Instant> {
        self.former.iter().filter_map(|(_, _, at)| *at).min()
    }

    /// What CMD has is dead, and it is being stopped.
    pub(super) fn has_ended(&mut self) {
        self.own.clear();
    }

    /// What nobody uses any more.
    pub(super) fn take_unused(&mut self, now: Instant) -> Vec<(String, Lease)> {
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.former)
            .into_iter()
            .partition(|(_, _, at)| at.is_some_and(|at| at <= now));
        self.former = rest.into_iter().filter(|(_, lease, _)| !lease.left(now).is_zero()).collect();
        let live = due.into_iter().filter(|(_, lease, _)| !lease.left(now).is_zero());
        live.map(|(instance, lease, _)| (instance, lease)).collect()
    }
}

/// Whether both are one, at different times of its life.
fn is_same(one: &Lease, other: &Lease) -> bool {
    let id = |lease: &Lease| lease.lent.as_ref().map(|lent| (lent.namespace.clone(), lent.id.clone()));
    id(one) == id(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Lent;

    fn lease(id: &str, issued: Instant, seconds: u64) -> Lease {
        let lent = Lent { id: id.to_owned(), namespace: String::new(), accessor: None, renewable: true };
        Lease { lent: Some(Box::new(lent)), issued, valid: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_former_lease_is_given_back_when_another_cmd_has_run_for_a_while() {
        let now = Instant::now();
        let mut held = Held { own: vec![("v".to_owned(), lease("a", now, 600))], former: Vec::new() };
        held.replaced(vec![("v", lease("a", now, 600))]);
        assert!(held.take_unused(now + RETIREMENT * 9).is_empty(), "CMD still has it");
        held.started(Held { own: vec![("v".to_owned(), lease("b", now, 600))], former: Vec::new() }, now);
        assert!(held.take_unused(now + RETIREMENT / 2).is_empty());
        assert_eq!(held.gives_back(), Some(now + RETIREMENT));
        let given: Vec<String> = held.take_unused(now + RETIREMENT).into_iter().map(|one| one.0).collect();
        assert_eq!(given, ["v"]);
        assert!(held.take_unused(now + RETIREMENT).is_empty(), "once");
    }

    #[test]
    fn what_has_ended_by_itself_is_not_given_back() {
        let now = Instant::now();
        let mut held = Held::default();
        held.replaced(vec![("v", lease("a", now, 5))]);
        held.started(Held::default(), now);
        assert!(held.take_unused(now + RETIREMENT).is_empty());
        assert_eq!(held.gives_back(), None);
    }

    #[test]
    fn cmd_is_stopped_at_the_first_end_and_before_it_where_there_is_something_else() {
        let now = Instant::now();
        let own = [lease("a", now, 100), lease("b", now, 600)].map(|lease| ("v".to_owned(), lease));
        let held = Held { own: own.into(), former: Vec::new() };
        assert_eq!(held.next(false), Some(now + Duration::from_secs(100)));
        assert_eq!(held.next(true), Some(now + Duration::from_secs(95)));
        assert_eq!(Held::default().next(true), None);
    }
}
