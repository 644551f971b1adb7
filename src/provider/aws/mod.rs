//! `aws-sm` and `aws-ssm`: AWS Secrets Manager and SSM Parameter Store.
//!
//! `settings` is data, `name` and `calls` are pure: which calls are made is decided without asking anybody, so that
//! `forecast` can say it, and `permissions` what they need. `backend` makes them, where this build has it.

#[cfg(feature = "provider-aws")]
mod backend;
pub mod calls;
mod forecast;
mod name;
mod permissions;
mod settings;

use super::descriptor::Build;
pub use forecast::{FORESEE_PARAMETERS, FORESEE_SECRETS};
pub use settings::{
    CREDENTIAL_VARIABLES, OWN_CREDENTIALS, PARAMETER_REF, SECRET_REF, SETTINGS, check_parameter_ref,
    check_secret_ref,
};

/// Builds `aws-sm`.
#[cfg(feature = "provider-aws")]
pub const BUILD_SECRETS: Option<Build> = Some(backend::build_secrets);
/// Builds `aws-ssm`.
#[cfg(feature = "provider-aws")]
pub const BUILD_PARAMETERS: Option<Build> = Some(backend::build_parameters);
/// Not in this build.
#[cfg(not(feature = "provider-aws"))]
pub const BUILD_SECRETS: Option<Build> = None;
/// Not in this build.
#[cfg(not(feature = "provider-aws"))]
pub const BUILD_PARAMETERS: Option<Build> = None;
