//! `AssumeRole` and `AssumeRoleWithWebIdentity`: <https://docs.aws.amazon.com/STS/latest/APIReference/>. A role's trust
//! policy is one condition, given by the test; what is handed out the other services know.

use std::collections::BTreeMap;

use crate::fake_server::{Reply, Request};

use super::account::Aws;
use super::identity::{self, Nobody, expiration, principal, written};
use super::{ACCOUNT, operation, words};

/// A role.
pub struct Role {
    name: String,
    trust: Trust,
}

/// Who may assume it.
enum Trust {
    /// Whoever is known.
    Anyone,
    /// The same with this external id.
    ExternalId(String),
    /// Whoever has this token.
    WebIdentity(String),
}

impl Aws {
    /// A role that every known key may assume. Says its ARN.
    pub fn role(&mut self, name: &str) -> String {
        self.trusting(name, Trust::Anyone)
    }

    /// A role that every known key may assume that also says this id. Says its ARN.
    pub fn role_with_external_id(&mut self, name: &str, id: &str) -> String {
        self.trusting(name, Trust::ExternalId(id.to_owned()))
    }

    /// A role that is traded for this token. Says its ARN.
    pub fn web_identity_role(&mut self, name: &str, token: &str) -> String {
        self.trusting(name, Trust::WebIdentity(token.to_owned()))
    }

    fn trusting(&mut self, name: &str, trust: Trust) -> String {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        self.roles.insert(arn.clone(), Role { name: name.to_owned(), trust });
        arn
    }
}

pub fn answer(aws: &mut Aws, request: &Request) -> Reply {
    let form = request.form();
    let operation = operation(request);
    let judged = match operation.as_str() {
        "AssumeRole" => assume(aws, request, &form),
        "AssumeRoleWithWebIdentity" => trade(aws, &form),
        _ => {
            let text = format!("Could not find operation {operation} for version 2011-06-15");
            Err(words::sts_error(400, "InvalidAction", &text))
        }
    };
    judged.map_or_else(
        |refused| refused,
        |role| handed_out(aws, &operation, &role, text(&form, "RoleSessionName")),
    )
}

fn text<'a>(form: &'a BTreeMap<String, String>, member: &str) -> &'a str {
    form.get(member).map(String::as_str).unwrap_or_default()
}

/// The name of the role that the caller may assume.
fn assume(aws: &Aws, request: &Request, form: &BTreeMap<String, String>) -> Result<String, Reply> {
    let principal = identity::caller(aws, request, "sts").map_err(nobody)?;
    named(form)?;
    let (action, arn) = ("sts:AssumeRole", text(form, "RoleArn"));
    let trusted = |role: &&Role| match &role.trust {
        Trust::Anyone => true,
        Trust::ExternalId(id) => id == text(form, "ExternalId"),
        Trust::WebIdentity(_) => false,
    };
    let role = aws.roles.get(arn).filter(trusted).filter(|_| !aws.forbidden.contains(action));
    let text = format!("User: {principal} is not authorized to perform: {action} on resource: {arn}");
    role.map(|role| role.name.clone()).ok_or_else(|| words::sts_error(403, "AccessDenied", &text))
}

/// The name of the role that the token is for. The request is not signed.
fn trade(aws: &Aws, form: &BTreeMap<String, String>) -> Result<String, Reply> {
    named(form)?;
    let role = aws.roles.get(text(form, "RoleArn"));
    let Some(Role { name, trust: Trust::WebIdentity(token) }) = role else {
        let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Err(words::sts_error(403, "AccessDenied", text));
    };
    if token == text(form, "WebIdentityToken") {
        Ok(name.clone())
    } else {
        let text = "Couldn't retrieve verification key from your identity provider";
        Err(words::sts_error(400, "InvalidIdentityToken", text))
    }
}

fn named(form: &BTreeMap<String, String>) -> Result<(), Reply> {
    if text(form, "RoleSessionName").len() >= 2 {
        return Ok(());
    }
    let text = "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must \
                have length greater than or equal to 2";
    Err(words::sts_error(400, "ValidationError", text))
}

fn nobody(nobody: Nobody) -> Reply {
    let code = match nobody {
        Nobody::Unsigned => "MissingAuthenticationToken",
        Nobody::Unknown => "InvalidClientTokenId",
        Nobody::Expired => "ExpiredToken",
        Nobody::Missigned => "SignatureDoesNotMatch",
    };
    words::sts_error(403, code, nobody.message())
}

fn handed_out(aws: &mut Aws, operation: &str, role: &str, session: &str) -> Reply {
    let keys = aws.session(role, session);
    let user = format!(
        "<AssumedRoleUser><AssumedRoleId>AROEXAMPLE:{session}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
        principal(role, session)
    );
    let credentials = format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        keys.id,
        keys.secret,
        keys.token.unwrap_or_default(),
        written(expiration())
    );
    words::sts_answer(operation, &format!("{user}{credentials}"))
}
