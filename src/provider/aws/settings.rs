//! What `[providers.aws-sm]` and `[providers.aws-ssm]` take, and what their refs look like. Data and pure checks.
//!
//! Settings follow the names of the shared config file (`role_arn`, `external_id`, …; SDKs and Tools Reference Guide).

use crate::provider::settings::{RefForm, Setting, SettingType, setting};

/// The keys of either section.
pub const SETTINGS: &[Setting] = &[
    setting("region", SettingType::Text, "region of the service"),
    setting("profile", SettingType::Text, "profile of ~/.aws/config"),
    setting(
        "credentials_file",
        SettingType::Path,
        "file of profiles with keys, instead of ~/.aws/credentials",
    ),
    setting(
        "ca_cert",
        SettingType::Path,
        "certificates that sign the service's, PEM; a file or a directory of them",
    ),
    setting("endpoint", SettingType::Address, "another address of the service, as of a VPC endpoint"),
    setting("role_arn", SettingType::Text, "role to assume"),
    setting("external_id", SettingType::Text, "external id that the role's trust policy asks for"),
    setting("session_name", SettingType::Text, "name of the role's session, as CloudTrail shows it"),
    setting("web_identity_token_file", SettingType::Path, "file with the token that is traded for the role"),
    setting("fips", SettingType::Boolean, "use FIPS endpoints"),
    setting("dual_stack", SettingType::Boolean, "use endpoints with IPv6"),
];

/// Variables that hold a credential. `AWS_ROLE_ARN` and its like point at one and belong to the app.
pub const CREDENTIAL_VARIABLES: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Settings that say whose identity is used, so that the environment's does not go to another address.
pub const OWN_CREDENTIALS: &[&str] = &["profile", "credentials_file", "web_identity_token_file"];

/// Refs of Secrets Manager.
pub const SECRET_REF: RefForm =
    RefForm { pattern: r"^(sm://)?[A-Za-z0-9/_+=.@:!-]+(#[^#]*)?$", example: "prod/database#password" };

/// Refs of Parameter Store.
pub const PARAMETER_REF: RefForm =
    RefForm { pattern: r"^(ssm://)?[A-Za-z0-9/_.:-]+(#[^#]*)?$", example: "/prod/database/password" };

/// A name, ARN or partial ARN; names are letters, digits and `/_+=.@-`, up to 512 (`CreateSecret`, API reference).
pub fn check_secret_ref(path: &str) -> Result<(), String> {
    let name = path.strip_prefix("sm://").unwrap_or(path);
    if name.starts_with("arn:") && name.split(':').count() > 7 {
        return Err(
            "an ARN ends after the secret's name: a field is written `#field`, a version as `version`"
                .to_owned(),
        );
    }
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
