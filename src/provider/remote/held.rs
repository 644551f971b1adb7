//! Something that ends and is got again: an identity, a token, the way to a server.
//!
//! Invariants: it is got by one asker at a time, and the others have what that one gets; it is refreshed before its end, and
//! until then what is there serves; a failure is told to those who waited for it, and to nobody who comes later. Neither
//! waits longer than its own asking.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::hint::said;
use crate::patience::seconds;

use crate::provider::{Ask, Failure, FailureKind};

/// So long before its end something is got again, or a quarter of its life where that is shorter: an asking that begins with it
/// ends with it.
const BEFORE_THE_END: Duration = Duration::from_mins(2);
/// What an asking waits for a refresh while what is there still serves.
const REFRESH: Duration = Duration::from_secs(5);
/// What is not accepted is got again when it is so old: whoever asks often asks in vain, and does not get one each time.
const DOUBT: Duration = Duration::from_mins(1);
/// How long it is left alone at least after a refresh that failed.
const REST: Duration = Duration::from_secs(1);

/// What was got.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Got<T> {
    pub(in crate::provider) value: T,
    /// When it ends; nothing where it does not, or nobody says.
    pub(in crate::provider) ends: Option<Instant>,
}

/// What is held of it, if anything.
#[derive(Debug)]
pub(in crate::provider) struct Held<T> {
    kept: Mutex<Option<Kept<T>>>,
    /// Held by who gets it; the last failure.
    turn: tokio::sync::Mutex<Option<Failed>>,
    /// How many have got it, or failed to.
    ended: AtomicU64,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    got: Got<T>,
    since: Instant,
    /// From when on it is got again.
    due: Option<Instant>,
}

/// A failure, and whose.
#[derive(Clone, Debug)]
struct Failed {
    /// How many had ended with it.
    number: u64,
    /// Until when it was tried.
    deadline: Instant,
    failure: Failure,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(None), turn: tokio::sync::Mutex::default(), ended: AtomicU64::new(0) }
    }
}

impl<T: Clone> Held<T> {
    /// What is held, or what `obtain` gets. That is given what is to be refreshed, and still serves.
    pub(in crate::provider) async fn get<F>(
        &self,
        ask: &Ask,
        obtain: impl FnOnce(Option<T>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Got<T>, Failure>>,
    {
        let came = self.ended.load(Ordering::Acquire);
        let serving = match self.look(ask.now()) {
            Look::Fresh(value) => return Ok(value),
            Look::Due(value) => Some(value),
            Look::Over => None,
        };
        let mut turn = match (self.turn.try_lock(), serving) {
            (Ok(turn), _) => turn,
            // Somebody gets another one, and this one is still good.
            (Err(_), Some(value)) => return Ok(value),
            (Err(_), None) => {
                let left = ask.patience.deadline().saturating_duration_since(ask.now());
                ask.patience.once(left, self.turn.lock()).await.ok_or_else(|| waited(left))?
            }
        };
        match (self.look(ask.now()), turn.as_ref()) {
            (Look::Fresh(value), _) => Ok(value),
            (Look::Over, Some(failed)) if failed.concerns(came, ask) => Err(failed.failure.clone()),
            (Look::Over, _) => {
                let result = obtain(None).await;
                self.end(&mut turn, ask, result)
            }
            (Look::Due(value), _) => {
                let got = ask.patience.once(REFRESH, obtain(Some(value.clone()))).await;
                match got.unwrap_or_else(|| Err(waited(REFRESH))) {
                    Ok(got) => self.end(&mut turn, ask, Ok(got)),
                    Err(failure) => {
                        self.rest(ask, &failure);
                        Ok(value)
                    }
                }
            }
        }
    }

    /// What is held now, whether or not it is to be got again.
    #[cfg_attr(
        not(feature = "provider-vault"),
        expect(dead_code, reason = "Vault looks at its token without getting one")
    )]
    pub(in crate::provider) fn now(&self, now: Instant) -> Option<T> {
        match self.look(now) {
            Look::Fresh(value) | Look::Due(value) => Some(value),
            Look::Over => None,
        }
    }

    /// Forgets it. Who comes next gets it anew.
    #[cfg_attr(
        not(feature = "provider-vault"),
        expect(dead_code, reason = "a token of Vault's may be used up before its end")
    )]
    pub(in crate::provider) fn forget(&self) {
        *self.kept() = None;
    }

    /// Has it got again by who comes next, before its time. What is there serves where that fails.
    #[cfg_attr(
        not(feature = "provider-vault"),
        expect(dead_code, reason = "leases of Vault's hang on a token")
    )]
    pub(in crate::provider) fn hasten(&self, now: Instant) {
        if let Some(kept) = self.kept().as_mut() {
            kept.due = Some(now);
        }
    }

    /// Forgets it where it was got a while ago: it is not accepted, and another one may be. Who comes next gets it anew.
    pub(in crate::provider) fn doubt(&self, now: Instant) {
        self.kept().take_if(|kept| now.saturating_duration_since(kept.since) >= DOUBT);
    }

    fn end(
        &self,
        turn: &mut Option<Failed>,
        ask: &Ask,
        result: Result<Got<T>, Failure>,
    ) -> Result<T, Failure> {
        let number = self.ended.fetch_add(1, Ordering::AcqRel) + 1;
        match result {
            Ok(got) => {
                let value = got.value.clone();
                let since = ask.now();
                let due = got.ends.map(|ends| before(ends, since));
                *self.kept() = Some(Kept { got, since, due });
                *turn = None;
                Ok(value)
            }
            Err(failure) => {
                let (deadline, failure) = (ask.patience.deadline(), failure);
                *turn = Some(Failed { number, deadline, failure: failure.clone() });
                Err(failure)
            }
        }
    }

    /// Lets what is there serve a while longer.
    fn rest(&self, ask: &Ask, failure: &Failure) {
        let now = ask.now();
        if let Some(kept) = self.kept().as_mut()
            && let Some(ends) = kept.got.ends
        {
            let left = ends.saturating_duration_since(now);
            kept.due = Some(now + (left / 8).max(REST));
            let left = seconds(left);
            ask.log().warn(&format!("{}; what kz has is good for {left} s more", failure.cause));
        }
    }

    fn look(&self, now: Instant) -> Look<T> {
        match &*self.kept() {
            None => Look::Over,
            Some(Kept { got, .. }) if got.ends.is_some_and(|ends| ends <= now) => Look::Over,
            Some(Kept { got, due: Some(due), .. }) if *due <= now => Look::Due(got.value.clone()),
            Some(Kept { got, .. }) => Look::Fresh(got.value.clone()),
        }
    }

    /// What a mutex guards here is whole between two statements, so a panic elsewhere does not matter.
    fn kept(&self) -> MutexGuard<'_, Option<Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failed {
    /// Whether it is the failure of what this asking has waited for, which came when so many had ended; and where the time was
    /// over, whether this one has no more of it.
    fn concerns(&self, came: u64, ask: &Ask) -> bool {
        let in_time =
            self.failure.kind != FailureKind::Unreachable || ask.patience.deadline() <= self.deadline;
        self.number > came && in_time
    }
}

/// What is there.
enum Look<T> {
    /// It serves.
    Fresh(T),
    /// It serves still.
    Due(T),
    /// It has ended, if there was anything.
    Over,
}

/// When something that ends then is got again.
fn before(ends: Instant, now: Instant) -> Instant {
    let life = ends.saturating_duration_since(now);
    ends.checked_sub(BEFORE_THE_END.min(life / 4)).unwrap_or(now)
}

fn waited(time: Duration) -> Failure {
    Failure {
        kind: FailureKind::Unreachable,
        cause: format!("kz had no identity within {} s", seconds(time)),
        hint: said("give it longer with `--timeout 120s`"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;
    use crate::patience::Clock as _;
    use crate::patience::testing::{Virtual, run};

    const LIFE: Duration = Duration::from_hours(1);

    fn failure(kind: FailureKind) -> Failure {
        Failure { kind, cause: "no".to_owned(), hint: None }
    }

    /// Something that is got so many times, and what askers have of it.
    struct Issuer<'a> {
        held: Held<usize>,
        times: AtomicUsize,
        clock: &'a Virtual,
    }

    impl<'a> Issuer<'a> {
        fn new(clock: &'a Virtual) -> Self {
            Self { held: Held::default(), times: AtomicUsize::new(0), clock }
        }

        async fn ask(&self, answer: Result<Duration, FailureKind>) -> Result<usize, Failure> {
            let ask = Ask { patience: self.clock.patience_from_now(60), ..Ask::default() };
            self.ask_on(&ask, answer).await
        }

        async fn ask_on(&self, ask: &Ask, answer: Result<Duration, FailureKind>) -> Result<usize, Failure> {
            let obtain = |_| async {
                let time = self.times.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                let life = answer.map_err(failure)?;
                Ok(Got { value: time, ends: Some(ask.now() + life) })
            };
            self.held.get(ask, obtain).await
        }
    }

    #[test]
    fn it_is_got_once_for_all_and_again_before_its_end() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        let all = || run(join_all((0..100).map(|_| source.ask(Ok(LIFE)))));
        assert!(all().into_iter().all(|had| had == Ok(1)));
        clock.spend(Duration::from_mins(57));
        assert!(all().into_iter().all(|had| had == Ok(1)));
        clock.spend(Duration::from_mins(1));
        let had: Vec<_> = all().into_iter().map(Result::unwrap).collect();
        assert_eq!(source.times.load(Ordering::SeqCst), 2, "one of them refreshes it");
        assert!(had.contains(&2) && had.iter().all(|value| [1, 2].contains(value)), "{had:?}");
    }

    #[test]
    fn a_failure_is_told_to_those_who_waited_for_it_and_not_kept() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        let all = run(join_all((0..100).map(|_| source.ask(Err(FailureKind::Denied)))));
        assert!(all.into_iter().all(|had| had == Err(failure(FailureKind::Denied))));
        assert_eq!(source.times.load(Ordering::SeqCst), 1);
        assert_eq!(run(source.ask(Ok(LIFE))), Ok(2));
    }

    #[test]
    fn who_has_more_time_than_the_one_that_ran_out_of_it_tries_again() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        let ask = |seconds| Ask { patience: clock.patience_from_now(seconds), ..Ask::default() };
        let (short, same, long) = (ask(10), ask(10), ask(20));
        let none = Err(FailureKind::Unreachable);
        let all = [source.ask_on(&short, none), source.ask_on(&same, none), source.ask_on(&long, none)];
        assert!(run(join_all(all)).into_iter().all(|had| had.is_err()));
        assert_eq!(source.times.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_refresh_that_fails_is_tried_again_while_what_is_there_serves() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        let (down, up) = (Err(FailureKind::Unreachable), Ok(LIFE));
        assert_eq!(run(source.ask(up)), Ok(1));
        clock.spend(Duration::from_mins(59));
        assert_eq!(run(source.ask(down)), Ok(1));
        assert_eq!(run(source.ask(down)), Ok(1), "it rests a while");
        assert_eq!(source.times.load(Ordering::SeqCst), 2);
        clock.spend(Duration::from_secs(10));
        assert_eq!(run(source.ask(down)), Ok(1));
        assert_eq!(source.times.load(Ordering::SeqCst), 3);
        clock.spend(Duration::from_mins(1));
        assert_eq!(run(source.ask(down)), Err(failure(FailureKind::Unreachable)), "it is over");
        assert_eq!(run(source.ask(up)), Ok(5));
    }

    #[test]
    fn a_short_life_is_used_for_three_quarters_of_it() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        let life = Duration::from_secs(20);
        assert_eq!(run(source.ask(Ok(life))), Ok(1));
        clock.spend(Duration::from_secs(14));
        assert_eq!(run(source.ask(Ok(life))), Ok(1));
        clock.spend(Duration::from_secs(2));
        assert_eq!(run(source.ask(Ok(life))), Ok(2));
    }

    #[test]
    fn what_is_not_accepted_is_got_again_but_not_at_each_asking() {
        let clock = Virtual::of_replies();
        let source = Issuer::new(&clock);
        assert_eq!(run(source.ask(Ok(LIFE))), Ok(1));
        source.held.doubt(clock.now());
        assert_eq!(run(source.ask(Ok(LIFE))), Ok(1));
        clock.spend(DOUBT);
        source.held.doubt(clock.now());
        assert_eq!(run(source.ask(Ok(LIFE))), Ok(2));
    }
}
