//! The way to whoever has a say in kz's identity: Google's token endpoints, another identity provider, the metadata
//! server. One client for each, and all of them by the one rule of patience.
//!
//! Invariants: each is named on stderr when it is first asked; a metadata server is never reached through a proxy,
//! since its address means this machine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ::http::{HeaderValue, Request, header};

use crate::http::{self, Address, Bodies, Client, Content, Proxies, Reply, retry_after};
use crate::log::Log;
use crate::patience::{Attempt, GaveUp};
use crate::provider::{Ask, Failure, Terms};
use crate::secret::Secret;
use crate::size::Size;
use crate::tls::Roots;

use super::credentials::Endpoint;
use super::trouble::Trouble;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Google,
    /// Of another cloud, or of a cluster.
    Provider,
    Metadata,
}

impl fmt::Display for Whom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Google => "Google",
            Self::Provider => "the identity provider",
            Self::Metadata => "the metadata server",
        })
    }
}

/// All of those ways.
pub(super) struct Wire {
    roots: Roots,
    proxies: Proxies,
    log: Log,
    largest_reply: Size,
    bodies: Bodies,
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

impl Wire {
    pub(super) fn new(roots: Roots, proxies: Proxies, terms: &Terms) -> Self {
        let Terms { log, max_document_size: largest_reply, bodies, .. } = terms.clone();
        Self { roots, proxies, log, largest_reply, bodies, clients: Mutex::default() }
    }

    /// A client of this server. Says that it is asked, once.
    pub(super) fn client(&self, whom: Whom, address: &Address) -> Result<Arc<Client>, Failure> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&address.origin()) {
            return Ok(Arc::clone(known));
        }
        let direct = whom == Whom::Metadata || address.host().starts_with("169.254.");
        let proxies = if direct { Proxies::default() } else { self.proxies.clone() };
        let limits = (self.largest_reply, self.bodies.clone());
        let client = Arc::new(open(address.clone(), self.roots.clone(), proxies, limits)?);
        self.log.note(&format!("asking {whom} at {address}{} for an identity", through(&client)));
        clients.insert(address.origin(), Arc::clone(&client));
        Ok(client)
    }

    /// Asks until there is an answer.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        client: &Client,
        request: &Request<Vec<u8>>,
        judge: impl Fn(Reply) -> Attempt<Reply, Trouble>,
    ) -> Result<Reply, GaveUp<Trouble>> {
        let subject = client.address().authority();
        let once = || async {
            match client.send(request.clone()).await {
                Ok(reply) => judge(reply),
                Err(error) => unreached(error),
            }
        };
        ask.patience.attempt(&subject, once).await
    }
}

/// A client with nothing unusual.
pub(super) fn open(
    address: Address,
    roots: Roots,
    proxies: Proxies,
    (largest_reply, bodies): (Size, Bodies),
) -> Result<Client, Failure> {
    let settings =
        http::Settings { address, roots, identity: None, server_name: None, proxies, largest_reply, bodies };
    Client::new(&settings).map_err(|unbuilt| Failure::misconfigured(unbuilt.to_string(), unbuilt.hint()))
}

/// What stands between, as messages say it.
pub(super) fn through(client: &Client) -> String {
    client.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

/// A success, or an error by its class.
pub(super) fn judge(reply: Reply) -> Attempt<Reply, Trouble> {
    if reply.status.is_success() {
        return Attempt::Done(reply);
    }
    let trouble = Trouble::of(&reply);
    let concern = trouble.concern();
    Attempt::failed(trouble, concern, retry_after(&reply.headers))
}

/// What becomes of a request that has no reply.
pub(super) fn unreached<T>(error: http::Error) -> Attempt<T, Trouble> {
    let concern = error.concern();
    Attempt::failed(Trouble::Connection(error), concern, None)
}

/// A GET without anything else, of what leads to a document.
pub(super) fn get(client: &Client, path: &str) -> Request<Vec<u8>> {
    let mut request = Request::new(Vec::new());
    // What is no URI is an error of the client's when it is sent.
    *request.uri_mut() = format!("{}{path}", client.origin()).parse().unwrap_or_default();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    request.extensions_mut().insert(Content::Protocol);
    request
}

/// A POST of a body.
pub(super) fn post(
    client: &Client,
    endpoint: &Endpoint,
    kind: &'static str,
    body: Vec<u8>,
) -> Request<Vec<u8>> {
    let mut request = get(client, &endpoint.path).map(|_| body);
    *request.method_mut() = ::http::Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    request
}

/// `Bearer TOKEN`, which is not shown. Nothing where no token looks like that.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
