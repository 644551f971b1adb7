//! The way from this machine to any server: whose certificates are believed, and which proxies stand between.
//!
//! Invariant: certificates are read when a client is made, not before.

use std::path::{Path, PathBuf};

use crate::http::{Bodies, Proxies};
use crate::size::Size;
use crate::tls::Roots;

use super::certificates;
use crate::provider::local_file::{Reader, path_of};
use crate::provider::{Failure, Surroundings};

/// What the environment says of it, whoever the server is.
#[derive(Debug)]
pub(in crate::provider) struct Way {
    system_roots: Option<PathBuf>,
    /// What stands between.
    pub(in crate::provider) proxies: Proxies,
    /// How large a reply may be that holds a document.
    #[cfg_attr(
        not(any(feature = "provider-vault", feature = "provider-1password", feature = "provider-gcp")),
        expect(dead_code, reason = "AWS's wire has it from the terms")
    )]
    pub(in crate::provider) largest_reply: Size,
    /// In turn with which other replies large ones are read.
    #[cfg_attr(
        not(any(feature = "provider-vault", feature = "provider-1password", feature = "provider-gcp")),
        expect(dead_code, reason = "AWS's wire has it from the terms")
    )]
    pub(in crate::provider) bodies: Bodies,
}

impl Way {
    pub(in crate::provider) fn of(surroundings: &dyn Surroundings) -> Self {
        Self {
            system_roots: surroundings.given("SSL_CERT_FILE").map(|value| path_of(&value)),
            proxies: Proxies::of(|name| surroundings.given_text(name)),
            largest_reply: surroundings.terms().max_document_size,
            bodies: surroundings.terms().bodies,
        }
    }

    /// The certificates that are named, and no others; else the system's.
    pub(in crate::provider) fn roots(
        &self,
        named: Option<&Path>,
        reader: Reader<'_>,
    ) -> Result<Roots, Failure> {
        match named {
            Some(path) => Ok(Roots::Only(certificates::read(&reader.locate(path)?, reader)?)),
            None => Ok(Roots::System(self.system_roots.clone())),
        }
    }
}
