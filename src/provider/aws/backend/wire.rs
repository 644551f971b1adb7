//! Carries the SDK's requests over kz's own HTTPS client: one TLS stack, one set of roots and limits, the same
//! proxies, and connections that are counted.
//!
//! Invariants: every origin is named on stderr when it is first contacted; metadata services are never reached
//! through a proxy (their addresses mean this machine); of a reply that is no success only its status and its
//! error code are kept, the code being one of AWS's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::sync::{SemaphorePermit, SetOnce};

use crate::http::{self, Address, Bodies, Client, Content, Proxies, Reply, Unbuilt};
use crate::log::Log;
use crate::provider::Terms;
use crate::provider::remote::lanes::Lanes;
use crate::size::Size;
use crate::tls::Roots;

use super::codes::{self, Code};

/// The services whose replies hold documents, as requests name them; others make identities.
const DOCUMENTS: [&str; 2] = ["secretsmanager.", "AmazonSSM."];

/// How the services are reached. Clones share connections.
#[derive(Clone)]
pub(super) struct Wire(Arc<Inner>);

struct Inner {
    roots: Roots,
    proxies: Proxies,
    log: Log,
    /// What is said of each origin before and after it.
    words: (String, String),
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
    first: SetOnce<Arc<Client>>,
    lanes: Lanes,
    largest_reply: Size,
    bodies: Bodies,
    last: Mutex<Option<Exchange>>,
}

/// What the last exchange came to, for errors that the SDK reports without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    /// `host:port`.
    pub(super) server: String,
    /// Status and error code of a reply, or why there was none.
    pub(super) result: Result<(u16, Option<Code>), http::Error>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wire")
    }
}

impl Wire {
    /// A wire without connections. It says `before` an origin and `after` it whom kz asks.
    pub(super) fn new(roots: Roots, proxies: Proxies, terms: &Terms, before: &str, after: &str) -> Self {
        Self(Arc::new(Inner {
            roots,
            proxies,
            log: terms.log,
            words: (before.to_owned(), after.to_owned()),
            clients: Mutex::default(),
            first: SetOnce::new(),
            lanes: Lanes::ahead(terms),
            largest_reply: terms.max_document_size,
            bodies: terms.bodies.clone(),
            last: Mutex::default(),
        }))
    }

    /// Another one without connections, on the same terms.
    pub(super) fn anew(&self, terms: &Terms, before: &str, after: &str) -> Self {
        Self::new(self.0.roots.clone(), self.0.proxies.clone(), terms, before, after)
    }

    /// A turn to ask. Held until there is an answer.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.lanes.turn().await
    }

    /// Ends when a connection to the first origin stands.
    pub(super) async fn stands(&self) {
        let client = self.0.first.wait().await;
        client.stands().await;
        self.0.lanes.widen(client.connections());
    }

    /// What the last exchange came to; forgotten with that.
    pub(super) fn last(&self) -> Option<Exchange> {
        locked(&self.0.last).take()
    }

    fn client(&self, address: &Address) -> Result<Arc<Client>, Unbuilt> {
        let mut clients = locked(&self.0.clients);
        if let Some(client) = clients.get(&address.origin()) {
            return Ok(Arc::clone(client));
        }
        let local = is_metadata_service(address.host());
        let client = Arc::new(Client::new(&http::Settings {
            address: address.clone(),
            roots: self.0.roots.clone(),
            identity: None,
            server_name: None,
            proxies: if local { Proxies::default() } else { self.0.proxies.clone() },
            largest_reply: self.0.largest_reply,
            bodies: self.0.bodies.clone(),
        })?);
        self.0.lanes.open(&client);
        clients.insert(address.origin(), Arc::clone(&client));
        let _ = self.0.first.set(Arc::clone(&client));
        let (before, after) = &self.0.words;
        let through = client.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
        self.0.log.note(&format!("{before} at {address}{through}{after}"));
        Ok(client)
    }

    /// Sends a request, of the SDK's or of kz's own, and notes what it came to.
    pub(super) async fn exchange(
        self,
        request: HttpRequest,
        limit: Option<Duration>,
    ) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|_| refused(http::Error::Request))?;
        let mut request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        if !target.is_some_and(|target| DOCUMENTS.iter().any(|service| target.starts_with(service))) {
            request.extensions_mut().insert(Content::Protocol);
        }
        let origin = Address::parse(&format!(
            "{}://{}",
            request.uri().scheme_str().unwrap_or("https"),
            request.uri().authority().map_or("", |authority| authority.as_str())
        ));
        let address = origin.map_err(|_| refused(http::Error::Request))?;
        let client = self.client(&address).map_err(|unbuilt| ConnectorError::user(Box::new(unbuilt)))?;
        let sent = match limit {
            None => client.send(request).await,
            Some(limit) => tokio::time::timeout(limit, client.send(request))
                .await
                .unwrap_or(Err(http::Error::Silent(limit.as_secs()))),
        };
        if let Ok(reply) = &sent {
            self.0.lanes.heed(&client, reply.protocol);
        }
        let result = sent.as_ref().map_err(Clone::clone).map(|reply| {
            let status = reply.status.as_u16();
            (status, (!reply.status.is_success()).then(|| codes::code(reply.body.expose())).flatten())
        });
        *locked(&self.0.last) = Some(Exchange { server: address.authority(), result });
        response(sent.map_err(refused)?)
    }
}

/// What a mutex guards here is whole between two statements, so a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn response(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let mut response = ::http::Response::new(SdkBody::from(reply.body.expose().to_vec()));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    HttpResponse::try_from(response).map_err(|_| refused(http::Error::NotHttp))
}

fn refused(error: http::Error) -> ConnectorError {
    match error {
        http::Error::Silent(_) | http::Error::ConnectTime(_) => ConnectorError::timeout(Box::new(error)),
        error => ConnectorError::io(Box::new(error)),
    }
}

/// Link-local addresses, and the one of EC2 and EKS in IPv6.
fn is_metadata_service(host: &str) -> bool {
    host.starts_with("169.254.") || host.to_ascii_lowercase().starts_with("[fd00:ec2:")
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // The SDK sets limits where it asks a metadata service, which may not exist; elsewhere kz's own apply.
        let limit = settings.connect_timeout().and_then(|connect| Some(connect + settings.read_timeout()?));
        SharedHttpConnector::new(Connector { wire: self.clone(), limit })
    }
}

#[derive(Debug)]
struct Connector {
    wire: Wire,
    limit: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.wire.clone().exchange(request, self.limit))
    }
}
