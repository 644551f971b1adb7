//! What a token is, as the server sees it: `auth/token/lookup-self`.
//!
//! Invariant: nothing of it but its life leaves this module; the token and its accessor are compared and never shown.

use std::time::Duration;

use serde::Deserialize;

use super::client::VaultClient;
use super::custody::Custody;
use super::endpoint::Get;
use super::reply::{self, Body, Known};
use super::token::Token;

/// What the server sees.
#[derive(Deserialize)]
pub(super) struct Looked {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    ttl: Option<u64>,
}

/// Why it does not say what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// The token is none, or no more.
    Ended,
    /// Its policy does not let it look at itself.
    Forbidden,
    /// It says nothing of use.
    Untold,
}

/// Asks once.
pub(super) async fn look(client: &VaultClient<'_>) -> Result<Looked, Unseen> {
    let get = Get::current("auth/token/lookup-self");
    let reply = client.exchange_once(get).await.map_err(|_| Unseen::Untold)?;
    if !reply.status.is_success() {
        let is_refused = reply.status.is_client_error();
        return Err(match reply::known(reply.body.expose()).filter(|_| is_refused) {
            Some(Known::Bare | Known::InvalidToken) => Unseen::Ended,
            Some(Known::Denied) => Unseen::Forbidden,
            _ => Unseen::Untold,
        });
    }
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let data = body.and_then(|body| body.data).ok_or(Unseen::Untold)?;
    serde_json::from_str(data.get()).map_err(|_| Unseen::Untold)
}

/// Learns when the token ends that kz did not get by a login, since what it is lent ends with it.
pub(super) async fn learn_end(custody: &Custody, client: &VaultClient<'_>) {
    if !client.bears_token() || !custody.wants_end() {
        return;
    }
    let at = client.ask().now();
    let life = look(client).await.ok().and_then(|looked| looked.ttl).filter(|seconds| *seconds > 0);
    custody.learn_end(life.and_then(|seconds| at.checked_add(Duration::from_secs(seconds))));
}

impl Looked {
    /// Whether it is this token.
    pub(super) fn is(&self, token: &Token) -> bool {
        let same = |ours: &Option<String>, theirs: &Option<String>| matches!((ours, theirs), (Some(ours), Some(theirs)) if !ours.is_empty() && ours == theirs);
        self.id.as_ref().is_some_and(|id| id.as_bytes() == token.value.expose())
            || same(&token.accessor, &self.accessor)
    }
}
