//! SIGKILL at every system call of an export, with a reader beside it: it sees the complete old
//! set or the complete new one, and the next export succeeds and leaves nothing but its output.
//!
//! Every call of the process counts, from the first of its loader to the last (but those that change
//! no state, see `strace`), for one file and for a set of 50.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::delivery::{Delivery, Form, listing};
use crate::reader::watched;
use crate::strace::{Point, in_parallel, inject, points, trace};
use crate::support::Run;

/// Exports at one time.
const LANES: usize = 8;

/// What the killed exports came to.
#[derive(Default)]
struct Tally {
    kills: AtomicUsize,
    old: AtomicUsize,
    new: AtomicUsize,
    debris: AtomicUsize,
}

fn was_killed(run: &Run) -> bool {
    run.output.status.signal() == Some(9)
}

/// Values that sort as they were made.
fn value(number: usize) -> String {
    format!("v{number:06}")
}

/// Kills every second export at one of the points; a value is never older than the one before.
fn kill_at(delivery: &Delivery, points: &mut dyn Iterator<Item = (usize, &Point)>, tally: &Tally) {
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::Relaxed);
    let mut last = value(0);
    delivery.export(&last).expect_code(0);
    let ((), sightings) = watched(delivery, || {
        for (index, point) in points {
            let (attempted, other) = (value(2 * index + 1), value(2 * index + 2));
            let run = inject(delivery, "signal=KILL", point, &attempted);
            assert!(was_killed(&run), "not killed at {point:?}\n{}", run.describe());
            count(&tally.kills);
            let found = delivery.value(&run);
            if found.as_ref() == Some(&last) {
                count(&tally.old);
            } else {
                assert_eq!(found.as_ref(), Some(&attempted), "{point:?}\n{}", run.describe());
                count(&tally.new);
            }
            if listing(&delivery.out()) != delivery.expected() {
                count(&tally.debris);
            }
            // The same again, as after a restart, or something else.
            last = if index % 2 == 0 { attempted } else { other };
            let next = delivery.export(&last).expect_code(0);
            delivery.assert_holds(&last, &next);
        }
    });
    assert!(sightings.values.len() > 1, "the reader saw no change: {:?}", sightings.values);
    assert!(sightings.values.is_sorted(), "an older set came back: {:?}", sightings.values);
}

fn kill_everywhere(form: Form, number: usize, minimum: usize) {
    let deliveries: Vec<Delivery> = (0..LANES).map(|_| Delivery::new(form, number)).collect();
    let first = &deliveries[0];
    // As long as the values that follow: the calls of an allocator depend on lengths.
    first.export(&value(999_998)).expect_code(0);
    let points = points(&trace(first, &value(999_999)));
    let tally = Tally::default();
    in_parallel(&points, &deliveries, |delivery, points| kill_at(delivery, points, &tally));
    let [kills, old, new, debris] =
        [tally.kills, tally.old, tally.new, tally.debris].map(AtomicUsize::into_inner);
    assert_eq!(kills, points.len());
    assert!(kills >= minimum, "only {kills} kills");
    // Before the swap and after it, and in between with something to clean up.
    assert!(old > 20 && new > 5 && debris >= 5, "{old} old, {new} new, {debris} with debris");
}

#[test]
fn at_every_call_for_one_file() {
    kill_everywhere(Form::File, 50, 100);
}

#[test]
fn at_every_call_for_a_set_of_50() {
    kill_everywhere(Form::Set, 50, 600);
}

#[test]
fn at_every_call_of_the_first_export() {
    for form in [Form::File, Form::Set] {
        let points = points(&trace(&Delivery::new(form, 4), "new"));
        let points: Vec<Point> = points.into_iter().filter(|point| point.in_target).collect();
        assert!(points.len() > 30, "{points:?}");
        let lanes: Vec<Delivery> = (0..LANES).map(|_| Delivery::new(form, 4)).collect();
        in_parallel(&points, &lanes, |_, points| {
            for (_, point) in points {
                let delivery = Delivery::new(form, 4);
                let ((), sightings) = watched(&delivery, || {
                    let run = inject(&delivery, "signal=KILL", point, "killed");
                    assert!(was_killed(&run), "not killed at {point:?}\n{}", run.describe());
                    let found = delivery.value(&run);
                    assert!(found.is_none_or(|found| found == "killed"), "{}", run.describe());
                    let next = delivery.export("next").expect_code(0);
                    delivery.assert_holds("next", &next);
                });
                assert!(sightings.values.is_sorted(), "{:?}", sightings.values);
            }
        });
    }
}
