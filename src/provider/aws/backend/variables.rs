//! What the environment says of AWS. kz reads it itself, without the white space around it, so that the SDK is handed
//! what is set and fit; `src/config/variables.rs` lists what the SDK reads besides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::provider::Surroundings;
use crate::provider::local_file::path_of;
use crate::secret::Secret;

const READ: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
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
