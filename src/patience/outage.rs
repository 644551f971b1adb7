//! What is known of one server while requests wait for it: a state machine without I/O, the time is a parameter.
//!
//! What is true of a server is found out once for all who ask it: when one request meets it, the others stay where
//! they are, one of them in turn tries again, and with its answer all go on. Invariants: only a request that was begun
//! since the last change tells of a change; a request that takes long holds up nobody for longer than
//! [`SLOW`]; a server that answers some and not others is tried by twice as many at each relapse, so that
//! the answers that it does give are not waited for one by one.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A try that took so long is no longer waited for before the next.
const SLOW: Duration = Duration::from_secs(1);
/// A server that is away again within this time answers some and not others.
const RELAPSE: Duration = Duration::from_secs(5);
/// So many tries in a row without an answer, beyond two of each that may go at once, and it is one that is away.
const ROW: usize = 16;

/// Whose trouble it is that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The request's: another may fare better.
    Request,
    /// The server's: it answers, and nobody gets anything from it for now, since it is sealed, a standby, overloaded.
    Server,
    /// There is no way to the server: nobody listens, or its name leads nowhere. To try costs little.
    Way,
}

/// What the server's trouble is: a cause for those who can read it, and its words.
#[derive(Clone)]
pub(super) struct Reason {
    pub(super) cause: Arc<dyn Any + Send + Sync>,
    pub(super) words: String,
}

/// One server, as those who ask it see it.
#[derive(Default)]
pub(super) struct Server {
    away: Option<Away>,
    /// Counts the changes between being there and being away.
    spell: u64,
    /// How many may try at once while it is away, less one.
    further: usize,
    /// When it last came back.
    back: Option<Instant>,
    /// Until when it asked all to stay away.
    barred: Option<Instant>,
    /// Those who wait for it to come back, in the order in which they try.
    queue: VecDeque<u64>,
    /// How many numbers were given out.
    numbers: u64,
    /// When it was first asked.
    first: Option<Instant>,
    /// Whether it ever answered.
    answered: bool,
}

/// A server that is away.
struct Away {
    /// From when on somebody waits for it.
    since: Instant,
    reason: Reason,
    /// Rounds of tries that failed.
    failures: u32,
    /// When it is tried again.
    next: Instant,
    /// Tries under way.
    tries: usize,
    /// When the last of them began.
    tried: Option<Instant>,
    /// Tries in a row that failed.
    row: usize,
}

/// What a request is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask.
    Go(Ticket),
    /// It is its turn, at this time unless something changes.
    At(Instant),
    /// Wait until something changes.
    Wait,
}

/// When a request was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    spell: u64,
    /// Whether it tries if the server is back.
    pub(super) tries: bool,
}

impl Server {
    /// A number for somebody who is going to ask.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// What the request of this number is to do.
    pub(super) fn turn(&mut self, number: u64, now: Instant) -> Turn {
        let (at_once, spell) = (self.further + 1, self.spell);
        let Some(away) = &mut self.away else {
            self.queue.retain(|waiting| *waiting != number);
            self.first.get_or_insert(now);
            return Turn::Go(Ticket { spell, tries: false });
        };
        let place = self.queue.iter().position(|waiting| *waiting == number).unwrap_or_else(|| {
            self.queue.push_back(number);
            self.queue.len() - 1
        });
        let mut at = self.barred.map_or(away.next, |barred| barred.max(away.next));
        if place + away.tries >= at_once {
            match away.tried {
                Some(tried) if place == 0 => at = at.max(tried + SLOW),
                _ => return Turn::Wait,
            }
        }
        if now < at {
            return Turn::At(at);
        }
        self.queue.remove(place);
        away.tries += 1;
        away.tried = Some(now);
        Turn::Go(Ticket { spell, tries: true })
    }

    /// The request of this number waits no longer. Tells whether somebody else's turn may have come.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let before = self.queue.len();
        self.queue.retain(|waiting| *waiting != number);
        self.queue.len() != before
    }

    /// A request was given up without an answer.
    pub(super) fn given_up(&mut self, ticket: Ticket) {
        if let Some(away) = self.away.as_mut().filter(|_| ticket.tries && ticket.spell == self.spell) {
            away.tries = away.tries.saturating_sub(1);
        }
    }

    /// A request came to an answer, whichever: the server is there.
    pub(super) fn answered(&mut self, ticket: Ticket, now: Instant) {
        self.answered = true;
        self.given_up(ticket);
        let is_barred = self.barred.is_some_and(|barred| now < barred);
        if self.away.is_some() && ticket.spell == self.spell && !is_barred {
            self.away = None;
            self.spell += 1;
            self.back = Some(now);
        }
    }

    /// A request met trouble that is the server's. `pause` tells how long to stay away after so many failures;
    /// `barred` is until when the server asked to.
    pub(super) fn troubled(
        &mut self,
        ticket: Ticket,
        (begun, now): (Instant, Instant),
        reason: Reason,
        barred: Option<Instant>,
        pause: impl FnOnce(u32) -> Duration,
    ) {
        self.given_up(ticket);
        self.barred = self.barred.max(barred);
        match &mut self.away {
            None if ticket.spell == self.spell || barred.is_some() => {
                let is_relapse = self.back.is_some_and(|back| now < back + RELAPSE);
                self.further = if is_relapse { self.further * 2 + 1 } else { 0 };
                self.spell += 1;
                let next = now + pause(0);
                self.away =
                    Some(Away { since: begun, reason, failures: 0, next, tries: 0, tried: None, row: 0 });
            }
            // It was begun before the server was back.
            None => {}
            Some(away) => {
                away.reason = reason;
                if ticket.spell != self.spell {
                    return;
                }
                // Several may have tried at once: that is one round.
                if now >= away.next {
                    away.failures += 1;
                    away.next = now + pause(away.failures);
                }
                away.row += 1;
                if away.row > ROW + 2 * (self.further + 1) {
                    self.further = 0;
                }
            }
        }
    }

    /// Why nobody gets anything from it, and from when on somebody waits for that to pass.
    pub(super) fn trouble(&self) -> Option<(Instant, &Reason)> {
        self.away.as_ref().map(|away| (away.since, &away.reason))
    }

    /// Until when it asked to stay away, where it still is.
    pub(super) fn barred(&self) -> Option<Instant> {
        self.barred.filter(|_| self.away.is_some())
    }

    /// From when on it was asked, and whether it ever answered.
    pub(super) fn asked(&self) -> (Option<Instant>, bool) {
        (self.first, self.answered)
    }
}
