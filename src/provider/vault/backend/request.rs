//! Documents that an engine makes of parameters: a certificate, a signed key, an account in a cluster.
//!
//! Invariants: an engine that keeps documents is never asked so, since a POST would write what was to be read; whoever only
//! looks makes nothing; what is made is sent for once, for all secrets of one `request`, and lent as what a read makes is.

use ::http::StatusCode;

use crate::hint::said;
use crate::http::Reply;
use crate::log::typed;
use crate::provider::vault::cli_form::refuses_parameters;
use crate::provider::{DocumentRef, Failure, FailureKind, Outcome, Purpose, Request};

use super::client::{Unanswered, VaultClient};
use super::effect::{is_computer, is_keeper, is_of_server};
use super::endpoint::Post;
use super::look;
use super::mounts::{Engine, Mounts};
use super::not_found::NotFound;
use super::read::{keep, let_policy, misconfigured, outcome};
use super::reply::Known;

/// How a path is written that answers with fields.
const PATHS: &str =
    "write the path as the engine's documentation does, and the field after it: `pki/issue/ROLE#certificate`";

/// Has a document made, or only looks whether it would be.
pub(super) async fn make(
    client: &VaultClient<'_>,
    mounts: &Mounts,
    document: &DocumentRef,
    request: &Request,
    purpose: Purpose,
) -> Outcome {
    let path = &document.path;
    // Also where it is not sent now: it may have been before.
    client.custody().confidences.add_value(&request.parameters());
    let engine = match mounts.engine(client, path).await {
        Ok(Engine::Login(method)) => {
            return misconfigured(
                &refuses_parameters(&format!("the login method under this path (`{method}`)")),
                "remove `request`",
            );
        }
        Ok(Engine::Named(engine)) if is_keeper(&engine) || is_of_server(&engine) => {
            return misconfigured(
                &refuses_parameters(&format!("the engine under this path (`{engine}`)")),
                "remove `request`",
            );
        }
        Ok(Engine::Named(engine)) if is_computer(&engine) => {
            client.remember_harmless(path);
            Engine::Named(engine)
        }
        Ok(engine @ (Engine::Named(_) | Engine::Closed)) => engine,
        Ok(Engine::Untold) => {
            return misconfigured(
                "the server does not tell which engine is under this path, and one that keeps documents would write what `request` says",
                &format!("let kz read `sys/internal/ui/mounts/{path}`, where a proxy in between refuses it"),
            );
        }
        Err(failure) => return Outcome::Failed(failure),
    };
    if purpose == Purpose::Look {
        return look::instead_of_making(client, path, &engine, || no_parameters(path))
            .await
            .unwrap_or_else(|reply| made(client, &reply, document, path));
    }
    let reply = match client.read(Post::of(path, request)).await {
        Ok(reply) => reply,
        Err(unanswered) => return Outcome::Failed(explain(unanswered, path)),
    };
    keep(client, &reply);
    made(client, &reply, document, path)
}

/// What a reply comes to.
fn made(client: &VaultClient<'_>, reply: &Reply, document: &DocumentRef, path: &str) -> Outcome {
    match reply.status {
        StatusCode::NO_CONTENT => misconfigured(
            &format!(
                "the engine did what was asked at this path (`{path}`), and answers with no document (status 204)"
            ),
            PATHS,
        ),
        StatusCode::NOT_FOUND => match NotFound::of(reply.body.expose()) {
            NotFound::Refused(Some(Known::NotReadable)) => {
                misconfigured(&format!("the engine there has no such path (`{path}`)"), PATHS)
            }
            _ => outcome(client, reply, document, path),
        },
        _ => outcome(client, reply, document, path),
    }
}

fn no_parameters(path: &str) -> Failure {
    Failure::misconfigured(
        format!("the engine takes no parameters at this path (`{path}`)"),
        format!("remove `request`, if it is read without; else {PATHS}"),
    )
}

/// Says what to do about it, where only the engine's administrator or its documentation knows more.
fn explain(Unanswered { mut failure, known, .. }: Unanswered, path: &str) -> Failure {
    match (failure.kind, known) {
        (_, Some(Known::NotReadable)) => no_parameters(path),
        (FailureKind::Denied, _) if failure.hint.is_none() => {
            failure.hint = said(let_policy("update", path, ""));
            failure
        }
        (FailureKind::Misconfigured, known) => {
            let hint = failure.hint.filter(|_| known.is_some()).unwrap_or_else(|| {
                "a name or a value in `request` is not as the engine or the role wants it: `vault path-help PATH` tells the names".into()
            });
            let mount = path.split('/').next().unwrap_or_default();
            let role = path.rsplit('/').next().unwrap_or_default();
            let named = [("MOUNT", mount), ("ROLE", role), ("PATH", path)];
            let fill = |text: String| {
                named.iter().fold(text, |text, (word, name)| text.replace(word, &typed::word(name)))
            };
            Failure { hint: Some(hint.map(fill)), ..failure }
        }
        _ => failure,
    }
}
