//! What Vault's replies look like, read leniently: logins of this family leave out what the documentation promises, and
//! proxies between answer in their own words. Whether a reply is Vault's at all, `envelope` tells.
//!
//! Invariant: a server's text is matched against known phrases and never repeated.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::http;

use super::refusal::Refusal;

/// A reply with content.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) auth: Option<Auth>,
    #[serde(default)]
    pub(super) lease_id: Option<String>,
    #[serde(default)]
    pub(super) lease_duration: Option<u64>,
    #[serde(default)]
    pub(super) renewable: Option<bool>,
    #[serde(default)]
    pub(super) warnings: Option<Vec<String>>,
}

impl Body<'_> {
    /// Whether a warning says so.
    pub(super) fn warns(&self, words: &str) -> bool {
        self.warnings.iter().flatten().any(|warning| warning.contains(words))
    }
}

/// What a login answers.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: String,
    #[serde(default)]
    pub(super) token_type: Option<String>,
    #[serde(default)]
    pub(super) accessor: Option<String>,
    #[serde(default)]
    pub(super) lease_duration: Option<u64>,
    #[serde(default)]
    pub(super) renewable: Option<bool>,
    #[serde(default)]
    pub(super) num_uses: Option<u64>,
    /// What is to be proved besides, where a second factor is demanded; there is no token then.
    #[serde(default)]
    pub(super) mfa_requirement: Option<IgnoredAny>,
}

/// What a server says is wrong.
#[derive(Deserialize)]
struct Complaint {
    errors: Vec<String>,
}

/// What the server complains of, where it is something that kz knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The token is none, or no more.
    InvalidToken,
    /// There is no token, where one is wanted.
    WantsToken,
    /// The same, where something on the way was to add one.
    NobodyAddsToken,
    /// Permission denied, without a word more: how a token is refused that is none, and much else at a login.
    Bare,
    /// The token may not.
    Denied,
    /// The token may do nothing at all where it asks which engine there is.
    NoAccess,
    /// The role, user or password is wrong.
    BadCredential,
    /// A login or a read is refused, or fails, for a reason of its method's or its engine's.
    Refused(&'static Refusal),
    /// The wrapping token has been used, has expired, or is none.
    BadWrapping,
    /// No engine is mounted there.
    NoRoute,
    /// There is no such namespace.
    NoNamespace,
    /// The engine there does not answer reads of this path.
    NotReadable,
    /// No such role.
    UnknownRole,
    /// An HTTPS server was spoken to in HTTP.
    WantsTls,
    /// The server is sealed.
    Sealed,
    /// The same of one that was never given keys, which its reply does not tell.
    Uninitialized,
    /// The namespace is.
    NamespaceSealed,
    /// An administrator has locked the namespace.
    NamespaceLocked,
    /// This path is there in the root namespace only.
    RootOnly,
    /// Another server of the cluster leads, and none is there yet.
    NoLeader,
    /// It has no such lease, or no longer.
    NoLease,
    /// No token has this accessor, or no longer.
    NoAccessor,
    /// It gives this lease no longer life.
    NotRenewable,
    /// What made a credential failed to give it a longer life.
    EngineFailed,
}

const PHRASES: &[(&str, Known)] = &[
    ("invalid token", Known::InvalidToken),
    ("bad token", Known::InvalidToken),
    ("missing client token", Known::WantsToken),
    // As RustyVault says it.
    ("client token is missing", Known::WantsToken),
    ("wrapping token", Known::BadWrapping),
    ("permission denied", Known::Denied),
    ("preflight capability check", Known::NoAccess),
    ("invalid role", Known::BadCredential),
    ("invalid secret", Known::BadCredential),
    ("invalid username or password", Known::BadCredential),
    ("no handler for route", Known::NoRoute),
    // As RustyVault says it.
    ("router mount not found", Known::NoRoute),
    ("namespace not found", Known::NoNamespace),
    ("unsupported operation", Known::NotReadable),
    ("unsupported path", Known::NotReadable),
    ("unknown role", Known::UnknownRole),
    ("role not found", Known::UnknownRole),
    ("to an https server", Known::WantsTls),
    ("namespace is sealed", Known::NamespaceSealed),
    ("locked by an administrator", Known::NamespaceLocked),
    ("only available in root namespace", Known::RootOnly),
    ("unavailable in namespaces", Known::RootOnly),
    ("is sealed", Known::Sealed),
    ("active cluster node not found", Known::NoLeader),
    ("lease not found", Known::NoLease),
    ("invalid accessor", Known::NoAccessor),
    ("lease is not renewable", Known::NotRenewable),
    ("failed to renew entry", Known::EngineFailed),
];

/// What the server complains of.
pub(super) fn known(body: &[u8]) -> Option<Known> {
    let text = String::from_utf8_lossy(body).to_lowercase();
    if let Some(refusal) = Refusal::of(&text) {
        return Some(Known::Refused(refusal));
    }
    let found = PHRASES.iter().find(|(phrase, _)| text.contains(phrase)).map(|(_, known)| *known);
    match found {
        Some(Known::Denied) if is_bare(body) => Some(Known::Bare),
        found => found,
    }
}

/// Whether a refused revocation failed in the engine, whose database may come back: 400, as if it were kz's fault.
pub(super) fn is_of_engine(reply: &http::Reply) -> bool {
    let is_engines = |error: &String| error.starts_with("failed to revoke entry");
    serde_json::from_slice::<Complaint>(reply.body.expose())
        .is_ok_and(|complaint| complaint.errors.iter().any(is_engines))
}

/// A policy's refusal counts its errors; a token's does not.
fn is_bare(body: &[u8]) -> bool {
    serde_json::from_slice::<Complaint>(body).is_ok_and(|complaint| complaint.errors == ["permission denied"])
}
