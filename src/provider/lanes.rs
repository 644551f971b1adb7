//! How many requests go to one server at once: as many as the user said, or else as connections carry.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::{MOST_CONNECTIONS, Protocol};

use super::Terms;

/// How many requests go at once over one connection of HTTP/2: as many as servers are to allow at least
/// (RFC 9113, 6.5.2). Over HTTP/1.1 there are as many as connections.
const STREAMS: usize = 100;

/// The road to a server. It is narrow until a reply tells that it need not be.
#[derive(Debug)]
pub(super) struct Lanes {
    free: Semaphore,
    /// How many there are, where the user said.
    fixed: Option<usize>,
    widened: AtomicBool,
}

impl Lanes {
    /// As many as connections, unless the user said.
    pub(super) fn new(terms: &Terms) -> Self {
        Self::of(terms.concurrency)
    }

    fn of(fixed: Option<usize>) -> Self {
        let free = Semaphore::new(fixed.unwrap_or(MOST_CONNECTIONS));
        Self { free, fixed, widened: AtomicBool::new(false) }
    }

    /// Others to the same server, all of them free: what these have learnt is true of them too.
    #[cfg(feature = "provider-vault")]
    pub(super) fn alike(&self) -> Self {
        let lanes = Self::of(self.fixed);
        if self.widened.load(Ordering::Relaxed) {
            lanes.learn(Protocol::Http2);
        }
        lanes
    }

    /// A turn to ask. Held until there is an answer.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there always is one.
        self.free.acquire().await.ok()
    }

    /// Widens the road where one connection carries many requests, unless the user said how wide it is.
    pub(super) fn learn(&self, protocol: Protocol) {
        if protocol == Protocol::Http2 && !self.widened.swap(true, Ordering::Relaxed) && self.fixed.is_none()
        {
            self.free.add_permits(STREAMS - MOST_CONNECTIONS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_road_is_widened_once_and_for_http_2_only() {
        let lanes = Lanes::new(&Terms::default());
        lanes.learn(Protocol::Http1);
        assert_eq!(lanes.free.available_permits(), MOST_CONNECTIONS);
        for _ in 0..2 {
            lanes.learn(Protocol::Http2);
            assert_eq!(lanes.free.available_permits(), STREAMS);
        }
    }

    #[test]
    fn what_the_user_said_stays() {
        let lanes = Lanes::new(&Terms { concurrency: Some(3), ..Terms::default() });
        lanes.learn(Protocol::Http2);
        assert_eq!(lanes.free.available_permits(), 3);
    }

    #[cfg(feature = "provider-vault")]
    #[test]
    fn others_begin_as_wide_as_these_have_become() {
        let lanes = Lanes::new(&Terms::default());
        assert_eq!(lanes.alike().free.available_permits(), MOST_CONNECTIONS);
        lanes.learn(Protocol::Http2);
        let alike = lanes.alike();
        alike.learn(Protocol::Http2);
        assert_eq!(alike.free.available_permits(), STREAMS);
    }
}
