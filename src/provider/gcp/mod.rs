//! `gcp-sm`: Google Cloud Secret Manager.
//!
//! `settings` is data, `resource` is pure: which secret and version a ref means is decided without asking anybody, so
//! that `forecast` can say what a start asks for. `backend` asks, where this build has it.

#[cfg(feature = "provider-gcp")]
mod backend;
mod forecast;
mod resource;
mod settings;

use super::descriptor::Build;
pub use forecast::foresee;
pub use settings::{CREDENTIAL_VARIABLES, OWN_CREDENTIALS, REF, SETTINGS, check_document, check_ref};

/// Builds it.
#[cfg(feature = "provider-gcp")]
pub const BUILD: Option<Build> = Some(backend::build);
/// Not in this build.
#[cfg(not(feature = "provider-gcp"))]
pub const BUILD: Option<Build> = None;
