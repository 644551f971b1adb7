//! The client against servers that are right and, mostly, wrong.

use rcgen::ExtendedKeyUsagePurpose as Purpose;

use super::testing::{Answer, Authority, Fault, Server, free_port, run};
use super::*;

fn settings(address: &str, authority: Option<&Authority>) -> Settings {
    Settings {
        address: Address::parse(address).unwrap(),
        roots: match authority {
            Some(authority) => Roots::Only(vec![("ca.pem".to_owned(), authority.pem.clone().into_bytes())]),
            None => Roots::System(None),
        },
        identity: None,
        server_name: None,
        proxies: Proxies::default(),
        largest_reply: LARGEST_REPLY,
    }
}

fn send(settings: &Settings) -> Result<Reply, Error> {
    let client = Client::new(settings).unwrap();
    let request = Request::get(format!("{}/v1/x", client.origin())).body(Vec::new()).unwrap();
    run(client.send(request))
}

fn ok() -> impl Fn(&super::testing::Seen) -> Answer + Send + Sync {
    |_| Answer::json(200, "{}")
}

/// What a plain server that answers so comes to.
fn answered(answer: fn() -> Answer) -> Result<Reply, Error> {
    let server = Server::plain(move |_| answer());
    send(&settings(&server.address(), None))
}

#[test]
fn a_certificate_of_the_named_authority_is_believed() {
    let authority = Authority::new();
    let server = Server::tls(authority.server(Fault::None), ok());
    let reply = send(&settings(&server.address(), Some(&authority))).unwrap();
    assert_eq!((reply.status, reply.body.expose()), (StatusCode::OK, b"{}".as_slice()));
}

#[test]
fn every_other_certificate_is_refused_in_words_of_its_own_before_a_request_is_sent() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (fault, trusted, words) in [
        (Fault::None, Some(&other), "the server's certificate is signed by nobody whom kz trusts"),
        (Fault::None, None, "the server's certificate is signed by nobody whom kz trusts"),
        (Fault::Expired, Some(&authority), "the server's certificate has expired"),
        (Fault::OtherName, Some(&authority), "the server's certificate is for another name"),
    ] {
        let server = Server::tls(authority.server(fault), ok());
        let error = send(&settings(&server.address(), trusted)).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(!error.is_transient());
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_server_is_asked_for_by_the_name_in_its_certificate() {
    let authority = Authority::new();
    let server = Server::tls(authority.server(Fault::None), ok());
    let by_address = format!("https://127.0.0.1:{}", server.port);
    let mut settings = settings(&by_address, Some(&authority));
    assert_eq!(send(&settings).unwrap_err(), Error::Certificate("is for another name"));
    settings.server_name = Some("localhost".to_owned());
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let authority = Authority::new();
    let server = Server::tls(authority.server_that_asks(), ok());
    let mut settings = settings(&server.address(), Some(&authority));
    assert_eq!(send(&settings).unwrap_err(), Error::Rejected("it asks for a client certificate"));
    let (certificate, key) = authority.issue(Purpose::ClientAuth, Fault::None);
    settings.identity =
        Some(Identity { certificate: certificate.into_bytes(), key: Secret::new(key.into_bytes()) });
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
}

#[test]
fn a_server_that_refuses_the_client_certificate_after_the_handshake_is_heard_in_both_protocols() {
    let (authority, other) = (Authority::new(), Authority::new());
    for protocol in ["h2", "http/1.1"] {
        let mut tls = authority.server_that_asks();
        tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let server = Server::tls(tls, ok());
        let mut settings = settings(&server.address(), Some(&authority));
        let refused = send(&settings).unwrap_err();
        assert_eq!(refused, Error::Rejected("it asks for a client certificate"), "{protocol}");
        assert_eq!(server.connections(), 1, "{protocol}: it was asked again");
        for (fault, issuer, words) in [
            (Fault::None, &other, "it does not accept the client certificate"),
            (Fault::Expired, &authority, "the client certificate has expired"),
        ] {
            let (certificate, key) = issuer.issue(Purpose::ClientAuth, fault);
            let key = Secret::new(key.into_bytes());
            settings.identity = Some(Identity { certificate: certificate.into_bytes(), key });
            let refused = send(&settings).unwrap_err();
            assert_eq!(refused, Error::Rejected(words), "{protocol}");
            assert!(!refused.is_transient());
        }
        assert!(server.seen().is_empty());
    }
}

/// The statuses of as many requests as there are answers to one client, and over how many connections they went.
fn over_connections(answers: &'static [u16]) -> (Vec<u16>, usize) {
    let number = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::plain(move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
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
    let number = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::plain(move |_| match number.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
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

#[test]
fn post_quantum_key_exchange_is_offered_first() {
    let config = trust::config(&Roots::System(None), None).unwrap();
    let first = config.crypto_provider().kx_groups[0].name();
    assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn speaking_plainly_to_tls_and_tls_to_a_plain_server_is_told() {
    let authority = Authority::new();
    let tls = Server::tls(authority.server(Fault::None), ok());
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
    assert!(matches!(error.unwrap_err(), Error::Truncated | Error::Closed));
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

#[test]
fn a_proxy_gets_the_request_and_its_password_is_in_no_message() {
    let proxy = Server::plain(ok());
    let mut settings = settings("http://vault.test:8200", None);
    settings.proxies.http = Some(format!("http://user:hunter2@localhost:{}", proxy.port));
    let client = Client::new(&settings).unwrap();
    assert_eq!(client.proxy(), Some(format!("localhost:{}", proxy.port).as_str()));
    assert!(!format!("{settings:?} {client:?}").contains("hunter2"));
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
    assert_eq!(proxy.lines(), ["GET http://vault.test:8200/v1/x"]);
    settings.proxies.http = Some("http://[".to_owned());
    assert_eq!(Client::new(&settings).unwrap_err(), Unbuilt::Proxy(error::Named::Http));
    settings.proxies.always = Some(("BAO_PROXY_ADDR", "http://[".to_owned()));
    assert_eq!(
        Client::new(&settings).unwrap_err().to_string(),
        "the proxy that BAO_PROXY_ADDR names is not an address such as `http://proxy:3128`"
    );
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
fn a_proxy_that_refuses_is_told_with_its_status_and_only_what_may_pass_is_waited_for() {
    for (status, user, words, passes) in [
        (407, "", "the proxy wants a user and a password (status 407)", false),
        (407, "u:p@", "the proxy does not accept the user and the password (status 407)", false),
        (403, "", "the proxy refuses to connect kz to this host (status 403)", false),
        (502, "", "the proxy does not reach the server (status 502)", true),
        (429, "", "the proxy has no time (status 429)", true),
    ] {
        let proxy = Server::plain(move |_| Answer::Reply(status, "", String::new()));
        let mut settings = settings("https://vault.test:8200", None);
        settings.proxies.https = Some(format!("http://{user}127.0.0.1:{}", proxy.port));
        let error = send(&settings).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_transient()), (words, passes));
        assert_eq!(error.hint().is_some(), !passes, "{words}");
        let mut own = settings.clone();
        own.proxies = Proxies {
            always: settings.proxies.https.clone().map(|address| ("BAO_PROXY_ADDR", address)),
            none: Some("*".to_owned()),
            ..Proxies::default()
        };
        let other = send(&own).unwrap_err();
        assert_eq!((other.to_string().as_str(), other.is_transient()), (words, passes));
        assert!(!other.hint().unwrap_or_default().contains("NO_PROXY"), "{words}");
        assert_eq!(proxy.lines(), ["CONNECT vault.test:8200"; 2]);
        assert_eq!(proxy.seen()[0].header("host"), Some("vault.test:8200"));
        let told = proxy.seen()[0].header("proxy-authorization").map(str::to_owned);
        assert_eq!(told.as_deref(), (!user.is_empty()).then_some("Basic dTpw"));
    }
}

#[test]
fn a_proxy_that_reads_requests_wants_its_password_in_each_and_its_407_is_no_answer() {
    let proxy = Server::plain(|_| Answer::Reply(407, "", String::new()));
    let mut settings = settings("http://vault.test:8200", None);
    settings.proxies.http = Some(format!("http://u%40x:p%3a@127.0.0.1:{}", proxy.port));
    let error = send(&settings).unwrap_err();
    assert_eq!(error, Error::ProxyWants(error::Named::Http, true));
    assert_eq!(proxy.seen()[0].header("proxy-authorization"), Some("Basic dUB4OnA6"));
}

#[test]
fn a_proxy_that_is_not_there_or_has_no_name_is_told_as_the_proxy() {
    let port = free_port();
    for (proxy, words) in [
        (format!("http://127.0.0.1:{port}"), format!("the proxy 127.0.0.1:{port}: connection refused")),
        (
            "http://user:hunter2@proxy.invalid:3128".to_owned(),
            "the proxy proxy.invalid:3128: the name does not resolve".to_owned(),
        ),
    ] {
        for address in ["https://vault.test:8200", "http://vault.test:8200"] {
            let mut settings = settings(address, None);
            settings.proxies =
                Proxies { https: Some(proxy.clone()), http: Some(proxy.clone()), ..Proxies::default() };
            let error = send(&settings).unwrap_err();
            assert_eq!((error.to_string(), error.is_transient()), (words.clone(), true));
        }
    }
}

#[test]
fn other_kinds_of_proxies_are_refused() {
    for proxy in ["socks5://127.0.0.1:1080", "socks5h://u:hunter2@proxy", "ftp://proxy"] {
        let mut settings = settings("https://vault.test:8200", None);
        settings.proxies.https = Some(proxy.to_owned());
        assert_eq!(Client::new(&settings).unwrap_err(), Unbuilt::Proxy(error::Named::Https), "{proxy}");
    }
}

#[test]
fn a_tunnel_through_a_proxy_leads_to_the_servers_own_certificate() {
    let authority = Authority::new();
    let server = Server::tls(authority.server(Fault::None), ok());
    let proxy = testing::tunnel(server.port);
    let mut settings = settings("https://localhost.:8200", Some(&authority));
    settings.proxies.https = Some(format!("127.0.0.1:{proxy}"));
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
    assert_eq!(server.seen()[0].header("host"), Some("localhost.:8200"));
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
    let (certificate, _) = authority.issue(Purpose::ClientAuth, Fault::None);
    let (_, other_key) = authority.issue(Purpose::ClientAuth, Fault::None);
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
