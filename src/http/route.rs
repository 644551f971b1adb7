//! The way to one server: which host or socket is connected to, which proxy is asked for it, and where TLS
//! begins. Invariants: a proxy is told its own credential and no other; the server behind `CONNECT` is spoken to
//! in TLS that the proxy cannot read; what the proxy does wrong is told as the proxy's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::dial::{self, Stream};
use super::distance::{Distance, Trip};
use super::error::{CertificateFault, Error, translate};
use super::proxy::Proxy;
use super::{Protocol, USER_AGENT};
use crate::patience::Clock;

/// HTTP/2's name in TLS.
const H2: &[u8] = b"h2";

/// How a connection comes about.
pub(super) struct Route {
    /// Whom to reach.
    pub(super) address: Address,
    /// Whose certificate is expected there.
    pub(super) named: Address,
    pub(super) proxy: Option<Proxy>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// How far it is.
    pub(super) distance: Distance,
    /// By which it is told how long the server is silent.
    pub(super) clock: Arc<dyn Clock>,
}

impl Route {
    /// Whether requests go to a proxy that reads them, as those in plain text do.
    pub(super) fn is_read_by_proxy(&self) -> bool {
        self.proxy.is_some() && !self.address.is_https()
    }

    /// Opens a stream over which the server, or the proxy that reads requests, is spoken to.
    pub(super) async fn open(&self) -> Result<(Stream, Protocol), Error> {
        let address = &self.address;
        let stream = match (&self.proxy, address.socket()) {
            (_, Some(path)) => dial::socket(path).await?,
            (None, None) => self.dial(address.host().trim_matches(['[', ']']), address.port()).await?,
            (Some(proxy), None) => {
                let of_proxy = |error| Error::Proxy(proxy.shown.clone(), Box::new(error));
                let stream = self.reach(proxy).await.map_err(of_proxy)?;
                if !address.is_https() {
                    return Ok((stream, Protocol::Http1));
                }
                self.tunnel(proxy, stream).await?
            }
        };
        if !address.is_https() {
            return Ok((stream, Protocol::Http1));
        }
        self.encrypt(self.named.host(), stream, Offer::Both).await
    }

    /// A server that is spoken to in plain text has answered. Whoever accepts its connections may be nearer than it
    /// is (a mesh's sidecar), and then nothing but this tells of the way; a handshake of TLS goes all of it.
    pub(super) fn answered_after(&self, took: Duration) {
        if self.tls.is_none() {
            self.distance.measure(Trip::Exchange, took);
        }
    }

    async fn dial(&self, host: &str, port: u16) -> Result<Stream, Error> {
        let (stream, took) = dial::host(host, port).await?;
        self.distance.measure(Trip::Connection, took);
        Ok(stream)
    }

    async fn reach(&self, proxy: &Proxy) -> Result<Stream, Error> {
        let stream = self.dial(&proxy.host, proxy.port).await?;
        if !proxy.is_https {
            return Ok(stream);
        }
        Ok(self.encrypt(&proxy.host, stream, Offer::Http1).await?.0)
    }

    async fn encrypt(&self, host: &str, stream: Stream, offer: Offer) -> Result<(Stream, Protocol), Error> {
        let config = self.tls.as_ref().ok_or(Error::Request)?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| Error::Certificate(CertificateFault::OtherName))?;
        let begun = Instant::now();
        let connector = TlsConnector::from(Arc::clone(config));
        let encrypted = match offer {
            Offer::Both => connector.connect(name, stream).await,
            Offer::Http1 => connector.with_alpn(vec![b"http/1.1".to_vec()]).connect(name, stream).await,
        };
        let encrypted =
            encrypted.map_err(|error| translate(&error, Error::Network("the connection failed")))?;
        self.distance.measure(Trip::Handshake, begun.elapsed());
        let is_http2 = encrypted.get_ref().1.alpn_protocol() == Some(H2);
        Ok((Box::new(encrypted), if is_http2 { Protocol::Http2 } else { Protocol::Http1 }))
    }

    /// Asks the proxy for a way to the server (RFC 9110, 9.3.6).
    async fn tunnel(&self, proxy: &Proxy, stream: Stream) -> Result<Stream, Error> {
        let of_proxy = |error| Error::Proxy(proxy.shown.clone(), Box::new(error));
        let failed = |error: hyper::Error| of_proxy(translate(&error, Error::Other));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection.with_upgrades());
        let request = connect(&self.address, proxy).ok_or(Error::Request)?;
        let response = sender.send_request(request).await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(self.refusal(proxy, &response));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }

    fn refusal(&self, proxy: &Proxy, response: &Response<Incoming>) -> Error {
        let status = response.status();
        self.proxy_status(status).unwrap_or(Error::ProxyRefuses(proxy.named, status.as_u16()))
    }

    /// What a status that only proxies send comes to.
    pub(super) fn proxy_status(&self, status: StatusCode) -> Option<Error> {
        let proxy = self.proxy.as_ref()?;
        let wants = Error::ProxyWants(proxy.named, proxy.authorization.is_some());
        (status == StatusCode::PROXY_AUTHENTICATION_REQUIRED).then_some(wants)
    }
}

/// Which protocols are offered in TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    Both,
    Http1,
}

fn connect(address: &Address, proxy: &Proxy) -> Option<Request<Empty<Bytes>>> {
    let authority = address.authority();
    let mut request = Request::connect(authority.parse::<Uri>().ok()?)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .body(Empty::new())
        .ok()?;
    if let Some(authorization) = &proxy.authorization {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    Some(request)
}
