//! What the aws method does with a login: the client's signed `GetCallerIdentity` would go to STS, which checks the
//! signature.

use base64::Engine as _;
use serde_json::Value;

use crate::fake_server::signature::Signature;

use super::api::Call;

/// An access key.
pub struct Keys {
    pub id: String,
    pub secret: String,
}

/// Whether STS would answer the request that the login carries.
pub fn check(call: &Call, keys: &Keys) -> Result<(), String> {
    let decode = |member: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(call.text(member));
        bytes
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| format!("{member} is not base64"))
    };
    let (url, body) = (decode("iam_request_url")?, decode("iam_request_body")?);
    let headers: Value =
        serde_json::from_str(&decode("iam_request_headers")?).map_err(|error| error.to_string())?;
    if call.text("iam_http_request_method") != "POST" || !body.contains("Action=GetCallerIdentity") {
        return Err("it is not POST GetCallerIdentity".to_owned());
    }
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if !host.starts_with("sts.") || !host.ends_with("amazonaws.com") {
        return Err(format!("{host} is not STS"));
    }
    let authorization = header(&headers, "authorization").ok_or("no Authorization")?;
    let signature = Signature::read(&authorization).ok_or("it is not signed")?;
    if signature.key != keys.id {
        return Err("unknown access key".to_owned());
    }
    let fits = signature.fits(&keys.secret, "POST", "/", |name| header(&headers, name), body.as_bytes());
    if fits { Ok(()) } else { Err("SignatureDoesNotMatch".to_owned()) }
}

/// A header's value; some clients send lists of one.
fn header(headers: &Value, name: &str) -> Option<String> {
    let (_, value) = headers.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().or_else(|| value[0].as_str()).map(str::to_owned)
}
