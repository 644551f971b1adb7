//! The portal of IAM Identity Center, that trades a login's token for a role's credentials:
//! <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>.

use std::time::UNIX_EPOCH;

use serde_json::json;

use crate::fake_server::{Reply, Request};

use super::account::Aws;
use super::identity::expiration;
use super::words;

/// What somebody who has logged in may be.
pub struct Assignment {
    token: String,
    account: String,
    role: String,
}

impl Aws {
    /// Whoever has the token may be this role of this account.
    pub fn assignment(&mut self, token: &str, account: &str, role: &str) {
        let [token, account, role] = [token, account, role].map(str::to_owned);
        self.assignments.push(Assignment { token, account, role });
    }
}

pub fn answer(aws: &mut Aws, request: &Request) -> Reply {
    if (request.method.as_str(), request.path.as_str()) != ("GET", "/federation/credentials") {
        return words::sso_error(404, "ResourceNotFoundException", "Not Found");
    }
    let token = request.header("x-amz-sso_bearer_token").unwrap_or_default();
    let mut own = aws.assignments.iter().filter(|assignment| assignment.token == token).peekable();
    if own.peek().is_none() {
        return words::sso_error(401, "UnauthorizedException", "Session token not found or invalid");
    }
    let pairs = request.pairs();
    let (account, role) = (pairs.get("account_id"), pairs.get("role_name"));
    let wanted = own.find(|own| Some(&own.account) == account && Some(&own.role) == role);
    let Some(role) = wanted.map(|assignment| assignment.role.clone()) else {
        return words::sso_error(403, "ForbiddenException", "No access");
    };
    let keys = aws.session(&role, "login");
    let end = expiration().duration_since(UNIX_EPOCH).expect("a time after 1970").as_millis();
    let credentials = json!({ "accessKeyId": keys.id, "secretAccessKey": keys.secret, "sessionToken": keys.token,
                              "expiration": u64::try_from(end).expect("a time") });
    Reply::new(200, "application/json", json!({ "roleCredentials": credentials }).to_string())
}
