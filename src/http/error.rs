//! What can go wrong between kz and an HTTPS server, in kz's own words.
//!
//! Invariant: no URL, header or body of a request or reply is in it. The errors of reqwest, hyper, rustls and
//! the system are looked through here, where they enter, and nothing of their text is kept.

use std::error::Error as StdError;
use std::io;

use nix::errno::Errno;
use rustls::{CertificateError, InvalidMessage};
use thiserror::Error;

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
    /// No connection, TLS included, within the limit.
    #[error("no connection within {0} s")]
    ConnectTime(u64),
    /// Nothing was sent for so long.
    #[error("the server was silent for {0} s")]
    Silent(u64),
    /// The server's certificate is not to be trusted.
    #[error("the server's certificate {0}")]
    Certificate(&'static str),
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
    /// The reply has more bytes than any that was asked for.
    #[error("the answer has more than {0} MiB")]
    TooLarge(usize),
    /// The reply is compressed, which kz did not ask for and does not undo.
    #[error("the answer is compressed, though that was not asked for")]
    Compressed,
    /// A header would hold what a header cannot hold.
    #[error("{0} holds characters that a header cannot hold")]
    Header(&'static str),
    /// The request itself cannot be made.
    #[error("the request cannot be made")]
    Request,
    /// Something else.
    #[error("the exchange failed")]
    Other,
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
            Self::Certificate(_)
            | Self::Rejected(_)
            | Self::Tls(_)
            | Self::NotTls
            | Self::NotHttp
            | Self::TooLarge(_)
            | Self::Compressed
            | Self::Header(_)
            | Self::Request => false,
        }
    }

    /// What to try, where that can be told from the error alone.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotTls => Some("is the address to begin with `http://`?"),
            Self::NotHttp => Some("is the address to begin with `https://`?"),
            _ => None,
        }
    }
}

/// What our resolver says; its source says nothing more.
#[derive(Debug, Error)]
#[error("the name does not resolve")]
pub(super) struct Unresolved;

/// The limits whose passing reqwest reports in one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect: u64,
    pub(super) silence: u64,
}

/// Translates an error of reqwest's.
pub(super) fn translate(error: &reqwest::Error, limits: Limits) -> Error {
    if error.is_builder() {
        return Error::Request;
    }
    if let Some(known) = chain(error).find_map(known) {
        return known;
    }
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => Error::ConnectTime(limits.connect),
        (true, false) => Error::Silent(limits.silence),
        (false, true) => Error::Network("the connection failed"),
        _ if error.is_body() || error.is_decode() => Error::Truncated,
        _ => Error::Other,
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
        Errno::EMFILE | Errno::ENFILE => Some(Error::Network("too many open files")),
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(error) => Error::Certificate(certificate(error)),
        rustls::Error::NoCertificatesPresented => Error::Certificate("is missing"),
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

fn certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        CertificateError::UnknownIssuer => "is signed by nobody whom kz trusts",
        CertificateError::Revoked => "is revoked",
        CertificateError::BadEncoding => "cannot be read",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for a server"
        }
        CertificateError::BadSignature => "is signed by another authority of the same name",
        _ => "is not valid",
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
