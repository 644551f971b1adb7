//! The HTTPS client for Vault, Connect and JWKS: one address, one pool, HTTP/2 where it is offered.
//!
//! Invariants: connecting, silence and the size of every reply have limits; replies are not decompressed, so
//! that no small one becomes a large one; no redirect is followed and nothing is tried again here; the
//! environment is not read; a body is a [`Secret`] from the first chunk on. Errors are kz's own words.

mod address;
mod error;
mod gate;
mod proxy;
mod resolver;
mod status;
#[cfg(test)]
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the tests of Vault use all of it"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request, StatusCode, Uri, Version, header};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret::Secret;
pub use address::{Address, Invalid};
pub use error::Error;
use error::{Limits, translate};
use gate::Gate;
pub use proxy::Proxies;
use resolver::Resolver;
pub use status::concern;
pub use trust::{Identity, Roots, Untrusted, holds_certificate};

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two reads: the longest that a server may keep silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How many connections to one server there are at most.
pub const MOST_CONNECTIONS: usize = 32;
/// The largest reply, in bytes.
pub const LARGEST_REPLY: usize = 16 << 20;

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
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unbuilt {
    /// Certificates or key.
    #[error(transparent)]
    Trust(#[from] Untrusted),
    /// The proxy's address; it may hold a password, so it is not shown.
    #[error("the proxy that HTTPS_PROXY or HTTP_PROXY names is not an address such as `http://proxy:3128`")]
    Proxy,
    /// The name of the certificate.
    #[error("the server's name is not a host name, or a proxy is used, which cannot be told it")]
    ServerName,
    /// The library refused.
    #[error("the HTTPS client cannot be set up")]
    Other,
}

/// A reply. Its body is not looked at here.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Whether requests share a connection.
    pub protocol: Protocol,
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
#[derive(Debug)]
pub struct Client {
    address: Address,
    origin: String,
    proxy: Option<String>,
    gate: Gate,
    inner: reqwest::Client,
}

impl Client {
    /// A client with these settings. Reads the system's certificates; contacts nobody.
    pub fn new(settings: &Settings) -> Result<Self, Unbuilt> {
        let Settings { address, roots, identity, server_name, proxies } = settings;
        let proxy = proxies.on_the_way_to(address);
        let encrypted = address.is_https() || proxy.is_some_and(|proxy| proxy.starts_with("https://"));
        let named = match server_name {
            None => address.clone(),
            Some(name) => {
                let named = address.with_host(name).filter(|_| proxy.is_none());
                named.ok_or(Unbuilt::ServerName)?
            }
        };
        let gate = Gate::new(MOST_CONNECTIONS);
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connector_layer(gate.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("kz/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Resolver::new(&named, address)))
            // Handed in also where nothing is encrypted: left to itself, reqwest would look for a provider of its own.
            .tls_backend_preconfigured(if encrypted {
                trust::config(roots, identity.as_ref())?
            } else {
                trust::config(&Roots::Only(Vec::new()), None)?
            });
        if let Some(proxy) = proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| Unbuilt::Proxy)?);
        }
        let inner = builder.build().map_err(|_| Unbuilt::Other)?;
        let proxy = proxy.map(|proxy| host_of(proxy).ok_or(Unbuilt::Proxy)).transpose()?;
        Ok(Self { address: address.clone(), origin: named.origin(), proxy, gate, inner })
    }

    /// The server's address, as it was given.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where requests go: the address's origin, with the host that the certificate is for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where a redirect of a reply from `from` leads: a URI of this server, or the origin of another. `None`
    /// where it leads nowhere.
    pub fn redirected(&self, from: &str, location: &str) -> Option<Result<Uri, String>> {
        let target = reqwest::Url::parse(from).ok()?.join(location).ok()?;
        let origin = target.origin().ascii_serialization();
        if origin != self.origin || !target.username().is_empty() {
            return Some(Err(origin));
        }
        target.as_str().parse().ok().map(Ok)
    }

    /// Ends when a connection stands, so that further requests need not open another.
    pub async fn stands(&self) {
        self.gate.stands().await;
    }

    /// `host:port` of the proxy on the way.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Sends a request and reads all of the reply, whatever its status.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Reply, Error> {
        let active = self.gate.begin();
        let result = self.exchange(request).await;
        match &result {
            Ok(reply) if reply.protocol == Protocol::Http2 => self.gate.share(),
            Err(Error::Closed | Error::Truncated | Error::Silent(_) | Error::TooLarge(_) | Error::Other) => {
                self.gate.closed();
            }
            Err(Error::ConnectTime(_)) => self.gate.forget(),
            _ => {}
        }
        active.end();
        result
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Reply, Error> {
        let limits = Limits { connect: CONNECT.as_secs(), silence: SILENCE.as_secs() };
        let request = reqwest::Request::try_from(request).map_err(|_| Error::Request)?;
        let sent = self.inner.execute(request).await;
        let mut response = sent.map_err(|error| translate(&error, limits))?;
        let plain = |value: &::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|value| !plain(value)) {
            return Err(Error::Compressed);
        }
        let too_large = Error::TooLarge(LARGEST_REPLY >> 20);
        let announced = response.content_length().unwrap_or(0);
        if announced > LARGEST_REPLY as u64 {
            return Err(too_large);
        }
        let mut body = Zeroizing::new(Vec::with_capacity(usize::try_from(announced).unwrap_or(0)));
        while let Some(chunk) = response.chunk().await.map_err(|error| translate(&error, limits))? {
            if body.len() + chunk.len() > LARGEST_REPLY {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        if is_last(response.version(), response.headers()) {
            self.gate.closed();
        }
        Ok(Reply {
            status: response.status(),
            protocol: if response.version() == Version::HTTP_2 { Protocol::Http2 } else { Protocol::Http1 },
            headers: std::mem::take(response.headers_mut()),
            body: Secret::new(std::mem::take(&mut *body)),
        })
    }
}

/// Whether the server ends the connection after this reply: when it says so, and before HTTP/1.1 unless it says
/// otherwise (RFC 9112, 9.3).
fn is_last(version: Version, headers: &HeaderMap) -> bool {
    let says = |option: &str| {
        let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(option))
    };
    says("close") || (version < Version::HTTP_11 && !says("keep-alive"))
}

fn host_of(proxy: &str) -> Option<String> {
    let with_scheme = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let url = reqwest::Url::parse(&with_scheme).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default().unwrap_or(1080)))
}

/// How long a reply asks to stay away: `Retry-After` in seconds (RFC 9110, 10.2.3). The form that is a date
/// is not read: no server that kz asks sends it, and clocks differ.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
