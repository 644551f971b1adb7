//! What the server holds, and how a test configures it: mounts, policies, tokens, namespaces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::auth::Method;
use super::database::{self, Lease};
use super::kv;
use super::made;
use super::token::{Kind, LIFE, Token};

/// Everything behind one address.
pub struct Vault {
    pub sealed: bool,
    /// Whether it was ever given keys. One that was not is sealed too.
    pub initialized: bool,
    pub namespaces: BTreeMap<String, Namespace>,
    pub tokens: BTreeMap<String, Token>,
    /// Wrapping tokens, each with what it wraps and how it came about.
    pub wrapped: BTreeMap<String, Wrapped>,
    pub leases: BTreeMap<String, Lease>,
    /// How often somebody's login was wrong, by namespace, mount and role id or user.
    pub wrong: BTreeMap<String, u32>,
    /// Everything that has to be new takes the next number.
    pub serial: u64,
    /// How long a login's token lives, in seconds.
    pub token_life: u64,
    root: String,
}

/// A reply in a wrapping token.
pub struct Wrapped {
    pub body: Value,
    pub path: String,
    pub ttl: u64,
}

/// One namespace; the root's name is empty.
#[derive(Default)]
pub struct Namespace {
    pub engines: BTreeMap<String, Engine>,
    pub methods: BTreeMap<String, Method>,
    pub policies: BTreeMap<String, Vec<PathRule>>,
    /// Mounts of methods that demand a second factor.
    pub factors: BTreeSet<String>,
    pub shut: Option<Shut>,
}

/// Why nothing in a namespace answers, nor below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    Sealed,
    Locked,
}

/// A mounted secrets engine.
pub enum Engine {
    Kv1(kv::Unversioned),
    Kv2(kv::Versioned),
    Database(database::Roles),
    Made(made::Maker),
}

impl Engine {
    /// What `sys/mounts` tells of it.
    pub fn description(&self) -> Value {
        let (kind, options) = match self {
            Self::Kv1(_) => ("kv", json!({})),
            Self::Kv2(_) => ("kv", json!({ "version": "2" })),
            Self::Database(_) => ("database", Value::Null),
            Self::Made(maker) => (maker.kind, json!({})),
        };
        json!({
            "accessor": format!("{kind}_00000000"), "deprecation_status": "supported", "description": "",
            "config": { "default_lease_ttl": 0, "force_no_cache": false, "max_lease_ttl": 0 },
            "external_entropy_access": false, "local": false, "options": options, "plugin_version": "",
            "running_plugin_version": "v2.0.0+builtin.bao", "running_sha256": "", "seal_wrap": false,
            "type": kind, "uuid": "00000000-0000-0000-0000-000000000002",
        })
    }
}

/// What a policy says of a path, or of all that begin so when it ends in `*`.
pub struct PathRule {
    path: String,
    capabilities: Vec<String>,
}

impl PathRule {
    pub fn covers(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == self.path,
        }
    }

    pub fn lies_in(&self, mount: &str) -> bool {
        self.path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
    }

    pub fn allows(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|allowed| allowed == capability)
    }

    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }
}

/// What every namespace's policy `default` lets a token do.
const DEFAULT: &[(&str, &str)] = &[
    ("auth/token/lookup-self", "read"),
    ("auth/token/renew-self", "update"),
    ("auth/token/revoke-self", "update"),
    ("sys/capabilities-self", "update"),
    ("sys/leases/renew", "update"),
    ("sys/leases/lookup", "update"),
    ("sys/wrapping/wrap", "update"),
];

impl Namespace {
    /// The longest mount that a path begins with, and what follows.
    pub fn mount_of(&self, path: &str) -> Option<(String, String)> {
        let rest = |mount: &String| {
            let rest = path.strip_prefix(mount.as_str())?;
            if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('/').map(str::to_owned) }
        };
        self.engines.keys().rev().find_map(|mount| Some((mount.clone(), rest(mount)?)))
    }
}

impl Default for Vault {
    /// Unsealed, with KV v2 at `secret`, KV v1 at `kv`, and database credentials at `database`.
    fn default() -> Self {
        let mut vault = Self {
            sealed: false,
            initialized: true,
            namespaces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            wrapped: BTreeMap::new(),
            leases: BTreeMap::new(),
            wrong: BTreeMap::new(),
            serial: 0,
            token_life: LIFE,
            root: String::new(),
        };
        vault.namespace("");
        vault.root = vault.token("", &["root"]);
        vault
    }
}

impl Vault {
    /// The root token.
    pub fn root(&self) -> String {
        self.root.clone()
    }

    /// Makes a namespace with the engines that a new server has.
    pub fn namespace(&mut self, name: &str) {
        let space = self.namespaces.entry(name.to_owned()).or_default();
        space.engines.insert("secret".to_owned(), Engine::Kv2(kv::Versioned::default()));
        space.engines.insert("kv".to_owned(), Engine::Kv1(kv::Unversioned::default()));
        space.engines.insert("database".to_owned(), Engine::Database(database::Roles::default()));
        for (path, capability) in DEFAULT {
            self.grant(name, "default", path, &[capability]);
        }
    }

    /// Seals a namespace that was made.
    pub fn seal_namespace(&mut self, namespace: &str) {
        self.space(namespace).shut = Some(Shut::Sealed);
    }

    /// Locks one.
    pub fn lock_namespace(&mut self, namespace: &str) {
        self.space(namespace).shut = Some(Shut::Locked);
    }

    /// Mounts KV, versioned or not, elsewhere too.
    pub fn mount_kv(&mut self, namespace: &str, mount: &str, version: u8) {
        let engine = match version {
            1 => Engine::Kv1(kv::Unversioned::default()),
            _ => Engine::Kv2(kv::Versioned::default()),
        };
        self.space(namespace).engines.insert(mount.to_owned(), engine);
    }

    /// A policy that allows reading these paths; a `*` at the end covers all that begin so.
    pub fn policy(&mut self, namespace: &str, name: &str, paths: &[&str]) {
        self.space(namespace).policies.remove(name);
        for path in paths {
            self.grant(namespace, name, path, &["list", "read"]);
        }
    }

    /// Adds to a policy what it allows at a path.
    pub fn grant(&mut self, namespace: &str, name: &str, path: &str, capabilities: &[&str]) {
        let capabilities = capabilities.iter().map(|capability| (*capability).to_owned()).collect();
        let rule = PathRule { path: path.to_owned(), capabilities };
        self.space(namespace).policies.entry(name.to_owned()).or_default().push(rule);
    }

    /// A token with these policies, and `default` as every one that is not the root's.
    pub fn token(&mut self, namespace: &str, policies: &[&str]) -> String {
        let besides = if policies == ["root"] { &[][..] } else { &["default"] };
        self.bare_token(namespace, &[policies, besides].concat())
    }

    /// A token with these policies and no other.
    pub fn bare_token(&mut self, namespace: &str, policies: &[&str]) -> String {
        let policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        let parent = Some(self.root.clone()).filter(|root| !root.is_empty());
        self.issue(Token { parent, ..Token::new(namespace, policies) })
    }

    /// A token that is not stored, and ends by itself.
    pub fn batch_token(&mut self, namespace: &str, policies: &[&str]) -> String {
        let policies = policies.iter().chain(&["default"]).map(|policy| (*policy).to_owned()).collect();
        let parent = Some(self.root.clone());
        self.issue(Token { kind: Kind::Batch, parent, ..Token::new(namespace, policies) })
    }

    /// Lets a token be used so often and no more.
    pub fn limit_uses(&mut self, token: &str, uses: u64) {
        self.tokens.get_mut(token).expect("a token that was made").uses = Some(uses);
    }

    /// Whether a token is still good.
    pub fn has_token(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// How many tokens there are, without the root's.
    pub fn tokens(&self) -> usize {
        self.tokens.len() - 1
    }

    /// How many leases there are.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }

    pub fn issue(&mut self, token: Token) -> String {
        let kind = if token.kind == Kind::Batch { "hvb" } else { "hvs" };
        let name = format!("{kind}.fake-{}", self.number());
        self.tokens.insert(name.clone(), token);
        name
    }

    pub fn number(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub fn space(&mut self, namespace: &str) -> &mut Namespace {
        self.namespaces.get_mut(namespace).expect("a namespace that was made")
    }
}
