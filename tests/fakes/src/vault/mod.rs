//! A Vault for tests, on the server of `tests/fakes/src/fake_server/`: written from the public API documentation
//! (<https://developer.hashicorp.com/vault/api-docs>), checked once with a foreign client (`tests/it/vault/fake.rs`), and
//! request by request with what a real `OpenBao` answers: `recording.jsonl`, compared in `tests/it/vault/recording.rs`.
//!
//! Has: KV v1 and v2, database credentials with leases, static roles, what is made of parameters, login by approle, kubernetes, jwt, userpass, cert and aws,
//! policies as path prefixes, namespaces, response wrapping, sealing. A request's name is its path without `/v1/`.
//! Has no clock: nothing expires. Configuration is done from Rust, except what a client may do.

mod api;
mod auth;
mod aws;
mod database;
mod help;
mod kv;
mod made;
mod reply;
mod state;
mod token;
mod wrapping;

use serde_json::Value;

use crate::fake_server;
// Tests find the server's words here.
pub use crate::fake_server::*;
pub use api::Call;
pub use reply::Reply;
pub use state::Vault;

/// A running Vault. Stops when dropped.
pub type Fake = fake_server::Fake<Vault>;

impl Backend for Vault {
    const HUGE: [&'static str; 2] = [
        r#"{"request_id":"","lease_id":"","lease_duration":0,"data":{"data":{"value":""#,
        r#""},"metadata":{"version":1}}}"#,
    ];

    fn answer(&mut self, request: &Request) -> fake_server::Reply {
        let reply: fake_server::Reply = Vault::answer(self, &Call::of(request)).into();
        match request.header("x-vault-namespace") {
            Some(namespace) => reply.with("x-vault-namespace", namespace),
            None => reply,
        }
    }

    fn name(request: &Request) -> String {
        request.path.trim_start_matches("/v1/").to_owned()
    }

    fn place(request: &Request) -> String {
        request.header("x-vault-namespace").unwrap_or_default().trim_matches('/').to_owned()
    }

    fn failure(request: &Request, status: u16) -> fake_server::Reply {
        let quota = format!("request path \"{}\": rate limit quota exceeded", Self::name(request));
        let text = match status {
            503 => "Vault is sealed",
            412 => "required index state not present",
            429 => &quota,
            400..500 => "1 error occurred:\n\t* invalid request\n\n",
            _ => "1 error occurred:\n\t* internal error\n\n",
        };
        Reply::error(status, &[text]).into()
    }
}

/// What only a Vault has.
impl Fake {
    /// Writes a document as root, through the API: `secret/data/app` takes `{"data": {…}}`.
    pub fn write(&self, path: &str, body: &Value) {
        self.write_in("", path, body);
    }

    /// The same in a namespace.
    pub fn write_in(&self, namespace: &str, path: &str, body: &Value) {
        let call = Call { namespace: namespace.to_owned(), body: body.clone(), ..Call::new("POST", path) };
        self.as_root(call);
    }

    /// The token that wraps what a write of nothing answers.
    pub fn wrapped(&self, path: &str) -> String {
        let reply = self.as_root(Call { wrap: Some(60), ..Call::new("POST", path) });
        let token = reply.body.as_ref().and_then(|body| body["wrap_info"]["token"].as_str());
        token.expect("a wrapping token").to_owned()
    }

    fn as_root(&self, call: Call) -> Reply {
        let reply = self.configure(|vault| {
            let token = Some(vault.root());
            vault.answer(&Call { token, ..call })
        });
        assert!(reply.status < 300, "{reply:?}");
        reply
    }
}
