//! Goes on with what an earlier export was lent: each lease is renewed, and no other credential is taken.
//!
//! Invariants: whoever lends is asked first, so that what has ended there is never taken for good; what cannot be gone on with is
//! left out, and then read like everything else. Says nothing: whoever asks learns what came of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::plan::Plan;
use crate::provider::{Ask, FailureKind, Lease, Lent, Unrenewed};
use crate::resolve::{Kept, Providers};

/// How many leases are renewed at once.
const AT_ONCE: usize = 8;

/// What is gone on with.
#[derive(Debug, Default)]
pub struct Adopted {
    /// These, each with the life that it has now.
    pub kept: Vec<Kept>,
    /// So many of them are to end: their backend does not let kz renew them.
    pub fixed: usize,
}

/// Renews what can be gone on with under this plan.
pub async fn adopt(plan: &Plan<'_>, kept: Vec<Kept>, providers: &Providers, ask: &Ask) -> Adopted {
    let mut adopted = Adopted::default();
    let fitting: Vec<Kept> = kept.into_iter().filter(|kept| kept.key_in(plan).is_some()).collect();
    for some in fitting.chunks(AT_ONCE) {
        let renewed = join_all(some.iter().map(|kept| renew(kept, providers, ask))).await;
        for (kept, renewed) in some.iter().zip(renewed) {
            let Some(lease) = renewed else { continue };
            let is_fixed = lease.lent.as_ref().is_some_and(|lent| !lent.renewable);
            adopted.fixed += usize::from(is_fixed);
            adopted.kept.push(Kept { lease, ..kept.clone() });
        }
    }
    adopted
}

/// The same for whoever cannot renew anything later: only what lasts half as long as at first is gone on with.
pub async fn adopt_whole(plan: &Plan<'_>, kept: Vec<Kept>, providers: &Providers, ask: &Ask) -> Vec<Kept> {
    if kept.is_empty() {
        return kept;
    }
    let lasts = |kept: &Kept, first: &[(String, Duration)]| {
        let life = first.iter().find(|(id, _)| id_of(kept) == Some(id)).map(|(_, life)| *life);
        kept.lease.left(ask.now()) >= life.unwrap_or_default() / 2
    };
    let first: Vec<(String, Duration)> =
        kept.iter().filter_map(|kept| Some((id_of(kept)?.to_owned(), kept.lease.valid))).collect();
    let adopted = adopt(plan, kept, providers, ask).await;
    adopted.kept.into_iter().filter(|kept| lasts(kept, &first)).collect()
}

fn id_of(kept: &Kept) -> Option<&String> {
    kept.lease.lent.as_ref().map(|lent| &lent.id)
}

/// The lease as it is now; nothing where it is over.
async fn renew(kept: &Kept, providers: &Providers, ask: &Ask) -> Option<Lease> {
    let lender = providers.get(&kept.instance)?.as_ref().ok()?.lender()?;
    lender.adopt(&kept.lease);
    match lender.renew(&kept.lease, kept.lease.valid, ask).await {
        Ok(lease) => Some(lease),
        Err(Unrenewed::Over) => None,
        Err(Unrenewed::Fixed) => lasting(&kept.lease, ask.now()).map(fixed),
        Err(Unrenewed::Failed(failure)) if failure.kind == FailureKind::Denied => {
            lasting(&kept.lease, ask.now()).map(fixed)
        }
        Err(Unrenewed::Failed(_)) => lasting(&kept.lease, ask.now()),
    }
}

/// The lease, where it lasts for a while yet, as far as kz knows.
fn lasting(lease: &Lease, now: Instant) -> Option<Lease> {
    (!lease.is_nearly_over(now)).then(|| lease.clone())
}

/// The same, not to be renewed.
fn fixed(lease: Lease) -> Lease {
    let lent = lease.lent.map(|lent| Box::new(Lent { renewable: false, ..*lent }));
    Lease { lent, ..lease }
}
