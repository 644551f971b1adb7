//! A network in between: every byte takes half a round-trip time each way, and a connection's first ones wait
//! for the handshake too, which on one machine would cost nothing. Counts connections. Knows nothing of what passes.
//! A client's `connect` itself returns at once, so what it computes before its first byte runs beside that wait, and
//! up to so much of one round trip is missing in what is measured.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running relay. Stops accepting when dropped; what is open goes on.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl Relay {
    /// Before `server`, at this distance.
    pub fn start(server: SocketAddr, round_trip: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if seen.stopped.load(Ordering::SeqCst) {
                    return;
                }
                seen.connections.fetch_add(1, Ordering::SeqCst);
                connect(&client, server, round_trip);
            }
        });
        Self { address, state }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: &TcpStream, server: SocketAddr, round_trip: Duration) {
    let Ok(server) = TcpStream::connect(server) else { return };
    // The client thinks that it is connected now, but in a real network it would be only then.
    let connected = Instant::now() + round_trip;
    for (from, to) in [(client, &server), (&server, client)] {
        let _ = from.set_nodelay(true);
        let (from, to) = (from.try_clone().expect("a descriptor"), to.try_clone().expect("a descriptor"));
        let (sender, receiver) = channel();
        thread::spawn(move || read(from, &sender, connected, round_trip / 2));
        thread::spawn(move || write(to, &receiver));
    }
}

/// Stamps what comes with the time at which it arrives at the other side. Nothing: the end.
fn read(mut from: TcpStream, sender: &Sender<(Instant, Vec<u8>)>, connected: Instant, half: Duration) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let due = Instant::now().max(connected) + half;
        if sender.send((due, buffer[..length].to_vec())).is_err() || length == 0 {
            return;
        }
    }
}

fn write(mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>) {
    for (due, bytes) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if bytes.is_empty() || to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
