//! What the server holds, and how a test configures it: mounts, policies, tokens, namespaces.

use std::collections::BTreeMap;

use serde_json::Value;

use super::auth::Method;
use super::database::{self, Lease};
use super::kv;
use super::token::Token;

/// Everything behind one address.
pub struct Vault {
    pub sealed: bool,
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) tokens: BTreeMap<String, Token>,
    /// Wrapping tokens, each with what it wraps and how it came about.
    pub(crate) wrapped: BTreeMap<String, Wrapped>,
    pub(crate) leases: BTreeMap<String, Lease>,
    /// Everything that has to be new takes the next number.
    pub(crate) serial: u64,
    root: String,
}

/// A reply in a wrapping token.
pub(crate) struct Wrapped {
    pub(crate) body: Value,
    pub(crate) path: String,
    pub(crate) ttl: u64,
}

/// One namespace; the root's name is empty.
#[derive(Default)]
pub(crate) struct Namespace {
    pub(crate) engines: BTreeMap<String, Engine>,
    pub(crate) methods: BTreeMap<String, Method>,
    pub(crate) policies: BTreeMap<String, Vec<PathRule>>,
}

/// A mounted secrets engine.
pub(crate) enum Engine {
    Kv1(kv::Unversioned),
    Kv2(kv::Versioned),
    Database(database::Roles),
}

impl Engine {
    /// Its type and its options.
    pub(crate) fn description(&self) -> (&'static str, Value) {
        match self {
            Self::Kv1(_) => ("kv", serde_json::json!({ "version": "1" })),
            Self::Kv2(_) => ("kv", serde_json::json!({ "version": "2" })),
            Self::Database(_) => ("database", Value::Null),
        }
    }
}

/// What a policy says of a path, or of all that begin so when it ends in `*`.
pub(crate) struct PathRule {
    path: String,
    capabilities: Vec<String>,
}

impl PathRule {
    pub(crate) fn covers(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == self.path,
        }
    }

    pub(crate) fn lies_in(&self, mount: &str) -> bool {
        self.path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
    }

    pub(crate) fn allows(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|allowed| allowed == capability)
    }
}

impl Namespace {
    /// The longest mount that a path begins with, and what follows.
    pub(crate) fn mount_of(&self, path: &str) -> Option<(String, String)> {
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
            namespaces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            wrapped: BTreeMap::new(),
            leases: BTreeMap::new(),
            serial: 0,
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
        let rule = |path: &&str| PathRule {
            path: (*path).to_owned(),
            capabilities: ["read", "list"].map(str::to_owned).to_vec(),
        };
        self.space(namespace).policies.insert(name.to_owned(), paths.iter().map(rule).collect());
    }

    /// A token with these policies.
    pub fn token(&mut self, namespace: &str, policies: &[&str]) -> String {
        let policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        self.issue(Token { namespace: namespace.to_owned(), policies, parent: None })
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

    pub(crate) fn issue(&mut self, token: Token) -> String {
        let name = format!("hvs.fake-{}", self.next());
        self.tokens.insert(name.clone(), token);
        name
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn space(&mut self, namespace: &str) -> &mut Namespace {
        self.namespaces.get_mut(namespace).expect("a namespace that was made")
    }
}
