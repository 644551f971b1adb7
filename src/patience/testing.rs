//! A clock for tests: time passes when somebody sleeps, and not otherwise.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{Clock, Patience, Sleep};
use crate::log::{Format, Level, Log, Stderr};

/// How much faster virtual time passes than real time, where exchanges are real.
const FASTER: u32 = 200;

/// What happens as time passes: it is told how much of it has.
type Watch = Box<dyn FnMut(Duration) + Send>;

/// Virtual time. Clones share it.
#[derive(Clone)]
pub(crate) struct Virtual {
    begun: Instant,
    state: Arc<Mutex<State>>,
    /// Told when a limit is no more.
    ended: Arc<Condvar>,
}

struct State {
    passed: Duration,
    attempts: Limit,
    watch: Option<Watch>,
    waiting: Vec<Waker>,
    /// The limits under which somebody waits, by number.
    limits: BTreeMap<u64, Instant>,
    numbers: u64,
}

/// What becomes of an attempt that is not ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// It is never ready, so its time is over at once.
    Hang,
    /// It is a real exchange, which takes no virtual time.
    Real,
    /// It is a real exchange, and takes as long as its server says.
    Told,
}

impl Virtual {
    /// A clock for attempts that are made up: one that is not ready hangs.
    pub(crate) fn new() -> Self {
        let state = State {
            passed: Duration::ZERO,
            attempts: Limit::Hang,
            watch: None,
            waiting: Vec::new(),
            limits: BTreeMap::new(),
            numbers: 0,
        };
        Self { begun: Instant::now(), state: Arc::new(Mutex::new(state)), ended: Arc::default() }
    }

    /// A clock for attempts at real servers that say themselves how long they take ([`Self::spend`]).
    pub(crate) fn of_replies() -> Self {
        let clock = Self::new();
        clock.state.lock().unwrap().attempts = Limit::Told;
        clock
    }

    /// A server takes so long over its answer. Whoever waited for less takes note before this returns.
    pub(crate) fn spend(&self, time: Duration) {
        let mut state = self.state.lock().unwrap();
        state.passed += time;
        let now = self.begun + state.passed;
        state.waiting.drain(..).for_each(Waker::wake);
        while state.limits.values().any(|until| *until <= now) {
            state = self.ended.wait(state).unwrap();
        }
    }

    /// A clock for attempts at real servers: only pauses take time, and `watch` sees it pass. It passes 200 times as fast
    /// as it does outside, so that exchanges which are under way can end meanwhile.
    pub(crate) fn of_pauses(watch: impl FnMut(Duration) + Send + 'static) -> Self {
        let clock = Self::new();
        let mut state = clock.state.lock().unwrap();
        state.attempts = Limit::Real;
        state.watch = Some(Box::new(watch));
        drop(state);
        clock
    }

    /// How much time has passed.
    pub(crate) fn passed(&self) -> Duration {
        self.state.lock().unwrap().passed
    }

    /// From now on attempts hang, and their time is over at once.
    pub(crate) fn hang(&self) {
        let mut state = self.state.lock().unwrap();
        state.attempts = Limit::Hang;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Patience of so many seconds from the beginning, always with the same chance.
    pub(crate) fn patience(&self, seconds: u64, chance: f64) -> Patience {
        self.until(self.begun + Duration::from_secs(seconds), chance)
    }

    /// Patience of so many seconds from now on.
    pub(crate) fn patience_from_now(&self, seconds: u64) -> Patience {
        self.until(self.now() + Duration::from_secs(seconds), 1.0)
    }

    fn until(&self, deadline: Instant, chance: f64) -> Patience {
        let log = Log::new(Level::Quiet, Format::Text, Stderr::Collected);
        Patience::with(deadline, log, Box::new(self.clone()), Box::new(move || chance))
    }

    fn pass(&self, until: Instant) {
        let mut state = self.state.lock().unwrap();
        state.passed = state.passed.max(until.saturating_duration_since(self.begun));
        let passed = state.passed;
        if let Some(watch) = &mut state.watch {
            watch(passed);
        }
    }
}

impl Clock for Virtual {
    fn now(&self) -> Instant {
        self.begun + self.passed()
    }

    /// Exchanges take no virtual time.
    fn noted(&self, _: Instant) -> Instant {
        self.now()
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        if self.state.lock().unwrap().attempts == Limit::Hang {
            self.pass(until);
            return Box::pin(std::future::ready(()));
        }
        Box::pin(async move {
            tokio::time::sleep(until.saturating_duration_since(self.now()) / FASTER).await;
            self.pass(until);
        })
    }

    fn expire(&self, until: Instant) -> Sleep<'_> {
        let clock = self.clone();
        if clock.state.lock().unwrap().attempts == Limit::Told {
            return Box::pin(Limited::new(clock, until));
        }
        // The deadline's is polled after the attempt's own future; the words' never says anything here.
        let mut polled = 0;
        Box::pin(std::future::poll_fn(move |context| {
            polled += 1;
            let mut state = clock.state.lock().unwrap();
            if state.attempts == Limit::Real {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            drop(state);
            if polled > 1 {
                clock.pass(until);
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

/// A limit that somebody waits under.
struct Limited {
    clock: Virtual,
    number: u64,
    until: Instant,
}

impl Limited {
    fn new(clock: Virtual, until: Instant) -> Self {
        let mut state = clock.state.lock().unwrap();
        state.numbers += 1;
        let number = state.numbers;
        state.limits.insert(number, until);
        drop(state);
        Self { clock, number, until }
    }
}

impl Future for Limited {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.until {
            return Poll::Ready(());
        }
        self.clock.state.lock().unwrap().waiting.push(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.clock.state.lock().unwrap().limits.remove(&self.number);
        self.clock.ended.notify_all();
    }
}

/// So many seconds.
pub(crate) fn after(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Runs a future that needs no runtime.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
