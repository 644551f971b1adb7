//! Servers that are slow, or silent, by a clock that goes when a test says so.

use std::sync::atomic::AtomicUsize;

use futures_util::future::{join, join_all};
use kz_fakes::byte_server::{Answer, Server};
use kz_fakes::fake_server::manners::Manners;
use kz_fakes::fake_server::script::{Act, Rule};
use kz_fakes::fake_server::{Backend, Fake, Reply as Answered, Request as Asked, Transport};

use super::super::testing::{Manual, run};
use super::super::*;
use super::settings;

/// A backend whose every answer takes so many seconds of this clock.
#[derive(Default)]
struct Slow(Option<(Manual, u64)>);

impl Backend for Slow {
    const HUGE: [&'static str; 2] = [""; 2];

    fn answer(&mut self, _: &Asked) -> Answered {
        if let Some((clock, seconds)) = &self.0 {
            clock.advance(*seconds);
        }
        Answered::new(200, "text/plain", "")
    }

    fn name(request: &Asked) -> String {
        request.path.clone()
    }

    fn place(_: &Asked) -> String {
        String::new()
    }

    fn failure(_: &Asked, status: u16) -> Answered {
        Answered::new(status, "text/plain", "")
    }
}

/// A server of HTTP/2 that allows so many streams.
fn server(streams: u32) -> Fake<Slow> {
    Fake::mannered(Transport::Http2, Manners { streams: Some(streams), ..Manners::default() })
}

/// Its client, by this clock.
fn client(server: &Fake<Slow>, clock: &Manual) -> Client {
    let roots = Roots::Only(vec![("ca.pem".to_owned(), server.ca().into_bytes())]);
    Client::by(&Settings { roots, ..settings(&server.url(), None) }, clock.shared()).unwrap()
}

fn get(client: &Client) -> Request<Vec<u8>> {
    Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap()
}

#[test]
fn a_request_that_waits_for_its_turn_behind_slow_ones_is_not_taken_for_silent() {
    for streams in [1, 2, 5] {
        let (server, clock) = (server(streams), Manual::new());
        // So many at once take 20 s together: the last of a hundred is answered after many minutes.
        server.configure(|slow| slow.0 = Some((clock.clone(), 20 / u64::from(streams))));
        run(async {
            let client = client(&server, &clock);
            client.send(get(&client)).await.unwrap();
            let all = join_all((0..100).map(|_| client.send(get(&client)))).await;
            assert!(all.iter().all(Result::is_ok), "{streams}: {all:?}");
        });
        assert_eq!((server.connections(), server.requests("")), (1, 101));
    }
}

#[test]
fn a_connection_that_has_become_silent_is_left_and_the_next_request_has_another() {
    for act in [Act::Hang, Act::HangInBody] {
        let (server, clock) = (server(100), Manual::new());
        run(async {
            let client = client(&server, &clock);
            for _ in 0..2 {
                client.send(get(&client)).await.unwrap();
            }
            server.script(Rule::new("", act).times(10));
            let passing = async {
                while server.requests("") < 12 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                clock.advance(31);
            };
            let ten = || join_all((0..10).map(|_| client.send(get(&client))));
            let (silent, ()) = join(ten(), passing).await;
            let silent: Vec<Error> = silent.into_iter().map(Result::unwrap_err).collect();
            assert_eq!(silent, vec![Error::Silent(30); 10]);
            let others = ten().await;
            assert!(others.iter().all(Result::is_ok), "{others:?}");
        });
        assert_eq!((server.connections(), server.requests("")), (2, 22));
    }
}

#[test]
fn one_connection_of_http_1_that_is_silent_costs_its_own_request_and_no_other() {
    let (clock, count) = (Manual::new(), AtomicUsize::new(0));
    let passing = clock.clone();
    let server = Server::plain(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        if number == 100 {
            passing.advance(31);
        }
        if number == 5 { Answer::Hang } else { Answer::json(200, "{}") }
    });
    let client = Client::by(&settings(&server.address(), None), clock.shared()).unwrap();
    let all = run(join_all((0..100).map(|_| client.send(get(&client)))));
    let lost: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    // Whoever was asked just then may find the limit over too, but for those there is one connection each.
    assert!((1..=MOST_CONNECTIONS).contains(&lost.len()), "{lost:?}");
    assert!(lost.iter().all(|error| *error == Error::Silent(30)), "{lost:?}");
    assert_eq!(server.lines().len(), 100);
}
