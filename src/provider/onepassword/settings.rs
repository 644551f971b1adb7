//! What `[providers.1password]` takes, and what its refs look like. Data and pure checks.

use crate::provider::settings::{RefForm, Setting, SettingType, setting};

use super::reference;

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("connect_host", SettingType::Address, "a Connect server"),
    setting("token_file", SettingType::Path, "file with the Connect server's token"),
    setting("service_account_token_file", SettingType::Path, "file with a service account's token, for `op`"),
    setting(
        "ca_cert",
        SettingType::Path,
        "certificates that sign the Connect server's, PEM; a file or a directory of them",
    ),
];

/// Settings that say whose identity is used, so that the environment's does not go to another address.
pub const OWN_CREDENTIALS: &[&str] = &["token_file", "service_account_token_file"];

/// Variables that hold a credential.
pub const CREDENTIAL_VARIABLES: &[&str] = &["OP_CONNECT_TOKEN", "OP_SERVICE_ACCOUNT_TOKEN"];

/// Refs.
pub const REF: RefForm = RefForm {
    pattern: "^op://[A-Za-z0-9_.\\- ]*/[A-Za-z0-9_.\\- ]*/[A-Za-z0-9_.\\- ]*(/[A-Za-z0-9_.\\- ]*)?([?](attribute=t?otp|ssh-format=openssh))?$",
    example: "op://production/database/password",
};

/// `op://vault/item/[section/]field`, with `?attribute=…` where wanted.
pub fn check_ref(path: &str) -> Result<(), String> {
    reference::parse(path).map(|_| ()).map_err(|invalid| format!("a 1Password ref {invalid}"))
}
