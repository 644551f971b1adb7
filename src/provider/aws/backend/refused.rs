//! Why a source of an identity gave none, whether that passes, and in which words it is said.
//!
//! Invariant: the texts of the SDK's providers, which hold what backends answered, are not repeated.

use aws_credential_types::Credentials;

use crate::hint::{Hint, said};
use crate::http;
use crate::patience::{Attempt, GaveUp, seconds};
use crate::provider::{Failure, FailureKind};

use super::trouble::{Class, ServiceError, Trouble};
use super::wire::Exchange;

/// What kind of source it is, as far as that decides what its refusals mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentitySource {
    /// One that is asked in somebody's name, or in whose name others are.
    Named,
    /// The container's endpoint.
    Container,
    /// The metadata service, where nobody says that there is one.
    Instance,
    /// The metadata service that a variable or a profile names.
    NamedInstance,
}

/// Why a source gave no identity, while it is waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not set up.
    NotThere,
    /// What was asked, and what it answered.
    Exchange(Exchange),
    /// It is set up wrongly.
    Wrong(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotThere => formatter.write_str("it is not there"),
            Self::Wrong(words) => formatter.write_str(words),
            Self::Exchange(Exchange { server, result: Err(error) }) => write!(formatter, "{server}: {error}"),
            Self::Exchange(Exchange { server, result: Ok((status @ 200..=299, None)) }) => {
                write!(formatter, "{server} answers with status {status}, and not as such a service does")
            }
            Self::Exchange(Exchange { server, result: Ok((status, None)) }) => {
                write!(formatter, "{server} answers with status {status}")
            }
            Self::Exchange(Exchange { server, result: Ok((status, Some(code))) }) => {
                write!(formatter, "{server}: {}", ServiceError::coded(*status, Some(*code)))
            }
        }
    }
}

/// What becomes of a source that gave nothing. `words` are for one that asked nobody.
pub(super) fn judge(
    exchange: Option<Exchange>,
    source: IdentitySource,
    words: &str,
) -> Attempt<Credentials, Refused> {
    let Some(exchange) = exchange else { return Attempt::Final(Refused::Wrong(words.to_owned())) };
    let is_instance = matches!(source, IdentitySource::Instance | IdentitySource::NamedInstance);
    let passes = match &exchange.result {
        Err(error) => {
            // Where there is no instance, nobody answers at its address: that is no reason to wait a minute.
            let nobody = matches!(
                error,
                http::Error::Silent(_) | http::Error::ConnectTime(_) | http::Error::Network(_)
            );
            if source == IdentitySource::Instance && nobody {
                return Attempt::Final(Refused::NotThere);
            }
            error.concern()
        }
        // The instance has no role, or is not to be asked; or what answers there is no metadata service at all.
        Ok((400..=499, _)) if is_instance => return Attempt::Final(Refused::NotThere),
        Ok((status, code)) => ServiceError::coded(*status, *code).concern(),
    };
    Attempt::failed(Refused::Exchange(exchange), passes, None)
}

/// The failure of every document, when a source has the last word.
pub(super) fn failure(name: &str, source: IdentitySource, given_up: &GaveUp<Refused>) -> Failure {
    let (kind, words, hint) = match given_up {
        GaveUp::Unasked(unasked) => (FailureKind::Unreachable, unasked.to_string(), None),
        GaveUp::Deadline { last, waited } => {
            let waited = seconds(*waited);
            let reason = last.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
            (FailureKind::Unreachable, format!("{reason}, for {waited} s"), None)
        }
        GaveUp::Final(refused @ Refused::Exchange(Exchange { result: Ok((status, code)), .. })) => {
            let refusal = ServiceError::coded(*status, *code);
            let kind = match refusal.class() {
                Class::Denied | Class::Identity => FailureKind::Denied,
                _ if matches!(status, 401 | 403) => FailureKind::Denied,
                _ if matches!(status, 400..=499) => FailureKind::Misconfigured,
                _ => FailureKind::Malformed,
            };
            (kind, refused.to_string(), hint(name, source, refusal))
        }
        GaveUp::Final(refused @ Refused::Exchange(_)) => (FailureKind::Barred, refused.to_string(), None),
        GaveUp::Final(refused) => (FailureKind::Misconfigured, refused.to_string(), None),
    };
    Failure { kind, cause: format!("no AWS identity from {name}: {words}"), hint }
}

fn hint(name: &str, source: IdentitySource, refusal: ServiceError) -> Option<Hint> {
    let trouble = Trouble::Service(refusal);
    match (source, trouble.class()) {
        (IdentitySource::Container, _) => {
            let hint = "is that the address of this container's credentials, and their token \
                        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE?";
            said(hint)
        }
        (_, Class::Denied) => said("the role's trust policy has to name kz's identity, and its external id"),
        _ => Trouble::failure(&GaveUp::Final(trouble), name).hint,
    }
}
