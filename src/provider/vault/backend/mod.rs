//! Asks a Vault: for a token first, where kz has none, and then for documents.
//!
//! Invariants: nothing is read or contacted before a document is asked for; the first document goes alone and
//! the rest when its connection stands, so that a cold pool opens one connection and not one for each; each
//! document has its own outcome. kz logs in once; what it was given is given back by `close`.

mod caller_identity;
mod changed;
mod cli;
mod client;
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
mod lending;
mod login;
mod look;
mod look_at_token;
mod mounts;
mod nodes;
mod not_found;
mod piece;
mod read;
mod refusal;
mod renewal;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod token;
mod trouble;
mod unversioned;
mod variables;
mod versioned;
mod warning;
mod wrapping;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::http::Address;
use futures_util::future::join_all;

use crate::provider::local_file::Places;
use crate::provider::remote::held::{Got, Held};
use crate::provider::remote::warm_up::warm_up;
use crate::provider::settings::Settings;
use crate::provider::vault::cli_form::is_of_kv;
use crate::provider::{
    Ask, Closing, Document, DocumentRef, End, Failure, Fetch, Lender, Outcome, Provider, Purpose,
    Surroundings, Terms,
};
use cli::Cli;
use client::VaultClient;
use connection::Connection;
use credential::{Choice, Credential, Method};
use custody::{Custody, LOOKING, Own};
use mounts::Mounts;
use nodes::Servers;
use variables::Variables;
use wrapping::Opened;

/// A provider of one Vault's documents.
pub fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let variables = Variables::of(settings, surroundings);
    Box::new(Vault {
        connection: Connection::of(settings, &variables, surroundings),
        settings: settings.clone(),
        places: Places::of(surroundings),
        terms: surroundings.terms(),
        variables,
        servers: Held::default(),
        mounts: Mounts::default(),
        custody: Arc::default(),
        own: Held::default(),
        opened: Opened::default(),
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
    servers: Held<Servers>,
    mounts: Mounts,
    /// What is to be given back.
    custody: Arc<Custody>,
    /// The token that kz got itself.
    own: Held<Own>,
    /// What it was wrapped in, or what it was got with.
    opened: Opened,
    cli: Cli,
    /// Whether it was said whom kz asks.
    said: AtomicBool,
}

impl Provider for Vault {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let least = documents.len() + mounts::least_looks(documents);
            let client = match self.begin(ask, least).await {
                Ok(begun) => begun,
                Err(failure) => return vec![Outcome::Failed(self.cli.hinted(failure)); documents.len()],
            };
            let outcomes = self.read(&client, documents).await;
            let outcomes = self.judge_leases(&client, outcomes).await;
            if self.custody.was_refused() {
                self.own.doubt(ask.now());
            }
            outcomes.into_iter().map(|outcome| self.cli.in_its_name(outcome)).collect()
        })
    }

    fn discreet(&self, text: &str) -> String {
        self.custody.confidences.hide(text)
    }

    fn lender(&self) -> Option<&dyn Lender> {
        Some(self)
    }

    fn close<'a>(&'a self, end: End, ask: &'a Ask) -> Closing<'a> {
        Box::pin(async move {
            let until = giving_back::until(&self.custody, ask, end);
            self.custody.settle(ask, end).await;
            if self.custody.is_empty() {
                return;
            }
            let client = self.last_client(ask).await.ok();
            let terms = (ask, self.terms.tokens);
            giving_back::give_back(&self.custody, client.as_ref(), terms, end, until).await;
        })
    }
}

impl Vault {
    /// A client with a token that is good for so many requests: kz's own, where it has logged in already.
    async fn begin<'a>(&'a self, ask: &'a Ask, least: usize) -> Result<VaultClient<'a>, Failure> {
        self.custody.collect(ask);
        let client = self.client(ask).await?;
        if self.custody.suffices_for(least).is_err() {
            // An asking before this one has used it up.
            self.own.forget();
        }
        // What the token came by need not be there any more while that serves.
        let chosen = match self.own.now(ask.now()) {
            Some(_) => None,
            None => Some(self.choice(ask).choose()?),
        };
        match chosen {
            Some(Credential::Token(piece)) => {
                let token = piece.read_bare(self.places.reader(ask))?;
                self.say(&client, &format!("with the token from {piece}"));
                client.with_token(&token)
            }
            Some(Credential::Nothing) => {
                self.say(&client, "without a token");
                Ok(client.between())
            }
            chosen => {
                let obtain = |before| self.obtain(ask, &client, chosen, before);
                let own = self.own.get(ask, obtain).await?;
                self.custody.suffices_for(least)?;
                client.with_token(&own.token.value)
            }
        }
    }

    /// A client for giving back, which gets no token for that.
    async fn last_client<'a>(&'a self, ask: &'a Ask) -> Result<VaultClient<'a>, Failure> {
        match self.custody.own() {
            Some(own) => self.client(ask).await?.with_token(&own.token.value),
            None => self.begin(ask, 0).await,
        }
    }

    /// A client without a token.
    async fn client<'a>(&'a self, ask: &'a Ask) -> Result<VaultClient<'a>, Failure> {
        let open = |_| async {
            let nodes = self.connection.open(self.places.reader(ask))?;
            Ok(Got { value: Servers::new(nodes, &self.terms), ends: None })
        };
        let servers = self.servers.get(ask, open).await?;
        let client = VaultClient::new(servers, ask, self.connection.namespace.as_deref())?;
        Ok(client.telling(&self.custody))
    }

    fn choice<'a>(&'a self, ask: &Ask) -> Choice<'a> {
        let reader = self.places.reader(ask);
        Choice { settings: &self.settings, variables: &self.variables, reader }
    }

    /// A token of kz's own: the one that there was with a longer life, or another.
    async fn obtain(
        &self,
        ask: &Ask,
        client: &VaultClient<'_>,
        chosen: Option<Credential>,
        before: Option<Own>,
    ) -> Result<Got<Own>, Failure> {
        let own = match before {
            Some(before) => renewal::renew(client, before).await,
            None => None,
        };
        let own = match own {
            Some(renewed) => renewed,
            None => self.log_in(ask, client, chosen.map_or_else(|| self.choice(ask).choose(), Ok)?).await?,
        };
        let own = self.custody.keep(own, ask.now());
        let ends = own.ends(ask.now());
        Ok(Got { value: own, ends })
    }

    async fn log_in(&self, ask: &Ask, client: &VaultClient<'_>, by: Credential) -> Result<Own, Failure> {
        let reader = self.places.reader(ask);
        match by {
            Credential::Wrapped(piece) => {
                self.say(client, &format!("with the wrapped token from {piece}"));
                Ok(Own::unwrapped(wrapping::token(client, &self.opened, &piece, reader).await?))
            }
            Credential::Login(login) => {
                if matches!(login.method, Method::Certificate { .. }) && !self.connection.has_certificate() {
                    return Err(Failure::misconfigured(
                        "a login by certificate needs one",
                        "name it: `client_cert` and `client_key`",
                    ));
                }
                self.say(client, &format!("with a login at auth/{}", login.mount));
                let since = ask.now();
                let there = client.at(login.namespace.as_deref())?;
                let token = login::login(&there, &login, &self.opened, reader).await?;
                Ok(Own::of_login(token, since, login.namespace))
            }
            Credential::Token(_) | Credential::Nothing => Err(Failure::misconfigured(
                "what kz logged in with is not there any more",
                "bring it back, or name it in `auth`",
            )),
        }
    }

    /// Says until when what was lent is valid, the token that it hangs on considered.
    async fn judge_leases(&self, client: &VaultClient<'_>, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let is_lent = |outcome: &Outcome| matches!(outcome, Outcome::Found(Document { lease: Some(lease), .. }) if lease.is_lent());
        if outcomes.iter().any(is_lent) {
            let learning = look_at_token::learn_end(&self.custody, client);
            let _ = client.ask().patience.once(LOOKING, learning).await;
            for outcome in outcomes.iter_mut().filter(|outcome| is_lent(outcome)) {
                self.custody.judge(outcome);
            }
        }
        outcomes
    }

    /// Names the address that is contacted, once, and says where credentials go over it for everybody on the way to read.
    fn say(&self, client: &VaultClient<'_>, credential: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            let nodes = client.nodes();
            let through =
                nodes.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
            let address = nodes.names(named);
            let log = self.terms.log;
            log.note(&format!("asking Vault at {address}{through} {credential}"));
            for (variable, why) in self.variables.passed_over() {
                log.detail(&format!("{variable} has no effect: {why}"));
            }
        }
    }

    /// Every document. What may be a credential that is made by the read comes last, so that nothing is waited for after it.
    async fn read(&self, client: &VaultClient<'_>, documents: &[DocumentRef]) -> Vec<Outcome> {
        let (plain, lent): (Vec<_>, Vec<_>) =
            documents.iter().enumerate().partition(|(_, document)| is_of_kv(&document.path));
        let mut outcomes = vec![Outcome::Absent; documents.len()];
        let (mut is_hopeless, mut hopeless) = (false, Outcome::Absent);
        for part in [plain, lent] {
            let read = match part.first() {
                Some(_) if !is_hopeless => self.read_part(client, &part).await,
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
    async fn read_part(&self, client: &VaultClient<'_>, documents: &[(usize, &DocumentRef)]) -> Vec<Outcome> {
        let Some(((_, first), rest)) = documents.split_first() else { return Vec::new() };
        let others = join_all(rest.iter().map(|(_, document)| self.read_one(client, document)));
        // When the deadline has come for the first, no other would fare better.
        let (first, others) =
            warm_up(self.read_one(client, first), client.stands(), others, is_unreachable).await;
        let others = others.unwrap_or_else(|| vec![first.clone(); rest.len()]);
        std::iter::once(first).chain(others).collect()
    }

    async fn read_one(&self, client: &VaultClient<'_>, document: &DocumentRef) -> Outcome {
        let _lane = client.lane().await;
        if let Some(parameters) = &document.request {
            return request::make(client, &self.mounts, document, parameters, client.ask().purpose).await;
        }
        if client.ask().purpose == Purpose::Look
            && let Some(outcome) = look::instead(client, document).await
        {
            return outcome;
        }
        read::read(client, &self.mounts, document).await
    }
}

/// An address as the log names it.
fn named(address: &Address) -> String {
    if address.is_exposed() { format!("{address} (unencrypted)") } else { address.to_string() }
}

fn is_unreachable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind, .. }) if kind.is_unheard())
}
