//! What Vault wraps every answer in that it gives, by which it is told from anybody else who answers.
//!
//! An ingress, a proxy, a login page answer 200 and 404 too. Taken for Vault, the one would be a document without the field
//! that is asked for, and the other a document that is not there: either makes of an optional secret none at all. What tells
//! them apart is `lease_id`, a word of Vault's own, with `data` and one at least of its companions, as its family sends
//! them: `RustyVault` has no `request_id`, and small stand-ins leave out `renewable` or `lease_duration`.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The members that all answers have, of whatever engine.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "lease_id")]
    _lease: String,
    /// `null` where there is none, and not left out.
    #[serde(rename = "data", deserialize_with = "present")]
    _data: IgnoredAny,
    #[serde(default)]
    lease_duration: Option<u64>,
    #[serde(default)]
    renewable: Option<bool>,
    #[serde(default)]
    request_id: Option<String>,
}

/// Also of `null`, which an option would take for what is left out.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<IgnoredAny, D::Error> {
    IgnoredAny::deserialize(deserializer)
}

impl Envelope {
    fn has_companion(&self) -> bool {
        self.lease_duration.is_some() || self.renewable.is_some() || self.request_id.is_some()
    }
}

/// Whether this body is Vault's own.
pub(super) fn is_vaults(body: &[u8]) -> bool {
    serde_json::from_slice::<Envelope>(body).is_ok_and(|envelope| envelope.has_companion())
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
            // As stand-ins do.
            r#"{"request_id":"x","lease_id":"","data":{"data":{},"metadata":{"version":3}}}"#,
            r#"{"lease_id":"pki/1","lease_duration":60,"data":{"certificate":"C"}}"#,
        ] {
            assert!(is_vaults(own.as_bytes()), "{own}");
        }
        for foreign in [
            r#"{"status":"ok","data":{"message":"up"}}"#,
            r#"{"data":{"a":"1"}}"#,
            r#"{"data":{"data":{"a":"1"},"metadata":{"version":1}}}"#,
            r#"{"request_id":"r","data":{"a":"1"}}"#,
            r#"{"lease_id":"7","data":{"address":"192.0.2.1"}}"#,
            r#"{"lease_duration":60,"renewable":true,"data":{"a":"1"}}"#,
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
