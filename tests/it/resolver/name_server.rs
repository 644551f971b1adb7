//! A name server that fails as it is told, over UDP and TCP (RFC 1035), written by hand so that it judges what kz's libraries
//! write and read. Every name has the addresses 127.0.0.9 and `::1`. Runs until its test's process ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

/// What it does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Right,
    /// This code, and no record.
    Code(u8),
    Silence,
    /// Over UDP nothing but that it is cut off.
    OverTcp,
    /// A wrong reply with another number, and then the right one.
    OtherNumber,
    /// To another question, likewise.
    OtherQuestion,
    /// From another port, likewise.
    OtherPort,
    Garbage,
    /// Aliases, the last of which has the address.
    Chain,
    /// Two aliases of each other.
    Circle,
    /// An alias without an address.
    DeadAlias,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// Listens on port 53 of an address. `answer` is told the kind, `A` or `AAAA`, and the name.
pub(super) fn serve(address: &str, answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) {
    let (udp, tcp) = (UdpSocket::bind((address, 53)), TcpListener::bind((address, 53)));
    let (udp, tcp) = (udp.expect("port 53"), tcp.expect("port 53"));
    let other_port = UdpSocket::bind((address, 0)).expect("another port");
    let answer = Arc::new(answer);
    let also = Arc::clone(&answer);
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let Some(question) = Question::read(&buffer[..length]) else { continue };
            let reply = also(question.kind(), &question.name);
            if reply == Reply::OtherPort {
                let _ = other_port.send_to(&question.wrong(question.id, &question.encoded), from);
            }
            for bytes in question.replies(reply, true) {
                let _ = udp.send_to(&bytes, from);
            }
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            // glibc asks both questions over one connection.
            while let Some(question) = asked(&mut stream) {
                for bytes in question.replies(answer(question.kind(), &question.name), false) {
                    let length = u16::try_from(bytes.len()).expect("a short reply").to_be_bytes();
                    let _ = stream.write_all(&[&length[..], &bytes].concat());
                }
            }
        }
    });
}

fn asked(stream: &mut TcpStream) -> Option<Question> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query).ok()?;
    Question::read(&query)
}

struct Question {
    id: [u8; 2],
    name: String,
    of: u16,
    /// As it was asked.
    encoded: Vec<u8>,
}

impl Question {
    fn read(query: &[u8]) -> Option<Self> {
        let (mut labels, mut at) = (Vec::new(), 12);
        loop {
            let length = usize::from(*query.get(at)?);
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + length)?).to_lowercase());
            at += length + 1;
        }
        let (of, encoded) = (query.get(at + 1..at + 3)?, query.get(12..at + 5)?.to_vec());
        let id = query.get(..2)?.try_into().ok()?;
        Some(Self { id, name: labels.join("."), of: u16::from_be_bytes(of.try_into().ok()?), encoded })
    }

    fn kind(&self) -> &'static str {
        if self.of == A { "A" } else { "AAAA" }
    }

    fn replies(&self, reply: Reply, is_udp: bool) -> Vec<Vec<u8>> {
        let own = [0xc0, 12];
        let right = || reply_of(self.id, 0, &self.encoded, &[self.address(&own)]);
        match reply {
            Reply::Code(code) => vec![reply_of(self.id, u16::from(code), &self.encoded, &[])],
            Reply::Silence => Vec::new(),
            Reply::OverTcp if is_udp => vec![reply_of(self.id, 0x200, &self.encoded, &[])],
            Reply::Right | Reply::OtherPort | Reply::OverTcp => vec![right()],
            Reply::OtherNumber => {
                vec![self.wrong([self.id[0] ^ 1, self.id[1]], &self.encoded), right()]
            }
            Reply::OtherQuestion => {
                let other = [&name("other.test")[..], &self.of.to_be_bytes(), &[0, 1]].concat();
                vec![self.wrong(self.id, &other), right()]
            }
            Reply::Garbage => vec![b"garbage that is no reply, and longer than a head of one".to_vec()],
            Reply::Chain => {
                let aliases = [alias(&own, "middle.test"), alias(&name("middle.test"), "end.test")];
                let records = [&aliases[..], &[self.address(&name("end.test"))]].concat();
                vec![reply_of(self.id, 0, &self.encoded, &records)]
            }
            Reply::Circle => {
                let aliases = [alias(&own, "middle.test"), alias(&name("middle.test"), &self.name)];
                vec![reply_of(self.id, 0, &self.encoded, &aliases)]
            }
            Reply::DeadAlias => vec![reply_of(self.id, 0, &self.encoded, &[alias(&own, "gone.test")])],
        }
    }

    /// A reply that leads elsewhere.
    fn wrong(&self, id: [u8; 2], question: &[u8]) -> Vec<u8> {
        let elsewhere = if self.of == A { record(&[0xc0, 12], A, &[127, 6, 6, 6]) } else { Vec::new() };
        reply_of(id, 0, question, &[elsewhere])
    }

    fn address(&self, owner: &[u8]) -> Vec<u8> {
        match self.of {
            AAAA => record(owner, AAAA, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            _ => record(owner, A, &[127, 0, 0, 9]),
        }
    }
}

fn reply_of(id: [u8; 2], flags: u16, question: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let count = records.iter().filter(|record| !record.is_empty()).count();
    let counts = [0, 1, 0, u8::try_from(count).expect("few"), 0, 0, 0, 0];
    [&id[..], &(0x8180 | flags).to_be_bytes(), &counts, question, &records.concat()].concat()
}

fn name(text: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).expect("short")], label.as_bytes()].concat();
    [text.split('.').map(label).collect::<Vec<_>>().concat(), vec![0]].concat()
}

fn alias(owner: &[u8], target: &str) -> Vec<u8> {
    record(owner, CNAME, &name(target))
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short").to_be_bytes();
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 5], &length, data].concat()
}
