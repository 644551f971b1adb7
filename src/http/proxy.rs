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
use super::error::Named;
use crate::literal;

/// The variables, as far as they are set.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For every address but sockets, this machine's too: the variable that names it, and what it names.
    pub always: Option<(&'static str, String)>,
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
        let Self { always, https, http, none } = self;
        write!(
            formatter,
            "Proxies {{ always: {}, https: {}, http: {}, none: {none:?} }}",
            always.is_some(),
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
            always: None,
            https: either("HTTPS_PROXY", "https_proxy"),
            http: either("http_proxy", "HTTP_PROXY"),
            none: either("NO_PROXY", "no_proxy"),
        }
    }

    /// The proxy on the way to `address`, and who names it. The machine itself is never asked for through one, nor its
    /// sockets, unless one is named for everything.
    pub(super) fn on_the_way_to(&self, address: &Address) -> Option<(&str, Named)> {
        if let Some((variable, proxy)) = self.always.as_ref().filter(|_| address.socket().is_none()) {
            return Some((proxy, Named::Backends(variable)));
        }
        let (proxy, named) =
            if address.is_https() { (&self.https, Named::Https) } else { (&self.http, Named::Http) };
        let host = address.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let excepted = self.none.as_deref().is_some_and(|list| {
            list.split(',').map(str::trim).any(|entry| excepts(entry, &host, address.port()))
        });
        let proxy = proxy.as_deref().filter(|_| !here && !excepted && address.socket().is_none());
        proxy.map(|proxy| (proxy, named))
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
    /// Which variable names it.
    pub(super) named: Named,
    /// Whether TLS is spoken with the proxy itself.
    pub(super) is_https: bool,
    /// Who kz is to it: `Proxy-Authorization` (RFC 9110, 11.7.2).
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `[http[s]://][user[:password]@]host[:port]`; other kinds of proxies are not spoken to.
    pub(super) fn parse((text, named): (&str, Named)) -> Option<Self> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        // Messages name the host, so it is none that may be a credential in the wrong place.
        let (_, rest) = with_scheme.split_once("://")?;
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        if literal::may_be_credential(place.trim_end_matches('/')) {
            return None;
        }
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
            named,
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
            always: None,
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
    fn a_credential_in_the_place_of_a_proxy_is_none() {
        let parse = |text| Proxy::parse((text, Named::Https)).map(|proxy| proxy.shown);
        for credential in [
            "hvs.CAESIJabcdefghijk",
            "eyJhbGciOiJI.abc.def",
            "https://user:pw@wJalrCANARYXUtnFEMI/K7MDENG/bPxRfi",
        ] {
            assert_eq!(parse(credential), None, "{credential}");
        }
        for (proxy, shown) in [
            (
                "http://squid-proxy-01.prod.svc.cluster.local:3128/",
                "squid-proxy-01.prod.svc.cluster.local:3128",
            ),
            ("http://user:hvs.CAESIJabcdefghijk@proxy:3128", "proxy:3128"),
            ("10.0.0.1", "10.0.0.1:80"),
        ] {
            assert_eq!(parse(proxy).as_deref(), Some(shown));
        }
    }

    #[test]
    fn one_that_is_named_for_everything_is_used_for_this_machine_too_and_comes_first() {
        let none = Some("*".to_owned());
        let other = Some("http://other:3128".to_owned());
        let always = Some(("VAULT_PROXY_ADDR", "http://proxy:3128".to_owned()));
        let proxies = Proxies { always, https: other.clone(), http: other, none };
        for address in ["https://vault:8200", "http://vault:8200", "http://127.0.0.1:8200"] {
            let found = proxies.on_the_way_to(&Address::parse(address).unwrap());
            assert_eq!(found, Some(("http://proxy:3128", Named::Backends("VAULT_PROXY_ADDR"))), "{address}");
        }
        assert_eq!(proxies.on_the_way_to(&Address::parse("unix:///run/agent.sock").unwrap()), None);
    }

    #[test]
    fn an_empty_variable_is_no_proxy() {
        let proxies = Proxies::of(|name| (name == "HTTPS_PROXY").then(String::new));
        assert!(proxies.https.is_none());
    }
}
