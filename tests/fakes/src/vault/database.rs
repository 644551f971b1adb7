//! Dynamic credentials and their leases: <https://developer.hashicorp.com/vault/api-docs/secret/databases>
//! and `system/leases`. Each read is a new user with a lease of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api::Call;
use super::reply::Reply;
use super::state::{Engine, Vault};

/// The roles of a mount.
#[derive(Default)]
pub struct Roles {
    dynamic: BTreeSet<String>,
    /// In how many seconds the password of each is changed.
    fixed: BTreeMap<String, u64>,
}

/// One user for a while.
pub struct Lease {
    /// Whose it is.
    pub token: String,
    path: String,
    duration: u64,
    renewed: bool,
}

const DURATION: u64 = 3600;

impl Lease {
    /// One that was just given to the holder of a token.
    pub fn new(token: &str, path: &str, duration: u64) -> Self {
        Self { token: token.to_owned(), path: path.to_owned(), duration, renewed: false }
    }
}

impl Vault {
    /// A role, at the mount `database`.
    pub fn database_role(&mut self, namespace: &str, role: &str) {
        match self.space(namespace).engines.get_mut("database") {
            Some(Engine::Database(roles)) => roles.dynamic.insert(role.to_owned()),
            _ => panic!("`database` is another engine"),
        };
    }

    /// A role whose password the server changes by itself, in so many seconds.
    pub fn static_role(&mut self, namespace: &str, role: &str, ttl: u64) {
        match self.space(namespace).engines.get_mut("database") {
            Some(Engine::Database(roles)) => roles.fixed.insert(role.to_owned(), ttl),
            _ => panic!("`database` is another engine"),
        };
    }
}

/// A credential, where the path is one of a role's; `path` is below the mount, `call.path` from its beginning.
pub fn credentials(
    roles: &Roles,
    leases: &mut BTreeMap<String, Lease>,
    call: &Call,
    path: &str,
    token: &str,
    serial: &mut u64,
) -> Reply {
    if let Some(role) = path.strip_prefix("static-creds/").filter(|_| call.method == "GET") {
        return fixed(roles, role);
    }
    let Some(role) = path.strip_prefix("creds/").filter(|role| !role.is_empty()) else {
        return Reply::unsupported_path();
    };
    if call.method != "GET" {
        return Reply::unsupported();
    }
    if !roles.dynamic.contains(role) {
        return Reply::error(400, &[&format!("unknown role: {role}")]);
    }
    *serial += 1;
    let lease = format!("{}/{serial}", call.path);
    leases.insert(lease.clone(), Lease::new(token, &call.path, DURATION));
    let data = json!({ "username": format!("v-{role}-{serial}"), "password": format!("generated-{serial}") });
    let members = [
        ("data", data),
        ("lease_id", Value::from(lease)),
        ("lease_duration", DURATION.into()),
        ("renewable", true.into()),
    ];
    Reply::envelope(200, &members)
}

/// The password that a static role has now. Nobody is lent it.
fn fixed(roles: &Roles, role: &str) -> Reply {
    let Some(ttl) = roles.fixed.get(role) else {
        return Reply::error(400, &[&format!("unknown role: {role}")]);
    };
    Reply::data(json!({ "username": "stat", "password": "kept", "ttl": ttl, "rotation_period": 86_400,
        "last_vault_rotation": "2026-11-25T12:00:00.000000001Z" }))
}

/// `sys/leases/…`; `None` for anything else.
pub fn leases(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let action = call.path.strip_prefix("sys/leases/")?;
    let (action, named) = action.split_once('/').unwrap_or((action, ""));
    if !["lookup", "renew", "revoke"].contains(&action) {
        return None;
    }
    if !["POST", "PUT"].contains(&call.method.as_str()) {
        return Some(Reply::unsupported());
    }
    let name = if named.is_empty() { call.text("lease_id").to_owned() } else { named.to_owned() };
    if name.is_empty() {
        return Some(Reply::error(400, &["lease_id must be specified"]));
    }
    Some(match action {
        "lookup" => vault.leases.get(&name).map_or_else(
            || Reply::error(400, &["invalid lease"]),
            |lease| Reply::data(description(&name, lease)),
        ),
        "renew" => match vault.leases.get_mut(&name) {
            Some(lease) => renew(&name, lease, &call.body["increment"]),
            None => Reply::error(400, &["lease not found"]),
        },
        // Of one that is none too.
        _ => {
            vault.leases.remove(&name);
            if call.body["sync"] == false { Reply { status: 202, body: None } } else { Reply::no_content() }
        }
    })
}

fn description(name: &str, lease: &Lease) -> Value {
    let renewal = if lease.renewed { "2026-11-25T12:30:00.000000001Z".into() } else { Value::Null };
    json!({ "id": name, "path": lease.path, "ttl": lease.duration, "renewable": true, "last_renewal": renewal,
            "issue_time": "2026-11-25T12:00:00.000000001Z", "expire_time": "2026-11-25T13:00:00.000000001Z" })
}

/// From now on as long as was asked for, also where that is less than what is left.
fn renew(name: &str, lease: &mut Lease, increment: &Value) -> Reply {
    lease.duration = increment.as_u64().filter(|seconds| *seconds > 0).unwrap_or(DURATION);
    lease.renewed = true;
    let members = [
        ("lease_id", Value::from(name)),
        ("lease_duration", lease.duration.into()),
        ("renewable", true.into()),
    ];
    Reply::envelope(200, &members)
}
