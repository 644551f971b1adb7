//! Certificates: which of a server's are believed, and what becomes of the client's.

use kz_fakes::byte_server::Server;
use kz_fakes::fake_server::tls::{self, Authority, Flaw, showing};

use super::super::*;
use super::{ok, send, settings};

fn identity(issued: tls::Identity) -> Identity {
    Identity { certificate: issued.certificate.into_bytes(), key: Secret::new(issued.key.into_bytes()) }
}

#[test]
fn a_certificate_of_the_named_authority_is_believed() {
    let authority = Authority::new();
    let server = Server::tls(authority.server_config(Flaw::None, &[]), ok());
    let reply = send(&settings(&server.address(), Some(&authority))).unwrap();
    assert_eq!((reply.status, reply.body.expose()), (StatusCode::OK, b"{}".as_slice()));
}

#[test]
fn every_other_certificate_is_refused_in_words_of_its_own_before_a_request_is_sent() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    for (flaw, trusted, words) in [
        (Flaw::None, Some(&other), "the server's certificate is signed by nobody whom kz trusts"),
        (Flaw::None, None, "the server's certificate is signed by nobody whom kz trusts"),
        (Flaw::Expired, Some(&authority), "the server's certificate has expired"),
        (Flaw::OtherName, Some(&authority), "the server's certificate is for another name"),
    ] {
        let server = Server::tls(authority.server_config(flaw, &[]), ok());
        let error = send(&settings(&server.address(), trusted)).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(!error.is_transient());
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_server_is_asked_for_by_the_name_in_its_certificate() {
    let authority = Authority::new();
    let server = Server::tls(showing(&authority.server(&["localhost"], Flaw::None)), ok());
    let by_address = format!("https://127.0.0.1:{}", server.port);
    let mut settings = settings(&by_address, Some(&authority));
    assert_eq!(send(&settings).unwrap_err(), Error::Certificate(CertificateFault::OtherName));
    settings.server_name = Some("localhost".to_owned());
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let authority = Authority::new();
    let server = Server::tls(authority.asking_config(&[]), ok());
    let mut settings = settings(&server.address(), Some(&authority));
    assert_eq!(send(&settings).unwrap_err(), Error::Rejected("it asks for a client certificate"));
    settings.identity = Some(identity(authority.client("kz")));
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
}

#[test]
fn a_server_that_refuses_the_client_certificate_after_the_handshake_is_heard_in_both_protocols() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    for protocol in ["h2", "http/1.1"] {
        let server = Server::tls(authority.asking_config(&[protocol.as_bytes()]), ok());
        let mut settings = settings(&server.address(), Some(&authority));
        let refused = send(&settings).unwrap_err();
        assert_eq!(refused, Error::Rejected("it asks for a client certificate"), "{protocol}");
        assert_eq!(server.connections(), 1, "{protocol}: it was asked again");
        for (flaw, issuer, words) in [
            (Flaw::None, &other, "it does not accept the client certificate"),
            (Flaw::Expired, &authority, "the client certificate has expired"),
        ] {
            settings.identity = Some(identity(issuer.flawed_client("kz", flaw)));
            let refused = send(&settings).unwrap_err();
            assert_eq!(refused, Error::Rejected(words), "{protocol}");
            assert!(!refused.is_transient());
        }
        assert!(server.seen().is_empty());
    }
}
