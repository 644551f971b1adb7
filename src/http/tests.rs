//! The client against servers that are right and, mostly, wrong.

mod certificates;
mod lost;
mod proxies;
mod silence;

use kz_fakes::byte_server::{self, Answer, Server, free_port};
use kz_fakes::fake_server::tls::{Authority, Flaw};

use super::testing::{LARGEST_REPLY, run};
use super::*;

fn settings(address: &str, authority: Option<&Authority>) -> Settings {
    Settings {
        address: Address::parse(address).unwrap(),
        roots: match authority {
            Some(authority) => Roots::Only(vec![("ca.pem".to_owned(), authority.pem().into_bytes())]),
            None => Roots::System(None),
        },
        identity: None,
        server_name: None,
        proxies: Proxies::default(),
        largest_reply: LARGEST_REPLY,
        bodies: Bodies::default(),
    }
}

fn send(settings: &Settings) -> Result<Reply, Error> {
    let client = Client::new(settings).unwrap();
    let request = Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    run(client.send(request))
}

fn ok() -> impl Fn(&byte_server::Seen) -> Answer + Send + Sync {
    |_| Answer::json(200, "{}")
}

/// What a plain server that answers so comes to.
fn answered(answer: fn() -> Answer) -> Result<Reply, Error> {
    let server = Server::plain(move |_| answer());
    send(&settings(&server.address(), None))
}

#[test]
fn post_quantum_key_exchange_is_offered_first() {
    let config = encryption(&Roots::System(None), None).unwrap();
    let first = config.crypto_provider().kx_groups[0].name();
    assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn speaking_plainly_to_tls_and_tls_to_a_plain_server_is_told() {
    let authority = Authority::new();
    let tls = Server::tls(authority.server_config(Flaw::None, &[]), ok());
    let error = send(&settings(&format!("http://localhost:{}", tls.port), None)).unwrap_err();
    assert_eq!(
        (error.clone(), error.hint()),
        (Error::NotHttp, Some("is the address to begin with `https://`?"))
    );
    let plain = Server::plain(|_| Answer::Close);
    let bytes = Server::plain(|_| Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
    for server in [plain, bytes] {
        let error = send(&settings(&format!("https://localhost:{}", server.port), None)).unwrap_err();
        assert!(matches!(error, Error::NotTls | Error::Closed), "{error:?}");
    }
}

#[test]
fn nobody_there_no_name_and_a_closed_connection_are_told_apart_and_pass() {
    let refused = send(&settings(&format!("http://localhost:{}", free_port()), None)).unwrap_err();
    let unresolved = send(&settings("http://vault.invalid:8200", None)).unwrap_err();
    let closed = answered(|| Answer::Close).unwrap_err();
    assert_eq!([&refused, &unresolved, &closed], [&Error::Refused, &Error::Unresolved, &Error::Closed]);
    assert!([refused, unresolved, closed].iter().all(Error::is_transient));
}

#[test]
fn after_a_reply_of_http_1_0_the_next_request_has_a_connection_of_its_own() {
    let reply = || Answer::Bytes(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
    let server = Server::plain(move |_| reply());
    let client = Client::new(&settings(&server.address(), None)).unwrap();
    let request = || Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    run(async {
        for _ in 0..3 {
            client.send(request()).await.unwrap();
        }
    });
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_body_that_ends_early_is_no_reply() {
    let error = answered(|| Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"da".to_vec()));
    assert_eq!(error.unwrap_err(), Error::Truncated);
}

#[test]
fn a_reply_of_a_hundred_megabytes_is_refused_unread() {
    let server = Server::plain(|_| Answer::Endless("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n"));
    let error = send(&settings(&server.address(), None)).unwrap_err();
    assert_eq!(error.to_string(), "the answer has more than 16 MiB");
    // What lies in the buffers of two sockets.
    assert!(server.sent() < LARGEST_REPLY.bytes(), "{}", server.sent());
}

#[test]
fn a_reply_without_end_is_refused_where_the_limit_is() {
    let server = Server::plain(|_| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"));
    let error = send(&settings(&server.address(), None)).unwrap_err();
    assert_eq!(error, Error::TooLarge(LARGEST_REPLY));
    assert!(server.sent() < 2 * LARGEST_REPLY.bytes(), "{}", server.sent());
}

#[test]
fn the_limit_is_the_one_that_was_set_to_the_byte() {
    let body = || "x".repeat(3000);
    for (head, ends) in [("content-length: 3000\r\n", "announced"), ("connection: close\r\n", "unannounced")]
    {
        let server = Server::plain(move |_| {
            Answer::Bytes(format!("HTTP/1.1 200 OK\r\n{head}\r\n{}", body()).into_bytes())
        });
        let limited = |bytes| Settings { largest_reply: Size(bytes), ..settings(&server.address(), None) };
        assert_eq!(send(&limited(3000)).unwrap().body.expose(), body().as_bytes(), "{ends}");
        assert_eq!(
            send(&limited(2999)).unwrap_err().to_string(),
            "the answer has more than 2999 B",
            "{ends}"
        );
    }
}

#[test]
fn a_compressed_reply_is_not_decompressed() {
    let error =
        answered(|| Answer::Reply(200, "content-encoding: gzip\r\n", "\u{1f}\u{8b}".to_owned())).unwrap_err();
    assert_eq!(error, Error::Compressed);
}

#[test]
fn a_header_with_a_control_character_is_no_http() {
    for header in [b"x-bad: a\0b".as_slice(), b"x-bad: a\x01b", b"x bad: a", b"\x1b[2J: a"] {
        let server = {
            let reply = [b"HTTP/1.1 200 OK\r\n", header, b"\r\ncontent-length: 0\r\n\r\n"].concat();
            Server::plain(move |_| Answer::Bytes(reply.clone()))
        };
        let error = send(&settings(&server.address(), None)).unwrap_err();
        assert_eq!(error, Error::NotHttp, "{header:?}");
    }
}

#[test]
fn redirects_are_not_followed_here() {
    let reply = answered(|| Answer::Reply(307, "location: http://localhost:1/\r\n", String::new())).unwrap();
    assert_eq!(reply.status, StatusCode::TEMPORARY_REDIRECT);
}

#[test]
fn a_redirect_leads_to_the_same_origin_or_is_named() {
    let client = Client::new(&settings("https://vault.test:8200", None)).unwrap();
    let to = |location: &str| client.redirected("https://vault.test:8200/v1/a", location);
    assert_eq!(to("/v1/b").unwrap().unwrap(), "https://vault.test:8200/v1/b");
    assert_eq!(to("https://vault.test:8200/v1/b?c=d").unwrap().unwrap(), "https://vault.test:8200/v1/b?c=d");
    for elsewhere in ["https://evil.test/x", "http://vault.test:8200/", "https://vault.test/", "//evil.test"]
    {
        assert!(to(elsewhere).unwrap().is_err(), "{elsewhere}");
    }
    assert!(to("https://user@vault.test:8200/").unwrap().is_err());
}

/// A client of a server that can be asked several times.
fn client(settings: &Settings) -> Client {
    Client::new(settings).unwrap()
}

fn get(client: &Client) -> Request<Vec<u8>> {
    Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap()
}

/// A server that answers each connection's first request and ends at the second, as one does that closed an idle
/// connection while a request was on its way.
fn ends_at_the_second() -> Server {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Server::plain(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        1 => Answer::Close,
        _ => Answer::json(200, "{}"),
    })
}

#[test]
fn a_read_that_meets_the_end_of_an_idle_connection_is_sent_again_at_once() {
    let server = ends_at_the_second();
    let client = client(&settings(&server.address(), None));
    run(async {
        for _ in 0..2 {
            assert_eq!(client.send(get(&client)).await.unwrap().status, StatusCode::OK);
        }
    });
    assert_eq!((server.lines().len(), server.connections()), (3, 2));
}

#[test]
fn a_write_that_may_have_been_done_is_not_sent_again() {
    let server = ends_at_the_second();
    let client = client(&settings(&server.address(), None));
    let post = || Request::post(format!("{}/v1/x", client.origin())).body(b"{}".to_vec()).unwrap();
    run(async {
        client.send(post()).await.unwrap();
        assert_eq!(client.send(post()).await.unwrap_err(), Error::Closed);
    });
    assert_eq!(server.lines().len(), 2);
}

#[test]
fn a_first_request_that_is_not_answered_is_not_sent_again() {
    let server = Server::plain(|_| Answer::Close);
    assert_eq!(send(&settings(&server.address(), None)).unwrap_err(), Error::Closed);
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn many_requests_get_through_where_each_connection_ends_unannounced_after_one_reply() {
    for reply in ["HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"] {
        let server = Server::plain(move |_| Answer::Bytes(reply.as_bytes().to_vec()));
        let client = client(&settings(&server.address(), None));
        let all = run(futures_util::future::join_all((0..100).map(|_| client.send(get(&client)))));
        assert!(all.iter().all(Result::is_ok), "{reply:?}");
        assert!(server.connections() >= 100);
    }
}

#[test]
fn requests_one_after_another_share_a_connection() {
    let server = Server::plain(ok());
    let client = client(&settings(&server.address(), None));
    run(async {
        for _ in 0..20 {
            client.send(get(&client)).await.unwrap();
        }
    });
    assert_eq!((server.lines().len(), server.connections()), (20, 1));
}

#[test]
fn a_socket_is_spoken_to_as_localhost_and_through_no_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("an agent.sock");
    let server = Server::socket(&path, ok());
    let mut settings = settings(&format!("unix://{}", path.display()), None);
    settings.proxies.http = Some("http://proxy.invalid:3128".to_owned());
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
    assert_eq!(server.lines(), ["GET /v1/x"]);
    assert_eq!(server.seen()[0].header("host"), Some("localhost"));
}

#[test]
fn what_is_no_socket_is_told_and_only_one_that_is_missing_or_silent_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    drop(std::os::unix::net::UnixListener::bind(path("left")).unwrap());
    let long = "x".repeat(120);
    for (name, words, passes) in [
        ("missing", "there is no such socket", true),
        ("left", "connection refused", true),
        (".", "the path names no socket", false),
        ("left/below", "the path leads through a file that is no directory", false),
        (long.as_str(), "there is no such socket", true),
    ] {
        let error = send(&settings(&format!("unix://{}", path(name).display()), None)).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_transient()), (words, passes));
    }
}

#[test]
fn certificates_and_keys_that_are_none_are_named() {
    let mut settings = settings("https://vault.test:8200", None);
    let only = |text: &str| Roots::Only(vec![("ca.pem".to_owned(), text.as_bytes().to_vec())]);
    let words = |settings: &Settings| Client::new(settings).unwrap_err().to_string();
    settings.roots = only("no PEM");
    assert_eq!(words(&settings), "`ca.pem` holds no certificate in PEM");
    settings.roots = only("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(words(&settings), "`ca.pem` holds a certificate that cannot be used");
    settings.roots = Roots::System(Some("/nonexistent/ca.pem".into()));
    assert_eq!(words(&settings), "`/nonexistent/ca.pem` cannot be read");
    settings.roots = Roots::System(None);
    let authority = Authority::new();
    let (certificate, other_key) = (authority.client("kz").certificate, authority.client("kz").key);
    let mut identity = |certificate: &str, key: &str| {
        let key = Secret::new(key.as_bytes().to_vec());
        settings.identity = Some(Identity { certificate: certificate.as_bytes().to_vec(), key });
        words(&settings)
    };
    assert_eq!(identity("", &other_key), "the client certificate holds no certificate in PEM");
    assert_eq!(
        identity(&certificate, ""),
        "the client key holds no private key in PEM that is not encrypted"
    );
    assert_eq!(
        identity(&certificate, &other_key),
        "the client certificate and the client key do not belong together, or are of no known kind"
    );
}

#[test]
fn how_long_to_stay_away_is_a_number_of_seconds() {
    let read = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers)
    };
    assert_eq!(read("7"), Some(Duration::from_secs(7)));
    for nothing in ["-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "1e9", ""] {
        assert_eq!(read(nothing), None, "{nothing:?}");
    }
}

#[test]
fn addresses_are_checked_and_shown_without_what_could_be_secret() {
    for (text, shown) in [
        ("https://vault.internal:8200", "https://vault.internal:8200"),
        (" https://vault.internal/ ", "https://vault.internal"),
        ("http://[::1]:8200/prefix/", "http://[::1]:8200/prefix"),
        ("unix:///run/a agent%20.sock", "unix:///run/a agent%20.sock"),
    ] {
        assert_eq!(Address::parse(text).unwrap().to_string(), shown);
    }
    for (text, invalid) in [
        ("vault:8200", Invalid::Scheme),
        ("ftp://vault", Invalid::Scheme),
        ("unix://", Invalid::Socket),
        ("unix://run/vault.sock", Invalid::Socket),
        ("unix:///run/", Invalid::Socket),
        ("unix:/run/vault.sock", Invalid::Scheme),
        ("https://user:hunter2@vault", Invalid::Credentials),
        ("https://vault?token=x", Invalid::Form),
        ("https://vault#x", Invalid::Form),
        ("https://", Invalid::Form),
    ] {
        assert_eq!(Address::parse(text).unwrap_err(), invalid, "{text}");
    }
}

#[test]
fn a_login_and_an_error_may_be_longer_than_documents_may_be() {
    for (status, content, is_taken) in [
        (200, Content::Document, false),
        (403, Content::Document, true),
        (503, Content::Document, true),
        (200, Content::Protocol, true),
    ] {
        let server = Server::plain(move |_| Answer::json(status, "x".repeat(3000)));
        let client =
            Client::new(&Settings { largest_reply: Size(10), ..settings(&server.address(), None) }).unwrap();
        let request = Request::get(format!("{}/v1/x", client.origin())).extension(content);
        let result = run(client.send(request.body(Vec::new()).unwrap()));
        assert_eq!(result.is_ok(), is_taken, "{status} {content:?}");
    }
    let endless = Server::plain(|_| Answer::Endless("HTTP/1.1 500 X\r\n\r\n"));
    let client = Client::new(&Settings { largest_reply: Size(10), ..settings(&endless.address(), None) });
    let client = client.unwrap();
    let request = Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    assert_eq!(run(client.send(request)).unwrap_err(), Error::TooLarge(Size::mebibytes(1)));
}

/// Two that never end their large replies have both turns: small ones are read beside them, and whoever waits for a turn has
/// it when one of them is given up.
#[test]
fn a_large_reply_waits_for_its_turn_and_a_small_one_does_not() {
    let large = || format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(2 << 20));
    let stalled =
        Server::plain(|_| Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\nx".to_vec()));
    let held = Server::plain(|_| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"));
    let (small, whole) = (Server::plain(ok()), Server::plain(move |_| Answer::Bytes(large().into_bytes())));
    let bodies = Bodies::default();
    let client = |server: &Server| {
        let shared = Settings { bodies: bodies.clone(), ..settings(&server.address(), None) };
        Client::new(&shared).unwrap()
    };
    let get = |client: &Client| Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    run(async {
        // They end with errors, and give their turns back.
        for server in [&stalled, &held] {
            let client = client(server);
            assert!(client.send(get(&client)).await.is_err());
        }
        let turns = (bodies.turn().await, bodies.turn().await);
        let (little, big) = (client(&small), client(&whole));
        let mut waiting = Box::pin(big.send(get(&big)));
        let beside = futures_util::future::select(&mut waiting, Box::pin(little.send(get(&little)))).await;
        assert!(matches!(beside, futures_util::future::Either::Right((Ok(_), _))));
        drop(turns);
        assert_eq!(waiting.await.unwrap().body.expose().len(), 2 << 20);
    });
}
