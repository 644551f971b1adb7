//! Response wrapping: <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>. Each token opens once.

use serde_json::json;

use super::api::Call;
use super::reply::Reply;
use super::vault::{Vault, Wrapped};

/// The reply, put into a new wrapping token.
pub(crate) fn wrap(vault: &mut Vault, call: &Call, ttl: u64, reply: Reply) -> Reply {
    let token = format!("hvs.wrapping-{}", vault.next());
    let info = json!({ "token": token, "accessor": "accessor-of-wrapping", "ttl": ttl,
                       "creation_time": "2026-11-25T12:00:00Z", "creation_path": call.path });
    let body = reply.body.unwrap_or_default();
    vault.wrapped.insert(token, Wrapped { body, path: call.path.clone(), ttl });
    Reply::envelope(200, &[("wrap_info", info)])
}

/// The wrapping token is the client's own, or named in the body of one who has another.
fn named(call: &Call) -> String {
    let named = call.body["token"].as_str().map(str::to_owned);
    named.or_else(|| call.token.clone()).unwrap_or_default()
}

pub(crate) fn unwrap(vault: &mut Vault, call: &Call) -> Reply {
    if !["POST", "PUT"].contains(&call.method.as_str()) {
        return Reply::unsupported();
    }
    let body = vault.wrapped.remove(&named(call)).map(|wrapped| wrapped.body);
    body.map_or_else(none, |body| Reply { status: 200, body: Some(body) })
}

pub(crate) fn lookup(vault: &mut Vault, call: &Call) -> Reply {
    vault.wrapped.get(&named(call)).map_or_else(none, |wrapped| {
        Reply::data(json!({ "creation_path": wrapped.path, "creation_ttl": wrapped.ttl,
                            "creation_time": "2026-11-25T12:00:00Z" }))
    })
}

fn none() -> Reply {
    Reply::error(400, &["wrapping token is not valid or does not exist"])
}
