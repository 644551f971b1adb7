//! From a request to the part of the fake that answers it: seal, namespace, wrapping token, login, token, policy, engine.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fake_server::{Backend as _, Request};

use super::reply::Reply;
use super::vault::{Engine, Vault};
use super::{auth, database, kv, token, wrapping};

/// One request, without its transport.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub method: String,
    /// Without `/v1/` and without the query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub token: Option<String>,
    /// Without slashes at its ends; empty for the root.
    pub namespace: String,
    /// `X-Vault-Wrap-TTL`, in seconds.
    pub wrap: Option<u64>,
    /// `null` when there was none.
    pub body: Value,
    /// The certificate that the client showed, DER.
    pub certificate: Option<Vec<u8>>,
}

impl Call {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    /// What is asked by an HTTP request.
    pub(crate) fn of(request: &Request) -> Self {
        let header = |name| request.header(name);
        let token = header("x-vault-token").or_else(|| header("authorization")?.strip_prefix("Bearer "));
        Self {
            method: request.method.clone(),
            path: Vault::name(request),
            query: request.pairs(),
            token: token.map(str::to_owned),
            namespace: Vault::place(request),
            wrap: header("x-vault-wrap-ttl").and_then(|ttl| ttl.trim_end_matches('s').parse().ok()),
            body: request.json(),
            certificate: request.certificate.clone(),
        }
    }

    /// A text of the body.
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// What the method does, in the word of a policy.
    fn capability(&self) -> &'static str {
        match self.method.as_str() {
            "GET" if self.query.get("list").is_some_and(|list| list == "true") => "list",
            "GET" => "read",
            "LIST" => "list",
            "DELETE" => "delete",
            _ => "update",
        }
    }

    /// Whether it asks for the names below a path.
    pub fn lists(&self) -> bool {
        self.capability() == "list"
    }
}

impl Vault {
    /// The answer to a request.
    pub fn answer(&mut self, call: &Call) -> Reply {
        match call.path.as_str() {
            "sys/health" => return self.health(),
            "sys/seal-status" => {
                return Reply { body: Some(self.seal_status()), ..Reply::no_content() }.with(200);
            }
            _ if self.sealed => return Reply::error(503, &["Vault is sealed"]),
            _ => {}
        }
        if !self.namespaces.contains_key(&call.namespace) {
            return Reply::error(404, &["namespace not found"]);
        }
        let reply = self.unwrapped(call);
        match call.wrap {
            Some(ttl) if reply.status == 200 => wrapping::wrap(self, call, ttl, reply),
            _ => reply,
        }
    }

    fn unwrapped(&mut self, call: &Call) -> Reply {
        if call.path == "sys/wrapping/unwrap" {
            return wrapping::unwrap(self, call);
        }
        if call.path == "sys/wrapping/lookup" {
            return wrapping::lookup(self, call);
        }
        if let Some(reply) = auth::login(self, call) {
            return reply;
        }
        let Some(name) = call.token.as_deref() else { return Reply::denied() };
        let Some(held) = self.tokens.get(name).cloned() else { return Reply::bad_token() };
        if let Some(reply) = token::own(self, call, name, &held) {
            return reply;
        }
        if let Some(path) = call.path.strip_prefix("sys/internal/ui/mounts/") {
            return self.mount_of(&held, &call.namespace, path);
        }
        if !self.allows(&held, call) {
            return Reply::denied();
        }
        if let Some(reply) = database::leases(self, call).or_else(|| auth::administer(self, call)) {
            return reply;
        }
        match call.path.as_str() {
            "sys/wrapping/wrap" => Reply::data(call.body.clone()),
            "sys/mounts" => self.mounts(call),
            _ => self.engine(call, name),
        }
    }

    /// A token of a namespace sees that one and those below it.
    fn allows(&self, held: &token::Token, call: &Call) -> bool {
        let inside = held.namespace.is_empty()
            || call.namespace == held.namespace
            || call.namespace.starts_with(&format!("{}/", held.namespace));
        let space = &self.namespaces[&held.namespace];
        let permitted = |policy: &String| {
            policy == "root"
                || space.policies.get(policy).is_some_and(|rules| {
                    rules.iter().any(|rule| rule.covers(&call.path) && rule.allows(call.capability()))
                })
        };
        inside && held.policies.iter().any(permitted)
    }

    fn engine(&mut self, call: &Call, token: &str) -> Reply {
        let space = self.namespaces.get_mut(&call.namespace).expect("it was looked for");
        let Some((mount, rest)) = space.mount_of(&call.path) else {
            let text = format!("no handler for route \"{}\". route entry not found.", call.path);
            return Reply::error(404, &[&text]);
        };
        let serial = &mut self.serial;
        match space.engines.get_mut(&mount).expect("it was looked for") {
            Engine::Kv1(store) => store.answer(call, &rest),
            Engine::Kv2(store) => kv::versioned(store, call, &rest, serial),
            Engine::Database(roles) => {
                database::credentials(roles, &mut self.leases, call, &mount, &rest, token, serial)
            }
        }
    }

    /// Which mount a path lies in, for whoever may do something there; as recorded of an `OpenBao`.
    fn mount_of(&self, held: &token::Token, namespace: &str, path: &str) -> Reply {
        let space = &self.namespaces[namespace];
        let found = space.mount_of(path).map(|(mount, _)| mount).filter(|mount| {
            let rules = held.policies.iter().filter_map(|policy| space.policies.get(policy)).flatten();
            let mut below = rules.filter(|rule| rule.lies_in(mount));
            held.policies.iter().any(|policy| policy == "root") || below.next().is_some()
        });
        let Some(mount) = found else {
            let text = format!(
                "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}/\""
            );
            return Reply::error(403, &[&text]);
        };
        let (kind, options) = space.engines[&mount].description();
        Reply::data(json!({ "path": format!("{mount}/"), "type": kind, "options": options }))
    }

    fn mounts(&self, call: &Call) -> Reply {
        let engines = &self.namespaces[&call.namespace].engines;
        let shown = engines.iter().map(|(mount, engine)| {
            let (kind, options) = engine.description();
            (format!("{mount}/"), json!({ "type": kind, "options": options }))
        });
        Reply::data(shown.collect::<serde_json::Map<_, _>>().into())
    }

    fn seal_status(&self) -> Value {
        json!({ "type": "shamir", "initialized": true, "sealed": self.sealed, "t": 1, "n": 1, "progress": 0,
                "version": "1.20.0", "storage_type": "inmem" })
    }

    fn health(&self) -> Reply {
        let body =
            json!({ "initialized": true, "sealed": self.sealed, "standby": false, "version": "1.20.0" });
        Reply { body: Some(body), ..Reply::no_content() }.with(if self.sealed { 503 } else { 200 })
    }
}

impl Reply {
    fn with(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
