//! What the environment says of Vault: the CLI's variables, and kz's own for what the CLI takes as arguments.
//!
//! Invariant: where the section names another address than `VAULT_ADDR`, nothing of this is used, for it was
//! meant for another server (design.md §2); the section's own `auth` is, and `config` asks for one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::provider::Surroundings;
use crate::provider::local_file::path_of;
use crate::provider::settings::Settings;
use crate::secret::Secret;

use crate::provider::vault::settings::TOKEN_VARIABLE;

/// Every variable that is read.
const READ: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    TOKEN_VARIABLE,
    "VAULT_ADDR",
    "VAULT_CACERT",
    "VAULT_CAPATH",
    "VAULT_CLIENT_CERT",
    "VAULT_CLIENT_KEY",
    "VAULT_JWT_FILE",
    "VAULT_NAMESPACE",
    "VAULT_PASSWORD",
    "VAULT_PASSWORD_FILE",
    "VAULT_ROLE",
    "VAULT_ROLE_ID",
    "VAULT_ROLE_ID_FILE",
    "VAULT_SECRET_ID",
    "VAULT_SECRET_ID_FILE",
    "VAULT_SKIP_VERIFY",
    "VAULT_TLS_SERVER_NAME",
    "VAULT_TOKEN_FILE",
    "VAULT_USERNAME",
];

/// The variables that are set, and not to nothing: Compose sets what it cannot find to nothing.
#[derive(Debug)]
pub(super) struct Variables {
    set: BTreeMap<&'static str, Secret>,
    belong: bool,
}

impl Variables {
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let read = |&name: &&'static str| surroundings.given(name).map(|value| (name, value));
        let mut variables = Self { set: READ.iter().filter_map(read).collect(), belong: true };
        let (ours, theirs) = (settings.text("address"), variables.text("VAULT_ADDR"));
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours.trim_end_matches('/') != theirs.trim_end_matches('/')
        {
            // An AWS identity is not Vault's: the section's own `auth` says whether it is used.
            variables.set.retain(|name, _| name.starts_with("AWS_"));
            variables.belong = false;
        }
        variables
    }

    /// Whether they are of the server that the section names.
    pub(super) fn belong(&self) -> bool {
        self.belong
    }

    /// A credential.
    pub(super) fn secret(&self, name: &'static str) -> Option<&Secret> {
        self.set.get(name)
    }

    /// What is no secret.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        self.secret(name)?.expose_text().map(str::to_owned)
    }

    /// A path.
    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.secret(name).map(path_of)
    }
}
