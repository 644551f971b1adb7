//! The rule of attempts and pauses, under a clock that passes when somebody sleeps.

use std::future::{pending, ready};

use super::testing::{Virtual, after, run};
use super::*;

type Result = std::result::Result<&'static str, GaveUp<&'static str>>;

fn again(cause: &'static str) -> Attempt<&'static str, &'static str> {
    Attempt::Again(cause, Concern::Way, None)
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
    assert!(clock.passed() <= after(9.0), "{:?}", clock.passed());
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
fn pauses(chance: f64, number: usize, concern: Concern, then: Option<Duration>) -> Vec<Duration> {
    let clock = Virtual::new();
    let mut times = Vec::new();
    let _: Result = run(clock.patience(3600, chance).attempt("x", || {
        times.push(clock.passed());
        ready(if times.len() > number {
            Attempt::Final("enough")
        } else {
            Attempt::Again("x", concern, then)
        })
    }));
    times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

#[test]
fn pauses_double_up_to_a_limit_and_lie_anywhere_below() {
    for (concern, seconds) in [
        (Concern::Request, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]),
        (Concern::Server, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]),
        (Concern::Way, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ] {
        assert_eq!(pauses(1.0, 9, concern, None), seconds.map(after));
        assert_eq!(pauses(0.5, 9, concern, None), seconds.map(|seconds| after(seconds / 2.0)));
        assert_eq!(pauses(0.0, 3, concern, None), [Duration::from_millis(1); 3]);
    }
}

#[test]
fn what_a_backend_asks_for_is_kept_and_nobody_comes_back_at_the_same_moment() {
    for concern in [Concern::Request, Concern::Server] {
        assert_eq!(pauses(0.0, 2, concern, Some(after(7.0))), [after(7.0); 2]);
        assert_eq!(pauses(1.0, 2, concern, Some(after(7.0))), [after(10.5); 2]);
    }
}

#[test]
fn the_longer_of_what_is_asked_for_and_what_was_chosen_counts() {
    let seconds = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
    // Half a second is more than the first pauses, and less than the later ones.
    let asked = pauses(1.0, 6, Concern::Request, Some(after(0.5)));
    assert_eq!(asked, [after(0.75), after(0.75), after(0.75), after(0.8), after(1.6), after(3.2)]);
    assert_eq!(pauses(1.0, 6, Concern::Request, Some(Duration::ZERO)), seconds.map(after));
}

#[test]
fn they_come_back_before_the_deadline_however_long_they_were_told_to_stay_away() {
    let clock = Virtual::new();
    let mut times = Vec::new();
    let _: Result = run(clock.patience(60, 1.0).attempt("x", || {
        times.push(clock.passed());
        ready(Attempt::Again("busy", Concern::Server, Some(after(50.0))))
    }));
    assert_eq!(times.len(), 2, "{times:?}");
    assert!(times[1] > after(59.9) && times[1] < after(60.0), "{times:?}");
}

#[test]
fn a_backend_that_asks_for_no_pause_again_and_again_is_not_asked_faster_for_it() {
    let seconds = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0];
    assert_eq!(pauses(1.0, 6, Concern::Server, Some(Duration::ZERO)), seconds.map(after));
}

#[test]
fn a_backend_that_asks_to_stay_away_beyond_the_deadline_is_not_waited_for() {
    let clock = Virtual::new();
    let patience = clock.patience(60, 0.0);
    let result: Result =
        run(patience.attempt("x", || ready(Attempt::Again("busy", Concern::Server, Some(after(61.0))))));
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
fn times_are_rounded_as_one_would_say_them() {
    let said =
        [0, 3, 200, 480, 500, 1000, 1930, 2240, 12_600, 60_000].map(|ms| seconds(Duration::from_millis(ms)));
    assert_eq!(said, ["0", "0.1", "0.2", "0.5", "1", "1", "2", "2", "13", "60"]);
}
