//! `vault`: `HashiCorp` Vault and `OpenBao`. `settings` is data, `forecast` pure; `backend` asks, where this build has it.

#[cfg(feature = "provider-vault")]
mod backend;
mod cli_form;
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the backend reads more of it"))]
mod environment;
mod forecast;
mod policy;
mod settings;

use super::descriptor::Build;
#[cfg(feature = "provider-vault")]
pub use backend::build;
pub(super) use environment::is_refused;
pub use forecast::foresee;
pub use settings::{ADDRESS_VARIABLES, CREDENTIAL_VARIABLES, REF, SETTINGS, check_ref, check_request};

/// Builds it.
#[cfg(feature = "provider-vault")]
pub const BUILD: Option<Build> = Some(build);
/// Not in this build.
#[cfg(not(feature = "provider-vault"))]
pub const BUILD: Option<Build> = None;
