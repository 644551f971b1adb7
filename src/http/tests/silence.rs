//! Servers of HTTP/2 that are slow, or silent, by a clock that goes when they say so: the server is hyper's own.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty, combinators::BoxBody};
use hyper::Response;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::testing::{Answer, Authority, Fault, Manual, Server, run};
use super::super::*;
use super::settings;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The head of a reply, and no body.
    Begun,
    Left,
}

/// What a server counts.
#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    /// The connection of each request, counted from 1.
    requests: Mutex<Vec<usize>>,
}

/// A server that allows so many streams. `fate` is told a request's connection and number.
async fn serve(
    authority: &Authority,
    streams: u32,
    fate: impl Fn(usize, usize) -> Fate + Clone + Send + 'static,
) -> (String, Arc<Counts>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let mut config = authority.server(Fault::None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (acceptor, counts) = (TlsAcceptor::from(Arc::new(config)), Arc::new(Counts::default()));
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let connection = counted.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let (counted, fate) = (Arc::clone(&counted), fate.clone());
            let service = service_fn(move |_| {
                let number = {
                    let mut requests = counted.requests.lock().unwrap();
                    requests.push(connection);
                    requests.len()
                };
                let fate = fate(connection, number);
                async move {
                    let body: BoxBody<Bytes, Infallible> = match fate {
                        Fate::Answered => Empty::new().boxed(),
                        Fate::Begun => {
                            BoxBody::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
                                Result<hyper::body::Frame<Bytes>, Infallible>,
                            >()))
                        }
                        Fate::Left => std::future::pending().await,
                    };
                    Ok::<_, Infallible>(Response::new(body))
                }
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(streams);
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, counts)
}

fn client(address: &str, authority: &Authority, clock: &Manual) -> Client {
    Client::by(&settings(address, Some(authority)), clock.shared()).unwrap()
}

fn get(client: &Client) -> Request<Vec<u8>> {
    Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap()
}

#[test]
fn a_request_that_waits_for_its_turn_behind_slow_ones_is_not_taken_for_silent() {
    for streams in [1, 2, 5] {
        run(async {
            let (authority, clock) = (Authority::new(), Manual::new());
            let passing = clock.clone();
            let (address, counts) = serve(&authority, streams, move |_, _| {
                // So many at once take 20 s together: the last of a hundred is answered after many minutes.
                passing.advance(20 / u64::from(streams));
                Fate::Answered
            })
            .await;
            let client = client(&address, &authority, &clock);
            client.send(get(&client)).await.unwrap();
            let all = join_all((0..100).map(|_| client.send(get(&client)))).await;
            assert!(all.iter().all(Result::is_ok), "{streams}: {all:?}");
            assert_eq!(counts.connections.load(Ordering::Relaxed), 1);
            assert_eq!(counts.requests.lock().unwrap().len(), 101);
        });
    }
}

#[test]
fn a_connection_that_has_become_silent_is_left_and_the_next_request_has_another() {
    for fate in [Fate::Left, Fate::Begun] {
        run(async {
            let (authority, clock) = (Authority::new(), Manual::new());
            let passing = clock.clone();
            let (address, counts) = serve(&authority, 100, move |connection, number| {
                if connection > 1 || number < 3 {
                    return Fate::Answered;
                }
                if number == 12 {
                    passing.advance(31);
                }
                fate
            })
            .await;
            let client = client(&address, &authority, &clock);
            for _ in 0..2 {
                client.send(get(&client)).await.unwrap();
            }
            let silent = join_all((0..10).map(|_| client.send(get(&client)))).await;
            let silent: Vec<Error> = silent.into_iter().map(Result::unwrap_err).collect();
            assert_eq!(silent, vec![Error::Silent(30); 10]);
            let others = join_all((0..10).map(|_| client.send(get(&client)))).await;
            assert!(others.iter().all(Result::is_ok), "{others:?}");
            assert_eq!(counts.connections.load(Ordering::Relaxed), 2);
            assert_eq!(counts.requests.lock().unwrap().len(), 22);
        });
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
