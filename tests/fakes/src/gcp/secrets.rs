//! `versions.access` of Secret Manager, v1: <https://cloud.google.com/secret-manager/docs/reference/rest>. Answers have
//! the project's number where requests have its id, as the real ones do.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::account::Gcp;
use super::words::{error, html, json_reply, precondition, reasoned};
use super::{NUMBER, PROJECT};
use crate::fake_server::{Reply, Request};

/// A secret, with its versions from 1 on.
#[derive(Default)]
pub struct Secret {
    versions: Vec<Version>,
    aliases: BTreeMap<String, usize>,
    /// What `latest` means, where that is not the last.
    latest: Option<usize>,
    /// Who may read it; nothing where everybody may.
    readers: Option<BTreeSet<String>>,
    /// How often its value is damaged on the way, from now on.
    damaged: u32,
    /// Whether its checksum is left out.
    unsummed: bool,
}

struct Version {
    data: Vec<u8>,
    /// `ENABLED`, `DISABLED` or `DESTROYED`.
    state: &'static str,
}

impl Gcp {
    /// The next version of a secret of the project. Says its number.
    pub fn secret(&mut self, name: &str, data: impl AsRef<[u8]>) -> usize {
        self.secret_at(&whole(name), data)
    }

    /// The next version of a secret by its whole name.
    pub fn secret_at(&mut self, name: &str, data: impl AsRef<[u8]>) -> usize {
        let secret = self.secrets.entry(name.to_owned()).or_default();
        secret.versions.push(Version { data: data.as_ref().to_vec(), state: "ENABLED" });
        secret.versions.len()
    }

    /// A further version that `latest` does not mean: one of another state.
    pub fn hidden(&mut self, name: &str) -> usize {
        let secret = self.found(name);
        secret.latest.get_or_insert(secret.versions.len());
        self.secret(name, "hidden")
    }

    /// Another name of a version.
    pub fn alias(&mut self, name: &str, alias: &str, version: usize) {
        self.found(name).aliases.insert(alias.to_owned(), version);
    }

    /// A version is disabled or destroyed.
    pub fn set_state(&mut self, name: &str, version: usize, state: &'static str) {
        self.found(name).versions[version - 1].state = state;
    }

    /// Only this account may read a secret.
    pub fn only_for(&mut self, name: &str, email: &str) {
        self.found(name).readers.get_or_insert_default().insert(email.to_owned());
    }

    /// A value is damaged on the way, so many times.
    pub fn damage(&mut self, name: &str, times: u32) {
        self.found(name).damaged = times;
    }

    /// A value is sent without its checksum.
    pub fn leave_out_checksum(&mut self, name: &str) {
        self.found(name).unsummed = true;
    }

    fn found(&mut self, name: &str) -> &mut Secret {
        self.secrets.get_mut(&whole(name)).expect("a secret that was made")
    }
}

fn whole(name: &str) -> String {
    format!("projects/{PROJECT}/secrets/{name}")
}

/// Whose token a request has.
pub fn bearer(gcp: &Gcp, request: &Request) -> Result<String, Reply> {
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let known = token.and_then(|token| gcp.tokens.get(token)).cloned();
    known.ok_or_else(|| {
        let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                    other valid authentication credential.";
        reasoned(401, text, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
    })
}

pub fn answer(gcp: &mut Gcp, request: &Request) -> Result<Reply, Reply> {
    let name = request.path.trim_start_matches("/v1/").strip_suffix(":access").ok_or_else(|| html(404))?;
    if request.method != "GET" {
        return Err(html(404));
    }
    let email = bearer(gcp, request)?;
    if let Some(project) = request.header("x-goog-user-project") {
        gcp.paid.push(project.to_owned());
        if !gcp.paying.contains(project) {
            let text = "Caller does not have required permission to use project.";
            return Err(reasoned(403, text, "USER_PROJECT_DENIED"));
        }
    }
    let (secret_name, wanted) = name.split_once("/versions/").ok_or_else(|| html(404))?;
    // A number is another name of the project.
    let secret_name = secret_name.replace(&format!("projects/{NUMBER}/"), &format!("projects/{PROJECT}/"));
    let numbered = secret_name.replace(&format!("projects/{PROJECT}/"), &format!("projects/{NUMBER}/"));
    let denied = gcp.denied.contains(&email);
    let secret = gcp.secrets.get_mut(&secret_name);
    if denied || secret.as_ref().is_some_and(|secret| !secret.lets(&email)) {
        let text = format!(
            "Permission 'secretmanager.versions.access' denied for resource '{name}' (or it may not exist)."
        );
        return Err(reasoned(403, &text, "IAM_PERMISSION_DENIED"));
    }
    let secret =
        secret.ok_or_else(|| error(404, &format!("Secret [{numbered}] not found or has no versions.")))?;
    secret.access(&numbered, wanted)
}

impl Secret {
    fn lets(&self, email: &str) -> bool {
        self.readers.as_ref().is_none_or(|readers| readers.contains(email))
    }

    fn access(&mut self, name: &str, wanted: &str) -> Result<Reply, Reply> {
        let number = match wanted {
            "latest" => self.latest.unwrap_or(self.versions.len()),
            alias => self.aliases.get(alias).copied().or(alias.parse().ok()).unwrap_or(0),
        };
        let missing = || error(404, &format!("Secret Version [{name}/versions/{wanted}] not found."));
        let version = number.checked_sub(1).and_then(|place| self.versions.get(place)).ok_or_else(missing)?;
        if version.state != "ENABLED" {
            let text = format!("Secret Version [{name}/versions/{number}] is in {} state.", version.state);
            return Err(precondition(&text));
        }
        let sum = crc32c(&version.data);
        let mut data = version.data.clone();
        if self.damaged > 0 {
            self.damaged -= 1;
            data.push(b'!');
        }
        let mut payload = json!({ "data": STANDARD.encode(&data), "dataCrc32c": sum.to_string() });
        if self.unsummed {
            payload.as_object_mut().expect("an object").remove("dataCrc32c");
        }
        // Protocol buffers leave out what is nothing.
        if data.is_empty() {
            payload.as_object_mut().expect("an object").remove("data");
        }
        Ok(json_reply(200, &json!({ "name": format!("{name}/versions/{number}"), "payload": payload })))
    }
}

/// Bit by bit, in other words than kz's.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            remainder = if remainder & 1 == 0 { remainder >> 1 } else { (remainder >> 1) ^ 0x82f6_3b78 };
        }
    }
    !remainder
}
