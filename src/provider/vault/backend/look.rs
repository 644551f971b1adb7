//! Whether a document could be read, without reading it: for `kz status`, where a read would make a credential.
//!
//! Invariant: no more is asked than the engine's type, the token's capabilities and what the path takes, none of which makes
//! anything. Where the type is not told, it is read: the server tells it to whoever may read the path, and a read that it refuses
//! makes nothing.

use std::collections::BTreeMap;

use ::http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::hint::said;
use crate::http::Reply;

use crate::provider::vault::cli_form::is_of_kv;
use crate::provider::{DocumentRef, Failure, FailureKind, Outcome};

use super::client::{Unanswered, VaultClient};
use super::effect::is_keeper;
use super::endpoint::{Get, Post};
use super::mounts::{self, Engine};
use super::not_found::NotFound;
use super::read::{let_policy, no_engine, outcome};
use super::reply::{Body, Known};
use super::trouble::Trouble;

/// What lets a token read.
const LETS: &[&str] = &["read", "root", "sudo"];

/// What lets a token have something made of parameters. `create` alone does not: engines that make something have no existence check.
const LETS_MAKE: &[&str] = &["update", "root"];

/// What is said of a document instead of reading it; nothing where it may as well be read.
pub(super) async fn instead(client: &VaultClient<'_>, document: &DocumentRef) -> Option<Outcome> {
    let path = &document.path;
    if is_of_kv(path) {
        return None;
    }
    let engine = mounts::engine(client, path).await?;
    if is_keeper(&engine) {
        client.remember_harmless(path);
        return None;
    }
    match lets(client, path, LETS).await {
        Ok(Some(true)) => Some(match takes(client, path).await {
            Ok(Some(Takes { reads: false, .. })) => {
                let refused = Trouble::Status(StatusCode::METHOD_NOT_ALLOWED, Some(Known::NotReadable));
                Outcome::Failed(client.foresees(refused))
            }
            Ok(_) => Outcome::Readable,
            Err(reply) => outcome(client, &reply, document, path),
        }),
        // A read that a policy denies makes nothing, and says best what is wrong.
        Ok(Some(false)) => None,
        Ok(None) => Some(Outcome::Failed(untold())),
        Err(failure) => Some(Outcome::Failed(failure)),
    }
}

/// What is said of a document instead of having it made; the server's own reply where there is no such path. Of the engine
/// the server has told this.
pub(super) async fn instead_of_making(
    client: &VaultClient<'_>,
    path: &str,
    engine: &Engine,
    no_parameters: impl FnOnce() -> Failure,
) -> Result<Outcome, Reply> {
    Ok(match lets(client, path, LETS_MAKE).await {
        // Whoever may do something in a mount is told which it is, so there is none.
        Ok(Some(true)) if *engine == Engine::Closed => no_engine(path),
        Ok(Some(true)) => match takes(client, path).await? {
            Some(Takes { parameters: false, .. }) => Outcome::Failed(no_parameters()),
            _ => Outcome::Readable,
        },
        Ok(Some(false)) => Outcome::Failed(Failure {
            kind: FailureKind::Denied,
            cause: "the token's policy does not let it be made".to_owned(),
            hint: said(let_policy("update", path, "")),
        }),
        Ok(None) => Outcome::Failed(untold()),
        Err(failure) => Outcome::Failed(failure),
    })
}

/// What a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Takes {
    /// A read.
    reads: bool,
    /// A POST with parameters.
    parameters: bool,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    openapi: Option<Interface>,
}

#[derive(Deserialize)]
struct Interface {
    paths: BTreeMap<String, Operations>,
}

#[derive(Deserialize)]
struct Operations {
    #[serde(default)]
    get: Option<IgnoredAny>,
    #[serde(default)]
    post: Option<IgnoredAny>,
}

/// What the server says that a path takes, to whoever has a token; nothing where it says nothing, and its reply where there is no
/// such path.
async fn takes(client: &VaultClient<'_>, path: &str) -> Result<Option<Takes>, Reply> {
    let Ok(reply) = client.try_read(Get::help(path)).await else { return Ok(None) };
    if reply.status == StatusCode::NOT_FOUND
        && matches!(NotFound::of(reply.body.expose()), NotFound::Refused(Some(Known::NotReadable)))
    {
        return Err(reply);
    }
    let described: Option<Described> = serde_json::from_slice(reply.body.expose()).ok();
    let paths = described.and_then(|described| described.openapi).map(|interface| interface.paths);
    let paths: Vec<Operations> = paths.unwrap_or_default().into_values().collect();
    let reads = paths.iter().any(|path| path.get.is_some());
    let parameters = paths.iter().any(|path| path.post.is_some());
    // Where neither is told, nothing is.
    Ok((reads || parameters).then_some(Takes { reads, parameters }))
}

/// Whether the token has one of these capabilities at a path, where the server tells. That it failed to, or is away, is no
/// matter of what the token may do.
async fn lets(client: &VaultClient<'_>, path: &str, wanted: &[&str]) -> Result<Option<bool>, Failure> {
    let asked = Post::new("sys/capabilities-self", json!({ "paths": [path] }));
    let reply = match client.try_read(asked).await {
        Ok(reply) => reply,
        Err(Unanswered { failure, .. })
            if matches!(failure.kind, FailureKind::ServerFailed | FailureKind::Unreachable) =>
        {
            return Err(failure);
        }
        Err(_) => return Ok(None),
    };
    let held = capabilities(&reply, path);
    Ok(held.map(|held| held.iter().any(|capability| wanted.contains(&capability.as_str()))))
}

/// Reading it would tell, and make a credential.
fn untold() -> Failure {
    Failure {
        kind: FailureKind::Denied,
        cause: "the token may not ask what it may read, and a read would make a credential".to_owned(),
        hint: said(
            "let its policy `update` the path `sys/capabilities-self`, as Vault's `default` policy does",
        ),
    }
}

/// The capabilities at a path that the server tells.
fn capabilities(reply: &Reply, path: &str) -> Option<Vec<String>> {
    let body: Body<'_> =
        serde_json::from_slice(reply.body.expose()).ok().filter(|_| reply.status.is_success())?;
    let told: BTreeMap<String, serde_json::Value> = serde_json::from_str(body.data?.get()).ok()?;
    serde_json::from_value(told.get(path)?.clone()).ok()
}
