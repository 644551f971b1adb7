//! From a path to a document: KV version 1 and 2 are told apart by the reply's shape, never by asking before.
//!
//! Invariants: a document is the JSON that the server sent, number for number; a read of a dynamic engine is
//! made once for all fields of it, since each makes a new credential; a deleted or destroyed version is absent
//! in words of its own. Rules: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde_json::value::RawValue;

use crate::http::Reply;
use crate::log::typed;
use crate::provider::{Absence, Document, DocumentRef, Failure, FailureKind, Outcome, Shape};
use crate::secret::Secret;

use super::reply::{self, Body, Known, Metadata, Versioned};
use super::session::Session;

/// `GET PATH[?version=N]` of any engine.
struct Get {
    path: String,
    version: Option<String>,
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
        Ok(self.version.as_ref().map(|version| format!("version={version}")))
    }
}

/// The mounts that were seen to be KV version 2 while their paths lack `data/`, as the CLI writes them.
#[derive(Debug, Default)]
pub(super) struct Mounts(Mutex<BTreeSet<String>>);

impl Mounts {
    fn add(&self, path: &str) {
        if let Some((mount, _)) = path.split_once('/') {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(mount.to_owned());
        }
    }

    /// The path to ask for first.
    fn correct(&self, path: &str) -> String {
        let known = path
            .split_once('/')
            .is_some_and(|(mount, _)| self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(mount));
        with_data_segment(path).filter(|_| known).unwrap_or_else(|| path.to_owned())
    }
}

/// Reads one document. A path that lacks version 2's `data/` is corrected once.
pub(super) async fn read(session: &Session<'_>, mounts: &Mounts, document: &DocumentRef) -> Outcome {
    if let Some(version) = &document.version
        && (version.is_empty() || version.len() > 18 || !version.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return misconfigured(
            "a version in Vault is a number",
            "write `version = \"3\"`, or leave it out for the newest",
        );
    }
    let mut path = mounts.correct(&document.path);
    loop {
        let reply = match session.call(Get { path: path.clone(), version: document.version.clone() }).await {
            Ok(reply) => reply,
            Err(failure) => return Outcome::Failed(explain(failure, &path)),
        };
        let corrected = with_data_segment(&path).filter(|_| {
            reply.status == StatusCode::NOT_FOUND && reply::wants_data_segment(reply.body.expose())
        });
        match corrected {
            // The corrected path has the segment, so this happens once.
            Some(corrected) => {
                mounts.add(&path);
                path = corrected;
            }
            None => return outcome(&reply, document, &path),
        }
    }
}

/// The path of version 2's documents, for one that lacks `data/` after its mount.
fn with_data_segment(path: &str) -> Option<String> {
    let (mount, rest) = path.split_once('/')?;
    (!rest.starts_with("data/")).then(|| format!("{mount}/data/{rest}"))
}

/// A denied path without `data/` may be a version 2 path written as the CLI writes it: policies name the other.
fn explain(mut failure: Failure, path: &str) -> Failure {
    if failure.kind == FailureKind::Denied && failure.hint.is_none() {
        let allow = format!("let the token's policy read `{path}`");
        let write = with_data_segment(path)
            .map(|longer| format!("; if its mount is KV version 2, write `{longer}`"))
            .unwrap_or_default();
        // Vault answers a token that has ended as it answers one that may not.
        failure.hint =
            Some(format!("{allow}{write}; `vault token lookup` tells whether the token is still valid"));
    }
    failure
}

fn outcome(reply: &Reply, document: &DocumentRef, path: &str) -> Outcome {
    match reply.status {
        StatusCode::NOT_FOUND => not_found(reply, path),
        StatusCode::NO_CONTENT => Outcome::Absent,
        _ => found(reply, document, path).unwrap_or_else(|reason| malformed(&reason)),
    }
}

fn malformed(reason: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind: FailureKind::Malformed,
        cause: format!("the answer is not what Vault sends: {reason}"),
        hint: None,
    })
}

fn misconfigured(cause: &str, hint: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind: FailureKind::Misconfigured,
        cause: cause.to_owned(),
        hint: Some(hint.to_owned()),
    })
}

/// A 404: of KV because nothing is there or because the version is deleted, or of no engine at all.
fn not_found(reply: &Reply, path: &str) -> Outcome {
    let body = reply.body.expose();
    let data = serde_json::from_slice::<Body<'_>>(body).ok().and_then(|body| body.data);
    if let Some(versioned) = data.and_then(versioned) {
        return gone(&versioned.metadata, path);
    }
    if reply::wants_data_segment(body) {
        return absent("its mount is KV version 2, where paths have `data/` after the whole mount", path);
    }
    match reply::known(body) {
        Some(Known::NoRoute) => absent("no engine is mounted under this path", path),
        Some(Known::NotReadable) => absent("the engine there cannot read this path", path),
        _ if reply::is_plain(body) => Outcome::Absent,
        _ => absent("the server has nothing under this path", path),
    }
}

fn absent(cause: &str, path: &str) -> Outcome {
    Outcome::AbsentBecause(Absence { cause: format!("{cause} (`{path}`)"), hint: None })
}

fn gone(metadata: &Metadata, path: &str) -> Outcome {
    let number = metadata.version;
    let (cause, hint) = if metadata.destroyed == Some(true) {
        let hint = "name another `version`, or write a new one".to_owned();
        (format!("version {number} was destroyed"), Some(hint))
    } else {
        let when = metadata.deletion_time.as_deref().filter(|time| is_time(time));
        let when = when.map(|time| format!(" at {time}")).unwrap_or_default();
        let undelete = path.split_once("/data/").map(|(mount, rest)| {
            let (mount, rest) = (typed::word(mount), typed::word(rest));
            format!("`vault kv undelete -mount={mount} -versions={number} {rest}` brings it back")
        });
        (format!("version {number} was deleted{when}"), undelete)
    };
    Outcome::AbsentBecause(Absence { cause, hint })
}

/// Nothing of a server's is repeated that is not plainly a time.
fn is_time(text: &str) -> bool {
    (10..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
}

fn found(reply: &Reply, document: &DocumentRef, path: &str) -> Result<Outcome, String> {
    let text = reply.body.expose_text().ok_or("it is not UTF-8")?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| reason(&error))?;
    let data = body.data.filter(|data| data.get() != "null").ok_or("it has no `data`")?;
    let leased = body.lease_id.is_some_and(|id| !id.is_empty());
    let (content, version) = match versioned(data).filter(|_| !leased) {
        Some(Versioned { data: Some(data), metadata }) => (data, Some(metadata.version.to_string())),
        Some(Versioned { data: None, metadata }) => return Ok(gone(&metadata, path)),
        None if document.version.is_some() => {
            return Ok(misconfigured("the engine under this path keeps no versions", "remove `version`"));
        }
        None => (data, None),
    };
    if !content.get().starts_with('{') {
        return Err("its `data` is no object".to_owned());
    }
    Ok(Outcome::Found(Document {
        content: Secret::new(content.get().as_bytes().to_vec()),
        shape: Shape::Json,
        version,
        lease: leased.then(|| Duration::from_secs(body.lease_duration.unwrap_or(0))),
    }))
}

/// Without the column, which would tell how long the values before it are.
fn reason(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "it ends in the middle".to_owned()
    } else {
        format!("it is no JSON of the right form at line {}", error.line())
    }
}

fn versioned(data: &RawValue) -> Option<Versioned<'_>> {
    serde_json::from_str(data.get()).ok()
}
