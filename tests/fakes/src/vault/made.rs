//! Engines that make something of the parameters of a POST: certificates (`pki`) and one-time passwords (`ssh`).
//! <https://developer.hashicorp.com/vault/api-docs/secret/pki> and `ssh`; as recorded of an `OpenBao`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::Call;
use super::database::Lease;
use super::reply::Reply;
use super::state::{Engine, Vault};

/// A mount of one of them, and its roles.
pub struct Maker {
    /// As `sys/mounts` tells it.
    pub kind: &'static str,
    /// Each with whether it lends what it makes.
    roles: BTreeMap<String, bool>,
}

/// What all roles allow.
const SUFFIXES: [&str; 2] = [".example.org", ".internal"];
const PARAMETERS: [&str; 5] = ["common_name", "alt_names", "ttl", "format", "ip"];
const DURATION: u64 = 2_764_800;

impl Vault {
    /// A role of a certificate authority, at the mount `pki`.
    pub fn issuer(&mut self, namespace: &str, role: &str, lends: bool) {
        self.maker(namespace, "pki").insert(role.to_owned(), lends);
    }

    /// A role of one-time passwords, at the mount `ssh`.
    pub fn one_time(&mut self, namespace: &str, role: &str) {
        self.maker(namespace, "ssh").insert(role.to_owned(), true);
    }

    fn maker(&mut self, namespace: &str, kind: &'static str) -> &mut BTreeMap<String, bool> {
        let made = || Engine::Made(Maker { kind, roles: BTreeMap::new() });
        match self.space(namespace).engines.entry(kind.to_owned()).or_insert_with(made) {
            Engine::Made(maker) => &mut maker.roles,
            _ => panic!("`{kind}` is another engine"),
        }
    }
}

/// What is made, or why it is not.
type Made = Result<Value, String>;

impl Maker {
    /// The answer; `path` is below the mount, `call.path` from its beginning.
    pub fn answer(
        &self,
        leases: &mut BTreeMap<String, Lease>,
        call: &Call,
        path: &str,
        token: &str,
        serial: &mut u64,
    ) -> Reply {
        let (action, unknown): (_, fn(&str) -> String) = match self.kind {
            "pki" => ("issue/", |role| format!("unknown role: {role}")),
            _ => ("creds/", |role| format!("Role \"{role}\" not found")),
        };
        let Some(role) = path.strip_prefix(action).filter(|role| !role.is_empty()) else {
            return Reply::unsupported_path();
        };
        if call.method == "GET" {
            return Reply::unsupported();
        }
        let Some(lends) = self.roles.get(role) else { return Reply::error(400, &[&unknown(role)]) };
        *serial += 1;
        let made = if self.kind == "pki" { certificate(call, *serial) } else { one_time(call, *serial) };
        let mut members = match made {
            Ok(data) => vec![("data", data), ("warnings", warnings(call))],
            Err(text) => return Reply::error(400, &[&text]),
        };
        if *lends {
            members.extend(lend(leases, call, token, *serial));
        }
        Reply::envelope(200, &members)
    }
}

fn certificate(call: &Call, serial: u64) -> Made {
    let name = call.text("common_name");
    if name.is_empty() {
        return Err(NO_NAME.to_owned());
    }
    if !SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        return Err(format!("common name {name} not allowed by this role"));
    }
    let pem = |kind: &str, what: &str| format!("-----BEGIN {kind}-----\n{what}\n-----END {kind}-----");
    let own = format!("{name} {serial}");
    Ok(json!({
        "ca_chain": [pem("CERTIFICATE", "issuer")], "issuing_ca": pem("CERTIFICATE", "issuer"),
        "certificate": pem("CERTIFICATE", &own), "private_key": pem("RSA PRIVATE KEY", &own),
        "private_key_type": "rsa", "serial_number": format!("{serial:02x}:01"),
        "expiration": 4_136_846_706_u64, "not_before": 981_173_106,
    }))
}

fn one_time(call: &Call, serial: u64) -> Made {
    let ip = call.text("ip");
    if ip.is_empty() {
        return Err("Missing ip".to_owned());
    }
    let key = format!("00000000-0000-0000-0000-{serial:012}");
    Ok(json!({ "ip": ip, "key": key, "key_type": "otp", "port": 22, "username": "ubuntu" }))
}

fn lend(
    leases: &mut BTreeMap<String, Lease>,
    call: &Call,
    token: &str,
    serial: u64,
) -> Vec<(&'static str, Value)> {
    let name = format!("{}/{serial}", call.path);
    leases.insert(name.clone(), Lease::new(token, &call.path, DURATION));
    vec![("lease_id", name.into()), ("lease_duration", DURATION.into())]
}

fn warnings(call: &Call) -> Value {
    let mut warnings = Vec::new();
    let given = call.body.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let unknown: Vec<&str> = given.filter(|name| !PARAMETERS.contains(name)).collect();
    if !unknown.is_empty() {
        warnings.push(format!("Endpoint ignored these unrecognized parameters: [{}]", unknown.join(" ")));
    }
    let hours = call.text("ttl").strip_suffix('h').and_then(|hours| hours.parse().ok());
    if let Some(hours) = hours.filter(|hours: &u64| *hours > 72) {
        warnings.push(format!(
            "TTL \"{hours}h0m0s\" is longer than permitted maxTTL \"72h0m0s\", so maxTTL is being used"
        ));
    }
    if warnings.is_empty() { Value::Null } else { warnings.into() }
}

const NO_NAME: &str = "the common_name field is required, or must be provided in a CSR with \"use_csr_common_name\" set to true, unless \"require_cn\" is set to false";
