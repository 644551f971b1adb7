//! What goes wrong, by script: which requests, how often, and how.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::reply::Reply;

/// Some requests, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Requests whose names begin so; the empty one is every request.
    prefix: String,
    left: Option<u32>,
    until: Option<Instant>,
    act: Act,
}

/// How a request fares.
#[derive(Clone, Debug)]
pub enum Act {
    /// This answer instead.
    Answer(Reply),
    /// An error of this status, worded as the backend does, with further headers.
    Status(u16, Vec<(String, String)>),
    /// None, ever.
    Hang,
    /// The right answer's head and the half of its body, and then nothing.
    HangInBody,
    /// The right answer, a few bytes at a time.
    Slow(Duration),
    /// The half of the right answer, as if it were the whole.
    Truncate,
    /// The half of the right answer, and the connection breaks.
    Break,
    /// The connection breaks before any answer.
    Reset,
    /// The stream is refused, as one that the server has not begun with (HTTP/2).
    Refuse,
    /// The right answer with another header.
    With(&'static str, &'static str),
    /// A well-formed document with one value of so many bytes.
    Huge(usize),
    /// The same, compressed, whether or not the client takes that.
    Gzip(usize),
    /// This text instead of JSON, with 200.
    Text(&'static str),
}

impl Rule {
    /// For all requests whose names begin so, always.
    pub fn new(prefix: &str, act: Act) -> Self {
        Self { prefix: prefix.to_owned(), left: None, until: None, act }
    }

    /// Only for the first requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { left: Some(times), ..self }
    }

    /// Only until then.
    #[must_use]
    pub fn until(self, end: Instant) -> Self {
        Self { until: Some(end), ..self }
    }

    /// An error of this status, worded as the backend does.
    pub fn status(prefix: &str, status: u16) -> Self {
        Self::new(prefix, Act::Status(status, Vec::new()))
    }

    /// The same with a `Retry-After`, in seconds.
    pub fn retry_after(prefix: &str, status: u16, seconds: &str) -> Self {
        Self::new(prefix, Act::Status(status, vec![("Retry-After".to_owned(), seconds.to_owned())]))
    }

    /// What becomes of this request, when the rule is about it; counts it.
    pub fn take(&mut self, name: &str) -> Option<Act> {
        let over = self.left == Some(0) || self.until.is_some_and(|end| Instant::now() >= end);
        if over || !name.starts_with(&self.prefix) {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some(self.act.clone())
    }
}

/// The huge document, as gzip.
pub fn gzip([head, tail]: [&str; 2], bytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let block = [b'x'; 8192];
    let mut left = bytes;
    let written = encoder.write_all(head.as_bytes()).and_then(|()| {
        while left > 0 {
            let part = left.min(block.len());
            encoder.write_all(&block[..part])?;
            left -= part;
        }
        encoder.write_all(tail.as_bytes())
    });
    written.expect("memory");
    encoder.finish().expect("memory")
}
