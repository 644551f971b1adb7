//! Requests to one Vault: vaultrs's endpoints, sent through kz's own client, again and again as patience allows.
//!
//! Invariants: a token goes to the address that kz was told and nowhere else, also when the server sends it on;
//! a reply's body stays a [`crate::secret::Secret`]; a header that cannot be one is an error, not a panic.
//! vaultrs's own client and middleware are not used: they read whole replies, drop headers and panic on tokens.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use async_trait::async_trait;
use rustify::client::Client;
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::errors::ClientError;
use tokio::sync::{OnceCell, SemaphorePermit};

use crate::http::{self, Reply, retry_after};
use crate::patience::{Attempt, GaveUp};
use crate::provider::lanes::Lanes;
use crate::provider::{Failure, FailureKind, Terms};
use crate::secret::Secret;

use super::custody::Custody;
use super::endpoint::Get;
use super::not_found::NotFound;
use super::reply::{self, Known};
use super::trouble::Trouble;
use super::warning;

/// What a question about the server itself may take, when the time for everything else is over.
const LAST_QUESTION: Duration = Duration::from_secs(1);
/// How often a redirect is followed.
const REDIRECTS: usize = 2;

/// Who asks whom. Endpoints are executed through it.
pub(super) struct Session<'a> {
    client: &'a http::Client,
    terms: &'a Terms,
    headers: HeaderMap,
    lanes: Lanes,
    bearer: Bearer,
    /// Set once it was seen that a Vault answers.
    vault: Arc<OnceLock<()>>,
    /// What is told of each request and reply that concerns tokens and leases.
    custody: Arc<Custody>,
    /// Whether a sealed server was ever given keys.
    initialized: Arc<OnceCell<bool>>,
}

/// Who a session speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearer {
    /// Nobody yet: it logs in.
    Nobody,
    /// The bearer of a token.
    Token,
    /// Whoever stands in between, and adds a token.
    Between,
}

/// Why there is no answer.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Whether the server knows the token, and its policy does not let it.
    pub(super) by_policy: bool,
}

/// Whose a 404 has to be for it to be an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Vaults,
    Anybodys,
}

/// What a server tells of its seal.
#[derive(serde::Deserialize)]
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

/// What became of a request, handed through rustify beside an empty reply: rustify would copy the body.
#[derive(Clone)]
struct Exchange(Result<Reply, Trouble>);

impl<'a> Session<'a> {
    /// Without a token and in no namespace.
    fn plain(client: &'a http::Client, terms: &'a Terms) -> Self {
        // Agents refuse requests without it, against requests that a browser was tricked into.
        let mark = (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        let (headers, lanes) = (HeaderMap::from_iter([mark]), Lanes::new(terms, client));
        let (vault, custody, initialized) = (Arc::default(), Arc::default(), Arc::default());
        Self { client, terms, headers, lanes, bearer: Bearer::Nobody, vault, custody, initialized }
    }

    /// Without a token.
    pub(super) fn new(
        client: &'a http::Client,
        terms: &'a Terms,
        namespace: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut session = Self::plain(client, terms);
        if let Some(namespace) = namespace {
            let value =
                HeaderValue::from_str(namespace.trim_matches('/')).map_err(|_| unfit("the namespace"))?;
            session.headers.insert(HeaderName::from_static("x-vault-namespace"), value);
        }
        Ok(session)
    }

    /// The same for requests to which somebody in between adds a token.
    pub(super) fn between(self) -> Self {
        Self { bearer: Bearer::Between, ..self }
    }

    /// The same with this token.
    pub(super) fn with_token(&self, token: &Secret) -> Result<Self, Failure> {
        let mut value = HeaderValue::from_bytes(token.expose()).map_err(|_| unfit("the token"))?;
        value.set_sensitive(true);
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static("x-vault-token"), value);
        let (lanes, vault, custody) =
            (self.lanes.alike(), Arc::clone(&self.vault), Arc::clone(&self.custody));
        let (bearer, initialized) = (Bearer::Token, Arc::clone(&self.initialized));
        Ok(Self {
            client: self.client,
            terms: self.terms,
            headers,
            lanes,
            bearer,
            vault,
            custody,
            initialized,
        })
    }

    /// The same, which tells of requests and replies here.
    pub(super) fn telling(self, custody: &Arc<Custody>) -> Self {
        Self { custody: Arc::clone(custody), ..self }
    }

    /// What it tells of them.
    pub(super) fn custody(&self) -> &Custody {
        &self.custody
    }

    /// Ends when a connection stands.
    pub(super) async fn stands(&self) {
        self.client.stands().await;
        self.lanes.widen(self.client.connections());
    }

    /// Whether a reply came through a proxy that keeps replies, and gives them to others too.
    pub(super) fn is_cached(&self) -> bool {
        self.custody.is_cached()
    }

    /// Whether kz shows a token itself.
    pub(super) fn bears_token(&self) -> bool {
        self.bearer == Bearer::Token
    }

    /// A turn to ask. Held until there is an answer.
    pub(super) async fn lane(&self) -> Option<SemaphorePermit<'_>> {
        self.lanes.turn().await
    }

    /// Executes an endpoint until there is an answer: a status below 300, or a 404 of Vault's own.
    pub(super) async fn call<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Failure> {
        self.read(endpoint).await.map_err(|unanswered| unanswered.failure)
    }

    /// The same, and whether it was a policy that denied.
    pub(super) async fn read<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Unanswered> {
        self.until_answered(endpoint, Whose::Vaults).await
    }

    /// The same for what a server may not have: anybody's 404 is an answer.
    pub(super) async fn ask<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Unanswered> {
        self.until_answered(endpoint, Whose::Anybodys).await
    }

    async fn until_answered<E: Endpoint>(&self, endpoint: E, whose: Whose) -> Result<Reply, Unanswered> {
        let path = endpoint.path();
        let endpoint = endpoint.with_middleware(self);
        let subject = self.client.address().authority();
        let exchange = || async {
            match self.exchange(&endpoint).await {
                Ok(reply) if whose == Whose::Vaults && self.is_foreign(&reply).await => {
                    let trouble = Trouble::Foreign(reply.status);
                    let concern = trouble.concern();
                    Attempt::failed(trouble, concern, None)
                }
                Ok(reply) => self.judge(reply),
                Err(trouble) => {
                    let concern = trouble.concern();
                    Attempt::failed(trouble, concern, None)
                }
            }
        };
        match self.terms.patience.attempt(&subject, exchange).await {
            Ok(reply) => {
                warning::say(self.terms.patience.log(), &path, reply.body.expose());
                Ok(reply)
            }
            Err(given_up) => {
                let given_up = self.look_closer(given_up).await;
                Err(Unanswered {
                    failure: Trouble::failure(&given_up, self.client.address(), self.client.proxy()),
                    by_policy: matches!(given_up, GaveUp::Final(Trouble::Status(_, Some(Known::Denied)))),
                })
            }
        }
    }

    /// A server that was never given keys says that it is sealed: only its status tells the two apart, and is asked
    /// once, when the waiting is over.
    async fn look_closer(&self, given_up: GaveUp<Trouble>) -> GaveUp<Trouble> {
        match given_up {
            GaveUp::Deadline { last: Some(Trouble::Status(status, Some(Known::Sealed))), waited } => {
                let asked = || self.terms.patience.once(LAST_QUESTION, self.seal());
                let initialized = self
                    .initialized
                    .get_or_init(|| async { asked().await.flatten().is_none_or(|seal| seal.initialized) });
                let known = if *initialized.await { Known::Sealed } else { Known::Uninitialized };
                GaveUp::Deadline { last: Some(Trouble::Status(status, Some(known))), waited }
            }
            other => other,
        }
    }

    /// Whether a reply is a 404 of somebody who is no Vault.
    async fn is_foreign(&self, reply: &Reply) -> bool {
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
        let status = Get { path: "sys/seal-status".to_owned(), version: None };
        // Without the token, which may be one that any request spends.
        let plain = Self::plain(self.client, self.terms);
        let reply = plain.exchange_once(status).await.ok()?;
        serde_json::from_slice(reply.body.expose()).ok()
    }

    /// Executes an endpoint once, whatever comes of it.
    pub(super) async fn exchange_once<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Trouble> {
        self.exchange(&endpoint.with_middleware(self)).await
    }

    async fn exchange(&self, endpoint: &impl Endpoint) -> Result<Reply, Trouble> {
        let other = || Trouble::Connection(http::Error::Request);
        let mut executed = endpoint.exec(self).await.map_err(|_| other())?;
        let exchange = executed.response.extensions_mut().remove::<Exchange>();
        exchange.map_or_else(|| Err(other()), |Exchange(result)| result)
    }

    fn judge(&self, reply: Reply) -> Attempt<Reply, Trouble> {
        self.lanes.heed(self.client, reply.protocol);
        if reply.status.is_success() || reply.status == ::http::StatusCode::NOT_FOUND {
            return Attempt::Done(reply);
        }
        let (known, after) = (self.known(&reply), retry_after(&reply.headers));
        let trouble = match after.filter(|pause| known.is_none() && !pause.is_zero()) {
            Some(pause) => Trouble::Paused(reply.status, pause),
            None => Trouble::Status(reply.status, known),
        };
        let concern = trouble.concern();
        Attempt::failed(trouble, concern, after)
    }

    /// What the server complains of, to this bearer.
    fn known(&self, reply: &Reply) -> Option<Known> {
        match (reply::known(reply.body.expose()), self.bearer) {
            (Some(Known::Bare | Known::WantsToken), Bearer::Token) => Some(Known::InvalidToken),
            (Some(Known::Bare | Known::WantsToken | Known::InvalidToken), Bearer::Between) => {
                Some(Known::NobodyAddsToken)
            }
            (known, _) => known,
        }
    }

    /// Sends a request, and follows where a standby sends it, as long as that is the same server.
    async fn follow(&self, mut request: Request<Vec<u8>>) -> Result<Reply, Trouble> {
        for _ in 0..=REDIRECTS {
            let sent = self.client.send(request.clone()).await;
            self.custody.note(self.bearer == Bearer::Token, sent.as_ref());
            let reply = sent.map_err(Trouble::Connection)?;
            if !matches!(reply.status.as_u16(), 301 | 302 | 307 | 308) {
                return Ok(reply);
            }
            let location = reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let from = request.uri().to_string();
            let target = location.and_then(|location| self.client.redirected(&from, location));
            *request.uri_mut() =
                target.ok_or(Trouble::Status(reply.status, None))?.map_err(Trouble::Elsewhere)?;
        }
        Err(Trouble::Circle)
    }
}

fn unfit(what: &'static str) -> Failure {
    Failure { kind: FailureKind::Misconfigured, cause: http::Error::Header(what).to_string(), hint: None }
}

#[async_trait]
impl Client for Session<'_> {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let mut response = Response::new(Vec::new());
        response.extensions_mut().insert(Exchange(self.follow(request).await));
        Ok(response)
    }

    /// As [`Self::send`]: rustify's own would make errors of statuses, with the body in them.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }

    fn base(&self) -> &str {
        self.client.origin()
    }
}

impl MiddleWare for Session<'_> {
    /// Puts the API's version, the address's own prefix and the headers onto an endpoint's request.
    fn request<E: Endpoint>(&self, _: &E, request: &mut Request<Vec<u8>>) -> Result<(), ClientError> {
        let (path, query) = (request.uri().path(), request.uri().query());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{}/v1{path}{query}", self.client.origin(), self.client.address().prefix());
        *request.uri_mut() = target.parse::<Uri>().map_err(|source| ClientError::UrlBuildError { source })?;
        request.headers_mut().extend(self.headers.clone());
        if !request.body().is_empty() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Ok(())
    }

    fn response<E: Endpoint>(&self, _: &E, _: &mut Response<Vec<u8>>) -> Result<(), ClientError> {
        Ok(())
    }
}
