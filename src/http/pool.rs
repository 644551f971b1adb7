//! Which connections of one server stand, who uses them, and when another is opened. Pure but for waking: it is
//! told of each connection when it stands and when it has ended, and guesses nothing.
//!
//! The first connection is opened alone; further ones while more requests wait than are being opened, up to a
//! limit. One that requests share is enough. A request that waits takes any connection that becomes free.
//! Invariant: what is counted as standing is in the table until its end is told, by its own task or by whoever
//! gave it up; nobody waits for a connection while nothing stands and nothing is being opened.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::error::Error;

/// Connections that nobody used for so long are not used again: something on the way may have forgotten them.
const STALE: Duration = Duration::from_secs(90);

/// A connection as requests see it.
pub(super) trait Line: Send + Sized + 'static {
    /// The same once more, where several requests share it.
    fn share(&self) -> Option<Self>;
    /// Whether it is known to take no further request.
    fn is_closed(&self) -> bool;
}

/// The connections of one client. Clones share them.
pub(super) struct Pool<L: Line>(Arc<Inner<L>>);

struct Inner<L: Line> {
    state: Mutex<State<L>>,
    /// How many stand, for those who wait for the first.
    standing: watch::Sender<usize>,
    /// How many there are at most.
    most: Box<dyn Fn() -> usize + Send + Sync>,
    /// Begins to open one.
    open: Box<dyn Fn(Opening<L>) + Send + Sync>,
}

struct State<L: Line> {
    /// Connections, as far as the server takes them.
    taken: usize,
    opening: usize,
    /// Connections that are between two requests: they will be free at once, or ended.
    settling: usize,
    standing: Vec<u64>,
    /// Those that are free, the one last used at the end.
    idle: Vec<Kept<L>>,
    shared: Option<Kept<L>>,
    waiting: VecDeque<oneshot::Sender<Result<Taken<L>, Error>>>,
    next: u64,
}

struct Kept<L> {
    id: u64,
    line: L,
    /// Whether a reply has come over it.
    carried: Arc<AtomicBool>,
    users: usize,
    used: Instant,
}

impl<L: Line> Kept<L> {
    fn is_usable(&self) -> bool {
        !self.line.is_closed() && (self.users > 0 || self.used.elapsed() < STALE)
    }
}

impl<L: Line> State<L> {
    fn may_open(&mut self, most: usize) -> bool {
        self.waiting.retain(|waiting| !waiting.is_closed());
        let all = self.standing.len() + self.opening;
        match (self.standing.len(), self.opening) {
            _ if self.waiting.len() <= self.opening + self.settling || self.shared.is_some() => false,
            (0, 0) => true,
            (0, _) => false,
            _ => all < most.min(self.taken),
        }
    }

    fn forget(&mut self, id: u64) {
        self.standing.retain(|standing| *standing != id);
        self.idle.retain(|kept| kept.id != id);
        if self.shared.as_ref().is_some_and(|kept| kept.id == id) {
            self.shared = None;
        }
        if self.standing.is_empty() {
            self.taken = usize::MAX;
        }
    }
}

impl<L: Line> Pool<L> {
    /// A pool of as many connections as `most` says. `open` begins to open one, and answers through what it is
    /// given.
    pub(super) fn new(
        most: impl Fn() -> usize + Send + Sync + 'static,
        open: impl Fn(Opening<L>) + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            taken: usize::MAX,
            opening: 0,
            settling: 0,
            standing: Vec::new(),
            idle: Vec::new(),
            shared: None,
            waiting: VecDeque::new(),
            next: 0,
        };
        let (state, standing) = (Mutex::new(state), watch::Sender::new(0));
        Self(Arc::new(Inner { state, standing, most: Box::new(most), open: Box::new(open) }))
    }

    /// Ends when a connection stands.
    pub(super) async fn stands(&self) {
        // The sender lives as long as this, so it cannot have gone: no wait here ends in an error.
        let _ = self.0.standing.subscribe().wait_for(|standing| *standing > 0).await;
    }

    /// A connection for one request, or why there is none.
    pub(super) async fn take(&self) -> Result<Taken<L>, Error> {
        let receiver = {
            let mut state = self.0.state();
            if let Some(taken) = Inner::free(&self.0, &mut state) {
                return Ok(taken);
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        Inner::pump(&self.0);
        receiver.await.unwrap_or(Err(Error::Other))
    }
}

impl<L: Line> Inner<L> {
    fn state(&self) -> MutexGuard<'_, State<L>> {
        // What is guarded here is whole between two statements, so a panic elsewhere does not matter.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens connections as long as that is allowed.
    fn pump(this: &Arc<Self>) {
        let mut state = this.state();
        let mut begun = 0;
        let most = (this.most)();
        while state.may_open(most) {
            state.opening += 1;
            begun += 1;
        }
        this.standing.send_if_modified(|known| std::mem::replace(known, state.standing.len()) != *known);
        drop(state);
        for _ in 0..begun {
            (this.open)(Opening { pool: Arc::downgrade(this), is_open: true });
        }
    }

    /// One that is free now. Those that are no longer of use are forgotten on the way.
    fn free(this: &Arc<Self>, state: &mut State<L>) -> Option<Taken<L>> {
        if let Some(kept) = &mut state.shared {
            if let Some(line) = kept.line.share().filter(|_| kept.is_usable()) {
                kept.users += 1;
                return Some(Taken::of(this, kept.id, line, &kept.carried));
            }
            let id = kept.id;
            state.forget(id);
        }
        while let Some(kept) = state.idle.pop() {
            if kept.is_usable() {
                return Some(Taken::of(this, kept.id, kept.line, &kept.carried));
            }
            state.forget(kept.id);
        }
        None
    }

    /// Hands a connection that is free to who waits longest, or keeps it.
    fn put(this: &Arc<Self>, id: u64, line: L, carried: &Arc<AtomicBool>) {
        let mut state = this.state();
        if !state.standing.contains(&id) {
            return;
        }
        if let Some(waiting) = state.waiting.pop_front() {
            drop(state);
            // Who has gone meanwhile gives it back by dropping it.
            let _ = waiting.send(Ok(Taken::of(this, id, line, carried)));
            return;
        }
        let carried = Arc::clone(carried);
        state.idle.push(Kept { id, line, carried, users: 0, used: Instant::now() });
        if state.idle.len() == state.standing.len() {
            state.taken = usize::MAX;
        }
    }

    fn forget(this: &Arc<Self>, id: u64) {
        this.state().forget(id);
        Self::pump(this);
    }
}

/// A connection that is being opened. When this goes without an answer, it never will be.
pub(super) struct Opening<L: Line> {
    pool: Weak<Inner<L>>,
    is_open: bool,
}

impl<L: Line> Opening<L> {
    /// It stands. What is returned is to be dropped when it has ended.
    pub(super) fn done(mut self, line: L) -> Option<Standing<L>> {
        self.is_open = false;
        let pool = self.pool.upgrade()?;
        let carried = Arc::new(AtomicBool::new(false));
        let mut state = pool.state();
        let id = state.next;
        state.next += 1;
        state.opening -= 1;
        state.standing.push(id);
        if line.share().is_some() {
            state.shared = Some(Kept { id, line, carried, users: 0, used: Instant::now() });
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            for waiting in waiting {
                let taken = Inner::free(&pool, &mut pool.state()).ok_or(Error::Closed);
                let _ = waiting.send(taken);
            }
        } else {
            drop(state);
            Inner::put(&pool, id, line, &carried);
        }
        Inner::pump(&pool);
        Some(Standing { pool: Weak::clone(&self.pool), id })
    }

    /// It does not come about. While others stand nobody needs it; else all who wait are told.
    pub(super) fn failed(mut self, error: &Error) {
        self.is_open = false;
        self.end(error);
    }

    fn end(&self, error: &Error) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut state = pool.state();
        state.opening -= 1;
        let rest = state.standing.len() + state.opening;
        let told = if rest > 0 {
            state.taken = rest;
            VecDeque::new()
        } else {
            std::mem::take(&mut state.waiting)
        };
        // Neither who is told nor the pump finds it locked.
        drop(state);
        for waiting in told {
            let _ = waiting.send(Err(error.clone()));
        }
        Inner::pump(&pool);
    }
}

impl<L: Line> Drop for Opening<L> {
    fn drop(&mut self) {
        if self.is_open {
            self.end(&Error::Other);
        }
    }
}

/// The life of a connection.
pub(super) struct Standing<L: Line> {
    pool: Weak<Inner<L>>,
    id: u64,
}

impl<L: Line> Drop for Standing<L> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            Inner::forget(&pool, self.id);
        }
    }
}

/// A connection in the hands of one request.
pub(super) struct Taken<L: Line> {
    pool: Weak<Inner<L>>,
    id: u64,
    line: Option<L>,
    carried: Arc<AtomicBool>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unused,
    Used,
    Settling,
}

impl<L: Line> Taken<L> {
    fn of(pool: &Arc<Inner<L>>, id: u64, line: L, carried: &Arc<AtomicBool>) -> Self {
        let (pool, carried) = (Arc::downgrade(pool), Arc::clone(carried));
        Self { pool, id, line: Some(line), carried, stage: Stage::Unused }
    }

    /// To send a request. From then on it goes with the request, unless it is given back.
    pub(super) fn line(&mut self) -> Option<&mut L> {
        if self.stage == Stage::Unused {
            self.stage = Stage::Used;
        }
        self.line.as_mut()
    }

    /// Whether a reply has come over it, to any request.
    pub(super) fn has_carried(&self) -> bool {
        self.carried.load(Ordering::Relaxed)
    }

    /// A reply is here, and the connection will be free at once, or have ended: nobody opens another meanwhile. One that
    /// requests share is nobody's to wait for.
    pub(super) fn settle(&mut self) {
        self.carried.store(true, Ordering::Relaxed);
        let is_alone = self.line.as_ref().is_some_and(|line| line.share().is_none());
        if let Some(pool) = self.pool.upgrade().filter(|_| is_alone && self.stage != Stage::Settling) {
            self.stage = Stage::Settling;
            pool.state().settling += 1;
        }
    }

    /// It is free again.
    pub(super) fn give_back(mut self) {
        self.leave(true);
    }

    /// It takes no further requests, though it may still carry others.
    pub(super) fn retire(self) {
        if let Some(pool) = self.pool.upgrade() {
            Inner::forget(&pool, self.id);
        }
    }

    fn leave(&mut self, is_free: bool) {
        let (Some(line), Some(pool)) = (self.line.take(), self.pool.upgrade()) else { return };
        let mut state = pool.state();
        if self.stage == Stage::Settling {
            state.settling -= 1;
        }
        if let Some(kept) = state.shared.as_mut().filter(|kept| kept.id == self.id) {
            kept.users = kept.users.saturating_sub(1);
            kept.used = Instant::now();
        }
        drop(state);
        if line.share().is_some() {
            // Who waited for this one to settle may need another now.
            Inner::pump(&pool);
            return;
        }
        if is_free {
            Inner::put(&pool, self.id, line, &self.carried);
            Inner::pump(&pool);
        } else {
            drop(line);
            Inner::forget(&pool, self.id);
        }
    }
}

impl<L: Line> Drop for Taken<L> {
    fn drop(&mut self) {
        // What was given up in the middle of a request ends with it.
        let is_free = self.stage == Stage::Unused;
        self.leave(is_free);
    }
}

#[cfg(test)]
mod tests;
