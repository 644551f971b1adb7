//! Names to addresses, by the system's resolver. It is ours so that a failure can be told from every other.

use std::net::{IpAddr, ToSocketAddrs};

use super::error::Unresolved;

/// The addresses of a host, in the order in which they are to be tried.
pub(super) async fn lookup(host: &str) -> Result<Vec<IpAddr>, Unresolved> {
    let host = host.to_owned();
    // The system's resolver blocks, so it runs beside the event loop.
    let looked_up = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs()).await;
    match looked_up {
        Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
        _ => Err(Unresolved),
    }
}
