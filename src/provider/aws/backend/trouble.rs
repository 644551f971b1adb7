//! What stands between kz and a secret, in words.
//!
//! Which error passes and which does not is told by its code, never by the status alone: the same error has
//! several (real service, moto). Invariant: of a service's text is kept which of AWS's codes and of kz's actions it names, and
//! what has the form of a principal's ARN.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::hint::{Hint, said};
use crate::http;
use crate::log::typed;
use crate::patience::{Concern, GaveUp, seconds};
use crate::provider::{Absence, Failure, FailureKind};

pub(super) use super::codes::Class;
use super::codes::{Code, FOREIGN, code};

/// Why a call did not lead to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no reply.
    Connection(http::Error),
    /// The request was not even sent.
    Unsent,
    /// The reply is an error.
    Service(ServiceError),
    /// The reply is none that the service gives; with its status.
    Reply(u16),
}

/// An error of the service's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) status: u16,
    pub(super) code: Code,
    /// Whom it does not let.
    pub(super) principal: Option<String>,
    /// What it does not let them do.
    pub(super) action: Option<&'static str>,
    /// Whether it speaks of a deletion.
    pub(super) deleted: bool,
}

impl Trouble {
    /// Translates an error of the SDK's.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                match meta.code() {
                    Some(code) => {
                        let status = context.raw().status().as_u16();
                        Self::Service(ServiceError::new(
                            status,
                            Code::of(code),
                            meta.message().unwrap_or_default(),
                        ))
                    }
                    None => Self::unread(context.raw()),
                }
            }
            SdkError::ResponseError(context) => Self::unread(context.raw()),
            SdkError::DispatchFailure(failure) => failure
                .as_connector_error()
                .and_then(|error| connection(error))
                .map_or(Self::Unsent, Self::Connection),
            _ => Self::Unsent,
        }
    }

    /// A reply that the SDK does not take for an error of the service's: what stands before a service, and moto,
    /// answer in XML where JSON is spoken.
    fn unread(reply: &HttpResponse) -> Self {
        let status = reply.status().as_u16();
        let body = reply.body().bytes().filter(|_| !reply.status().is_success()).unwrap_or_default();
        match code(body) {
            Some(code) => Self::Service(ServiceError::new(status, code, &String::from_utf8_lossy(body))),
            None => Self::Reply(status),
        }
    }

    /// What it is.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Connection(error) if error.concern().is_some() => Class::Passing,
            Self::Service(refusal) => refusal.class(),
            Self::Reply(429) => Class::Throttled,
            Self::Reply(status) if http::concern(*status).is_some() => Class::Passing,
            Self::Connection(_) | Self::Unsent | Self::Reply(_) => Class::Other,
        }
    }

    /// Whose trouble it is, where it may pass.
    pub(super) fn concern(&self) -> Option<Concern> {
        match self {
            Self::Connection(error) => error.concern(),
            Self::Service(refusal) => refusal.concern(),
            Self::Reply(status) => http::concern(*status),
            Self::Unsent => None,
        }
    }

    /// The failure of a document. `subject` is whom kz asked.
    pub(super) fn failure(given_up: &GaveUp<Self>, subject: &str) -> Failure {
        match given_up {
            GaveUp::Final(trouble) => trouble.last_word(subject),
            GaveUp::Unasked(unasked) => {
                Failure { kind: FailureKind::Unreachable, cause: format!("{subject}: {unasked}"), hint: None }
            }
            GaveUp::Deadline { last, waited } => {
                let waited = seconds(*waited);
                let cause = match last {
                    None => format!("no answer from {subject} for {waited} s"),
                    Some(Self::Connection(http::Error::Unresolved)) => format!(
                        "the name of {subject} does not resolve for {waited} s: is the region right, and the network up?"
                    ),
                    Some(trouble) => format!("{subject} for {waited} s: {trouble}"),
                };
                let kind = FailureKind::at_the_deadline(last.as_ref().and_then(Self::status));
                Failure { kind, cause, hint: last.as_ref().and_then(Self::hint).map(Hint::from) }
            }
        }
    }

    /// The status of a reply, where there is one.
    fn status(&self) -> Option<u16> {
        match self {
            Self::Service(refusal) => Some(refusal.status),
            Self::Reply(status) => Some(*status),
            Self::Connection(_) | Self::Unsent => None,
        }
    }

    /// Why a document is absent; nothing where that is all.
    pub(super) fn absence(&self, id: &str) -> Option<Absence> {
        let Self::Service(ServiceError { deleted: true, .. }) = self else { return None };
        Some(Absence {
            cause: "it is scheduled for deletion".to_owned(),
            hint: said(format!(
                "bring it back: `aws secretsmanager restore-secret --secret-id {}`",
                typed::word(id)
            )),
        })
    }

    fn last_word(&self, subject: &str) -> Failure {
        let (kind, cause) = match (self, self.class()) {
            (Self::Connection(http::Error::TooLarge(_)), _) => {
                return Failure::too_large(format!("{subject}: {self}"));
            }
            (Self::Connection(http::Error::Compressed), _) => {
                (FailureKind::Malformed, format!("{subject}: {self}"))
            }
            (Self::Connection(_), _) => (FailureKind::Barred, format!("{subject}: {self}")),
            (_, Class::Denied | Class::Identity) => (FailureKind::Denied, self.to_string()),
            (Self::Unsent, _) => (FailureKind::Misconfigured, format!("{subject}: {self}")),
            (Self::Service(refusal), _) if refusal.is_request() => {
                (FailureKind::Misconfigured, self.to_string())
            }
            _ => (FailureKind::Malformed, self.to_string()),
        };
        Failure { kind, cause, hint: self.hint().map(Hint::from) }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Connection(http::Error::Certificate(fault)) if fault.is_of_trust() => Some(
                "`ca_cert` or AWS_CA_BUNDLE has to name the certificate that signs the service's: none that kz trusts now does"
                    .to_owned(),
            ),
            Self::Connection(error) => error.hint().map(str::to_owned),
            Self::Service(refusal) => refusal.hint(),
            Self::Unsent => Some("check `region` and `endpoint`".to_owned()),
            Self::Reply(_) => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(formatter),
            Self::Unsent => formatter.write_str("the request could not be made"),
            Self::Service(refusal) => refusal.fmt(formatter),
            Self::Reply(429) => formatter.write_str("too many requests (status 429)"),
            Self::Reply(status @ 500..) => write!(formatter, "the service failed (status {status})"),
            Self::Reply(status) => {
                write!(formatter, "what answers is not the service, or a proxy before it (status {status})")
            }
        }
    }
}

impl ServiceError {
    /// Keeps of a message what kz understands.
    pub(super) fn new(status: u16, code: Code, message: &str) -> Self {
        let after = |before: &str| message.split_once(before).map_or("", |(_, rest)| rest);
        let end = |rest: &str| rest.find(char::is_whitespace).unwrap_or(rest.len());
        let user = after("User: ");
        let user = &user[..end(user)];
        let perform = after("perform: ");
        // XML and JSON end it otherwise than a sentence does.
        let is_action = |c: char| c.is_ascii_alphanumeric() || c == ':';
        let perform = &perform[..perform.find(|c| !is_action(c)).unwrap_or(perform.len())];
        Self {
            status,
            code,
            principal: is_principal(user).then(|| user.to_owned()),
            action: ACTIONS.into_iter().find(|action| *action == perform),
            deleted: message.contains("marked for deletion") || message.contains("marked deleted"),
        }
    }

    /// An error of which only the status is known, and perhaps the code.
    pub(super) fn coded(status: u16, code: Option<Code>) -> Self {
        Self::new(status, code.unwrap_or(FOREIGN), "")
    }

    pub(super) fn class(&self) -> Class {
        match (self.code.name, self.code.class) {
            ("InvalidRequest", _) if self.deleted => Class::Absent,
            (_, Class::Other) => match self.status {
                429 => Class::Throttled,
                status if http::concern(status).is_some() => Class::Passing,
                _ => Class::Other,
            },
            (_, class) => class,
        }
    }

    /// Whose trouble it is, where it may pass: fewer requests of anybody help against throttling.
    pub(super) fn concern(&self) -> Option<Concern> {
        match self.class() {
            Class::Throttled => Some(Concern::Server),
            Class::Passing if self.code.name == "ServiceUnavailable" => Some(Concern::Server),
            Class::Passing => http::concern(self.status).or(Some(Concern::Request)),
            _ => None,
        }
    }

    /// Whether the request is one that the service does not take.
    fn is_request(&self) -> bool {
        self.code.name.starts_with("Invalid") || self.code.name.starts_with("Validation")
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.code.name {
            "ExpiredToken" | "ExpiredTokenId" => {
                "give kz new temporary credentials, or a role to take them from"
            }
            "UnrecognizedClient" | "InvalidClientTokenId" | "InvalidAccessKeyId" => {
                "is the access key deleted or disabled, or of another partition, or its AWS_SESSION_TOKEN missing?"
            }
            "InvalidSignature" | "SignatureDoesNotMatch" => {
                "is AWS_SECRET_ACCESS_KEY whole, and this machine's clock right?"
            }
            "RequestExpired" | "RequestTimeTooSkewed" => "set this machine's clock",
            "InvalidIdentityToken" | "IDPRejectedClaim" => {
                "is it fresh, for the audience `sts.amazonaws.com`, and its issuer one that the account trusts?"
            }
            "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDenied" => {
                "allow `kms:Decrypt` with the key that encrypts it"
            }
            _ if self.class() == Class::Denied => {
                return Some(match &self.action {
                    Some(action) => format!("allow `{action}` on it: `kz plan` prints the policy"),
                    None => "`kz plan` prints the policy that this configuration needs".to_owned(),
                });
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.code.name {
            "ExpiredToken" | "ExpiredTokenId" => "the session token has expired",
            "UnrecognizedClient" | "InvalidClientTokenId" | "InvalidAccessKeyId" => {
                "AWS does not know the access key"
            }
            "InvalidSignature" | "SignatureDoesNotMatch" => "the secret access key is not the access key's",
            "RequestExpired" | "RequestTimeTooSkewed" => "AWS says that the request is of another time",
            "InvalidIdentityToken" | "IDPRejectedClaim" => "AWS does not accept the web identity token",
            "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDenied" => "the KMS key does not decrypt it",
            "ResourceNotFound" | "ParameterNotFound" | "ParameterVersionNotFound" => "there is no such thing",
            _ => match self.class() {
                Class::Throttled => "too many requests",
                Class::Passing => "the service failed",
                Class::Denied => match (&self.principal, &self.action) {
                    (Some(who), Some(what)) => {
                        return write!(formatter, "{who} may not {what} ({})", self.code.name);
                    }
                    _ => "permission denied",
                },
                Class::Identity => "AWS does not accept the identity",
                Class::Absent | Class::Other => "the service does not accept the request",
            },
        };
        write!(formatter, "{words} ({})", self.code.name)
    }
}

/// What kz may not do, as far as it does it.
const ACTIONS: [&str; 9] = [
    "kms:Decrypt",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "sso:GetRoleCredentials",
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
];

/// An ARN of whom IAM or STS knows: `arn:aws:sts::123456789012:assumed-role/app/kz`. A segment of its end is a name of 64
/// characters at most (IAM's quotas), and each but those of paths is one of three.
fn is_principal(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, "", account, resource] = parts[..] else { return false };
    let kinds = ["assumed-role", "federated-user", "role", "root", "user"];
    let is_name = |name: &str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
    };
    let mut segments = resource.split('/');
    prefix == "arn"
        && ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"].contains(&partition)
        && ["iam", "sts"].contains(&service)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && segments.next().is_some_and(|kind| kinds.contains(&kind))
        && segments.all(is_name)
}

/// The error of kz's own client, wherever it is among the causes.
fn connection(error: &(dyn StdError + 'static)) -> Option<http::Error> {
    match error.downcast_ref::<http::Error>() {
        Some(known) => Some(known.clone()),
        None => connection(error.source()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_do_what_is_told_and_nothing_else() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/app/kz is not authorized to perform: \
                       secretsmanager:GetSecretValue on resource: canary because no identity-based policy allows it";
        let trouble = Trouble::Service(ServiceError::new(400, Code::of("AccessDeniedException"), message));
        let failure = Trouble::failure(&GaveUp::Final(trouble), "x");
        assert_eq!(failure.kind, FailureKind::Denied);
        assert_eq!(
            failure.cause,
            "arn:aws:sts::123456789012:assumed-role/app/kz may not secretsmanager:GetSecretValue (AccessDenied)"
        );
        assert!(!format!("{failure:?}").contains("canary"));
    }

    #[test]
    fn an_action_is_found_in_the_xml_that_stands_before_a_service_too() {
        let message = "<Message>User: arn:aws:iam::123456789012:user/app is not authorized to perform: \
                       secretsmanager:GetSecretValue</Message>";
        let refusal = ServiceError::new(403, Code::of("AccessDenied"), message);
        assert_eq!(refusal.action, Some("secretsmanager:GetSecretValue"));
        assert_eq!(refusal.principal.as_deref(), Some("arn:aws:iam::123456789012:user/app"));
    }

    #[test]
    fn what_is_no_principal_and_no_action_is_not_kept() {
        for message in [
            "User: canary is not authorized to perform: canary",
            "User: arn:aws:iam::canary:user/x is not authorized to perform: secretsmanager:Canary",
            "User: arn:aws:iam::123456789012:canary/x is not authorized to perform: canary:GetSecretValue",
            "User: arn:aws:canary::123456789012:user/x",
            "User: arn:canary:iam::123456789012:user/x",
            "User: arn:aws:iam:canary:123456789012:user/x",
        ] {
            let refusal = ServiceError::new(400, Code::of("AccessDenied"), message);
            assert_eq!((refusal.principal, refusal.action), (None, None), "{message}");
        }
        let long = format!("User: arn:aws:iam::123456789012:user/{}", "c".repeat(65));
        assert_eq!(ServiceError::new(400, FOREIGN, &long).principal, None);
        assert!(is_principal("arn:aws:iam::123456789012:root"));
        assert!(is_principal("arn:aws-us-gov:iam::123456789012:user/division/team/kz@example.com"));
    }

    #[test]
    fn what_passes_and_what_does_not() {
        let class = |status, code| ServiceError::new(status, Code::of(code), "").class();
        for status in [400, 429] {
            assert_eq!(class(status, "ThrottlingException"), Class::Throttled);
        }
        assert_eq!(class(500, "InternalServiceError"), Class::Passing);
        assert_eq!(class(503, "Whatever"), Class::Passing);
        assert_eq!(
            (class(400, "ResourceNotFoundException"), class(404, "ResourceNotFoundException")),
            (Class::Absent, Class::Absent)
        );
        assert_eq!(class(403, "AccessDeniedException"), Class::Denied);
        assert_eq!(class(400, "ExpiredTokenException"), Class::Identity);
        assert_eq!(class(400, "ValidationException"), Class::Other);
    }
}
