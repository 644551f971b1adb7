//! Names to addresses, by the system's resolver. It is ours so that a failure can be told from every other, and
//! so that a server can be asked for by the name in its certificate, though it is reached by another.

use std::net::{SocketAddr, ToSocketAddrs};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::Address;
use super::error::Unresolved;

/// Looks names up; one of them by another.
pub(super) struct Resolver {
    instead: Option<(String, String)>,
}

impl Resolver {
    /// Looks `reached`'s host up where `named`'s is asked for.
    pub(super) fn new(named: &Address, reached: &Address) -> Self {
        let (named, reached) = (named.host().to_owned(), reached.host().trim_matches(['[', ']']).to_owned());
        Self { instead: (named != reached).then_some((named, reached)) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = match &self.instead {
            Some((named, reached)) if named == name.as_str() => reached.clone(),
            _ => name.as_str().to_owned(),
        };
        Box::pin(async move {
            // The system's resolver blocks, so it runs beside the event loop.
            let looked_up = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs()).await;
            match looked_up {
                Ok(Ok(addresses)) => {
                    let addresses: Vec<SocketAddr> = addresses.collect();
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                _ => Err(Unresolved.into()),
            }
        })
    }
}
