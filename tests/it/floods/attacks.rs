//! Who attacks, how, and which words kz has for it. What is sent is written byte by byte, since no library would.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::CANARY;

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A Vault in plain text.
    Server,
    /// A proxy on the way to one behind TLS.
    Proxy,
    /// A Vault of HTTP/2.
    Http2,
    /// The same, to which kz logs in first, with a body.
    Login,
}

pub(super) trait Peer: Read + Write {}

impl<T: Read + Write> Peer for T {}

pub(super) struct Row {
    pub(super) who: Who,
    pub(super) what: &'static str,
    pub(super) attack: fn(&mut dyn Peer),
    /// A part of the error.
    pub(super) words: &'static str,
}

const fn row(who: Who, what: &'static str, attack: fn(&mut dyn Peer), words: &'static str) -> Row {
    Row { who, what, attack, words }
}

/// Again and again, until kz has gone.
fn flood(peer: &mut dyn Peer, bytes: &[u8]) {
    let many = bytes.repeat((64 << 10) / bytes.len() + 1);
    while peer.write_all(&many).is_ok() {}
}

fn drip(peer: &mut dyn Peer, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if peer.write_all(&[*byte]).and_then(|()| peer.flush()).is_err() {
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

fn say(peer: &mut dyn Peer, bytes: &[u8]) {
    let _ = peer.write_all(bytes).and_then(|()| peer.flush());
}

/// Says nothing, and reads until kz has gone.
fn stay(peer: &mut dyn Peer) {
    let mut buffer = [0; 4096];
    while peer.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], content].concat()
}

/// The request's stream; what a client opens first is 1.
const STREAM: u8 = 1;
/// `:status: 200`, `103`, as HPACK writes them (RFC 7541).
const STATUS_200: &[u8] = &[0x88];
const STATUS_103: &[u8] = &[0x08, 3, b'1', b'0', b'3'];

/// Begins a connection, and waits for the head of a request.
fn settings(peer: &mut dyn Peer) {
    say(peer, &frame(4, 0, 0, &[]));
    let mut preface = [0; 24];
    let mut seen = peer.read_exact(&mut preface);
    while seen.is_ok() {
        let mut head = [0; 9];
        seen = peer.read_exact(&mut head);
        let [high, middle, low, kind, ..] = head;
        let mut content = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        seen = seen.and_then(|()| peer.read_exact(&mut content));
        if kind == 1 {
            return;
        }
    }
}

pub(super) const ROWS: &[Row] = &[
    row(Who::Server, "100 without end", |peer| flood(peer, b"HTTP/1.1 100 Continue\r\n\r\n"), "unreachable"),
    row(
        Who::Server,
        "103 without end",
        |peer| {
            flood(peer, b"HTTP/1.1 103 Early Hints\r\nLink: CANARY_flood\r\n\r\n");
        },
        "unreachable",
    ),
    row(
        Who::Server,
        "headers without end",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\n");
            flood(peer, b"X-A: CANARY_flood\r\n");
        },
        "does not answer in HTTP",
    ),
    row(
        Who::Server,
        "a header of a megabyte",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nX-A: ");
            say(peer, &CANARY.as_bytes().repeat(1 << 17));
            say(peer, b"\r\nContent-Length: 0\r\n\r\n");
            stay(peer);
        },
        "does not answer in HTTP",
    ),
    row(
        Who::Server,
        "a byte a second",
        |peer| drip(peer, b"HTTP/1.1 200 OK\r\nX-A: CANARY_flood\r\n"),
        "unreachable",
    ),
    row(
        Who::Server,
        "a chunk's extension without end",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=");
            flood(peer, CANARY.as_bytes());
        },
        "unreachable",
    ),
    row(
        Who::Server,
        "extensions of a million chunks",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            flood(peer, b"1;a=CANARY_flood\r\nx\r\n");
        },
        "ends in the middle",
    ),
    row(
        Who::Server,
        "trailers without end",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n");
            flood(peer, b"X-A: CANARY_flood\r\n");
        },
        "ends in the middle",
    ),
    row(
        Who::Server,
        "fewer bytes than announced",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nCANARY_flood");
        },
        "ends in the middle",
    ),
    row(
        Who::Server,
        "two lengths",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 12\r\n\r\nCANARY_flood");
            stay(peer);
        },
        "does not answer in HTTP",
    ),
    row(
        Who::Server,
        "a length beyond all numbers",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nCANARY_flood");
            stay(peer);
        },
        "does not answer in HTTP",
    ),
    row(
        Who::Proxy,
        "200 and then garbage",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\n\r\n");
            say(peer, &CANARY.as_bytes().repeat(100));
            stay(peer);
        },
        "does not answer in TLS",
    ),
    row(
        Who::Proxy,
        "200 and then garbage without end",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\n\r\n");
            flood(peer, CANARY.as_bytes());
        },
        "does not answer in TLS",
    ),
    row(
        Who::Proxy,
        "200 with a body",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nCANARY_flood");
            stay(peer);
        },
        "does not answer in TLS",
    ),
    row(
        Who::Proxy,
        "200 and silence",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\n\r\n");
            stay(peer);
        },
        "unreachable",
    ),
    row(Who::Proxy, "100 without end", |peer| flood(peer, b"HTTP/1.1 100 Continue\r\n\r\n"), "unreachable"),
    row(
        Who::Proxy,
        "a header of a megabyte",
        |peer| {
            say(peer, b"HTTP/1.1 200 OK\r\nX-A: ");
            say(peer, &CANARY.as_bytes().repeat(1 << 17));
            stay(peer);
        },
        "does not answer in HTTP",
    ),
    row(
        Who::Proxy,
        "a byte a second",
        |peer| drip(peer, b"HTTP/1.1 200 OK\r\nX-A: CANARY_flood\r\n"),
        "unreachable",
    ),
    row(
        Who::Proxy,
        "a refusal without end",
        |peer| {
            say(peer, b"HTTP/1.1 403 Forbidden\r\n\r\n");
            flood(peer, CANARY.as_bytes());
        },
        "refuses to connect",
    ),
    row(
        Who::Http2,
        "CONTINUATION without end",
        |peer| {
            settings(peer);
            say(peer, &frame(1, 0, STREAM, STATUS_200));
            let header = [&[0, 1, b'a', 12][..], CANARY.as_bytes()].concat();
            flood(peer, &frame(9, 0, STREAM, &header.repeat(900)));
        },
        "closed",
    ),
    row(
        Who::Http2,
        "empty CONTINUATION without end",
        |peer| {
            settings(peer);
            say(peer, &frame(1, 0, STREAM, STATUS_200));
            flood(peer, &frame(9, 0, STREAM, &[]));
        },
        "closed",
    ),
    row(
        Who::Http2,
        "SETTINGS without end",
        |peer| {
            settings(peer);
            flood(peer, &frame(4, 0, 0, &[]));
        },
        "unreachable",
    ),
    row(
        Who::Http2,
        "PING without end",
        |peer| {
            settings(peer);
            flood(peer, &frame(6, 0, 0, &[7; 8]));
        },
        "unreachable",
    ),
    row(
        Who::Http2,
        "103 without end",
        |peer| {
            settings(peer);
            flood(peer, &frame(1, 4, STREAM, STATUS_103));
        },
        "no answer",
    ),
    row(
        Who::Http2,
        "a header of 4 KB, sixteen thousand times by its number",
        |peer| {
            settings(peer);
            // A literal that goes into the table (RFC 7541, 6.2.1), of 3,840 bytes, and then its number.
            let literal = [&[0x40, 1, b'a', 0x7f, 0x81, 0x1d][..], &CANARY.as_bytes().repeat(320)].concat();
            let first = [STATUS_200, &literal].concat();
            say(peer, &frame(1, 0, STREAM, &first));
            say(peer, &frame(9, 4, STREAM, &[0xbe].repeat(16_000)));
            stay(peer);
        },
        "unreachable",
    ),
    row(
        Who::Http2,
        "empty DATA without end",
        |peer| {
            settings(peer);
            say(peer, &frame(1, 4, STREAM, STATUS_200));
            flood(peer, &frame(0, 0, STREAM, &[]));
        },
        "ends in the middle",
    ),
    row(
        Who::Http2,
        "RST_STREAM without end",
        |peer| {
            settings(peer);
            flood(peer, &frame(3, 0, STREAM, &[0, 0, 0, 8]));
        },
        "unreachable",
    ),
    row(
        Who::Http2,
        "more DATA than the window",
        |peer| {
            settings(peer);
            say(peer, &frame(1, 4, STREAM, STATUS_200));
            flood(peer, &frame(0, 0, STREAM, &[b'x'; 16 << 10]));
        },
        "ends in the middle",
    ),
    row(
        Who::Login,
        "a window of nothing for ever",
        |peer| {
            say(peer, &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
            stay(peer);
        },
        "unreachable",
    ),
];
