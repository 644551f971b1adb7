//! Whose a 404 is, and what it says: only Vault's own word that nothing is there is an absence.
//!
//! An ingress without a route, a proxy, a web server answer 404 too, and would make of an optional secret none at all.
//! What a Vault answers is recorded in `tests/fakes/src/vault/`: `{"errors":[]}`, `{"errors":["…"]}`, or its envelope
//! with warnings or with a version that is gone. `RustyVault`'s has no body, which the client confirms otherwise.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::provider::Failure;

use super::envelope;
use super::reply::{self, Body, Known};

/// What a 404 is.
pub(super) enum NotFound<'a> {
    /// Nothing is there.
    Nothing,
    /// It says nothing, as `RustyVault` does where nothing is there, and as anybody may.
    Mute,
    /// Vault's own envelope.
    Envelope(Body<'a>),
    /// Vault refuses the path; why, where kz knows the words.
    Refused(Option<Known>),
    /// Another service's.
    Foreign,
}

/// What Vault warns of where a path lacks version 2's `data/`.
const VERSIONED: &str = "versioned K/V";

/// The members of a 404's object.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// What the only member of this object says, where it is the only one and has this name.
fn only<T: serde::de::DeserializeOwned>(members: &Members<'_>, name: &str) -> Option<T> {
    let text = members.get(name).filter(|_| members.len() == 1)?.get();
    serde_json::from_str(text).ok()
}

/// Whether it says in Vault's words, and says nothing else, that the path lacks version 2's `data/`. Small stand-ins for
/// Vault say so beside an empty list of errors.
fn is_correction(members: &Members<'_>) -> bool {
    let texts = |name: &str| -> Option<Vec<String>> { serde_json::from_str(members.get(name)?.get()).ok() };
    members.len() == 2
        && texts("errors").is_some_and(|errors| errors.is_empty())
        && texts("warnings").is_some_and(|warnings| warnings.iter().any(|words| words.contains(VERSIONED)))
}

impl<'a> NotFound<'a> {
    /// What this body of a 404 is.
    pub(super) fn of(body: &'a [u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::Mute;
        }
        let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else { return Self::Foreign };
        if envelope::is_vaults(body) || is_correction(&members) {
            return serde_json::from_slice(body).map_or(Self::Foreign, Self::Envelope);
        }
        match (only::<Vec<String>>(&members, "errors"), only::<String>(&members, "error")) {
            (Some(errors), _) if errors.is_empty() => Self::Nothing,
            (Some(_), _) => Self::Refused(reply::known(body)),
            // Many services spell an error so: only what is known to be RustyVault's is taken for Vault's.
            (None, Some(_)) => match reply::known(body) {
                Some(Known::NoRoute) => Self::Refused(Some(Known::NoRoute)),
                _ => Self::Foreign,
            },
            _ => Self::Foreign,
        }
    }

    /// Whether it says that the path lacks version 2's `data/`.
    pub(super) fn wants_data_segment(&self) -> bool {
        matches!(self, Self::Envelope(body) if body.warns(VERSIONED))
    }
}

/// The namespace is none of the server's, whatever was asked for in it.
pub(super) fn no_namespace() -> Failure {
    Failure::misconfigured(
        "the server has no such namespace",
        "correct `namespace` in the section, or VAULT_NAMESPACE: `vault namespace list` names them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vaults_own_404s_are_told_from_everybody_elses() {
        assert!(matches!(NotFound::of(br#"{"errors":[]}"#), NotFound::Nothing));
        assert!(matches!(NotFound::of(b"\n"), NotFound::Mute));
        let route: &[u8] = br#"{"errors":["no handler for route \"x/y\". route entry not found."]}"#;
        assert!(matches!(NotFound::of(route), NotFound::Refused(Some(Known::NoRoute))));
        assert!(matches!(NotFound::of(br#"{"errors":["something new"]}"#), NotFound::Refused(None)));
        let rusty: &[u8] = br#"{"error":"Router mount not found."}"#;
        assert!(matches!(NotFound::of(rusty), NotFound::Refused(Some(Known::NoRoute))));
        let versioned: &[u8] = br#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["Invalid path for a versioned K/V secrets engine."],"auth":null}"#;
        assert!(NotFound::of(versioned).wants_data_segment());
        let beside: &[u8] =
            br#"{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine."]}"#;
        assert!(NotFound::of(beside).wants_data_segment());
        let gone: &[u8] = br#"{"lease_id":"","renewable":false,"lease_duration":0,"data":{"data":null,"metadata":{"version":3,"created_time":"","deletion_time":"","destroyed":true}}}"#;
        assert!(matches!(NotFound::of(gone), NotFound::Envelope(_)));
        for foreign in [
            "404 page not found\n",
            "<html><head><title>404 Not Found</title></head></html>",
            "default backend - 404",
            r#"<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>"#,
            r#"{"error":"not found"}"#,
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#,
            r#"{"status":404,"message":"not found"}"#,
            r#"{"data":null}"#,
            r#"{"data":{"data":null,"metadata":{"version":3,"destroyed":true}}}"#,
            r#"{"message":"no Route matched with those values","request_id":"9c1f2a"}"#,
            r#"{"errors":[],"message":"route not found","code":404}"#,
            r#"{"request_id":"a","errors":[]}"#,
            r#"{"request_id":"a","errors":null,"error":"not found"}"#,
            r#"{"request_id":"a","data":null}"#,
            r#"{"warnings":["x"]}"#,
            r#"{"errors":[],"warnings":["x"]}"#,
            r#"{"errors":["x"],"warnings":["Invalid path for a versioned K/V secrets engine."]}"#,
            "{}",
            "[]",
            "null",
        ] {
            assert!(matches!(NotFound::of(foreign.as_bytes()), NotFound::Foreign), "{foreign}");
        }
    }
}
