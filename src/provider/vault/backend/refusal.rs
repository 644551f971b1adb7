//! Why Vault refuses a login: the words of each method's own checks, and what kz says of them.
//!
//! A flat table: what a server answers stands in it as a few phrases that have to be there together, in lower case, and
//! never leaves it. The phrases are those of recorded replies (`OpenBao`) and of the API documentation.

use crate::provider::FailureKind;

/// One reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    phrases: &'static [&'static str],
    pub(super) kind: FailureKind,
    /// The cause.
    pub(super) words: &'static str,
    /// What to type next; `MOUNT` stands for where the method is mounted.
    pub(super) hint: &'static str,
}

const fn denied(phrases: &'static [&'static str], words: &'static str, hint: &'static str) -> Refusal {
    Refusal { phrases, kind: FailureKind::Denied, words, hint }
}

const fn not_set_up(phrases: &'static [&'static str], words: &'static str, hint: &'static str) -> Refusal {
    Refusal { phrases, kind: FailureKind::Misconfigured, words, hint }
}

const NO_ROLE: &str = "the server has no such role";
const ROLES: &str = "is `role` spelt right? `vault list auth/MOUNT/role` names the roles";
const UNCONFIGURED: &str = "the login method is mounted and was never configured";
const CONFIGURE: &str = "an administrator configures it: `vault write auth/MOUNT/config …`";
const COMPARE: &str = "compare the token's claims with the role: `vault read auth/MOUNT/role/ROLE`";
const CERTIFICATE: &str = "the certificate is none that a role of this login admits";
const CERTIFICATES: &str = "an administrator sees whom it admits: `vault list auth/MOUNT/certs`";

/// The first that fits is the reason, so what says more comes before what says less.
const TABLE: &[Refusal] = &[
    not_set_up(&["invalid role name"], NO_ROLE, ROLES),
    not_set_up(&["role \\\"", "could not be found"], NO_ROLE, ROLES),
    not_set_up(&["entry for role", "not found"], NO_ROLE, ROLES),
    not_set_up(&["\"missing role\""], "the login names no role", "write `role = \"…\"` in `auth`"),
    not_set_up(
        &["missing secret_id"],
        "this role wants a secret id beside the role id",
        "give kz one: `secret_id_file = \"…\"` in `auth`, or VAULT_SECRET_ID_FILE",
    ),
    not_set_up(&["could not load configuration"], UNCONFIGURED, CONFIGURE),
    not_set_up(&["could not load backend configuration"], UNCONFIGURED, CONFIGURE),
    denied(
        &["cidr restrictions"],
        "this credential may not be used from this machine's address",
        "an administrator sees the networks: `bound_cidrs` of the role and of the secret id",
    ),
    denied(
        &["token is expired"],
        "the signed token has expired",
        "is the file renewed, and are the clocks of both machines right?",
    ),
    denied(
        &["token not yet valid"],
        "the signed token is not valid yet",
        "are the clocks of both machines right?",
    ),
    denied(&["audience"], "the role does not admit the signed token's audience (`aud`)", COMPARE),
    denied(&["(iss)"], "the signed token is of another issuer (`iss`)", COMPARE),
    denied(&["(sub)"], "the role does not admit the signed token's subject (`sub`)", COMPARE),
    denied(&["error validating claims"], "a claim of the signed token is not as the role demands", COMPARE),
    denied(&["claim", "not found in token"], "the signed token lacks a claim that the role needs", COMPARE),
    denied(&["blocked authorization"], "the role's own rule refuses the signed token", COMPARE),
    denied(
        &["service account name not authorized"],
        "the role does not admit this service account's name",
        COMPARE,
    ),
    denied(
        &["namespace not authorized"],
        "the role does not admit this service account's namespace",
        COMPARE,
    ),
    denied(
        &["fetching keys"],
        "the server cannot fetch the keys that the signed token is checked with",
        "an administrator sees from where: `vault read auth/MOUNT/config`",
    ),
    denied(
        &["jws format"],
        "what kz was given is no signed token",
        "does `token_file` name the file that holds it?",
    ),
    denied(
        &["verifying token signature"],
        "the signed token is signed by nobody whom this login trusts",
        "an administrator sees by whom: `vault read auth/MOUNT/config`",
    ),
    denied(
        &["no client certificate found"],
        "the server saw no client certificate",
        "is there a proxy before Vault that ends TLS?",
    ),
    denied(&["no chain matching all constraints"], CERTIFICATE, CERTIFICATES),
    denied(&["invalid certificate"], CERTIFICATE, CERTIFICATES),
];

impl Refusal {
    /// The reason in this text, which is in lower case.
    pub(super) fn of(text: &str) -> Option<&'static Self> {
        TABLE.iter().find(|refusal| refusal.phrases.iter().all(|phrase| text.contains(phrase)))
    }
}
