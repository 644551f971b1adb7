//! A server for tests, in this process, on a port of its own, with whatever backend stands behind it.
//!
//! Speaks HTTP/1.1 and HTTP/2, with and without TLS. Says what it was asked (`seen`), fails as it is told
//! (`script`), and can hold replies until the client has nothing more to ask (`hold`). Knows nothing of what is
//! asked: a [`Backend`] names requests and answers them.

/// How connections are treated.
pub mod manners;
/// A real round-trip time before any server.
pub mod relay;
/// Failures by script.
pub mod script;
/// AWS's way of signing requests.
pub mod signature;
/// A private CA, and certificates that are good and bad.
pub mod tls;

mod answer;
mod body;
mod frames;
mod listen;
mod reply;
mod request;
mod seen;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use listen::Transport;
use manners::Manners;
pub use reply::Reply;
pub use request::Request;
use script::Rule;
pub use seen::{Protocol, Seen};
use tls::{Authority, Flaw};

/// What stands behind the server.
pub trait Backend: Default + Send + 'static {
    /// How a document begins and ends that is large in one value.
    const HUGE: [&'static str; 2];

    /// The answer to a request.
    fn answer(&mut self, request: &Request) -> Reply;

    /// What rules, `seen` and `requests` know a request by.
    fn name(request: &Request) -> String;

    /// Where it is asked for, in the backend's terms.
    fn place(request: &Request) -> String;

    /// An error of this status, worded as the one who would send it does.
    fn failure(request: &Request, status: u16) -> Reply;
}

/// A running server. Stops when dropped.
pub struct Fake<B: Backend> {
    shared: Arc<Shared<B>>,
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
pub struct Shared<B> {
    backend: Mutex<B>,
    rules: Mutex<Vec<Rule>>,
    record: Mutex<seen::Record>,
    /// Counts the releases; requests are held while `holding`.
    gate: watch::Sender<u64>,
    manners: Manners,
}

impl<B> Shared<B> {
    fn backend(&self) -> MutexGuard<'_, B> {
        self.backend.lock().expect("a fake whose thread panicked")
    }

    fn record(&self) -> MutexGuard<'_, seen::Record> {
        self.record.lock().expect("a fake whose thread panicked")
    }
}

impl<B: Backend> Fake<B> {
    /// Listens on 127.0.0.1, with a certificate for that address and `localhost` where there is TLS.
    pub fn start(transport: Transport) -> Self {
        Self::mannered(transport, Manners::default())
    }

    /// It treats connections so.
    pub fn mannered(transport: Transport, manners: Manners) -> Self {
        Self::started(transport, Flaw::None, Doors::Open, manners)
    }

    /// Its certificate has a flaw.
    pub fn flawed(transport: Transport, flaw: Flaw) -> Self {
        Self::started(transport, flaw, Doors::Open, Manners::default())
    }

    /// Refuses connections until it is opened. Nobody else gets its port meanwhile.
    pub fn closed(transport: Transport) -> Self {
        Self::started(transport, Flaw::None, Doors::Closed, Manners::default())
    }

    fn started(transport: Transport, flaw: Flaw, doors: Doors, manners: Manners) -> Self {
        let authority = Authority::new();
        let acceptor = transport.acceptor(&authority, flaw);
        let shared = Arc::new(Shared {
            backend: Mutex::new(B::default()),
            rules: Mutex::default(),
            record: Mutex::default(),
            gate: watch::Sender::new(0),
            manners,
        });
        let doors = watch::Sender::new(doors);
        let (tell, told) = std::sync::mpsc::channel();
        let (behind, opened) = (Arc::clone(&shared), doors.subscribe());
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("an event loop").block_on(listen::serve(tell, opened, acceptor, behind));
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
    pub fn configure<T>(&self, change: impl FnOnce(&mut B) -> T) -> T {
        change(&mut self.shared.backend())
    }

    /// Fails from now on as this rule says; earlier rules go first.
    pub fn script(&self, rule: Rule) {
        self.shared.rules.lock().expect("a fake whose thread panicked").push(rule);
    }

    /// Every request, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.record().requests.clone()
    }

    /// How many requests came whose names begin so.
    pub fn requests(&self, prefix: &str) -> usize {
        self.shared.record().requests.iter().filter(|seen| seen.path.starts_with(prefix)).count()
    }

    /// How many connections were accepted, whatever became of them.
    pub fn connections(&self) -> usize {
        self.shared.record().connections
    }

    /// How many streams were begun beyond a limit that the client had taken note of.
    pub fn beyond(&self) -> usize {
        self.shared.record().beyond
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

impl<B: Backend> Drop for Fake<B> {
    fn drop(&mut self) {
        self.doors.send_replace(Doors::Gone);
        let thread = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(thread.is_none_or(|ended| ended.is_ok()), "the fake panicked");
        }
    }
}
