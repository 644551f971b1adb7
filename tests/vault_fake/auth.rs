//! The auth methods: <https://developer.hashicorp.com/vault/api-docs/auth>. What a method would ask of others
//! (a cluster, an issuer, a cloud) is decided by comparing with what the test registered.

use std::collections::BTreeMap;

use serde_json::json;

use super::api::Call;
use super::aws;
use super::reply::Reply;
use super::token::{self, Token};
use super::vault::Vault;

/// A mounted auth method, each with its roles or users.
pub(crate) enum Method {
    AppRole(BTreeMap<String, AppRole>),
    /// `kubernetes` or `jwt`: a role takes one token.
    Signed(Signed, BTreeMap<String, Entry<String>>),
    UserPass(BTreeMap<String, Entry<String>>),
    /// A certificate, DER.
    Cert(BTreeMap<String, Entry<Vec<u8>>>),
    Aws(BTreeMap<String, Entry<aws::Keys>>),
}

/// Which of the methods that take a signed token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    Kubernetes,
    Jwt,
}

/// What proves somebody, and what they may then do.
pub(crate) struct Entry<T> {
    pub(crate) proof: T,
    policies: Vec<String>,
}

/// A role id, and the secret ids that go with it.
pub(crate) struct AppRole {
    role_id: String,
    secret_ids: Vec<String>,
    /// Whether it takes the role id alone.
    unbound: bool,
    policies: Vec<String>,
}

fn entry<T>(proof: T, policies: &[&str]) -> Entry<T> {
    Entry { proof, policies: policies.iter().map(|policy| (*policy).to_owned()).collect() }
}

macro_rules! register {
    ($vault:expr, $namespace:expr, $mount:expr, $empty:expr, $roles:pat => $insert:expr) => {
        match $vault.space($namespace).methods.entry($mount.to_owned()).or_insert($empty) {
            $roles => $insert,
            #[allow(unreachable_patterns, reason = "which pattern it is differs")]
            _ => panic!("`{}` is another method", $mount),
        }
    };
}

impl Vault {
    /// A role with one secret id: both.
    pub fn approle(
        &mut self,
        namespace: &str,
        mount: &str,
        role: &str,
        policies: &[&str],
    ) -> (String, String) {
        let (role_id, secret_id) = (format!("role-id-{}", self.next()), format!("secret-id-{}", self.next()));
        let made = AppRole {
            role_id: role_id.clone(),
            secret_ids: vec![secret_id.clone()],
            unbound: false,
            policies: entry((), policies).policies,
        };
        register!(self, namespace, mount, Method::AppRole(BTreeMap::new()),
                  Method::AppRole(roles) => roles.insert(role.to_owned(), made));
        (role_id, secret_id)
    }

    /// A role that was made binds no secret id any more: `bind_secret_id=false`.
    pub fn unbind(&mut self, namespace: &str, mount: &str, role: &str) {
        if let Some(Method::AppRole(roles)) = self.space(namespace).methods.get_mut(mount) {
            roles.get_mut(role).expect("a role that was made").unbound = true;
        }
    }

    /// A role that takes this service account's token.
    pub fn kubernetes(&mut self, namespace: &str, mount: &str, role: &str, jwt: &str, policies: &[&str]) {
        register!(self, namespace, mount, Method::Signed(Signed::Kubernetes, BTreeMap::new()),
                  Method::Signed(_, roles) => roles.insert(role.to_owned(), entry(jwt.to_owned(), policies)));
    }

    /// A role that takes this token.
    pub fn jwt(&mut self, namespace: &str, mount: &str, role: &str, jwt: &str, policies: &[&str]) {
        register!(self, namespace, mount, Method::Signed(Signed::Jwt, BTreeMap::new()),
                  Method::Signed(_, roles) => roles.insert(role.to_owned(), entry(jwt.to_owned(), policies)));
    }

    /// A user.
    pub fn user(&mut self, namespace: &str, mount: &str, name: &str, password: &str, policies: &[&str]) {
        register!(self, namespace, mount, Method::UserPass(BTreeMap::new()),
                  Method::UserPass(users) => users.insert(name.to_owned(), entry(password.to_owned(), policies)));
    }

    /// A certificate, DER.
    pub fn certificate(&mut self, namespace: &str, mount: &str, role: &str, der: &[u8], policies: &[&str]) {
        register!(self, namespace, mount, Method::Cert(BTreeMap::new()),
                  Method::Cert(roles) => roles.insert(role.to_owned(), entry(der.to_vec(), policies)));
    }

    /// A role for whoever signs with this access key.
    pub fn aws(
        &mut self,
        namespace: &str,
        mount: &str,
        role: &str,
        key: &str,
        secret: &str,
        policies: &[&str],
    ) {
        let keys = aws::Keys { id: key.to_owned(), secret: secret.to_owned() };
        register!(self, namespace, mount, Method::Aws(BTreeMap::new()),
                  Method::Aws(roles) => roles.insert(role.to_owned(), entry(keys, policies)));
    }
}

/// The answer to a login; `None` when the request is none.
pub(crate) fn login(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let (mount, rest) = call.path.strip_prefix("auth/")?.split_once("/login")?;
    let method = vault.namespaces[&call.namespace].methods.get(mount)?;
    if !["POST", "PUT"].contains(&call.method.as_str()) {
        return Some(Reply::unsupported());
    }
    Some(match prove(method, call, rest.trim_start_matches('/')) {
        Ok(policies) => {
            let policies = [&["default".to_owned()], policies].concat();
            let held = Token { namespace: call.namespace.clone(), policies, parent: None };
            let name = vault.issue(held.clone());
            token::auth(&name, &held)
        }
        Err(reply) => reply,
    })
}

/// The policies of whoever it is.
fn prove<'a>(method: &'a Method, call: &Call, user: &str) -> Result<&'a [String], Reply> {
    let wrong = |text: &str| Reply::error(400, &[text]);
    match method {
        Method::AppRole(roles) => {
            let role = roles.values().find(|role| role.role_id == call.text("role_id"));
            let secret_id = call.text("secret_id").to_owned();
            if role.is_some_and(|role| !role.unbound) && secret_id.is_empty() {
                return Err(wrong("missing secret_id"));
            }
            let role = role.filter(|role| role.unbound || role.secret_ids.contains(&secret_id));
            role.map(|role| role.policies.as_slice()).ok_or_else(|| wrong("invalid role or secret ID"))
        }
        Method::Signed(kind, roles) => {
            let name = call.text("role");
            let unknown = match kind {
                Signed::Kubernetes => format!("invalid role name \"{name}\""),
                Signed::Jwt => format!("role \"{name}\" could not be found"),
            };
            let role = roles.get(name).ok_or_else(|| wrong(&unknown))?;
            let refused = || match kind {
                Signed::Kubernetes => Reply::error(403, &["permission denied"]),
                Signed::Jwt => wrong("error validating token: invalid signature"),
            };
            if role.proof == call.text("jwt") { Ok(&role.policies) } else { Err(refused()) }
        }
        Method::UserPass(users) => {
            let known = users.get(user).filter(|known| known.proof == call.text("password"));
            known.map(|known| known.policies.as_slice()).ok_or_else(|| wrong("invalid username or password"))
        }
        Method::Cert(roles) => {
            let name = call.body["name"].as_str();
            let mut fitting = roles.iter().filter(|(role, _)| name.is_none_or(|name| name == role.as_str()));
            let known = fitting.find(|(_, role)| Some(&role.proof) == call.certificate.as_ref());
            let refused = || wrong("invalid certificate or no client certificate supplied");
            known.map(|(_, role)| role.policies.as_slice()).ok_or_else(refused)
        }
        Method::Aws(roles) => {
            let name = call.text("role");
            let role =
                roles.get(name).ok_or_else(|| wrong(&format!("entry for role \"{name}\" not found")))?;
            match aws::check(call, &role.proof) {
                Ok(()) => Ok(&role.policies),
                Err(text) => Err(wrong(&format!("error making upstream request: {text}"))),
            }
        }
    }
}

/// What an administrator asks of approle, for handing out secret ids. `None` for anything else.
pub(crate) fn administer(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let (mount, rest) = call.path.strip_prefix("auth/")?.split_once("/role/")?;
    let (role, what) = rest.split_once('/')?;
    let serial = vault.next();
    let Some(Method::AppRole(roles)) = vault.space(&call.namespace).methods.get_mut(mount) else {
        return None;
    };
    let Some(role) = roles.get_mut(role) else { return Some(Reply::not_found()) };
    match (what, call.method.as_str()) {
        ("role-id", "GET") => Some(Reply::data(json!({ "role_id": role.role_id }))),
        ("secret-id", "POST" | "PUT") => {
            let secret_id = format!("secret-id-{serial}");
            role.secret_ids.push(secret_id.clone());
            Some(Reply::data(
                json!({ "secret_id": secret_id, "secret_id_accessor": format!("accessor-{serial}"),
                                     "secret_id_num_uses": 0, "secret_id_ttl": 0 }),
            ))
        }
        _ => Some(Reply::unsupported()),
    }
}
