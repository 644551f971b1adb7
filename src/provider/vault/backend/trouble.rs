//! What stands between kz and a document, in words: of the connection, or of a status.
//!
//! `Display` is the reason while kz waits; [`Trouble::failure`] is the last word. Which status passes and which
//! does not: docs/decisions/patience.md and the API documentation (<https://developer.hashicorp.com/vault/api-docs>).

use std::fmt;
use std::time::Duration;

use ::http::StatusCode;

use crate::hint::Hint;
use crate::http::{self, Address};
use crate::patience::{Concern, GaveUp, seconds};
use crate::provider::{Failure, FailureKind};

use super::reply::Known;

/// Why a request did not lead to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no reply.
    Connection(http::Error),
    /// The reply is no answer.
    Status(StatusCode, Option<Known>),
    /// The server wants to be left alone for so long, and says no more.
    Paused(StatusCode, Duration),
    /// The reply is a 404 of somebody who is no Vault, as an ingress gives one before it knows the route.
    Foreign(StatusCode),
    /// Another server is to be asked, which kz was not told of.
    Elsewhere(String),
    /// The reply leads in a circle.
    Circle,
    /// The answer was lost of a request that may have made a credential.
    Undecided(Box<Trouble>),
}

impl Trouble {
    /// Whose trouble it is, where it may pass.
    pub(super) fn concern(&self) -> Option<Concern> {
        match self {
            Self::Connection(error) => error.concern(),
            // A role's or a mount's own fault stays also where the server says it with 500.
            Self::Status(_, Some(Known::Refused(refusal))) => refusal.passes.then_some(Concern::Request),
            Self::Undecided(_) => None,
            // An ingress answers with a status of its own before it knows the route. While the leader changes, standbys send
            // kz to the old one or to each other.
            Self::Foreign(_)
            | Self::Elsewhere(_)
            | Self::Circle
            | Self::Status(_, Some(Known::Sealed | Known::Uninitialized | Known::NoLeader)) => {
                Some(Concern::Server)
            }
            Self::Status(status, _) | Self::Paused(status, _) => match status.as_u16() {
                // A follower that lags behind.
                412 => Some(Concern::Request),
                // A standby.
                472 | 473 => Some(Concern::Server),
                status => http::concern(status),
            },
        }
    }

    /// The failure of a document. `address` is whom kz asked, perhaps through a proxy.
    pub(super) fn failure(given_up: &GaveUp<Self>, address: &Address, proxy: Option<&str>) -> Failure {
        let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
        let server = format!("{}{through}", address.authority());
        match given_up {
            GaveUp::Final(trouble) => trouble.last_word(&server),
            GaveUp::Unasked(unasked) => {
                Failure { kind: FailureKind::Unreachable, cause: format!("{server}: {unasked}"), hint: None }
            }
            GaveUp::Deadline { last, waited } => {
                let waited = lasting(*waited);
                let cause = match last {
                    None => {
                        format!("no answer from {server}{waited}: is it Vault that listens there?")
                    }
                    Some(Self::Connection(http::Error::Refused)) => format!(
                        "connection refused to {server}{waited}: is the mesh sidecar or Vault up yet?"
                    ),
                    Some(Self::Connection(http::Error::Unresolved)) => format!(
                        "the name of {server} does not resolve{waited}: is it right, and is the network up yet?"
                    ),
                    Some(Self::Foreign(status)) => format!(
                        "what answers at {server} is not Vault{}{waited}: its status {} is none of Vault's own",
                        if waited.is_empty() { "" } else { "," },
                        status.as_u16()
                    ),
                    Some(trouble) => format!("{server}{waited}: {trouble}"),
                };
                let hint = match last {
                    // What speaks TLS hangs up on whoever does not.
                    Some(Self::Connection(http::Error::Closed))
                        if !address.is_https() && address.socket().is_none() =>
                    {
                        http::Error::NotHttp.hint().map(Hint::from)
                    }
                    last => last.as_ref().and_then(Self::hint).map(Hint::from),
                };
                let kind = last.as_ref().map_or(FailureKind::Unreachable, Self::kind_at_the_deadline);
                Failure { kind, cause, hint }
            }
        }
    }

    fn kind_at_the_deadline(&self) -> FailureKind {
        match self {
            Self::Status(_, Some(Known::Refused(refusal))) => refusal.kind,
            // What no server of the cluster does is nobody's failure.
            Self::Status(_, Some(Known::NoLeader)) => FailureKind::Unreachable,
            Self::Status(status, _) => FailureKind::at_the_deadline(Some(status.as_u16())),
            _ => FailureKind::Unreachable,
        }
    }

    fn last_word(&self, server: &str) -> Failure {
        let (kind, cause) = match self {
            Self::Connection(http::Error::TooLarge(_)) => {
                return Failure::too_large(format!("{server}: {self}"));
            }
            Self::Connection(http::Error::Compressed) => {
                (FailureKind::Malformed, format!("{server}: {self}"))
            }
            // What passes is waited for until the deadline; this had the last word before it.
            Self::Connection(_) | Self::Foreign(_) | Self::Paused(..) | Self::Elsewhere(_) | Self::Circle => {
                (FailureKind::Barred, format!("{server}: {self}"))
            }
            // Asked again, by whoever starts kz again, it is another credential, which may well come.
            Self::Undecided(_) => (FailureKind::Unreachable, format!("{server}: {self}")),
            Self::Status(status, known) => (kind_of(*status, *known), self.to_string()),
        };
        Failure { kind, cause, hint: self.hint().map(Hint::from) }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Connection(http::Error::Certificate(fault)) if fault.is_of_trust() => {
                "`ca_cert` or VAULT_CACERT has to name the certificate that signs the server's: none that kz trusts now does"
            }
            Self::Connection(http::Error::Certificate(http::CertificateFault::OtherName)) => {
                "write the name of the certificate into `address`, or as `tls_server_name`"
            }
            Self::Connection(http::Error::Rejected(words)) if words.contains("client certificate") => {
                "name one that the server accepts, and its key: `client_cert` and `client_key`, or VAULT_CLIENT_CERT and \
                 VAULT_CLIENT_KEY"
            }
            Self::Connection(error) => error.hint()?,
            Self::Foreign(_) => {
                "is the address right, also its path, and does the proxy before Vault have a route for it?"
            }
            Self::Status(_, Some(Known::Refused(refusal))) => refusal.hint,
            Self::Status(_, Some(Known::Uninitialized)) => {
                "somebody has to give it its keys: `vault operator init`"
            }
            Self::Status(_, Some(Known::RootOnly)) => {
                "read it through a section of its own, without `namespace`"
            }
            Self::Status(_, Some(Known::NotReadable)) => {
                "the engine does not answer a read there. Where it makes something of parameters, write them beside `ref`: `request = { \
                 common_name = \"…\" }`; else its documentation says which of its paths can be read"
            }
            // Only logins have bodies.
            Self::Status(StatusCode::PAYLOAD_TOO_LARGE, _) => {
                "is the file with the credential the right one? it is larger than any that the server takes"
            }
            Self::Status(_, Some(Known::UnknownRole)) => "is the role spelt right in the ref?",
            Self::Status(_, Some(Known::NoLeader)) => {
                "are enough servers of the cluster up and unsealed to choose one?"
            }
            Self::Status(StatusCode::TOO_MANY_REQUESTS, None) | Self::Paused(..) => {
                "let more requests through, or start fewer at a time: `concurrency` in `[resolve]`"
            }
            Self::Status(_, Some(Known::NamespaceSealed)) => "an administrator unseals the namespace",
            Self::Status(_, Some(Known::NamespaceLocked)) => {
                "an administrator unlocks it: `vault namespace unlock`"
            }
            Self::Status(_, Some(Known::NobodyAddsToken)) => {
                "`auth = { method = \"none\" }` is for a Vault Agent or proxy whose auto-auth adds the token \
                 (`use_auto_auth_token`); else name a credential"
            }
            Self::Status(_, Some(Known::WantsTls)) => "the address has to begin with `https://`",
            Self::Status(_, Some(Known::Sealed)) => "unseal it: `vault operator unseal`",
            Self::Status(_, Some(Known::InvalidToken)) => {
                "give kz a token that this server knows and that has not expired"
            }
            Self::Elsewhere(_) => ELSEWHERE,
            Self::Undecided(_) => UNDECIDED,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

const ELSEWHERE: &str = "name the cluster's servers, that one too: `addresses = [\"https://…:8200\", …]`; kz sends its token nowhere else";
const UNDECIDED: &str = "kz asks no second time for what may make a credential: run it again, and see whether the engine made one that \
     nobody has";

/// As in ` for 60 s`; nothing of what did not last.
fn lasting(waited: Duration) -> String {
    if waited < Duration::from_millis(500) { String::new() } else { format!(" for {} s", seconds(waited)) }
}

fn kind_of(status: StatusCode, known: Option<Known>) -> FailureKind {
    match (status.as_u16(), known) {
        (_, Some(Known::Refused(refusal))) => refusal.kind,
        (_, Some(Known::EngineFailed)) => FailureKind::ServerFailed,
        (_, Some(Known::UnknownRole | Known::WantsTls | Known::NotReadable | Known::RootOnly)) => {
            FailureKind::Misconfigured
        }
        (_, Some(Known::NobodyAddsToken | Known::BadCredential | Known::BadWrapping)) | (401 | 403, _) => {
            FailureKind::Denied
        }
        (400 | 405 | 413, _) => FailureKind::Misconfigured,
        _ => FailureKind::Malformed,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, known) = match self {
            Self::Connection(error) => return error.fmt(formatter),
            Self::Elsewhere(origin) => return write!(formatter, "it is a standby that sends kz to {origin}"),
            Self::Circle => return formatter.write_str("it redirects kz in a circle"),
            Self::Paused(status, pause) => {
                let words = if status.as_u16() == 429 { "too many requests" } else { "it is not ready" };
                let (pause, status) = (seconds(*pause), status.as_u16());
                return write!(formatter, "{words}, and it wants none for {pause} s (status {status})");
            }
            Self::Undecided(cause) => {
                return write!(formatter, "{cause}; whether a credential was made is not known");
            }
            Self::Foreign(status) => {
                return write!(formatter, "what answers is not Vault (status {})", status.as_u16());
            }
            Self::Status(status, known) => (status.as_u16(), known),
        };
        let words = match (status, known) {
            (_, Some(Known::Sealed)) => "Vault is sealed",
            (_, Some(Known::Uninitialized)) => "Vault was never initialized",
            (_, Some(Known::RootOnly)) => "this path is there in the root namespace only",
            (_, Some(Known::Refused(refusal))) => refusal.words,
            (_, Some(Known::NamespaceSealed)) => "the namespace is sealed",
            (_, Some(Known::NamespaceLocked)) => "the namespace is locked",
            (_, Some(Known::NobodyAddsToken)) => "the server wants a token, and nothing on the way adds one",
            (_, Some(Known::WantsToken)) => "nothing takes a login there",
            (_, Some(Known::NoLeader)) => "no server of the cluster leads yet",
            (_, Some(Known::InvalidToken)) => "the token is not one of this server's, or no longer",
            (_, Some(Known::BadWrapping)) => "the wrapping token is used up, expired, or none",
            (_, Some(Known::BadCredential)) => "the server does not accept this credential",
            (_, Some(Known::UnknownRole)) => "the server knows no such role",
            (_, Some(Known::WantsTls)) => "the server speaks TLS",
            (_, Some(Known::NotReadable)) => "this path cannot be read",
            (_, Some(Known::NoLease)) => "the server has no such lease, or no longer",
            (_, Some(Known::NoAccessor)) => "the server has no token with this accessor, or no longer",
            (_, Some(Known::NotRenewable)) => "the server gives this lease no longer life",
            (_, Some(Known::EngineFailed)) => "the engine failed to give the credential a longer life",
            (_, Some(Known::NoRoute)) => "nothing is mounted under this path",
            (401 | 403, _) => "permission denied",
            (400, _) => "the server does not accept the request",
            (408, _) => "the server had no time",
            (425, _) => "the server takes no early requests",
            (412, _) => "the server lags behind its cluster",
            (413, _) => "the request is too large for the server",
            (429, _) => "too many requests",
            (472 | 473, _) => "the server is a standby",
            (502 | 504, _) => "the proxy before Vault reaches no server",
            (503, _) => "Vault is sealed, or not ready",
            (500.., _) => "the server failed",
            _ => "the server answers in no way that Vault does",
        };
        write!(formatter, "{words} (status {status})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Trouble {
        Trouble::Status(StatusCode::from_u16(status).unwrap(), None)
    }

    #[test]
    fn what_passes_and_what_does_not() {
        for server in [429, 472, 473, 502, 503, 504] {
            assert_eq!(status(server).concern(), Some(Concern::Server), "{server}");
        }
        for request in [408, 412, 425, 500] {
            assert_eq!(status(request).concern(), Some(Concern::Request), "{request}");
        }
        for stays in [400, 401, 403, 404, 405, 409, 410, 418] {
            assert_eq!(status(stays).concern(), None, "{stays}");
        }
    }

    #[test]
    fn a_server_that_failed_is_not_one_that_nobody_reached() {
        let address = Address::parse("https://vault.internal:8200").unwrap();
        let told = |last, waited| {
            let waited = Duration::from_millis(waited);
            let failure = Trouble::failure(&GaveUp::Deadline { last: Some(last), waited }, &address, None);
            (failure.kind, failure.cause)
        };
        let failed = FailureKind::ServerFailed;
        assert_eq!(
            told(status(500), 2_000),
            (failed, "vault.internal:8200 for 2 s: the server failed (status 500)".into())
        );
        for gateway in [502, 503, 504, 520] {
            assert_eq!(told(status(gateway), 2_000).0, FailureKind::Unreachable, "{gateway}");
        }
        let leaderless = Trouble::Status(StatusCode::INTERNAL_SERVER_ERROR, Some(Known::NoLeader));
        assert_eq!(told(leaderless, 2_000).0, FailureKind::Unreachable);
        let paused = Trouble::Paused(StatusCode::TOO_MANY_REQUESTS, Duration::from_secs(29));
        let words = "vault.internal:8200: too many requests, and it wants none for 29 s (status 429)";
        assert_eq!(told(paused, 12), (FailureKind::Unreachable, words.into()));
    }

    #[test]
    fn the_last_error_says_what_was_waited_for() {
        let given_up = GaveUp::Deadline {
            last: Some(Trouble::Connection(http::Error::Refused)),
            waited: Duration::from_millis(59_990),
        };
        let address = Address::parse("https://vault.internal:8200").unwrap();
        assert_eq!(
            Trouble::failure(&given_up, &address, None).cause,
            "connection refused to vault.internal:8200 for 60 s: is the mesh sidecar or Vault up yet?"
        );
    }
}
