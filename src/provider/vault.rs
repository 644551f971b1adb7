//! `vault`: `HashiCorp` Vault and `OpenBao`. This version checks the configuration only.
//!
//! Settings follow the CLI's variables (`VAULT_ADDR`, `VAULT_NAMESPACE`, `VAULT_CACERT`, …) and the
//! login endpoints of the API documentation; every credential can come from a file.

use super::settings::{Kind, Method, Setting, setting};

const ROLE_AND_MOUNT: [Setting; 2] = [setting("role", Kind::Text), setting("mount", Kind::Text)];

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("address", Kind::Address),
    setting("namespace", Kind::Text),
    setting("ca_cert", Kind::Path),
    setting("client_cert", Kind::Path),
    setting("client_key", Kind::Path),
    setting("token_file", Kind::Path),
    setting("auth", Kind::Auth(METHODS)),
];

const METHODS: &[Method] = &[
    Method { name: "token", settings: &[setting("token_file", Kind::Path)] },
    Method {
        name: "approle",
        settings: &[
            setting("role_id_file", Kind::Path),
            setting("secret_id_file", Kind::Path),
            setting("role_id", Kind::Text),
            setting("wrapped", Kind::Boolean),
            setting("mount", Kind::Text),
        ],
    },
    Method {
        name: "kubernetes",
        settings: &[ROLE_AND_MOUNT[0], ROLE_AND_MOUNT[1], setting("token_file", Kind::Path)],
    },
    Method {
        name: "jwt",
        settings: &[ROLE_AND_MOUNT[0], ROLE_AND_MOUNT[1], setting("token_file", Kind::Path)],
    },
    Method { name: "cert", settings: &ROLE_AND_MOUNT },
    Method { name: "aws", settings: &ROLE_AND_MOUNT },
    Method {
        name: "userpass",
        settings: &[
            setting("username", Kind::Text),
            setting("password_file", Kind::Path),
            setting("mount", Kind::Text),
        ],
    },
];

/// Variables that hold a credential.
pub const CREDENTIAL_VARIABLES: &[&str] = &["VAULT_TOKEN", "VAULT_SECRET_ID", "VAULT_PASSWORD"];

/// `mount/path`, without `v1/` and without an address.
pub fn check_ref(path: &str) -> Result<(), String> {
    if path.contains("://") {
        return Err("a Vault ref is a path such as `secret/data/app/field`; the address belongs in `[providers.vault]`".into());
    }
    if path.starts_with('/') || path.starts_with("v1/") {
        return Err("a Vault ref begins with its mount, without `/` or `v1/`".into());
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("a Vault ref has no empty, `.` or `..` segment".into());
    }
    if !path.contains('/') {
        return Err("a Vault ref needs a mount and a path: `MOUNT/PATH/FIELD` or `MOUNT/PATH#FIELD`".into());
    }
    Ok(())
}
