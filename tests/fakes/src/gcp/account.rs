//! What there is: secrets, accounts, keys, and the tokens that were handed out. Configuration is done from Rust.

use std::collections::{BTreeMap, BTreeSet};

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::PROJECT;
use super::federation::Pool;
use super::secrets::Secret;

/// All of it.
#[derive(Default)]
pub struct Gcp {
    /// By the whole name, with the project's id.
    pub secrets: BTreeMap<String, Secret>,
    /// Who may read nothing, whatever it is.
    pub denied: BTreeSet<String>,
    /// Keys by account and id.
    pub keys: BTreeMap<(String, String), Vec<u8>>,
    /// Logins: client, its secret, and the refresh token.
    pub logins: BTreeSet<[String; 3]>,
    pub pools: BTreeMap<String, Pool>,
    /// Who may act as an account.
    pub impersonators: BTreeMap<String, BTreeSet<String>>,
    /// Which account the instance has.
    pub instance: Option<String>,
    /// Whose a token is.
    pub tokens: BTreeMap<String, String>,
    /// How far Google's clock is ahead, in seconds.
    pub ahead: i64,
    /// Projects that a request may name as the one that pays, and those that requests named.
    pub paying: BTreeSet<String>,
    pub paid: Vec<String>,
    /// What another provider hands out behind its address.
    pub subject: String,
    serial: u64,
}

/// A service account's key.
pub struct KeyFile {
    pub email: String,
    /// What `gcloud iam service-accounts keys create` writes.
    pub json: Value,
}

impl Gcp {
    /// A new token of this account.
    pub fn token(&mut self, email: &str) -> String {
        self.serial += 1;
        let token = format!("ya29.example-token-{}", self.serial);
        self.tokens.insert(token.clone(), email.to_owned());
        token
    }

    /// No token is known any longer.
    pub fn end_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The email of an account of the project.
    pub fn email(name: &str) -> String {
        format!("{name}@{PROJECT}.iam.gserviceaccount.com")
    }

    /// A new key of an account; tokens are got at `origin`.
    pub fn key(&mut self, name: &str, origin: &str) -> KeyFile {
        self.serial += 1;
        let (email, id) = (Self::email(name), format!("{:040x}", self.serial));
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key");
        self.keys.insert((email.clone(), id.clone()), pair.public_key_raw().to_vec());
        let json = json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": id,
            "private_key": pair.serialize_pem(), "client_email": email, "client_id": "100000000000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": format!("{origin}/token"),
            "universe_domain": "googleapis.com",
        });
        KeyFile { email, json }
    }

    /// The account's keys are deleted.
    pub fn delete_keys(&mut self, email: &str) {
        self.keys.retain(|(account, _), _| account != email);
    }

    /// Somebody who has logged in by `gcloud auth application-default login`.
    pub fn login(&mut self, origin: &str) -> Value {
        self.serial += 1;
        let parts = ["client", "secret", "refresh"].map(|part| format!("example-{part}-{}", self.serial));
        let json = json!({
            "type": "authorized_user", "client_id": parts[0], "client_secret": parts[1], "refresh_token": parts[2],
            "token_uri": format!("{origin}/token"),
        });
        self.logins.insert(parts);
        json
    }

    /// All logins are revoked.
    pub fn end_logins(&mut self) {
        self.logins.clear();
    }

    /// This account may act as another, which is named.
    pub fn let_impersonate(&mut self, email: &str, name: &str) -> String {
        let target = Self::email(name);
        self.impersonators.entry(target.clone()).or_default().insert(email.to_owned());
        target
    }

    /// The instance has this account.
    pub fn instance(&mut self, name: &str) {
        self.instance = Some(Self::email(name));
    }

    /// Google's clock is so many seconds ahead.
    pub fn set_clock_ahead(&mut self, seconds: i64) {
        self.ahead = seconds;
    }

    /// An account may read nothing.
    pub fn deny(&mut self, email: &str) {
        self.denied.insert(email.to_owned());
    }

    /// Another provider's token, behind `/subject`.
    pub fn serve_subject(&mut self, body: &str) {
        body.clone_into(&mut self.subject);
    }

    /// A project that may pay for requests.
    pub fn let_pay(&mut self, project: &str) {
        self.paying.insert(project.to_owned());
    }

    /// The projects that requests have named as the one that pays.
    pub fn paid(&self) -> Vec<String> {
        self.paid.clone()
    }
}
