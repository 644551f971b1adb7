//! Servers for tests, on port 0: they speak HTTP/1.1 byte by byte, so that they can also speak it wrongly, in TLS
//! or not. Requests, connections and what was sent are counted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::patience::{Clock, Sleep};
use crate::size::Size;

/// What a server does with a request.
pub(crate) enum Answer {
    /// A status, further header lines, and a body, as they should be.
    Reply(u16, &'static str, String),
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// This head, and then zeros until the client has had enough.
    Endless(&'static str),
    /// The end of the connection.
    Close,
    /// Nothing, for ever.
    Hang,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Reply(status, "", body.into())
    }
}

/// The largest reply that clients of tests take.
pub(crate) const LARGEST_REPLY: Size = Size::mebibytes(16);

/// The first byte of a client that speaks TLS.
const TLS_HANDSHAKE: u8 = 22;

/// A request as a test wants to see it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /v1/x`
    pub(crate) line: String,
    head: String,
    pub(crate) body: String,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

type Handler = dyn Fn(&Seen) -> Answer + Send + Sync;

/// A running server. It ends with the test's process.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    sent: AtomicUsize,
}

impl Server {
    pub(crate) fn plain(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(any_port(), None, Arc::new(answer))
    }

    /// On a port that was free before, as a server that comes up late has it.
    pub(crate) fn plain_at(port: u16, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap(),
            None,
            Arc::new(answer),
        )
    }

    pub(crate) fn tls(
        config: ServerConfig,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(any_port(), Some(Arc::new(config)), Arc::new(answer))
    }

    /// On a socket of this machine.
    pub(crate) fn socket(path: &Path, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let counts = Arc::new(Counts::default());
        let server = Self { port: 0, scheme: "unix", counts: Arc::clone(&counts) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counts.connections.fetch_add(1, Ordering::SeqCst);
                serve(stream, &counts, &answer);
            }
        });
        server
    }

    fn start(listener: TcpListener, config: Option<Arc<ServerConfig>>, answer: Arc<Handler>) -> Self {
        let counts = Arc::new(Counts::default());
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            scheme: if config.is_some() { "https" } else { "http" },
            counts: Arc::clone(&counts),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let (counts, config, answer) = (Arc::clone(&counts), config.clone(), Arc::clone(&answer));
                std::thread::spawn(move || match config {
                    None => serve(stream, &counts, &*answer),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &counts, &*answer);
                    }
                });
            }
        });
        server
    }

    /// Its address, by the name that its certificate should have.
    pub(crate) fn address(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.counts.seen.lock().unwrap().clone()
    }

    /// The first line of every request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of an endless answer were taken.
    pub(crate) fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }
}

/// A port where nobody listens, for now.
pub(crate) fn free_port() -> u16 {
    any_port().local_addr().unwrap().port()
}

fn any_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn serve(mut stream: impl Read + Write, counts: &Counts, answer: &Handler) {
    while let Ok(Some(seen)) = request(&mut stream) {
        counts.seen.lock().unwrap().push(seen.clone());
        match answer(&seen) {
            Answer::Reply(status, headers, body) => {
                let length = body.len();
                let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
                if stream.write_all(reply.as_bytes()).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
            Answer::Bytes(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                return;
            }
            Answer::Endless(head) => {
                let _ = stream.write_all(head.as_bytes());
                let zeros = vec![b'0'; 64 << 10];
                while stream.write_all(&zeros).is_ok() {
                    counts.sent.fetch_add(zeros.len(), Ordering::SeqCst);
                }
                return;
            }
            Answer::Close => return,
            Answer::Hang => loop {
                std::thread::park();
            },
        }
    }
}

/// One request, or nothing when the client has gone.
fn request(stream: &mut impl Read) -> io::Result<Option<Seen>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
        if head == [TLS_HANDSHAKE] {
            return Ok(Some(Seen { line: "TLS".to_owned(), head: String::new(), body: String::new() }));
        }
    }
    let head = String::from_utf8(head).unwrap_or_default();
    let first = head.lines().next().unwrap_or_default();
    let line = first.trim_end_matches(" HTTP/1.1").to_owned();
    let mut seen = Seen { line, head, body: String::new() };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    seen.body = String::from_utf8(body).unwrap_or_default();
    Ok(Some(seen))
}

/// How many there are.
static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);

/// A private CA, of a name of its own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Expired,
    OtherName,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let number = AUTHORITIES.fetch_add(1, Ordering::SeqCst);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The PEM texts of a certificate and its key.
    pub(crate) fn issue(&self, purpose: ExtendedKeyUsagePurpose, fault: Fault) -> (String, String) {
        let name = if fault == Fault::OtherName { "elsewhere.test" } else { "localhost" };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        if fault == Fault::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The TLS of a server with a certificate of this CA.
    pub(crate) fn server(&self, fault: Fault) -> ServerConfig {
        self.configure(fault, false)
    }

    /// The same, of one that wants to see a certificate of this CA too.
    pub(crate) fn server_that_asks(&self) -> ServerConfig {
        self.configure(Fault::None, true)
    }

    fn configure(&self, fault: Fault, asks: bool) -> ServerConfig {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ServerAuth, fault);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(chain, key).unwrap()
    }
}

/// The TLS of a server with this certificate and key, which need not fit together. Texts in PEM.
pub(crate) fn serving(certificate: &str, key: &str) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let signing = provider.key_provider.load_private_key(key).unwrap();
    let certified = Arc::new(CertifiedKey::new(chain, signing));
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
}

/// A proxy that leads every `CONNECT` to this port, and its own port.
pub(crate) fn tunnel(port: u16) -> u16 {
    let listener = any_port();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                request(&mut client).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut to, mut from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || io::copy(&mut from, &mut to));
                io::copy(&mut server, &mut client)
            });
        }
    });
    own
}

/// Runs a future that does I/O.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// A clock that goes when a test says so. Clones share it.
#[derive(Clone)]
pub(crate) struct Manual(Arc<Mutex<(Instant, Vec<Waker>)>>);

impl Manual {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Vec::new()))))
    }

    pub(crate) fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        let mut state = self.0.lock().unwrap();
        state.0 += Duration::from_secs(seconds);
        state.1.drain(..).for_each(Waker::wake);
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        self.0.lock().unwrap().0
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = self.0.lock().unwrap();
            if state.0 >= until {
                return Poll::Ready(());
            }
            state.1.push(context.waker().clone());
            Poll::Pending
        }))
    }
}
