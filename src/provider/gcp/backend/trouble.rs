//! What stands between kz and a secret, in words.
//!
//! Errors are told apart by Google's own names for them (`status`, `reason`: <https://cloud.google.com/apis/design/errors>),
//! by the HTTP status where there is no name (`names`). Invariant: of an error's text nothing is kept but which of those
//! names it has; what the text says is looked at only for phrases that kz knows.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::hint::{Hint, said};
use crate::http::{self, Reply};
use crate::patience::{Concern, GaveUp, seconds};
use crate::provider::gcp::resource::Resource;
use crate::provider::{Absence, Failure, FailureKind, Outcome};

use super::names;

/// Why a request did not lead to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no reply.
    Connection(http::Error),
    /// The reply is an error of Google's.
    Google(ServiceError),
    /// The reply is an error of somebody else's; with its status.
    Reply(u16),
    /// The answer is not what the service sends: why. Continues "the answer is … : ".
    Answer(&'static str),
    /// The value is not the one that its checksum is of.
    Checksum,
}

/// An error of Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) status: u16,
    /// `PERMISSION_DENIED`, or `invalid_grant` of OAuth's.
    pub(super) code: &'static str,
    /// `SERVICE_DISABLED` and its like, where it says more.
    pub(super) reason: Option<&'static str>,
    /// What kz knows of its text.
    pub(super) phrase: Option<Phrase>,
}

/// What an error's text says, where kz knows the phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phrase {
    /// The version is switched off.
    Disabled,
    /// The version's content is gone.
    Destroyed,
    /// The secret is there, and has no such version.
    NoVersion,
    /// The key is not, or no longer, the account's.
    Signature,
    /// The clocks differ.
    Clock,
    /// There is no such account.
    NoAccount,
    /// Somebody has to log in again.
    Expired,
}

const PHRASES: [(&str, Phrase); 8] = [
    ("is in DISABLED state", Phrase::Disabled),
    ("is in DESTROYED state", Phrase::Destroyed),
    ("Secret Version [", Phrase::NoVersion),
    ("Invalid JWT Signature", Phrase::Signature),
    ("reasonable timeframe", Phrase::Clock),
    ("account not found", Phrase::NoAccount),
    ("expired or revoked", Phrase::Expired),
    ("reauth related error", Phrase::Expired),
];

/// What an error is, for what kz does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It passes.
    Passing,
    /// Nothing has that name.
    Absent,
    /// This identity may not.
    Denied,
    /// There is no such identity, or no longer.
    Identity,
    /// The request is one that is not taken.
    Request,
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Body {
    error: Value,
    #[serde(default)]
    error_description: String,
}

impl Trouble {
    /// What a reply that is no success says.
    pub(super) fn of(reply: &Reply) -> Self {
        let status = reply.status.as_u16();
        ServiceError::read(status, reply.body.expose()).map_or(Self::Reply(status), Self::Google)
    }

    /// What it is.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Connection(error) if error.concern().is_some() => Class::Passing,
            Self::Google(refusal) => refusal.class(),
            Self::Reply(status) if http::concern(*status).is_some() => Class::Passing,
            Self::Connection(_) | Self::Reply(_) | Self::Answer(_) | Self::Checksum => Class::Other,
        }
    }

    /// Whose trouble it is, where it may pass.
    pub(super) fn concern(&self) -> Option<Concern> {
        match self {
            Self::Connection(error) => error.concern(),
            Self::Reply(status) => http::concern(*status),
            Self::Google(refusal) => refusal.concern(),
            Self::Answer(_) | Self::Checksum => None,
        }
    }

    /// What becomes of a version. `server` is whom kz asked, as in messages.
    pub(super) fn outcome(given_up: &GaveUp<Self>, server: &str, resource: &Resource) -> Outcome {
        match given_up {
            GaveUp::Final(trouble) => trouble.absence(resource).unwrap_or_else(|| {
                let hint = trouble.hint(resource);
                let failure = trouble.last_word(server);
                Outcome::Failed(Failure { hint: hint.map(Hint::from).or(failure.hint), ..failure })
            }),
            GaveUp::Unasked(unasked) => Outcome::Failed(Failure {
                kind: FailureKind::Unreachable,
                cause: format!("{server}: {unasked}"),
                hint: None,
            }),
            GaveUp::Deadline { last, waited } => {
                Outcome::Failed(deadline(last.as_ref(), &seconds(*waited), server))
            }
        }
    }

    /// Where nothing is to be had: a version that is switched off or destroyed is as good as none, as one that is
    /// deleted is in other backends.
    fn absence(&self, resource: &Resource) -> Option<Outcome> {
        let Self::Google(refusal) = self else { return None };
        let Resource { secret, version, .. } = resource;
        let (cause, hint) = match (refusal.class(), refusal.phrase) {
            (_, Some(Phrase::Disabled)) if refusal.is_precondition() => (
                format!("version {version} is disabled"),
                format!(
                    "`gcloud secrets versions enable {version} --secret={secret} {}` enables it, or name another",
                    resource.options()
                ),
            ),
            (_, Some(Phrase::Destroyed)) if refusal.is_precondition() => (
                format!("version {version} is destroyed, and does not come back"),
                "name another `version`, or add a new one to the secret".to_owned(),
            ),
            (Class::Absent, Some(Phrase::NoVersion)) => (
                format!("the secret has no version `{version}`"),
                format!("`gcloud secrets versions list {secret} {}` lists them", resource.options()),
            ),
            (Class::Absent, _) => return Some(Outcome::Absent),
            _ => return None,
        };
        Some(Outcome::AbsentBecause(Absence { cause, hint: said(hint) }))
    }

    /// The failure of whoever asked `server`, once for all.
    pub(super) fn last_word(&self, server: &str) -> Failure {
        let (kind, cause) = match (self, self.class()) {
            (Self::Connection(http::Error::TooLarge(_)), _) => {
                return Failure::too_large(format!("{server}: {self}"));
            }
            (Self::Connection(http::Error::Compressed), _) => {
                (FailureKind::Malformed, format!("{server}: {self}"))
            }
            (Self::Connection(_), _) => (FailureKind::Barred, format!("{server}: {self}")),
            (_, Class::Denied | Class::Identity) => (FailureKind::Denied, self.to_string()),
            (_, Class::Request) => (FailureKind::Misconfigured, self.to_string()),
            _ => (FailureKind::Malformed, self.to_string()),
        };
        let hint = match self {
            Self::Connection(http::Error::Certificate(fault)) if fault.is_of_trust() => Some(
                "`ca_cert` or SSL_CERT_FILE has to name the certificate that signs the service's: none that kz trusts now does",
            ),
            Self::Connection(error) => error.hint(),
            _ => None,
        };
        Failure { kind, cause, hint: hint.map(Hint::from) }
    }

    /// What to do that a secret can be read.
    fn hint(&self, resource: &Resource) -> Option<String> {
        let Self::Google(refusal) = self else { return None };
        let project = resource.project.as_deref().unwrap_or("PROJECT");
        let hint = match (refusal.reason, refusal.class()) {
            (Some("SERVICE_DISABLED"), _) => {
                return Some(format!(
                    "`gcloud services enable secretmanager.googleapis.com --project={project}` enables it"
                ));
            }
            (Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), _) => {
                "give the instance or node the access scope `cloud-platform`, or kz another identity"
            }
            (Some("USER_PROJECT_DENIED"), _) => {
                "give kz's identity `roles/serviceusage.serviceUsageConsumer` on the quota project, or name none"
            }
            (Some("CONSUMER_INVALID" | "RESOURCE_PROJECT_INVALID"), _) => "is the project's id right?",
            (Some("BILLING_DISABLED"), _) => "link the project to a billing account",
            (Some("SECURITY_POLICY_VIOLATED"), _) => {
                "let the perimeter of VPC Service Controls admit kz's identity, or ask from inside it"
            }
            (_, Class::Denied) => {
                return Some(format!(
                    "give kz's identity `roles/secretmanager.secretAccessor` on `{}`, if there is such a secret: `kz plan` prints \
                     the command",
                    resource.secret
                ));
            }
            (_, Class::Identity) => "get a new token, or give kz an identity that gets its own",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn deadline(last: Option<&Trouble>, waited: &str, server: &str) -> Failure {
    let (cause, hint) = match last {
        None => (format!("no answer from {server} for {waited} s"), None),
        Some(Trouble::Connection(http::Error::Refused)) => {
            (format!("connection refused to {server} for {waited} s"), None)
        }
        Some(trouble) => (format!("{server} for {waited} s: {trouble}"), trouble.last_word(server).hint),
    };
    let status = match last {
        Some(Trouble::Google(refusal)) => Some(refusal.status),
        Some(Trouble::Reply(status)) => Some(*status),
        _ => None,
    };
    Failure { kind: FailureKind::at_the_deadline(status), cause, hint }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(formatter),
            Self::Google(refusal) => refusal.fmt(formatter),
            Self::Reply(429) => formatter.write_str("too many requests (status 429)"),
            Self::Reply(status @ 500..) => write!(formatter, "the service failed (status {status})"),
            Self::Reply(status) => {
                write!(formatter, "what answers is not Google, or a proxy before it (status {status})")
            }
            Self::Answer(why) => write!(formatter, "the answer is not what Google sends: {why}"),
            Self::Checksum => formatter.write_str(
                "the value is damaged: its checksum (CRC32C) is not the one that was sent with it, twice in a row",
            ),
        }
    }
}

impl ServiceError {
    /// Reads an error of an API (`{"error": {…}}`) or of OAuth (`{"error": "…"}`, RFC 6749, 5.2).
    pub(super) fn read(status: u16, body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let (code, text) = match &body.error {
            Value::String(code) => (Some(code.as_str()), body.error_description.as_str()),
            Value::Object(error) => {
                let text = |key: &str| error.get(key).and_then(Value::as_str);
                (text("status"), text("message").unwrap_or_default())
            }
            _ => return None,
        };
        let reasons = body.error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let phrase = PHRASES.iter().find(|(phrase, _)| text.contains(phrase));
        Some(Self {
            status,
            code: names::code(code?),
            reason: reasons.iter().find_map(|detail| names::reason(detail["reason"].as_str()?)),
            phrase: phrase.map(|(_, phrase)| *phrase),
        })
    }

    /// Whose trouble it is, where it may pass.
    fn concern(&self) -> Option<Concern> {
        match self.code {
            "UNAVAILABLE" | "RESOURCE_EXHAUSTED" | "temporarily_unavailable" => Some(Concern::Server),
            _ if self.class() == Class::Passing => http::concern(self.status).or(Some(Concern::Request)),
            _ => None,
        }
    }

    /// What it is. `google.rpc.Code` has the names.
    pub(super) fn class(&self) -> Class {
        match self.code {
            "UNAVAILABLE"
            | "RESOURCE_EXHAUSTED"
            | "INTERNAL"
            | "DEADLINE_EXCEEDED"
            | "ABORTED"
            | "UNKNOWN"
            | "temporarily_unavailable"
            | "internal_failure" => Class::Passing,
            "NOT_FOUND" => Class::Absent,
            "PERMISSION_DENIED" | "access_denied" | "unauthorized_client" => Class::Denied,
            "UNAUTHENTICATED" | "invalid_grant" | "invalid_client" | "deleted_client" | "disabled_client" => {
                Class::Identity
            }
            "INVALID_ARGUMENT"
            | "FAILED_PRECONDITION"
            | "OUT_OF_RANGE"
            | "invalid_request"
            | "invalid_scope"
            | "invalid_target"
            | "unsupported_grant_type" => Class::Request,
            _ => match self.status {
                status if http::concern(status).is_some() => Class::Passing,
                401 => Class::Identity,
                403 => Class::Denied,
                _ => Class::Other,
            },
        }
    }

    fn is_precondition(&self) -> bool {
        self.code == "FAILED_PRECONDITION"
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match (self.reason, self.class()) {
            (Some("SERVICE_DISABLED"), _) => "the API is not enabled in the project",
            (Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), _) => "the token's scopes do not include this API",
            (Some("USER_PROJECT_DENIED"), _) => "the identity may not use the quota project",
            (Some("CONSUMER_INVALID" | "RESOURCE_PROJECT_INVALID"), _) => "Google knows no such project",
            (Some("BILLING_DISABLED"), _) => "the project has no billing account",
            (Some("SECURITY_POLICY_VIOLATED"), _) => "a perimeter of VPC Service Controls forbids it",
            (_, Class::Passing) if self.code == "RESOURCE_EXHAUSTED" || self.status == 429 => {
                "too many requests"
            }
            (_, Class::Passing) => "the service failed",
            (_, Class::Absent) => "there is no such thing",
            (_, Class::Denied) => "permission denied",
            (_, Class::Identity) => "Google does not accept the identity",
            (_, Class::Request | Class::Other) => "Google does not accept the request",
        };
        write!(formatter, "{words} ({})", self.reason.unwrap_or(self.code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<ServiceError> {
        ServiceError::read(403, body.as_bytes())
    }

    #[test]
    fn errors_of_apis_and_of_oauth_are_told_by_their_names() {
        let reason = r#"{"error": {"code": 403, "message": "canary", "status": "PERMISSION_DENIED",
            "details": [{"@type": "x"}, {"reason": "SERVICE_DISABLED"}]}}"#;
        let refusal = read(reason).unwrap();
        assert_eq!(refusal.class(), Class::Denied);
        assert_eq!(refusal.to_string(), "the API is not enabled in the project (SERVICE_DISABLED)");
        let grant =
            read(r#"{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}"#).unwrap();
        assert_eq!((grant.class(), grant.phrase), (Class::Identity, Some(Phrase::Signature)));
    }

    #[test]
    fn what_is_no_name_is_not_repeated() {
        for body in ["<html>", "[]", "{}", r#"{"error": 1}"#, r#"{"error": {"message": "canary"}}"#] {
            assert_eq!(read(body), None, "{body}");
        }
        for reason in ["a canary", "CANARY", "canary"] {
            let text =
                format!(r#"{{"error": {{"status": "ABORTED", "details": [{{"reason": "{reason}"}}]}}}}"#);
            assert_eq!(read(&text).unwrap().to_string(), "the service failed (ABORTED)");
        }
        for code in ["a canary", "CANARY", "canary", "permission_denied"] {
            for body in
                [format!(r#"{{"error": "{code}"}}"#), format!(r#"{{"error": {{"status": "{code}"}}}}"#)]
            {
                let words = "permission denied (an error code that is none of Google's)";
                assert_eq!(read(&body).unwrap().to_string(), words);
            }
        }
    }
}
