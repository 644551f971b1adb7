//! Many that wait at once, under a clock that passes to the next end of a pause when nobody has anything else to do;
//! and a server that answers them as it is told.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::chance::seeded;
use super::testing::after;
use super::{Attempt, Clock, Concern, GaveUp, Patience, Sleep, Unasked};
use crate::log::{Format, Level, Log, Stderr};

/// Time that passes for all who sleep. Clones share it.
#[derive(Clone)]
struct Simulated {
    begun: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    passed: Duration,
    sleepers: BTreeMap<Duration, Vec<Waker>>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Simulated {
    fn new() -> Self {
        Self { begun: Instant::now(), state: Arc::default() }
    }

    fn passed(&self) -> Duration {
        self.state.lock().unwrap().passed
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        loop {
            if let Poll::Ready(result) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return result;
            }
            while !flag.0.swap(false, Ordering::Relaxed) {
                let mut state = self.state.lock().unwrap();
                let (time, sleepers) = state.sleepers.pop_first().expect("somebody sleeps");
                state.passed = state.passed.max(time);
                drop(state);
                sleepers.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Patience of so many seconds, with the chance of this seed.
    fn patience(&self, seconds: u64, seed: u64) -> Patience {
        let log = Log::new(Level::Quiet, Format::Text, Stderr::Collected);
        Patience::with(self.begun + Duration::from_secs(seconds), log, Box::new(self.clone()), seeded(seed))
    }
}

impl Clock for Simulated {
    fn now(&self) -> Instant {
        self.begun + self.passed()
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        let until = until.saturating_duration_since(self.begun);
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = self.state.lock().unwrap();
            if state.passed >= until {
                return Poll::Ready(());
            }
            state.sleepers.entry(until).or_default().push(context.waker().clone());
            Poll::Pending
        }))
    }
}

/// What a server does with the request of this document, the how manyth of all, so long after the beginning.
type Told = Attempt<(), &'static str>;

/// What became of many documents.
struct Seen {
    results: Vec<Result<(), GaveUp<&'static str>>>,
    requests: usize,
    /// The most that were under way at once.
    most: usize,
    /// When the last was there.
    done: Duration,
}

/// `documents` that `lanes` at a time ask one server, 20 ms away.
fn ask(documents: u32, lanes: usize, seconds: u64, server: impl Fn(u32, usize, Duration) -> Told) -> Seen {
    let clock = Simulated::new();
    let patience = clock.patience(seconds, u64::from(documents) + seconds);
    let lanes = Semaphore::new(lanes);
    let (requests, now, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let reads = (0..documents).map(|document| {
        let (lanes, patience, clock, server) = (&lanes, &patience, &clock, &server);
        let (requests, now, most) = (&requests, &now, &most);
        async move {
            let _lane = lanes.acquire().await;
            let once = || async {
                let number = requests.fetch_add(1, Ordering::Relaxed);
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let arrived = clock.now() + Duration::from_millis(10);
                clock.pause(arrived).await;
                let told = server(document, number, clock.passed());
                clock.pause(arrived + Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                told
            };
            patience.attempt("vault:8200", once).await
        }
    });
    let results = clock.run(join_all(reads));
    let (requests, most) = (requests.into_inner(), most.into_inner());
    Seen { results, requests, most, done: clock.passed() }
}

impl Seen {
    fn all_there(&self) -> bool {
        self.results.iter().all(Result::is_ok)
    }
}

fn sealed(passed: Duration, seconds: f64, concern: Concern) -> Told {
    if passed < after(seconds) { Attempt::Again("sealed", concern, None) } else { Attempt::Done(()) }
}

#[test]
fn one_tries_for_a_hundred_while_their_server_is_sealed() {
    for (lanes, number) in [(32, 100), (100, 100), (32, 1000), (1, 10)] {
        let seen = ask(number, lanes, 60, |_, _, passed| sealed(passed, 20.0, Concern::Server));
        assert!(seen.all_there());
        let tries = seen.requests - number as usize - lanes;
        assert!(tries < 50, "{} requests for {number} documents, {lanes} at a time", seen.requests);
        assert!(seen.done < after(22.0) + Duration::from_millis(20) * number, "{:?}", seen.done);
    }
}

#[test]
fn what_was_away_is_noticed_within_a_second_by_one_and_by_all() {
    // The number of documents is also the seed.
    for number in 1..100 {
        let seen = ask(number, 32, 60, |_, _, passed| sealed(passed, 5.0, Concern::Way));
        let rounds = Duration::from_millis(20) * number.div_ceil(32);
        assert!(seen.all_there() && seen.done < after(6.04) + rounds, "{number}: {:?}", seen.done);
    }
}

#[test]
fn when_it_is_back_no_more_ask_at_once_than_there_are_lanes() {
    let seen = ask(500, 32, 60, |_, _, passed| sealed(passed, 10.0, Concern::Server));
    assert!(seen.all_there());
    assert_eq!(seen.most, 32);
}

#[test]
fn who_is_told_to_stay_away_keeps_all_away() {
    let early = AtomicUsize::new(0);
    let seen = ask(100, 32, 60, |_, number, passed| {
        if number == 0 {
            return Attempt::Again("busy", Concern::Server, Some(after(17.0)));
        }
        early.fetch_add(usize::from((0.05..17.0).contains(&passed.as_secs_f64())), Ordering::Relaxed);
        Attempt::Done(())
    });
    assert!(seen.all_there());
    assert_eq!(early.into_inner(), 0, "asked although the server had asked to be left alone");
}

#[test]
fn one_that_asks_to_stay_away_beyond_the_deadline_is_waited_for_by_nobody() {
    let seen = ask(100, 32, 60, |_, _, _| Attempt::Again("busy", Concern::Server, Some(after(61.0))));
    assert!(seen.done < after(1.0), "{:?}", seen.done);
    assert!(
        seen.results.iter().all(|result| matches!(result, Err(GaveUp::Deadline { last: Some("busy"), .. })))
    );
    assert_eq!(seen.requests, 32);
}

#[test]
fn what_is_true_of_one_document_holds_up_no_other() {
    for concern in [Concern::Request, Concern::Server, Concern::Way] {
        let done = Mutex::new(Duration::ZERO);
        let seen = ask(100, 32, 30, |document, _, passed| {
            if document == 7 {
                return Attempt::Again("its engine fails", concern, None);
            }
            *done.lock().unwrap() = passed;
            Attempt::Done(())
        });
        let failed = seen.results.iter().filter(|result| result.is_err()).count();
        assert_eq!(failed, 1);
        let done = done.into_inner().unwrap();
        assert!(done < after(2.0), "{concern:?}: the others were done after {done:?}");
    }
}

#[test]
fn a_server_that_answers_some_and_refuses_others_is_not_asked_one_by_one() {
    for (of_ten, least, limit) in [(5, 400, 4.0), (8, 1000, 15.0), (9, 2000, 60.0)] {
        let seen = ask(200, 32, 120, |_, number, _| {
            // A number that looks like chance, and is the same in each run.
            let drawn = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            if drawn % 10 < of_ten { Attempt::Again("503", Concern::Server, None) } else { Attempt::Done(()) }
        });
        assert!(seen.all_there(), "{of_ten} of 10");
        assert!(seen.done < after(limit), "{of_ten} of 10 refused: {:?}", seen.done);
        assert!(seen.requests < least * 2, "{of_ten} of 10 refused: {} requests", seen.requests);
    }
}

#[test]
fn one_that_hangs_while_it_tries_holds_up_the_others_for_a_second_at_most() {
    let clock = Simulated::new();
    let patience = clock.patience(60, 1);
    let asked = AtomicUsize::new(0);
    let reads = (0..20).map(|_| {
        let (patience, clock, asked) = (&patience, &clock, &asked);
        async move {
            let once = || async {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                match number {
                    0 => return Attempt::Again("refused", Concern::Way, None),
                    1 => clock.pause(clock.now() + after(40.0)).await,
                    _ => {}
                }
                Attempt::Done(())
            };
            let result: Result<(), GaveUp<&str>> = patience.attempt("x", once).await;
            (result, clock.passed())
        }
    });
    let ends = clock.run(join_all(reads));
    assert!(ends.iter().all(|(result, _)| result.is_ok()));
    let late = ends.iter().filter(|(_, end)| *end > after(2.5)).count();
    assert_eq!(late, 1, "{ends:?}");
}

#[test]
fn one_that_is_given_up_while_it_tries_or_waits_leaves_its_place() {
    let clock = Simulated::new();
    let patience = clock.patience(60, 1);
    let other = async {
        let once = || async { sealed(clock.passed(), 5.0, Concern::Way) };
        patience.attempt("x", once).await
    };
    let given_up = (0..9).map(|number| {
        let (patience, clock) = (&patience, &clock);
        async move {
            let once = || async {
                clock.pause(clock.now() + after(0.5)).await;
                Attempt::<(), _>::Again("refused", Concern::Way, None)
            };
            patience.once(after(0.3 * f64::from(number)), patience.attempt("x", once)).await
        }
    });
    let (result, _) = clock.run(futures_util::future::join(other, join_all(given_up)));
    assert_eq!(result, Ok(()));
    assert!(clock.passed() < after(8.0), "{:?}", clock.passed());
}

#[test]
fn at_the_deadline_all_say_what_the_server_said_last() {
    let seen = ask(100, 32, 10, |_, _, passed| {
        let cause = if passed < after(4.0) { "refused" } else { "sealed" };
        Attempt::Again(cause, Concern::Server, None)
    });
    for result in seen.results {
        let Err(GaveUp::Deadline { last: Some("sealed"), waited }) = result else { panic!("{result:?}") };
        assert!(waited > after(9.9), "{waited:?}");
    }
}

#[test]
fn what_was_never_asked_for_says_so() {
    for answers in [0, 5] {
        let clock = Simulated::new();
        let (patience, lanes, asked) = (clock.patience(10, 1), Semaphore::new(4), AtomicUsize::new(0));
        let reads = (0..10).map(|_| {
            let (patience, lanes, asked) = (&patience, &lanes, &asked);
            async move {
                let _lane = lanes.acquire().await;
                let once = || async {
                    if asked.fetch_add(1, Ordering::Relaxed) >= answers {
                        std::future::pending::<()>().await;
                    }
                    Attempt::<_, &str>::Done(())
                };
                patience.attempt("x", once).await
            }
        });
        let results = clock.run(join_all(reads));
        let hung = Err(GaveUp::Deadline { last: None, waited: after(10.0) });
        let unasked = Err(GaveUp::Unasked(Unasked { answered: answers > 0, waited: after(10.0) }));
        let number = |wanted: &Result<(), _>| results.iter().filter(|result| *result == wanted).count();
        assert_eq!([number(&Ok(())), number(&hung), number(&unasked)], [answers, 4, 6 - answers]);
    }
}

/// How many requests a hundred exporters of a login and eight documents make that begin together and share twenty requests
/// a second; who has too many is told so with this `Retry-After`.
fn crowd(retry_after: Option<Duration>) -> usize {
    let clock = Simulated::new();
    let (windows, requests) = (Mutex::new(BTreeMap::<u64, u32>::new()), AtomicUsize::new(0));
    let server = || {
        requests.fetch_add(1, Ordering::Relaxed);
        let mut windows = windows.lock().unwrap();
        let served = windows.entry(clock.passed().as_secs()).or_default();
        if *served == 20 {
            return Attempt::Again("too many requests", Concern::Server, retry_after);
        }
        *served += 1;
        Attempt::<(), &str>::Done(())
    };
    let exporters = (0..100).map(|seed| {
        let (clock, server) = (&clock, &server);
        async move {
            let patience = clock.patience(600, seed);
            let ask = || {
                patience.attempt("vault:8200", || async {
                    clock.pause(clock.now() + Duration::from_millis(10)).await;
                    server()
                })
            };
            let login = ask().await;
            let reads = join_all((0..8).map(|_| ask())).await;
            login.is_ok() && reads.iter().all(Result::is_ok)
        }
    });
    assert!(clock.run(join_all(exporters)).into_iter().all(|there| there));
    requests.into_inner()
}

#[test]
fn a_crowd_asks_no_more_often_for_being_told_to_come_back_at_once() {
    let (without, zero, one) = (crowd(None), crowd(Some(Duration::ZERO)), crowd(Some(after(1.0))));
    assert_eq!(zero, without);
    assert!(one <= without, "{one} with a second, {without} without");
}

#[test]
fn a_crowd_that_was_told_to_stay_away_does_not_come_back_at_one_moment() {
    // Spread evenly over half as long again, they would be 20, 4 and 1 within a tenth of a second.
    for (seconds, most) in [(1.0, 35), (5.0, 12), (30.0, 6)] {
        let clock = Simulated::new();
        let times = Mutex::new(Vec::new());
        let exporters = (0..100).map(|seed| {
            let (clock, times) = (&clock, &times);
            async move {
                let once = || async {
                    if clock.passed() < after(0.5) {
                        return Attempt::Again("busy", Concern::Server, Some(after(seconds)));
                    }
                    times.lock().unwrap().push(clock.passed());
                    Attempt::Done(())
                };
                let result: Result<(), GaveUp<&str>> = clock.patience(120, seed).attempt("x", once).await;
                assert_eq!(result, Ok(()));
            }
        });
        clock.run(join_all(exporters));
        let times = times.into_inner().unwrap();
        let within = |begin: Duration| {
            times.iter().filter(|time| **time >= begin && **time < begin + after(0.1)).count()
        };
        let found = times.iter().map(|begin| within(*begin)).max().unwrap();
        assert!(found <= most, "{seconds}: {found} within 100 ms");
        assert!(times.iter().all(|time| *time >= after(seconds) && *time <= after(seconds * 1.5)));
    }
}
