//! `1password`: items of 1Password, by a Connect server or by the `op` program with a service account.
//!
//! `settings`, `reference` and `forecast` are data and pure; `backend` asks, where this build has it.

#[cfg(feature = "provider-1password")]
mod backend;
mod forecast;
mod reference;
mod settings;

use super::descriptor::Build;
pub use forecast::foresee;
pub use settings::{CREDENTIAL_VARIABLES, OWN_CREDENTIALS, REF, SETTINGS, check_ref};

/// Builds it.
#[cfg(feature = "provider-1password")]
pub const BUILD: Option<Build> = Some(backend::build);
/// Not in this build.
#[cfg(not(feature = "provider-1password"))]
pub const BUILD: Option<Build> = None;
