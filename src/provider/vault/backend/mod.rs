//! Asks a Vault: for a token first, where kz has none, and then for documents.
//!
//! Invariants: nothing is read or contacted before a document is asked for; the first document goes alone and
//! the rest when its connection stands, so that a cold pool opens one connection and not one for each; each
//! document has its own outcome. kz logs in once; what it was given is given back by `close`.

mod caller_identity;
mod changed;
mod cli;
mod confidences;
mod connection;
mod credential;
mod custody;
mod effect;
mod endpoint;
mod envelope;
mod flight;
mod giving_back;
mod left;
mod login;
mod look;
mod look_at_token;
mod mounts;
mod nodes;
mod not_found;
mod piece;
mod read;
mod refusal;
mod reply;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod trouble;
mod unversioned;
mod variables;
mod versioned;
mod warning;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::hint::said;
use crate::http::Address;

use crate::provider::local_file::Places;
use crate::provider::settings::Settings;
use crate::provider::vault::cli_form::is_of_kv;
use crate::provider::warm_up::warm_up;
use crate::provider::{
    Closing, Document, DocumentRef, End, Failure, FailureKind, Fetch, Outcome, Provider, Purpose,
    Surroundings, Terms,
};
use cli::Cli;
use connection::Connection;
use credential::{Choice, Credential, Method};
use custody::{Custody, LOOKING, Own};
use mounts::Mounts;
use nodes::Nodes;
use session::Session;
use variables::Variables;

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
        custody: Arc::default(),
        logging_in: Mutex::new(()),
        cli: Cli::of(surroundings),
        said: AtomicBool::new(false),
    })
}

struct Vault {
    connection: Connection,
    settings: Settings,
    places: Places,
    terms: Terms,
    variables: Variables,
    nodes: OnceLock<Result<Arc<Nodes>, Failure>>,
    mounts: Mounts,
    /// What is to be given back.
    custody: Arc<Custody>,
    /// Held while kz logs in: it does so once.
    logging_in: Mutex<()>,
    cli: Cli,
    /// Whether it was said whom kz asks.
    said: AtomicBool,
}

impl Provider for Vault {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let session = match self.begin().await {
                Ok(begun) => begun,
                Err(failure) => return vec![Outcome::Failed(self.cli.hinted(failure)); documents.len()],
            };
            if let Err(failure) = self.custody.suffices_for(documents.len() + mounts::least_looks(documents))
            {
                return vec![Outcome::Failed(failure); documents.len()];
            }
            let outcomes = self.read(&session, documents).await;
            let outcomes = self.judge_leases(&session, outcomes).await;
            outcomes.into_iter().map(|outcome| self.cli.in_its_name(outcome)).collect()
        })
    }

    fn discreet(&self, text: &str) -> String {
        self.custody.confidences.hide(text)
    }

    fn close(&self, end: End) -> Closing<'_> {
        Box::pin(async move {
            let until = giving_back::until(&self.custody, &self.terms, end);
            self.custody.settle(&self.terms, end).await;
            if self.custody.is_empty() {
                return;
            }
            let session = self.begin().await.ok();
            giving_back::give_back(&self.custody, session.as_ref(), &self.terms, end, until).await;
        })
    }
}

impl Vault {
    /// A session with a token: kz's own, where it has logged in already.
    async fn begin(&self) -> Result<Session<'_>, Failure> {
        let choice = Choice { settings: &self.settings, variables: &self.variables, places: &self.places };
        let nodes = self.nodes.get_or_init(|| self.connection.open(&self.places).map(Arc::new)).as_ref();
        let nodes = nodes.map_err(Clone::clone)?;
        let session = Session::new(nodes, &self.terms, self.connection.namespace.as_deref())?;
        let session = session.telling(&self.custody);
        let _one = self.logging_in.lock().await;
        if let Some(own) = self.custody.own() {
            return session.with_token(&own.token.value);
        }
        match choice.choose()? {
            Credential::Token(piece) => {
                let token = piece.read(&self.places)?;
                self.say(nodes, &format!("with the token from {piece}"));
                session.with_token(&token)
            }
            Credential::Wrapped(piece) => {
                self.say(nodes, &format!("with the wrapped token from {piece}"));
                let token = login::unwrap_token(&session, &piece, &self.places).await?;
                let own = self.custody.keep(Own::unwrapped(token));
                session.with_token(&own.token.value)
            }
            Credential::Nothing => {
                self.say(nodes, "without a token");
                Ok(session.between())
            }
            Credential::Login(login) => {
                if matches!(login.method, Method::Certificate { .. }) && !self.connection.has_certificate() {
                    return Err(Failure {
                        kind: FailureKind::Misconfigured,
                        cause: "a login by certificate needs one".to_owned(),
                        hint: said("name it: `client_cert` and `client_key`"),
                    });
                }
                self.say(nodes, &format!("with a login at auth/{}", login.mount));
                let since = Instant::now();
                let there = session.at(login.namespace.as_deref())?;
                let token = login::login(&there, &login, &self.places).await?;
                let own = self.custody.keep(Own::of_login(token, since, login.namespace));
                session.with_token(&own.token.value)
            }
        }
    }

    /// Says until when what was lent is valid, the token that it hangs on considered.
    async fn judge_leases(&self, session: &Session<'_>, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let is_lent = |outcome: &Outcome| matches!(outcome, Outcome::Found(Document { lease: Some(lease), .. }) if lease.is_lent());
        if outcomes.iter().any(is_lent) {
            let learning = look_at_token::learn_end(&self.custody, session);
            let _ = self.terms.patience.once(LOOKING, learning).await;
            for outcome in outcomes.iter_mut().filter(|outcome| is_lent(outcome)) {
                self.custody.judge(outcome);
            }
        }
        outcomes
    }

    /// Names the address that is contacted, once, and says where credentials go over it for everybody on the way to read.
    fn say(&self, nodes: &Nodes, credential: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            let through =
                nodes.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
            let address = nodes.names(named);
            let log = self.terms.patience.log();
            log.note(&format!("asking Vault at {address}{through} {credential}"));
            for (variable, why) in self.variables.passed_over() {
                log.detail(&format!("{variable} has no effect: {why}"));
            }
        }
    }

    /// Every document. What may be a credential that is made by the read comes last, so that nothing is waited for after it.
    async fn read(&self, session: &Session<'_>, documents: &[DocumentRef]) -> Vec<Outcome> {
        let (plain, lent): (Vec<_>, Vec<_>) =
            documents.iter().enumerate().partition(|(_, document)| is_of_kv(&document.path));
        let mut outcomes = vec![Outcome::Absent; documents.len()];
        let (mut is_hopeless, mut hopeless) = (false, Outcome::Absent);
        for part in [plain, lent] {
            let read = match part.first() {
                Some(_) if !is_hopeless => self.read_part(session, &part).await,
                _ => vec![hopeless.clone(); part.len()],
            };
            if let Some(first) = read.first().filter(|first| is_unreachable(first)) {
                (is_hopeless, hopeless) = (true, first.clone());
            }
            for ((place, _), outcome) in part.into_iter().zip(read) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    /// These: the first alone until a connection stands, then all others, so many at a time.
    async fn read_part(&self, session: &Session<'_>, documents: &[(usize, &DocumentRef)]) -> Vec<Outcome> {
        let Some(((_, first), rest)) = documents.split_first() else { return Vec::new() };
        let others = join_all(rest.iter().map(|(_, document)| self.read_one(session, document)));
        // When the deadline has come for the first, no other would fare better.
        let (first, others) =
            warm_up(self.read_one(session, first), session.stands(), others, is_unreachable).await;
        let others = others.unwrap_or_else(|| vec![first.clone(); rest.len()]);
        std::iter::once(first).chain(others).collect()
    }

    async fn read_one(&self, session: &Session<'_>, document: &DocumentRef) -> Outcome {
        let _lane = session.lane().await;
        if let Some(parameters) = &document.request {
            return request::make(session, &self.mounts, document, parameters, self.terms.purpose).await;
        }
        if self.terms.purpose == Purpose::Look
            && let Some(outcome) = look::instead(session, document).await
        {
            return outcome;
        }
        read::read(session, &self.mounts, document).await
    }
}

/// An address as the log names it.
fn named(address: &Address) -> String {
    if address.is_exposed() { format!("{address} (unencrypted)") } else { address.to_string() }
}

fn is_unreachable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Unreachable, .. }))
}
