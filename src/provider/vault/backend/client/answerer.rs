//! Who it is that answers: a Vault or somebody else, and one that was ever given keys.
//!
//! Invariant: the server is asked for that without a token, and not again and again: every server of the family tells whether
//! it is sealed.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::http::Reply;
use crate::patience::GaveUp;
use crate::provider::vault::backend::endpoint::Get;
use crate::provider::vault::backend::not_found::NotFound;
use crate::provider::vault::backend::reply::Known;
use crate::provider::vault::backend::trouble::Trouble;

use super::{VaultClient, known};

/// What a question about the server itself may take, also when the time for everything else is over.
const LAST_QUESTION: Duration = Duration::from_secs(1);

/// What a server tells of its seal.
#[derive(Deserialize)]
struct Seal {
    #[serde(rename = "sealed")]
    _sealed: bool,
    #[serde(default = "yes")]
    initialized: bool,
}

/// `RustyVault` does not tell.
fn yes() -> bool {
    true
}

impl VaultClient<'_> {
    /// What the server complains of, if it does. One that was never given keys says that it is sealed: only its status
    /// tells the two apart, and is asked once, so that the waiting is for what is the matter.
    pub(super) async fn complaint(&self, reply: &Reply) -> Option<Known> {
        if reply.status.is_success() {
            return None;
        }
        match known(reply, self.bearer) {
            Some(Known::Sealed) => {
                let initialized = self.initialized[0].get_or_init(|| self.is_initialized());
                Some(if *initialized.await { Known::Sealed } else { Known::Uninitialized })
            }
            known => known,
        }
    }

    /// A server may have been given keys while kz waited: when the waiting is over, it is asked once more.
    pub(super) async fn look_closer(&self, given_up: GaveUp<Trouble>) -> GaveUp<Trouble> {
        match given_up {
            GaveUp::Deadline { last: Some(Trouble::Status(status, Some(Known::Uninitialized))), waited }
                if *self.initialized[1].get_or_init(|| self.is_initialized()).await =>
            {
                GaveUp::Deadline { last: Some(Trouble::Status(status, Some(Known::Sealed))), waited }
            }
            other => other,
        }
    }

    async fn is_initialized(&self) -> bool {
        let asked = self.ask.patience.once(LAST_QUESTION, self.seal()).await;
        asked.flatten().is_none_or(|seal| seal.initialized)
    }

    /// Whether a reply is a 404 of somebody who is no Vault.
    pub(super) async fn is_foreign(&self, reply: &Reply) -> bool {
        if reply.status != ::http::StatusCode::NOT_FOUND {
            return false;
        }
        match NotFound::of(reply.body.expose()) {
            NotFound::Foreign => true,
            NotFound::Mute => !self.is_vault().await,
            NotFound::Nothing | NotFound::Envelope(_) | NotFound::Refused(_) => false,
        }
    }

    /// Whether it is a Vault that answers, asked once: every server of the family tells whether it is sealed.
    async fn is_vault(&self) -> bool {
        if self.vault.get().is_none() {
            if self.seal().await.is_none() {
                return false;
            }
            let _ = self.vault.set(());
        }
        true
    }

    /// What a server tells of its seal; nothing where it is no Vault.
    async fn seal(&self) -> Option<Seal> {
        let status = Get::current("sys/seal-status");
        // Without the token, which may be one that any request spends.
        let plain = Self::plain(Arc::clone(&self.nodes), Arc::clone(&self.lanes), self.ask);
        let reply = plain.exchange_once(status).await.ok()?;
        serde_json::from_slice(reply.body.expose()).ok()
    }
}
