//! Asks a Vault: for a token first, where kz has none, and then for documents.
//!
//! Invariants: nothing is read or contacted before a document is asked for; the first document goes alone and
//! the rest when its connection stands, so that a cold pool opens one connection and not one for each; each
//! document has its own outcome. A token that kz got itself is revoked when nothing hangs on it.

mod caller_identity;
mod connection;
mod credential;
mod effect;
mod endpoint;
mod login;
mod mounts;
mod nodes;
mod not_found;
mod piece;
mod read;
mod refusal;
mod reply;
mod session;
#[cfg(test)]
mod tests;
mod trouble;
mod variables;
mod versioned;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use vaultrs::api::token::requests::RevokeTokenSelfRequest;

use crate::http::Address;

use crate::provider::local_file::Places;
use crate::provider::settings::Settings;
use crate::provider::warm_up::warm_up;
use crate::provider::{
    DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings, Terms, Tokens,
};
use connection::Connection;
use credential::{Choice, Credential, Method};
use mounts::Mounts;
use nodes::Nodes;
use session::Session;
use variables::Variables;

/// What giving a token back may take.
const REVOCATION: Duration = Duration::from_secs(2);

/// A provider of one Vault's documents.
pub fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let variables = Variables::of(settings, surroundings);
    Box::new(Vault {
        connection: Connection::of(settings, &variables, surroundings),
        settings: settings.clone(),
        places: Places::of(surroundings),
        terms: surroundings.terms(),
        variables,
        nodes: OnceLock::new(),
        mounts: Mounts::default(),
        said: AtomicBool::new(false),
    })
}

struct Vault {
    connection: Connection,
    settings: Settings,
    places: Places,
    terms: Terms,
    variables: Variables,
    nodes: OnceLock<Result<Nodes, Failure>>,
    mounts: Mounts,
    /// Whether it was said whom kz asks.
    said: AtomicBool,
}

impl Provider for Vault {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let (session, own) = match self.begin().await {
                Ok(begun) => begun,
                Err(failure) => return vec![Outcome::Failed(failure); documents.len()],
            };
            let outcomes = self.read(&session, documents).await;
            // A lease ends with the token that it was taken with.
            let leased = outcomes
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Found(document) if document.lease.is_some()));
            if let Own::Revocable(namespace) = own
                && !leased
                && self.terms.tokens == Tokens::Revoke
                && let Ok(session) = session.at(namespace.as_deref())
            {
                self.revoke(&session).await;
            }
            outcomes
        })
    }
}

/// Whether a session's token is kz's to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Own {
    /// In the namespace of the login, where that is not the one that is read in.
    Revocable(Option<String>),
    No,
}

impl Own {
    fn of(token: &login::Token, namespace: Option<String>) -> Self {
        if token.revocable { Self::Revocable(namespace) } else { Self::No }
    }
}

impl Vault {
    /// A session with a token.
    async fn begin(&self) -> Result<(Session<'_>, Own), Failure> {
        let choice = Choice { settings: &self.settings, variables: &self.variables, places: &self.places };
        let nodes = self.nodes.get_or_init(|| self.connection.open(&self.places)).as_ref();
        let nodes = nodes.map_err(Clone::clone)?;
        let credential = choice.choose()?;
        let session = Session::new(nodes, &self.terms, self.connection.namespace.as_deref())?;
        match credential {
            Credential::Token(piece) => {
                let token = piece.read(&self.places)?;
                self.say(nodes, &format!("with the token from {piece}"));
                Ok((session.with_token(&token)?, Own::No))
            }
            Credential::Wrapped(piece) => {
                self.say(nodes, &format!("with the wrapped token from {piece}"));
                let token = login::unwrap_token(&session, &piece, &self.places).await?;
                Ok((session.with_token(&token.value)?, Own::of(&token, None)))
            }
            Credential::Nothing => {
                self.say(nodes, "without a token");
                Ok((session.between(), Own::No))
            }
            Credential::Login(login) => {
                if matches!(login.method, Method::Certificate { .. }) && !self.connection.has_certificate() {
                    return Err(Failure {
                        kind: FailureKind::Misconfigured,
                        cause: "a login by certificate needs one".to_owned(),
                        hint: Some("name it: `client_cert` and `client_key`".to_owned()),
                    });
                }
                self.say(nodes, &format!("with a login at auth/{}", login.mount));
                let there = session.at(login.namespace.as_deref())?;
                let token = login::login(&there, &login, &self.places).await?;
                Ok((session.with_token(&token.value)?, Own::of(&token, login.namespace)))
            }
        }
    }

    /// Names the address that is contacted, once.
    fn say(&self, nodes: &Nodes, credential: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            let through =
                nodes.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
            let address = nodes.names(Address::to_string);
            let log = self.terms.patience.log();
            log.note(&format!("asking Vault at {address}{through} {credential}"));
            for (variable, why) in self.variables.passed_over() {
                log.detail(&format!("{variable} has no effect: {why}"));
            }
        }
    }

    /// Gives a token back. What comes of it changes nothing of what was read.
    async fn revoke(&self, session: &Session<'_>) {
        let patience = &self.terms.patience;
        let revoked = patience.once(REVOCATION, session.exchange_once(RevokeTokenSelfRequest {})).await;
        match revoked {
            Some(Ok(reply)) if reply.status.is_success() => patience.log().detail("revoked kz's own token"),
            _ => patience.log().detail("kz's own token could not be revoked, and expires by itself"),
        }
    }

    /// Every document: the first alone until a connection stands, then all others, so many at a time.
    async fn read(&self, session: &Session<'_>, documents: &[DocumentRef]) -> Vec<Outcome> {
        let Some((first, rest)) = documents.split_first() else { return Vec::new() };
        // When the deadline has come for the first, no other would fare better.
        let hopeless = |outcome: &Outcome| {
            matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Unreachable, .. }))
        };
        let (first, others) =
            warm_up(self.read_one(session, first), session.stands(), self.read_rest(session, rest), hopeless)
                .await;
        let others = others.unwrap_or_else(|| vec![first.clone(); rest.len()]);
        std::iter::once(first).chain(others).collect()
    }

    async fn read_rest(&self, session: &Session<'_>, documents: &[DocumentRef]) -> Vec<Outcome> {
        join_all(documents.iter().map(|document| self.read_one(session, document))).await
    }

    async fn read_one(&self, session: &Session<'_>, document: &DocumentRef) -> Outcome {
        let _lane = session.lane().await;
        read::read(session, &self.mounts, document).await
    }
}
