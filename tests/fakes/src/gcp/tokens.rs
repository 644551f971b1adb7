//! The token endpoint, `https://oauth2.googleapis.com/token`: for keys (RFC 7523) and for logins (RFC 6749, 6).

use serde_json::json;

use super::account::Gcp;
use super::words::{json_reply, oauth};
use super::{Service, assertion};
use crate::fake_server::{Reply, Request};

/// The real token endpoint.
const USUAL: &str = "https://oauth2.googleapis.com/token";

/// Where a request came to, as its sender wrote it.
pub fn origin(request: &Request) -> String {
    request.header("host").unwrap_or_default().to_owned()
}

pub fn answer(gcp: &mut Gcp, request: &Request) -> Result<Reply, Reply> {
    debug_assert_eq!(Service::of(request), Service::Tokens);
    if request.method != "POST" {
        return Err(oauth(405, "invalid_request", "Method not allowed"));
    }
    let form = request.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let email = match field("grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => by_key(gcp, request, field("assertion"))?,
        "refresh_token" => {
            let login = ["client_id", "client_secret", "refresh_token"].map(|name| field(name).to_owned());
            if !gcp.logins.contains(&login) {
                return Err(oauth(400, "invalid_grant", "Token has been expired or revoked."));
            }
            "somebody@example.com".to_owned()
        }
        other => return Err(oauth(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
    };
    let token = gcp.token(&email);
    Ok(json_reply(200, &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })))
}

fn by_key(gcp: &Gcp, request: &Request, assertion: &str) -> Result<String, Reply> {
    // Google's Python client names the usual endpoint, whichever it asks; others name the one that they ask.
    let host = origin(request);
    let own = ["https", "http"].map(|scheme| format!("{scheme}://{host}/token"));
    let audiences = [USUAL, own[0].as_str(), own[1].as_str()];
    assertion::verified(gcp, assertion, &audiences).map_err(|reason| oauth(400, "invalid_grant", reason))
}
