//! A request as a backend sees it: whole, and without its transport.

use std::collections::BTreeMap;

use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use serde_json::Value;

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Decoded, with its first slash, without the query.
    pub path: String,
    /// As it came.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The certificate that the client showed, DER.
    pub certificate: Option<Vec<u8>>,
}

impl Request {
    pub fn new(head: Parts, body: Vec<u8>, certificate: Option<Vec<u8>>) -> Self {
        let mut headers = head.headers;
        // HTTP/2 has the authority instead.
        if let Some(host) = head.uri.authority().and_then(|authority| authority.as_str().parse().ok()) {
            headers.entry(HOST).or_insert(host);
        }
        Self {
            method: head.method.to_string(),
            path: percent_decoded(head.uri.path()),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
            certificate,
        }
    }

    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The query's pairs.
    pub fn pairs(&self) -> BTreeMap<String, String> {
        pairs(&self.query)
    }

    /// The pairs of a form in the body.
    pub fn form(&self) -> BTreeMap<String, String> {
        pairs(&String::from_utf8_lossy(&self.body).replace('+', " "))
    }

    /// The JSON in the body; `null` when there is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (percent_decoded(key), percent_decoded(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = (*first == b'%').then(|| {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        if let Some(byte) = decoded.flatten() {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
