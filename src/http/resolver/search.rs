//! Which names are asked for, and when an answer is one: pure but for asking.
//!
//! Invariants: a name that fails, however it fails, is followed by the next; one kind of address is enough, and the
//! other is not waited for longer than [`DELAY`].

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::name_server::{Answer, Family, Servers};
use super::system::System;

/// How long the second kind of address may take when the first is there (RFC 8305, 3: the Resolution Delay).
const DELAY: Duration = Duration::from_millis(50);
/// How long it may take when it is known that there are none of the first.
const LONGER: Duration = Duration::from_secs(2);

/// The addresses of the first of a host's possible names that has any.
pub(super) async fn search(system: &System, host: &str) -> Vec<IpAddr> {
    let mut servers = Servers::of(system);
    for name in names(host, &system.search, system.dots) {
        let addresses = both(&mut servers, system.only_v4, &name).await;
        if !addresses.is_empty() {
            return addresses;
        }
    }
    Vec::new()
}

/// The full names that a host may have, without the last dot, in the order in which they are tried.
fn names(host: &str, search: &[String], dots: usize) -> Vec<String> {
    if let Some(full) = host.strip_suffix('.') {
        return vec![full.to_owned()];
    }
    let mut names: Vec<String> = Vec::new();
    for domain in search {
        let name = format!("{host}.{}", domain.trim_matches('.'));
        names.push(name.trim_end_matches('.').to_owned());
    }
    let first = if host.matches('.').count() >= dots { 0 } else { names.len() };
    names.insert(first, host.to_owned());
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

/// The addresses of one name.
async fn both(servers: &mut Servers, only_v4: bool, name: &str) -> Vec<IpAddr> {
    let asked = servers.clone();
    let v4 = pin!(asked.ask(name, Family::V4));
    let (answer, faults) = if only_v4 {
        let (answer, faults) = v4.await;
        (answer.addresses(), faults)
    } else {
        race(v4, pin!(asked.ask(name, Family::V6))).await
    };
    servers.learn(&faults);
    answer
}

type Told = (Answer, Vec<usize>);

async fn race(
    v4: impl Future<Output = Told> + Unpin,
    v6: impl Future<Output = Told> + Unpin,
) -> (Vec<IpAddr>, Vec<usize>) {
    match select(v4, v6).await {
        Either::Left((first, other)) => other_than(first, other).await,
        Either::Right((first, other)) => other_than(first, other).await,
    }
}

/// The addresses of the first kind, and those of the other that come soon enough.
async fn other_than(first: Told, other: impl Future<Output = Told>) -> (Vec<IpAddr>, Vec<usize>) {
    let (answer, mut faults) = first;
    let limit = match &answer {
        Answer::Addresses(_) => Some(DELAY),
        Answer::None => Some(LONGER),
        // Nothing is known of the name yet, so the other is as good as the first.
        Answer::Failed => None,
    };
    let mut addresses = answer.addresses();
    let told = match limit {
        Some(limit) => tokio::time::timeout(limit, other).await.ok(),
        None => Some(other.await),
    };
    if let Some((answer, more)) = told {
        addresses.extend(answer.addresses());
        faults.extend(more);
    }
    (addresses, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tried_in_the_order_of_resolv_conf() {
        let list = ["a.svc.cluster.local".to_owned(), "cluster.local.".to_owned()];
        let of = |host: &str, dots| names(host, &list, dots).join(" ");
        assert_eq!(of("vault", 1), "vault.a.svc.cluster.local vault.cluster.local vault");
        assert_eq!(of("vault.x", 1), "vault.x vault.x.a.svc.cluster.local vault.x.cluster.local");
        assert_eq!(of("vault.x.y", 5), "vault.x.y.a.svc.cluster.local vault.x.y.cluster.local vault.x.y");
        assert_eq!(of("vault.x.", 5), "vault.x");
        assert_eq!(names("vault", &[], 1), ["vault"]);
        assert_eq!(names("vault", &[".".to_owned()], 1), ["vault"]);
    }
}
