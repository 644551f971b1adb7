//! The servers of one cluster, to which kz's token may go: the one address that it was told, or several.
//!
//! They are tried in turn, beginning with the one that served last, and a redirect may lead from one to another. Invariant:
//! nothing goes to a server that is none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Request, Uri, header};
use futures_util::future::select_all;

use crate::http::{self, Address, Client, Reply};
use crate::patience::Concern;
use crate::provider::Terms;
use crate::provider::remote::lanes::Lanes;

use super::trouble::Trouble;

/// How often a redirect is followed.
const REDIRECTS: usize = 2;

/// The servers, and how many requests go to them at once.
#[derive(Clone)]
pub(super) struct Servers {
    pub(super) nodes: Arc<Nodes>,
    pub(super) lanes: Arc<Lanes>,
}

impl Servers {
    pub(super) fn new(nodes: Nodes, terms: &Terms) -> Self {
        let lanes = Lanes::new(terms, nodes.preferred());
        if let Some(fixed) = terms.concurrency {
            nodes.allow(fixed);
        }
        Self { nodes: Arc::new(nodes), lanes: Arc::new(lanes) }
    }
}

/// A client for each of them; there is always one.
#[derive(Debug)]
pub(super) struct Nodes {
    first: Client,
    others: Vec<Client>,
    /// The one to ask first.
    preferred: AtomicUsize,
}

impl Nodes {
    pub(super) fn new(first: Client, others: Vec<Client>) -> Self {
        Self { first, others, preferred: AtomicUsize::new(0) }
    }

    fn all(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The client of this number.
    pub(super) fn client(&self, number: usize) -> &Client {
        number.checked_sub(1).and_then(|other| self.others.get(other)).unwrap_or(&self.first)
    }

    /// The one to ask first.
    pub(super) fn preferred(&self) -> &Client {
        self.client(self.preferred.load(Ordering::Relaxed))
    }

    /// The numbers of all, beginning with the one to ask first.
    fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, number) = (self.preferred.load(Ordering::Relaxed), self.others.len() + 1);
        (0..number).map(move |step| (first + step) % number)
    }

    /// From now on this one is asked first.
    fn prefer(&self, number: usize) {
        self.preferred.store(number % (self.others.len() + 1), Ordering::Relaxed);
    }

    /// The one that has this origin.
    fn of_origin(&self, origin: &str) -> Option<usize> {
        self.all().position(|client| client.address().origin() == origin)
    }

    /// Where a path of the API is on this one.
    fn target(&self, number: usize, path: &str) -> Option<Uri> {
        let client = self.client(number);
        format!("{}{}{path}", client.origin(), client.address().prefix()).parse().ok()
    }

    /// All of them, as messages name them.
    pub(super) fn names(&self, name: impl Fn(&Address) -> String) -> String {
        self.all().map(|client| name(client.address())).collect::<Vec<_>>().join(", ")
    }

    /// Whether there are several.
    pub(super) fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// `host:port` of the proxy on the way.
    pub(super) fn proxy(&self) -> Option<&str> {
        self.first.proxy()
    }

    /// Ends when a connection to one of them stands.
    pub(super) async fn stands(&self) {
        select_all(self.all().map(|client| Box::pin(client.stands()))).await;
    }

    /// How many connections there are at most to the one that is asked.
    pub(super) fn connections(&self) -> usize {
        self.preferred().connections()
    }

    /// Allows so many connections to each.
    pub(super) fn allow(&self, connections: usize) {
        self.all().for_each(|client| client.allow(connections));
    }

    /// Sends a request to one server after the other, until one of them has more to say than that it is of no use for now,
    /// which `is_away` tells of a reply. `note` is told of each time that it was sent.
    pub(super) async fn send(
        &self,
        request: &Request<Vec<u8>>,
        note: impl Fn(Result<&Reply, &http::Error>),
        is_away: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Trouble> {
        let mut said = Err(Trouble::Circle);
        for number in self.in_turn() {
            let (served, result) = self.follow(number, request, &note).await;
            let is_away = match &result {
                Ok(reply) => is_away(reply),
                Err(trouble) => matches!(trouble.concern(), Some(Concern::Way | Concern::Server)),
            };
            if !is_away {
                // One that was silent is asked after the others next time.
                let is_lost = result.as_ref().is_err_and(|trouble| trouble.concern().is_some());
                self.prefer(if is_lost { served + 1 } else { served });
                return result;
            }
            // A server that answers says more than one that nobody reaches.
            if said.is_err() {
                said = result;
            }
        }
        said
    }

    /// Sends a request, and follows where a standby sends it, as long as that is a server that kz was told of. Tells which
    /// it was that served.
    async fn follow(
        &self,
        number: usize,
        request: &Request<Vec<u8>>,
        note: &impl Fn(Result<&Reply, &http::Error>),
    ) -> (usize, Result<Reply, Trouble>) {
        let mut at = number;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let Some(mut target) = self.target(at, path) else {
            return (at, Err(Trouble::Connection(http::Error::Request)));
        };
        for _ in 0..=REDIRECTS {
            let mut sent = request.clone();
            *sent.uri_mut() = target.clone();
            let sent = self.client(at).send(sent).await;
            note(sent.as_ref());
            let reply = match sent {
                Ok(reply) if matches!(reply.status.as_u16(), 301 | 302 | 307 | 308) => reply,
                Ok(reply) => return (at, Ok(reply)),
                Err(http::Error::Undecided(error)) => {
                    return (at, Err(Trouble::Undecided(Box::new(Trouble::Connection(*error)))));
                }
                Err(error) => return (at, Err(Trouble::Connection(error))),
            };
            match self.sent_on(at, path, &target, &reply) {
                Ok((other, uri)) => (at, target) = (other, uri),
                Err(trouble) => return (at, Err(trouble)),
            }
        }
        (at, Err(Trouble::Circle))
    }

    /// Where a redirect leads: elsewhere on the same server, or to the same path on another of the cluster.
    fn sent_on(&self, at: usize, path: &str, from: &Uri, reply: &Reply) -> Result<(usize, Uri), Trouble> {
        let nowhere = || Trouble::Status(reply.status, None);
        let location = reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let led = location.and_then(|location| self.client(at).redirected(&from.to_string(), location));
        match led.ok_or_else(nowhere)? {
            Ok(uri) => Ok((at, uri)),
            Err(origin) => {
                let other = self.of_origin(&origin).ok_or(Trouble::Elsewhere(origin))?;
                Ok((other, self.target(other, path).ok_or_else(nowhere)?))
            }
        }
    }
}
