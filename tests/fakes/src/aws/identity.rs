//! Who calls a service: the key that signs, and the session token that has to come with it.

use std::time::{Duration, SystemTime};
use time::format_description::well_known::Rfc3339;

use crate::fake_server::Request;
use crate::fake_server::signature::Signature;

use super::ACCOUNT;
use super::account::Aws;

/// What a client signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// A key that is known.
pub struct Held {
    pub keys: Keys,
    pub principal: String,
    pub expired: bool,
}

/// Why a caller is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    Unsigned,
    /// The key is none, or another token is its own.
    Unknown,
    Expired,
    /// The secret key is another, or the service.
    Missigned,
}

/// The caller's ARN, if the request is signed for this service by a key that is known.
pub fn caller(aws: &Aws, request: &Request, service: &str) -> Result<String, Nobody> {
    let signature = request.header("authorization").and_then(Signature::read).ok_or(Nobody::Unsigned)?;
    let held = aws.keys.get(signature.key).ok_or(Nobody::Unknown)?;
    if held.keys.token.as_deref() != request.header("x-amz-security-token") {
        return Err(Nobody::Unknown);
    }
    let header = |name: &str| request.header(name).map(str::to_owned);
    let fits = signature.fits(&held.keys.secret, &request.method, &request.path, header, &request.body);
    if !fits || signature.scope.split('/').nth(2) != Some(service) {
        return Err(Nobody::Missigned);
    }
    if held.expired { Err(Nobody::Expired) } else { Ok(held.principal.clone()) }
}

impl Nobody {
    pub fn message(self) -> &'static str {
        match self {
            Self::Unsigned => "Request is missing Authentication Token",
            Self::Unknown => "The security token included in the request is invalid.",
            Self::Expired => "The security token included in the request is expired",
            Self::Missigned => {
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details."
            }
        }
    }
}

/// How a role's session is called.
pub fn principal(role: &str, session: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}")
}

/// A time as services write it, in whole seconds.
pub fn written(time: SystemTime) -> String {
    let whole = time::OffsetDateTime::from(time).replace_nanosecond(0).expect("a time");
    whole.format(&Rfc3339).expect("a time after 1970")
}

/// When what is handed out now ends: in an hour.
pub fn expiration() -> SystemTime {
    SystemTime::now() + Duration::from_hours(1)
}
