//! What a request leaves behind at the server, and so how often it may be sent.
//!
//! Pure. A read of a dynamic engine makes an account, in a cloud or a database; one whose answer is lost stays there and
//! nobody has it. So what may make one is sent once, unless it is known that it does not: from the form of its path, or
//! since kz has looked what is mounted there (`mounts.rs`). A login makes a token, which ends by itself: it is sent again.

use ::http::Method;

use crate::http::Sending;
use crate::provider::vault::cli_form::OWN;

/// What stands in paths below any mount whose reads make nothing: documents of KV version 2, and passwords that the server
/// changes by itself.
const HARMLESS_INSIDE: &[&str] = &["/data/", CHANGED_INSIDE];
/// What stands in paths of passwords that the server changes by itself: `static-creds/` of databases, `static-cred/` of LDAP.
const CHANGED_INSIDE: &str = "/static-cred";

/// Engines whose reads make nothing.
const KEEPERS: &[&str] = &["kv", "generic", "cubbyhole", "system", "identity"];

/// Whether reads of an engine of this type make nothing.
pub(super) fn is_keeper(engine: &str) -> bool {
    KEEPERS.contains(&of_any_namespace(engine))
}

/// A type without what says that it is of a namespace.
fn of_any_namespace(engine: &str) -> &str {
    engine.strip_prefix("ns_").unwrap_or(engine)
}

/// Whether an engine of this type is the server's own, of a namespace too: what it is asked for with parameters changes the
/// server, or makes tokens.
pub(super) fn is_of_server(engine: &str) -> bool {
    matches!(of_any_namespace(engine), "system" | "token" | "identity" | "cubbyhole")
}

/// Engines that compute what they answer, and keep nothing of it.
const COMPUTERS: &[&str] = &["transit"];

/// Whether what an engine of this type is asked for with parameters leaves nothing behind.
pub(super) fn is_computer(engine: &str) -> bool {
    COMPUTERS.contains(&engine)
}

/// Whether a path may be that of a password that the server changes by itself.
pub(super) fn may_be_changed(path: &str) -> bool {
    path.contains(CHANGED_INSIDE)
}

/// Whether a path is one of the API's own.
pub(super) fn is_own(path: &str) -> bool {
    OWN.iter().any(|start| path.starts_with(start))
}

/// How a request for this path, without `/v1/`, may be sent.
pub(super) fn sending(method: &Method, path: &str) -> Sending {
    if *method != Method::GET {
        // The API's own make what ends by itself, or nothing; an engine makes what it is asked for.
        return if is_own(path) { Sending::Slow } else { Sending::Once };
    }
    let is_harmless = is_own(path) || HARMLESS_INSIDE.iter().any(|part| path.contains(part));
    if is_harmless { Sending::Repeatable } else { Sending::Once }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_engines_are_known_in_each_namespace() {
        for engine in ["system", "ns_system", "token", "ns_token", "ns_identity", "ns_cubbyhole"] {
            assert!(is_of_server(engine), "{engine}");
            assert_eq!(is_keeper(engine), !engine.ends_with("token"), "{engine}");
        }
        for engine in ["pki", "ssh", "kubernetes", "transit", "ns_", "tokens"] {
            assert!(!is_of_server(engine), "{engine}");
        }
    }

    #[test]
    fn what_may_make_a_credential_is_sent_once() {
        let get = |path| sending(&Method::GET, path);
        for path in
            ["database/creds/app", "aws/creds/deploy", "aws/sts/deploy", "rabbitmq/creds/app", "kv/app"]
        {
            assert_eq!(get(path), Sending::Once, "{path}");
        }
        for path in [
            "secret/data/app",
            "team/kv/data/a/b",
            "database/static-creds/app",
            "sys/seal-status",
            "sys/internal/ui/mounts/database/creds/app",
            "identity/oidc/token/app",
        ] {
            assert_eq!(get(path), Sending::Repeatable, "{path}");
        }
        for path in ["auth/approle/login", "sys/wrapping/unwrap"] {
            assert_eq!(sending(&Method::POST, path), Sending::Slow, "{path}");
        }
        for path in ["pki/issue/app", "ssh/creds/otp", "kubernetes/creds/app", "team/data/pki/issue/app"] {
            assert_eq!(sending(&Method::POST, path), Sending::Once, "{path}");
        }
    }
}
