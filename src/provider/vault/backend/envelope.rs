//! What Vault wraps every answer in that it gives, by which it is told from anybody else who answers.
//!
//! An ingress, a proxy, a login page answer 200 and 404 too. Taken for Vault, the one would be a document without the field
//! that is asked for, and the other a document that is not there: either makes of an optional secret none at all. `OpenBao`, Vault
//! and `RustyVault` all send what is asked for here; `RustyVault` sends no `request_id`, so that is not.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The members that all answers have, of whatever engine.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "lease_id")]
    _lease: String,
    #[serde(rename = "lease_duration")]
    _duration: u64,
    #[serde(rename = "renewable")]
    _renewable: bool,
    /// `null` where there is none, and not left out.
    #[serde(rename = "data", deserialize_with = "present")]
    _data: IgnoredAny,
}

/// Also of `null`, which an option would take for what is left out.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<IgnoredAny, D::Error> {
    IgnoredAny::deserialize(deserializer)
}

/// Whether this body is Vault's own.
pub(super) fn is_vaults(body: &[u8]) -> bool {
    serde_json::from_slice::<Envelope>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vaults_answer_is_told_from_everybody_elses() {
        for own in [
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":2764800,"data":{"a":"1"},"wrap_info":null,"warnings":null,"auth":null}"#,
            // As RustyVault has it.
            r#"{"renewable":false,"lease_id":"","lease_duration":3600,"auth":null,"data":{"a":"1"}}"#,
            // As `bao proxy` does, and as `sys/mounts/secret` of OpenBao, which says all of it twice.
            r#"{"request_id":"r","lease_id":"","lease_duration":0,"renewable":false,"data":{},"warnings":null}"#,
            r#"{"type":"kv","uuid":"u","request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"type":"kv"}}"#,
            r#"{"lease_id":"","renewable":false,"lease_duration":0,"data":null}"#,
        ] {
            assert!(is_vaults(own.as_bytes()), "{own}");
        }
        for foreign in [
            r#"{"status":"ok","data":{"message":"up"}}"#,
            r#"{"data":{"a":"1"}}"#,
            r#"{"data":{"data":{"a":"1"},"metadata":{"version":1}}}"#,
            r#"{"request_id":"r","data":{"a":"1"}}"#,
            r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0}"#,
            r#"{"lease_id":null,"renewable":false,"lease_duration":0,"data":{}}"#,
            r#"{"lease_id":"","renewable":"no","lease_duration":0,"data":{}}"#,
            r#"{"lease_id":"","renewable":false,"lease_duration":"1h","data":{}}"#,
            "<!DOCTYPE html><title>Log in</title>",
            "{}",
            "[]",
            "null",
            "",
        ] {
            assert!(!is_vaults(foreign.as_bytes()), "{foreign}");
        }
    }
}
