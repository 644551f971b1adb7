//! Goes on with what an earlier export was lent: each lease is renewed, and no other credential is taken.
//!
//! Invariants: whoever lends is asked first, so that what has ended there is never taken for good; what cannot be gone on with is
//! left out, and then read like everything else. Says nothing: whoever asks learns what came of it.

use std::time::Instant;

use futures_util::future::join_all;

use crate::plan::Plan;
use crate::provider::{Ask, FailureKind, Lease, Lent, Unrenewed};
use crate::resolve::{Kept, Providers};

use super::due::AT_ONCE;

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
    adopt_where(|_, _| true, plan, kept, providers, ask).await
}

/// The same for whoever cannot renew anything later: only what lasts half as long as at first is gone on with.
pub async fn adopt_whole(plan: &Plan<'_>, kept: Vec<Kept>, providers: &Providers, ask: &Ask) -> Vec<Kept> {
    let lasts = |first: &Lease, lease: &Lease| lease.left(ask.now()) >= first.valid / 2;
    adopt_where(lasts, plan, kept, providers, ask).await.kept
}

/// The same of leases that suffice, as they were and as they are now.
async fn adopt_where(
    suffices: impl Fn(&Lease, &Lease) -> bool,
    plan: &Plan<'_>,
    kept: Vec<Kept>,
    providers: &Providers,
    ask: &Ask,
) -> Adopted {
    let mut adopted = Adopted::default();
    let fitting: Vec<Kept> = kept.into_iter().filter(|kept| kept.key_in(plan).is_some()).collect();
    for some in fitting.chunks(AT_ONCE) {
        let renewed = join_all(some.iter().map(|kept| renew(kept, providers, ask))).await;
        for (kept, renewed) in some.iter().zip(renewed) {
            let Some(lease) = renewed.filter(|lease| suffices(&kept.lease, lease)) else { continue };
            let is_fixed = lease.lent.as_ref().is_some_and(|lent| !lent.renewable);
            adopted.fixed += usize::from(is_fixed);
            adopted.kept.push(Kept { lease, ..kept.clone() });
        }
    }
    adopted
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
