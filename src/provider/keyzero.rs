//! `keyzero`: another kz, asked through `kz server`. This version checks the configuration only.

use super::forecast::{Forecast, Foresee};
use super::settings::{RefForm, Setting, SettingType, setting};

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("address", SettingType::Address, "where `kz server` listens"),
    setting("ca_cert", SettingType::Path, "certificates that sign the server's, PEM"),
    setting("client_cert", SettingType::Path, "certificate that kz shows the server, PEM"),
    setting("client_key", SettingType::Path, "its key, PEM"),
    setting("token_file", SettingType::Path, "file with the token that kz shows the server"),
];

/// Variables that hold a credential.
pub const CREDENTIAL_VARIABLES: &[&str] = &["KEYZERO_TOKEN"];

/// Refs.
pub const REF: RefForm = RefForm { pattern: r"^[^\s\u0000-\u001f]", example: "DATABASE_PASSWORD" };

/// One read for each document.
pub const FORESEE: Foresee = |_, documents, _| Forecast::one_by_one("read", documents);

/// The name of a secret of the server's bundle.
pub fn check_ref(path: &str) -> Result<(), String> {
    if path.is_empty() || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("a ref of another kz is the name of a secret there".into());
    }
    Ok(())
}
