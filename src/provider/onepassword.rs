//! `1password`: Connect servers and service accounts. This version checks the configuration only.

use super::forecast::{Forecast, Foresee};
use super::settings::{Kind, RefForm, Setting, setting};

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("connect_host", Kind::Address, "a Connect server"),
    setting("token_file", Kind::Path, "file with the Connect server's token"),
    setting("service_account_token_file", Kind::Path, "file with a service account's token, without Connect"),
    setting("ca_cert", Kind::Path, "certificates that sign the server's, PEM"),
];

/// Variables that hold a credential.
pub const CREDENTIAL_VARIABLES: &[&str] = &["OP_CONNECT_TOKEN", "OP_SERVICE_ACCOUNT_TOKEN"];

/// Refs.
pub const REF: RefForm =
    RefForm { pattern: "^op://[^/?]+/[^/?]+/[^/?]", example: "op://production/database/password" };

/// One read for each document, and what looking names up takes besides.
pub const FORESEE: Foresee = |_, documents, _| Forecast {
    notes: vec![
        "vaults and items that are named, not given by id, are looked up first: calls more".to_owned(),
    ],
    ..Forecast::one_by_one("read", documents)
};

/// `op://vault/item/[section/]field`, with `?attribute=…` where wanted.
pub fn check_ref(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix("op://") else {
        return Err("a 1Password ref begins with `op://`: `op://VAULT/ITEM/FIELD`".into());
    };
    let segments: Vec<&str> = rest.split('?').next().unwrap_or_default().split('/').collect();
    if !(3..=4).contains(&segments.len()) || segments.iter().any(|segment| segment.is_empty()) {
        return Err("a 1Password ref is `op://VAULT/ITEM/FIELD` or `op://VAULT/ITEM/SECTION/FIELD`".into());
    }
    Ok(())
}
