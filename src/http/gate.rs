//! How many connections a client opens, and when.
//!
//! A pool left to itself opens one for every request that finds none idle, also while others are being opened,
//! and opens it to the end when the request got another meanwhile: a hundred requests at once make more than a
//! hundred. Here the first connection is opened alone; further ones while there are more requests under way than
//! connections, up to a limit, which is one where it is HTTP/2. A request that waits here takes any connection
//! that becomes free, and there is one, or will be: that is what the counting is for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tower_layer::Layer;
use tower_service::Service;

/// From when a connection stands until it is where other requests find it: a few steps of the same thread.
const SETTLING: Duration = Duration::from_millis(5);

/// Connections that nobody used for so long may have been closed by the server.
const STALE: Duration = Duration::from_secs(1);

/// The gate of one client. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Gate(watch::Sender<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// Connections, at most.
    limit: usize,
    /// Connections that are being opened.
    opening: usize,
    /// Connections that stand, as far as is known.
    standing: usize,
    /// Requests under way.
    active: usize,
    /// When the last of them ended.
    ended: Option<Instant>,
}

impl State {
    /// Whether another connection may be opened.
    fn is_free(&self) -> bool {
        match self.standing + self.opening {
            0 => true,
            _ if self.standing == 0 => false,
            all => all < self.limit.min(self.active),
        }
    }
}

impl Gate {
    pub(super) fn new(limit: usize) -> Self {
        Self(watch::Sender::new(State { limit, opening: 0, standing: 0, active: 0, ended: None }))
    }

    /// Ends when a connection has been opened, and requests that are made then find it.
    pub(super) async fn stands(&self) {
        // The sender lives as long as this, so it cannot have gone: no wait here ends in an error.
        let _ = self.0.subscribe().wait_for(|state| state.standing > 0).await;
        tokio::time::sleep(SETTLING).await;
    }

    /// A request begins. It is under way until what is returned goes, and given up where that did not end first.
    pub(super) fn begin(&self) -> Active {
        self.0.send_modify(|state| {
            if state.active == 0 && state.ended.is_some_and(|ended| ended.elapsed() > STALE) {
                state.standing = 0;
            }
            state.active += 1;
        });
        Active { state: self.0.clone(), is_given_up: true }
    }

    /// A connection was ended.
    pub(super) fn closed(&self) {
        self.0.send_modify(|state| state.standing = state.standing.saturating_sub(1));
    }

    /// Nothing is known any more of the connections that stood.
    pub(super) fn forget(&self) {
        self.0.send_modify(|state| state.standing = 0);
    }

    /// One connection is enough.
    pub(super) fn share(&self) {
        self.0.send_if_modified(|state| std::mem::replace(&mut state.limit, 1) != 1);
    }

    /// Ends when a connection may be opened.
    async fn enter(&self) -> Opening {
        let mut seen = self.0.subscribe();
        loop {
            let entered = self.0.send_if_modified(|state| {
                let free = state.is_free();
                state.opening += usize::from(free);
                free
            });
            if entered {
                return Opening { state: self.0.clone(), opened: 0 };
            }
            let _ = seen.wait_for(State::is_free).await;
        }
    }
}

/// A request that is under way.
pub(super) struct Active {
    state: watch::Sender<State>,
    is_given_up: bool,
}

impl Active {
    /// There is a reply, or an error.
    pub(super) fn end(mut self) {
        self.is_given_up = false;
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.state.send_modify(|state| {
            state.active -= 1;
            state.ended = Some(Instant::now());
            // Its connection goes with it; or it waited for one that never became free.
            state.standing -= usize::from(self.is_given_up).min(state.standing);
        });
    }
}

/// A connection that is being opened; when this goes it is open, or never will be.
struct Opening {
    state: watch::Sender<State>,
    opened: usize,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.state.send_modify(|state| {
            state.opening -= 1;
            state.standing += self.opened;
        });
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { gate: self.clone(), inner }
    }
}

/// A connector behind the gate.
#[derive(Clone)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S, R> Service<R> for Gated<S>
where
    S: Service<R> + Clone + Send + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        // The one that is ready is used, and a clone is left to become so.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();
        Box::pin(async move {
            let mut opening = gate.enter().await;
            let connection = inner.call(target).await;
            opening.opened = usize::from(connection.is_ok());
            connection
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::http::testing::run;

    fn open(gate: &Gate) -> Option<Opening> {
        gate.enter().now_or_never()
    }

    fn stand(opening: Option<Opening>) {
        opening.unwrap().opened = 1;
    }

    #[test]
    fn the_first_goes_alone_and_the_others_when_it_stands_up_to_the_limit() {
        let gate = Gate::new(3);
        let _requests: Vec<Active> = (0..9).map(|_| gate.begin()).collect();
        let first = open(&gate);
        assert!(first.is_some() && open(&gate).is_none());
        stand(first);
        let (second, third) = (open(&gate), open(&gate));
        assert!(second.is_some() && third.is_some() && open(&gate).is_none());
        stand(second);
        stand(third);
        assert!(open(&gate).is_none());
        gate.closed();
        assert!(open(&gate).is_some());
    }

    #[test]
    fn there_are_no_more_connections_than_requests() {
        let gate = Gate::new(9);
        let first = gate.begin();
        stand(open(&gate));
        assert!(open(&gate).is_none());
        let second = gate.begin();
        stand(open(&gate));
        first.end();
        second.end();
        let _third = gate.begin();
        assert!(open(&gate).is_none());
    }

    #[test]
    fn one_that_does_not_come_about_makes_room_for_the_next_at_once() {
        let gate = Gate::new(3);
        let _request = gate.begin();
        drop(open(&gate));
        assert!(open(&gate).is_some());
    }

    #[test]
    fn one_connection_that_is_shared_is_enough_until_it_is_lost() {
        let gate = Gate::new(3);
        let _requests: Vec<Active> = (0..9).map(|_| gate.begin()).collect();
        stand(open(&gate));
        gate.share();
        assert!(open(&gate).is_none());
        gate.forget();
        assert!(open(&gate).is_some());
    }

    #[test]
    fn a_request_that_is_given_up_takes_its_connection_along() {
        let gate = Gate::new(3);
        let request = gate.begin();
        stand(open(&gate));
        drop(request);
        let _next = gate.begin();
        assert!(open(&gate).is_some());
    }

    #[test]
    fn who_waits_is_woken_when_there_is_room() {
        run(async {
            let gate = Gate::new(2);
            let _requests = (gate.begin(), gate.begin());
            let first = open(&gate);
            let second = gate.enter();
            let third = async { stand(first) };
            let _second = futures_util::future::join(second, third).await;
            gate.stands().await;
        });
    }
}
