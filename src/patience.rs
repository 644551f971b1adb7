//! How long kz waits for a backend: the one rule of attempts, pauses and the deadline (design.md §3).
//!
//! An attempt ends in a verdict: done, final, or again. Between attempts lies a pause: exponential, with full
//! jitter, or what the backend asked for. Nothing begins after the deadline, and what is under way then is
//! dropped. While it waits, kz says what for. Invariant: neither clock nor chance is read elsewhere.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::log::Log;

/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause of kz's own choosing is longer, so that it notices within this time that a backend is up.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// With less than this left no further attempt is made.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);
/// When kz first says that it waits, and how often from then on.
const FIRST_WORD: Duration = Duration::from_secs(1);
const NEXT_WORD: Duration = Duration::from_secs(10);

/// What one attempt came to.
#[must_use]
#[derive(Debug)]
pub enum Attempt<T, E> {
    /// It succeeded.
    Done(T),
    /// It failed, and would again.
    Final(E),
    /// It failed in a way that passes; perhaps the backend said how long to stay away.
    Again(E, Option<Duration>),
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GaveUp<E> {
    /// An attempt failed for good.
    Final(E),
    /// The deadline came, or the backend asked to stay away beyond it.
    Deadline {
        /// What the last attempt that ended said; nothing where none did.
        last: Option<E>,
        /// How long it was tried.
        waited: Duration,
    },
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Instant;
    /// Sleeps between attempts.
    fn pause(&self, until: Instant) -> Sleep<'_>;
    /// Ends when what is under way has had its time.
    fn expire(&self, until: Instant) -> Sleep<'_> {
        self.pause(until)
    }
}

/// The end of a time.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The real clock. Needs a runtime with time.
struct Real;

impl Clock for Real {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        Box::pin(tokio::time::sleep_until(until.into()))
    }
}

/// A number from 0 to 1, chosen anew at each call.
pub type Chance = Box<dyn Fn() -> f64 + Send + Sync>;

/// Chance enough to keep a hundred containers from knocking at the same moment: std seeds it from the system.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    // 53 bits: as many as a f64 holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "both numbers have at most 53 bits")]
    let number = bits as f64 / (1_u64 << 53) as f64;
    number
}

/// The deadline of everything, and how to wait until then. Clones share it.
#[derive(Clone)]
pub struct Patience(Arc<Shared>);

struct Shared {
    deadline: Instant,
    clock: Box<dyn Clock>,
    chance: Chance,
    log: Log,
    /// When kz last said that it waits for this.
    said: Mutex<BTreeMap<String, Instant>>,
}

impl fmt::Debug for Patience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Patience {{ deadline: {:?} }}", self.0.deadline)
    }
}

impl Patience {
    /// Patience until `deadline`.
    pub fn until(deadline: Instant, log: Log) -> Self {
        Self::with(deadline, log, Box::new(Real), Box::new(chance))
    }

    /// The same with another clock and other chance.
    pub fn with(deadline: Instant, log: Log, clock: Box<dyn Clock>, chance: Chance) -> Self {
        Self(Arc::new(Shared { deadline, clock, chance, log, said: Mutex::default() }))
    }

    /// Attempts until one is done or final, or the deadline comes. `subject` is whom it waits for, as in
    /// `vault.internal:8200`: several that wait for the same say so once.
    pub async fn attempt<T, E, F>(&self, subject: &str, mut once: impl FnMut() -> F) -> Result<T, GaveUp<E>>
    where
        E: Display,
        F: Future<Output = Attempt<T, E>>,
    {
        let reason = Mutex::new(None);
        let attempts = pin!(self.attempts(&mut once, &reason));
        let words = pin!(self.words(subject, &reason));
        match select(attempts, words).await {
            Either::Left((result, _)) => result,
            Either::Right((never, _)) => never,
        }
    }

    /// One attempt without another: `None` where it did not end within `limit`, or by the deadline.
    pub async fn once<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let clock = &self.0.clock;
        let end = clock.expire(clock.now() + limit);
        match select(pin!(work), end).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }

    /// Where to say what happens meanwhile.
    pub fn log(&self) -> Log {
        self.0.log
    }

    async fn attempts<T, E, F>(
        &self,
        once: &mut impl FnMut() -> F,
        reason: &Mutex<Option<String>>,
    ) -> Result<T, GaveUp<E>>
    where
        E: Display,
        F: Future<Output = Attempt<T, E>>,
    {
        let Shared { deadline, clock, .. } = &*self.0;
        let begun = clock.now();
        let mut last = None;
        for failures in 0_u32.. {
            match select(pin!(once()), clock.expire(*deadline)).await {
                Either::Left((Attempt::Done(result), _)) => return Ok(result),
                Either::Left((Attempt::Final(cause), _)) => return Err(GaveUp::Final(cause)),
                Either::Left((Attempt::Again(cause, after), _)) => {
                    *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause.to_string());
                    last = Some(cause);
                    let Some(pause) = self.pause(failures, after) else { break };
                    clock.pause(clock.now() + pause).await;
                }
                Either::Right(_) => break,
            }
        }
        Err(GaveUp::Deadline { last, waited: clock.now().saturating_duration_since(begun) })
    }

    /// How long to wait after the failure of this number, from 0; `None` where no attempt can follow.
    fn pause(&self, failures: u32, after: Option<Duration>) -> Option<Duration> {
        let left = self.0.deadline.saturating_duration_since(self.0.clock.now());
        let room = left.checked_sub(SHORTEST_ATTEMPT)?;
        if let Some(after) = after {
            // Whoever is told to stay away comes back a little later than told, and not all at once.
            let pause = after + FIRST_PAUSE.mul_f64((self.0.chance)());
            return (after <= room).then(|| pause.min(room));
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
        // The time that is left is halved rather than slept away: a backend that comes up late is still found.
        Some(longest.mul_f64((self.0.chance)()).min(room / 2).max(Duration::from_millis(1)))
    }

    /// Says from time to time what is being waited for. Never ends.
    async fn words(&self, subject: &str, reason: &Mutex<Option<String>>) -> ! {
        let clock = &self.0.clock;
        let mut next = clock.now() + FIRST_WORD;
        loop {
            clock.expire(next).await;
            let now = clock.now();
            let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.get(subject).is_none_or(|last| *last + NEXT_WORD <= now) {
                said.insert(subject.to_owned(), now);
                let reason = reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let left = self.0.deadline.saturating_duration_since(now).as_secs();
                let reason = reason.unwrap_or_else(|| "no answer yet".to_owned());
                self.0.log.note(&format!("waiting for {subject}, up to {left} s more: {reason}"));
            }
            next = now + NEXT_WORD;
        }
    }
}
