//! Proxies: what they are told, and what is said of those that refuse.

use kz_fakes::byte_server::{Answer, Server, free_port, tunnel};
use kz_fakes::fake_server::tls::{Authority, Flaw};

use super::super::*;
use super::{ok, send, settings};

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
    let server = Server::tls(authority.server_config(Flaw::None, &[]), ok());
    let proxy = tunnel(server.port);
    let mut settings = settings("https://localhost.:8200", Some(&authority));
    settings.proxies.https = Some(format!("127.0.0.1:{proxy}"));
    assert_eq!(send(&settings).unwrap().status, StatusCode::OK);
    assert_eq!(server.seen()[0].header("host"), Some("localhost.:8200"));
}
