//! Why Vault refuses a login, and why an engine makes no answer: the words of their own checks, and what kz says of them.
//!
//! A flat table: what a server answers stands in it as a few phrases that have to be there together, in lower case, and
//! never leaves it. The phrases are those of recorded replies (`OpenBao`) and of the API documentation.

use crate::provider::FailureKind;

/// One reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    phrases: &'static [&'static str],
    pub(super) kind: FailureKind,
    /// Whether it is worth another try.
    pub(super) passes: bool,
    /// The cause.
    pub(super) words: &'static str,
    /// What to type next; `MOUNT` stands for where the method or the engine is mounted, `PATH` for what was asked for.
    pub(super) hint: &'static str,
}

const fn denied(phrases: &'static [&'static str], words: &'static str, hint: &'static str) -> Refusal {
    Refusal { phrases, kind: FailureKind::Denied, passes: false, words, hint }
}

const fn not_set_up(phrases: &'static [&'static str], words: &'static str, hint: &'static str) -> Refusal {
    Refusal { phrases, kind: FailureKind::Misconfigured, passes: false, words, hint }
}

/// What stands behind the server fails, or is not ready yet.
const fn failing(phrases: &'static [&'static str], words: &'static str, hint: &'static str) -> Refusal {
    Refusal { phrases, kind: FailureKind::ServerFailed, passes: true, words, hint }
}

const NO_ROLE: &str = "the server has no such role";
const ROLES: &str = "is `role` spelt right? `vault list auth/MOUNT/role` names the roles";
const NEW_SECRET_ID: &str = "a secret id ends after a time or a number of logins, as its role says: `vault write -f auth/MOUNT/role/ROLE/secret-id` \
     makes a new one, and `vault read auth/MOUNT/role/ROLE/role-id` tells the role id";
const UNCONFIGURED: &str = "the login method is mounted and was never configured";
const CONFIGURE: &str = "an administrator configures it: `vault write auth/MOUNT/config …`";
const COMPARE: &str = "compare the token's claims with the role: `vault read auth/MOUNT/role/ROLE`";
const CERTIFICATE: &str = "the certificate is none that a role of this login admits";
const DATABASE_AWAY: &str = "the engine does not reach the database behind it";
const DATABASE_UP: &str =
    "is the database up, and does the server reach it? kz does not connect to it itself";
const RULE: &str = "the role's own rule cannot be evaluated on the signed token";
const ROLE_REFUSES: &str = "the role does not allow a value in `request`";
const ALLOWED: &str = "an administrator sees what it allows: `vault read MOUNT/roles/ROLE`";
const LACKS: &str = "the engine wants a parameter that `request` does not have";
const PARAMETERS: &str = "`vault path-help PATH` tells the names and what each takes";
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
    denied(
        &["invalid role or secret id"],
        "the server does not accept this role id with this secret id",
        NEW_SECRET_ID,
    ),
    denied(&["invalid secret id"], "the secret id is wrong, or has ended", NEW_SECRET_ID),
    denied(
        &["invalid role id"],
        "the server has no such role id",
        "`vault read auth/MOUNT/role/ROLE/role-id` tells the id of a role",
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
    denied(&["no issued at (iat)"], "the signed token has neither `iat` nor `nbf` nor `exp`", COMPARE),
    not_set_up(&["cel auth program failed"], RULE, COMPARE),
    not_set_up(&["cel program", "unexpected type"], RULE, COMPARE),
    denied(
        &["had one use left"],
        "the token had one use left, so the server took the credential back that it had made",
        "let the token be used once more (`num_uses`), or the tokens of its role (`token_num_uses`)",
    ),
    not_set_up(
        &["failed to find entry for connection"],
        "the role's database is not configured in the engine",
        "an administrator configures it: the role's `db_name` names a connection that is not there",
    ),
    not_set_up(
        &["failed to execute query", "(sqlstate 42"],
        "the database does not understand the statements of this role, or does not permit them",
        "an administrator corrects the role's `creation_statements`",
    ),
    failing(&["unable to start transaction"], DATABASE_AWAY, DATABASE_UP),
    failing(&["failed to connect to"], DATABASE_AWAY, DATABASE_UP),
    failing(
        &["failed to execute query"],
        "the database behind the engine fails at the role's statements, or takes too long",
        "an administrator looks into the database's log, and at the role's `creation_statements`",
    ),
    failing(
        &["failed to create a new user"],
        "the engine cannot make a user: what is behind it is away, or refuses the engine's own credential",
        "an administrator looks whether the engine's connection works",
    ),
    failing(
        &["upgrading from non-versioned"],
        "the mount is being upgraded to KV version 2",
        "it takes as long as it has documents: give it longer with `--timeout 120s`",
    ),
    Refusal {
        phrases: &["failed to get the response"],
        kind: FailureKind::Unreachable,
        passes: true,
        words: "the proxy before the server does not reach it",
        hint: "is the server up, and is the address right that the proxy is configured with?",
    },
    failing(
        &["internal error"],
        "the server has an error inside",
        "its log says which: an audit device that cannot be written to, for one, fails every request",
    ),
    not_set_up(
        &["no entity associated"],
        "the token belongs to no entity, which this path is about",
        "log in by a method, instead of with a token that was made by hand",
    ),
    not_set_up(&["role \\\"", "\\\" not found"], NO_ROLE, "is it spelt right in the ref?"),
    not_set_up(
        &["no default issuer"],
        "the engine has no issuer yet",
        "an administrator makes or imports one in the engine",
    ),
    not_set_up(
        &["version does not exist"],
        "the key has no such version",
        "is the number at the end of the ref right? without it, it is the newest",
    ),
    not_set_up(
        &["not supported for the key"],
        "the key is of another kind than the path asks for",
        "correct the ref",
    ),
    not_set_up(&["unknown key"], "the engine has no such key", "is it spelt right in the ref?"),
    not_set_up(
        &["not exportable"],
        "the key was made never to leave the server",
        "an administrator makes one that may: `exportable=true`",
    ),
    not_set_up(&["not allowed by this role"], "the role does not allow a name in `request`", ALLOWED),
    not_set_up(
        &["notafter", "beyond the expiration"],
        "the certificate would be valid for longer than its issuer",
        "ask for less: `ttl = \"24h\"` in `request`; an administrator renews the issuer",
    ),
    not_set_up(&["not on allowed list"], ROLE_REFUSES, ALLOWED),
    not_set_up(&["common_name field is required"], LACKS, PARAMETERS),
    not_set_up(&["\"missing ip\""], LACKS, PARAMETERS),
    not_set_up(&["missing public_key"], LACKS, PARAMETERS),
    not_set_up(&["missing ciphertext"], LACKS, PARAMETERS),
    not_set_up(&["contains no data"], LACKS, PARAMETERS),
    not_set_up(
        &["got unconvertible type"],
        "a parameter of `request` is a list or a table, where the engine takes one text",
        "write several as one, with commas: `alt_names = \"a.internal,b.internal\"`; `vault path-help PATH` tells what each takes",
    ),
    not_set_up(&["failed to parse public_key"], "the engine takes a parameter in another form", PARAMETERS),
    not_set_up(
        &["cubbyhole operations"],
        "a batch token has no cubbyhole",
        "give kz a service token, or put the secret into another engine",
    ),
];

impl Refusal {
    /// The reason in this text, which is in lower case.
    pub(super) fn of(text: &str) -> Option<&'static Self> {
        TABLE.iter().find(|refusal| refusal.phrases.iter().all(|phrase| text.contains(phrase)))
    }
}
