//! From a request to the part of the fake that answers it: seal, namespace, wrapping token, login, token, policy, engine.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::fake_server::{Backend as _, Request};

use super::reply::Reply;
use super::state::{Engine, PathRule, Shut, Vault};
use super::{auth, database, help, kv, token, wrapping};

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
    pub fn of(request: &Request) -> Self {
        let header = |name| request.header(name);
        let token = header("x-vault-token").filter(|token| !token.is_empty());
        let token = token.or_else(|| header("authorization")?.strip_prefix("Bearer "));
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

/// The methods that the server knows.
const METHODS: [&str; 6] = ["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"];

impl Vault {
    /// The answer to a request.
    pub fn answer(&mut self, call: &Call) -> Reply {
        match call.path.as_str() {
            "sys/health" if !call.namespace.is_empty() => {
                return Reply::error(400, &["operation unavailable in namespaces"]);
            }
            "sys/health" => return self.health(),
            "sys/seal-status" => return Reply::plain(200, self.seal_status()),
            _ if self.sealed || !self.initialized => return Reply::error(503, &["Vault is sealed"]),
            _ if !METHODS.contains(&call.method.as_str()) => return Reply::error(405, &[]),
            _ => {}
        }
        let call = self.placed(call);
        if !self.namespaces.contains_key(&call.namespace) {
            return Reply::error(404, &["namespace not found"]);
        }
        if let Some(reply) = self.closed(&call.namespace) {
            return reply;
        }
        let reply = self.unwrapped(&call);
        match call.wrap.filter(|ttl| *ttl > 0) {
            Some(ttl) if reply.status == 200 => wrapping::wrap(self, &call, ttl, reply),
            _ => reply,
        }
    }

    /// The same request with its namespace taken from the beginning of the path, as far as that names one.
    fn placed(&self, call: &Call) -> Call {
        let mut call = call.clone();
        if call.namespace == "root" {
            call.namespace.clear();
        }
        while let Some((first, rest)) = call.path.split_once('/') {
            let below = format!("{}/{first}", call.namespace).trim_start_matches('/').to_owned();
            let mounted = self
                .namespaces
                .get(&call.namespace)
                .is_some_and(|space| space.mount_of(&call.path).is_some());
            if mounted || !self.namespaces.contains_key(&below) {
                break;
            }
            (call.namespace, call.path) = (below, rest.to_owned());
        }
        call
    }

    /// What a namespace answers to everything that is sealed or locked, or lies in one that is.
    fn closed(&self, namespace: &str) -> Option<Reply> {
        let within = |name: &String| namespace == name.as_str() || namespace.starts_with(&format!("{name}/"));
        let (name, shut) = self
            .namespaces
            .iter()
            .filter(|(name, _)| within(name))
            .find_map(|(name, space)| Some((name, space.shut?)))?;
        Some(match shut {
            Shut::Sealed => Reply::error(503, &["namespace is sealed"]),
            Shut::Locked => {
                let text = format!(
                    "API access to this namespace has been locked by an administrator - \"{name}/\" must be unlocked to gain access."
                );
                Reply::error(503, &[&text])
            }
        })
    }

    fn unwrapped(&mut self, call: &Call) -> Reply {
        if let Some(reply) = wrapping::answer(self, call).or_else(|| auth::login(self, call)) {
            return reply;
        }
        let Some(name) = call.token.as_deref() else { return Reply::no_token() };
        let Some(held) = self.tokens.get(name).cloned() else { return Reply::no_token() };
        let last = self.spend(name);
        let reply = token::own(self, call, name, &held).unwrap_or_else(|| self.permitted(call, name, &held));
        if !last {
            return reply;
        }
        // What it would hand out ends with the token.
        self.end(name);
        let leased = reply
            .body
            .as_ref()
            .is_some_and(|body| body["lease_id"].as_str().is_some_and(|id| !id.is_empty()));
        if leased { Reply::error(400, &[LAST_USE]) } else { reply }
    }

    fn permitted(&mut self, call: &Call, name: &str, held: &token::Token) -> Reply {
        if let Some(path) = call.path.strip_prefix("sys/internal/ui/mounts/") {
            return match call.method.as_str() {
                "GET" => self.mount_of(held, &call.namespace, path),
                _ => Reply::error(405, &["unsupported operation"]),
            };
        }
        if help::is_asked(call) {
            let space = &self.namespaces[&call.namespace];
            return match space.mount_of(&call.path) {
                Some((mount, rest)) => help::of(&space.engines[&mount], &rest),
                None => Reply::unsupported_path(),
            };
        }
        let itself = call.path == "sys/capabilities-self";
        if !self.allows(held, call) {
            return Reply::denied();
        }
        if itself {
            return self.capabilities(held, call);
        }
        let administered = database::leases(self, call).or_else(|| token::by_accessor(self, call));
        if let Some(reply) = administered.or_else(|| auth::administer(self, call)) {
            return reply;
        }
        match call.path.as_str() {
            "sys/wrapping/wrap" if call.wrap.is_none() => {
                Reply::error(400, &["endpoint requires response wrapping to be used"])
            }
            "sys/wrapping/wrap" => Reply::data(call.body.clone()),
            "sys/mounts" => self.mounts(call),
            path if path.starts_with("sys/mounts/") => self.mount(call, &path["sys/mounts/".len()..]),
            path if path.starts_with("sys/") => Reply::unsupported_path(),
            _ => self.engine(call, name),
        }
    }

    /// Whether a token may do this in the namespace of a request, where it is that of the token or lies below it.
    fn allows(&self, held: &token::Token, call: &Call) -> bool {
        let allowed = self.capabilities_of(held, &call.namespace, &call.path);
        allowed.iter().any(|allowed| allowed == call.capability() || allowed == "root")
    }

    /// Whether a token may do this with itself, wherever it asks.
    pub fn allows_self(&self, held: &token::Token, call: &Call) -> bool {
        let allowed = self.capabilities_of(held, &held.namespace, &call.path);
        allowed.iter().any(|allowed| allowed == call.capability() || allowed == "root")
    }

    /// What a token may do at a path: `deny` where that is nothing.
    pub fn capabilities_of(&self, held: &token::Token, namespace: &str, path: &str) -> Vec<String> {
        let nothing = vec!["deny".to_owned()];
        // A token of a namespace sees that one and those below it, whose names begin the paths of its policies.
        let Some(below) = namespace.strip_prefix(held.namespace.as_str()) else { return nothing };
        if !(held.namespace.is_empty() || below.is_empty() || below.starts_with('/')) {
            return nothing;
        }
        if held.is_root() {
            return vec!["root".to_owned()];
        }
        let path = format!("{}/{path}", below.trim_start_matches('/'));
        let path = path.trim_start_matches('/');
        let rules = self.rules(held).filter(|rule| rule.covers(path));
        let allowed: BTreeSet<String> = rules.flat_map(|rule| rule.capabilities().iter().cloned()).collect();
        if allowed.is_empty() { nothing } else { allowed.into_iter().collect() }
    }

    fn rules<'a>(&'a self, held: &'a token::Token) -> impl Iterator<Item = &'a PathRule> {
        let space = &self.namespaces[&held.namespace];
        held.policies.iter().filter_map(|policy| space.policies.get(policy)).flatten()
    }

    fn engine(&mut self, call: &Call, token: &str) -> Reply {
        let space = self.namespaces.get_mut(&call.namespace).expect("it was looked for");
        let Some((mount, rest)) = space.mount_of(&call.path) else {
            let slash = if call.lists() { "/" } else { "" };
            let text = format!("no handler for route \"{}{slash}\". route entry not found.", call.path);
            return Reply::error(404, &[&text]);
        };
        let serial = &mut self.serial;
        match space.engines.get_mut(&mount).expect("it was looked for") {
            Engine::Kv1(store) => store.answer(call, &rest),
            Engine::Kv2(store) => kv::versioned(store, call, &rest, serial),
            Engine::Database(roles) => {
                database::credentials(roles, &mut self.leases, call, &rest, token, serial)
            }
            Engine::Made(maker) => maker.answer(&mut self.leases, call, &rest, token, serial),
        }
    }

    /// Which mount a path lies in, for whoever may do something there; as recorded of an `OpenBao`.
    fn mount_of(&self, held: &token::Token, namespace: &str, path: &str) -> Reply {
        let space = &self.namespaces[namespace];
        let within =
            namespace.strip_prefix(held.namespace.as_str()).map(|below| below.trim_start_matches('/'));
        let found = space.mount_of(path).map(|(mount, _)| mount).filter(|mount| {
            let Some(below) = within else { return false };
            let whole = if below.is_empty() { mount.clone() } else { format!("{below}/{mount}") };
            held.is_root() || self.rules(held).any(|rule| rule.lies_in(&whole))
        });
        let Some(mount) = found else {
            let text = format!(
                "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}/\""
            );
            return Reply::error(403, &[&text]);
        };
        let mut shown = space.engines[&mount].description();
        shown["path"] = format!("{mount}/").into();
        Reply::data(shown)
    }

    fn mounts(&self, call: &Call) -> Reply {
        let engines = &self.namespaces[&call.namespace].engines;
        let shown = engines.iter().map(|(mount, engine)| (format!("{mount}/"), engine.description()));
        Reply::data(shown.collect::<serde_json::Map<_, _>>().into())
    }

    /// One mount, its description beside the envelope and in it.
    fn mount(&self, call: &Call, name: &str) -> Reply {
        let Some(engine) = self.namespaces[&call.namespace].engines.get(name.trim_end_matches('/')) else {
            return Reply::error(400, &[&format!("No secret engine mount at {name}/")]);
        };
        let shown = engine.description();
        let beside: Vec<(&str, Value)> = shown
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        Reply::envelope(200, &[&beside[..], &[("data", shown.clone())]].concat())
    }

    fn seal_status(&self) -> Value {
        let shares = u8::from(self.initialized);
        let mut status = json!({ "type": "shamir", "initialized": self.initialized,
            "sealed": self.sealed || !self.initialized, "t": shares, "n": shares, "progress": 0, "nonce": "",
            "recovery_seal": false, "version": VERSION, "commit_date": "", "migration": false, "storage_type": "inmem" });
        self.name_cluster(&mut status);
        status
    }

    fn health(&self) -> Reply {
        let open = self.initialized && !self.sealed;
        let replication = |word: &'static str| if open { word } else { "unknown" };
        let mut body = json!({ "initialized": self.initialized, "sealed": !open, "standby": !open,
            "replication_performance_mode": replication("primary"), "replication_dr_mode": replication("disabled"),
            "server_time_utc": 1_795_608_000, "version": VERSION });
        self.name_cluster(&mut body);
        Reply::plain(
            if open {
                200
            } else if self.initialized {
                503
            } else {
                501
            },
            body,
        )
    }

    fn name_cluster(&self, told: &mut Value) {
        if self.initialized && !self.sealed {
            told["cluster_name"] = "vault-cluster-00000000".into();
            told["cluster_id"] = "00000000-0000-0000-0000-000000000001".into();
        }
    }
}

const VERSION: &str = "2.0.0-HEAD";

const LAST_USE: &str =
    "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.";
