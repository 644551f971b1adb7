//! Whether a proxy stands between kz and a server: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as curl and Go
//! read them. Pure; the variables are handed in. Invariant: a proxy's password is in no message.

use std::fmt;
use std::net::IpAddr;

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::address::Address;

/// The variables, as far as they are set.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `https://`: `HTTPS_PROXY`, `https_proxy`.
    pub https: Option<String>,
    /// For `http://`: `http_proxy`, `HTTP_PROXY`.
    pub http: Option<String>,
    /// Who is reached without: `NO_PROXY`, `no_proxy`.
    pub none: Option<String>,
}

impl fmt::Debug for Proxies {
    /// Which are set, and nothing of them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, http, none } = self;
        write!(
            formatter,
            "Proxies {{ https: {}, http: {}, none: {none:?} }}",
            https.is_some(),
            http.is_some()
        )
    }
}

impl Proxies {
    /// The variables, of which the first that is set counts. `read` says what one holds.
    pub fn of(read: impl Fn(&str) -> Option<String>) -> Self {
        let either = |one, other| read(one).or_else(|| read(other)).filter(|value| !value.is_empty());
        Self {
            https: either("HTTPS_PROXY", "https_proxy"),
            http: either("http_proxy", "HTTP_PROXY"),
            none: either("NO_PROXY", "no_proxy"),
        }
    }

    /// The proxy on the way to `address`. The machine itself is never asked for through one, nor its sockets.
    pub(super) fn on_the_way_to(&self, address: &Address) -> Option<&str> {
        let proxy = if address.is_https() { &self.https } else { &self.http };
        let host = address.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let excepted = self.none.as_deref().is_some_and(|list| {
            list.split(',').map(str::trim).any(|entry| excepts(entry, &host, address.port()))
        });
        proxy.as_deref().filter(|_| !here && !excepted && address.socket().is_none())
    }
}

/// A proxy as it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// `host:port`, as messages say it.
    pub(super) shown: String,
    /// Whether TLS is spoken with the proxy itself.
    pub(super) is_https: bool,
    /// Who kz is to it: `Proxy-Authorization` (RFC 9110, 11.7.2).
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `[http[s]://][user[:password]@]host[:port]`; other kinds of proxies are not spoken to.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let (shown, port) = (url.host_str()?, url.port_or_known_default()?);
        let has_user = !url.username().is_empty() || url.password().is_some();
        let authorization = has_user.then(|| {
            let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
            let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
            let encoded = STANDARD.encode([user.as_slice(), b":", &password].concat());
            let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Some(Self {
            host: shown.trim_matches(['[', ']']).to_owned(),
            port,
            shown: format!("{shown}:{port}"),
            is_https: url.scheme() == "https",
            authorization: authorization.flatten(),
        })
    }
}

/// Whether one entry of `NO_PROXY` is about this host: `*`, a name and all below it, an address, a network.
fn excepts(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let ip: Option<IpAddr> = host.parse().ok();
    if let (Some(ip), Some((network, bits))) = (ip, entry.split_once('/')) {
        return network.parse().is_ok_and(|network| contains(network, bits, ip));
    }
    if let (Some(ip), Ok(other)) = (ip, entry.trim_matches(['[', ']']).parse::<IpAddr>()) {
        return ip == other;
    }
    let (name, only_port) = match entry.rsplit_once(':') {
        Some((name, number)) if !name.contains(':') => (name, number.parse::<u16>().ok()),
        _ => (entry, None),
    };
    let name = name.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
    let matches = !name.is_empty()
        && host.strip_suffix(&name).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    matches && only_port.is_none_or(|only| only == port)
}

fn contains(network: IpAddr, bits: &str, ip: IpAddr) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    let equal = |one: u128, other: u128, width: u32| {
        bits <= width && (bits == 0 || (one ^ other) >> (width - bits) == 0)
    };
    match (network, ip) {
        (IpAddr::V4(one), IpAddr::V4(other)) => equal(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => equal(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(none: &str, address: &str) -> bool {
        let proxies = Proxies {
            https: Some("http://proxy:3128".into()),
            http: None,
            none: Some(none.into()).filter(|none: &String| !none.is_empty()),
        };
        proxies.on_the_way_to(&Address::parse(address).unwrap()).is_some()
    }

    #[test]
    fn a_proxy_is_used_for_its_scheme_and_never_for_this_machine() {
        assert!(through("", "https://vault.internal:8200"));
        assert!(!through("", "http://vault.internal:8200"));
        for here in ["https://localhost:8200", "https://127.0.0.1:8200", "https://[::1]:8200"] {
            assert!(!through("", here), "{here}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_ports_addresses_and_networks() {
        for none in ["*", "vault.internal", ".internal", "*.internal", "x, internal", "vault.internal:8200"] {
            assert!(!through(none, "https://vault.internal:8200"), "{none}");
        }
        for none in ["ault.internal", "vault.internal:80", "internal.vault", "10.0.0.0/8"] {
            assert!(through(none, "https://vault.internal:8200"), "{none}");
        }
        for none in ["10.1.2.3", "10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0"] {
            assert!(!through(none, "https://10.1.2.3:8200"), "{none}");
        }
        for none in ["10.1.2.4", "10.2.0.0/16", "10.1.2.3/33", "fd00::/8"] {
            assert!(through(none, "https://10.1.2.3:8200"), "{none}");
        }
        assert!(!through("fd00::/8", "https://[fd00::1]:8200"));
    }

    #[test]
    fn an_empty_variable_is_no_proxy() {
        let proxies = Proxies::of(|name| (name == "HTTPS_PROXY").then(String::new));
        assert!(proxies.https.is_none());
    }
}
