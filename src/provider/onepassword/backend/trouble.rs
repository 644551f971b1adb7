//! Why a Connect server gave no answer, and in which words that is said.
//!
//! Invariant: of what it answered only the status is named.

use std::fmt;

use crate::hint::{Hint, said};
use crate::http;
use crate::patience::{GaveUp, seconds};
use crate::provider::{Failure, FailureKind};

/// Why a request did not lead to an answer.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    Connection(http::Error),
    Status(u16),
    /// A 404 of somebody who is no Connect server.
    Foreign(u16),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, status) = match self {
            Self::Connection(error) => return error.fmt(formatter),
            Self::Status(status @ 200..300) => ("what came is not a whole answer", *status),
            Self::Status(401) => ("the server does not accept the token", 401),
            Self::Status(403) => ("the token does not open this vault", 403),
            Self::Status(status @ 400) => ("the server does not accept the request", *status),
            Self::Status(status @ 429) => ("too many requests", *status),
            Self::Status(status @ 500..) => ("the server failed", *status),
            Self::Foreign(status) | Self::Status(status) => ("what answers is not a Connect server", *status),
        };
        write!(formatter, "{words} (status {status})")
    }
}

/// The words for a request that was given up, which bore the token from `source`.
pub(super) fn failure(given_up: &GaveUp<Trouble>, server: &str, source: &str) -> Failure {
    match given_up {
        GaveUp::Unasked(unasked) => {
            Failure { kind: FailureKind::Unreachable, cause: format!("{server}: {unasked}"), hint: None }
        }
        GaveUp::Deadline { last, waited } => {
            let waited = seconds(*waited);
            let cause = match last {
                None => format!(
                    "no answer from {server} for {waited} s: is it a Connect server that listens there?"
                ),
                Some(Trouble::Connection(http::Error::Refused)) => {
                    format!("connection refused to {server} for {waited} s: is the Connect server up yet?")
                }
                Some(Trouble::Foreign(status)) => format!(
                    "what answers at {server} is not a Connect server, for {waited} s: its status {status} is none of Connect's own"
                ),
                Some(trouble) => format!("{server} for {waited} s: {trouble}"),
            };
            let hint = matches!(last, Some(Trouble::Foreign(_))).then(|| {
                "is the address right, also its path, and does the proxy before Connect have a route for it?".into()
            });
            let status = match last {
                Some(Trouble::Status(status)) => Some(*status),
                _ => None,
            };
            Failure { kind: FailureKind::at_the_deadline(status), cause, hint }
        }
        GaveUp::Final(Trouble::Connection(error @ http::Error::TooLarge(_))) => {
            Failure::too_large(format!("{server}: {error}"))
        }
        GaveUp::Final(Trouble::Connection(error)) => {
            let kind = match error {
                http::Error::Compressed => FailureKind::Malformed,
                _ => FailureKind::Barred,
            };
            Failure { kind, cause: format!("{server}: {error}"), hint: error.hint().map(Hint::from) }
        }
        GaveUp::Final(trouble @ (Trouble::Status(status) | Trouble::Foreign(status))) => {
            let (kind, hint) = match status {
                401 => {
                    (FailureKind::Denied, said(format!("is the token from {source} one of this server's?")))
                }
                403 => (FailureKind::Denied, said("give the token access to the vault, or make another")),
                400 => (FailureKind::Misconfigured, None),
                _ => (FailureKind::Malformed, None),
            };
            Failure { kind, cause: trouble.to_string(), hint }
        }
    }
}
