//! What the aws method does with a login: the client's signed `GetCallerIdentity` would go to STS, which checks the
//! signature. Here it is checked as AWS describes Signature Version 4
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::api::Call;

/// An access key.
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Whether STS would answer the request that the login carries.
pub(crate) fn check(call: &Call, keys: &Keys) -> Result<(), String> {
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
    let part = |name: &str| {
        let found =
            authorization.split([' ', ',']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).ok_or_else(|| format!("no {name}"))
    };
    let scope = part("Credential")?;
    let (id, scope) = scope.split_once('/').ok_or("no scope")?;
    if id != keys.id {
        return Err("unknown access key".to_owned());
    }
    let names = part("SignedHeaders")?;
    let shown = |name: &str| Some(format!("{name}:{}\n", header(&headers, name)?.trim()));
    let shown: Option<Vec<String>> = names.split(';').map(shown).collect();
    let shown = shown.ok_or("a signed header is missing")?.concat();
    let request = format!("POST\n/\n\n{shown}\n{names}\n{}", hexadecimal(&Sha256::digest(&body)));
    let time = header(&headers, "x-amz-date").ok_or("no X-Amz-Date")?;
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hexadecimal(&Sha256::digest(request)));
    let key =
        scope.split('/').fold(format!("AWS4{}", keys.secret).into_bytes(), |key, part| sign(&key, part));
    let expected = hexadecimal(&sign(&key, &text));
    if part("Signature")? == expected { Ok(()) } else { Err("SignatureDoesNotMatch".to_owned()) }
}

/// A header's value; some clients send lists of one.
fn header(headers: &Value, name: &str) -> Option<String> {
    let (_, value) = headers.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().or_else(|| value[0].as_str()).map(str::to_owned)
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
