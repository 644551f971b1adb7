//! What Vault's replies look like, read leniently: servers of this family leave out what the documentation
//! promises (`request_id`, `lease_id`), and proxies between answer in their own words.
//!
//! Invariant: a server's text is matched against known phrases and never repeated.

use serde::Deserialize;
use serde_json::value::RawValue;

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
    pub(super) warnings: Option<Vec<String>>,
}

/// What a login answers.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: String,
    #[serde(default)]
    pub(super) token_type: Option<String>,
}

/// What KV version 2 wraps a document in, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Versioned<'a> {
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    pub(super) metadata: Metadata,
}

/// Of one version.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) version: u64,
    #[serde(default)]
    pub(super) deletion_time: Option<String>,
    #[serde(default)]
    pub(super) destroyed: Option<bool>,
}

/// What a server says is wrong: `errors`, or `error` as some spell it.
#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    error: Option<String>,
}

/// What the server complains of, where it is something that kz knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The token is none, or no more.
    InvalidToken,
    /// The token may not.
    Denied,
    /// The role, user or password is wrong.
    BadCredential,
    /// The wrapping token has been used, has expired, or is none.
    BadWrapping,
    /// No engine is mounted there.
    NoRoute,
    /// The engine there does not answer reads of this path.
    NotReadable,
    /// No such role.
    UnknownRole,
    /// An HTTPS server was spoken to in HTTP.
    WantsTls,
    /// The server is sealed.
    Sealed,
    /// Another server of the cluster leads, and none is there yet.
    NoLeader,
}

const PHRASES: &[(&str, Known)] = &[
    ("invalid token", Known::InvalidToken),
    ("bad token", Known::InvalidToken),
    ("missing client token", Known::InvalidToken),
    ("wrapping token", Known::BadWrapping),
    ("permission denied", Known::Denied),
    ("invalid role", Known::BadCredential),
    ("invalid secret", Known::BadCredential),
    ("invalid username or password", Known::BadCredential),
    ("no handler for route", Known::NoRoute),
    ("unsupported operation", Known::NotReadable),
    ("unsupported path", Known::NotReadable),
    ("unknown role", Known::UnknownRole),
    ("role not found", Known::UnknownRole),
    ("to an https server", Known::WantsTls),
    ("is sealed", Known::Sealed),
    ("active cluster node not found", Known::NoLeader),
];

/// What the server complains of.
pub(super) fn known(body: &[u8]) -> Option<Known> {
    let text = String::from_utf8_lossy(body).to_lowercase();
    PHRASES.iter().find(|(phrase, _)| text.contains(phrase)).map(|(_, known)| *known)
}

/// Whether a 404 is a plain one, without a complaint: KV has nothing under this path.
pub(super) fn is_plain(body: &[u8]) -> bool {
    match serde_json::from_slice::<Complaint>(body) {
        Ok(complaint) => complaint.errors.is_empty() && complaint.error.is_none_or(|error| error.is_empty()),
        Err(_) => body.trim_ascii().is_empty(),
    }
}

/// Whether a 404 says that the path lacks version 2's `data/`.
pub(super) fn wants_data_segment(body: &[u8]) -> bool {
    let warnings = serde_json::from_slice::<Body<'_>>(body).ok().and_then(|body| body.warnings);
    warnings.unwrap_or_default().iter().any(|warning| warning.contains("versioned K/V"))
}
