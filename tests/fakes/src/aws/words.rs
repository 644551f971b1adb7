//! How the services word what does not succeed: JSON with `__type`, XML, or what metadata services say.

use serde_json::{Value, json};

use crate::fake_server::Reply;

use super::Service;
use super::identity::Nobody;

const JSON: &str = "application/x-amz-json-1.1";
/// The code of an error of authorization.
pub const DENIED: &str = "AccessDeniedException";
const REQUEST_ID: &str = "b2c4f1d0-0000-4000-8000-000000000001";

/// An error of Secrets Manager or Systems Manager: 400, whatever it is.
pub fn error(code: &str, message: &str) -> Reply {
    coded(400, code, &json!({ "__type": code, "message": message }))
}

/// An error of theirs that passes.
pub fn error_with(status: u16, code: &str, message: &str) -> Reply {
    coded(status, code, &json!({ "__type": code, "message": message }))
}

/// What they say to too many requests.
pub fn throttled() -> Reply {
    error("ThrottlingException", "Rate exceeded")
}

/// What they say to somebody who may not, in [`not_authorized`]'s words mostly. Authorization, which all services
/// share, writes `Message`.
pub fn denied(message: &str) -> Reply {
    coded(400, DENIED, &json!({ "__type": DENIED, "Message": message }))
}

/// Who may not do what.
pub fn not_authorized(principal: &str, action: &str, resource: Option<&str>) -> String {
    let on = resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
    format!(
        "User: {principal} is not authorized to perform: {action}{on} because no identity-based policy allows \
         the {action} action"
    )
}

fn coded(status: u16, code: &str, body: &Value) -> Reply {
    Reply::new(status, JSON, body.to_string())
        .with("x-amzn-errortype", code)
        .with("x-amzn-requestid", REQUEST_ID)
}

/// What they say to somebody who is nobody.
pub fn nobody(nobody: Nobody) -> Reply {
    let code = match nobody {
        Nobody::Unsigned => "MissingAuthenticationTokenException",
        Nobody::Unknown => "UnrecognizedClientException",
        Nobody::Expired => "ExpiredTokenException",
        Nobody::Missigned => "InvalidSignatureException",
    };
    error(code, nobody.message())
}

/// What they say to a request that breaks a rule of its form.
pub fn invalid(constraint: &str) -> Reply {
    error("ValidationException", &format!("1 validation error detected: {constraint}"))
}

/// What succeeds.
pub fn answer(body: &Value) -> Reply {
    Reply::new(200, JSON, body.to_string()).with("x-amzn-requestid", REQUEST_ID)
}

/// An error of STS.
pub fn sts_error(status: u16, code: &str, message: &str) -> Reply {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let message = escaped(message);
    let error = format!("<Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    xml(status, "ErrorResponse", &format!("{error}<RequestId>{REQUEST_ID}</RequestId>"))
}

/// What succeeds at STS.
pub fn sts_answer(operation: &str, result: &str) -> Reply {
    let result = format!("<{operation}Result>{result}</{operation}Result>");
    let metadata = format!("<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>");
    xml(200, &format!("{operation}Response"), &format!("{result}{metadata}"))
}

fn xml(status: u16, root: &str, inner: &str) -> Reply {
    let text = format!("<{root} xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{inner}</{root}>");
    Reply::new(status, "text/xml", text).with("x-amzn-requestid", REQUEST_ID)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What containers' endpoints say.
pub fn container_error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "code": code, "message": message, "HTTPErrorCode": status });
    Reply::new(status, "application/json", body.to_string())
}

/// What the SSO portal says.
pub fn sso_error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "__type": format!("com.amazonaws.switchboard.portal#{code}"), "message": message });
    Reply::new(status, "application/json", body.to_string()).with("x-amzn-errortype", code)
}

/// What the metadata service says.
pub fn metadata_error(status: u16, title: &str) -> Reply {
    let page = format!("<html><head><title>{status} - {title}</title></head><body></body></html>\n");
    Reply::new(status, "text/html", page)
}

/// An error of this status, by whoever is asked.
pub fn failure(service: Service, status: u16) -> Reply {
    let (code, message) = match status {
        429 => ("ThrottlingException", "Rate exceeded"),
        503 => ("ServiceUnavailableException", "Service is unable to handle request."),
        500.. if service == Service::SecretsManager => {
            ("InternalServiceError", "An error occurred on the server side.")
        }
        500.. => ("InternalServerError", "An error occurred on the server side."),
        _ => ("ValidationException", "1 validation error detected"),
    };
    match service {
        Service::Sts => sts_error(status, code.trim_end_matches("Exception"), message),
        Service::Metadata => metadata_error(status, message),
        Service::Container => container_error(status, code, message),
        Service::Sso => sso_error(status, code, message),
        Service::SecretsManager | Service::ParameterStore | Service::Nobody => {
            error_with(status, code, message)
        }
    }
}
