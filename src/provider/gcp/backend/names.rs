//! The names of Google's errors: `google.rpc.Code`, OAuth's (RFC 6749, 5.2; RFC 8693; RFC 6750) with Google's own among them,
//! and the reasons of `google.api.ErrorReason`.
//!
//! Invariant: of a name that a server sends nothing is kept but which of these it is. Who answers may be no Google, and repeat in
//! it what kz sent.

/// What is said where a server names an error as Google names none.
const FOREIGN: &str = "an error code that is none of Google's";

const CODES: &[&str] = &[
    // google.rpc.Code
    "ABORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "UNKNOWN",
    // OAuth
    "access_denied",
    "admin_policy_enforced",
    "deleted_client",
    "disabled_client",
    "insufficient_scope",
    "internal_failure",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "org_internal",
    "rate_limit_exceeded",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];

const REASONS: &[&str] = &[
    "ACCESS_TOKEN_EXPIRED",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    "ACCOUNT_STATE_INVALID",
    "API_KEY_INVALID",
    "API_KEY_SERVICE_BLOCKED",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "CREDENTIALS_MISSING",
    "GCP_SUSPENDED",
    "IAM_PERMISSION_DENIED",
    "LOCATION_ORG_POLICY_VIOLATED",
    "LOCATION_POLICY_VIOLATED",
    "ORG_RESTRICTION_VIOLATION",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_PROJECT_INVALID",
    "RESOURCE_QUOTA_EXCEEDED",
    "RESOURCE_USAGE_RESTRICTION_VIOLATED",
    "SECURITY_POLICY_VIOLATED",
    "SERVICE_DISABLED",
    "SERVICE_NOT_VISIBLE",
    "SYSTEM_PARAMETER_UNSUPPORTED",
    "USER_BLOCKED_BY_ADMIN",
    "USER_PROJECT_DENIED",
];

/// The code that a server's text names.
pub(super) fn code(text: &str) -> &'static str {
    known(CODES, text).unwrap_or(FOREIGN)
}

/// The reason that it names, where it is one.
pub(super) fn reason(text: &str) -> Option<&'static str> {
    known(REASONS, text)
}

fn known(names: &[&'static str], text: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| *name == text)
}
