//! A clock for tests: time passes when somebody sleeps, and not otherwise.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
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
}

struct State {
    passed: Duration,
    attempts: Limit,
    watch: Option<Watch>,
    waiting: Vec<Waker>,
}

/// What becomes of an attempt that is not ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// It is never ready, so its time is over at once.
    Hang,
    /// It is a real exchange, which takes no virtual time.
    Real,
}

impl Virtual {
    /// A clock for attempts that are made up: one that is not ready hangs.
    pub(crate) fn new() -> Self {
        let state = State { passed: Duration::ZERO, attempts: Limit::Hang, watch: None, waiting: Vec::new() };
        Self { begun: Instant::now(), state: Arc::new(Mutex::new(state)) }
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

    /// Patience of so many seconds, always with the same chance.
    pub(crate) fn patience(&self, seconds: u64, chance: f64) -> Patience {
        let deadline = self.begun + Duration::from_secs(seconds);
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

/// So many seconds.
pub(crate) fn after(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Runs a future that needs no runtime.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
