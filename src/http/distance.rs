//! How far a server is, by what setting up a connection takes, and so how many connections it is worth: over one
//! that carries one request at a time, each request costs the whole way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// From there on a way is long: a second wave of requests would cost more than the connections that save it.
const FAR: Duration = Duration::from_millis(150);
/// How many connections a long way is worth, as many as HTTP/2 has streams at least (RFC 9113, 6.5.2).
const FAR_CONNECTIONS: usize = 100;

/// What is known of one server. Never forgets that it is far.
#[derive(Debug)]
pub(super) struct Distance(AtomicUsize);

impl Distance {
    /// Nothing is known yet, and so many connections are allowed.
    pub(super) fn new(connections: usize) -> Self {
        Self(AtomicUsize::new(connections))
    }

    /// Something that takes one way there and back took so long.
    pub(super) fn measure(&self, took: Duration) {
        if took >= FAR {
            self.allow(FAR_CONNECTIONS);
        }
    }

    /// So many connections are allowed, if that is more than before.
    pub(super) fn allow(&self, connections: usize) {
        self.0.fetch_max(connections.min(FAR_CONNECTIONS), Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_is_worth_more_connections_and_stays_so() {
        let distance = Distance::new(32);
        for near in [0, 20, 149] {
            distance.measure(Duration::from_millis(near));
            assert_eq!(distance.connections(), 32, "{near} ms");
        }
        distance.measure(Duration::from_millis(200));
        distance.measure(Duration::from_millis(1));
        assert_eq!(distance.connections(), 100);
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
