//! Names to addresses. It is kz's own, since musl's finds no name when one of two questions about it fails, and needs a
//! thread: an answer with an address is enough here, as it is for glibc.
//!
//! Invariants: `/etc/hosts` comes first; nobody is asked but the name servers of `/etc/resolv.conf`, or, where it names
//! none, this machine's own (resolv.conf(5)); `localhost` leads to this machine and is asked of nobody; what is looked
//! up is looked up anew each time, since both files may come late.

mod name_server;
mod search;
mod system;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::error::Unresolved;
use system::System;

/// The addresses of a host, the better ones first: never none.
pub(super) async fn lookup(host: &str) -> Result<Vec<IpAddr>, Unresolved> {
    lookup_in(&System::read(), host).await
}

async fn lookup_in(system: &System, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let mut addresses = system.known(host);
    if addresses.is_empty() && is_here(host) {
        addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    if addresses.is_empty() {
        addresses = search::search(system, host).await;
    }
    if addresses.is_empty() {
        return Err(Unresolved);
    }
    // Stable, so that the order of the name server, which spreads the load, stays within each kind.
    addresses.sort_by_key(|address| (!leads_somewhere(*address), address.is_ipv4()));
    Ok(addresses)
}

/// Whether a name means this machine, whatever name servers say (RFC 6761, 6.3).
fn is_here(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether this machine has a route there. Sends nothing: a datagram socket only asks the kernel.
fn leads_somewhere(address: IpAddr) -> bool {
    let own: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((own, 0)).is_ok_and(|socket| socket.connect((address, 65535)).is_ok())
}
