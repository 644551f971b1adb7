//! Who kz is to Google: a token, from what a credentials file leads to.
//!
//! Invariants: a token is asked for once, and waited for by the one rule of patience; of what an endpoint answers
//! only names of errors and known phrases are kept. RFC 7523 has the grant of a key, RFC 6749 (6) that of a login,
//! RFC 8693 the exchange (<https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>).

use std::time::{Duration, Instant, SystemTime};

use ::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::hint::{Hint, said};
use crate::http::{self, Reply};
use crate::patience::{GaveUp, seconds};
use crate::percent::encoded;
use crate::provider::local_file::{Reader, quoted};
use crate::provider::{Ask, Failure, FailureKind};
use crate::secret::Secret;

use super::assertion::Assertion;
use super::credentials::{Base, Credentials, Endpoint, Format, Impersonation, Subject};
use super::trouble::{Class, Phrase, Trouble};
use super::wire::{self, Whom, Wire};

/// What kz asks to be allowed; roles say what it may.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const FORM: &str = "application/x-www-form-urlencoded";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The token of another provider is some KiB.
const LARGEST_SUBJECT: u64 = 1 << 20;

/// Asks for a token.
pub(super) struct Asker<'a> {
    pub(super) ask: &'a Ask,
    pub(super) wire: &'a Wire,
    pub(super) reader: Reader<'a>,
    /// The credentials file, as in messages.
    pub(super) name: &'a str,
}

/// What is asked for, as far as words differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Key,
    Login,
    Exchange,
    Subject,
    Impersonation,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(alias = "accessToken")]
    access_token: String,
    /// In seconds (RFC 6749, 5.1).
    #[serde(default)]
    expires_in: Option<u64>,
}

/// What requests are allowed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) value: Secret,
    /// When it ends; nothing where nobody says.
    pub(super) ends: Option<Instant>,
}

/// The token in a reply to this asking.
pub(super) fn token_of(reply: &Reply, ask: &Ask) -> Result<Token, Trouble> {
    let unfit = Trouble::Answer("it holds no token");
    let granted: Granted = serde_json::from_slice(reply.body.expose()).map_err(|_| unfit.clone())?;
    let value = token(granted.access_token.into_bytes()).ok_or(unfit)?;
    let life = granted.expires_in.map(Duration::from_secs);
    Ok(Token { value, ends: life.and_then(|life| ask.at(reply.asked).checked_add(life)) })
}

/// What can be a token: one line without spaces.
pub(super) fn token(bytes: Vec<u8>) -> Option<Secret> {
    let text = Zeroizing::new(bytes);
    let token = text.trim_ascii();
    let fits = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
    fits.then(|| Secret::new(token.to_vec()))
}

impl Asker<'_> {
    /// The token that the file leads to.
    pub(super) async fn token(&self, credentials: &Credentials) -> Result<Token, Failure> {
        let mut token = match &credentials.base {
            Base::Key { email, key, id, endpoint } => {
                self.by_key(email, key, id.as_deref(), endpoint).await?
            }
            Base::User { id, secret, refresh, endpoint } => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", id),
                    ("client_secret", text(secret)),
                    ("refresh_token", text(refresh)),
                ];
                self.grant(Step::Login, endpoint, &fields).await?
            }
            Base::Federated { audience, kind, subject, format, endpoint } => {
                let subject = self.subject(subject, format).await?;
                let fields = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("audience", audience),
                    ("scope", SCOPE),
                    ("requested_token_type", ACCESS_TOKEN),
                    ("subject_token_type", kind),
                    ("subject_token", text(&subject)),
                ];
                self.grant(Step::Exchange, endpoint, &fields).await?
            }
        };
        for step in &credentials.steps {
            token = self.impersonate(step, &token.value).await?;
        }
        Ok(token)
    }

    async fn by_key(
        &self,
        email: &str,
        key: &Secret,
        id: Option<&str>,
        endpoint: &Endpoint,
    ) -> Result<Token, Failure> {
        let audience = format!("{}{}", endpoint.address.origin(), endpoint.path);
        let assertion = Assertion { issuer: email, key_id: id, audience: &audience, scope: SCOPE };
        let signed = assertion.sign(key, SystemTime::now()).map_err(|unsigned| {
            Failure::misconfigured(
                format!("no Google identity from {}: {unsigned}", self.name),
                "make a new key: `gcloud iam service-accounts keys create`",
            )
        })?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.grant(Step::Key, endpoint, &[("grant_type", grant), ("assertion", text(&signed))]).await
    }

    async fn grant(
        &self,
        step: Step,
        endpoint: &Endpoint,
        fields: &[(&str, &str)],
    ) -> Result<Token, Failure> {
        let client = self.wire.client(Whom::Google, &endpoint.address)?;
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = wire::post(&client, endpoint, FORM, fields.join("&").into_bytes());
        let reply = self.wire.ask(self.ask, &client, &request, wire::judge).await;
        let token = reply.and_then(|reply| token_of(&reply, self.ask).map_err(GaveUp::Final));
        token.map_err(|given_up| self.failure(step, &given_up, &endpoint.address.authority()))
    }

    async fn impersonate(&self, step: &Impersonation, token: &Secret) -> Result<Token, Failure> {
        let Impersonation { endpoint, delegates, lifetime } = step;
        let client = self.wire.client(Whom::Google, &endpoint.address)?;
        let mut body = serde_json::json!({ "scope": [SCOPE], "lifetime": format!("{lifetime}s") });
        if !delegates.is_empty() {
            body["delegates"] = serde_json::json!(delegates);
        }
        let mut request = wire::post(&client, endpoint, "application/json", body.to_string().into_bytes());
        if let Some(bearer) = wire::bearer(token) {
            request.headers_mut().insert(::http::header::AUTHORIZATION, bearer);
        }
        let asked = self.ask.now();
        let reply = self.wire.ask(self.ask, &client, &request, wire::judge).await;
        // It answers until when by the wall clock, and takes the life that it is asked for or refuses.
        let ends = asked.checked_add(Duration::from_secs(*lifetime));
        let token = reply.and_then(|reply| token_of(&reply, self.ask).map_err(GaveUp::Final));
        let token = token.map(|token| Token { ends, ..token });
        token.map_err(|given_up| self.failure(Step::Impersonation, &given_up, &endpoint.address.authority()))
    }

    /// The other provider's token.
    async fn subject(&self, subject: &Subject, format: &Format) -> Result<Secret, Failure> {
        let (content, place) = match subject {
            Subject::File(file) => {
                (self.reader.credential(file, LARGEST_SUBJECT)?, quoted(&self.reader.locate(file)?))
            }
            Subject::Url(endpoint, headers) => {
                (self.subject_at(endpoint, headers).await?, endpoint.address.authority())
            }
        };
        let found = match format {
            Format::Text => token(content.expose().to_vec()),
            Format::Json(field) => {
                let object: Option<Value> = serde_json::from_slice(content.expose()).ok();
                object.and_then(|object| token(object.get(field)?.as_str()?.as_bytes().to_vec()))
            }
        };
        found.ok_or_else(|| Failure {
            kind: FailureKind::Malformed,
            cause: format!(
                "no Google identity from {}: {place} holds no token as the file describes it",
                self.name
            ),
            hint: said("look at `credential_source.format` in the file"),
        })
    }

    async fn subject_at(&self, endpoint: &Endpoint, headers: &[(String, Secret)]) -> Result<Secret, Failure> {
        let client = self.wire.client(Whom::Provider, &endpoint.address)?;
        let mut request = wire::get(&client, &endpoint.path);
        for (name, value) in headers {
            let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.expose()));
            let (Ok(name), Ok(mut value)) = header else {
                let cause = http::Error::Header("`credential_source.headers`").to_string();
                return Err(Failure { kind: FailureKind::Malformed, cause, hint: None });
            };
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let reply = self.wire.ask(self.ask, &client, &request, wire::judge).await;
        let failed = |given_up| self.failure(Step::Subject, &given_up, &endpoint.address.authority());
        Ok(reply.map_err(failed)?.body)
    }

    fn failure(&self, step: Step, given_up: &GaveUp<Trouble>, server: &str) -> Failure {
        let (kind, words, hint) = match given_up {
            GaveUp::Unasked(unasked) => (FailureKind::Unreachable, format!("{server}: {unasked}"), None),
            GaveUp::Deadline { last, waited } => {
                let reason = last.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
                let words = format!("{server} for {} s: {reason}", seconds(*waited));
                (FailureKind::Unreachable, words, last.as_ref().and_then(|last| last.last_word(server).hint))
            }
            GaveUp::Final(trouble) => {
                let Failure { kind, cause, hint } = trouble.last_word(server);
                let (words, own) = explained(step, trouble, server).unwrap_or((cause, None));
                (kind, words, own.map(Hint::from).or(hint))
            }
        };
        Failure { kind, cause: format!("no Google identity from {}: {words}", self.name), hint }
    }
}

/// What a refusal means where it comes, and what to do.
fn explained(step: Step, trouble: &Trouble, server: &str) -> Option<(String, Option<&'static str>)> {
    let refusal = match (step, trouble) {
        (Step::Subject, Trouble::Google(refusal)) => {
            return Some((format!("{server} answers with status {}", refusal.status), None));
        }
        (Step::Subject, Trouble::Reply(status)) => {
            return Some((format!("{server} answers with status {status}"), None));
        }
        (_, Trouble::Google(refusal)) => refusal,
        _ => return None,
    };
    let (words, hint) = match (step, refusal.phrase, refusal.class()) {
        (Step::Key, Some(Phrase::Clock), _) => {
            ("Google says that the assertion is of another time", "set this machine's clock")
        }
        (Step::Key, Some(Phrase::NoAccount), _) => {
            ("there is no such service account, or no longer", "is the file of an account that was deleted?")
        }
        (Step::Key, Some(Phrase::Signature), _) => (
            "the key is not the account's, or was deleted or disabled",
            "make a new key, or give kz an identity without one, such as workload identity federation",
        ),
        (Step::Key, _, Class::Identity) => (
            "Google does not accept the key",
            "is the account disabled, its key expired, or this machine's clock wrong?",
        ),
        (Step::Login, _, Class::Identity) => {
            ("the login has expired, or was revoked", "log in again: `gcloud auth application-default login`")
        }
        (Step::Exchange, _, Class::Identity | Class::Denied) => (
            "Google does not accept the other provider's token",
            "is it fresh, for the audience that the pool's provider allows, and does its condition let it through?",
        ),
        (Step::Exchange, _, Class::Request) => (
            "Google does not take the exchange",
            "are `audience` and `subject_token_type` of the file those of the pool's provider?",
        ),
        (Step::Impersonation, _, Class::Denied | Class::Absent) => (
            "it may not act as the service account, or there is none of that name",
            "give it `roles/iam.serviceAccountTokenCreator` on the account (`roles/iam.workloadIdentityUser` where it \
             comes from a workload identity pool)",
        ),
        _ => return None,
    };
    Some((format!("{words} ({})", refusal.reason.unwrap_or(refusal.code)), Some(hint)))
}

/// What came out of JSON is text.
fn text(secret: &Secret) -> &str {
    secret.expose_text().unwrap_or_default()
}
