//! Servers whose connections end, refuse and allow little. Of every document it is held that it arrives as it is, and of
//! every export what it costs: requests that the server saw, and connections. Nothing is held of time, but kz may not have
//! said that it waits for a connection that was closed: what a server has not begun with is sent again at once.

use serde_json::{Value, json};

use crate::vault::stage::Stage;
use kz_fakes::fake_server::manners::{Ends, Manners};
use kz_fakes::vault::script::{Act, Rule};
use kz_fakes::vault::{Fake, Transport};

/// Few, and as many as go at once.
const COUNTS: [usize; 2] = [12, 100];

/// Exports so many documents from a server of such manners, which fails so.
fn exported(transport: Transport, manners: Manners, count: usize, rule: Option<Rule>) -> Stage {
    let stage = Stage::before(Fake::mannered(transport, manners));
    stage.documents(count);
    if let Some(rule) = rule {
        stage.fake.script(rule);
    }
    let run = stage.kz(&["--timeout", "600s", "export", "--format", "json"]).expect_code(0);
    let expected: Value = (0..count).map(|n| (format!("S{n}"), json!(format!("v{n}")))).collect();
    let delivered: Value = serde_json::from_str(&run.stdout()).expect("JSON");
    assert_eq!(delivered, expected, "{transport:?} {manners:?}\n{}", run.describe());
    assert!(!run.stderr().contains("closed"), "{transport:?} {manners:?}\n{}", run.describe());
    stage
}

/// Holds an export to numbers of requests and of connections.
#[track_caller]
fn costs(stage: &Stage, requests: usize, connections: usize, what: &str) {
    let seen = (stage.fake.requests(""), stage.fake.connections());
    assert!(
        seen.0 == requests && seen.1 <= connections,
        "{what}: {seen:?} instead of {requests} on at most {connections}"
    );
}

#[test]
fn a_goaway_costs_a_connection_and_no_request_whether_it_comes_before_replies_or_behind_them() {
    for count in COUNTS {
        for after in [1, 3, 30] {
            for ends in [Ends::GoAwayBegun(after), Ends::GoAwayAnswered(after), Ends::GoAwayGently(after)] {
                let manners = Manners { ends: Some(ends), ..Manners::default() };
                let stage = exported(Transport::Http2, manners, count, None);
                costs(&stage, count, count.div_ceil(after) + 1, &format!("{count}, {ends:?}"));
            }
        }
    }
}

#[test]
fn a_refused_stream_is_asked_for_again_on_the_same_connection() {
    for count in COUNTS {
        for refused in [1, count / 2] {
            let times = u32::try_from(refused).expect("a small number");
            let rule = Rule::new("secret/", Act::Refuse).times(times);
            let stage = exported(Transport::Http2, Manners::default(), count, Some(rule));
            costs(&stage, count + refused, 1, &format!("{count}, {refused} refused"));
        }
    }
}

#[test]
fn a_server_that_allows_few_streams_is_asked_over_one_connection() {
    for count in COUNTS {
        for streams in [1, 2, 5] {
            let manners = Manners { streams: Some(streams), ..Manners::default() };
            let stage = exported(Transport::Http2, manners, count, None);
            costs(&stage, count, 1, &format!("{count}, {streams} streams"));
        }
    }
}

#[test]
fn a_limit_of_streams_that_is_lowered_meanwhile_is_kept_to() {
    // As many as tell, since what is on its way may go beyond a limit that has just been lowered.
    for count in [12, 100, 400] {
        for limit in [1, 2, 5] {
            let manners = Manners { lowered: Some((6, limit)), ..Manners::default() };
            let stage = exported(Transport::Http2, manners, count, None);
            costs(&stage, count, 1, &format!("{count}, lowered to {limit}"));
            assert_eq!(stage.fake.beyond(), 0, "{count}, lowered to {limit}");
        }
    }
}

#[test]
fn a_reply_that_breaks_off_costs_one_more_request_and_the_others_nothing() {
    for count in COUNTS {
        let broken = u32::try_from(count / 3).expect("a small number");
        let rule = Rule::new("secret/", Act::Break).times(broken);
        let stage = exported(Transport::Http2, Manners::default(), count, Some(rule));
        costs(&stage, count + count / 3, 1, &format!("{count}"));
    }
}

#[test]
fn connections_of_http_1_that_end_unannounced_are_replaced_and_nothing_is_asked_twice() {
    for transport in [Transport::Plain, Transport::Http1] {
        for count in COUNTS {
            for after in [1, 3] {
                let manners = Manners { ends: Some(Ends::Unannounced(after)), ..Manners::default() };
                let stage = exported(transport, manners, count, None);
                // A busy machine looks like a long way, on which there may be as many connections as requests.
                let connections = count.div_ceil(after) + count;
                costs(&stage, count, connections, &format!("{transport:?}, {count}, {after} replies"));
            }
        }
    }
}

#[test]
fn where_every_reply_closes_its_connection_there_are_as_many_connections_as_documents() {
    for transport in [Transport::Plain, Transport::Http1] {
        for count in COUNTS {
            let rule = Rule::new("", Act::With("connection", "close"));
            let stage = exported(transport, Manners::default(), count, Some(rule));
            costs(&stage, count, count + 1, &format!("{transport:?}, {count}"));
            assert!(stage.fake.connections() >= count, "{transport:?}, {count}");
        }
    }
}
