//! Asks name servers for the addresses of one name (RFC 1035): over UDP, and over TCP where the reply does not fit.
//!
//! Invariants: a reply counts only when it comes from whom it was asked of and repeats the question; a server that
//! fails is followed by the next, one that is silent too, and is still listened to; a chain of aliases is the name
//! server's to follow, as it is for glibc.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::system::System;

/// A server that is silent for so long is still listened to, and the next is asked too.
const SILENCE: Duration = Duration::from_secs(1);
/// The largest reply over UDP: more than any server sends to a question without EDNS.
const DATAGRAM: usize = 4096;

/// Which server is the first, where they take turns.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// What name servers say of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Addresses(Vec<IpAddr>),
    /// It has no such address.
    None,
    /// Nobody knows.
    Failed,
}

impl Answer {
    pub(super) fn addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Addresses(addresses) => addresses,
            Self::None | Self::Failed => Vec::new(),
        }
    }
}

/// The servers, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    addresses: Vec<SocketAddr>,
    timeout: Duration,
    attempts: usize,
    tcp: bool,
}

impl Servers {
    pub(super) fn of(system: &System) -> Self {
        let mut addresses = system.servers.clone();
        if system.rotate && !addresses.is_empty() {
            let first = TURN.fetch_add(1, Ordering::Relaxed) % addresses.len();
            addresses.rotate_left(first);
        }
        Self { addresses, timeout: system.timeout, attempts: system.attempts, tcp: system.tcp }
    }

    /// Puts those that gave no answer behind the others, for the next name.
    pub(super) fn learn(&mut self, faults: &[usize]) {
        let (bad, good): (Vec<_>, Vec<_>) =
            self.addresses.iter().enumerate().partition(|(place, _)| faults.contains(place));
        self.addresses = good.into_iter().chain(bad).map(|(_, address)| *address).collect();
    }

    /// The addresses of a full name, and which servers gave no answer.
    pub(super) async fn ask(&self, name: &str, kind: Family) -> (Answer, Vec<usize>) {
        let Some(query) = Query::new(name, kind) else { return (Answer::None, Vec::new()) };
        let mut faults = Vec::new();
        for _ in 0..self.attempts {
            let answer = self.round(&query, &mut faults).await;
            if answer != Answer::Failed {
                return (answer, faults);
            }
        }
        (Answer::Failed, faults)
    }

    /// Asks each server once.
    async fn round(&self, query: &Query, faults: &mut Vec<usize>) -> Answer {
        let mut asked = FuturesUnordered::new();
        for (place, server) in self.addresses.iter().enumerate() {
            asked.push(async move {
                let answer = timeout(self.timeout, query.ask(*server, self.tcp)).await;
                (place, answer.ok().flatten())
            });
            match timeout(SILENCE, first(&mut asked, faults)).await {
                Ok(Some(answer)) => return answer,
                Ok(None) => {}
                // It may only be slow, and is the last to be asked next time all the same.
                Err(_) => faults.push(place),
            }
        }
        first(&mut asked, faults).await.unwrap_or(Answer::Failed)
    }
}

/// The first answer of those who were asked; nothing where all of them fail.
async fn first(
    asked: &mut (impl Stream<Item = (usize, Option<Answer>)> + Unpin),
    faults: &mut Vec<usize>,
) -> Option<Answer> {
    while let Some((place, answer)) = asked.next().await {
        if answer.is_some() {
            return answer;
        }
        faults.push(place);
    }
    None
}

/// One question.
struct Query {
    id: u16,
    name: String,
    kind: Family,
    bytes: Vec<u8>,
}

impl Query {
    /// Nothing where a name cannot be one: with a part that is empty or too long.
    fn new(name: &str, kind: Family) -> Option<Self> {
        if name.split('.').any(str::is_empty) {
            return None;
        }
        let mut id = [0; 2];
        rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut id).ok()?;
        let id = u16::from_ne_bytes(id);
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let qtype = QTYPE::TYPE(kind.of_record());
        packet.questions.push(Question::new(Name::new(name).ok()?, qtype, QCLASS::CLASS(CLASS::IN), false));
        let bytes = packet.build_bytes_vec().ok()?;
        Some(Self { id, name: name.to_owned(), kind, bytes })
    }

    /// What a server answers; nothing where it fails.
    async fn ask(&self, server: SocketAddr, tcp: bool) -> Option<Answer> {
        if tcp {
            return self.over_tcp(server).await;
        }
        let own: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((own, 0)).await.ok()?;
        // The kernel lets nobody else's replies through.
        socket.connect(server).await.ok()?;
        socket.send(&self.bytes).await.ok()?;
        let mut reply = vec![0; DATAGRAM];
        loop {
            let length = socket.recv(&mut reply).await.ok()?;
            let reply = &reply[..length];
            match self.read(reply) {
                Read::Foreign => {}
                Read::Truncated => return self.over_tcp(server).await,
                Read::Failed => return None,
                Read::Answer(answer) => return Some(answer),
            }
        }
    }

    async fn over_tcp(&self, server: SocketAddr) -> Option<Answer> {
        let mut stream = TcpStream::connect(server).await.ok()?;
        let length = u16::try_from(self.bytes.len()).ok()?;
        stream.write_all(&[&length.to_be_bytes()[..], &self.bytes].concat()).await.ok()?;
        let length = stream.read_u16().await.ok()?;
        let mut reply = vec![0; usize::from(length)];
        stream.read_exact(&mut reply).await.ok()?;
        match self.read(&reply) {
            Read::Answer(answer) => Some(answer),
            Read::Foreign | Read::Truncated | Read::Failed => None,
        }
    }

    fn read(&self, reply: &[u8]) -> Read {
        let head = self.id.to_be_bytes();
        let [first, second, flags, code, ..] = reply else { return Read::Foreign };
        if [*first, *second] != head || flags & 0x80 == 0 {
            return Read::Foreign;
        }
        // One that is cut off cannot be read to its end.
        if flags & 0x02 != 0 {
            return Read::Truncated;
        }
        let Ok(packet) = Packet::parse(reply) else {
            // Some send the head and nothing else when they fail.
            return if code % 16 == 0 { Read::Foreign } else { Read::Failed };
        };
        match packet.rcode() {
            RCODE::NoError if self.repeats(&packet) => {}
            RCODE::NameError if self.repeats(&packet) => return Read::Answer(Answer::None),
            RCODE::NoError | RCODE::NameError => return Read::Foreign,
            _ => return Read::Failed,
        }
        let addresses: Vec<IpAddr> = packet
            .answers
            .iter()
            .filter_map(|record| match (&record.rdata, self.kind) {
                (RData::A(a), Family::V4) => Some(Ipv4Addr::from(a.address).into()),
                (RData::AAAA(aaaa), Family::V6) => Some(Ipv6Addr::from(aaaa.address).into()),
                _ => None,
            })
            .collect();
        Read::Answer(if addresses.is_empty() { Answer::None } else { Answer::Addresses(addresses) })
    }

    fn repeats(&self, packet: &Packet<'_>) -> bool {
        let [question] = &packet.questions[..] else { return false };
        question.qname.to_string().eq_ignore_ascii_case(&self.name)
            && question.qtype == QTYPE::TYPE(self.kind.of_record())
    }
}

impl Family {
    fn of_record(self) -> TYPE {
        match self {
            Self::V4 => TYPE::A,
            Self::V6 => TYPE::AAAA,
        }
    }
}

/// What a reply is.
enum Read {
    /// None to this question.
    Foreign,
    /// It does not fit into a datagram.
    Truncated,
    /// The server does not know, or does not want to say.
    Failed,
    Answer(Answer),
}
