//! Response-wrapping tokens, each of which opens once: <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.
//!
//! Invariants: none is opened for who only looks (`kz status`); none is sent a second time, since a spent one that is used again is how theft looks in Vault's audit log; what
//! was inside serves as long as the same one lies there.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use vaultrs::api::sys::requests::UnwrapRequest;

use crate::hint::said;
use crate::http::Reply;
use crate::provider::local_file::Reader;
use crate::provider::{Failure, FailureKind, Purpose};
use crate::secret::Secret;

use super::client::VaultClient;
use super::not_found::{NotFound, no_namespace};
use super::piece::{Piece, in_text};
use super::reply::{Body, Known};
use super::token::Token;

/// The last that was opened, and what was inside.
#[derive(Default)]
pub(super) struct Opened(Mutex<Option<(Secret, Secret)>>);

impl Opened {
    /// What was in this one, where kz has opened it.
    fn inside(&self, wrapping: &Secret) -> Option<Secret> {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.as_ref().filter(|(opened, _)| opened == wrapping).map(|(_, inside)| inside.clone())
    }

    fn keep(&self, wrapping: Secret, inside: Secret) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((wrapping, inside));
    }
}

/// The secret id in a response-wrapping token, which is spent by this.
pub(super) async fn secret_id(
    client: &VaultClient<'_>,
    opened: &Opened,
    piece: &Piece,
    reader: Reader<'_>,
) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Inside {
        secret_id: String,
    }
    let wrapping = piece.read_bare(reader)?;
    if let Some(inside) = opened.inside(&wrapping) {
        return Ok(in_text(&inside));
    }
    may_open(client, piece, "secret id")?;
    let reply = unwrapped(client, &wrapping, piece, "secret id").await?;
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let data = body.and_then(|body| body.data);
    match data.and_then(|data| serde_json::from_str::<Inside>(data.get()).ok()) {
        Some(Inside { secret_id }) => {
            opened.keep(wrapping, Secret::new(secret_id.clone().into_bytes()));
            Ok(secret_id)
        }
        None => Err(Failure {
            kind: FailureKind::Malformed,
            cause: format!("what is wrapped in {piece} is no secret id"),
            hint: said("wrap it so: `vault write -wrap-ttl=10m -f auth/approle/role/ROLE/secret-id`"),
        }),
    }
}

/// The token in a response-wrapping token, which is spent by this. It was made for kz, so it is kz's own.
pub(super) async fn token(
    client: &VaultClient<'_>,
    opened: &Opened,
    piece: &Piece,
    reader: Reader<'_>,
) -> Result<Token, Failure> {
    let wrapping = piece.read_bare(reader)?;
    if opened.inside(&wrapping).is_some() {
        return Err(Failure {
            kind: FailureKind::Denied,
            cause: format!(
                "the token that was wrapped in {piece} has ended, and kz has used the wrapping one up"
            ),
            hint: said("have another one wrapped: `vault token create -policy=POLICY -wrap-ttl=10m`"),
        });
    }
    may_open(client, piece, "token")?;
    let reply = unwrapped(client, &wrapping, piece, "token").await?;
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let auth = body.and_then(|body| body.auth).filter(|auth| !auth.client_token.is_empty());
    let token = auth.map(Token::of).ok_or_else(|| Failure {
        kind: FailureKind::Malformed,
        cause: format!("what is wrapped in {piece} is no token"),
        hint: said("wrap it so: `vault token create -policy=POLICY -wrap-ttl=10m`"),
    })?;
    opened.keep(wrapping, token.value.clone());
    Ok(token)
}

/// Who only looks opens none: what comes later would find it used up.
fn may_open(client: &VaultClient<'_>, piece: &Piece, what: &str) -> Result<(), Failure> {
    if client.ask().purpose == Purpose::Deliver {
        return Ok(());
    }
    Err(Failure {
        kind: FailureKind::Misconfigured,
        cause: format!(
            "the {what} in {piece} is wrapped, and unwrapping uses it up: kz does not, only to look"
        ),
        hint: said(
            "`kz export` and `kz run` unwrap it, once; `vault write sys/wrapping/lookup token=\"$(cat FILE)\"` says whether it is still good, and leaves it so",
        ),
    })
}

/// What is in a response-wrapping token.
async fn unwrapped(
    client: &VaultClient<'_>,
    wrapping: &Secret,
    piece: &Piece,
    what: &str,
) -> Result<Reply, Failure> {
    let unwrapping = client.with_token(wrapping)?;
    let answer = unwrapping.call(UnwrapRequest { token: None }).await;
    let anew = || said("have it wrapped anew; if kz did not use it up, somebody else did");
    let reply = answer.map_err(|failure| Failure {
        cause: format!("the wrapped {what} in {piece}: {}", failure.cause),
        hint: match failure.kind {
            // Whatever is said of a token is said of the wrapping one.
            FailureKind::Denied => anew(),
            FailureKind::Misconfigured => failure.hint.or_else(anew),
            _ => failure.hint,
        },
        kind: failure.kind,
    })?;
    if let NotFound::Refused(Some(Known::NoNamespace)) = NotFound::of(reply.body.expose()) {
        return Err(no_namespace());
    }
    Ok(reply)
}
