//! What KV version 2 wraps a document in: `{"data": …, "metadata": {"version": 3, …}}` and nothing else.
//!
//! Version 1 and every other engine is told from it by that shape and by the path, and may hold anything, also `data` and
//! `metadata`: version 2 reads nothing whose path has no `data/` after the mount. `OpenBao` says four things of each version
//! (`tests/fakes/src/vault/recording.jsonl`), `RustyVault` fewer. Where the path is one of version 2's and the wrapping is there but damaged, the
//! reply is malformed: taken for another engine's document, it would make a secret absent that is there.
//! Rules: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::vault::cli_form::lacks_data_segment;

/// A document of version 2.
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
    /// Empty, or none, where it is not deleted.
    #[serde(default)]
    pub(super) deletion_time: Option<String>,
    #[serde(default)]
    pub(super) destroyed: Option<bool>,
}

impl Metadata {
    /// Whether the version was deleted or destroyed.
    pub(super) fn is_gone(&self) -> bool {
        self.destroyed == Some(true) || self.deletion_time.as_deref().is_some_and(|time| !time.is_empty())
    }
}

/// Members that only the metadata of a version have.
const MARKS: [&str; 4] = ["version", "created_time", "deletion_time", "destroyed"];

/// What version 2 wraps, where it is that; or how the wrapping is damaged.
pub(super) fn versioned<'a>(data: &'a RawValue, path: &str) -> Result<Option<Versioned<'a>>, String> {
    if lacks_data_segment(path) {
        return Ok(None);
    }
    let read: Option<Versioned<'a>> = serde_json::from_str(data.get()).ok();
    let has_data = || members(data.get()).is_some_and(|members| members.contains_key("data"));
    if let Some(versioned) = read.filter(|versioned| versioned.data.is_some() || has_data()) {
        return Ok(Some(versioned));
    }
    if is_wrapping(data) {
        return Err("its `metadata` is not that of a version".to_owned());
    }
    Ok(None)
}

/// Whether this was to be version 2's wrapping, whatever became of it.
fn is_wrapping(data: &RawValue) -> bool {
    let Some(outer) = members(data.get()) else { return false };
    if !outer.keys().all(|name| ["data", "metadata"].contains(&name.as_str())) {
        return false;
    }
    let Some(content) = outer.get("data") else { return false };
    match outer.get("metadata").map(|metadata| metadata.get()) {
        // A document with the one field `data` is version 1's, unless that is a document itself.
        None | Some("null") => content.get().starts_with('{') || content.get() == "null",
        Some(metadata) => match members(metadata) {
            Some(inner) => inner.keys().any(|name| MARKS.contains(&name.as_str())),
            None => true,
        },
    }
}

fn members(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str, path: &str) -> &'static str {
        let data: &RawValue = serde_json::from_str(text).unwrap();
        match versioned(data, path) {
            Ok(Some(_)) => "versioned",
            Ok(None) => "plain",
            Err(_) => "damaged",
        }
    }

    #[test]
    fn a_damaged_wrapping_is_no_other_engines_document() {
        for damaged in [
            r#"{"data":{"p":"v"},"metadata":{"version":"3"}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":3.5}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":-1}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":null,"destroyed":false}}"#,
            r#"{"data":{"p":"v"},"metadata":{"created_time":"2026-01-01T00:00:00Z"}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":3,"deletion_time":5}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":3,"created_time":"","deletion_time":"","destroyed":"no"}}"#,
            r#"{"data":{"p":"v"},"metadata":null}"#,
            r#"{"data":{"p":"v"},"metadata":"3"}"#,
            r#"{"data":{"p":"v"}}"#,
            r#"{"data":null}"#,
        ] {
            assert_eq!(shape(damaged, "secret/data/app"), "damaged", "{damaged}");
            assert_eq!(shape(damaged, "kv/app"), "plain", "{damaged}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_plain_and_what_is_whole_is_versioned() {
        for plain in [
            r#"{"data":"v"}"#,
            r#"{"data":{"p":"v"},"metadata":{"author":"me"}}"#,
            r#"{"data":{"p":"v"},"metadata":{"version":"3"},"more":1}"#,
            r#"{"metadata":{"version":3}}"#,
            r#"{"p":"v"}"#,
            "{}",
        ] {
            assert_eq!(shape(plain, "kv/data/app"), "plain", "{plain}");
        }
        let whole = r#"{"data":{"p":"v"},"metadata":{"version":3,"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":false,"custom_metadata":null}}"#;
        assert_eq!(shape(whole, "secret/data/app"), "versioned");
        // The field `data` of version 1 may be anything.
        assert_eq!(shape(whole, "kv1/like2"), "plain");
    }

    #[test]
    fn a_version_1_document_that_looks_like_version_2_is_version_1() {
        for alike in [
            r#"{"data":{"x":"1"},"metadata":{"version":3}}"#,
            r#"{"data":{"x":"1"},"metadata":{"version":3,"created_time":"2026-01-01T00:00:00Z"}}"#,
            r#"{"data":{"x":"1"},"metadata":{"version":3,"deletion_time":"","destroyed":false}}"#,
            r#"{"data":null,"metadata":{"version":3,"destroyed":true}}"#,
        ] {
            assert_eq!(shape(alike, "kv1/like2"), "plain", "{alike}");
            // Servers of the family leave members out.
            assert_eq!(shape(alike, "secret/data/app"), "versioned", "{alike}");
        }
    }
}
