//! A stream of bytes to a host or to a socket of this machine: addresses are tried in turn, the next one beside
//! those that have not answered shortly (RFC 8305), so that one that leads nowhere holds nobody up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::error::{Error, NO_SOCKET, translate};
use super::resolver::lookup;

/// How long an address is tried before the next one is tried beside it (RFC 8305, 8).
const STAGGER: Duration = Duration::from_millis(250);

/// What bytes go through, in TLS or not.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Bytes for T {}

/// One of them.
pub(super) type Stream = Box<dyn Bytes>;

/// Connects to a host, by the first of its addresses that answers, and says how long connecting took.
pub(super) async fn host(host: &str, port: u16) -> Result<(Stream, Duration), Error> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => lookup(host).await.map_err(|_| Error::Unresolved)?,
    };
    let begun = Instant::now();
    let stream = race(&interleaved(&addresses), port).await?;
    // Requests are written whole: to wait for more of them would only delay.
    let _ = stream.set_nodelay(true);
    Ok((Box::new(stream), begun.elapsed()))
}

/// Connects to a socket of this machine.
pub(super) async fn socket(path: &Path) -> Result<Stream, Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Socket(NO_SOCKET),
        io::ErrorKind::PermissionDenied => Error::Socket("kz may not write to the socket"),
        io::ErrorKind::InvalidInput => Error::Socket("the path is too long for a socket"),
        io::ErrorKind::NotADirectory => Error::Socket("the path leads through a file that is no directory"),
        _ => translate(&error, Error::Network("the connection failed")),
    };
    // A file that is no socket would only be said to refuse.
    if !std::fs::metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(Error::Socket("the path names no socket"));
    }
    Ok(Box::new(UnixStream::connect(path).await.map_err(failed)?))
}

async fn race(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Error> {
    let mut rest = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = None;
    loop {
        match rest.next() {
            Some(address) => attempts.push(TcpStream::connect(SocketAddr::new(*address, port))),
            None if attempts.is_empty() => return Err(failed.unwrap_or(Error::Unresolved)),
            None => {}
        }
        let patience = if rest.len() > 0 { STAGGER } else { Duration::MAX };
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => {
                let error = translate(&error, Error::Network("the connection failed"));
                // Who is there and refuses says more than a network that does not lead there.
                failed = failed.filter(|known| *known == Error::Refused).or(Some(error));
            }
            Ok(None) | Err(_) => {}
        }
    }
}

/// The addresses in their order, with the two families taking turns (RFC 8305, 4).
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (one, other): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns: Vec<(usize, IpAddr)> = one.into_iter().enumerate().map(|(n, ip)| (2 * n, ip)).collect();
    turns.extend(other.into_iter().enumerate().map(|(n, ip)| (2 * n + 1, ip)));
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::http::testing::run;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns_and_the_first_stays_first() {
        let addresses = ["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"].map(ip);
        assert_eq!(interleaved(&addresses), ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"].map(ip));
        assert_eq!(interleaved(&["1.1.1.1", "::1"].map(ip)), ["1.1.1.1", "::1"].map(ip));
        assert!(interleaved(&[]).is_empty());
    }

    #[test]
    fn an_address_that_refuses_or_keeps_silent_does_not_keep_kz_from_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Loopback without a listener, and TEST-NET-1, which answers nothing or is not routed at all.
        for before in ["127.0.0.2", "192.0.2.1"] {
            let reached = run(async { race(&[ip(before), ip("127.0.0.1")], port).await.is_ok() });
            assert!(reached, "{before}");
        }
    }

    #[test]
    fn what_is_there_and_refuses_is_told_before_what_is_not_reached() {
        let port = kz_fakes::byte_server::free_port();
        let error = run(async { race(&["127.0.0.1", "::ffff:0:0", "127.0.0.2"].map(ip), port).await });
        assert_eq!(error.unwrap_err(), Error::Refused);
        assert_eq!(run(race(&[], port)).unwrap_err(), Error::Unresolved);
    }
}
