//! Waits for the turn of an attempt: until its server is back, or it is the one that tries, and until its own pause is over.
//!
//! Invariant: whoever goes away, before its turn or while it asks, leaves its place, so that nobody waits behind it.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::sync::watch;

use super::outage::{Reason, Server, Ticket, Turn};
use super::{Cause, GaveUp, Patience, SHORTEST_ATTEMPT, Unasked};

/// Where those who ask one server meet.
#[derive(Clone, Default)]
pub(super) struct Shore(watch::Sender<Server>);

/// The place of one attempt among those who ask the same server.
pub(super) struct Place {
    server: watch::Sender<Server>,
    number: u64,
}

/// A request that is under way.
#[must_use]
pub(super) struct Asked<'a> {
    server: &'a watch::Sender<Server>,
    ticket: Ticket,
}

impl Place {
    pub(super) fn new(shore: &Shore) -> Self {
        let server = shore.0.clone();
        let mut number = 0;
        server.send_if_modified(|server| {
            number = server.number();
            false
        });
        Self { server, number }
    }

    fn turn(&self, now: Instant) -> Turn {
        let mut turn = Turn::Wait;
        // Those behind it learn that they are further to the front.
        self.server.send_if_modified(|server| {
            turn = server.turn(self.number, now);
            matches!(turn, Turn::Go(Ticket { tries: true, .. }))
        });
        turn
    }

    /// What the server's trouble is, in words.
    pub(super) fn words(&self) -> Option<String> {
        self.server.borrow().trouble().map(|(_, reason)| reason.words.clone())
    }

    /// Why there is no result at the deadline: what is true of the server now rather than what this attempt saw of it.
    pub(super) fn gave_up<E: Cause>(
        &self,
        last: Option<E>,
        asked: bool,
        begun: Instant,
        now: Instant,
    ) -> GaveUp<E> {
        let server = self.server.borrow();
        let known =
            server.trouble().and_then(|(since, reason)| Some((since, reason.cause.downcast_ref::<E>()?)));
        let passed = |since: Instant| now.saturating_duration_since(since.min(begun));
        match (known, server.asked()) {
            (Some((since, cause)), _) => {
                GaveUp::Deadline { last: Some(cause.clone()), waited: passed(since) }
            }
            (None, (first, answered)) if !asked => {
                GaveUp::Unasked(Unasked { answered, waited: passed(first.unwrap_or(begun)) })
            }
            (None, _) => GaveUp::Deadline { last, waited: passed(begun) },
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.send_if_modified(|server| server.leave(self.number));
    }
}

impl Asked<'_> {
    /// There was an answer, whichever.
    pub(super) fn answered(self, now: Instant) {
        let tries = self.ticket.tries;
        self.server.send_if_modified(|server| {
            server.answered(self.ticket, now);
            tries
        });
        std::mem::forget(self);
    }

    /// There was trouble that is the server's.
    pub(super) fn troubled(
        self,
        times: (Instant, Instant),
        reason: Reason,
        barred: Option<Instant>,
        pause: impl FnOnce(u32) -> Duration,
    ) {
        self.server.send_modify(|server| server.troubled(self.ticket, times, reason, barred, pause));
        std::mem::forget(self);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.server.send_if_modified(|server| {
            server.given_up(self.ticket);
            self.ticket.tries
        });
    }
}

impl Patience {
    /// Ends when an attempt may be made that has to rest until then; with nothing where none can follow.
    pub(super) async fn turn<'a>(&self, place: &'a Place, rested: Instant) -> Option<Asked<'a>> {
        let (clock, deadline) = (&self.0.clock, self.0.deadline);
        let last = deadline.checked_sub(SHORTEST_ATTEMPT).unwrap_or(deadline);
        let mut changes = place.server.subscribe();
        loop {
            let now = clock.now();
            if now >= deadline {
                return None;
            }
            changes.mark_unchanged();
            let wait = match place.turn(now) {
                Turn::Go(ticket) if ticket.tries || now >= rested => {
                    return Some(Asked { server: &place.server, ticket });
                }
                Turn::Go(_) => clock.pause(rested),
                _ if place.server.borrow().barred().is_some_and(|barred| barred > last) => return None,
                Turn::At(at) => clock.pause(at),
                Turn::Wait => clock.expire(deadline),
            };
            if let Either::Left((Err(_), _)) = select(pin!(changes.changed()), wait).await {
                return None;
            }
        }
    }
}
