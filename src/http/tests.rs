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
    let refused = send(&settings).unwrap_err();
    // In TLS 1.3 the request is on its way when the server objects, so its end of the connection may come first.
    assert!(matches!(refused, Error::Rejected("it asks for a client certificate") | Error::Closed));
    let (certificate, key) = authority.issue(Purpose::ClientAuth, Fault::None);
    settings.identity =
        Some(Identity { certificate: certificate.into_bytes(), key: Secret::new(key.into_bytes()) });
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
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
fn what_keeps_a_connection() {
    let said = |version, value: &'static str| {
        let headers = [(header::CONNECTION, ::http::HeaderValue::from_static(value))];
        is_last(version, &headers.into_iter().filter(|_| !value.is_empty()).collect())
    };
    assert!(said(Version::HTTP_11, "close") && said(Version::HTTP_11, "foo, Close"));
    assert!(said(Version::HTTP_10, "") && !said(Version::HTTP_10, "Keep-Alive"));
    assert!(!said(Version::HTTP_11, "") && !said(Version::HTTP_2, ""));
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
    assert!(server.sent() < LARGEST_REPLY, "{}", server.sent());
}

#[test]
fn a_reply_without_end_is_refused_where_the_limit_is() {
    let server = Server::plain(|_| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"));
    let error = send(&settings(&server.address(), None)).unwrap_err();
    assert_eq!(error, Error::TooLarge(16));
    assert!(server.sent() < 2 * LARGEST_REPLY, "{}", server.sent());
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
    assert_eq!(Client::new(&settings).unwrap_err(), Unbuilt::Proxy);
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
    ] {
        assert_eq!(Address::parse(text).unwrap().to_string(), shown);
    }
    for (text, invalid) in [
        ("vault:8200", Invalid::Scheme),
        ("unix:///run/vault.sock", Invalid::Scheme),
        ("https://user:hunter2@vault", Invalid::Credentials),
        ("https://vault?token=x", Invalid::Form),
        ("https://vault#x", Invalid::Form),
        ("https://", Invalid::Form),
    ] {
        assert_eq!(Address::parse(text).unwrap_err(), invalid, "{text}");
    }
}
