//! What kz was given and lent, and what becomes of it: a token of its own, leases, other people's tokens.

use std::time::{Duration, Instant};

use crate::provider::{DocumentRef, End, Lease, Purpose};

use super::authentication::fresh;
use super::*;

/// What a login answers, with these members beside the token.
fn login_answer(more: &str) -> String {
    format!(r#"{{"auth":{{"client_token":"{CANARY}","accessor":"ours","renewable":true{more}}}}}"#)
}

/// A credential that is made by the read.
fn lent(seconds: u64) -> String {
    format!(
        r#"{{"request_id":"r","lease_id":"db/creds/app/1","renewable":true,"lease_duration":{seconds},"data":{{"a":"1"}}}}"#
    )
}

/// A server with documents at `kv/data/`, credentials at `db/creds/`, and logins; `special` answers before it.
fn server(special: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) -> Server {
    Server::plain(move |seen| {
        special(seen).unwrap_or_else(|| match seen.line.as_str() {
            "GET /v1/db/creds/app" => Answer::json(200, lent(3600)),
            "POST /v1/auth/approle/login" => Answer::json(200, login_answer(r#","lease_duration":2764800"#)),
            _ => generous(seen),
        })
    })
}

fn with_login(server: &Server) -> Fixture {
    fresh(server).with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s")
}

/// Reads these, closes so many times, and says what the reads came to.
fn read(fixture: &Fixture, paths: &[&str], ends: &[End]) -> Vec<Outcome> {
    read_by(&Settings::default(), fixture, paths, ends)
}

/// The same with a section of these settings.
fn read_by(settings: &Settings, fixture: &Fixture, paths: &[&str], ends: &[End]) -> Vec<Outcome> {
    let provider = build(settings, fixture);
    let documents: Vec<_> = paths
        .iter()
        .map(|path| DocumentRef { path: (*path).to_owned(), version: None, request: None })
        .collect();
    crate::http::testing::run(async {
        let outcomes = provider.fetch(&documents, &fixture.ask).await;
        for end in ends {
            provider.close(*end, &fixture.ask).await;
        }
        outcomes
    })
}

fn lease(outcome: &Outcome) -> Lease {
    match outcome {
        Outcome::Found(document) => document.lease.clone().expect("a lease"),
        other => panic!("{other:?}"),
    }
}

/// What was asked after the documents.
fn after(server: &Server) -> Vec<String> {
    let lines = server.lines();
    let rest = lines.iter().filter(|line| line.contains("/auth/token/") || line.contains("/sys/"));
    rest.map(|line| line.replace("/v1/", "")).collect()
}

const LOOK: &str = "GET auth/token/lookup-self";
const REVOKE: &str = "POST auth/token/revoke-self";
const RENEW: &str = "POST auth/token/renew-self";
const REVOKE_LEASE: &str = "POST sys/leases/revoke";

#[test]
fn what_nobody_received_ends_with_the_token_of_the_login_once() {
    let server = server(|_| None);
    let ends = [End::NotDelivered, End::NotDelivered];
    read(&with_login(&server), &["db/creds/app", "kv/data/a"], &ends);
    assert_eq!(after(&server), [LOOK, REVOKE]);
}

#[test]
fn with_a_token_that_is_not_kzs_own_it_ends_lease_by_lease() {
    let server = server(|_| None);
    read(&with_token(&server), &["db/creds/app"], &[End::NotDelivered]);
    // The look tells when the token ends, and with it what it was lent.
    assert_eq!(after(&server), [LOOK, REVOKE_LEASE]);
    let seen = server.seen();
    assert_eq!(seen.last().unwrap().body, r#"{"lease_id":"db/creds/app/1"}"#);
}

#[test]
fn what_was_delivered_stays_and_the_token_lives_as_long_and_no_longer() {
    let server = server(|_| None);
    read(&with_login(&server), &["db/creds/app"], &[End::Delivered]);
    assert_eq!(after(&server), [LOOK, RENEW]);
    let body: serde_json::Value = serde_json::from_str(&server.seen().last().unwrap().body).unwrap();
    let seconds = body["increment"].as_u64().unwrap();
    assert!((3600..=3660).contains(&seconds), "{seconds}");
    // After all it was not: the command that was to have it did not start.
    let server = self::server(|_| None);
    read(&with_login(&server), &["db/creds/app"], &[End::Delivered, End::NotDelivered]);
    assert_eq!(after(&server).last().unwrap(), REVOKE);
}

#[test]
fn a_token_that_the_server_does_not_see_as_kzs_own_is_not_ended() {
    let other = r#"{"id":"the-proxys","accessor":"the-proxys","ttl":60}"#;
    for (path, answers, ended) in [
        // A proxy that puts its own token in the place of everybody's.
        ("kv/data/a", Some(other), &[LOOK][..]),
        ("db/creds/app", Some(other), &[LOOK, REVOKE_LEASE]),
        // A server that does not let a token look at itself.
        ("kv/data/a", None, &[LOOK]),
        // By the accessor alone.
        ("kv/data/a", Some(r#"{"accessor":"ours"}"#), &[LOOK, REVOKE]),
    ] {
        let server = server(move |seen| {
            let told = answers.map_or(Answer::json(403, r#"{"errors":["permission denied"]}"#), |data| {
                Answer::json(200, answer(data))
            });
            (seen.line == "GET /v1/auth/token/lookup-self").then_some(told)
        });
        read(&with_login(&server), &[path], &[End::NotDelivered]);
        assert_eq!(after(&server), ended, "{path} {answers:?}");
    }
}

#[test]
fn what_came_out_of_a_cache_is_others_too() {
    for path in ["kv/data/a", "db/creds/app"] {
        let server = server(|seen| {
            let body = login_answer("");
            (seen.line == "POST /v1/auth/approle/login").then_some(Answer::Reply(
                200,
                "X-Cache: HIT\r\n",
                body,
            ))
        });
        read(&with_login(&server), &[path], &[End::NotDelivered]);
        assert_eq!(after(&server), [""; 0], "{path}");
    }
}

#[test]
fn a_lease_ends_with_its_token_and_began_when_it_was_asked_for() {
    let of_login = |more: &'static str| {
        let server = server(move |seen| {
            (seen.line == "POST /v1/auth/approle/login").then(|| Answer::json(200, login_answer(more)))
        });
        lease(&read(&with_login(&server), &["db/creds/app"], &[])[0]).valid
    };
    assert!(of_login(r#","lease_duration":20"#) <= Duration::from_secs(20));
    // Of a token whose end nobody tells, the lease's own counts.
    assert_eq!(of_login(""), Duration::from_hours(1));
    // A token that was given: the server tells.
    let given = server(|seen| {
        let told = answer(r#"{"id":"x","ttl":30}"#);
        (seen.line == "GET /v1/auth/token/lookup-self").then(|| Answer::json(200, told))
    });
    let lent_to_it = lease(&read(&with_token(&given), &["db/creds/app"], &[])[0]);
    assert!(lent_to_it.valid <= Duration::from_secs(31), "{lent_to_it:?}");
    // A proxy had kept it for 100 s.
    let kept = server(|seen| {
        let old = || Answer::Reply(200, "Age: 100\r\n", lent(3600));
        (seen.line == "GET /v1/db/creds/app").then(old)
    });
    let left = lease(&read(&with_token(&kept), &["db/creds/app"], &[])[0]).left(Instant::now());
    assert!((3490..=3500).contains(&left.as_secs()), "{left:?}");
}

#[test]
fn a_token_that_is_used_up_by_the_reads_lends_nothing() {
    let of_uses = |uses: &'static str, paths: &[&str]| {
        let server = server(move |seen| {
            (seen.line == "POST /v1/auth/approle/login").then(|| Answer::json(200, login_answer(uses)))
        });
        let outcomes = read(&with_login(&server), paths, &[End::NotDelivered]);
        (outcomes, server.lines().len())
    };
    let paths = ["kv/data/a", "db/creds/app"];
    let (outcomes, _) = of_uses(r#","num_uses":2"#, &paths);
    assert!(matches!(outcomes[0], Outcome::Found(_)));
    let told = failure(outcomes.into_iter().nth(1).unwrap());
    assert!(told.cause.contains("used up") && told.hint.unwrap().to_string().contains("token_num_uses"));
    // Too few for the documents: none is asked for.
    let (outcomes, requests) = of_uses(r#","num_uses":1"#, &paths);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))));
    assert_eq!(requests, 1);
    // Enough: one more than documents.
    let (outcomes, _) = of_uses(r#","num_uses":3"#, &paths);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Found(_))));
}

/// A repetition that nobody sees would take the last use, and with it what was delivered.
#[test]
fn a_token_of_a_number_of_uses_is_left_alone_once_something_hangs_on_it() {
    let server = server(|seen| {
        let answer = login_answer(r#","lease_duration":2764800,"num_uses":50"#);
        (seen.line == "POST /v1/auth/approle/login").then(|| Answer::json(200, answer))
    });
    read(&with_login(&server), &["db/creds/app"], &[End::Delivered]);
    assert_eq!(after(&server), [""; 0]);
}

#[test]
fn a_credential_whose_reply_is_no_document_is_given_back_too() {
    let server =
        server(|seen| (seen.line == "GET /v1/db/creds/app?version=1").then(|| Answer::json(200, lent(3600))));
    let fixture = with_token(&server);
    let provider = build(&Settings::default(), &fixture);
    let documents =
        [DocumentRef { path: "db/creds/app".to_owned(), version: Some("1".to_owned()), request: None }];
    crate::http::testing::run(async {
        let outcomes = provider.fetch(&documents, &fixture.ask).await;
        assert!(matches!(outcomes[0], Outcome::Failed(_)), "{outcomes:?}");
        provider.close(End::NotDelivered, &fixture.ask).await;
    });
    assert_eq!(after(&server), [REVOKE_LEASE]);
}

#[test]
fn a_lease_of_any_length_has_an_end() {
    for seconds in [0, 1, u64::from(u32::MAX), u64::MAX] {
        let lease = Lease::of_change(Instant::now(), Duration::from_secs(seconds));
        assert!(lease.end() >= lease.issued && lease.left(Instant::now()) <= lease.valid);
    }
}

#[test]
fn a_periodic_token_is_not_said_to_end_sooner() {
    // Its renewal gives it its own period.
    let server = server(|seen| {
        let renewed = login_answer(r#","lease_duration":2592000"#);
        (seen.line == "POST /v1/auth/token/renew-self").then(|| Answer::json(200, renewed))
    });
    read(&with_login(&server), &["db/creds/app"], &[End::Delivered]);
    assert_eq!(after(&server), [LOOK, RENEW]);
}

#[test]
fn what_makes_a_credential_is_read_after_everything_else() {
    let server = server(|_| None);
    read(&with_token(&server), &["db/creds/app", "kv/data/a", "kv/data/b"], &[]);
    let lines = server.lines();
    let place = |wanted: &str| lines.iter().position(|line| line.ends_with(wanted)).unwrap();
    assert!(place("db/creds/app") > place("kv/data/a").max(place("kv/data/b")), "{lines:?}");
}

#[test]
fn kz_logs_in_once_for_all_that_it_reads() {
    let server = server(|_| None);
    let fixture = with_login(&server);
    let provider = build(&Settings::default(), &fixture);
    let documents = [DocumentRef { path: "kv/data/a".to_owned(), version: None, request: None }];
    crate::http::testing::run(async {
        let read = || provider.fetch(&documents, &fixture.ask);
        drop((futures_util::future::join(read(), read()).await, read().await));
        provider.close(End::Delivered, &fixture.ask).await;
    });
    let logins = server.lines().iter().filter(|line| line.contains("/login")).count();
    assert_eq!((logins, after(&server)), (1, vec![LOOK.to_owned(), REVOKE.to_owned()]));
}

#[test]
fn looking_makes_no_credential() {
    let engine = |kind: &str| answer(&format!(r#"{{"path":"db/","type":"{kind}"}}"#));
    for (kind, capabilities, is_read) in [
        ("database", r#"["read"]"#, false),
        ("database", r#"["root"]"#, false),
        ("database", r#"["deny"]"#, true),
        ("kv", r#"["read"]"#, true),
    ] {
        let mounts = engine(kind);
        let told = answer(&format!(r#"{{"db/creds/app":{capabilities},"capabilities":{capabilities}}}"#));
        let server = server(move |seen| match seen.line.as_str() {
            "GET /v1/sys/internal/ui/mounts/db/creds/app" => Some(Answer::json(200, mounts.clone())),
            "POST /v1/sys/capabilities-self" => Some(Answer::json(200, told.clone())),
            _ => None,
        });
        let mut fixture = with_token(&server);
        fixture.ask.purpose = Purpose::Look;
        let outcomes = read(&fixture, &["db/creds/app"], &[]);
        let was_read = server.lines().iter().any(|line| line == "GET /v1/db/creds/app");
        assert_eq!(
            (was_read, matches!(outcomes[0], Outcome::Readable)),
            (is_read, !is_read),
            "{kind} {capabilities}"
        );
    }
}

/// What nobody received, where the login is of another namespace than the reads.
#[test]
fn a_token_asks_of_itself_where_it_is_of_and_a_lease_ends_where_it_was_lent() {
    let lookups = [
        (r#"{"accessor":"ours"}"#, &[LOOK, REVOKE][..], ["admin", "admin"]),
        (r#"{"id":"the-proxys"}"#, &[LOOK, REVOKE_LEASE], ["admin", "admin/team"]),
    ];
    for (looked, ended, namespaces) in lookups {
        let server = server(move |seen| {
            let told = answer(looked);
            (seen.line == "GET /v1/auth/token/lookup-self").then(|| Answer::json(200, told))
        });
        let mut settings = auth("approle", &[("namespace", text("admin"))]);
        settings.insert("namespace", text("admin/team"));
        read_by(&settings, &with_login(&server), &["db/creds/app"], &[End::NotDelivered]);
        assert_eq!(after(&server), ended);
        let seen = server.seen();
        let asked: Vec<_> = seen.iter().map(|seen| seen.header("x-vault-namespace").unwrap()).collect();
        assert_eq!(asked[..2], ["admin", "admin/team"]);
        assert_eq!(asked[2..], namespaces, "{looked}");
    }
}

/// Reads a credential with a token that was wrapped for kz, and has this besides.
fn with_wrapped(more: &'static str) -> (Lease, Vec<String>) {
    let server = server(move |seen| match seen.line.as_str() {
        "POST /v1/sys/wrapping/unwrap" => Some(Answer::json(200, login_answer(more))),
        "GET /v1/auth/token/lookup-self" => {
            Some(Answer::json(200, answer(&format!(r#"{{"id":"{CANARY}","ttl":7200}}"#))))
        }
        _ => None,
    });
    let fixture = fresh(&server);
    let wrapped = [
        ("token_file", super::authentication::path(&fixture, "token", "hvs.wrapping")),
        ("wrapped", Value::Boolean(true)),
    ];
    let settings = auth("token", &wrapped);
    let outcomes = read_by(&settings, &fixture, &["db/creds/app"], &[End::Delivered]);
    (lease(&outcomes[0]), after(&server))
}

#[test]
fn how_long_a_wrapped_token_lives_the_server_tells_since_it_was_there_before() {
    let unwrap = "POST sys/wrapping/unwrap";
    let (lent, asked) = with_wrapped(r#","lease_duration":2764800"#);
    assert_eq!(
        (lent.valid, asked),
        (Duration::from_hours(1), [unwrap, LOOK, LOOK, RENEW].map(str::to_owned).to_vec())
    );
    // The last use would end it, and with it what was lent.
    let (_, asked) = with_wrapped(r#","lease_duration":2764800,"num_uses":2"#);
    assert_eq!(asked, [unwrap]);
}

#[test]
fn a_standby_that_sends_kz_on_has_not_counted_a_use() {
    let server = server(|seen| match seen.line.as_str() {
        "POST /v1/auth/approle/login" => Some(Answer::json(200, login_answer(r#","num_uses":3"#))),
        "GET /v1/kv/data/a" => Some(Answer::Reply(307, "location: /v1/kv/data/b\r\n", String::new())),
        _ => None,
    });
    let found = read(&with_login(&server), &["kv/data/a", "db/creds/app"], &[]);
    assert!(found.iter().all(|outcome| matches!(outcome, Outcome::Found(_))), "{found:?}");
}
