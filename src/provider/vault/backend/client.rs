//! Requests to one Vault: vaultrs's endpoints, sent through kz's own client, again and again as patience allows.
//!
//! Invariants: a token goes to the addresses that kz was told and nowhere else, also when the server sends it on; what may
//! make a credential is sent once (`effect.rs`);
//! a reply's body stays a [`crate::secret::Secret`]; a header that cannot be one is an error, not a panic.
//! vaultrs's own client and middleware are not used: they read whole replies, drop headers and panic on tokens.

mod answerer;
mod bearer;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use async_trait::async_trait;
use rustify::client::Client;
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::enums::RequestMethod;
use rustify::errors::ClientError;
use tokio::sync::{OnceCell, SemaphorePermit};

use crate::http::{self, Content, Departure, Reply, Sending, retry_after};
use crate::patience::{Attempt, GaveUp};
use crate::provider::remote::lanes::Lanes;
use crate::provider::{Ask, Failure, FailureKind};
use crate::secret::Secret;

use super::custody::Custody;
use super::effect::{is_own, sending};
use super::endpoint::HELP;
use super::flight::{Lends, Origin};
use super::nodes::{Nodes, Servers};
use super::reply::Known;
use super::trouble::Trouble;
use super::warning;
pub(super) use bearer::Bearer;
use bearer::{known, send};

/// The header of the namespace.
const NAMESPACE: &str = "x-vault-namespace";

/// Who asks whom. Endpoints are executed through it.
pub(super) struct VaultClient<'a> {
    nodes: Arc<Nodes>,
    lanes: Arc<Lanes>,
    ask: &'a Ask,
    headers: HeaderMap,
    bearer: Bearer,
    /// Set once it was seen that a Vault answers.
    vault: Arc<OnceLock<()>>,
    /// What is told of each request and reply that concerns tokens and leases.
    custody: Arc<Custody>,
    /// Whether a sealed server was ever given keys, as it told first, and when the waiting was over.
    initialized: Arc<[OnceCell<bool>; 2]>,
    /// Paths whose reads are known to make nothing.
    harmless: Arc<Mutex<BTreeSet<String>>>,
}

/// Why there is no answer.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// What the server complained of, where that was the last word and kz knows it.
    pub(super) known: Option<Known>,
    /// Whether the answer was lost of a request that is sent once.
    pub(super) is_undecided: bool,
}

/// Whose a 404 has to be for it to be an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Vaults,
    Anybodys,
}

/// What became of a request, handed through rustify beside an empty reply: rustify would copy the body.
#[derive(Clone)]
struct Exchange(Result<Reply, Trouble>);

impl<'a> VaultClient<'a> {
    /// Without a token and in no namespace.
    fn plain(nodes: Arc<Nodes>, lanes: Arc<Lanes>, ask: &'a Ask) -> Self {
        // Agents refuse requests without it, against requests that a browser was tricked into.
        let mark = (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        let headers = HeaderMap::from_iter([mark]);
        let bearer = Bearer::Nobody;
        let (vault, custody, initialized) = (Arc::default(), Arc::default(), Arc::default());
        let harmless = Arc::default();
        Self { nodes, lanes, ask, headers, bearer, vault, custody, initialized, harmless }
    }

    /// Without a token.
    pub(super) fn new(servers: Servers, ask: &'a Ask, namespace: Option<&str>) -> Result<Self, Failure> {
        let Servers { nodes, lanes } = servers;
        Self::plain(nodes, lanes, ask).in_namespace(namespace.unwrap_or_default())
    }

    /// The same in this namespace, or in the root where it is empty.
    fn in_namespace(mut self, namespace: &str) -> Result<Self, Failure> {
        let namespace = namespace.trim_matches('/');
        let value = HeaderValue::from_str(namespace).map_err(|_| unfit("the namespace"))?;
        self.headers.remove(NAMESPACE);
        if !namespace.is_empty() {
            self.headers.insert(HeaderName::from_static(NAMESPACE), value);
        }
        Ok(self)
    }

    /// The same for requests to which somebody in between adds a token.
    pub(super) fn between(self) -> Self {
        Self { bearer: Bearer::Between, ..self }
    }

    /// The same with this token.
    pub(super) fn with_token(&self, token: &Secret) -> Result<Self, Failure> {
        let mut value = HeaderValue::from_bytes(token.expose()).map_err(|_| unfit("the token"))?;
        value.set_sensitive(true);
        self.custody.confidences.add(token);
        let mut alike = self.alike();
        alike.headers.insert(HeaderName::from_static("x-vault-token"), value);
        Ok(Self { bearer: Bearer::Token, ..alike })
    }

    /// The same, which tells of requests and replies here.
    pub(super) fn telling(self, custody: &Arc<Custody>) -> Self {
        Self { custody: Arc::clone(custody), ..self }
    }

    /// Whom it asks.
    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// On whose time it asks.
    pub(super) fn ask(&self) -> &Ask {
        self.ask
    }

    /// In which namespace it asks; the root where it is empty.
    pub(super) fn namespace(&self) -> &str {
        self.headers.get(NAMESPACE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What it tells of them.
    pub(super) fn custody(&self) -> &Custody {
        &self.custody
    }

    /// The same in the namespace that the token is of, where that is another: there its own policy lets it end itself.
    pub(super) fn at(&self, namespace: Option<&str>) -> Result<Self, Failure> {
        match namespace {
            Some(namespace) => self.alike().in_namespace(namespace),
            None => Ok(self.alike()),
        }
    }

    /// The same once more: what one has learnt, all know.
    fn alike(&self) -> Self {
        Self {
            nodes: Arc::clone(&self.nodes),
            lanes: Arc::clone(&self.lanes),
            ask: self.ask,
            headers: self.headers.clone(),
            bearer: self.bearer,
            vault: Arc::clone(&self.vault),
            custody: Arc::clone(&self.custody),
            initialized: Arc::clone(&self.initialized),
            harmless: Arc::clone(&self.harmless),
        }
    }

    /// Ends when a connection stands.
    pub(super) async fn stands(&self) {
        self.nodes.stands().await;
        self.lanes.widen(self.nodes.connections());
    }

    /// From now on the path may be asked for as often as is needed: what is there makes nothing.
    pub(super) fn remember_harmless(&self, path: &str) {
        self.harmless.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
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

    /// The same, and what the server complained of.
    pub(super) async fn read<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Unanswered> {
        self.until_answered(endpoint, Whose::Vaults).await
    }

    /// The same for what a server may not have: anybody's 404 is an answer.
    pub(super) async fn try_read<E: Endpoint>(&self, endpoint: E) -> Result<Reply, Unanswered> {
        self.until_answered(endpoint, Whose::Anybodys).await
    }

    async fn until_answered<E: Endpoint>(&self, endpoint: E, whose: Whose) -> Result<Reply, Unanswered> {
        let path = endpoint.path();
        let is_made = !matches!(endpoint.method(), RequestMethod::GET) && !is_own(&path);
        let endpoint = endpoint.with_middleware(self);
        let subject = self.nodes.names(http::Address::authority);
        let exchange = || async {
            match self.exchange(&endpoint).await {
                Ok(reply) if whose == Whose::Vaults && self.is_foreign(&reply).await => {
                    let trouble = Trouble::Foreign(reply.status);
                    let concern = trouble.concern();
                    Attempt::failed(trouble, concern, None)
                }
                // Whoever stands in between gave up waiting: what the server did meanwhile is not known.
                Ok(reply) if reply.status == 504 && self.sending_of(&endpoint) == Sending::Once => {
                    Attempt::Final(Trouble::Undecided(Box::new(Trouble::Status(reply.status, None))))
                }
                Ok(reply) => {
                    let known = self.complaint(&reply).await;
                    self.judge(reply, known)
                }
                Err(trouble) => {
                    let concern = trouble.concern();
                    Attempt::failed(trouble, concern, None)
                }
            }
        };
        match self.ask.patience.attempt(&subject, exchange).await {
            Ok(reply) => {
                warning::say(self.ask.patience.log(), &path, is_made, reply.body.expose());
                Ok(reply)
            }
            Err(given_up) => {
                let given_up = self.look_closer(given_up).await;
                Err(Unanswered {
                    failure: self.failure(&given_up),
                    known: match given_up {
                        GaveUp::Final(Trouble::Status(_, known)) => known,
                        _ => None,
                    },
                    is_undecided: matches!(given_up, GaveUp::Final(Trouble::Undecided(_))),
                })
            }
        }
    }

    /// The words for this, where it is known before it is asked.
    pub(super) fn foresees(&self, trouble: Trouble) -> Failure {
        self.failure(&GaveUp::Final(trouble))
    }

    /// The words for a request that was given up: of several servers, those of the one that was asked last, and which they are.
    fn failure(&self, given_up: &GaveUp<Trouble>) -> Failure {
        let client = self.nodes.preferred();
        let mut failure = Trouble::failure(given_up, client.address(), client.proxy());
        if self.nodes.are_several() && matches!(given_up, GaveUp::Deadline { .. }) {
            let names = self.nodes.names(http::Address::authority);
            failure.cause = format!("{} (tried in turn: {names})", failure.cause);
        }
        failure
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

    fn judge(&self, reply: Reply, known: Option<Known>) -> Attempt<Reply, Trouble> {
        self.lanes.heed(self.nodes.preferred(), reply.protocol);
        if reply.status.is_success() || reply.status == ::http::StatusCode::NOT_FOUND {
            return Attempt::Done(reply);
        }
        let after = retry_after(&reply.headers);
        let trouble = match after.filter(|pause| known.is_none() && !pause.is_zero()) {
            Some(pause) => Trouble::Paused(reply.status, pause),
            None => Trouble::Status(reply.status, known),
        };
        let concern = trouble.concern();
        Attempt::failed(trouble, concern, after)
    }

    /// How a request for this endpoint may be sent.
    fn sending_of(&self, endpoint: &impl Endpoint) -> Sending {
        let method = match endpoint.method() {
            RequestMethod::GET => Method::GET,
            _ => Method::POST,
        };
        let query = endpoint.query().ok().flatten();
        self.sending(&method, &endpoint.path(), query.as_deref())
    }

    fn sending(&self, method: &Method, path: &str, query: Option<&str>) -> Sending {
        if query == Some(HELP) {
            return Sending::Repeatable;
        }
        let harmless = self.harmless.lock().unwrap_or_else(PoisonError::into_inner);
        if harmless.contains(path) { Sending::Repeatable } else { sending(method, path) }
    }

    /// Sends a request as often as it may be. One that may lend something goes on when nobody waits for it any more.
    async fn exchanged(&self, mut request: Request<Vec<u8>>) -> Result<Reply, Trouble> {
        let path = request.uri().path().strip_prefix("/v1/").unwrap_or_default();
        let sending = self.sending(request.method(), path, request.uri().query());
        let lends = Lends::of(request.method(), path, sending);
        let is_protocol = ["sys/", "auth/"].iter().any(|start| path.starts_with(start));
        request.extensions_mut().insert(if is_protocol { Content::Protocol } else { Content::Document });
        request.extensions_mut().insert(sending);
        let Some(lends) = lends else {
            return send(&self.nodes, &request, self.bearer, Arc::downgrade(&self.custody)).await;
        };
        self.custody.confidences.add_sent(request.body());
        let departure = Departure::default();
        request.extensions_mut().insert(departure.clone());
        let namespace = self.namespace().to_owned();
        let (nodes, bearer, custody) = (Arc::clone(&self.nodes), self.bearer, Arc::downgrade(&self.custody));
        let work = async move { send(&nodes, &request, bearer, custody).await };
        let origin = Origin { lends, since: self.ask.now(), namespace };
        self.custody.flights().follow(origin, departure, work).await
    }
}

fn unfit(what: &'static str) -> Failure {
    Failure { kind: FailureKind::Misconfigured, cause: http::Error::Header(what).to_string(), hint: None }
}

#[async_trait]
impl Client for VaultClient<'_> {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let mut response = Response::new(Vec::new());
        response.extensions_mut().insert(Exchange(self.exchanged(request).await));
        Ok(response)
    }

    /// As [`Self::send`]: rustify's own would make errors of statuses, with the body in them.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }

    /// Which server is asked, [`Nodes::send`] decides.
    fn base(&self) -> &str {
        self.nodes.client(0).origin()
    }
}

impl MiddleWare for VaultClient<'_> {
    /// Puts the API's version and the headers onto an endpoint's request.
    fn request<E: Endpoint>(&self, _: &E, request: &mut Request<Vec<u8>>) -> Result<(), ClientError> {
        let (path, query) = (request.uri().path(), request.uri().query());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}/v1{path}{query}", self.base());
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
