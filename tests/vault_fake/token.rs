//! Tokens: <https://developer.hashicorp.com/vault/api-docs/auth/token>. A token's end is the end of its leases.

use serde_json::{Value, json};

use super::api::Call;
use super::reply::Reply;
use super::vault::Vault;

/// Who somebody is.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) namespace: String,
    pub(crate) policies: Vec<String>,
    /// The token that made it, whose end is its own.
    pub(crate) parent: Option<String>,
}

/// What every token may do with itself. `None`: it is about something else.
pub(crate) fn own(vault: &mut Vault, call: &Call, name: &str, held: &Token) -> Option<Reply> {
    match (call.path.as_str(), call.method.as_str()) {
        ("auth/token/lookup-self", "GET") => Some(Reply::data(description(name, held))),
        ("auth/token/renew-self", "POST" | "PUT") => Some(auth(name, held)),
        ("auth/token/revoke-self", "POST" | "PUT") => {
            revoke(vault, name);
            Some(Reply::no_content())
        }
        ("auth/token/create", "POST" | "PUT") if held.policies.iter().any(|policy| policy == "root") => {
            let wanted = call.body["policies"].as_array().into_iter().flatten();
            let policies = wanted.filter_map(|policy| policy.as_str().map(str::to_owned)).collect();
            let child = Token { namespace: call.namespace.clone(), policies, parent: Some(name.to_owned()) };
            let name = vault.issue(child.clone());
            Some(auth(&name, &child))
        }
        _ => None,
    }
}

/// What a login answers.
pub(crate) fn auth(name: &str, held: &Token) -> Reply {
    let auth = json!({
        "client_token": name,
        "accessor": format!("accessor-of-{}", name.trim_start_matches("hvs.")),
        "policies": held.policies,
        "token_policies": held.policies,
        "metadata": {},
        "lease_duration": 3600,
        "renewable": true,
        "entity_id": "",
        "token_type": "service",
        "orphan": held.parent.is_none(),
        "num_uses": 0,
    });
    Reply::envelope(200, &[("auth", auth)])
}

fn description(name: &str, held: &Token) -> Value {
    json!({ "id": name, "policies": held.policies, "ttl": 3600, "creation_ttl": 3600, "renewable": true,
            "orphan": held.parent.is_none(), "type": "service", "num_uses": 0, "meta": null, "path": "auth/token/create" })
}

fn revoke(vault: &mut Vault, name: &str) {
    vault.tokens.remove(name);
    vault.leases.retain(|_, lease| lease.token != name);
    let children = vault.tokens.iter().filter(|(_, token)| token.parent.as_deref() == Some(name));
    for child in children.map(|(child, _)| child.clone()).collect::<Vec<_>>() {
        revoke(vault, &child);
    }
}
