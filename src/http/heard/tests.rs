//! Silence by a clock that goes only when a test says so.

use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::http::testing::Manual;

const LIMIT: Duration = Duration::from_secs(30);

/// One frame of a kind, with so many bytes in it.
fn frame(kind: u8, bytes: u8) -> Vec<u8> {
    [&[0, 0, bytes, kind, 0, 0, 0, 0, 1][..], &vec![0; bytes.into()]].concat()
}

#[test]
fn frames_of_requests_are_told_from_those_of_the_connection_however_they_are_cut() {
    for (kind, belongs) in
        [(0, true), (1, true), (3, true), (9, true), (4, false), (6, false), (7, false), (8, false)]
    {
        let bytes = [frame(4, 0), frame(kind, 40), frame(6, 8)].concat();
        assert_eq!(Frames::default().pass(&bytes), belongs, "{kind}");
        let mut frames = Frames::default();
        let heard = bytes.chunks(1).filter(|byte| frames.pass(byte)).count();
        // Its last byte of the head, and its content.
        assert_eq!(heard, if belongs { 41 } else { 0 }, "{kind}");
    }
}

#[test]
fn a_connection_over_which_nothing_comes_is_silent_when_the_limit_is_over_and_not_before() {
    let clock = Manual::new();
    let heard = Heard::new(&clock.shared());
    clock.advance(100);
    let mut waiting = Box::pin(heard.unless_silent(LIMIT, std::future::pending::<()>()));
    assert_eq!(waiting.as_mut().now_or_never(), None);
    clock.advance(29);
    assert_eq!(waiting.as_mut().now_or_never(), None);
    clock.advance(1);
    assert_eq!(waiting.as_mut().now_or_never(), Some(None));
}

#[test]
fn whatever_comes_of_any_request_gives_the_others_the_whole_limit_again() {
    let clock = Manual::new();
    let heard = Heard::new(&clock.shared());
    let mut waiting = Box::pin(heard.unless_silent(LIMIT, std::future::pending::<()>()));
    for _ in 0..10 {
        clock.advance(29);
        assert_eq!(waiting.as_mut().now_or_never(), None);
        *heard.last() = clock.now();
    }
    clock.advance(30);
    assert_eq!(waiting.as_mut().now_or_never(), Some(None));
}

#[test]
fn work_that_ends_is_what_it_comes_to_also_at_the_last_moment() {
    let clock = Manual::new();
    let heard = Heard::new(&clock.shared());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut waiting = Box::pin(heard.unless_silent(LIMIT, receiver));
    assert_eq!(waiting.as_mut().now_or_never(), None);
    sender.send(7).unwrap();
    clock.advance(30);
    assert_eq!(waiting.as_mut().now_or_never(), Some(Some(Ok(7))));
}

#[test]
fn a_server_that_never_stops_sending_lets_others_have_their_turn() {
    let clock = Manual::new();
    let endless: Stream = Box::new(tokio::io::join(tokio::io::repeat(0), tokio::io::sink()));
    let mut stream = Heard::new(&clock.shared()).listen(endless);
    let mut buffer = vec![0; 16 << 10];
    for _ in 0..3 {
        let mut read = 0;
        while let Some(Ok(bytes)) = stream.read(&mut buffer).now_or_never() {
            read += bytes;
        }
        assert!((STRETCH..STRETCH + buffer.len()).contains(&read), "{read}");
    }
}
