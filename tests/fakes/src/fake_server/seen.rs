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
    /// The request's name as the backend gives it, with its query: `secret/data/app?version=2`.
    pub path: String,
    /// Where it is asked for: a namespace of Vault's, a region.
    pub namespace: String,
    /// Counted from 1, in the order of their acceptance.
    pub connection: usize,
    pub protocol: Protocol,
}

/// All that is recorded.
#[derive(Debug, Default)]
pub struct Record {
    pub connections: usize,
    pub requests: Vec<Seen>,
    pub holding: bool,
    pub held: usize,
    pub beyond: usize,
}
