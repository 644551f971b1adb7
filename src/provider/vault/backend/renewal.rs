//! A longer life for a token of kz's own, so that what was lent with it does not end with it.
//!
//! Invariant: whatever stands against it is no error, since kz can log in again.

use std::time::Duration;

use serde_json::json;

use super::client::VaultClient;
use super::custody::Own;
use super::endpoint::Post;
use super::reply::Body;

/// The token with a longer life, where the server gives it one; asked once.
pub(super) async fn renew(client: &VaultClient<'_>, own: Own) -> Option<Own> {
    // The last use of a token of a number of uses is better made of it.
    if !own.token.renewable || own.token.uses.is_some() {
        return None;
    }
    let there = client.with_token(&own.token.value).ok()?.at(own.namespace.as_deref()).ok()?;
    let since = client.ask().now();
    // Without an increment it is given its role's usual life, which may be shorter than what is left.
    let increment = own.token.life.max(own.left(since)).map(|life| json!({ "increment": life.as_secs() }));
    let renewal = Post::new("auth/token/renew-self", increment.unwrap_or_else(|| json!({})));
    let reply = there.exchange_once(renewal).await.ok()?;
    let body: Body<'_> =
        serde_json::from_slice(reply.body.expose()).ok().filter(|_| reply.status.is_success())?;
    let life = Duration::from_secs(body.auth?.lease_duration?);
    // Near the end of what it may live at the longest, it is given less and less.
    let is_worth_it = own.token.life.is_none_or(|first| life >= first / 2);
    is_worth_it.then(|| own.renewed(since, life))
}
