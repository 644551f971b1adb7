//! What Google says when it does not answer: <https://cloud.google.com/apis/design/errors> for APIs, RFC 6749 (5.2) for
//! token endpoints.

use serde_json::{Value, json};

use super::Service;
use crate::fake_server::Reply;

/// The name of a status (`google.rpc.Code`).
fn name(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}

/// An API's error.
pub fn error(status: u16, message: &str) -> Reply {
    named(status, name(status), message, None)
}

/// The same with a reason of `google.rpc.ErrorInfo`.
pub fn reasoned(status: u16, message: &str, reason: &str) -> Reply {
    named(status, name(status), message, Some(reason))
}

/// An error whose name is not the status's usual one.
pub fn precondition(message: &str) -> Reply {
    named(400, "FAILED_PRECONDITION", message, None)
}

fn named(code: u16, status: &str, message: &str, reason: Option<&str>) -> Reply {
    let mut error = json!({ "code": code, "message": message, "status": status });
    if let Some(reason) = reason {
        error["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
        }]);
    }
    json_reply(code, &json!({ "error": error }))
}

/// A token endpoint's error.
pub fn oauth(status: u16, code: &str, description: &str) -> Reply {
    json_reply(status, &json!({ "error": code, "error_description": description }))
}

/// What a web server says that is no API.
pub fn html(status: u16) -> Reply {
    Reply::new(status, "text/html; charset=UTF-8", format!("<html><title>Error {status}</title></html>"))
}

/// JSON, as APIs print it.
pub fn json_reply(status: u16, value: &Value) -> Reply {
    let text = serde_json::to_string_pretty(value).expect("JSON");
    Reply::new(status, "application/json; charset=UTF-8", text)
}

pub fn failure(service: Service, status: u16) -> Reply {
    match (service, status) {
        (Service::Tokens | Service::Sts, 500..) => oauth(status, "internal_failure", "it went wrong"),
        (Service::Tokens | Service::Sts, 429) => oauth(status, "rate_limit_exceeded", "it went wrong"),
        (Service::Tokens | Service::Sts, 401 | 403) => oauth(status, "unauthorized_client", "it went wrong"),
        (Service::Tokens | Service::Sts, _) => oauth(status, "invalid_request", "it went wrong"),
        (Service::Metadata | Service::Subject | Service::Nobody, _) => {
            html(status).with("Metadata-Flavor", "Google")
        }
        (Service::SecretManager | Service::Iam, _) => error(status, "it went wrong"),
    }
}
