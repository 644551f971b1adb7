//! Leases, one by one: <https://developer.hashicorp.com/vault/api-docs/system/leases>.
//!
//! Invariants: an increment is always sent, and is never less than what is left, since a renewal can shorten; a lease is said to
//! be valid no longer than the token that it hangs on. Rules: what a real `OpenBao` answers, recorded in `tests/fakes/src/vault/`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::provider::{Ask, Closing, Failure, Lease, Lender, Lent, Renewal, Unrenewed};

use super::endpoint::Post;
use super::giving_back;
use super::reply::{Body, Known};
use super::{Vault, client::Unanswered};

impl Lender for Vault {
    fn renew<'a>(&'a self, lease: &'a Lease, wanted: Duration, ask: &'a Ask) -> Renewal<'a> {
        Box::pin(async move {
            let lent = lease.lent.as_deref().filter(|lent| lent.renewable).ok_or(Unrenewed::Fixed)?;
            let wanted = wanted.max(lease.left(ask.now()));
            self.hasten(wanted, ask);
            let client = self.begin(ask, 1).await.map_err(Unrenewed::Failed)?;
            if self.hangs_on_another(lent) {
                return Err(Unrenewed::Over);
            }
            let client = client.at(Some(&lent.namespace)).map_err(Unrenewed::Failed)?;
            // Rounded up: below what is left it would shorten.
            let increment = wanted.as_secs() + u64::from(wanted.subsec_nanos() > 0);
            let renewal =
                Post::new("sys/leases/renew", json!({ "lease_id": lent.id, "increment": increment }));
            let since = ask.now();
            let reply = client.read(renewal).await.map_err(unrenewed)?;
            let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
            let seconds = body.and_then(|body| body.lease_duration).ok_or_else(unread)?;
            Ok(self.prolonged(lease, since, Duration::from_secs(seconds)))
        })
    }

    fn give_back<'a>(&'a self, leases: &'a [Lease], ask: &'a Ask) -> Closing<'a> {
        Box::pin(async move {
            if let Ok(client) = self.begin(ask, leases.len()).await {
                giving_back::give_back_leases(&self.custody, &client, ask, leases).await;
            }
        })
    }
}

impl Vault {
    /// Has kz's own token renewed before the next request where it ends before what is asked for: no lease outlives it.
    fn hasten(&self, wanted: Duration, ask: &Ask) {
        let left = self.custody.own().and_then(|own| own.left(ask.now()));
        if left.is_some_and(|left| left < wanted) {
            self.own.hasten(ask.now());
        }
    }

    /// Whether the token that it hangs on is not the one that kz uses now. It ends with that one, and nothing prolongs it.
    fn hangs_on_another(&self, lent: &Lent) -> bool {
        let own = self.custody.own().and_then(|own| own.token.accessor);
        matches!((&lent.accessor, own), (Some(its), Some(own)) if *its != own)
    }

    /// The lease with this life from then on, as far as its token lives.
    fn prolonged(&self, lease: &Lease, since: Instant, valid: Duration) -> Lease {
        let longer = self.custody.held().bounded(Lease { issued: since, valid, ..lease.clone() });
        self.custody.prolong(&longer);
        longer
    }
}

fn unrenewed(unanswered: Unanswered) -> Unrenewed {
    match unanswered.known {
        Some(Known::NoLease) => Unrenewed::Over,
        Some(Known::NotRenewable) => Unrenewed::Fixed,
        _ => Unrenewed::Failed(unanswered.failure),
    }
}

fn unread() -> Unrenewed {
    let cause = "the server does not say how long the lease is valid now".to_owned();
    Unrenewed::Failed(Failure { kind: crate::provider::FailureKind::Malformed, cause, hint: None })
}
