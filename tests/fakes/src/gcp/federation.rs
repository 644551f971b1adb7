//! Workload identity federation and impersonation: STS's exchange
//! (<https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>), `generateAccessToken`
//! (<https://cloud.google.com/iam/docs/reference/credentials/rest>), and another provider's token behind an address.

use serde_json::json;

use super::account::Gcp;
use super::secrets::bearer;
use super::words::{error, html, json_reply, oauth, reasoned};
use super::{NUMBER, PROJECT, is_scope};
use crate::fake_server::{Reply, Request};

/// The header that the other provider asks for.
pub const SUBJECT_HEADER: (&str, &str) = ("x-example-metadata", "True");

/// A provider of a workload identity pool.
pub struct Pool {
    kind: String,
    token: String,
    member: String,
}

impl Gcp {
    /// A pool whose provider vouches with this token. Says the audience.
    pub fn pool(&mut self, name: &str, kind: &str, token: &str) -> String {
        let pool = format!("projects/{NUMBER}/locations/global/workloadIdentityPools/{name}");
        let audience = format!("//iam.googleapis.com/{pool}/providers/{name}");
        let member = Self::member(name);
        let pool = Pool { kind: kind.to_owned(), token: token.to_owned(), member };
        self.pools.insert(audience.clone(), pool);
        audience
    }

    /// Who comes out of a pool.
    pub fn member(name: &str) -> String {
        format!("principal://iam.googleapis.com/{name}.svc.id.goog/subject/app")
    }
}

pub fn exchange(gcp: &mut Gcp, request: &Request) -> Result<Reply, Reply> {
    let form = request.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange"
        || field("requested_token_type") != "urn:ietf:params:oauth:token-type:access_token"
        || !is_scope(field("scope"))
    {
        return Err(oauth(
            400,
            "invalid_request",
            "Invalid value for \"grant_type\", or what belongs to it.",
        ));
    }
    let pool = gcp.pools.get(field("audience")).ok_or_else(|| {
        oauth(
            400,
            "invalid_target",
            "The target service indicated by the \"audience\" parameters is invalid.",
        )
    })?;
    if field("subject_token_type") != pool.kind {
        return Err(oauth(400, "invalid_request", "Invalid value for \"subject_token_type\"."));
    }
    if field("subject_token") != pool.token {
        return Err(oauth(400, "invalid_grant", "ID Token issued at 0 is stale to sign-in."));
    }
    let member = pool.member.clone();
    let token = gcp.token(&member);
    Ok(json_reply(
        200,
        &json!({
            "access_token": token, "expires_in": 3600, "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }),
    ))
}

/// The account in a path of IAM Credentials.
pub fn account(path: &str) -> Option<&str> {
    path.split("/serviceAccounts/").nth(1)?.strip_suffix(":generateAccessToken")
}

pub fn impersonate(gcp: &mut Gcp, request: &Request) -> Result<Reply, Reply> {
    let caller = bearer(gcp, request)?;
    let target = account(&request.path).unwrap_or_default().to_owned();
    let body = request.json();
    let scope = body["scope"].as_array().is_some_and(|scopes| !scopes.is_empty());
    let lifetime = body["lifetime"].as_str().is_none_or(|lifetime| lifetime.ends_with('s'));
    if !scope || !lifetime {
        return Err(error(400, "Request contains an invalid argument."));
    }
    let delegates = body["delegates"].as_array().cloned().unwrap_or_default();
    let names = delegates.iter().map(|name| name.as_str().unwrap_or_default());
    let chain: Vec<&str> = names.map(|name| name.trim_start_matches("projects/-/serviceAccounts/")).collect();
    let steps = std::iter::once(caller.as_str()).chain(chain.iter().copied());
    for (from, to) in steps.zip(chain.iter().copied().chain([target.as_str()])) {
        if !gcp.impersonators.get(to).is_some_and(|known| known.contains(from)) {
            let text =
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
            return Err(reasoned(403, text, "IAM_PERMISSION_DENIED"));
        }
    }
    let token = gcp.token(&target);
    Ok(json_reply(200, &json!({ "accessToken": token, "expireTime": "2099-01-01T00:00:00Z" })))
}

pub fn subject(gcp: &Gcp, request: &Request) -> Result<Reply, Reply> {
    if request.header(SUBJECT_HEADER.0) != Some(SUBJECT_HEADER.1) {
        return Err(html(400));
    }
    Ok(Reply::new(200, "application/json", gcp.subject.clone()))
}

/// Where an account's tokens are asked for.
pub fn impersonation_url(origin: &str, email: &str) -> String {
    debug_assert!(email.contains(PROJECT));
    format!("{origin}/v1/projects/-/serviceAccounts/{email}:generateAccessToken")
}
