//! The one table of what passes: which status, and which failure to get one, is worth another try, and whose it is.
//!
//! Backends add what their own statuses mean (a standby's, a follower's that lags), and nothing else.

use ::http::StatusCode;

use super::Error;
use crate::patience::Concern;

/// Whose trouble a status tells of; nothing where it would come to the same again.
pub fn concern(status: u16) -> Option<Concern> {
    match status {
        // Too many requests; a balancer or a gateway that reaches nobody.
        429 | 502..=504 => Some(Concern::Server),
        // One that came too slowly or too early (RFC 9110, 15.5.9; RFC 8470, 5.2); what failed over one request.
        408 | 425 | 500.. => Some(Concern::Request),
        _ => None,
    }
}

/// Whether a reply tells that the server at the other end of a connection is of no use for now, as one that is sealed or
/// a standby. Behind a balancer another connection may lead to another server, so this one is not used again.
pub(super) fn leads_elsewhere(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308 | 472 | 473 | 500..)
}

impl Error {
    /// Whose trouble it is that there is no reply; nothing where it does not pass.
    pub fn concern(&self) -> Option<Concern> {
        match self {
            Self::Refused | Self::Unresolved | Self::Network(_) | Self::ConnectTime(_) | Self::Closed => {
                Some(Concern::Way)
            }
            Self::Proxy(_, cause) => cause.concern(),
            other => other.is_transient().then_some(Concern::Request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_the_servers_or_the_requests() {
        for server in [429, 502, 503, 504] {
            assert_eq!(concern(server), Some(Concern::Server), "{server}");
        }
        for request in [408, 425, 500, 501, 507, 520, 599] {
            assert_eq!(concern(request), Some(Concern::Request), "{request}");
        }
        for stays in [200, 204, 301, 400, 401, 403, 404, 405, 407, 409, 410, 412, 418, 421, 426, 451, 472] {
            assert_eq!(concern(stays), None, "{stays}");
        }
    }

    #[test]
    fn where_nobody_is_reached_it_is_the_ways() {
        for way in [Error::Refused, Error::Unresolved, Error::Network("x"), Error::Closed] {
            assert_eq!(way.concern(), Some(Concern::Way), "{way}");
        }
        for request in [Error::Silent(30), Error::Truncated, Error::Other] {
            assert_eq!(request.concern(), Some(Concern::Request), "{request}");
        }
        for stays in [
            Error::NotTls,
            Error::Certificate(crate::http::CertificateFault::Expired),
            Error::TooLarge(crate::size::Size(16)),
            Error::Request,
        ] {
            assert_eq!(stays.concern(), None, "{stays}");
        }
    }
}
