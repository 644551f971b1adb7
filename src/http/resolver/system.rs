//! What the system says of names: `/etc/hosts` (hosts(5)) and `/etc/resolv.conf` (resolv.conf(5)).
//!
//! Neither has to be there. What cannot be read or understood is passed over, line by line, as glibc does.

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// So many name servers are used, and no more (`MAXNS`).
const SERVERS: usize = 3;
/// The most that is read of a file, in bytes: lists against advertisements are long.
const LARGEST: u64 = 16 << 20;
/// Where name servers listen.
const PORT: u16 = 53;

/// How names are looked up here.
#[derive(Clone, Debug)]
pub(super) struct System {
    pub(super) hosts: String,
    pub(super) servers: Vec<SocketAddr>,
    /// What is put behind a name, in this order.
    pub(super) search: Vec<String>,
    /// From so many dots on, a name is first asked for as it is.
    pub(super) dots: usize,
    /// How long a name server may take.
    pub(super) timeout: Duration,
    pub(super) attempts: usize,
    /// Begin with another server each time.
    pub(super) rotate: bool,
    /// Ask over TCP only.
    pub(super) tcp: bool,
    /// Ask for IPv4 addresses only.
    pub(super) only_v4: bool,
}

impl System {
    /// As it is now.
    pub(super) fn read() -> Self {
        Self::of(&content("/etc/hosts"), &content("/etc/resolv.conf"))
    }

    pub(super) fn of(hosts: &[u8], resolv_conf: &[u8]) -> Self {
        let (config, _) = resolv_conf::Config::parse_with_errors(resolv_conf);
        let mut servers: Vec<SocketAddr> = config
            .nameservers
            .iter()
            .take(SERVERS)
            .map(|server| SocketAddr::new(server.into(), PORT))
            .collect();
        if servers.is_empty() {
            servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        let search = config.get_last_search_or_domain().filter(|domain| *domain != "--");
        Self {
            hosts: String::from_utf8_lossy(hosts).into_owned(),
            servers,
            search: search.cloned().collect(),
            dots: config.ndots.min(15) as usize,
            timeout: Duration::from_secs(u64::from(config.timeout.clamp(1, 30))),
            attempts: config.attempts.clamp(1, 5) as usize,
            rotate: config.rotate,
            tcp: config.use_vc,
            only_v4: config.no_aaaa,
        }
    }

    /// The addresses that `/etc/hosts` has for a host.
    pub(super) fn known(&self, host: &str) -> Vec<IpAddr> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut known = Vec::new();
        for line in self.hosts.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse) else { continue };
            if words.any(|name| name.eq_ignore_ascii_case(host)) && !known.contains(&address) {
                known.push(address);
            }
        }
        known
    }
}

/// What a file holds; nothing where it is not there, or is none.
fn content(path: impl AsRef<Path>) -> Vec<u8> {
    let mut content = Vec::new();
    let is_file = std::fs::metadata(path.as_ref()).is_ok_and(|metadata| metadata.is_file());
    if let Some(file) = is_file.then(|| File::open(path).ok()).flatten() {
        let _ = file.take(LARGEST).read_to_end(&mut content);
    }
    content
}
