//! What a client did: every request with its connection, for counting. No bodies, no tokens.

/// Which HTTP a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// Without `/v1/`, with its query.
    pub path: String,
    pub namespace: String,
    /// Counted from 1, in the order of their acceptance.
    pub connection: usize,
    pub protocol: Protocol,
}

/// All that is recorded.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) connections: usize,
    pub(crate) requests: Vec<Seen>,
    pub(crate) holding: bool,
    pub(crate) held: usize,
}
