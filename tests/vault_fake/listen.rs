//! The server's side of the network: accepts, speaks TLS and HTTP/1.1 or HTTP/2, records, holds, follows the script.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures_util::future::select;
use futures_util::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::script::{self, Act};
use super::tls::{Authority, Flaw};
use super::{Call, Doors, Protocol, Reply, Seen, Shared};

/// What is spoken on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1 without TLS.
    Plain,
    /// TLS, and HTTP/1.1 only.
    Http1,
    /// TLS, HTTP/2 preferred.
    Http2,
    /// These bytes, whatever is asked, without TLS.
    Raw(&'static [u8]),
}

impl Transport {
    pub(crate) fn scheme(self) -> &'static str {
        if matches!(self, Self::Plain | Self::Raw(_)) { "http" } else { "https" }
    }

    pub(crate) fn acceptor(self, authority: &Authority, flaw: Flaw) -> Option<TlsAcceptor> {
        let protocols: &[&[u8]] = match self {
            Self::Plain | Self::Raw(_) => return None,
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2", b"http/1.1"],
        };
        Some(TlsAcceptor::from(Arc::new(authority.server_config(flaw, protocols))))
    }

    pub(crate) fn raw_reply(self) -> Option<&'static [u8]> {
        if let Self::Raw(bytes) = self { Some(bytes) } else { None }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Streams that a Go server, as Vault is one, allows on a connection.
const STREAMS: u32 = 250;

/// Runs until the doors are gone. A bound socket that does not listen refuses connections and keeps its port.
pub(crate) async fn serve(
    tell: Sender<(SocketAddr, String)>,
    mut doors: watch::Receiver<Doors>,
    acceptor: Option<TlsAcceptor>,
    raw: Option<&'static [u8]>,
    shared: Arc<Shared>,
) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let stat = format!("/proc/self/task/{}/stat", nix::unistd::gettid());
    tell.send((socket.local_addr().expect("an address"), stat)).expect("a test that waits");
    let state = doors.wait_for(|state| *state != Doors::Closed).await.map(|state| *state);
    if !state.is_ok_and(|state| state == Doors::Open) {
        return;
    }
    let listener = socket.listen(1024).expect("a port to listen on");
    let gone = doors.wait_for(|state| *state == Doors::Gone);
    let accepting = accept(listener, acceptor, raw, shared);
    let _ = select(std::pin::pin!(gone), std::pin::pin!(accepting)).await;
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    raw: Option<&'static [u8]>,
    shared: Arc<Shared>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let connection = {
            let mut record = shared.record();
            record.connections += 1;
            record.connections
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match (acceptor, raw) {
                (_, Some(bytes)) => answer_raw(stream, bytes).await,
                (Some(acceptor), None) => {
                    // A client that likes the certificate not goes away here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let session = stream.get_ref().1;
                    let certificate =
                        session.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()));
                    let http2 = session.alpn_protocol() == Some(b"h2");
                    speak(stream, Client { connection, certificate, shared }, http2).await;
                }
                (None, None) => speak(stream, Client { connection, certificate: None, shared }, false).await,
            }
        });
    }
}

/// Reads a request's head and answers with bytes that no HTTP library would write.
async fn answer_raw(mut stream: TcpStream, bytes: &[u8]) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Client {
    connection: usize,
    certificate: Option<Vec<u8>>,
    shared: Arc<Shared>,
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, client: Client, http2: bool) {
    let service = service_fn(move |request| {
        let client = client.clone();
        async move { client.handle(request).await }
    });
    let stream = TokioIo::new(stream);
    // A connection that the client or the script ends is no failure of the fake.
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.max_concurrent_streams(STREAMS).serve_connection(stream, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
    }
}

impl Client {
    async fn handle(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let header = |name: &str| head.headers.get(name)?.to_str().ok().map(str::to_owned);
        let path = percent_decoded(head.uri.path().trim_start_matches("/v1/"));
        let query = head.uri.query().unwrap_or_default();
        let namespace = header("x-vault-namespace").unwrap_or_default().trim_matches('/').to_owned();
        let shown = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
        self.arrived(Seen {
            method: head.method.to_string(),
            path: shown,
            namespace: namespace.clone(),
            connection: self.connection,
            protocol: if head.version == Version::HTTP_2 { Protocol::Http2 } else { Protocol::Http1 },
        })
        .await;
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let call = Call {
            method: head.method.to_string(),
            path,
            query: pairs(query),
            token: header("x-vault-token")
                .or_else(|| Some(header("authorization")?.strip_prefix("Bearer ")?.to_owned())),
            namespace,
            wrap: header("x-vault-wrap-ttl").and_then(|ttl| ttl.trim_end_matches('s').parse().ok()),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            certificate: self.certificate.clone(),
        };
        let act = {
            let mut rules = self.shared.rules.lock().expect("a fake whose thread panicked");
            rules.iter_mut().find_map(|rule| rule.take(&call.path))
        };
        match act {
            None => Ok(respond(self.shared.vault().answer(&call))),
            Some(act) => self.perform(act, &call).await,
        }
    }

    /// Records a request, and holds it where that was asked for.
    async fn arrived(&self, seen: Seen) {
        let gate = {
            let mut record = self.shared.record();
            record.requests.push(seen);
            record.holding.then(|| {
                record.held += 1;
                self.shared.gate.subscribe()
            })
        };
        if let Some(mut gate) = gate {
            let _ = gate.changed().await;
        }
    }

    async fn perform(&self, act: Act, call: &Call) -> io::Result<Response<Body>> {
        let right = || {
            let reply = self.shared.vault().answer(call);
            let text = reply.body.map(|body| body.to_string()).unwrap_or_default();
            (reply.status, Bytes::from(text))
        };
        match act {
            Act::Answer(reply) => Ok(respond(reply)),
            Act::Hang => std::future::pending().await,
            Act::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Act::Text(text) => Ok(json(200, whole(Bytes::from_static(text.as_bytes())))),
            Act::Truncate => {
                let (status, text) = right();
                Ok(json(status, whole(text.slice(..text.len() / 2))))
            }
            Act::Slow(pause) => {
                let (status, text) = right();
                Ok(json(status, pieces(text, pause)))
            }
            Act::Break | Act::HangInBody => {
                let (status, text) = right();
                Ok(json(status, half(&text, matches!(act, Act::Break))))
            }
            Act::Huge(bytes) => Ok(json(200, huge(bytes))),
            Act::Gzip(bytes) => {
                let mut response = json(200, whole(script::gzip(bytes).into()));
                response.headers_mut().insert(CONTENT_ENCODING, "gzip".parse().expect("a header"));
                Ok(response)
            }
        }
    }
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(never).boxed_unsync()
}

fn json(status: u16, body: Body) -> Response<Body> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    builder.body(body).expect("a response")
}

fn respond(reply: Reply) -> Response<Body> {
    let text = reply.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = json(reply.status, whole(text.into()));
    for (name, value) in reply.headers {
        let name: hyper::header::HeaderName = name.parse().expect("a header's name");
        response.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    response
}

/// The half of a text, and then an end that is none: the connection breaks, or stays.
fn half(text: &Bytes, breaks: bool) -> Body {
    let first = text.slice(..text.len() / 2);
    let stream = unfold(Some(first), move |first| async move {
        match first {
            Some(first) => Some((Ok(Frame::data(first)), None)),
            // Let the first half go out before the connection breaks.
            None if breaks => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::ErrorKind::ConnectionReset.into()), None))
            }
            None => std::future::pending().await,
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

/// A text, a few bytes after each pause.
fn pieces(text: Bytes, pause: Duration) -> Body {
    let stream = unfold(text, move |mut text| async move {
        if text.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = text.split_to(text.len().min(16));
        Some((Ok(Frame::data(piece)), text))
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

fn huge(bytes: usize) -> Body {
    let block = Bytes::from_static(&[b'x'; 8192]);
    let head = Bytes::from_static(script::HUGE_HEAD.as_bytes());
    let tail = Bytes::from_static(script::HUGE_TAIL.as_bytes());
    let middle = std::iter::repeat_n(block, bytes / 8192);
    let parts = std::iter::once(head).chain(middle).chain([tail]);
    BodyExt::boxed_unsync(StreamBody::new(futures_util::stream::iter(
        parts.map(|part| Ok(Frame::data(part))),
    )))
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (percent_decoded(key), percent_decoded(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = (*first == b'%').then(|| {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        if let Some(byte) = decoded.flatten() {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
