//! The metadata server of Compute Engine, GKE and Cloud Run: an identity, and the project that it is of
//! (<https://cloud.google.com/compute/docs/metadata/querying-metadata>).
//!
//! Invariants: a reply counts only with `Metadata-Flavor: Google`, since anybody may answer to a name in a network;
//! one that a variable names is waited for; at its usual address, no answer within two seconds means that there is
//! none, since where there is no instance nobody is to wait a minute for it.

use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Request};

use crate::http::{Address, Client, Reply};
use crate::patience::{Attempt, GaveUp, seconds};
use crate::provider::{Ask, Failure, FailureKind, Surroundings};

use super::identity::{self, Token};
use super::trouble::Trouble;
use super::wire::{self, Whom, Wire};

/// How long one may be silent that nobody has named.
const LIMIT: Duration = Duration::from_secs(2);
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const PROJECT: &str = "/computeMetadata/v1/project/project-id";

/// Where it is.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    address: Address,
    /// Whether a variable says so.
    named: bool,
}

impl Metadata {
    /// What the variables say of it: nothing where `NO_GCE_CHECK` says that there is none.
    pub(super) fn of(surroundings: &dyn Surroundings) -> Result<Option<Self>, Failure> {
        if surroundings.given_text("NO_GCE_CHECK").is_some_and(|value| value == "true") {
            return Ok(None);
        }
        let named = ["GCE_METADATA_HOST", "GCE_METADATA_IP"]
            .into_iter()
            .find_map(|name| Some((name, surroundings.given_text(name)?)));
        let host = named.as_ref().map_or("metadata.google.internal", |(_, host)| host.trim());
        let address =
            Address::parse(&format!("http://{host}")).ok().filter(|address| address.prefix().is_empty());
        match (address, &named) {
            (Some(address), named) => Ok(Some(Self { address, named: named.is_some() })),
            (None, named) => {
                let name = named.as_ref().map_or("GCE_METADATA_HOST", |(name, _)| name);
                let cause = format!("{name} is no host, or host and port");
                Err(Failure::misconfigured(cause, format!("write it as `{name}=metadata.google.internal`")))
            }
        }
    }

    /// The token of the instance's account; nothing where there is no metadata server.
    pub(super) async fn token(&self, ask: &Ask, wire: &Wire) -> Result<Option<Token>, Failure> {
        match self.ask(ask, wire, TOKEN).await {
            Ok(Some(reply)) => identity::token_of(&reply, ask)
                .map(Some)
                .map_err(|trouble| self.failure(&GaveUp::Final(trouble))),
            Ok(None) => Ok(None),
            Err(Stopped::Failure(failure)) => Err(failure),
            Err(Stopped::GaveUp(GaveUp::Final(Trouble::Reply(404)))) => Err(Failure::misconfigured(
                format!("no Google identity from {self}: the instance has no service account"),
                "give the instance, node or pod a service account",
            )),
            Err(Stopped::GaveUp(given_up)) => Err(self.failure(&given_up)),
        }
    }

    /// The project that the instance is of; nothing where there is no metadata server.
    pub(super) async fn project(&self, ask: &Ask, wire: &Wire) -> Result<Option<String>, Failure> {
        match self.ask(ask, wire, PROJECT).await {
            Ok(reply) => Ok(reply.and_then(|reply| Some(reply.body.expose_text()?.trim().to_owned()))),
            Err(Stopped::Failure(failure)) => Err(failure),
            Err(Stopped::GaveUp(given_up)) => Err(self.failure(&given_up)),
        }
    }

    async fn ask(&self, ask: &Ask, wire: &Wire, path: &str) -> Result<Option<Reply>, Stopped> {
        let client = wire.client(Whom::Metadata, &self.address).map_err(Stopped::Failure)?;
        let request = request(&client, path);
        if !self.named {
            match ask.patience.once(LIMIT, client.send(request.clone())).await {
                Some(Ok(reply)) if is_metadata(&reply) => match wire::judge(reply) {
                    Attempt::Done(reply) => return Ok(Some(reply)),
                    Attempt::Final(trouble) => return Err(Stopped::GaveUp(GaveUp::Final(trouble))),
                    // There is one, and it is not ready.
                    Attempt::Again(..) => {}
                },
                _ => return Ok(None),
            }
        }
        wire.ask(ask, &client, &request, judge).await.map(Some).map_err(Stopped::GaveUp)
    }

    fn failure(&self, given_up: &GaveUp<Trouble>) -> Failure {
        let (kind, cause) = match given_up {
            GaveUp::Unasked(unasked) => (FailureKind::Unreachable, format!("{self}: {unasked}")),
            GaveUp::Deadline { last, waited } => {
                let reason = last.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
                (
                    FailureKind::Unreachable,
                    format!("{self} is not ready for {} s: {reason}", seconds(*waited)),
                )
            }
            GaveUp::Final(Trouble::Connection(error)) => (FailureKind::Barred, format!("{self}: {error}")),
            GaveUp::Final(Trouble::Reply(status)) => (
                FailureKind::Denied,
                format!("no Google identity from {self}: it answers with status {status}"),
            ),
            GaveUp::Final(_) => {
                (FailureKind::Malformed, format!("what answers as {self} is no metadata server of Google's"))
            }
        };
        Failure { kind, cause, hint: None }
    }
}

impl std::fmt::Display for Metadata {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the metadata server at {}", self.address.authority())
    }
}

enum Stopped {
    Failure(Failure),
    GaveUp(GaveUp<Trouble>),
}

fn request(client: &Client, path: &str) -> Request<Vec<u8>> {
    let mut request = wire::get(client, path);
    request.headers_mut().insert(FLAVOR, HeaderValue::from_static("Google"));
    request
}

fn is_metadata(reply: &Reply) -> bool {
    reply.headers.get(FLAVOR).is_some_and(|value| value == "Google")
}

/// What answers without the header may be what stands before the server while that starts, or another altogether.
fn judge(reply: Reply) -> Attempt<Reply, Trouble> {
    let is_metadata = is_metadata(&reply);
    match wire::judge(reply) {
        Attempt::Done(_) | Attempt::Final(_) if !is_metadata => {
            Attempt::Final(Trouble::Answer("it lacks `Metadata-Flavor`"))
        }
        judged => judged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Proxies;
    use kz_fakes::byte_server::{Answer, Server, free_port};

    use crate::http::testing::run;
    use crate::patience::Clock as _;
    use crate::patience::testing::{Virtual, after};
    use crate::provider::Terms;
    use crate::secret::Secret;
    use crate::tls::Roots;

    const GRANTED: &str = r#"{"access_token": "example", "expires_in": 3599}"#;

    /// The token of a server that no variable names, as the usual one is.
    fn token(port: u16, clock: &Virtual) -> Result<Option<Token>, Failure> {
        let address = Address::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let ask = Ask { patience: clock.patience(60, 1.0), ..Ask::default() };
        let wire = Wire::new(Roots::Only(Vec::new()), Proxies::default(), &Terms::default());
        run(Metadata { address, named: false }.token(&ask, &wire))
    }

    #[test]
    fn where_nobody_answers_there_is_none_and_nobody_waits_longer() {
        let silent = Server::plain(|_| Answer::Hang);
        let clock = Virtual::new();
        assert_eq!(token(silent.port, &clock), Ok(None));
        assert_eq!(clock.passed(), after(2.0));
        let clock = Virtual::of_pauses(|_| {});
        assert_eq!(token(free_port(), &clock), Ok(None));
        assert_eq!(clock.passed(), Duration::ZERO);
    }

    #[test]
    fn what_does_not_say_that_it_is_one_is_none() {
        for status in [200, 404, 503] {
            let other = Server::plain(move |_| Answer::json(status, GRANTED));
            assert_eq!(token(other.port, &Virtual::of_pauses(|_| {})), Ok(None), "{status}");
            assert_eq!(other.seen()[0].header("metadata-flavor"), Some("Google"));
        }
    }

    #[test]
    fn one_that_is_not_ready_is_waited_for_once_it_has_said_that_it_is_one() {
        let clock = Virtual::of_pauses(|_| {});
        let passed = clock.clone();
        let server = Server::plain(move |_| {
            let status = if passed.passed() < after(3.0) { 503 } else { 200 };
            Answer::Reply(status, "Metadata-Flavor: Google\r\n", GRANTED.to_owned())
        });
        let token = token(server.port, &clock).unwrap().unwrap();
        assert_eq!(token.value, Secret::new(b"example".to_vec()));
        assert_eq!(token.ends, Some(clock.now() + Duration::from_secs(3599)));
        assert!(server.seen().len() > 3, "{:?}", server.lines());
    }
}
