//! Tokens: <https://developer.hashicorp.com/vault/api-docs/auth/token>. A token's end is the end of its leases.
//!
//! One that has ended is none: the server says of both the same.

use serde_json::{Value, json};

use super::api::Call;
use super::reply::Reply;
use super::state::Vault;

/// Who somebody is.
#[derive(Clone, Debug)]
pub struct Token {
    pub namespace: String,
    pub policies: Vec<String>,
    /// The token that made it, whose end is its own.
    pub parent: Option<String>,
    pub kind: Kind,
    /// How many requests it is good for; nothing where that is not counted.
    pub uses: Option<u64>,
    /// How long it lives, in seconds.
    pub life: u64,
    /// How it came about.
    pub path: String,
    /// What a login knows of its bearer.
    pub metadata: Value,
}

/// How long a token lives of which nothing else was said.
pub const LIFE: u64 = 3600;

/// Whether a token is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Service,
    Batch,
}

impl Token {
    /// A service token as `auth/token/create` makes it.
    pub fn new(namespace: &str, policies: Vec<String>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            policies,
            parent: None,
            kind: Kind::Service,
            uses: None,
            life: LIFE,
            path: "auth/token/create".to_owned(),
            metadata: Value::Null,
        }
    }

    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == "root")
    }

    fn kind(&self) -> &'static str {
        if self.kind == Kind::Batch { "batch" } else { "service" }
    }
}

/// The name that administrators call a token by; batch tokens have none.
pub fn accessor(name: &str, held: &Token) -> String {
    if held.kind == Kind::Batch { String::new() } else { format!("accessor-of-{}", &name[4..]) }
}

/// What a token may do with itself, as far as its policies let it. `None`: it is about something else.
pub fn own(vault: &mut Vault, call: &Call, name: &str, held: &Token) -> Option<Reply> {
    let what = call.path.strip_prefix("auth/token/")?;
    let own = ["lookup-self", "renew-self", "revoke-self", "create"];
    own.contains(&what).then_some(())?;
    if !vault.allows_self(held, call) {
        return Some(Reply::denied());
    }
    let batch = held.kind == Kind::Batch;
    Some(match (what, call.method.as_str()) {
        ("lookup-self", "GET") => Reply::data(description(name, held)),
        ("renew-self", "POST" | "PUT") if batch => Reply::error(400, &["batch tokens cannot be renewed"]),
        ("renew-self", "POST" | "PUT") if held.is_root() => Reply::error(400, &["invalid lease ID"]),
        ("renew-self", "POST" | "PUT") => {
            let life = call.body["increment"].as_u64().unwrap_or(held.life);
            auth(name, &Token { life, ..held.clone() })
        }
        ("revoke-self", "POST" | "PUT") if batch => Reply::error(400, &["batch tokens cannot be revoked"]),
        ("revoke-self", "POST" | "PUT") => {
            vault.end(name);
            Reply::no_content()
        }
        ("create", "POST" | "PUT") => create(vault, call, name),
        _ => Reply::unsupported(),
    })
}

/// What another token does with one that it knows by its accessor only; `None` for anything else.
pub fn by_accessor(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let what = call.path.strip_prefix("auth/token/")?;
    if !["renew-accessor", "revoke-accessor"].contains(&what) {
        return None;
    }
    if !["POST", "PUT"].contains(&call.method.as_str()) {
        return Some(Reply::unsupported());
    }
    let wanted = call.text("accessor");
    let found = vault.tokens.iter().find(|(name, held)| accessor(name, held) == wanted);
    let Some((name, held)) = found.map(|(name, held)| (name.clone(), held.clone())) else {
        return Some(Reply::error(400, &["invalid accessor"]));
    };
    if what == "revoke-accessor" {
        vault.end(&name);
        return Some(Reply::no_content());
    }
    let life = call.body["increment"].as_u64().unwrap_or(held.life);
    let mut reply = auth(&name, &Token { life, ..held });
    if let Some(body) = &mut reply.body {
        // The token itself is not told.
        body["auth"]["client_token"] = "".into();
    }
    Some(reply)
}

fn create(vault: &mut Vault, call: &Call, parent: &str) -> Reply {
    let wanted = call.body["policies"].as_array().into_iter().flatten();
    let mut policies: Vec<String> = wanted.filter_map(|policy| policy.as_str().map(str::to_owned)).collect();
    if call.body["no_default_policy"] != true && !policies.contains(&"root".to_owned()) {
        policies.push("default".to_owned());
    }
    let kind = if call.text("type") == "batch" { Kind::Batch } else { Kind::Service };
    let child = Token {
        parent: Some(parent.to_owned()),
        kind,
        uses: call.body["num_uses"].as_u64().filter(|uses| *uses > 0),
        ..Token::new(&call.namespace, policies)
    };
    let name = vault.issue(child.clone());
    auth(&name, &child)
}

/// What a login answers.
pub fn auth(name: &str, held: &Token) -> Reply {
    let auth = json!({
        "client_token": name,
        "accessor": accessor(name, held),
        "policies": held.policies,
        "token_policies": held.policies,
        "metadata": held.metadata,
        "lease_duration": held.life,
        "renewable": held.kind == Kind::Service,
        "entity_id": "",
        "token_type": held.kind(),
        "orphan": held.parent.is_none(),
        "mfa_requirement": null,
        "num_uses": held.uses.unwrap_or(0),
    });
    Reply::envelope(200, &[("auth", auth)])
}

fn description(name: &str, held: &Token) -> Value {
    let root = held.is_root();
    let mut shown = json!({
        "accessor": accessor(name, held), "creation_time": 1_795_608_000, "creation_ttl": if root { 0 } else { held.life },
        "display_name": "token", "entity_id": "", "explicit_max_ttl": 0, "id": name, "meta": held.metadata,
        "num_uses": held.uses.unwrap_or(0), "orphan": held.parent.is_none(), "path": held.path,
        "policies": held.policies, "ttl": if root { 0 } else { held.life }, "type": held.kind(),
        "expire_time": if root { Value::Null } else { "2026-11-25T13:00:00.000000001Z".into() },
    });
    if !root {
        shown["issue_time"] = "2026-11-25T12:00:00.000000001Z".into();
        shown["renewable"] = (held.kind == Kind::Service).into();
    }
    if !held.namespace.is_empty() {
        shown["namespace_path"] = format!("{}/", held.namespace).into();
    }
    shown
}

impl Vault {
    /// Ends a token, what it made and what hangs on it.
    pub fn end(&mut self, name: &str) {
        self.tokens.remove(name);
        self.leases.retain(|_, lease| lease.token != name);
        let children = self.tokens.iter().filter(|(_, token)| token.parent.as_deref() == Some(name));
        for child in children.map(|(child, _)| child.clone()).collect::<Vec<_>>() {
            self.end(&child);
        }
    }

    /// Counts one use of a token; whether it was the last.
    pub fn spend(&mut self, name: &str) -> bool {
        let Some(uses) = self.tokens.get_mut(name).and_then(|token| token.uses.as_mut()) else {
            return false;
        };
        *uses -= 1;
        *uses == 0
    }

    /// `POST sys/capabilities-self`.
    pub fn capabilities(&self, held: &Token, call: &Call) -> Reply {
        let named = call.body["paths"].as_array().cloned().unwrap_or_default();
        let paths: Vec<Value> = if named.is_empty() { vec![call.body["path"].clone()] } else { named };
        let paths: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
        if paths.is_empty() {
            return Reply::error(400, &["paths must be supplied"]);
        }
        let shown =
            |path: &&str| ((*path).to_owned(), self.capabilities_of(held, &call.namespace, path).into());
        let mut data: serde_json::Map<String, Value> = paths.iter().map(shown).collect();
        if let [path] = &paths[..] {
            data.insert("capabilities".to_owned(), data[*path].clone());
        }
        let members: Vec<(&str, Value)> =
            data.iter().map(|(name, list)| (name.as_str(), list.clone())).collect();
        Reply::envelope(200, &[&members[..], &[("data", Value::Object(data.clone()))]].concat())
    }
}
