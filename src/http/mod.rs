//! The HTTPS client for Vault, Connect and JWKS: one address, one pool, HTTP/2 where it is offered.
//!
//! Invariants: connecting, silence and the size of every reply have limits; replies are not decompressed, so
//! that no small one becomes a large one; no redirect is followed, and nothing is tried again here but what the
//! server has certainly not begun with; the environment is not read; a body is a [`Secret`] from the first chunk on. Errors are kz's own words.

mod address;
mod bodies;
mod connection;
mod dial;
mod distance;
mod error;
mod heard;
mod pool;
mod proxy;
mod resolver;
mod route;
mod status;
#[cfg(test)]
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the tests of Vault use all of it"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod witness;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use hyper::body::Bytes;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use crate::patience::{Clock, Real};
use crate::secret::Secret;
use crate::size::Size;
use crate::tls::{self, Identity, Roots, Untrusted};
pub use address::{Address, Invalid};
use bodies::Bounds;
pub use bodies::{Bodies, Content};
use connection::{Body, Connection};
use distance::Distance;
use error::Begun;
pub use error::{CertificateFault, Error};
use pool::{Opening, Pool, Taken};
pub use proxy::Proxies;
use proxy::Proxy;
use route::Route;
pub use status::concern;

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two reads: the longest that a server may keep silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How many connections to one server there are at most.
pub const MOST_CONNECTIONS: usize = 32;

/// How often a request is sent again while nobody has a reply. There is no limit while somebody has, nor over
/// connections that had carried replies before they ended: each of those is lost but once.
const AGAIN: usize = 3;
/// A connection that has carried nothing and ends within this time after a request has no server behind it.
const NOBODY: Duration = Duration::from_secs(1);
/// Who kz is.
const USER_AGENT: &str = concat!("kz/", env!("CARGO_PKG_VERSION"));

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The one server that it talks to.
    pub address: Address,
    /// Whose certificates it believes.
    pub roots: Roots,
    /// Which certificate it shows.
    pub identity: Option<Identity>,
    /// The name in the server's certificate, where that is not the address's host.
    pub server_name: Option<String>,
    /// What stands between.
    pub proxies: Proxies,
    /// How large a reply may be that holds a document.
    pub largest_reply: Size,
    /// Which other clients it reads large replies in turn with.
    pub bodies: Bodies,
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unbuilt {
    /// Certificates or key.
    #[error(transparent)]
    Trust(#[from] Untrusted),
    /// The proxy's address; it may hold a password, so it is not shown.
    #[error("the proxy that {0} names is not an address such as `http://proxy:3128`")]
    Proxy(error::Named),
    /// The name of the certificate.
    #[error("the server's name is not a host name, or a proxy is used, which cannot be told it")]
    ServerName,
}

impl Unbuilt {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Trust(untrusted) => untrusted.hint(),
            Self::Proxy(_) => "write the proxy as `http://proxy:3128`",
            Self::ServerName => "write the name alone, as in `tls_server_name = \"vault.internal\"`",
        }
    }
}

/// How a request may be sent, as an extension of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    /// As often as is needed: it leaves nothing behind. What has no extension is so.
    #[default]
    Repeatable,
    /// Its answer may take any time, and to ask again is better than to have none.
    Slow,
    /// Once: what it makes nobody would know of. Its answer may take any time.
    Once,
}

impl Sending {
    fn of<B>(request: &Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }

    /// How long a server may be silent before it answers; nothing where that ends with the patience of whoever asks.
    fn silence(self) -> Option<Duration> {
        (self == Self::Repeatable).then_some(SILENCE)
    }
}

/// Whether a request has left, as an extension of it that clones share: from then on a server may have it.
#[derive(Clone, Debug, Default)]
pub struct Departure(Arc<AtomicBool>);

impl Departure {
    /// Whether a server may have the request.
    pub fn has_left(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    #[cfg(all(test, feature = "provider-vault"))]
    pub(crate) fn leave(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn note<B>(request: &Request<B>, has_left: bool) {
        if let Some(Self(left)) = request.extensions().get() {
            left.store(has_left, Ordering::Relaxed);
        }
    }
}

/// A reply. Its body is not looked at here.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Whether requests share a connection.
    pub protocol: Protocol,
    /// When it was asked for.
    pub asked: Instant,
    /// The headers.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Secret,
}

/// How requests share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One at a time on each connection.
    Http1,
    /// Many at a time on one.
    Http2,
}

/// A client of one server. Connects when it is used, and keeps connections for the next request.
pub struct Client {
    route: Arc<Route>,
    origin: String,
    bounds: Bounds,
    pool: Pool<Connection>,
    /// How many replies there have been.
    replies: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.address())
    }
}

impl Client {
    /// A client with these settings. Reads the system's certificates; contacts nobody.
    pub fn new(settings: &Settings) -> Result<Self, Unbuilt> {
        Self::by(settings, Arc::new(Real))
    }

    /// The same, by this clock: it tells how long a server is silent.
    fn by(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Unbuilt> {
        let Settings { address, roots, identity, server_name, proxies, largest_reply, bodies } = settings;
        let proxy = proxies.on_the_way_to(address);
        let proxy = proxy.map(|proxy| Proxy::parse(proxy).ok_or(Unbuilt::Proxy(proxy.1)));
        let proxy = proxy.transpose()?;
        let named = match server_name {
            None => address.clone(),
            Some(name) => {
                let named = address.with_host(name).filter(|_| proxy.is_none());
                named.ok_or(Unbuilt::ServerName)?
            }
        };
        let is_encrypted = address.is_https() || proxy.as_ref().is_some_and(|proxy| proxy.is_https);
        let tls = is_encrypted.then(|| encryption(roots, identity.as_ref())).transpose()?;
        let origin = named.origin();
        let distance = Distance::new(MOST_CONNECTIONS);
        let route = Arc::new(Route { address: address.clone(), named, proxy, tls, distance, clock });
        let (opened, measured) = (Arc::clone(&route), Arc::clone(&route));
        let most = move || measured.distance.connections();
        let pool = Pool::new(most, move |opening| {
            tokio::spawn(open(Arc::clone(&opened), opening));
        });
        let bounds = Bounds { document: *largest_reply, bodies: bodies.clone() };
        Ok(Self { route, origin, bounds, pool, replies: AtomicU64::new(0) })
    }

    /// The server's address, as it was given.
    pub fn address(&self) -> &Address {
        &self.route.address
    }

    /// Where requests go: the address's origin, with the host that the certificate is for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where a redirect of a reply from `from` leads: a URI of this server, or the origin of another. `None`
    /// where it leads nowhere.
    pub fn redirected(&self, from: &str, location: &str) -> Option<Result<Uri, String>> {
        let target = Url::parse(from).ok()?.join(location).ok()?;
        let origin = target.origin().ascii_serialization();
        if origin != self.origin || !target.username().is_empty() {
            return Some(Err(origin));
        }
        target.as_str().parse().ok().map(Ok)
    }

    /// Ends when a connection stands, so that further requests need not open another.
    pub async fn stands(&self) {
        self.pool.stands().await;
    }

    /// How many connections there are at most: more where the way is long.
    pub fn connections(&self) -> usize {
        self.route.distance.connections()
    }

    /// Allows so many connections, if that is more than there would be.
    pub fn allow(&self, connections: usize) {
        self.route.distance.allow(connections);
    }

    /// `host:port` of the proxy on the way.
    pub fn proxy(&self) -> Option<&str> {
        self.route.proxy.as_ref().map(|proxy| proxy.shown.as_str())
    }

    /// Sends a request and reads all of the reply, whatever its status. One that the server has certainly not
    /// begun with, since its connection ended before, is sent again over another at once. [`Sending`] says what else may be.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Reply, Error> {
        let request = request.map(Bytes::from);
        let (mut again, mut replies) = (0, 0);
        loop {
            let mut taken = self.pool.take().await?;
            let line = taken.line().ok_or(Error::Other)?;
            let ready = self.prepared(&request, line.protocol())?;
            let sent = Instant::now();
            Departure::note(&request, true);
            let lost = match line.exchange(ready, &self.bounds).await {
                Ok(reply) => {
                    self.route.answered_after(sent.elapsed());
                    self.replies.fetch_add(1, Ordering::Relaxed);
                    if status::leads_elsewhere(reply.status) {
                        taken.retire();
                    } else {
                        keep(taken);
                    }
                    return self.route.proxy_status(reply.status).map_or(Ok(reply), Err);
                }
                Err(lost) => lost,
            };
            let (has_carried, begun) = (taken.has_carried(), lost.begun);
            if begun != Begun::Perhaps {
                Departure::note(&request, false);
            }
            let is_once = Sending::of(&request) == Sending::Once;
            // A connection that was idle: the server ended it when the request was on its way (RFC 9110, 9.2.2).
            let may_be_repeated = request.method().is_safe() && lost.error == Error::Closed && has_carried;
            // Others may still be under way over it, but nobody is to be sent after them.
            let has_ended = begun == Begun::Not || matches!(lost.error, Error::Closed | Error::Silent(_));
            if has_ended && begun != Begun::Refused {
                taken.retire();
            }
            let before = std::mem::replace(&mut replies, self.replies.load(Ordering::Relaxed));
            if replies > before {
                again = 0;
            }
            let is_used_up = has_carried && begun != Begun::Refused;
            let may_be_sent = begun != Begun::Perhaps || (may_be_repeated && !is_once);
            if !may_be_sent || (again >= AGAIN && !is_used_up) {
                // Who accepts connections and ends them at once is a sidecar or a balancer without a server behind it.
                let is_nobody = !has_carried && lost.error == Error::Closed && sent.elapsed() < NOBODY;
                let is_undecided =
                    is_once && begun == Begun::Perhaps && !is_nobody && lost.error.is_transient();
                return Err(if is_undecided { Error::Undecided(Box::new(lost.error)) } else { lost.error });
            }
            again += 1;
        }
    }

    /// A request as it goes over a connection of this protocol.
    fn prepared(&self, request: &Request<Bytes>, protocol: Protocol) -> Result<Request<Body>, Error> {
        let mut request = request.clone().map(Body::new);
        let authority = request.uri().authority().cloned().ok_or(Error::Request)?;
        let default = |name, value| (name, HeaderValue::from_static(value));
        for (name, value) in [default(header::USER_AGENT, USER_AGENT), default(header::ACCEPT, "*/*")] {
            request.headers_mut().entry(name).or_insert(value);
        }
        if protocol == Protocol::Http2 {
            return Ok(request);
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Error::Request)?;
        request.headers_mut().entry(header::HOST).or_insert(host);
        if let Some(proxy) = self.route.proxy.as_ref().filter(|_| self.route.is_read_by_proxy()) {
            if let Some(authorization) = &proxy.authorization {
                request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
            }
        } else {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            *request.uri_mut() = path.parse().map_err(|_| Error::Request)?;
        }
        Ok(request)
    }
}

/// The TLS of a client that speaks HTTP/2 or HTTP/1.1.
fn encryption(roots: &Roots, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, Untrusted> {
    let mut config = tls::client(roots, identity)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Opens a connection and lets it live.
async fn open(route: Arc<Route>, opening: Opening<Connection>) {
    let begun = async {
        let (stream, protocol) = route.open().await?;
        Connection::begin(stream, protocol, &route.clock).await
    };
    match timeout(CONNECT, begun).await.unwrap_or(Err(Error::ConnectTime(CONNECT.as_secs()))) {
        Err(error) => opening.failed(&error),
        Ok((line, whole_life)) => {
            let standing = opening.done(line);
            whole_life.await;
            drop(standing);
        }
    }
}

/// Gives a connection back when it takes the next request.
fn keep(mut taken: Taken<Connection>) {
    taken.settle();
    if taken.line().is_some_and(|line| line.is_ready()) {
        return taken.give_back();
    }
    tokio::spawn(async move {
        let Some(line) = taken.line() else { return };
        if line.settles().await {
            taken.give_back();
        }
    });
}

/// How long a reply asks to stay away: `Retry-After` in seconds (RFC 9110, 10.2.3). The form that is a date
/// is not read: no server that kz asks sends it, and clocks differ.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
