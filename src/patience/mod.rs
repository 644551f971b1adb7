//! How long kz waits for a backend: the one rule of attempts, pauses and the deadline
//! (docs/decisions/patience.md).
//!
//! An attempt ends in a verdict: done, final, or again. Between attempts lies a pause: exponential, with full
//! jitter, or what the backend asked for. What is true of a server is waited for once, by one attempt for all
//! (`outage.rs` decides, `turn.rs` waits). Nothing begins after the deadline, and what is under way then is
//! dropped. While it waits, kz says what for. Invariant: neither clock nor chance is read elsewhere.

mod chance;
mod outage;
#[cfg(test)]
mod simulation;
#[cfg(test)]
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the tests of Vault use all of it"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::log::{Log, Wait};
use chance::chance;
pub use outage::Concern;
use outage::Reason;
use turn::{Asked, Place, Shore};

/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No pause of kz's own choosing is longer, by whose trouble it is: so it is noticed within this time that it has
/// passed. One attempt tells of a server for all, and one that meets nobody costs next to nothing.
fn longest_pause(concern: Concern) -> Duration {
    Duration::from_secs(match concern {
        Concern::Request => 5,
        Concern::Server => 2,
        Concern::Way => 1,
    })
}

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
    /// It failed in a way that passes: whose trouble it is, and perhaps how long the backend said to stay away.
    Again(E, Concern, Option<Duration>),
}

impl<T, E> Attempt<T, E> {
    /// It failed, and where the trouble is nobody's that passes, it would again.
    pub fn failed(cause: E, passes: Option<Concern>, after: Option<Duration>) -> Self {
        match passes {
            Some(concern) => Self::Again(cause, concern, after),
            None => Self::Final(cause),
        }
    }
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
    /// The deadline came before anything was tried.
    Unasked(Unasked),
}

/// Why something was never asked for: those before it took until the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Whether any of them had an answer.
    pub answered: bool,
    /// How long it was tried.
    pub waited: Duration,
}

impl Display for Unasked {
    /// As in `127.0.0.1:8200: not asked for, since …`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = seconds(self.waited);
        let before = if self.answered { "took all of the" } else { "has had no answer for" };
        write!(formatter, "not asked for, since what came before {before} {waited} s")
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Instant;
    /// When by this clock something was that a connection has noted by the real one.
    fn noted(&self, real: Instant) -> Instant {
        real
    }
    /// Sleeps between attempts.
    fn pause(&self, until: Instant) -> Sleep<'_>;
    /// Ends when what is under way has had its time.
    fn expire(&self, until: Instant) -> Sleep<'_> {
        self.pause(until)
    }
}

/// What stands between kz and a result, in a form that those who wait for the same share.
pub trait Cause: Display + Clone + Send + Sync + 'static {}

impl<E: Display + Clone + Send + Sync + 'static> Cause for E {}

/// What an attempt met that is to be made again.
type Met<E> = (E, Concern, Option<Duration>);

/// The end of a time.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The real clock. Needs a runtime with time.
#[derive(Clone, Copy, Debug)]
pub struct Real;

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

/// The deadline of everything, and how to wait until then. Clones share it.
#[derive(Clone)]
pub struct Patience(Arc<Shared>);

struct Shared {
    begun: Instant,
    deadline: Instant,
    clock: Box<dyn Clock>,
    chance: Chance,
    log: Log,
    waiting: Mutex<Waiting>,
    /// By the subject of attempts.
    servers: Mutex<BTreeMap<String, Shore>>,
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
        Self::with(deadline, log, Box::new(Real), chance())
    }

    /// The same with another clock and other chance.
    pub fn with(deadline: Instant, log: Log, clock: Box<dyn Clock>, chance: Chance) -> Self {
        let (waiting, servers) = (Mutex::default(), Mutex::default());
        let begun = clock.now();
        Self(Arc::new(Shared { begun, deadline, clock, chance, log, waiting, servers }))
    }

    /// A number from 0 to 1, chosen anew at each call.
    pub fn chance(&self) -> f64 {
        (self.0.chance)()
    }

    /// Attempts until one is done or final, or the deadline comes. `subject` is whom it waits for, as in
    /// `vault.internal:8200`: several that wait for the same say so once, and while nobody gets anything from it one
    /// of them tries for all.
    pub async fn attempt<T, E, F>(&self, subject: &str, mut once: impl FnMut() -> F) -> Result<T, GaveUp<E>>
    where
        E: Cause,
        F: Future<Output = Attempt<T, E>>,
    {
        let reason = Mutex::new(None);
        let _counted = Counted::new(&self.0);
        let place = Place::new(locked(&self.0.servers).entry(subject.to_owned()).or_default());
        let attempts = pin!(self.attempts(&mut once, &place, &reason));
        let words = pin!(self.words(subject, &place, &reason));
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

    /// What ends by then or, where it says itself that the time is over, so much later. `None` where it does not.
    pub async fn punctual<T>(&self, grace: Duration, work: impl Future<Output = T>) -> Option<T> {
        let end = self.0.clock.expire(self.0.deadline + grace);
        match select(pin!(work), end).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }

    /// How much time there was at first.
    pub fn given(&self) -> Duration {
        self.0.deadline.saturating_duration_since(self.0.begun)
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// When by its clock something was that a connection has noted by the real one.
    pub fn noted(&self, real: Instant) -> Instant {
        self.0.clock.noted(real)
    }

    /// When nothing is begun any more.
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Whether the deadline has come.
    pub fn is_over(&self) -> bool {
        self.0.clock.now() >= self.0.deadline
    }

    /// Where to say what happens meanwhile.
    pub fn log(&self) -> Log {
        self.0.log
    }

    async fn attempts<T, E, F>(
        &self,
        once: &mut impl FnMut() -> F,
        place: &Place,
        reason: &Mutex<Option<String>>,
    ) -> Result<T, GaveUp<E>>
    where
        E: Cause,
        F: Future<Output = Attempt<T, E>>,
    {
        let Shared { deadline, clock, .. } = &*self.0;
        let begun = clock.now();
        let (mut last, mut asked, mut rested) = (None, false, begun);
        for failures in 0_u32.. {
            let Some(asking) = self.turn(place, rested).await else { break };
            asked = true;
            match select(pin!(once()), clock.expire(*deadline)).await {
                Either::Left((Attempt::Done(result), _)) => {
                    asking.answered(clock.now());
                    return Ok(result);
                }
                Either::Left((Attempt::Final(cause), _)) => {
                    asking.answered(clock.now());
                    return Err(GaveUp::Final(cause));
                }
                Either::Left((Attempt::Again(cause, concern, after), _)) => {
                    *locked(reason) = Some(cause.to_string());
                    last = Some(cause.clone());
                    self.note(asking, (cause, concern, after), begun);
                    let Some(pause) = self.pause(failures, longest_pause(concern), after) else { break };
                    rested = clock.now() + pause;
                }
                Either::Right(_) => break,
            }
        }
        Err(place.gave_up(last, asked, begun, clock.now()))
    }

    /// Notes what became of an attempt that is to be made again.
    fn note<E: Cause>(&self, asking: Asked<'_>, (cause, concern, after): Met<E>, begun: Instant) {
        let now = self.0.clock.now();
        if concern == Concern::Request {
            return asking.answered(now);
        }
        let words = cause.to_string();
        let barred = after.filter(|after| !after.is_zero()).map(|after| now + self.later(after, self.left()));
        let longest = longest_pause(concern);
        asking.troubled((begun, now), Reason { cause: Arc::new(cause), words }, barred, |failures| {
            self.pause(failures, longest, None).unwrap_or(longest)
        });
    }

    /// Whoever is told to stay away comes back a little later than told, and not all at once: the longer they were to stay
    /// away, the more of them there are, so they come back over half as long again. `room` is how long it may be at most.
    fn later(&self, after: Duration, room: Duration) -> Duration {
        let spread = (after / 2).max(FIRST_PAUSE).min(room.saturating_sub(after));
        after.saturating_add(spread.mul_f64((self.0.chance)()))
    }

    /// How much time there is for a pause before the last attempt.
    fn left(&self) -> Duration {
        let left = self.0.deadline.saturating_duration_since(self.0.clock.now());
        left.saturating_sub(SHORTEST_ATTEMPT)
    }

    /// How long to wait after the failure of this number, from 0: what was asked for, or what kz chooses itself, whichever
    /// is longer, so that one that says `0` again and again is not asked faster for it; `None` where no attempt can follow.
    fn pause(&self, failures: u32, longest: Duration, after: Option<Duration>) -> Option<Duration> {
        let room = Some(self.left()).filter(|room| !room.is_zero())?;
        let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(longest);
        // The time that is left is halved rather than slept away: a backend that comes up late is still found.
        let pause = longest.mul_f64((self.0.chance)()).min(room / 2).max(Duration::from_millis(1));
        match after.filter(|after| !after.is_zero()) {
            None => Some(pause),
            Some(after) => (after <= room).then(|| self.later(after, room).max(pause)),
        }
    }

    /// Says from time to time what is being waited for. Never ends.
    async fn words(&self, subject: &str, place: &Place, reason: &Mutex<Option<String>>) -> ! {
        let clock = &self.0.clock;
        loop {
            clock.expire(clock.now() + LOOK).await;
            if let Some(wait) = &mut locked(&self.0.waiting).wait {
                wait.tick(|| match place.words().or_else(|| locked(reason).clone()) {
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
