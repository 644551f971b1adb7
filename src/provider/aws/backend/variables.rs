//! What the environment says of AWS, and what of it kz reads itself. The SDK reads further variables when it reads
//! profiles, service endpoints and container credentials; `src/config/variables.rs` lists them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::provider::Surroundings;
use crate::provider::local_file::path_of;
use crate::secret::Secret;

const READ: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The variables that are set, and not to nothing: Compose sets what it cannot find to nothing.
#[derive(Debug)]
pub(super) struct Variables(BTreeMap<&'static str, Secret>);

impl Variables {
    pub(super) fn of(surroundings: &dyn Surroundings) -> Self {
        let read = |&name: &&'static str| surroundings.given(name).map(|value| (name, value));
        Self(READ.iter().filter_map(read).collect())
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.0.contains_key(name)
    }

    /// A credential, or any other text.
    pub(super) fn text(&self, name: &'static str) -> Option<&str> {
        self.0.get(name)?.expose_text()
    }

    /// A path.
    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.0.get(name).map(path_of)
    }
}
