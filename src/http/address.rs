//! Where a server is: scheme, host, port, and a path before the API's own.
//!
//! Invariant: what is printed of an address holds no user and no password; an address with either is refused.

use std::fmt;

use reqwest::Url;
use thiserror::Error;

use crate::literal;

/// The address of a server. `Display` is what may be printed: without credentials, query and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why a text is no address. Never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Not `http://` or `https://`.
    #[error("does not begin with `https://` or `http://`")]
    Scheme,
    /// Credentials would be seen in every log on the way.
    #[error("has credentials in it")]
    Credentials,
    /// Not a URL, or more than an address.
    #[error("is not an address such as `https://vault.internal:8200`")]
    Form,
}

impl Address {
    /// Reads `https://host[:port][/prefix]`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
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
        Ok(Self(url))
    }

    /// `https://host:port`, without a path.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The path before the API's own: nothing, or `/prefix`.
    pub fn prefix(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// `host:port`: whom kz waits for.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    /// Whether it is TLS that is spoken there.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The same address with another host, to which the name of a certificate belongs.
    pub(super) fn with_host(&self, host: &str) -> Option<Self> {
        let mut url = self.0.clone();
        url.set_host(Some(host)).ok()?;
        Some(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.origin(), self.prefix())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}
