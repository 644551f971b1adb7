//! The names of AWS's errors, and what each means for what kz does about it.
//!
//! Invariant: of a code that a server sends nothing is kept but which of these it is. Who answers may be no AWS, and repeat in
//! it what kz sent. Codes: "Common errors" and the operations' pages of the references of Secrets Manager, Systems Manager,
//! STS, SSO (portal and OIDC), EKS Pod Identity and EC2's metadata.

/// What an error is, for what kz does about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Class {
    /// It passes.
    Passing,
    /// Too many requests: it passes, and fewer would help.
    Throttled,
    /// Nothing has that name.
    Absent,
    /// This identity may not.
    Denied,
    /// There is no such identity, or no longer: no call would fare better.
    Identity,
    /// Anything else.
    #[default]
    Other,
}

/// A name of an error, without its namespace and without `Exception`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) class: Class,
}

/// What is said where a server names an error as AWS names none.
pub(super) const FOREIGN: Code = Code { name: "an error code that is none of AWS's", class: Class::Other };

const KNOWN: &[(Class, &[&str])] = &[
    (
        Class::Throttled,
        &[
            "Throttling",
            "Throttled",
            "RequestThrottled",
            "TooManyRequests",
            "LimitExceeded",
            "RequestLimitExceeded",
            "ProvisionedThroughputExceeded",
            "BandwidthLimitExceeded",
            "SlowDown",
            "PriorRequestNotComplete",
            "RateExceeded",
        ],
    ),
    (
        Class::Passing,
        &[
            "InternalService",
            "InternalServiceError",
            "InternalServerError",
            "InternalServer",
            "InternalFailure",
            "InternalError",
            "ServiceUnavailable",
            "RequestTimeout",
            "IDPCommunicationError",
        ],
    ),
    (Class::Absent, &["ResourceNotFound", "ParameterNotFound", "ParameterVersionNotFound"]),
    (
        Class::Denied,
        &[
            "AccessDenied",
            "UnauthorizedOperation",
            "NotAuthorized",
            "DecryptionFailure",
            "InvalidKeyId",
            "KMSAccessDenied",
        ],
    ),
    (
        Class::Identity,
        &[
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "ExpiredToken",
            "ExpiredTokenId",
            "InvalidSignature",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "MissingAuthenticationToken",
            "AuthFailure",
            "OptInRequired",
            "InvalidIdentityToken",
            "IDPRejectedClaim",
        ],
    ),
    (
        Class::Other,
        &[
            "AssumeRoleUnauthorizedAccess",
            "AuthorizationPending",
            "EncryptionFailure",
            "Failed",
            "InvalidAction",
            "InvalidAuthorizationMessage",
            "InvalidClient",
            "InvalidEndpoint",
            "InvalidFilterKey",
            "InvalidFilterOption",
            "InvalidFilterValue",
            "InvalidGrant",
            "InvalidHost",
            "InvalidInput",
            "InvalidNextToken",
            "InvalidParameter",
            "InvalidParameterCombination",
            "InvalidParameterValue",
            "InvalidProtocol",
            "InvalidQueryParameter",
            "InvalidRequest",
            "InvalidResourceId",
            "InvalidScope",
            "InvalidToken",
            "MalformedPolicyDocument",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "MissingRequiredParameter",
            "NotFound",
            "PackedPolicyTooLarge",
            "PublicPolicy",
            "RegionDisabled",
            "RequestEntityTooLarge",
            "ResourceExists",
            "Serialization",
            "Unauthorized",
            "UnauthorizedClient",
            "UnknownOperation",
            "UnsupportedGrantType",
            "Validation",
            "ValidationError",
        ],
    ),
];

impl Code {
    /// The one that a server's text names, perhaps with a namespace before it, `Exception` and an address after it.
    pub(super) fn of(text: &str) -> Self {
        let name = text.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let name = name.strip_suffix("Exception").unwrap_or(name);
        let mut all = KNOWN.iter().flat_map(|(class, names)| names.iter().map(|name| (*class, *name)));
        let known = all.find(|(_, known)| *known == name);
        known.map_or(FOREIGN, |(class, name)| Self { name, class })
    }
}

/// The code of an error as services write it, in JSON or XML: `{"__type":"…#CodeException"}`, `<Code>Code</Code>`.
pub(super) fn code(body: &[u8]) -> Option<Code> {
    let text = std::str::from_utf8(body).ok()?;
    let after = |start: &str| text.split_once(start).map(|(_, rest)| rest);
    if let Some(rest) = after("<Code>") {
        return rest.split('<').next().map(Code::of);
    }
    let rest = ["\"__type\"", "\"code\"", "\"Code\""].into_iter().find_map(after)?;
    let written = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    written.split('"').next().map(Code::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_json_and_xml() {
        let name = |body: &[u8]| code(body).map(|code| code.name);
        assert_eq!(
            name(br#"{"__type":"com.amazonaws#ResourceNotFoundException"}"#),
            Some("ResourceNotFound")
        );
        assert_eq!(name(br#"{"code" : "AccessDenied", "message": "x"}"#), Some("AccessDenied"));
        assert_eq!(name(b"<Error><Code>ExpiredToken</Code></Error>"), Some("ExpiredToken"));
        assert_eq!(
            name(br#"{"code":"ThrottlingException:http://internal.amazon.com/"}"#),
            Some("Throttling")
        );
        for none in ["", "{}", r#"{"code":1}"#] {
            assert_eq!(name(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn a_code_that_is_none_of_aws_s_is_not_kept() {
        for body in [
            r#"{"__type":"wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}"#,
            r#"{"__type":"a secret: hunter2"}"#,
            r#"{"code":"hunter2Exception"}"#,
            "<Code>hunter2</Code>",
            "<Code>accessdenied</Code>",
        ] {
            assert_eq!(code(body.as_bytes()), Some(FOREIGN), "{body}");
        }
    }

    #[test]
    fn no_code_has_two_classes() {
        let mut names: Vec<&str> = KNOWN.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let number = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), number);
    }
}
