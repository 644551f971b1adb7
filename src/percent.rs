//! Percent-encoding (RFC 3986), for any part of a URL: queries and forms of backends, and the template filter `urlencode`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything that is not unreserved (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bytes with everything escaped that is not unreserved.
pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    percent_encode(bytes.as_ref(), RESERVED).to_string()
}
