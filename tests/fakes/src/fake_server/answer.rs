//! What becomes of a request: recorded, held, answered by the backend or as the script says.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Response, Version};

use super::body::{Body, half, huge, pieces, whole};
use super::script::{self, Act};
use super::{Backend, Protocol, Reply, Request, Seen, Shared};

/// A reply, or how the connection or the stream ends.
type Answered = Result<Response<Body>, Broken>;

/// How a connection or a stream ends without a reply.
#[derive(Debug)]
pub enum Broken {
    Connection(io::Error),
    Stream(h2::Error),
}

impl Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it breaks as the script says")
    }
}

impl Error for Broken {
    /// By which hyper knows how to end a stream.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Stream(error) => Some(error),
        }
    }
}

/// Who is at the other end of a connection.
pub struct Client<B> {
    pub connection: usize,
    pub certificate: Option<Vec<u8>>,
    pub shared: Arc<Shared<B>>,
}

impl<B: Backend> Client<B> {
    pub async fn handle(&self, request: hyper::Request<Incoming>) -> Answered {
        let (head, body) = request.into_parts();
        let protocol = if head.version == Version::HTTP_2 { Protocol::Http2 } else { Protocol::Http1 };
        let body =
            body.collect().await.map_err(|error| Broken::Connection(io::Error::other(error)))?.to_bytes();
        let request = Request::new(head, body.to_vec(), self.certificate.clone());
        let name = B::name(&request);
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        self.arrived(Seen {
            method: request.method.clone(),
            path: format!("{name}{query}"),
            namespace: B::place(&request),
            connection: self.connection,
            protocol,
        })
        .await;
        let act = {
            let mut rules = self.shared.rules.lock().expect("a fake whose thread panicked");
            rules.iter_mut().find_map(|rule| rule.take(&name))
        };
        match act {
            None => Ok(respond(self.shared.backend().answer(&request))),
            Some(act) => self.perform(act, &request).await,
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

    async fn perform(&self, act: Act, request: &Request) -> Answered {
        let right = |body: &dyn Fn(Bytes) -> Body| {
            let reply = self.shared.backend().answer(request);
            Ok(response(reply.status, &reply.headers, body(reply.body.into())))
        };
        match act {
            Act::Answer(reply) => Ok(respond(reply)),
            Act::Status(status, headers) => {
                let reply = B::failure(request, status);
                let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(respond(headers.fold(reply, |reply, (name, value)| reply.with(name, value))))
            }
            Act::Hang => std::future::pending().await,
            Act::Reset => Err(Broken::Connection(io::ErrorKind::ConnectionReset.into())),
            Act::Refuse => Err(Broken::Stream(h2::Reason::REFUSED_STREAM.into())),
            Act::With(name, value) => {
                let reply = self.shared.backend().answer(request);
                Ok(respond(reply.with(name, value)))
            }
            Act::Text(text) => Ok(json(whole(Bytes::from_static(text.as_bytes())))),
            Act::Truncate => right(&|text| whole(text.slice(..text.len() / 2))),
            Act::Slow(pause) => right(&|text| pieces(text, pause)),
            Act::Break => right(&|text| half(&text, true)),
            Act::HangInBody => right(&|text| half(&text, false)),
            Act::Huge(bytes) => Ok(json(huge(B::HUGE, bytes))),
            Act::Gzip(bytes) => {
                let mut response = json(whole(script::gzip(B::HUGE, bytes).into()));
                response.headers_mut().insert(CONTENT_ENCODING, "gzip".parse().expect("a header"));
                Ok(response)
            }
        }
    }
}

fn json(body: Body) -> Response<Body> {
    let builder = Response::builder().status(200).header(CONTENT_TYPE, "application/json");
    builder.body(body).expect("a response")
}

fn respond(reply: Reply) -> Response<Body> {
    response(reply.status, &reply.headers, whole(reply.body.into()))
}

fn response(status: u16, headers: &[(String, String)], body: Body) -> Response<Body> {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
    builder.body(body).expect("a response")
}
