//! A reply as Vault words it: one envelope for everything that succeeds, a list of texts for what does not.

use serde_json::{Value, json};

use crate::fake_server;

/// Status and body; no body is an empty one.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Option<Value>,
}

impl Reply {
    /// 200 with this `data`.
    pub fn data(data: Value) -> Self {
        Self::envelope(200, &[("data", data)])
    }

    /// Every member that a reply has, with these set.
    pub fn envelope(status: u16, members: &[(&str, Value)]) -> Self {
        let mut body = json!({
            "request_id": "b2c4f1d0-0000-4000-8000-000000000001",
            "lease_id": "",
            "renewable": false,
            "lease_duration": 0,
            "data": null,
            "wrap_info": null,
            "warnings": null,
            "auth": null,
        });
        for (name, value) in members {
            body[*name] = value.clone();
        }
        Self { status, body: Some(body) }
    }

    /// A body of its own form.
    pub fn plain(status: u16, body: Value) -> Self {
        Self { status, body: Some(body) }
    }

    /// What a write answers.
    pub fn no_content() -> Self {
        Self { status: 204, body: None }
    }

    /// `{"errors": […]}`.
    pub fn error(status: u16, texts: &[&str]) -> Self {
        Self { status, body: Some(json!({ "errors": texts })) }
    }

    /// Nothing is there.
    pub fn not_found() -> Self {
        Self::error(404, &[])
    }

    /// A policy forbids it.
    pub fn denied() -> Self {
        Self::error(403, &["1 error occurred:\n\t* permission denied\n\n"])
    }

    /// There is no token, or it is none, or has ended: the server does not tell which.
    pub fn no_token() -> Self {
        Self::error(403, &["permission denied"])
    }

    /// No part of the server takes this path.
    pub fn unsupported_path() -> Self {
        Self::error(404, &["1 error occurred:\n\t* unsupported path\n\n"])
    }

    /// The method fits nothing.
    pub fn unsupported() -> Self {
        Self::error(405, &["1 error occurred:\n\t* unsupported operation\n\n"])
    }
}

impl From<Reply> for fake_server::Reply {
    fn from(reply: Reply) -> Self {
        let text = reply.body.map(|body| body.to_string()).unwrap_or_default();
        Self::new(reply.status, "application/json", text)
    }
}
