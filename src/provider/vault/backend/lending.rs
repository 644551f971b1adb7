//! Leases, one by one: <https://developer.hashicorp.com/vault/api-docs/system/leases>.
//!
//! Invariants: an increment is always sent, and is never less than what is left, since a renewal can shorten; a lease is said to
//! be valid no longer than the token that it hangs on. Rules: what a real `OpenBao` answers, recorded in `tests/fakes/src/vault/`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::provider::{Ask, Closing, Failure, Lease, Lender, Lent, Renewal, Unrenewed};

use super::client::VaultClient;
use super::custody::MARGIN;
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
            let ends = match self.foreign(lent) {
                Some(accessor) if self.custody.has_adopted(accessor) => {
                    Some(keep_alive(&client, accessor, wanted + MARGIN, ask).await?)
                }
                // It ends with that token, and nothing prolongs it.
                Some(_) if self.custody.own().is_some() => return Err(Unrenewed::Over),
                None | Some(_) => None,
            };
            let client = client.at(Some(&lent.namespace)).map_err(Unrenewed::Failed)?;
            // Rounded up: below what is left it would shorten.
            let increment = wanted.as_secs() + u64::from(wanted.subsec_nanos() > 0);
            let renewal =
                Post::new("sys/leases/renew", json!({ "lease_id": lent.id, "increment": increment }));
            let since = ask.now();
            let reply = client.read(renewal).await.map_err(unrenewed)?;
            let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
            let seconds = body.and_then(|body| body.lease_duration).ok_or_else(unread)?;
            let valid = Duration::from_secs(seconds);
            Ok(match ends {
                Some(end) => {
                    let valid = valid.min(end.saturating_duration_since(since));
                    Lease { issued: since, valid, ..lease.clone() }
                }
                None => self.prolonged(lease, since, valid),
            })
        })
    }

    fn adopt(&self, lease: &Lease) {
        let accessor = lease.lent.as_ref().and_then(|lent| lent.accessor.as_deref());
        if let Some(accessor) = accessor {
            self.custody.adopt(accessor);
        }
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

    /// The token that it hangs on, where that is not the one that kz uses now.
    fn foreign<'l>(&self, lent: &'l Lent) -> Option<&'l str> {
        let own = self.custody.own().and_then(|own| own.token.accessor);
        lent.accessor.as_deref().filter(|its| own.as_deref() != Some(its))
    }

    /// The lease with this life from then on, as far as its token lives.
    fn prolonged(&self, lease: &Lease, since: Instant, valid: Duration) -> Lease {
        let longer = self.custody.held().bounded(Lease { issued: since, valid, ..lease.clone() });
        self.custody.prolong(&longer);
        longer
    }
}

/// Gives a token that kz does not have a life of so long, by its accessor. When it ends then.
async fn keep_alive(
    client: &VaultClient<'_>,
    accessor: &str,
    wanted: Duration,
    ask: &Ask,
) -> Result<Instant, Unrenewed> {
    let since = ask.now();
    let members = json!({ "accessor": accessor, "increment": wanted.as_secs() });
    let reply = client.read(Post::new("auth/token/renew-accessor", members)).await.map_err(unrenewed)?;
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let life = body.and_then(|body| body.auth?.lease_duration).ok_or_else(unread)?;
    Ok(since + Duration::from_secs(life))
}

fn unrenewed(unanswered: Unanswered) -> Unrenewed {
    match unanswered.known {
        Some(Known::NoLease | Known::NoAccessor) => Unrenewed::Over,
        Some(Known::NotRenewable) => Unrenewed::Fixed,
        _ => Unrenewed::Failed(unanswered.failure),
    }
}

fn unread() -> Unrenewed {
    let cause = "the server does not say how long the lease is valid now".to_owned();
    Unrenewed::Failed(Failure { kind: crate::provider::FailureKind::Malformed, cause, hint: None })
}
