//! How long kz waits for a backend: the one rule of attempts, pauses and the deadline (design.md §3).
//!
//! An attempt ends in a verdict: done, final, or again. Between attempts lies a pause: exponential, with full
//! jitter, or what the backend asked for. Nothing begins after the deadline, and what is under way then is
//! dropped. While it waits, kz says what for. Invariant: neither clock nor chance is read elsewhere.

#[cfg(test)]
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the tests of Vault use all of it"))]
pub(crate) mod testing;

use std::fmt::{self, Display};
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::log::{Log, Wait};

/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause of kz's own choosing is longer, so that it notices within this time that a backend is up.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// With less than this left no further attempt is made.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);
/// How often it is looked whether something is to be said.
const LOOK: Duration = Duration::from_millis(100);

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
    waiting: Mutex<Waiting>,
}

/// What is said while attempts are under way: of all of them together, as of one wait.
#[derive(Default)]
struct Waiting {
    attempts: usize,
    wait: Option<Wait>,
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
        Self(Arc::new(Shared { deadline, clock, chance, log, waiting: Mutex::default() }))
    }

    /// Attempts until one is done or final, or the deadline comes. `subject` is whom it waits for, as in
    /// `vault.internal:8200`: several that wait for the same say so once.
    pub async fn attempt<T, E, F>(&self, subject: &str, mut once: impl FnMut() -> F) -> Result<T, GaveUp<E>>
    where
        E: Display,
        F: Future<Output = Attempt<T, E>>,
    {
        let reason = Mutex::new(None);
        let _counted = Counted::new(&self.0);
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

    /// When nothing is begun any more.
    pub fn deadline(&self) -> Instant {
        self.0.deadline
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
                    *locked(reason) = Some(cause.to_string());
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
            let pause = after.saturating_add(FIRST_PAUSE.mul_f64((self.0.chance)()));
            return (after <= room).then(|| pause.min(room));
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
        // The time that is left is halved rather than slept away: a backend that comes up late is still found.
        Some(longest.mul_f64((self.0.chance)()).min(room / 2).max(Duration::from_millis(1)))
    }

    /// Says from time to time what is being waited for. Never ends.
    async fn words(&self, subject: &str, reason: &Mutex<Option<String>>) -> ! {
        let clock = &self.0.clock;
        loop {
            clock.expire(clock.now() + LOOK).await;
            if let Some(wait) = &mut locked(&self.0.waiting).wait {
                wait.tick(|| match &*locked(reason) {
                    Some(reason) => format!("{subject} ({reason})"),
                    None => subject.to_owned(),
                });
            }
        }
    }
}

/// One attempt that is under way. With the last of them the wait ends, and what a terminal shows of it.
struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut waiting = locked(&shared.waiting);
        waiting.attempts += 1;
        waiting.wait.get_or_insert_with(|| Wait::new(shared.log, shared.deadline));
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.0.waiting);
        waiting.attempts -= 1;
        if waiting.attempts == 0 {
            waiting.wait = None;
        }
    }
}

/// What a mutex guards here is whole between two statements, so a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long it was waited, in words: whole seconds, or tenths below half a second. A deadline of two seconds is said as
/// `2` although kz needed a part of it to start.
pub fn seconds(time: Duration) -> String {
    match time.as_millis() {
        0 => "0".to_owned(),
        short @ 1..500 => format!("0.{}", ((short + 50) / 100).max(1)),
        long => ((long + 500) / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::testing::{Virtual, after, run};
    use super::*;

    type Result = std::result::Result<&'static str, GaveUp<&'static str>>;

    fn again(cause: &'static str) -> Attempt<&'static str, &'static str> {
        Attempt::Again(cause, None)
    }

    #[test]
    fn what_refuses_for_five_seconds_and_is_sealed_for_three_is_had() {
        let clock = Virtual::new();
        let patience = clock.patience(60, 1.0);
        let result = run(patience.attempt("vault:8200", || {
            ready(match clock.passed().as_secs_f64() {
                ..5.0 => again("refused"),
                ..8.0 => again("sealed"),
                _ => Attempt::Done("value"),
            })
        }));
        assert_eq!(result, Ok("value"));
        assert!(clock.passed() < after(8.0) + LONGEST_PAUSE, "{:?}", clock.passed());
    }

    #[test]
    fn what_is_final_is_asked_once() {
        let clock = Virtual::new();
        let mut asked = 0;
        let result: Result = run(clock.patience(60, 1.0).attempt("x", || {
            asked += 1;
            ready(Attempt::Final("denied"))
        }));
        assert_eq!((result, asked), (Err(GaveUp::Final("denied")), 1));
        assert_eq!(clock.passed(), Duration::ZERO);
    }

    #[test]
    fn what_hangs_for_ever_ends_at_the_deadline() {
        let clock = Virtual::new();
        let result: Result = run(clock.patience(60, 1.0).attempt("x", pending));
        assert_eq!(result, Err(GaveUp::Deadline { last: None, waited: after(60.0) }));
        assert_eq!(clock.passed(), after(60.0));
    }

    #[test]
    fn the_last_cause_is_kept_when_the_next_attempt_hangs() {
        let clock = Virtual::new();
        let mut asked = 0;
        let result: Result = run(clock.patience(60, 1.0).attempt("x", || {
            asked += 1;
            let first = asked == 1;
            async move { if first { again("refused") } else { pending().await } }
        }));
        assert_eq!(result, Err(GaveUp::Deadline { last: Some("refused"), waited: after(60.0) }));
    }

    #[test]
    fn an_attempt_is_made_shortly_before_the_deadline() {
        let clock = Virtual::new();
        let mut last = Duration::ZERO;
        let result: Result = run(clock.patience(60, 1.0).attempt("x", || {
            last = clock.passed();
            ready(again("refused"))
        }));
        assert!(matches!(result, Err(GaveUp::Deadline { last: Some("refused"), .. })));
        assert!(last > after(59.9) && last < after(60.0), "{last:?}");
    }

    /// The pauses between the first `number` attempts.
    fn pauses(chance: f64, number: usize, then: Option<Duration>) -> Vec<Duration> {
        let clock = Virtual::new();
        let mut times = Vec::new();
        let _: Result = run(clock.patience(3600, chance).attempt("x", || {
            times.push(clock.passed());
            ready(if times.len() > number { Attempt::Final("enough") } else { Attempt::Again("x", then) })
        }));
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_lie_anywhere_below() {
        let longest = pauses(1.0, 9, None);
        let seconds = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0];
        assert_eq!(longest, seconds.map(after));
        let half = pauses(0.5, 9, None);
        assert_eq!(half, seconds.map(|seconds| after(seconds / 2.0)));
        assert_eq!(pauses(0.0, 3, None), [Duration::from_millis(1); 3]);
    }

    #[test]
    fn what_a_backend_asks_for_is_kept_and_nobody_comes_back_at_the_same_moment() {
        assert_eq!(pauses(0.0, 2, Some(after(7.0))), [after(7.0); 2]);
        assert_eq!(pauses(1.0, 2, Some(after(7.0))), [after(7.1); 2]);
    }

    #[test]
    fn a_backend_that_asks_to_stay_away_beyond_the_deadline_is_not_waited_for() {
        let clock = Virtual::new();
        let patience = clock.patience(60, 0.0);
        let result: Result = run(patience.attempt("x", || ready(Attempt::Again("busy", Some(after(61.0))))));
        assert_eq!(result, Err(GaveUp::Deadline { last: Some("busy"), waited: Duration::ZERO }));
    }

    #[test]
    fn an_attempt_by_itself_has_a_limit_of_its_own() {
        let clock = Virtual::new();
        let patience = clock.patience(60, 0.0);
        assert_eq!(run(patience.once(after(2.0), ready(1))), Some(1));
        assert_eq!(run(patience.once(after(2.0), pending::<()>())), None);
        assert_eq!(clock.passed(), after(2.0));
    }

    #[test]
    fn chance_is_between_nothing_and_all_and_not_always_the_same() {
        let numbers: Vec<f64> = (0..1000).map(|_| chance()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.1) && numbers.iter().any(|number| *number > 0.9));
    }

    #[test]
    fn times_are_rounded_as_one_would_say_them() {
        let said = [0, 3, 200, 480, 500, 1000, 1930, 2240, 12_600, 60_000]
            .map(|ms| seconds(Duration::from_millis(ms)));
        assert_eq!(said, ["0", "0.1", "0.2", "0.5", "1", "1", "2", "2", "13", "60"]);
    }
}
