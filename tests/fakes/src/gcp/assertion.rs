//! Whether an assertion is one: signed by a key that the account has, and claiming what Google asks for
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>).

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use serde_json::Value;

use super::account::Gcp;
use super::is_scope;

/// The account that an assertion is of, or what Google says of one that is none.
pub fn verified(gcp: &Gcp, assertion: &str, audiences: &[&str]) -> Result<String, &'static str> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [head, claims, signature] = parts[..] else { return Err("Invalid JWT: Failed parse") };
    let part = |text| -> Option<Value> { serde_json::from_slice(&decoded(text)?).ok() };
    let (head_read, claims_read) = (part(head), part(claims));
    let (Some(head_read), Some(claims_read)) = (head_read, claims_read) else {
        return Err("Invalid JWT: Failed parse");
    };
    if head_read["alg"] != "RS256" {
        return Err("Invalid JWT: unsupported algorithm");
    }
    let email = claims_read["iss"].as_str().unwrap_or_default();
    let id = head_read["kid"].as_str().unwrap_or_default();
    if !gcp.keys.keys().any(|(account, _)| account == email) {
        return Err("Invalid grant: account not found");
    }
    let key = gcp.keys.get(&(email.to_owned(), id.to_owned())).ok_or("Invalid JWT Signature.")?;
    let message = format!("{head}.{claims}");
    if !decoded(signature).is_some_and(|signature| signs(key, message.as_bytes(), &signature)) {
        return Err("Invalid JWT Signature.");
    }
    judge(gcp, &claims_read, audiences).map(|()| email.to_owned())
}

fn judge(gcp: &Gcp, claims: &Value, audiences: &[&str]) -> Result<(), &'static str> {
    let (Some(issued), Some(expires)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err("Invalid JWT: iat and exp are required");
    };
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let now = i64::try_from(now).expect("a time") + gcp.ahead;
    if expires - issued > 3600 || issued > now + 300 || expires < now {
        return Err(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check \
                    your iat and exp values in the JWT claim.",
        );
    }
    if !claims["scope"].as_str().is_some_and(is_scope) {
        return Err("Invalid OAuth scope or ID token audience provided.");
    }
    if !audiences.iter().any(|audience| claims["aud"] == *audience) {
        return Err("Invalid JWT: audience mismatch");
    }
    Ok(())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// By the library that TLS uses, which verifies certificates so.
fn signs(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let schemes = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = schemes
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
        .expect("a scheme that TLS has");
    algorithms.iter().any(|algorithm| algorithm.verify_signature(key, message, signature).is_ok())
}
