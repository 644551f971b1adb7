//! What can go wrong between kz and an HTTPS server, in kz's own words.
//!
//! Invariant: no URL, header or body of a request or reply is in it. The errors of hyper, h2, rustls and the
//! system are looked through here, where they enter, and nothing of their text is kept.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use nix::errno::Errno;
use rustls::{CertificateError, InvalidMessage};
use thiserror::Error;

use crate::size::Size;

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// A connection stood and was ended before the reply.
    #[error("the connection was closed before there was an answer")]
    Closed,
    /// The name has no address, or no name server answers.
    #[error("the name does not resolve")]
    Unresolved,
    /// The network does not lead there.
    #[error("{0}")]
    Network(&'static str),
    /// No descriptor is left for a connection.
    #[error("too many open files: no connection can be opened")]
    Descriptors,
    /// There is no socket of that path, or it is none.
    #[error("{0}")]
    Socket(&'static str),
    /// The proxy wants to know who kz is; `true` where it was told.
    #[error("{}", wants(*.1))]
    ProxyWants(Named, bool),
    /// The proxy does not connect kz to the server.
    #[error("{}", refuses(*.1))]
    ProxyRefuses(Named, u16),
    /// The proxy itself is not reached: `host:port`, and why.
    #[error("the proxy {0}: {1}")]
    Proxy(String, Box<Error>),
    /// No connection, TLS included, within the limit.
    #[error("no connection within {0} s")]
    ConnectTime(u64),
    /// Nothing was sent for so long.
    #[error("the server was silent for {0} s")]
    Silent(u64),
    /// The server's certificate is not to be trusted.
    #[error("the server's certificate {0}")]
    Certificate(CertificateFault),
    /// The server did not accept ours, or the lack of one.
    #[error("the server refused the TLS connection: {0}")]
    Rejected(&'static str),
    /// TLS did not come about.
    #[error("TLS failed: {0}")]
    Tls(&'static str),
    /// What answers does not speak TLS.
    #[error("the server does not answer in TLS")]
    NotTls,
    /// What answers does not speak HTTP.
    #[error("the server does not answer in HTTP")]
    NotHttp,
    /// The reply ends too early.
    #[error("the answer ends in the middle")]
    Truncated,
    /// The reply is larger than the client takes.
    #[error("the answer has more than {0}")]
    TooLarge(Size),
    /// The reply is compressed, which kz did not ask for and does not undo.
    #[error("the answer is compressed, though that was not asked for")]
    Compressed,
    /// A header would hold what a header cannot hold.
    #[error("{0} holds characters that a header cannot hold")]
    Header(&'static str),
    /// The request itself cannot be made.
    #[error("the request cannot be made")]
    Request,
    /// A request that may be sent once only was lost on the way there or back.
    #[error("{0}")]
    Undecided(Box<Error>),
    /// Something else.
    #[error("the exchange failed")]
    Other,
}

/// Which variable names the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// `HTTPS_PROXY`
    Https,
    /// `HTTP_PROXY`
    Http,
    /// A variable of one backend's own.
    Backends(&'static str),
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Https => "HTTPS_PROXY",
            Self::Http => "HTTP_PROXY",
            Self::Backends(variable) => variable,
        })
    }
}

fn wants(was_told: bool) -> &'static str {
    if was_told {
        "the proxy does not accept the user and the password (status 407)"
    } else {
        "the proxy wants a user and a password (status 407)"
    }
}

fn refuses(status: u16) -> String {
    let words = match status {
        500.. => "does not reach the server",
        408 | 429 => "has no time",
        _ => "refuses to connect kz to this host",
    };
    format!("the proxy {words} (status {status})")
}

impl Error {
    /// Whether it may pass: what a server that is still starting causes.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused
            | Self::Closed
            | Self::Unresolved
            | Self::Network(_)
            | Self::ConnectTime(_)
            | Self::Silent(_)
            | Self::Truncated
            | Self::Other => true,
            Self::Socket(words) => *words == NO_SOCKET,
            Self::ProxyRefuses(_, status) => matches!(status, 408 | 429 | 500..),
            Self::Proxy(_, cause) => cause.is_transient(),
            Self::Descriptors
            | Self::ProxyWants(..)
            | Self::Certificate(_)
            | Self::Rejected(_)
            | Self::Tls(_)
            | Self::NotTls
            | Self::NotHttp
            | Self::TooLarge(_)
            | Self::Compressed
            | Self::Header(_)
            | Self::Undecided(_)
            | Self::Request => false,
        }
    }

    /// What to try, where that can be told from the error alone.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotTls => Some("is the address to begin with `http://`?"),
            Self::NotHttp => Some("is the address to begin with `https://`?"),
            Self::Descriptors => Some("raise the limit: `ulimit -n`"),
            Self::ProxyWants(Named::Https, _) => {
                Some("write them into HTTPS_PROXY: `http://user:password@host:port`")
            }
            Self::ProxyWants(Named::Http, _) => {
                Some("write them into HTTP_PROXY: `http://user:password@host:port`")
            }
            Self::ProxyWants(Named::Backends(_), _) => {
                Some("write them into the proxy's address: `http://user:password@host:port`")
            }
            Self::ProxyRefuses(named, status) if !matches!(status, 408 | 429 | 500..) => Some(match named {
                // It is for every host.
                Named::Backends(_) => "allow the host in the proxy",
                Named::Https | Named::Http => "allow the host in the proxy, or name it in NO_PROXY",
            }),
            Self::Proxy(_, cause) | Self::Undecided(cause) => cause.hint(),
            _ => None,
        }
    }
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificateFault {
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not come, or this machine's clock is slow.
    #[error("is not valid yet")]
    NotValidYet,
    /// The server's name is not in it.
    #[error("is for another name")]
    OtherName,
    /// No trusted authority has signed it.
    #[error("is signed by nobody whom kz trusts")]
    Untrusted,
    /// One is named like the authority that has, and is not it.
    #[error("is signed by another authority of the same name")]
    OtherAuthority,
    /// It was taken back.
    #[error("is revoked")]
    Revoked,
    /// It is not well-formed.
    #[error("cannot be read")]
    Unreadable,
    /// It is for something else.
    #[error("is not for a server")]
    Purpose,
    /// The server showed none.
    #[error("is missing")]
    Missing,
    /// Anything else.
    #[error("is not valid")]
    Invalid,
}

impl CertificateFault {
    /// Whether another set of trusted authorities would mend it.
    pub fn is_of_trust(self) -> bool {
        matches!(self, Self::Untrusted | Self::OtherAuthority)
    }
}

/// A socket that an agent may still make.
pub(super) const NO_SOCKET: &str = "there is no such socket";

/// What our resolver says; its source says nothing more.
#[derive(Debug, Error)]
#[error("the name does not resolve")]
pub(super) struct Unresolved;

/// Translates an error of a connection that stood, or `otherwise` where nothing is known of it.
pub(super) fn translate(error: &(dyn StdError + 'static), otherwise: Error) -> Error {
    chain(error).find_map(known).unwrap_or(otherwise)
}

/// The alert with which the server ended TLS, where it did.
pub(super) fn refusal(error: &(dyn StdError + 'static)) -> Option<Error> {
    let error = chain(error).find_map(|error| error.downcast_ref::<rustls::Error>())?;
    matches!(error, rustls::Error::AlertReceived(_)).then(|| tls(error))
}

/// How far a server has come with a request that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It refused this one, and the connection goes on (RFC 9113, 8.7).
    Refused,
    /// The connection ended, in good order, before this one (RFC 9113, 6.8).
    Not,
    /// Nobody knows.
    Perhaps,
}

/// How far a server has come, as far as the error tells.
pub(super) fn begun(error: &(dyn StdError + 'static)) -> Begun {
    let error = chain(error).find_map(|error| error.downcast_ref::<h2::Error>());
    let Some(error) = error.filter(|error| error.is_remote()) else { return Begun::Perhaps };
    match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) if error.is_reset() => Begun::Refused,
        Some(h2::Reason::NO_ERROR) if error.is_go_away() => Begun::Not,
        _ => Begun::Perhaps,
    }
}

/// An error and its causes. What an [`io::Error`] wraps is one, though it does not say so itself.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn known(error: &(dyn StdError + 'static)) -> Option<Error> {
    if error.is::<Unresolved>() {
        return Some(Error::Unresolved);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return http(error);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>().filter(|error| !error.is_io()) {
        let is_end = error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM);
        return is_end.then_some(Error::Closed);
    }
    error.downcast_ref::<io::Error>().and_then(system)
}

fn http(error: &hyper::Error) -> Option<Error> {
    match () {
        () if error.is_parse() => Some(Error::NotHttp),
        () if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
            Some(Error::Closed)
        }
        () => None,
    }
}

fn system(error: &io::Error) -> Option<Error> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => return Some(Error::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        // hyper's and rustls's own word for an end in the middle.
        | io::ErrorKind::UnexpectedEof => return Some(Error::Closed),
        _ => {}
    }
    match Errno::from_raw(error.raw_os_error()?) {
        Errno::EHOSTUNREACH => Some(Error::Network("no route to the host")),
        Errno::ENETUNREACH => Some(Error::Network("the network is unreachable")),
        Errno::ETIMEDOUT => Some(Error::Network("the connection timed out")),
        Errno::EACCES | Errno::EPERM => Some(Error::Network("connecting is not permitted here")),
        Errno::EMFILE | Errno::ENFILE => Some(Error::Descriptors),
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(error) => Error::Certificate(certificate(error)),
        rustls::Error::NoCertificatesPresented => Error::Certificate(CertificateFault::Missing),
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => Error::NotTls,
        rustls::Error::AlertReceived(alert) => Error::Rejected(rejected(*alert)),
        rustls::Error::PeerIncompatible(_) => {
            Error::Tls("kz and the server share no protocol version or cipher")
        }
        rustls::Error::PeerMisbehaved(_) => Error::Tls("the server does not keep to the protocol"),
        _ => Error::Tls("the handshake did not succeed"),
    }
}

fn certificate(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotValidYet
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::OtherName
        }
        CertificateError::UnknownIssuer => CertificateFault::Untrusted,
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::BadEncoding => CertificateFault::Unreadable,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateFault::Purpose
        }
        CertificateError::BadSignature => CertificateFault::OtherAuthority,
        _ => CertificateFault::Invalid,
    }
}

fn rejected(alert: rustls::AlertDescription) -> &'static str {
    use rustls::AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => "it asks for a client certificate",
        Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown => {
            "it does not accept the client certificate"
        }
        Alert::CertificateExpired => "the client certificate has expired",
        Alert::CertificateRevoked => "the client certificate is revoked",
        Alert::UnrecognisedName => "it knows no such host name",
        Alert::ProtocolVersion | Alert::HandshakeFailure => "it shares no protocol version or cipher with kz",
        _ => "it sent an alert",
    }
}
