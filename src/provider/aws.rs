//! `aws-sm` and `aws-ssm`: AWS Secrets Manager and SSM Parameter Store. This version checks the configuration only.
//!
//! Credentials come from the SDK's own chain (environment, profile, web identity, container, instance).

use super::settings::{Kind, Setting, setting};

/// The keys of either section.
pub const SETTINGS: &[Setting] = &[
    setting("region", Kind::Text),
    setting("profile", Kind::Text),
    setting("endpoint", Kind::Address),
    setting("role_arn", Kind::Text),
    setting("external_id", Kind::Text),
    setting("session_name", Kind::Text),
    setting("web_identity_token_file", Kind::Path),
    setting("fips", Kind::Boolean),
    setting("dual_stack", Kind::Boolean),
];

/// Variables that hold a credential. `AWS_ROLE_ARN` and its like point at one and belong to the app.
pub const CREDENTIAL_VARIABLES: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// A name, ARN or partial ARN; names are letters, digits and `/_+=.@-`, up to 512 (`CreateSecret`, API reference).
pub fn check_secret_ref(path: &str) -> Result<(), String> {
    let name = path.strip_prefix("sm://").unwrap_or(path);
    check(name, "/_+=.@-:!", 2048, "Secrets Manager")
}

/// A parameter's name, path or ARN: letters, digits and `.-_/:` (`PutParameter`, API reference).
pub fn check_parameter_ref(path: &str) -> Result<(), String> {
    let name = path.strip_prefix("ssm://").unwrap_or(path);
    check(name, "/_.-:", 2048, "Parameter Store")
}

fn check(name: &str, punctuation: &str, longest: usize, service: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > longest {
        return Err(format!("a name in {service} has 1 to {longest} characters"));
    }
    match name.chars().find(|&c| !c.is_ascii_alphanumeric() && !punctuation.contains(c)) {
        Some(character) => Err(format!("a name in {service} cannot contain {character:?}")),
        None => Ok(()),
    }
}
