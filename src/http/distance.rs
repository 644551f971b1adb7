//! How far a server is, by what setting up a connection takes, and so how many connections it is worth: over one
//! that carries one request at a time, each request costs the whole way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// From there on a way is long: a second wave of requests would cost more than the connections that save it.
const FAR: Duration = Duration::from_millis(150);
/// How many connections a long way is worth, as many as HTTP/2 has streams at least (RFC 9113, 6.5.2).
const FAR_CONNECTIONS: usize = 100;

/// What takes one way there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// To whoever accepts the server's connections.
    Connection,
    /// A handshake of TLS.
    Handshake,
    /// A request and its reply.
    Exchange,
}

/// What is known of one server. Never forgets that it is far.
#[derive(Debug)]
pub(super) struct Distance {
    connections: AtomicUsize,
    /// Which trips were measured already.
    measured: [AtomicBool; 3],
}

impl Distance {
    /// Nothing is known yet, and so many connections are allowed.
    pub(super) fn new(connections: usize) -> Self {
        Self { connections: AtomicUsize::new(connections), measured: Default::default() }
    }

    /// Something took so long. The first of its kind counts, since it goes alone: thirty handshakes beside each other wait for
    /// this machine's processors, and not for the server.
    pub(super) fn measure(&self, trip: Trip, took: Duration) {
        let is_first = !self.measured[trip as usize].swap(true, Ordering::Relaxed);
        if is_first && took >= FAR {
            self.allow(FAR_CONNECTIONS);
        }
    }

    /// So many connections are allowed, if that is more than before.
    pub(super) fn allow(&self, connections: usize) {
        self.connections.fetch_max(connections.min(FAR_CONNECTIONS), Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_is_worth_more_connections_and_stays_so() {
        let distance = Distance::new(32);
        for (trip, near) in [(Trip::Connection, 0), (Trip::Handshake, 149)] {
            distance.measure(trip, Duration::from_millis(near));
            assert_eq!(distance.connections(), 32, "{near} ms");
        }
        distance.measure(Trip::Exchange, Duration::from_millis(200));
        distance.measure(Trip::Exchange, Duration::from_millis(1));
        assert_eq!(distance.connections(), 100);
    }

    #[test]
    fn what_goes_beside_others_tells_nothing_of_the_way() {
        let distance = Distance::new(32);
        for trip in [Trip::Connection, Trip::Handshake, Trip::Exchange] {
            distance.measure(trip, Duration::from_millis(1));
            distance.measure(trip, Duration::from_secs(1));
        }
        assert_eq!(distance.connections(), 32);
    }

    #[test]
    fn more_may_be_allowed_up_to_a_hundred_and_never_fewer() {
        let distance = Distance::new(32);
        for (allowed, connections) in [(3, 32), (64, 64), (1000, 100)] {
            distance.allow(allowed);
            assert_eq!(distance.connections(), connections);
        }
    }
}
