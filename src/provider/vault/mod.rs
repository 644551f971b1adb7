//! `vault`: `HashiCorp` Vault and `OpenBao`. `settings` is data, `forecast` pure; `backend` asks, where this build has it.

#[cfg(feature = "provider-vault")]
mod backend;
mod forecast;
mod settings;

use super::registry::Build;
#[cfg(feature = "provider-vault")]
pub use backend::build;
pub use forecast::foresee;
pub use settings::{CREDENTIAL_VARIABLES, REF, SETTINGS, check_ref};

/// Builds it.
#[cfg(feature = "provider-vault")]
pub const BUILD: Option<Build> = Some(build);
/// Not in this build.
#[cfg(not(feature = "provider-vault"))]
pub const BUILD: Option<Build> = None;
