//! `keyzero`: another kz, asked through `kz server`. This version checks the configuration only.

use super::settings::{Kind, Setting, setting};

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("address", Kind::Address),
    setting("ca_cert", Kind::Path),
    setting("client_cert", Kind::Path),
    setting("client_key", Kind::Path),
    setting("token_file", Kind::Path),
];

/// Variables that hold a credential.
pub const CREDENTIAL_VARIABLES: &[&str] = &["KEYZERO_TOKEN"];

/// The name of a secret of the server's bundle.
pub fn check_ref(path: &str) -> Result<(), String> {
    if path.is_empty() || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("a ref of another kz is the name of a secret there".into());
    }
    Ok(())
}
