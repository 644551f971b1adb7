//! The assertion that a service account's key signs: a JWT by RS256, valid for an hour at most
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>).
//!
//! Invariant: of a key that cannot be used nothing is said but that.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use thiserror::Error;

use crate::secret::Secret;

/// How long an assertion is valid, in seconds: the longest that Google takes.
const LIFETIME: u64 = 3600;

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unsigned {
    /// No key.
    #[error("its `private_key` is no private key in PEM")]
    NoKey,
    /// Another kind of key.
    #[error("its `private_key` is not an RSA key that can be used")]
    NotRsa,
    /// The library refused.
    #[error("its `private_key` does not sign")]
    Refused,
}

/// What is asserted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assertion<'a> {
    /// The account.
    pub(super) issuer: &'a str,
    /// The key's id.
    pub(super) key_id: Option<&'a str>,
    /// The token endpoint.
    pub(super) audience: &'a str,
    pub(super) scope: &'a str,
}

impl Assertion<'_> {
    /// The signed assertion, issued `now`.
    pub(super) fn sign(self, key: &Secret, now: SystemTime) -> Result<Secret, Unsigned> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = self.key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "scope": self.scope, "iat": issued, "exp": issued + LIFETIME,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = signature(key, signed.as_bytes())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()))
    }
}

/// By the library that TLS uses, which signs with RSA for clients' certificates.
fn signature(key: &Secret, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
    let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|_| Unsigned::NoKey)?;
    let key = any_supported_type(&key).map_err(|_| Unsigned::NotRsa)?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(Unsigned::NotRsa)?;
    signer.sign(message).map_err(|_| Unsigned::Refused)
}
