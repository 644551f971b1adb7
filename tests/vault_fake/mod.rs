//! A Vault for tests, in this process, on a port of its own: written from the public API documentation
//! (<https://developer.hashicorp.com/vault/api-docs>), checked once with a foreign client (`tests/it/vault_fake.rs`).
//!
//! Has: KV v1 and v2, database credentials with leases, login by approle, kubernetes, jwt, userpass, cert and aws,
//! policies as path prefixes, namespaces, response wrapping, sealing. Says what it was asked (`seen`), fails as
//! it is told (`script`), and can hold replies until the client has nothing more to ask (`hold`).
//! Has no clock: nothing expires. Configuration is done from Rust, except what a client may do.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each test binary uses its part, and a test may fail"
)]

/// A real round-trip time before any server.
pub mod relay;
/// Failures by script.
pub mod script;
/// A private CA, and certificates that are good and bad.
pub mod tls;

mod api;
mod auth;
mod aws;
mod database;
mod kv;
mod listen;
mod reply;
mod seen;
mod token;
mod vault;
mod wrapping;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::watch;

pub use api::Call;
pub use listen::Transport;
pub use reply::Reply;
use script::Rule;
pub use seen::{Protocol, Seen};
use tls::{Authority, Flaw};
pub use vault::Vault;

/// A running server. Stops when dropped.
pub struct Fake {
    shared: Arc<Shared>,
    /// Where it listens, or will.
    pub address: SocketAddr,
    authority: Authority,
    transport: Transport,
    doors: watch::Sender<Doors>,
    thread: Option<JoinHandle<()>>,
    /// `/proc/…/stat` of its thread.
    stat: String,
}

/// What the server's thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doors {
    /// The port is taken and refuses connections.
    Closed,
    Open,
    Gone,
}

/// What the server's thread and the test both see.
pub(crate) struct Shared {
    vault: Mutex<Vault>,
    rules: Mutex<Vec<Rule>>,
    record: Mutex<seen::Record>,
    /// Counts the releases; requests are held while `holding`.
    gate: watch::Sender<u64>,
}

impl Shared {
    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().expect("a fake whose thread panicked")
    }

    fn record(&self) -> MutexGuard<'_, seen::Record> {
        self.record.lock().expect("a fake whose thread panicked")
    }
}

impl Fake {
    /// Listens on 127.0.0.1, with a certificate for that address and `localhost` where there is TLS.
    pub fn start(transport: Transport) -> Self {
        Self::with(transport, Flaw::None, Doors::Open)
    }

    /// Its certificate has a flaw.
    pub fn flawed(transport: Transport, flaw: Flaw) -> Self {
        Self::with(transport, flaw, Doors::Open)
    }

    /// Refuses connections until it is opened. Nobody else gets its port meanwhile.
    pub fn closed(transport: Transport) -> Self {
        Self::with(transport, Flaw::None, Doors::Closed)
    }

    fn with(transport: Transport, flaw: Flaw, doors: Doors) -> Self {
        let authority = Authority::new();
        let acceptor = transport.acceptor(&authority, flaw);
        let shared = Arc::new(Shared {
            vault: Mutex::new(Vault::new()),
            rules: Mutex::default(),
            record: Mutex::default(),
            gate: watch::Sender::new(0),
        });
        let doors = watch::Sender::new(doors);
        let (tell, told) = std::sync::mpsc::channel();
        let (behind, opened) = (Arc::clone(&shared), doors.subscribe());
        let raw = transport.raw_reply();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("an event loop").block_on(listen::serve(tell, opened, acceptor, raw, behind));
        };
        let thread = std::thread::spawn(serve);
        let (address, stat) = told.recv().expect("a port");
        Self { shared, address, authority, transport, doors, thread: Some(thread), stat }
    }

    /// Accepts connections from now on.
    pub fn open(&self) {
        self.doors.send_replace(Doors::Open);
    }

    /// `https://127.0.0.1:PORT`, or with `http`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.transport.scheme(), self.address)
    }

    /// The CA that signed its certificate, PEM.
    pub fn ca(&self) -> String {
        self.authority.pem()
    }

    /// A certificate for a client, and its key, PEM; the CA's own.
    pub fn client_certificate(&self, name: &str) -> tls::Identity {
        self.authority.client(name)
    }

    /// Changes what it holds.
    pub fn configure<T>(&self, change: impl FnOnce(&mut Vault) -> T) -> T {
        change(&mut self.shared.vault())
    }

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
        let mut vault = self.shared.vault();
        let token = Some(vault.root());
        let reply = vault.answer(&Call { token, ..call });
        assert!(reply.status < 300, "{reply:?}");
        reply
    }

    /// Fails from now on as this rule says; earlier rules go first.
    pub fn script(&self, rule: Rule) {
        self.shared.rules.lock().expect("a fake whose thread panicked").push(rule);
    }

    /// Every request, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.record().requests.clone()
    }

    /// How many requests came for paths that begin so.
    pub fn requests(&self, prefix: &str) -> usize {
        self.shared.record().requests.iter().filter(|seen| seen.path.starts_with(prefix)).count()
    }

    /// How many connections were accepted, whatever became of them.
    pub fn connections(&self) -> usize {
        self.shared.record().connections
    }

    /// The file in /proc that says whether its only thread sleeps.
    pub fn stat(&self) -> String {
        self.stat.clone()
    }

    /// Holds every request that comes from now on.
    pub fn hold(&self) {
        self.shared.record().holding = true;
    }

    /// How many requests are held.
    pub fn held(&self) -> usize {
        self.shared.record().held
    }

    /// Answers those that are held, and says how many they were. Later ones are held again.
    pub fn release(&self) -> usize {
        let held = std::mem::take(&mut self.shared.record().held);
        self.shared.gate.send_modify(|releases| *releases += 1);
        held
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.doors.send_replace(Doors::Gone);
        let thread = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(thread.is_none_or(|ended| ended.is_ok()), "the fake panicked");
        }
    }
}
