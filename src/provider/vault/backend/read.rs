//! From a path to a document: KV version 1 and 2 are told apart by the reply's shape, never by asking before.
//!
//! Invariants: a document is the JSON that the server sent, number for number; a read of a dynamic engine is
//! made once for all fields of it, since each makes a new credential; a deleted or destroyed version is absent
//! in words of its own. Rules: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>.

use std::time::{Duration, Instant};

use ::http::{StatusCode, header};

use crate::hint::{Hint, said};
use crate::http::Reply;
use crate::log::typed;
use crate::provider::vault::cli_form::{candidates, is_of_kv, lacks_data_segment};
use crate::provider::{Absence, Ask, Document, DocumentRef, Failure, FailureKind, Lease, Outcome, Shape};
use crate::secret::Secret;

use super::changed::{Changed, is_time};
use super::client::{Unanswered, VaultClient};
use super::endpoint::Get;
use super::envelope;
use super::mounts::{self, Mount, Mounts};
use super::not_found::{NotFound, no_namespace};
use super::reply::{Body, Known};
use super::unversioned;
use super::versioned::{Metadata, Versioned, versioned};

/// Reads one document. A path that lacks version 2's `data/` is corrected once.
pub(super) async fn read(client: &VaultClient<'_>, mounts: &Mounts, document: &DocumentRef) -> Outcome {
    if let Some(version) = &document.version
        && (version.is_empty() || version.len() > 18 || !version.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return misconfigured(
            "a version in Vault is a number",
            "write `version = \"3\"`, or leave it out for the newest",
        );
    }
    let path = mounts.correct(&document.path);
    let meant = match get(client, document, &path).await {
        Ok(reply) if says_nothing(&reply) && is_of_kv(&path) => {
            let outcome = outcome(client, &reply, document, &path);
            return unversioned::absent(client, mounts, &path, outcome).await;
        }
        Ok(reply) if !wants_data_segment(&reply) => return outcome(client, &reply, document, &path),
        Ok(_) => match mounts.meant(client, &path).await {
            None => return one_by_one(client, mounts, document, &path).await,
            meant => meant,
        },
        // Who may read the document need not be allowed the path that the CLI writes for it.
        Err(Unanswered { failure, known: Some(Known::Denied), .. }) if lacks_data_segment(&path) => {
            match mounts.look_up(client, &path).await {
                Mount::Versioned(longer) => Some(longer),
                Mount::Other => return Outcome::Failed(explain(failure, &path, None)),
                Mount::Unknown => return Outcome::Failed(explain(failure, &path, guess(&path))),
            }
        }
        Err(Unanswered { failure, known: Some(Known::Denied), .. }) => {
            let failure = explain(failure, &path, None);
            return Outcome::Failed(unversioned::denied(client, mounts, &path, failure).await);
        }
        Err(unanswered) => return Outcome::Failed(explain(unanswered.failure, &path, None)),
    };
    let path = meant.unwrap_or(path);
    match get(client, document, &path).await {
        Ok(reply) => outcome(client, &reply, document, &path),
        Err(unanswered) => Outcome::Failed(explain(unanswered.failure, &path, None)),
    }
}

async fn get(client: &VaultClient<'_>, document: &DocumentRef, path: &str) -> Result<Reply, Unanswered> {
    let get = || Get::version(path, document.version.as_deref());
    let reply = match client.read(get()).await {
        // Lost on the way: asked for again where it is known that no second credential comes of it.
        Err(unanswered) if unanswered.is_undecided && mounts::is_harmless(client, path).await => {
            client.remember_harmless(path);
            client.read(get()).await
        }
        answered => answered,
    }?;
    if !is_of_kv(path) {
        keep(client, &reply);
    }
    Ok(reply)
}

/// Keeps what was lent with a reply, before anything else becomes of it: whatever is wrong with it, a credential was made.
pub(super) fn keep(client: &VaultClient<'_>, reply: &Reply) {
    if reply.status == StatusCode::OK {
        let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
        let (custody, ask) = (client.custody(), client.ask());
        let lent = body.and_then(|body| custody.lease(&body, asked(reply, ask), client.namespace()));
        if let Some(lent) = lent {
            custody.lend(lent, ask.now());
        }
    }
}

/// Where the server does not tell the mount: each that is possible, until one holds a version of the document.
async fn one_by_one(
    client: &VaultClient<'_>,
    mounts: &Mounts,
    document: &DocumentRef,
    path: &str,
) -> Outcome {
    let mut absent = None;
    let mut damaged = None;
    let mut denied = None;
    for (mount, longer) in candidates(path) {
        let outcome = match get(client, document, &longer).await {
            Ok(reply) => outcome(client, &reply, document, &longer),
            Err(Unanswered { failure, .. }) => match failure.kind {
                FailureKind::Denied => {
                    denied.get_or_insert(Outcome::Failed(explain(failure, &longer, None)));
                    continue;
                }
                FailureKind::Unreachable
                | FailureKind::Barred
                | FailureKind::TooLarge
                | FailureKind::ServerFailed => {
                    return Outcome::Failed(failure);
                }
                FailureKind::Malformed | FailureKind::Misconfigured => continue,
            },
        };
        match outcome {
            Outcome::Found(Document { version: Some(_), .. }) | Outcome::AbsentBecause(_) => {
                mounts.add(mount);
                return outcome;
            }
            Outcome::Absent => absent = Some(Outcome::Absent),
            // What is no answer of Vault's may stand where the document is.
            Outcome::Failed(Failure { kind: FailureKind::Malformed, .. }) => damaged = Some(outcome),
            Outcome::Found(_) | Outcome::Blank(_) | Outcome::Readable | Outcome::Failed(_) => {}
        }
    }
    damaged.or(absent).or(denied).unwrap_or_else(|| lacks_segment(path))
}

/// Whether it says that nothing is there, as both versions of KV do in the same words.
fn says_nothing(reply: &Reply) -> bool {
    reply.status == StatusCode::NOT_FOUND && matches!(NotFound::of(reply.body.expose()), NotFound::Nothing)
}

fn wants_data_segment(reply: &Reply) -> bool {
    reply.status == StatusCode::NOT_FOUND && NotFound::of(reply.body.expose()).wants_data_segment()
}

/// How the document may have to be written, where nobody tells whether its mount is version 2.
fn guess(path: &str) -> Option<String> {
    match &candidates(path)[..] {
        [] => None,
        [(_, longer)] => Some(format!("; if its mount is KV version 2, write `{longer}`")),
        [(_, longer), ..] => Some(format!(
            "; if its mount is KV version 2, write `data/` after the whole mount, as in `{longer}`"
        )),
    }
}

/// Names what a policy has to allow: the path that was asked for.
fn explain(mut failure: Failure, path: &str, guess: Option<String>) -> Failure {
    if failure.kind == FailureKind::Denied && failure.hint.is_none() {
        // Vault answers a mount that it has not as it answers one that is closed, and so do others with ended tokens.
        failure.hint = said(let_policy("read", path, &guess.unwrap_or_default()));
    }
    failure
}

/// What has to be allowed.
pub(super) fn let_policy(capability: &str, path: &str, guess: &str) -> String {
    format!(
        "let the token's policy {capability} `{path}`{guess}; `vault token lookup` tells whether the token is still valid"
    )
}

/// What a reply comes to.
pub(super) fn outcome(
    client: &VaultClient<'_>,
    reply: &Reply,
    document: &DocumentRef,
    path: &str,
) -> Outcome {
    match reply.status {
        StatusCode::NOT_FOUND => not_found(reply, document, path),
        StatusCode::OK => found(client, reply, document, path)
            .unwrap_or_else(|reason| endpoint(reply, path).unwrap_or_else(|| malformed(&reason))),
        // No Vault answers a read so: something in between does.
        status => malformed(&format!("a document comes with status 200, and this with {}", status.as_u16())),
    }
}

pub(super) fn malformed(reason: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind: FailureKind::Malformed,
        cause: format!("the answer is not what Vault sends: {reason}"),
        hint: None,
    })
}

pub(super) fn misconfigured(cause: &str, hint: &str) -> Outcome {
    Outcome::Failed(Failure {
        kind: FailureKind::Misconfigured,
        cause: cause.to_owned(),
        hint: said(hint.to_owned()),
    })
}

/// What answers with no document because it is none: the server's own endpoints, and an engine's raw ones.
fn endpoint(reply: &Reply, path: &str) -> Option<Outcome> {
    let kind =
        reply.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let cause = if ["sys/", "auth/", "identity/"].iter().any(|begin| path.starts_with(begin)) {
        format!("`{path}` is an endpoint of the server's own, and what it answers is no document")
    } else if ["application/pkix-", "application/pem-", "application/x-pem"]
        .iter()
        .any(|begin| kind.starts_with(begin))
    {
        format!("`{path}` is a raw endpoint: it answers with a file, and no document that has fields")
    } else {
        return None;
    };
    Some(misconfigured(
        &cause,
        "name what answers with fields, as in `secret/data/app#field` or `pki/cert/ca#certificate`",
    ))
}

/// A 404 of Vault's own: of KV because nothing is there or because the version is deleted, or of no engine at all.
fn not_found(reply: &Reply, document: &DocumentRef, path: &str) -> Outcome {
    match NotFound::of(reply.body.expose()) {
        NotFound::Nothing | NotFound::Mute => absent(document, path),
        NotFound::Envelope(body) => match body.data.filter(|data| data.get() != "null") {
            Some(data) => match versioned(data, path) {
                Ok(Some(versioned)) if versioned.data.is_none() => gone(&versioned.metadata, path),
                _ => malformed("its status says that nothing is there, and its `data` that something is"),
            },
            None if body.warns("versioned K/V") => lacks_segment(path),
            None if body.warns("root of a K/V v2 mount") => misconfigured(
                &format!("`{path}` is where the documents of a KV version 2 mount begin, and none itself"),
                &format!("write the document and its field: `{path}/DOCUMENT#FIELD`"),
            ),
            None => absent(document, path),
        },
        NotFound::Refused(Some(Known::NoRoute)) => no_engine(path),
        NotFound::Refused(Some(Known::NoNamespace)) => Outcome::Failed(no_namespace()),
        NotFound::Refused(Some(Known::NotReadable)) => misconfigured(
            &format!("the engine there cannot read this path (`{path}`)"),
            "write the path as the engine's documentation does, and the field after it: `PATH#FIELD`",
        ),
        NotFound::Refused(_) | NotFound::Foreign => {
            malformed("its status is 404, with a reason that kz does not know")
        }
    }
}

/// Nothing is there that could answer.
pub(super) fn no_engine(path: &str) -> Outcome {
    misconfigured(
        &format!("no engine is mounted under this path (`{path}`)"),
        "is the mount spelt right? `vault secrets list` names them, those of one `namespace` only",
    )
}

/// Of a version that was asked for, the server says as much whether the document is there or not.
fn absent(document: &DocumentRef, path: &str) -> Outcome {
    let Some((version, (mount, rest))) = document.version.as_ref().zip(path.split_once("/data/")) else {
        return Outcome::Absent;
    };
    let (mount, rest) = (typed::word(mount), typed::word(rest));
    Outcome::AbsentBecause(Absence {
        cause: format!("no version {version} of it is there: it was never written, or is no longer kept"),
        hint: said(format!("`vault kv metadata get -mount={mount} {rest}` lists the versions")),
    })
}

fn lacks_segment(path: &str) -> Outcome {
    misconfigured(
        &format!("its mount is KV version 2, where paths have `data/` after the whole mount (`{path}`)"),
        "write it so: `MOUNT/data/PATH`",
    )
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
    Outcome::AbsentBecause(Absence { cause, hint: hint.map(Hint::from) })
}

fn found(
    client: &VaultClient<'_>,
    reply: &Reply,
    document: &DocumentRef,
    path: &str,
) -> Result<Outcome, String> {
    let text = reply.body.expose_text().ok_or("it is not UTF-8")?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| reason(&error))?;
    if !envelope::is_vaults(text.as_bytes()) {
        return Err("it lacks what every answer of Vault's has, so something else answers".to_owned());
    }
    let data = body.data.filter(|data| data.get() != "null").ok_or("it has no `data`")?;
    let leased = body.lease_id.as_ref().is_some_and(|id| !id.is_empty());
    let versioned = if leased { None } else { versioned(data, path)? };
    let (content, version) = match versioned {
        Some(Versioned { data: Some(data), metadata }) => (data, Some(metadata.version.to_string())),
        Some(Versioned { data: None, metadata }) if metadata.is_gone() => return Ok(gone(&metadata, path)),
        Some(Versioned { data: None, metadata }) => {
            let cause = format!("version {} holds nothing (`null`)", metadata.version);
            return Ok(Outcome::AbsentBecause(Absence { cause, hint: None }));
        }
        None if document.version.is_some() => {
            return Ok(misconfigured("the engine under this path keeps no versions", "remove `version`"));
        }
        None => (data, None),
    };
    if !content.get().starts_with('{') {
        return Err("its `data` is no object".to_owned());
    }
    let changed = if leased { None } else { Changed::of(content, path) };
    let issued = asked(reply, client.ask());
    let lease = match &changed {
        Some(changed) => Some(Lease::of_change(issued, Duration::from_secs(changed.ttl))),
        None => client.custody().lease(&body, issued, client.namespace()),
    };
    Ok(Outcome::Found(Document {
        content: Secret::new(content.get().as_bytes().to_vec()),
        shape: Shape::Json,
        version: version.or(changed.and_then(Changed::version)),
        lease,
    }))
}

/// When the server was asked that answered so: a proxy that had kept it says how long (RFC 9111, 5.1).
fn asked(reply: &Reply, ask: &Ask) -> Instant {
    let then = ask.at(reply.asked);
    let age = reply.headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    then.checked_sub(Duration::from_secs(age.unwrap_or(0))).unwrap_or(then)
}

/// Without the column, which would tell how long the values before it are.
fn reason(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "it ends in the middle".to_owned()
    } else {
        format!("it is no JSON of the right form at line {}", error.line())
    }
}
