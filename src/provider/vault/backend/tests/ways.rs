//! The ways to a server: `OpenBao`'s variables, the servers of a cluster, and requests whose answer is lost.

use kz_fakes::byte_server::free_port;
use kz_fakes::fake_server::tls::Authority;

use super::authentication::{asked, assert_foreseen, path, refused};
use super::*;
use crate::patience::Patience;
use crate::patience::testing::after;
use crate::provider::FailureKind;

/// A minute of virtual time.
fn minute() -> Patience {
    Virtual::of_pauses(|_| {}).patience(60, 1.0)
}

/// A server whose documents say its name.
fn named(name: &'static str) -> Server {
    Server::plain(move |_| Answer::json(200, answer(&format!(r#"{{"a":"{name}"}}"#))))
}

fn read(fixture: Fixture, settings: &Settings) -> String {
    content(outcomes(&fixture.with_patience(minute()), settings, &["secret/data/x"]).remove(0))
}

#[test]
fn openbaos_variables_alone_are_enough_and_come_before_vaults() {
    let (one, two) = (named("one"), named("two"));
    let alone = Fixture::new().with_variable("BAO_ADDR", two.address()).with_variable("BAO_TOKEN", "b");
    let both = Fixture::new().with_variable("VAULT_ADDR", one.address()).with_variable("VAULT_TOKEN", "v");
    let both = both.with_variable("BAO_ADDR", two.address()).with_variable("BAO_TOKEN", "b");
    let both = both.with_variable("VAULT_NAMESPACE", "of-vault").with_variable("BAO_NAMESPACE", "of-bao");
    for fixture in [alone, both] {
        assert_eq!(read(fixture, &Settings::default()), r#"{"a":"two"}"#);
    }
    let seen = two.seen();
    assert_eq!(seen[1].header("x-vault-namespace"), Some("of-bao"));
    assert!(seen.iter().all(|seen| seen.header("x-vault-token") == Some("b")));
    assert!(one.seen().is_empty(), "the other server was asked");
    let agent = Fixture::new().with_variable("VAULT_ADDR", one.address()).with_variable("VAULT_TOKEN", "v");
    let agent = agent.with_variable("BAO_AGENT_ADDR", two.address());
    assert_eq!(read(agent, &Settings::default()), r#"{"a":"two"}"#);
}

#[test]
fn a_token_path_is_read_and_a_login_of_openbaos_names_too() {
    let server = Server::plain(generous);
    let fixture = Fixture::new().with_variable("BAO_ADDR", server.address());
    let file = fixture.file("token", "of-the-path\n").into_os_string().into_string().unwrap();
    let fixture = fixture.with_variable("BAO_TOKEN_PATH", file).with_patience(minute());
    let _ = outcomes(&fixture, &Settings::default(), &["secret/data/x"]);
    let login = Fixture::new().with_variable("BAO_ADDR", server.address()).with_patience(minute());
    let login = login.with_variable("BAO_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s");
    let _ = outcomes(&login, &Settings::default(), &["secret/data/x"]);
    let seen = server.seen();
    assert_eq!(seen[0].header("x-vault-token"), Some("of-the-path"));
    assert_eq!(
        (seen[1].line.as_str(), seen[1].body.as_str()),
        ("POST /v1/auth/approle/login", r#"{"role_id":"r","secret_id":"s"}"#)
    );
}

#[test]
fn what_is_not_read_or_refused_is_called_by_its_own_name() {
    let fixture = || Fixture::new().with_patience(minute()).with_variable("VAULT_TOKEN", "t");
    let cause = |fixture: &Fixture| refused(fixture, &Settings::default()).cause;
    let hidden = fixture().with_variable("VAULT_ADDR", "http://127.0.0.1:1").with_variable("BAO_ADDR", "");
    assert_eq!(
        cause(&hidden),
        "there is no address of Vault; BAO_ADDR is set to nothing, and comes before VAULT_ADDR"
    );
    let here = || fixture().with_variable("VAULT_ADDR", "http://127.0.0.1:1");
    let no_token = cause(&here().with_variable("BAO_TOKEN", ""));
    assert!(no_token.ends_with("; BAO_TOKEN is set to nothing, and comes before VAULT_TOKEN"), "{no_token}");
    let skips = cause(&here().with_variable("BAO_SKIP_VERIFY", "true"));
    assert!(skips.starts_with("BAO_SKIP_VERIFY is set"), "{skips}");
    let looks = fixture().with_variable("BAO_ADDR", "http://vault.test").with_variable("BAO_SRV_LOOKUP", "1");
    let looks = refused(&looks, &Settings::default());
    assert_eq!(looks.cause, "BAO_SRV_LOOKUP is set, and kz looks for no SRV records");
    assert_eq!(looks.hint.unwrap().to_string(), "unset it, and write the port too: `http://vault.test:8200`");
    let server = named("one");
    for (variable, value) in
        [("VAULT_SRV_LOOKUP", "true"), ("BAO_SKIP_VERIFY", "false"), ("BAO_SRV_LOOKUP", "0")]
    {
        let fixture = fixture().with_variable("VAULT_ADDR", server.address()).with_variable(variable, value);
        assert_eq!(read(fixture, &Settings::default()), r#"{"a":"one"}"#, "{variable}");
    }
}

#[test]
fn certificates_and_keys_may_stand_in_variables_themselves() {
    let authority = Authority::new();
    let server = Server::tls(authority.asking_config(&[]), generous);
    let client = authority.client("localhost");
    let fixture = |bytes: &'static str| {
        let fixture = Fixture::new().with_variable("VAULT_ADDR", server.address()).with_patience(minute());
        fixture.with_variable("VAULT_TOKEN", CANARY).with_variable(bytes, authority.pem().as_str())
    };
    for bytes in ["VAULT_CACERT_BYTES", "BAO_CACERT_BYTES"] {
        let fixture = fixture(bytes)
            .with_variable("BAO_CLIENT_CERT_BYTES", &client.certificate)
            .with_variable("VAULT_CLIENT_KEY_BYTES", &client.key);
        assert_eq!(read(fixture, &Settings::default()), r#"{"a":"1"}"#, "{bytes}");
    }
    let without = refused(&fixture("VAULT_CACERT_BYTES"), &Settings::default());
    let authority = format!("localhost:{}", server.port);
    let words = "the server refused the TLS connection: it asks for a client certificate";
    assert_eq!((without.kind, without.cause), (FailureKind::Barred, format!("{authority}: {words}")));
    assert!(without.hint.unwrap().to_string().contains("`client_cert` and `client_key`"));
    let none = fixture("VAULT_CACERT_BYTES").with_variable("BAO_CACERT_BYTES", "no PEM");
    assert_eq!(refused(&none, &Settings::default()).cause, "`BAO_CACERT_BYTES` holds no certificate in PEM");
}

#[test]
fn a_proxy_of_the_backends_own_is_gone_through_to_this_machine_too() {
    for variable in ["VAULT_PROXY_ADDR", "BAO_HTTP_PROXY"] {
        let (server, proxy) = (named("direct"), named("through"));
        let fixture =
            Fixture::new().with_variable("VAULT_ADDR", server.address()).with_variable("NO_PROXY", "*");
        let fixture = fixture.with_variable("VAULT_TOKEN", "t").with_variable(variable, proxy.address());
        assert_eq!(read(fixture, &Settings::default()), r#"{"a":"through"}"#, "{variable}");
    }
}

/// What a read through these servers comes to, with a token of the section's own.
fn through(addresses: &[String]) -> (Outcome, Virtual) {
    let clock = Virtual::of_pauses(|_| {});
    let fixture = Fixture::new().with_patience(clock.patience(60, 1.0));
    let settings = settings(&[
        ("addresses", Value::Texts(addresses.to_vec())),
        ("token_file", path(&fixture, "token", CANARY)),
    ]);
    (outcomes(&fixture, &settings, &["secret/data/x"]).remove(0), clock)
}

fn standby(of: &str) -> Server {
    let location: &'static str = format!("location: {of}/v1/secret/data/x\r\n").leak();
    Server::plain(move |_| Answer::Reply(307, location, String::new()))
}

#[test]
fn a_redirect_leads_to_another_server_of_the_cluster_and_nowhere_else() {
    let leader = named("leader");
    let standby = standby(&leader.address());
    let (outcome, clock) = through(&[standby.address(), leader.address()]);
    assert_eq!(content(outcome), r#"{"a":"leader"}"#);
    assert_eq!((standby.seen().len(), leader.lines()), (1, vec!["GET /v1/secret/data/x".to_owned()]));
    assert_eq!(leader.seen()[0].header("x-vault-token"), Some(CANARY));
    assert_eq!(clock.passed(), after(0.0));
    let (stranger, other) = (named("stranger"), named("other"));
    let standby = self::standby(&stranger.address());
    assert_eq!(content(through(&[standby.address(), other.address()]).0), r#"{"a":"other"}"#);
    assert!(stranger.seen().is_empty(), "the token went to a server that was not named");
}

#[test]
fn servers_that_are_away_are_passed_over_at_once() {
    let away: [fn() -> Answer; 4] = [
        || Answer::json(503, r#"{"errors":["Vault is sealed"]}"#),
        || Answer::json(500, r#"{"errors":["local node not active but active cluster node not found"]}"#),
        || Answer::Reply(473, "", String::new()),
        || Answer::Close,
    ];
    for (number, away) in away.into_iter().enumerate() {
        let (first, second) = (Server::plain(move |_| away()), named("second"));
        let nobody = format!("http://localhost:{}", free_port());
        let (outcome, clock) = through(&[nobody, first.address(), second.address()]);
        assert_eq!(content(outcome), r#"{"a":"second"}"#, "{number}");
        assert_eq!(clock.passed(), after(0.0), "{number}: it was waited for");
    }
}

#[test]
fn what_is_no_servers_own_trouble_is_not_taken_to_the_next() {
    let second = named("second");
    let busy = Server::plain(|_| Answer::Reply(429, "", String::new()));
    let busy = through(&[busy.address(), second.address()]).0;
    assert_eq!(failure(busy).kind, FailureKind::Unreachable);
    let closed = Server::plain(|_| {
        Answer::json(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#)
    });
    let denied = through(&[closed.address(), second.address()]).0;
    assert_eq!(failure(denied).kind, FailureKind::Denied);
    assert!(second.seen().is_empty());
}

#[test]
fn a_cluster_that_stays_away_is_told_with_all_its_servers() {
    let sealed = Server::plain(|_| Answer::json(503, r#"{"errors":["Vault is sealed"]}"#));
    let nobody = free_port();
    let told = failure(through(&[format!("http://localhost:{nobody}"), sealed.address()]).0);
    assert!(told.cause.contains("for 60 s: Vault is sealed (status 503)"), "{}", told.cause);
    let all = format!("(tried in turn: localhost:{nobody}, localhost:{})", sealed.port);
    assert!(told.cause.ends_with(&all), "{}", told.cause);
}

/// A server that answers the request of this number so, and the others with a document or with what is mounted there.
fn engine(number: usize, trouble: fn() -> Answer, mounted: &'static str) -> Server {
    let asked = std::sync::Mutex::new(0);
    Server::plain(move |seen| {
        if seen.line.contains("/sys/internal/ui/mounts/") {
            return Answer::json(200, answer(&format!(r#"{{"path":"eng/","type":"{mounted}"}}"#)));
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked == number { trouble() } else { Answer::json(200, answer(r#"{"a":"1"}"#)) }
    })
}

#[test]
fn what_may_make_a_credential_is_not_asked_for_twice_when_its_answer_is_lost() {
    let troubles: [fn() -> Answer; 3] = [
        || Answer::Close,
        || Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()),
        || Answer::Reply(504, "", String::new()),
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        let server = engine(2, trouble, "rabbitmq");
        let fixture = with_token(&server).with_terms(Terms { concurrency: Some(1), ..Terms::default() });
        let mut found = outcomes(&fixture, &Settings::default(), &["secret/data/x", "eng/creds/app"]);
        let lost = failure(found.remove(1));
        assert_eq!(lost.kind, FailureKind::Unreachable, "{number}");
        assert!(lost.cause.ends_with("whether a credential was made is not known"), "{}", lost.cause);
        assert!(lost.hint.unwrap().to_string().starts_with("kz asks no second time"));
        let reads = server.lines().iter().filter(|line| line.ends_with("eng/creds/app")).count();
        assert_eq!(reads, 2, "{number}: one read, and one question what is mounted there");
        // A document of KV version 1 looks like it, and is asked for again when that is known.
        let server = engine(2, trouble, "kv");
        let fixture = with_token(&server).with_terms(Terms { concurrency: Some(1), ..Terms::default() });
        let found = outcomes(&fixture, &Settings::default(), &["secret/data/x", "eng/app"]);
        assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))), "{number}: {found:?}");
    }
}

#[test]
fn what_a_server_refuses_to_make_is_asked_for_again() {
    for status in [429, 500, 502, 503] {
        let server = Server::plain({
            let asked = std::sync::Mutex::new(0);
            move |_| {
                let mut asked = asked.lock().unwrap();
                *asked += 1;
                let trouble = Answer::Reply(status, "", String::new());
                if *asked == 1 { trouble } else { Answer::json(200, answer(r#"{"a":"1"}"#)) }
            }
        });
        let found = outcome(&server, "eng/creds/app");
        assert!(matches!(found, Outcome::Found(_)), "{status}: {found:?}");
    }
}

#[test]
fn a_login_in_another_namespace_is_of_that_one_and_its_token_ends_there() {
    for (login, header) in [("admin/", Some("admin")), ("", None)] {
        let server = Server::plain(generous);
        let fixture = surroundings(&server, &Virtual::of_pauses(|_| {}));
        let mut settings = auth("approle", &[("role_id", text("r")), ("namespace", text(login))]);
        settings.insert("namespace", text("admin/team"));
        let seen = asked(&fixture, &settings, &server);
        assert_foreseen(&fixture, &settings, &seen);
        let headers: Vec<_> = seen.iter().map(|seen| seen.header("x-vault-namespace")).collect();
        // The login, the read, the look at the token, and its end.
        assert_eq!(headers, [header, Some("admin/team"), header, header], "{login:?}");
        assert_eq!(seen[1].header("x-vault-token"), Some(CANARY));
    }
}

#[test]
fn a_wrapped_token_is_unwrapped_used_and_ended() {
    let server = Server::plain(|seen| match seen.line.as_str() {
        "POST /v1/sys/wrapping/unwrap" => {
            Answer::json(200, format!(r#"{{"auth":{{"client_token":"{CANARY}"}}}}"#))
        }
        _ => generous(seen),
    });
    let fixture = surroundings(&server, &Virtual::of_pauses(|_| {}));
    let wrapped =
        [("token_file", path(&fixture, "token", "hvs.wrapping\n")), ("wrapped", Value::Boolean(true))];
    let seen = asked(&fixture, &auth("token", &wrapped), &server);
    let tokens: Vec<_> = seen.iter().map(|seen| seen.header("x-vault-token").unwrap()).collect();
    assert_eq!(tokens, ["hvs.wrapping", CANARY, CANARY, CANARY]);
    assert_eq!(seen[3].line, "POST /v1/auth/token/revoke-self");
    // What wraps a secret id, or anything else, is no token.
    let other = Server::plain(|_| Answer::json(200, r#"{"data":{"secret_id":"canary-4b1f"}}"#));
    let fixture = surroundings(&other, &Virtual::of_pauses(|_| {}));
    let wrapped =
        [("token_file", path(&fixture, "token", "hvs.wrapping")), ("wrapped", Value::Boolean(true))];
    let refused = refused(&fixture, &auth("token", &wrapped));
    assert_eq!(refused.kind, FailureKind::Malformed);
    assert!(refused.cause.ends_with("is no token"), "{}", refused.cause);
}
