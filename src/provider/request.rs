//! What an engine is asked with that makes something of parameters: a name for a certificate, a key to be signed.
//!
//! Invariant: one text for one meaning, whatever the order in which it was written: documents are told apart by it.

use serde_json::{Map, Value};

/// The parameters of one document, as a JSON object. They are part of what the document is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request(String);

impl Request {
    /// One of these parameters.
    pub fn new(parameters: &Map<String, Value>) -> Self {
        Self(canonical(parameters).to_string())
    }

    /// The parameters, as they are sent.
    #[cfg_attr(
        not(feature = "provider-vault"),
        allow(dead_code, reason = "only Vault's engines take parameters")
    )]
    pub(super) fn parameters(&self) -> Value {
        // It was written by this file.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// The same, sorted by name all through.
fn canonical(parameters: &Map<String, Value>) -> Value {
    let mut sorted: Vec<(&String, &Value)> = parameters.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let one = |(name, value): (&String, &Value)| match value {
        Value::Object(inner) => (name.clone(), canonical(inner)),
        other => (name.clone(), other.clone()),
    };
    Value::Object(sorted.into_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_parameters_are_written_makes_no_other_request() {
        let request = |text: &str| Request::new(&serde_json::from_str(text).unwrap());
        let one = request(r#"{"ttl":"1h","common_name":"a","extensions":{"b":"","a":""}}"#);
        assert_eq!(one, request(r#"{"extensions":{"a":"","b":""},"common_name":"a","ttl":"1h"}"#));
        assert_eq!(
            one.parameters().to_string(),
            r#"{"common_name":"a","extensions":{"a":"","b":""},"ttl":"1h"}"#
        );
        for other in [r#"{"ttl":3600}"#, r#"{"ttl":"3600"}"#, r#"{"ttl":["3600"]}"#] {
            assert_ne!(one, request(other));
        }
        assert_ne!(request(r#"{"ttl":3600}"#), request(r#"{"ttl":"3600"}"#));
    }
}
