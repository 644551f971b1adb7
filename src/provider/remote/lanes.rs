//! How many requests go to one server at once: as many as the user said, or else as connections carry.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

#[cfg(any(test, feature = "provider-aws"))]
use crate::http::MOST_CONNECTIONS;
use crate::http::{Client, Protocol};

use crate::provider::Terms;

/// How many requests go at once over one connection of HTTP/2: as many as servers are to allow at least
/// (RFC 9113, 6.5.2). Over HTTP/1.1 there are as many as connections.
const STREAMS: usize = 100;

/// The road to a server. It is narrow until a reply tells that it need not be.
#[derive(Debug)]
pub(in crate::provider) struct Lanes {
    free: Semaphore,
    /// How many there are, where the user said.
    fixed: Option<usize>,
    /// How many there are now.
    width: AtomicUsize,
}

impl Lanes {
    /// As many as connections to `client`'s server, unless the user said: then there may be as many connections.
    #[cfg(any(feature = "provider-1password", feature = "provider-gcp", feature = "provider-vault"))]
    pub(in crate::provider) fn new(terms: &Terms, client: &Client) -> Self {
        let lanes = Self::of(terms.concurrency, client.connections());
        lanes.open(client);
        lanes
    }

    /// The same before there is a client, which [`Self::open`] is told of then.
    #[cfg(feature = "provider-aws")]
    pub(in crate::provider) fn ahead(terms: &Terms) -> Self {
        Self::of(terms.concurrency, MOST_CONNECTIONS)
    }

    /// Lets a client have as many connections as the user said.
    pub(in crate::provider) fn open(&self, client: &Client) {
        if let Some(fixed) = self.fixed {
            client.allow(fixed);
        }
    }

    fn of(fixed: Option<usize>, width: usize) -> Self {
        let free = Semaphore::new(fixed.unwrap_or(width));
        Self { free, fixed, width: AtomicUsize::new(width) }
    }

    /// A turn to ask. Held until there is an answer.
    pub(in crate::provider) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there always is one.
        self.free.acquire().await.ok()
    }

    /// What a reply tells of the road: how it was spoken, and how many connections there may be by now.
    pub(in crate::provider) fn heed(&self, client: &Client, protocol: Protocol) {
        self.learn(protocol);
        self.widen(client.connections());
    }

    /// Widens the road where one connection carries many requests, unless the user said how wide it is.
    fn learn(&self, protocol: Protocol) {
        if protocol == Protocol::Http2 {
            self.widen(STREAMS);
        }
    }

    /// Widens the road to so many connections, unless the user said how wide it is. It does not become narrower.
    pub(in crate::provider) fn widen(&self, width: usize) {
        let before = self.width.fetch_max(width, Ordering::Relaxed);
        if self.fixed.is_none() {
            self.free.add_permits(width.saturating_sub(before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_road_is_widened_once_and_by_http_2_or_by_more_connections() {
        let lanes = Lanes::of(None, MOST_CONNECTIONS);
        lanes.learn(Protocol::Http1);
        lanes.widen(MOST_CONNECTIONS);
        assert_eq!(lanes.free.available_permits(), MOST_CONNECTIONS);
        lanes.widen(50);
        lanes.widen(MOST_CONNECTIONS);
        assert_eq!(lanes.free.available_permits(), 50);
        for _ in 0..2 {
            lanes.learn(Protocol::Http2);
            assert_eq!(lanes.free.available_permits(), STREAMS);
        }
    }

    #[test]
    fn what_the_user_said_stays() {
        let lanes = Lanes::of(Some(3), MOST_CONNECTIONS);
        lanes.learn(Protocol::Http2);
        lanes.widen(50);
        assert_eq!(lanes.free.available_permits(), 3);
    }
}
