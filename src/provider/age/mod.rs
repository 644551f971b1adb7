//! `age`: files encrypted to an age identity, the backend that needs no server. One encrypted file in Git, one
//! identity mounted at run time. `settings` is data and pure; `backend` opens files, where this build has it.

#[cfg(feature = "provider-age")]
mod backend;
mod settings;

use super::descriptor::Build;
#[cfg(feature = "provider-age")]
pub use backend::build;
pub use settings::{CREDENTIAL_VARIABLES, REF, SETTINGS, check_ref};

/// Builds it.
#[cfg(feature = "provider-age")]
pub const BUILD: Option<Build> = Some(build);
/// Not in this build.
#[cfg(not(feature = "provider-age"))]
pub const BUILD: Option<Build> = None;
