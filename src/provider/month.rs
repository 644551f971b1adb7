//! A month of one provider: it is built once, asked ten thousand times under a simulated clock, and what it asks with ends
//! every hour. The servers are strict: a token that has ended is refused, and counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use kz_fakes::byte_server::{Answer, Seen, Server};

use super::fixture::Fixture;
use super::settings::{Settings, Value};
use super::{Ask, DocumentRef, Outcome, Provider, aws, gcp, vault};
use crate::http::testing::run;
use crate::patience::Clock as _;
use crate::patience::testing::Virtual;

const LIFE: Duration = Duration::from_hours(1);
const MONTH: Duration = Duration::from_hours(30 * 24);
/// How often it is asked, by one asker each time and at every hundredth time by a hundred.
const ASKINGS: u32 = 9_000;
const ASKERS: usize = 100;

/// Who gives tokens, and takes them.
#[derive(Clone)]
struct Issuer(Arc<Mutex<Issued>>, Virtual);

#[derive(Default)]
struct Issued {
    /// When each ends.
    ends: BTreeMap<String, Instant>,
    given: usize,
    renewed: usize,
    /// Whether tokens are refused at this time.
    is_out: bool,
    refused: usize,
    accepted: usize,
    /// Requests with a token that has ended.
    late: usize,
}

impl Issuer {
    fn new(clock: &Virtual) -> Self {
        Self(Arc::default(), clock.clone())
    }

    /// A token, or nothing where none is given now.
    fn give(&self) -> Option<String> {
        let mut issued = self.0.lock().unwrap();
        if issued.is_out {
            issued.refused += 1;
            return None;
        }
        issued.given += 1;
        let token = format!("token-{}-of-a-month", issued.given);
        issued.ends.insert(token.clone(), self.1.now() + LIFE);
        Some(token)
    }

    /// Whether a token is good.
    fn accepts(&self, token: &str) -> bool {
        let now = self.1.now();
        let mut issued = self.0.lock().unwrap();
        let is_good = issued.ends.get(token).is_some_and(|end| now < *end);
        *(if is_good { &mut issued.accepted } else { &mut issued.late }) += 1;
        is_good
    }

    /// Gives tokens a longer life.
    fn renew(&self, token: &str) -> bool {
        let end = self.1.now() + LIFE;
        let mut issued = self.0.lock().unwrap();
        let is_out = issued.is_out;
        let is_renewed = issued.ends.get_mut(token).filter(|_| !is_out).map(|ends| *ends = end).is_some();
        issued.renewed += usize::from(is_renewed);
        is_renewed
    }
}

fn of_vault(issuer: &Issuer, seen: &Seen) -> Answer {
    let token = seen.header("x-vault-token").unwrap_or_default();
    let refused = || Answer::json(403, r#"{"errors":["permission denied","invalid token"]}"#);
    let auth = |token: &str| {
        let life = LIFE.as_secs();
        format!(
            r#"{{"auth":{{"client_token":"{token}","accessor":"a-{token}","lease_duration":{life},"renewable":true}}}}"#
        )
    };
    match seen.line.as_str() {
        "POST /v1/auth/approle/login" => match issuer.give() {
            Some(token) => Answer::json(200, auth(&token)),
            None => Answer::json(400, r#"{"errors":["invalid role or secret ID"]}"#),
        },
        "POST /v1/auth/token/renew-self" if issuer.renew(token) => Answer::json(200, auth(token)),
        "GET /v1/secret/data/a" if issuer.accepts(token) => Answer::json(
            200,
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"a":"1"},"metadata":{"version":1,"created_time":"2026-11-30T12:00:00Z","deletion_time":"","destroyed":false,"custom_metadata":null}},"wrap_info":null,"warnings":null,"auth":null}"#,
        ),
        _ => refused(),
    }
}

fn of_google(issuer: &Issuer, seen: &Seen) -> Answer {
    let bearer =
        seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if seen.line.starts_with("GET /computeMetadata/v1/") {
        return match issuer.give() {
            Some(token) => Answer::Reply(
                200,
                "Metadata-Flavor: Google\r\n",
                format!(
                    r#"{{"access_token":"{token}","expires_in":{},"token_type":"Bearer"}}"#,
                    LIFE.as_secs()
                ),
            ),
            None => Answer::Reply(404, "Metadata-Flavor: Google\r\n", String::new()),
        };
    }
    if issuer.accepts(bearer) {
        return Answer::json(200, r#"{"name":"projects/1/secrets/s/versions/1","payload":{"data":"eA=="}}"#);
    }
    Answer::json(401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#)
}

fn of_amazon(issuer: &Issuer, seen: &Seen) -> Answer {
    if seen.line == "GET /identity" {
        let end = crate::calendar::rfc3339(SystemTime::now() + LIFE);
        return match issuer.give() {
            Some(token) => Answer::json(
                200,
                format!(
                    r#"{{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"secret","Token":"{token}","Expiration":"{end}"}}"#
                ),
            ),
            None => Answer::json(400, r#"{"code":"InvalidTask","message":"none"}"#),
        };
    }
    if issuer.accepts(seen.header("x-amz-security-token").unwrap_or_default()) {
        return Answer::json(
            200,
            r#"{"Name":"s","ARN":"arn:aws:secretsmanager:eu-central-1:1:secret:s-abcdef","VersionId":"v","SecretString":"x"}"#,
        );
    }
    Answer::json(400, r#"{"__type":"ExpiredTokenException"}"#)
}

/// Asks once more, with so many askers, and says who of them had the document.
fn ask(provider: &dyn Provider, clock: &Virtual, path: &str, askers: usize) -> usize {
    let documents = [DocumentRef { path: path.to_owned(), version: None, request: None }];
    let ask = || async {
        let ask = Ask { patience: clock.patience_from_now(60), ..Ask::default() };
        matches!(provider.fetch(&documents, &ask).await[..], [Outcome::Found(_)])
    };
    run(join_all((0..askers).map(|_| ask()))).into_iter().filter(|had| *had).count()
}

/// Lets a month pass.
fn live(provider: &dyn Provider, issuer: &Issuer, path: &str) -> usize {
    let Issuer(state, clock) = issuer;
    let mut asked = 0;
    for number in 0..ASKINGS {
        // Once a day whoever gives tokens is out for some askings, of which the last finds that there is none.
        let time = number % (ASKINGS / 30);
        let (out, back) = (1..12, 12);
        state.lock().unwrap().is_out = out.contains(&time);
        let askers = if number % 900 == 450 { ASKERS } else { 1 };
        let had = ask(provider, clock, path, askers);
        asked += had;
        assert!(had == askers || out.contains(&time), "asking {number}: {had} of {askers}");
        assert!(had > 0 || time != back);
        // Somewhere before, in, or behind the time in which it is to be got again.
        clock.spend(MONTH / ASKINGS * (number * 37 % 200) / 100);
    }
    let state = state.lock().unwrap();
    assert_eq!(state.late, 0, "no request went with a token that had ended");
    assert_eq!(state.accepted, asked);
    assert!(state.refused > 0 && asked > 9_500, "{} {asked}", state.refused);
    let hours = usize::try_from(MONTH.as_secs() / LIFE.as_secs()).unwrap();
    let lives = state.given + state.renewed;
    assert!((hours * 4 / 5..hours * 6 / 5).contains(&lives), "{lives} lives");
    state.renewed
}

#[test]
fn a_token_of_vaults_is_renewed_or_got_again_before_its_end() {
    let clock = Virtual::of_replies();
    let issuer = Issuer::new(&clock);
    let server = {
        let issuer = issuer.clone();
        Server::plain(move |seen| of_vault(&issuer, seen))
    };
    let fixture = Fixture::new().with_variable("VAULT_ADDR", server.address());
    let fixture = fixture.with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID", "s");
    let provider = vault::BUILD.unwrap()(&Settings::default(), &fixture);
    let renewed = live(&*provider, &issuer, "secret/data/a");
    assert!(renewed > 100, "{renewed} renewals");
}

#[test]
fn a_token_of_googles_is_got_again_before_its_end() {
    let clock = Virtual::of_replies();
    let issuer = Issuer::new(&clock);
    let server = {
        let issuer = issuer.clone();
        Server::plain(move |seen| of_google(&issuer, seen))
    };
    let fixture = Fixture::new()
        .with_variable("GCE_METADATA_HOST", server.address().trim_start_matches("http://"))
        .with_variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", server.address());
    let provider = gcp::BUILD.unwrap()(&Settings::default(), &fixture);
    assert_eq!(live(&*provider, &issuer, "projects/1/secrets/s"), 0);
}

/// A server of AWS's, and what leads to it.
fn amazon(issuer: &Issuer) -> (Server, Fixture) {
    let issuer = issuer.clone();
    let server = Server::plain(move |seen| of_amazon(&issuer, seen));
    let identity = format!("http://127.0.0.1:{}/identity", server.port);
    let fixture = Fixture::new()
        .with_variable("AWS_REGION", "eu-central-1")
        .with_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", identity)
        .with_variable("AWS_ENDPOINT_URL", server.address());
    (server, fixture)
}

#[test]
fn an_identity_of_amazons_is_got_again_before_its_end() {
    let issuer = Issuer::new(&Virtual::of_replies());
    let (_server, fixture) = amazon(&issuer);
    let provider = aws::BUILD_SECRETS.unwrap()(&Settings::default(), &fixture);
    assert_eq!(live(&*provider, &issuer, "s"), 0);
}

#[test]
fn two_services_of_one_account_have_one_identity() {
    let clock = Virtual::of_replies();
    let issuer = Issuer::new(&clock);
    let (server, fixture) = amazon(&issuer);
    let mut settings = Settings::default();
    settings.insert("endpoint", Value::Text(server.address()));
    let secrets = aws::BUILD_SECRETS.unwrap()(&Settings::default(), &fixture);
    let parameters = aws::BUILD_PARAMETERS.unwrap()(&settings, &fixture);
    assert_eq!(ask(&*secrets, &clock, "s", 1), 1);
    let _ = ask(&*parameters, &clock, "/p", 1);
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| line.as_str() == "GET /identity").count(), 1, "{lines:?}");
    assert!(lines.len() > 2, "both services are asked: {lines:?}");
    settings.insert("region", Value::Text("eu-west-1".to_owned()));
    let others = aws::BUILD_SECRETS.unwrap()(&settings, &fixture);
    assert_eq!(ask(&*others, &clock, "s", 1), 1);
    assert_eq!(issuer.0.lock().unwrap().given, 2, "another section is another account");
}
