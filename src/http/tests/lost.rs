//! Connections that are not used again, and requests whose answer is lost: which are sent again.

use std::sync::atomic::AtomicUsize;

use kz_fakes::byte_server::{Answer, Server};

use super::super::testing::run;
use super::super::*;
use super::settings;

/// The statuses of as many requests as there are answers to one client, and over how many connections they went.
fn over_connections(answers: &'static [u16]) -> (Vec<u16>, usize) {
    let number = AtomicUsize::new(0);
    let server = Server::plain(move |_| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        Answer::Reply(answers[number], "", String::new())
    });
    let client = Client::new(&settings(&server.address(), None)).unwrap();
    let get = || Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    let statuses = run(async {
        let mut statuses = Vec::new();
        for _ in answers {
            statuses.push(client.send(get()).await.unwrap().status.as_u16());
        }
        statuses
    });
    (statuses, server.connections())
}

#[test]
fn a_reply_that_tells_of_its_server_ends_the_use_of_its_connection() {
    // A balancer gives each connection to one server.
    for trouble in [&[200, 503, 200, 200][..], &[200, 500, 200], &[502, 200], &[473, 200], &[307, 200]] {
        let (statuses, connections) = over_connections(trouble);
        assert_eq!((statuses.as_slice(), connections), (trouble, 2));
    }
    for other in [&[200, 404, 403, 400][..], &[429, 200], &[412, 200]] {
        assert_eq!(over_connections(other).1, 1, "{other:?}");
    }
}

/// What becomes of a request over a connection that has carried another, where the second gets no answer.
fn lost(sending: Sending) -> (Result<Reply, Error>, usize) {
    let number = AtomicUsize::new(0);
    let server = Server::plain(move |_| match number.fetch_add(1, Ordering::SeqCst) {
        1 => Answer::Close,
        _ => Answer::json(200, "{}"),
    });
    let client = Client::new(&settings(&server.address(), None)).unwrap();
    let get = || Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    let mut second = get();
    second.extensions_mut().insert(sending);
    let reply = run(async {
        client.send(get()).await.unwrap();
        client.send(second).await
    });
    (reply, server.seen().len())
}

#[test]
fn what_is_to_be_sent_once_is_not_sent_again_when_its_answer_is_lost() {
    let (reply, asked) = lost(Sending::Once);
    assert_eq!((reply.unwrap_err(), asked), (Error::Undecided(Box::new(Error::Closed)), 2));
    for sending in [Sending::Repeatable, Sending::Slow] {
        let (reply, asked) = lost(sending);
        assert_eq!((reply.unwrap().status.as_u16(), asked), (200, 3), "{sending:?}");
    }
}

#[test]
fn only_what_may_be_sent_again_has_a_limit_of_silence() {
    assert_eq!(Sending::of(&Request::new(())).silence(), Some(Duration::from_secs(30)));
    assert_eq!([Sending::Slow, Sending::Once].map(Sending::silence), [None, None]);
}

#[test]
fn a_connection_behind_which_is_nobody_is_none_that_something_was_sent_over() {
    let server = Server::plain(|_| Answer::Close);
    let client = Client::new(&settings(&server.address(), None)).unwrap();
    let mut get = Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    get.extensions_mut().insert(Sending::Once);
    assert_eq!(run(client.send(get)).unwrap_err(), Error::Closed);
}
