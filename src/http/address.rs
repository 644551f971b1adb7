//! Where a server is: scheme, host, port, and a path before the API's own; or a socket of this machine.
//!
//! Invariant: what is printed of an address holds no user and no password; an address with either is refused.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use url::{Host, Url};

use crate::literal;

/// The address of a server. `Display` is what may be printed: without credentials, query and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// For a socket it is what requests name: `http://localhost`.
    url: Url,
    socket: Option<PathBuf>,
}

/// Why a text is no address. Never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// What a file of variables or `docker run -e` took along.
    #[error("has quotation marks of its own")]
    Quoted,
    /// Not `http://` or `https://`.
    #[error("does not begin with `https://` or `http://`")]
    Scheme,
    /// Credentials would be seen in every log on the way.
    #[error("has credentials in it")]
    Credentials,
    /// `unix://` and no path from the root on.
    #[error("does not name a socket such as `unix:///run/vault-agent.sock`")]
    Socket,
    /// Not a URL, or more than an address.
    #[error("is not an address such as `https://vault.internal:8200`")]
    Form,
}

impl Address {
    /// Reads `https://host[:port][/prefix]`, or `unix:///path`, as Vault's own client does.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::of_socket(path);
        }
        if text.starts_with(literal::QUOTES) {
            return Err(Invalid::Quoted);
        }
        if !(text.starts_with("https://") || text.starts_with("http://")) {
            return Err(Invalid::Scheme);
        }
        if literal::looks_like_credential(text) {
            return Err(Invalid::Credentials);
        }
        let url = Url::parse(text).map_err(|_| Invalid::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Invalid::Credentials);
        }
        if url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
            return Err(Invalid::Form);
        }
        Ok(Self { url, socket: None })
    }

    /// The path is taken as it is written: nothing in it is decoded.
    fn of_socket(path: &str) -> Result<Self, Invalid> {
        if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Err(Invalid::Socket);
        }
        let url = Url::parse("http://localhost").map_err(|_| Invalid::Form)?;
        Ok(Self { url, socket: Some(PathBuf::from(path)) })
    }

    /// What requests name: `https://host:port`, without a path; `http://localhost` where it is a socket.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The path before the API's own: nothing, or `/prefix`.
    pub fn prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// `host:port`, or the socket: whom kz waits for.
    pub fn authority(&self) -> String {
        match &self.socket {
            Some(path) => format!("unix://{}", path.display()),
            None => format!("{}:{}", self.host(), self.port()),
        }
    }

    /// Whether it is TLS that is spoken there.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether requests leave this machine, and can be read on the way.
    pub fn is_exposed(&self) -> bool {
        let is_here = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        !self.is_https() && self.socket.is_none() && !is_here
    }

    /// The socket of this machine that it is.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The same address with another host, to which the name of a certificate belongs.
    pub(super) fn with_host(&self, host: &str) -> Option<Self> {
        let mut url = self.url.clone();
        url.set_host(Some(host)).ok()?;
        Some(Self { url, socket: self.socket.clone() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(_) => formatter.write_str(&self.authority()),
            None => write!(formatter, "{}{}", self.origin(), self.prefix()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}
