//! Dynamic credentials and their leases: <https://developer.hashicorp.com/vault/api-docs/secret/databases>
//! and `system/leases`. Each read is a new user with a lease of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api::Call;
use super::reply::Reply;
use super::vault::{Engine, Vault};

/// The roles of a mount.
#[derive(Default)]
pub(crate) struct Roles(BTreeSet<String>);

/// One user for a while.
pub(crate) struct Lease {
    /// Whose it is.
    pub(crate) token: String,
    duration: u64,
}

const DURATION: u64 = 3600;

impl Vault {
    /// A role, at the mount `database`.
    pub fn database_role(&mut self, namespace: &str, role: &str) {
        match self.space(namespace).engines.get_mut("database") {
            Some(Engine::Database(roles)) => roles.0.insert(role.to_owned()),
            _ => panic!("`database` is another engine"),
        };
    }
}

pub(crate) fn credentials(
    roles: &Roles,
    leases: &mut BTreeMap<String, Lease>,
    call: &Call,
    mount: &str,
    path: &str,
    token: &str,
    serial: &mut u64,
) -> Reply {
    let Some(role) = path.strip_prefix("creds/").filter(|_| call.method == "GET") else {
        return Reply::unsupported();
    };
    if !roles.0.contains(role) {
        let text = format!("1 error occurred:\n\t* unknown role: {role}\n\n");
        return Reply::error(400, &[&text]);
    }
    *serial += 1;
    let lease = format!("{mount}/creds/{role}/{serial}");
    leases.insert(lease.clone(), Lease { token: token.to_owned(), duration: DURATION });
    let data = json!({ "username": format!("v-{role}-{serial}"), "password": format!("generated-{serial}") });
    let members = [
        ("data", data),
        ("lease_id", Value::from(lease)),
        ("lease_duration", DURATION.into()),
        ("renewable", true.into()),
    ];
    Reply::envelope(200, &members)
}

/// `sys/leases/…`; `None` for anything else.
pub(crate) fn leases(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let action = call.path.strip_prefix("sys/leases/")?;
    let name = call.text("lease_id");
    let Some(lease) = vault.leases.get(name) else { return Some(Reply::error(400, &["invalid lease"])) };
    let duration = lease.duration;
    match action {
        "lookup" => Some(Reply::data(json!({ "id": name, "ttl": duration, "renewable": true }))),
        "renew" => {
            let members = [
                ("lease_id", Value::from(name)),
                ("lease_duration", duration.into()),
                ("renewable", true.into()),
            ];
            Some(Reply::envelope(200, &members))
        }
        "revoke" => {
            vault.leases.remove(name);
            Some(Reply::no_content())
        }
        _ => None,
    }
}
