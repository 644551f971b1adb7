//! The pool without a network: connections stand and end when a test says so.

use std::pin::Pin;

use futures_util::FutureExt as _;

use super::*;

#[derive(Clone, Debug)]
struct Wire {
    is_shared: bool,
    is_closed: Arc<AtomicBool>,
}

impl Line for Wire {
    fn share(&self) -> Option<Self> {
        self.is_shared.then(|| self.clone())
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }
}

fn wire(is_shared: bool) -> Wire {
    Wire { is_shared, is_closed: Arc::default() }
}

type Openings = Arc<Mutex<Vec<Opening<Wire>>>>;
type Request<'a> = Pin<Box<dyn Future<Output = Result<Taken<Wire>, Error>> + 'a>>;

fn pool(most: usize) -> (Pool<Wire>, Openings) {
    let openings = Openings::default();
    let begun = Arc::clone(&openings);
    (Pool::new(move || most, move |opening| begun.lock().unwrap().push(opening)), openings)
}

/// Requests that want a connection each; none of them has one yet.
fn requests(pool: &Pool<Wire>, count: usize) -> Vec<Request<'_>> {
    (0..count)
        .map(|_| {
            let mut request: Request<'_> = Box::pin(pool.take());
            assert!(request.as_mut().now_or_never().is_none());
            request
        })
        .collect()
}

fn begun(openings: &Openings) -> usize {
    openings.lock().unwrap().len()
}

/// The connection that has been opened for longest stands.
fn stand(openings: &Openings, wire: Wire) -> Standing<Wire> {
    let opening = openings.lock().unwrap().remove(0);
    opening.done(wire).unwrap()
}

fn taken(request: &mut Request<'_>) -> Taken<Wire> {
    let mut taken = request.as_mut().now_or_never().expect("a connection").expect("a connection");
    assert!(taken.line().is_some());
    taken
}

fn answered(mut taken: Taken<Wire>) {
    taken.settle();
    taken.give_back();
}

#[test]
fn the_first_goes_alone_and_the_others_when_it_stands_up_to_the_limit() {
    let (pool, openings) = pool(3);
    let mut requests = requests(&pool, 9);
    assert_eq!(begun(&openings), 1);
    let _first = stand(&openings, wire(false));
    assert_eq!(begun(&openings), 2);
    let (second, _third) = (stand(&openings, wire(false)), stand(&openings, wire(false)));
    assert_eq!(begun(&openings), 0);
    drop(taken(&mut requests[1]));
    drop(second);
    assert_eq!(begun(&openings), 1, "one that ended leaves room for exactly one");
}

#[test]
fn there_are_no_more_connections_than_requests() {
    let (pool, openings) = pool(9);
    let mut both = requests(&pool, 2);
    let _first = stand(&openings, wire(false));
    let _second = stand(&openings, wire(false));
    for request in &mut both {
        answered(taken(request));
    }
    for _ in 0..5 {
        let mut next: Request<'_> = Box::pin(pool.take());
        answered(taken(&mut next));
    }
    assert_eq!(begun(&openings), 0);
}

#[test]
fn a_connection_that_ends_unannounced_is_replaced_at_once_wherever_it_was() {
    let (pool, openings) = pool(1);
    // In the hands of a request, while another waits.
    let mut both = requests(&pool, 2);
    let first = stand(&openings, wire(false));
    let in_use = taken(&mut both[0]);
    assert_eq!(begun(&openings), 0);
    drop(first);
    assert_eq!(begun(&openings), 1);
    drop(in_use);
    assert_eq!(begun(&openings), 1, "nothing is counted twice");
    // Idle.
    let second = stand(&openings, wire(false));
    answered(taken(&mut both[1]));
    drop(second);
    let _next = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn one_that_ends_between_two_requests_is_not_handed_out() {
    let (pool, openings) = pool(1);
    let closed = wire(false);
    let mut first = requests(&pool, 1);
    let _standing = stand(&openings, closed.clone());
    answered(taken(&mut first[0]));
    closed.is_closed.store(true, Ordering::Relaxed);
    let _second = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn one_that_is_between_two_requests_is_waited_for_and_replaced_where_it_does_not_come_back() {
    let (pool, openings) = pool(9);
    let mut first = requests(&pool, 1);
    let _standing = stand(&openings, wire(false));
    let mut settling = taken(&mut first[0]);
    settling.settle();
    let mut second = requests(&pool, 1);
    assert_eq!(begun(&openings), 0);
    settling.give_back();
    let mut settling = taken(&mut second[0]);
    settling.settle();
    let _third = requests(&pool, 1);
    drop(settling);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn one_that_does_not_come_about_is_told_to_all_who_wait_where_none_stands() {
    let (pool, openings) = pool(3);
    let waiting = requests(&pool, 5);
    openings.lock().unwrap().remove(0).failed(&Error::Refused);
    for request in waiting {
        assert_eq!(request.now_or_never().unwrap().err(), Some(Error::Refused));
    }
    assert_eq!(begun(&openings), 0);
    let _next = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
    openings.lock().unwrap().clear();
    let _after_a_lost_one = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn where_the_server_takes_no_more_those_that_stand_are_used_and_no_more_asked_for() {
    let (pool, openings) = pool(9);
    let mut requests = requests(&pool, 3);
    let _first = stand(&openings, wire(false));
    for _ in 0..2 {
        openings.lock().unwrap().remove(0).failed(&Error::Refused);
    }
    assert_eq!(begun(&openings), 0);
    for request in &mut requests {
        answered(taken(request));
    }
    assert_eq!(begun(&openings), 0);
}

#[test]
fn one_that_is_shared_is_enough_until_it_is_lost_or_retired() {
    let (pool, openings) = pool(9);
    let mut many = requests(&pool, 50);
    let first = stand(&openings, wire(true));
    let mut all: Vec<_> = many.iter_mut().map(taken).collect();
    assert_eq!(begun(&openings), 0);
    drop(all.split_off(25));
    let mut next: Request<'_> = Box::pin(pool.take());
    drop(taken(&mut next));
    assert_eq!(begun(&openings), 0, "a request that is given up does not take it along");
    all.pop().unwrap().retire();
    let mut waiting = requests(&pool, 1);
    assert_eq!(begun(&openings), 1, "others may still be under way over the one that was retired");
    let second = stand(&openings, wire(true));
    drop((first, all));
    drop(taken(&mut waiting[0]));
    drop(second);
    let _next = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn a_request_that_is_given_up_takes_its_connection_along_only_where_it_was_under_way() {
    let (pool, openings) = pool(1);
    // Given up while it waits: the connection goes to the next.
    let mut both = requests(&pool, 2);
    drop(both.remove(0));
    let _first = stand(&openings, wire(false));
    let under_way = taken(&mut both[0]);
    // Handed a connection, and gone before it looked.
    let mut others = requests(&pool, 2);
    answered(under_way);
    drop(others.remove(0));
    let under_way = taken(&mut others[0]);
    assert_eq!(begun(&openings), 0);
    drop(under_way);
    let _next = requests(&pool, 1);
    assert_eq!(begun(&openings), 1);
}

#[test]
fn the_first_connection_is_told_to_those_who_wait_for_it() {
    let (pool, openings) = pool(1);
    assert!(pool.stands().now_or_never().is_none());
    let _request = requests(&pool, 1);
    let standing = stand(&openings, wire(false));
    assert!(pool.stands().now_or_never().is_some());
    drop(standing);
    assert!(pool.stands().now_or_never().is_none());
}
