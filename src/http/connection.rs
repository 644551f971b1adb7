//! One connection that stands, and one exchange over it. Whether it can be used again, and whether a request
//! whose connection ended may be sent again, is told from the connection itself.
//!
//! Invariants: a body is wiped where it is dropped; silence and size have limits; nothing is decompressed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::bodies::{ALL_STREAMS, Bodies, Bounds, Content, ORDINARY, STREAM};
use super::dial::Stream;
use super::error::{Begun, Error, begun, translate};
use super::heard::Heard;
use super::pool::Line;
use super::witness::{Said, Watched};
use super::{Protocol, Reply, SILENCE, Sending};
use crate::patience::Clock;
use crate::secret::Secret;
use crate::size::Size;

/// How much room a body is given before any of it has come: what a server announces is not believed.
const ROOM: usize = 1 << 20;

/// What requests carry.
pub(super) type Body = Full<Bytes>;

/// How long a connection may take from the end of a reply until it takes the next request.
const SETTLING: Duration = Duration::from_secs(1);

/// A connection, to send requests by.
pub(super) struct Connection {
    sender: Sender,
    heard: Heard,
    said: Said,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// An exchange that led to no reply.
pub(super) struct Lost {
    pub(super) error: Error,
    pub(super) begun: Begun,
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self { error, begun: Begun::Perhaps }
    }
}

/// What has to run for as long as a connection is to live; it ends with it.
pub(super) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Connection {
    /// Begins to speak HTTP. By `clock` it is told how long the server is silent.
    pub(super) async fn begin(
        stream: Stream,
        protocol: Protocol,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Life), Error> {
        let failed = |error: hyper::Error| translate(&error, Error::Other);
        let (heard, said) = (Heard::new(clock), Said::default());
        let stream: Stream = Box::new(Watched::new(stream, said.clone()));
        let (sender, life): (_, Life) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
                (Sender::Http1(sender), Box::pin(async { drop(connection.await) }))
            }
            Protocol::Http2 => {
                let stream = TokioIo::new(heard.listen(stream));
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(STREAM).initial_connection_window_size(ALL_STREAMS);
                let handshake = builder.handshake(stream);
                let (sender, connection) = handshake.await.map_err(failed)?;
                (Sender::Http2(sender), Box::pin(async { drop(connection.await) }))
            }
        };
        Ok((Self { sender, heard, said }, life))
    }

    pub(super) fn protocol(&self) -> Protocol {
        match &self.sender {
            Sender::Http1(_) => Protocol::Http1,
            Sender::Http2(_) => Protocol::Http2,
        }
    }

    /// Whether it takes the next request now.
    pub(super) fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }

    /// Waits until it takes the next request; `false` when it takes none any more.
    pub(super) async fn settles(&mut self) -> bool {
        let ready = async {
            match &mut self.sender {
                Sender::Http1(sender) => sender.ready().await.is_ok(),
                Sender::Http2(sender) => sender.ready().await.is_ok(),
            }
        };
        timeout(SETTLING, ready).await.unwrap_or(false)
    }

    /// Sends a request and reads all of the reply, within these bounds.
    pub(super) async fn exchange(&mut self, request: Request<Body>, bounds: &Bounds) -> Result<Reply, Lost> {
        let (protocol, asked) = (self.protocol(), Instant::now());
        let ears = self.heard.clone();
        let content: Content = request.extensions().get().copied().unwrap_or_default();
        let response = match Sending::of(&request).silence() {
            Some(silence) => {
                let sent = ears.unless_silent(silence, self.send(request)).await;
                sent.unwrap_or(Err(Error::Silent(silence.as_secs()).into()))?
            }
            None => self.send(request).await?,
        };
        let (head, body) = response.into_parts();
        let largest = content.limit(head.status.is_success(), bounds.document);
        let body = read(&head.headers, body, largest, (&bounds.bodies, &ears)).await?;
        Ok(Reply { status: head.status, protocol, asked, headers: head.headers, body })
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Lost> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                if sender.ready().await.is_err() {
                    return Err(self.refused().unwrap_or(Lost { error: Error::Closed, begun: Begun::Not }));
                }
                sender.try_send_request(request).await
            }
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut error| {
            if let Some(refused) = self.refused() {
                return refused;
            }
            let was_kept = error.take_message().is_some();
            let error = error.into_error();
            if was_kept {
                return Lost { error: translate(&error, Error::Closed), begun: Begun::Not };
            }
            Lost { error: translate(&error, Error::Other), begun: begun(&error) }
        })
    }
}

impl Connection {
    /// The server ended TLS, and would again.
    fn refused(&self) -> Option<Lost> {
        self.said.refusal().map(Lost::from)
    }
}

impl Line for Connection {
    fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => {
                let (heard, said) = (self.heard.clone(), self.said.clone());
                Some(Self { sender: Sender::Http2(sender.clone()), heard, said })
            }
        }
    }

    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }
}

async fn read(
    headers: &HeaderMap,
    mut body: Incoming,
    largest: Size,
    (bodies, heard): (&Bodies, &Heard),
) -> Result<Secret, Error> {
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| !is_plain(value)) {
        return Err(Error::Compressed);
    }
    let announced = Size(body.size_hint().exact().unwrap_or(0));
    if announced > largest {
        return Err(Error::TooLarge(largest));
    }
    let mut turn = if announced.bytes() > ORDINARY { bodies.turn().await } else { None };
    let mut content = Zeroizing::new(Vec::with_capacity(announced.bytes().min(ROOM)));
    loop {
        let frame = heard.unless_silent(SILENCE, body.frame()).await;
        let Some(frame) = frame.ok_or(Error::Silent(SILENCE.as_secs()))? else { break };
        let frame = frame.map_err(|error| match translate(&error, Error::Truncated) {
            // There was an answer, and it was not whole.
            Error::Closed => Error::Truncated,
            other => other,
        })?;
        let Ok(chunk) = frame.into_data() else { continue };
        if content.len() + chunk.len() > largest.bytes() {
            return Err(Error::TooLarge(largest));
        }
        if turn.is_none() && content.len() + chunk.len() > ORDINARY {
            turn = bodies.turn().await;
        }
        content.extend_from_slice(&chunk);
    }
    Ok(Secret::new(std::mem::take(&mut *content)))
}
