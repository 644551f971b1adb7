//! Name servers that fail in every way that is seen in the wild: beside each, what glibc makes of it (`getent ahosts`).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::*;
use crate::http::testing::run;

/// What a name server does with a question.
enum Reply {
    V4(Vec<[u8; 4]>),
    V6,
    /// An alias, and where it leads.
    Alias,
    Code(RCODE),
    /// The head of a reply that failed, and nothing else.
    Head(u8),
    /// Nothing.
    Silence,
    /// Over UDP a reply that is cut off in the middle; over TCP this many addresses.
    Large(u8),
    /// First a reply to another question, from the right address.
    Forged,
}

/// A question as it was asked: `udp A vault.test`.
type Seen = Arc<Mutex<Vec<String>>>;

fn server(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> (SocketAddr, Seen) {
    let (seen, answer) = (Seen::default(), Arc::new(answer));
    // The same port for both.
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let address = tcp.local_addr().unwrap();
    let (also_seen, also) = (Arc::clone(&seen), Arc::clone(&answer));
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            for reply in replies(&buffer[..length], "udp", &*also, &also_seen) {
                let _ = udp.send_to(&reply, from);
            }
        }
    });
    let tcp_seen = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            for reply in replies(&query, "tcp", &*answer, &tcp_seen) {
                let length = u16::try_from(reply.len()).unwrap();
                stream.write_all(&[&length.to_be_bytes()[..], &reply].concat()).unwrap();
            }
        }
    });
    (address, seen)
}

fn replies(query: &[u8], way: &str, answer: &dyn Fn(&str, &str) -> Reply, seen: &Seen) -> Vec<Vec<u8>> {
    let query = Packet::parse(query).unwrap();
    assert!(query.has_flags(PacketFlag::RECURSION_DESIRED));
    let question = query.questions[0].clone();
    let name = question.qname.to_string();
    let kind = if question.qtype == QTYPE::TYPE(TYPE::A) { "A" } else { "AAAA" };
    seen.lock().unwrap().push(format!("{way} {kind} {name}"));
    let mut packet = Packet::new_reply(query.id());
    packet.questions.push(question.clone());
    let record = |name: &Name<'static>, rdata| ResourceRecord::new(name.clone(), CLASS::IN, 5, rdata);
    let a = |address: [u8; 4]| RData::A(A { address: u32::from_be_bytes(address) });
    let own = question.qname.clone().into_owned();
    match answer(kind, &name) {
        Reply::V4(addresses) => {
            packet.answers.extend(addresses.into_iter().map(|address| record(&own, a(address))));
        }
        Reply::V6 => packet.answers.push(record(&own, RData::AAAA(AAAA { address: 1 }))),
        Reply::Alias => {
            let (middle, end) = (Name::new_unchecked("middle.test"), Name::new_unchecked("end.test"));
            packet.answers.push(record(&own, RData::CNAME(CNAME(middle.clone()))));
            packet.answers.push(record(&middle, RData::CNAME(CNAME(end.clone()))));
            packet.answers.push(record(&end, a([127, 0, 0, 9])));
        }
        Reply::Code(code) => *packet.rcode_mut() = code,
        Reply::Head(code) => {
            let [first, second] = query.id().to_be_bytes();
            return vec![vec![first, second, 0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0]];
        }
        Reply::Silence => return Vec::new(),
        Reply::Large(number) => {
            packet.answers.extend((0..number).map(|last| record(&own, a([127, 0, 0, last]))));
            let mut whole = packet.build_bytes_vec_compressed().unwrap();
            if way == "udp" {
                whole.truncate(500);
                whole[2] |= 0x02;
            }
            return vec![whole];
        }
        Reply::Forged => {
            packet.answers.push(record(&own, a([127, 0, 0, 9])));
            let right = packet.build_bytes_vec().unwrap();
            packet.answers[0].rdata = a([6, 6, 6, 6]);
            let mut other_number = packet.build_bytes_vec().unwrap();
            other_number[0] ^= 1;
            packet.questions[0].qname = Name::new_unchecked("other.test");
            return vec![other_number, packet.build_bytes_vec().unwrap(), right];
        }
    }
    vec![packet.build_bytes_vec().unwrap()]
}

fn system(servers: &[SocketAddr], search: &[&str], dots: usize) -> System {
    let mut system = System::of(b"", b"");
    system.servers = servers.to_vec();
    system.search = search.iter().map(|&domain| domain.to_owned()).collect();
    (system.dots, system.attempts, system.timeout) = (dots, 1, Duration::from_millis(1500));
    system
}

fn found(system: &System, host: &str) -> Vec<String> {
    run(async {
        let found = lookup_in(system, host).await.unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    })
}

const HERE: [u8; 4] = [127, 0, 0, 9];

fn here() -> Reply {
    Reply::V4(vec![HERE])
}

fn missing() -> Reply {
    Reply::Code(RCODE::NameError)
}

/// The other question, which fails in one of the ways that are seen.
fn failures() -> Vec<fn() -> Reply> {
    vec![
        || Reply::Code(RCODE::NoError),
        || Reply::Code(RCODE::ServerFailure),
        missing,
        || Reply::Code(RCODE::Refused),
        || Reply::Code(RCODE::NotImplemented),
        || Reply::Code(RCODE::FormatError),
        || Reply::Head(2),
        || Reply::Head(4),
        || Reply::Silence,
    ]
}

#[test]
fn one_kind_of_address_is_enough_however_the_other_fails() {
    for failure in failures() {
        let (v4, _) = server(move |kind, _| if kind == "A" { here() } else { failure() });
        assert_eq!(found(&system(&[v4], &[], 1), "vault.test"), ["127.0.0.9"]);
        let (v6, _) = server(move |kind, _| if kind == "A" { failure() } else { Reply::V6 });
        assert_eq!(found(&system(&[v6], &[], 1), "vault.test"), ["::1"]);
    }
}

#[test]
fn a_suffix_that_fails_in_any_way_is_followed_by_the_next() {
    for failure in failures() {
        let (address, seen) =
            server(move |_, name| if name == "vault.second.test" { here() } else { failure() });
        let system = system(&[address], &["first.test", "second.test"], 5);
        assert_eq!(found(&system, "vault"), ["127.0.0.9"]);
        assert!(!seen.lock().unwrap().iter().any(|line| line.ends_with(" vault")), "asked for beyond need");
    }
}

#[test]
fn the_list_of_kubernetes_is_gone_through_and_the_name_itself_is_the_last() {
    let (address, seen) = server(|_, name| if name == "vault.example.com" { here() } else { missing() });
    let list = ["app.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    assert_eq!(found(&system(&[address], &list, 5), "vault.example.com"), ["127.0.0.9"]);
    let asked = seen.lock().unwrap().iter().filter(|line| line.starts_with("udp A ")).count();
    assert_eq!(asked, 4);
    seen.lock().unwrap().clear();
    assert_eq!(found(&system(&[address], &list, 5), "vault.example.com."), ["127.0.0.9"]);
    assert!(seen.lock().unwrap().iter().all(|line| line.ends_with(" vault.example.com")));
}

#[test]
fn a_name_server_that_fails_or_is_silent_is_followed_by_the_next() {
    for failure in
        failures().into_iter().skip(1).filter(|failure| !matches!(failure(), Reply::Code(RCODE::NameError)))
    {
        let (bad, asked) = server(move |_, _| failure());
        let (good, _) = server(|kind, _| if kind == "A" { here() } else { Reply::Code(RCODE::NoError) });
        assert_eq!(found(&system(&[bad, good], &[], 1), "vault.test"), ["127.0.0.9"]);
        assert!(!asked.lock().unwrap().is_empty());
    }
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (good, _) = server(|_, _| here());
    assert_eq!(found(&system(&[closed, good], &[], 1), "vault.test"), ["127.0.0.9"]);
}

#[test]
fn a_name_that_one_server_does_not_know_is_not_asked_of_the_next() {
    let (first, _) = server(|_, _| missing());
    let (second, asked) = server(|_, _| here());
    assert!(found(&system(&[first, second], &[], 1), "vault.test").is_empty());
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_silent_server_is_asked_last_for_the_names_that_follow() {
    let (silent, asked) = server(|_, _| Reply::Silence);
    let (good, _) = server(|_, name| if name == "vault" { here() } else { missing() });
    assert_eq!(found(&system(&[silent, good], &["a.test", "b.test", "c.test"], 1), "vault"), ["127.0.0.9"]);
    let asked = asked.lock().unwrap().clone();
    assert!(asked.iter().all(|line| line.ends_with(" vault.a.test")), "{asked:?}");
}

#[test]
fn what_does_not_fit_into_a_datagram_comes_over_tcp() {
    let (address, seen) = server(|kind, _| if kind == "A" { Reply::Large(60) } else { missing() });
    assert_eq!(found(&system(&[address], &[], 1), "vault.test").len(), 60);
    assert!(seen.lock().unwrap().contains(&"tcp A vault.test".to_owned()));
    let only_tcp = System { tcp: true, ..system(&[address], &[], 1) };
    seen.lock().unwrap().clear();
    assert_eq!(found(&only_tcp, "vault.test").len(), 60);
    assert!(seen.lock().unwrap().iter().all(|line| line.starts_with("tcp ")));
}

#[test]
fn a_chain_of_aliases_leads_to_its_end() {
    let (address, _) = server(|kind, _| if kind == "A" { Reply::Alias } else { missing() });
    assert_eq!(found(&system(&[address], &[], 1), "vault.test"), ["127.0.0.9"]);
}

#[test]
fn a_reply_to_another_question_is_none() {
    let (address, _) = server(|kind, _| if kind == "A" { Reply::Forged } else { missing() });
    assert_eq!(found(&system(&[address], &[], 1), "Vault.test"), ["127.0.0.9"]);
}

#[test]
fn servers_that_rotate_are_begun_with_in_turn() {
    let (first, one) = server(|_, _| here());
    let (second, other) = server(|_, _| here());
    let system = System { rotate: true, ..system(&[first, second], &[], 1) };
    for _ in 0..4 {
        found(&system, "vault.test");
    }
    assert!(!one.lock().unwrap().is_empty() && !other.lock().unwrap().is_empty());
}

#[test]
fn a_server_is_asked_as_often_as_resolv_conf_says() {
    let (address, seen) = server(|_, _| Reply::Code(RCODE::ServerFailure));
    let system = System { attempts: 3, only_v4: true, ..system(&[address], &[], 1) };
    assert!(found(&system, "vault.test").is_empty());
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn the_file_of_hosts_comes_first_and_localhost_is_asked_of_nobody() {
    let (address, seen) = server(|_, _| here());
    let mut system = system(&[address], &["x.test"], 5);
    system.hosts =
        "# vault 1.1.1.1\n127.0.0.7\tother Vault.Test # 1\n::1 vault.test\nwrong vault.test\n".to_owned();
    let both = found(&system, "vault.test.");
    assert!(both.len() == 2 && both.contains(&"127.0.0.7".to_owned()) && both.contains(&"::1".to_owned()));
    for name in ["localhost", "LOCALHOST.", "vault.localhost"] {
        assert!(found(&system, name).contains(&"127.0.0.1".to_owned()), "{name}");
    }
    assert_eq!(found(&system, "192.0.2.1"), ["192.0.2.1"]);
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn a_name_that_can_be_none_is_asked_of_nobody() {
    let (address, seen) = server(|_, _| here());
    for name in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(128)] {
        assert!(found(&system(&[address], &[], 1), name).is_empty(), "{name}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn what_resolv_conf_says_is_kept_and_where_it_says_nothing_this_machine_is_asked() {
    let of = |text: &str| System::of(b"", text.as_bytes());
    let here: SocketAddr = "127.0.0.1:53".parse().unwrap();
    for text in ["", "search a.test\n", "nameserver nonsense\n", "# nameserver 8.8.8.8\n"] {
        assert_eq!(of(text).servers, [here], "{text}");
    }
    let system =
        of("nonsense\nsearch a.test b.test\nnameserver 10.0.0.1\nnameserver ::2\nnameserver 10.0.0.3\n\
                     nameserver 10.0.0.4\noptions ndots:5 timeout:2 attempts:4 rotate use-vc no-aaaa\n");
    assert_eq!(system.servers, ["10.0.0.1:53", "[::2]:53", "10.0.0.3:53"].map(|text| text.parse().unwrap()));
    assert_eq!(system.search, ["a.test", "b.test"]);
    assert_eq!((system.dots, system.attempts, system.timeout), (5, 4, Duration::from_secs(2)));
    assert!(system.rotate && system.tcp && system.only_v4);
    let usual = of("nameserver 10.0.0.1\n");
    assert_eq!((usual.dots, usual.attempts, usual.timeout), (1, 2, Duration::from_secs(5)));
    assert!(usual.search.is_empty() && !usual.rotate && !usual.tcp && !usual.only_v4);
}
