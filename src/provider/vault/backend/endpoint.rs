//! Requests of Vault's API in three shapes, where vaultrs has none that fits: reads of any path, or of what it takes, logins, posts.
//!
//! vaultrs's reads demand members that not every server sends; its certificate login names the role as Vault does not
//! read it; its `AppRole` login has no way to leave the secret id out. Invariant: what is sent is what was given.

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;

use crate::provider::Request;

/// What the server is asked by, instead of a read, to say what a path takes. Nothing is read or made by it, in whatever engine.
pub(super) const HELP: &str = "help=1";

/// `GET PATH` of any engine.
pub(super) struct Get {
    path: String,
    query: Option<String>,
}

impl Get {
    /// As it is now.
    pub(super) fn current(path: impl Into<String>) -> Self {
        Self { path: path.into(), query: None }
    }

    /// In this version, where one is named.
    pub(super) fn version(path: impl Into<String>, version: Option<&str>) -> Self {
        Self { path: path.into(), query: version.map(|version| format!("version={version}")) }
    }

    /// What the path takes, instead of what is there.
    pub(super) fn help(path: impl Into<String>) -> Self {
        Self { path: path.into(), query: Some(HELP.to_owned()) }
    }
}

impl Endpoint for Get {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.clone())
    }
}

/// `POST auth/MOUNT/login` with these members, or with no body where there are none.
pub(super) struct PostLogin<'a> {
    pub(super) mount: &'a str,
    pub(super) members: &'a [(&'static str, Option<&'a str>)],
}

impl Endpoint for PostLogin<'_> {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("auth/{}/login", self.mount)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let given: serde_json::Map<String, serde_json::Value> = self
            .members
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.into())))
            .collect();
        Ok((!given.is_empty()).then(|| serde_json::Value::Object(given).to_string().into_bytes()))
    }
}

/// `POST PATH` with this object.
pub(super) struct Post {
    path: String,
    members: serde_json::Value,
}

impl Post {
    pub(super) fn new(path: &'static str, members: serde_json::Value) -> Self {
        Self { path: path.to_owned(), members }
    }

    /// One that asks an engine to make a document.
    pub(super) fn of(path: &str, request: &Request) -> Self {
        Self { path: path.to_owned(), members: request.parameters() }
    }
}

impl Endpoint for Post {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(self.members.to_string().into_bytes()))
    }
}
