//! A server in a thread of its own that answers each request as a closure says, and speaks HTTP/1.1 byte by byte.
//!
//! `fake_server` beside it stands on an HTTP library and knows backends; this one writes what no library would (broken
//! heads, bodies without an end, nothing at all), listens on sockets of this machine and on a port that was free before,
//! and is a proxy's other end. It speaks no HTTP/2. Requests, connections and what was sent are counted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a server does with a request.
pub enum Answer {
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
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Reply(status, "", body.into())
    }
}

/// The first byte of a client that speaks TLS.
const TLS_HANDSHAKE: u8 = 22;

/// A request as a test wants to see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET /v1/x`
    pub line: String,
    head: String,
    pub body: String,
}

impl Seen {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Whether this text stands anywhere in it.
    pub fn shows(&self, text: &str) -> bool {
        self.head.contains(text) || self.body.contains(text)
    }
}

type Handler = dyn Fn(&Seen) -> Answer + Send + Sync;

/// A running server. It ends with the test's process.
pub struct Server {
    pub port: u16,
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
    pub fn plain(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(any_port(), None, Arc::new(answer))
    }

    /// On a port that was free before, as a server that comes up late has it.
    pub fn plain_at(port: u16, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap(),
            None,
            Arc::new(answer),
        )
    }

    pub fn tls(config: ServerConfig, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(any_port(), Some(Arc::new(config)), Arc::new(answer))
    }

    /// On a socket of this machine.
    pub fn socket(path: &Path, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
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
    pub fn address(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.counts.seen.lock().unwrap().clone()
    }

    /// The first line of every request so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of an endless answer were taken.
    pub fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }
}

/// A port where nobody listens, for now.
pub fn free_port() -> u16 {
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

/// A proxy that leads every `CONNECT` to this port, and its own port.
pub fn tunnel(port: u16) -> u16 {
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
