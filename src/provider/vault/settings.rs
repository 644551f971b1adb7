//! What `[providers.vault]` takes, and what its refs look like. Data and pure checks.
//!
//! Settings follow the CLI's variables (`VAULT_ADDR`, `VAULT_NAMESPACE`, `VAULT_CACERT`, …) and the
//! login endpoints of the API documentation; every credential can come from a file.

use crate::provider::DocumentRef;
use crate::provider::settings::{Method, RefForm, Setting, SettingType, setting};

use super::cli_form::{OWN, is_of_kv, refuses_parameters};

const ROLE: Setting = setting("role", SettingType::Text, "role to log in to");
const MOUNT: Setting =
    setting("mount", SettingType::Text, "where the method is mounted, when not under its own name");
const LOGIN_NAMESPACE: Setting = setting(
    "namespace",
    SettingType::Text,
    "namespace of the login, when it is not the section's; nothing for the root",
);
const TOKEN_FILE: Setting = setting("token_file", SettingType::Path, "file with a token");
const JWT_FILE: Setting =
    setting("token_file", SettingType::Path, "file with the signed token to log in with");
const ROLE_AND_MOUNT: [Setting; 3] = [ROLE, MOUNT, LOGIN_NAMESPACE];
const JWT: [Setting; 4] = [ROLE, MOUNT, LOGIN_NAMESPACE, JWT_FILE];

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("address", SettingType::AddressOrSocket, "address of the server, or an agent's socket"),
    setting(
        "addresses",
        SettingType::Addresses,
        "addresses of a cluster's servers, instead of `address`; tried in turn",
    ),
    setting("namespace", SettingType::Text, "namespace, of Enterprise and OpenBao"),
    setting(
        "ca_cert",
        SettingType::Path,
        "certificates that sign the server's, PEM; a file or a directory of them",
    ),
    setting(
        "tls_server_name",
        SettingType::Text,
        "name in the server's certificate, when it is not the address's host",
    ),
    setting("client_cert", SettingType::Path, "certificate that kz shows the server, PEM"),
    setting("client_key", SettingType::Path, "its key, PEM"),
    TOKEN_FILE,
    setting("auth", SettingType::Auth(METHODS), "how kz proves who it is"),
];

const METHODS: &[Method] = &[
    Method {
        name: "token",
        about: "a token that somebody else got",
        settings: &[
            TOKEN_FILE,
            setting(
                "wrapped",
                SettingType::Boolean,
                "whether it is a response-wrapping token with the token in it",
            ),
        ],
    },
    Method { name: "none", settings: &[], about: "no token: a Vault Agent or proxy in between adds its own" },
    Method {
        name: "approle",
        about: "a role id, and a secret id unless the role binds none",
        settings: &[
            setting("role_id_file", SettingType::Path, "file with the role id"),
            setting("secret_id_file", SettingType::Path, "file with the secret id"),
            setting("role_id", SettingType::Text, "the role id itself, which is no secret"),
            setting("wrapped", SettingType::Boolean, "whether the secret id is a response-wrapping token"),
            MOUNT,
            LOGIN_NAMESPACE,
        ],
    },
    Method { name: "kubernetes", about: "the pod's service account", settings: &JWT },
    Method { name: "jwt", about: "a signed token, as of a CI system", settings: &JWT },
    Method { name: "cert", settings: &ROLE_AND_MOUNT, about: "the TLS certificate of `client_cert`" },
    Method {
        name: "aws",
        about: "the AWS identity of where kz runs",
        settings: &[
            ROLE,
            MOUNT,
            LOGIN_NAMESPACE,
            setting(
                "region",
                SettingType::Text,
                "region of the STS endpoint that the identity is signed for",
            ),
            setting(
                "server_id",
                SettingType::Text,
                "value of X-Vault-AWS-IAM-Server-ID, where the server asks for it",
            ),
        ],
    },
    Method {
        name: "userpass",
        about: "a user and a password",
        settings: &[
            setting("username", SettingType::Text, "the user"),
            setting("password_file", SettingType::Path, "file with the password"),
            MOUNT,
            LOGIN_NAMESPACE,
        ],
    },
];

/// Variables that hold a credential, or name whose it is: kz's own identity goes with what proves it. `VAULT_ROLE` is a
/// pointer that an app may use too, as `AWS_ROLE_ARN` is.
pub const CREDENTIAL_VARIABLES: &[&str] = &[
    TOKEN_VARIABLE,
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_USERNAME",
    "VAULT_PASSWORD",
    "VAULT_CLIENT_KEY_BYTES",
    "BAO_TOKEN",
    "BAO_ROLE_ID",
    "BAO_SECRET_ID",
    "BAO_USERNAME",
    "BAO_PASSWORD",
    "BAO_CLIENT_KEY_BYTES",
];

/// The variables that say where the server is: of each group the first that is set counts, also where it is set to nothing.
pub const ADDRESS_VARIABLES: &[&[&str]] =
    &[&["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR"], &["BAO_ADDR", "VAULT_ADDR"]];

/// The variable that holds a token.
pub(super) const TOKEN_VARIABLE: &str = "VAULT_TOKEN";

/// Where a login method is mounted, below `auth/`, which is what the CLI shows and many write too.
pub(super) fn login_mount(written: &str) -> &str {
    let mount = written.trim_matches('/');
    mount.strip_prefix("auth/").unwrap_or(mount)
}

/// Refs.
pub const REF: RefForm =
    RefForm { pattern: "^(?!v1/)(?![^#]*://)[^/]+/[^/]", example: "secret/data/prod/database/password" };

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

/// What is made of parameters has no versions, and is no document of KV's, which a POST would write.
pub fn check_request(document: &DocumentRef) -> Result<(), String> {
    if document.version.is_some() {
        return Err(
            "`request` has no meaning beside `version`: what is made now is no version of anything".into()
        );
    }
    let what = match document.path.as_str() {
        path if is_of_kv(path) => "KV version 2",
        path if OWN.iter().any(|start| path.starts_with(start)) => "an endpoint of the server's own",
        _ => return Ok(()),
    };
    Err(format!("`request` does not go with this ref: {}", refuses_parameters(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_may_be_written_as_the_cli_shows_it() {
        for (written, mount) in [
            ("approle", "approle"),
            ("auth/ci", "ci"),
            ("/auth/ci/", "ci"),
            ("jwt/cel", "jwt/cel"),
            ("auth", "auth"),
        ] {
            assert_eq!(login_mount(written), mount, "{written}");
        }
    }
}
