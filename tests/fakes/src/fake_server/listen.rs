//! The server's side of the network: accepts, and speaks TLS and HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use futures_util::future::{Either, select};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use super::answer::Client;
use super::frames::Passage;
use super::manners::{Ending, Ends};
use super::tls::{Authority, Flaw};
use super::{Backend, Doors, Shared};

/// What is spoken on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1 without TLS.
    Plain,
    /// TLS, and HTTP/1.1 only.
    Http1,
    /// TLS, HTTP/2 preferred.
    Http2,
}

impl Transport {
    pub fn scheme(self) -> &'static str {
        if matches!(self, Self::Plain) { "http" } else { "https" }
    }

    pub fn acceptor(self, authority: &Authority, flaw: Flaw) -> Option<TlsAcceptor> {
        let protocols: &[&[u8]] = match self {
            Self::Plain => return None,
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2", b"http/1.1"],
        };
        Some(TlsAcceptor::from(Arc::new(authority.server_config(flaw, protocols))))
    }
}

/// Streams that a Go server, as Vault is one, allows on a connection.
const STREAMS: u32 = 250;

/// Runs until the doors are gone. A bound socket that does not listen refuses connections and keeps its port.
pub async fn serve<B: Backend>(
    tell: Sender<(SocketAddr, String)>,
    mut doors: watch::Receiver<Doors>,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared<B>>,
) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let stat = format!("/proc/self/task/{}/stat", nix::unistd::gettid());
    let address = socket.local_addr().expect("an address");
    let listen = |socket: TcpSocket| socket.listen(1024).expect("a port to listen on");
    let told = || tell.send((address, stat)).expect("a test that waits");
    // Whoever is told of open doors finds them open.
    let listener = if *doors.borrow() == Doors::Open {
        let listener = listen(socket);
        told();
        listener
    } else {
        told();
        let state = doors.wait_for(|state| *state != Doors::Closed).await.map(|state| *state);
        if !state.is_ok_and(|state| state == Doors::Open) {
            return;
        }
        listen(socket)
    };
    let gone = doors.wait_for(|state| *state == Doors::Gone);
    let accepting = accept(listener, acceptor, shared);
    let _ = select(std::pin::pin!(gone), std::pin::pin!(accepting)).await;
}

async fn accept<B: Backend>(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared<B>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let connection = {
            let mut record = shared.record();
            record.connections += 1;
            record.connections
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match acceptor {
                Some(acceptor) => {
                    // A client that likes the certificate not goes away here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let session = stream.get_ref().1;
                    let certificate =
                        session.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()));
                    let http2 = session.alpn_protocol() == Some(b"h2");
                    speak(stream, Client { connection, certificate, shared }, http2).await;
                }
                None => speak(stream, Client { connection, certificate: None, shared }, false).await,
            }
        });
    }
}

async fn speak<S, B: Backend>(stream: S, client: Client<B>, http2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (manners, handled) = (client.shared.manners, Arc::new(AtomicUsize::new(0)));
    let (shared, client, counted) = (Arc::clone(&client.shared), Arc::new(client), Arc::clone(&handled));
    let gentle = if let Some(Ends::GoAwayGently(most)) = manners.ends { most } else { usize::MAX };
    let enough = Arc::new(Notify::new());
    let told = Arc::clone(&enough);
    let service = service_fn(move |request| {
        let (client, counted, told) = (Arc::clone(&client), Arc::clone(&counted), Arc::clone(&told));
        async move {
            let response = client.handle(request).await;
            if counted.fetch_add(1, Ordering::SeqCst) + 1 == gentle {
                told.notify_one();
            }
            response
        }
    });
    // A connection that the client or the script ends is no failure of the fake.
    if http2 {
        let (near, far) = tokio::io::duplex(1 << 20);
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(manners.streams.unwrap_or(STREAMS));
        let mut served = Box::pin(builder.serve_connection(TokioIo::new(far), service));
        tokio::spawn(async move {
            if let Either::Left(_) = select(std::pin::pin!(enough.notified()), served.as_mut()).await {
                served.as_mut().graceful_shutdown();
                let _ = served.await;
            }
        });
        let beyond = Passage::new(manners).pass(stream, near).await;
        shared.record().beyond += beyond;
    } else {
        let limit = Ends::unannounced(manners.ends).unwrap_or(usize::MAX);
        let stream = TokioIo::new(Ending::new(stream, handled, limit));
        let mut builder = hyper::server::conn::http1::Builder::new();
        // What is read may be at its end while a reply is written.
        let _ = builder.half_close(limit < usize::MAX).serve_connection(stream, service).await;
    }
}
