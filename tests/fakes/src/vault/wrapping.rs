//! Response wrapping: <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>. Each token opens once,
//! and any other request with it spends it too.

use serde_json::{Value, json};

use super::api::Call;
use super::reply::Reply;
use super::state::{Vault, Wrapped};

/// The reply, put into a new wrapping token.
pub fn wrap(vault: &mut Vault, call: &Call, ttl: u64, reply: Reply) -> Reply {
    let token = format!("hvs.wrapping-{}", vault.number());
    let mut info = json!({ "token": token, "accessor": "accessor-of-wrapping", "ttl": ttl,
                           "creation_time": "2026-11-25T12:00:00Z", "creation_path": call.path });
    let body = reply.body.unwrap_or_default();
    for accessor in [&body["auth"]["accessor"], &body["data"]["secret_id_accessor"]] {
        if accessor.is_string() {
            info["wrapped_accessor"] = accessor.clone();
        }
    }
    vault.wrapped.insert(token, Wrapped { body, path: call.path.clone(), ttl });
    Reply::envelope(200, &[("request_id", "".into()), ("wrap_info", info)])
}

/// `sys/wrapping/unwrap` and `lookup`, and whatever else is asked with a wrapping token. `None` for anything else.
pub fn answer(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let given = call.token.clone().unwrap_or_default();
    let named = call.body["token"].as_str().map(str::to_owned);
    let writes = ["POST", "PUT"].contains(&call.method.as_str());
    match call.path.as_str() {
        "sys/wrapping/lookup" => Some(lookup(vault, &named.unwrap_or(given))),
        "sys/wrapping/unwrap" if writes => Some(match named {
            // Named in the body, it needs somebody who has a token.
            Some(_) if !vault.tokens.contains_key(&given) => Reply::no_token(),
            Some(named) => unwrap(vault, &named),
            None if given.is_empty() => {
                Reply::error(403, &["error validating wrapping token: token is empty"])
            }
            None => unwrap(vault, &given),
        }),
        _ => vault.wrapped.remove(&given).map(|_| Reply::denied()),
    }
}

fn unwrap(vault: &mut Vault, token: &str) -> Reply {
    let body: Option<Value> = vault.wrapped.remove(token).map(|wrapped| wrapped.body);
    body.map_or_else(none, |body| Reply { status: 200, body: Some(body) })
}

fn lookup(vault: &Vault, token: &str) -> Reply {
    vault.wrapped.get(token).map_or_else(none, |wrapped| {
        Reply::data(json!({ "creation_path": wrapped.path, "creation_ttl": wrapped.ttl,
                            "creation_time": "2026-11-25T12:00:00Z" }))
    })
}

fn none() -> Reply {
    Reply::error(400, &["wrapping token is not valid or does not exist"])
}
