//! The auth methods: <https://developer.hashicorp.com/vault/api-docs/auth>. What a method would ask of others
//! (a cluster, an issuer, a cloud) is decided by comparing with what the test registered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::Call;
use super::aws;
use super::reply::Reply;
use super::state::Vault;
use super::token::{self, Token};

/// A mounted auth method, each with its roles or users.
pub enum Method {
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
pub enum Signed {
    Kubernetes,
    Jwt,
}

/// What proves somebody, and what they may then do.
pub struct Entry<T> {
    pub proof: T,
    policies: Vec<String>,
}

/// A role id, and the secret ids that go with it.
pub struct AppRole {
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
        let (role_id, secret_id) =
            (format!("role-id-{}", self.number()), format!("secret-id-{}", self.number()));
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

    /// Whoever logs in at this mount has to prove more, by another request.
    pub fn demand_factor(&mut self, namespace: &str, mount: &str) {
        self.space(namespace).factors.insert(mount.to_owned());
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

/// After so many wrong logins a role id, or a user, is refused for a while, whoever it is.
const LOCKED_AFTER: u32 = 5;

/// The answer to a login; `None` when the request is none, or nothing is mounted there.
pub fn login(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let (mount, user) = call.path.strip_prefix("auth/")?.split_once("/login")?;
    let space = &vault.namespaces[&call.namespace];
    let method = space.methods.get(mount)?;
    let user = match (method, user.strip_prefix('/')) {
        (Method::UserPass(_), Some(user)) if user.contains('/') => {
            return Some(Reply::error(404, &["unsupported path"]));
        }
        (Method::UserPass(_), Some(user)) => user.to_lowercase(),
        (Method::UserPass(_), None) | (_, Some(_)) => return None,
        (_, None) => String::new(),
    };
    if !["POST", "PUT"].contains(&call.method.as_str()) && !matches!(method, Method::AppRole(_)) {
        return Some(Reply::error(405, &["unsupported operation"]));
    }
    let who = match method {
        Method::AppRole(_) => Some(call.text("role_id")),
        Method::UserPass(_) => Some(user.as_str()),
        _ => None,
    };
    let who = who.map(|who| format!("{}/{mount}/{who}", call.namespace));
    if who.as_ref().is_some_and(|who| vault.wrong.get(who).is_some_and(|times| *times >= LOCKED_AFTER)) {
        return Some(Reply::no_token());
    }
    let factor = space.factors.contains(mount);
    Some(match prove(method, call, &user) {
        Ok(_) if factor => Reply::envelope(200, &[("auth", second_factor()), ("warnings", json!([FACTOR]))]),
        Ok((policies, metadata)) => {
            let policies = [policies, &["default".to_owned()]].concat();
            let path = format!("auth/{mount}/login");
            let held =
                Token { path, metadata, life: vault.token_life, ..Token::new(&call.namespace, policies) };
            let name = vault.issue(held.clone());
            token::auth(&name, &held)
        }
        Err(reply) => {
            if let Some(who) = who {
                *vault.wrong.entry(who).or_default() += 1;
            }
            reply
        }
    })
}

const FACTOR: &str = "A login request was issued that is subject to MFA validation. Please make sure to validate the login by sending another request to mfa/validate endpoint.";

/// In the place of a token: what is to be proved besides.
fn second_factor() -> Value {
    let any = json!([{ "type": "totp", "id": "factor", "uses_passcode": true, "name": "second" }]);
    json!({ "client_token": "", "accessor": "", "policies": null, "metadata": null, "lease_duration": 0,
            "renewable": false, "entity_id": "", "token_type": "default", "orphan": false, "num_uses": 0,
            "mfa_requirement": { "mfa_request_id": "request", "mfa_constraints": { "e": { "any": any } } } })
}

/// The policies of whoever it is, and what the token then knows of him.
fn prove<'a>(method: &'a Method, call: &Call, user: &str) -> Result<(&'a [String], Value), Reply> {
    let wrong = |text: &str| Reply::error(400, &[text]);
    let failed = |text: &str| Reply::error(500, &[text]);
    match method {
        Method::AppRole(roles) => {
            if call.text("role_id").is_empty() {
                return Err(failed("missing role_id"));
            }
            let role = roles.iter().find(|(_, role)| role.role_id == call.text("role_id"));
            let secret_id = call.text("secret_id").to_owned();
            if role.is_some_and(|(_, role)| !role.unbound) && secret_id.is_empty() {
                return Err(wrong("missing secret_id"));
            }
            let role = role.filter(|(_, role)| role.unbound || role.secret_ids.contains(&secret_id));
            role.map(|(name, role)| (role.policies.as_slice(), json!({ "role_name": name })))
                .ok_or_else(|| wrong("invalid role or secret ID"))
        }
        Method::Signed(kind, roles) => signed(*kind, roles, call),
        Method::UserPass(_) if call.text("password").is_empty() => Err(failed("missing password")),
        Method::UserPass(users) => {
            let known = users.get(user).filter(|known| known.proof == call.text("password"));
            known
                .map(|known| (known.policies.as_slice(), json!({ "username": user })))
                .ok_or_else(|| wrong("invalid username or password"))
        }
        Method::Cert(_) if call.certificate.is_none() => Err(wrong("no client certificate found")),
        Method::Cert(roles) => {
            let name = call.body["name"].as_str();
            let mut fitting = roles.iter().filter(|(role, _)| name.is_none_or(|name| name == role.as_str()));
            let known = fitting.find(|(_, role)| Some(&role.proof) == call.certificate.as_ref());
            let metadata = |role| {
                json!({ "cert_name": role, "common_name": role, "serial_number": "1",
                                          "authority_key_id": "01", "subject_key_id": "01" })
            };
            known
                .map(|(name, role)| (role.policies.as_slice(), metadata(name)))
                .ok_or_else(|| wrong("invalid certificate or no client certificate supplied"))
        }
        Method::Aws(roles) => {
            let name = call.text("role");
            let role =
                roles.get(name).ok_or_else(|| wrong(&format!("entry for role \"{name}\" not found")))?;
            match aws::check(call, &role.proof) {
                Ok(()) => Ok((&role.policies, json!({}))),
                Err(text) => Err(wrong(&format!("error making upstream request: {text}"))),
            }
        }
    }
}

/// Of a method that takes signed tokens: a role takes one, and every other is signed by nobody.
fn signed<'a>(
    kind: Signed,
    roles: &'a BTreeMap<String, Entry<String>>,
    call: &Call,
) -> Result<(&'a [String], Value), Reply> {
    let (name, jwt) = (call.text("role"), call.text("jwt"));
    let wrong = |text: &str| Reply::error(400, &[text]);
    let (missing, unknown) = match kind {
        Signed::Kubernetes => ("missing jwt", format!("invalid role name \"{name}\"")),
        Signed::Jwt => ("missing token", format!("role \"{name}\" could not be found")),
    };
    if name.is_empty() || jwt.is_empty() {
        return Err(wrong(if name.is_empty() { "missing role" } else { missing }));
    }
    let role = roles.get(name).ok_or_else(|| wrong(&unknown))?;
    match kind {
        _ if role.proof != jwt => Err(match kind {
            Signed::Kubernetes => Reply::no_token(),
            Signed::Jwt => wrong(BAD_SIGNATURE),
        }),
        Signed::Jwt => Ok((&role.policies, json!({ "role": name }))),
        Signed::Kubernetes => Ok((
            &role.policies,
            json!({ "role": name, "service_account_name": name, "service_account_namespace": "prod",
                    "service_account_secret_name": "", "service_account_uid": "uid" }),
        )),
    }
}

const BAD_SIGNATURE: &str = "error validating token: error verifying token signature: no known key successfully validated the token signature";

/// What an administrator asks of approle, for handing out secret ids. `None` for anything else.
pub fn administer(vault: &mut Vault, call: &Call) -> Option<Reply> {
    let (mount, rest) = call.path.strip_prefix("auth/")?.split_once("/role/")?;
    let (role, what) = rest.split_once('/')?;
    let serial = vault.number();
    let Some(Method::AppRole(roles)) = vault.space(&call.namespace).methods.get_mut(mount) else {
        return None;
    };
    let Some(role) = roles.get_mut(role) else {
        return Some(Reply::error(404, &[&format!("role \"{role}\" does not exist")]));
    };
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
