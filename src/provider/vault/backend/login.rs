//! Logins: from a credential to a token of kz's own, by the login endpoints of Vault's API.
//!
//! Invariants: a credential is read when it is needed and goes nowhere but into the login's request; a reply
//! without a token is an error, and no part of it is shown.
//! Rules: <https://developer.hashicorp.com/vault/api-docs/auth>.

use std::time::SystemTime;

use ::http::StatusCode;
use vaultrs::api::auth::aws::requests::IamLoginRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::auth::userpass::requests::LoginRequest as UserPassLoginRequest;

use crate::hint::said;
use crate::http::Reply;
use crate::provider::local_file::Reader;
use crate::provider::{Failure, FailureKind};

use super::caller_identity;
use super::client::{Unanswered, VaultClient};
use super::credential::{Login, Method, SecretId};
use super::endpoint::PostLogin;
use super::not_found::{NotFound, no_namespace};
use super::piece::{Piece, in_text};
use super::reply::{Body, Known};
use super::token::Token;
use super::wrapping::{self, Opened};

/// Logs in.
pub(super) async fn login(
    client: &VaultClient<'_>,
    login: &Login,
    opened: &Opened,
    reader: Reader<'_>,
) -> Result<Token, Failure> {
    let mount = login.mount.clone();
    let text = |piece: &Piece| piece.read_bare(reader).map(|secret| in_text(&secret));
    let answer = match &login.method {
        Method::AppRole { role_id, secret_id } => {
            let role_id = text(role_id)?;
            let secret_id = match secret_id {
                None => None,
                Some(SecretId::Plain(piece)) => Some(text(piece)?),
                Some(SecretId::Wrapped(piece)) => {
                    Some(wrapping::secret_id(client, opened, piece, reader).await?)
                }
            };
            let members = [("role_id", Some(role_id.as_str())), ("secret_id", secret_id.as_deref())];
            client.read(PostLogin { mount: &mount, members: &members }).await
        }
        Method::Jwt { role, jwt } => {
            let (jwt, role) = (text(jwt)?, role.clone());
            client.read(JWTLoginRequest { mount, jwt, role }).await
        }
        Method::Certificate { role } => {
            let members = [("name", role.as_deref())];
            client.read(PostLogin { mount: &mount, members: &members }).await
        }
        Method::Aws { role, signer } => {
            let caller_identity::Signed { url, body, headers } = signer.sign(SystemTime::now())?;
            let role = role.clone();
            let iam_http_request_method = "POST".to_owned();
            client
                .read(IamLoginRequest {
                    mount,
                    role,
                    iam_http_request_method,
                    iam_request_url: url,
                    iam_request_body: body,
                    iam_request_headers: headers,
                })
                .await
        }
        Method::UserPass { username, password } => {
            let (username, password) = (username.clone(), in_text(&password.read(reader)?));
            client.read(UserPassLoginRequest { mount, username, password }).await
        }
    };
    token(&answer.map_err(|unanswered| explain(unanswered, login))?, login)
}

fn token(reply: &Reply, login: &Login) -> Result<Token, Failure> {
    let mount = &login.mount;
    if reply.status == StatusCode::NOT_FOUND {
        return Err(nowhere(reply, login));
    }
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let auth = body.and_then(|body| body.auth);
    if auth.as_ref().is_some_and(|auth| auth.client_token.is_empty() && auth.mfa_requirement.is_some()) {
        return Err(Failure {
            kind: FailureKind::Denied,
            cause: format!("the login at `auth/{mount}` demands a second factor, which kz cannot give"),
            hint: said("log in by a method for machines: `approle`, `kubernetes`, `jwt`, `cert`"),
        });
    }
    let auth = auth.filter(|auth| !auth.client_token.is_empty()).ok_or_else(|| Failure {
        kind: FailureKind::Malformed,
        cause: format!("the login at `auth/{mount}` gave no token"),
        hint: None,
    })?;
    Ok(Token::of(auth))
}

/// Why Vault has nothing where the login was sent.
fn nowhere(reply: &Reply, login: &Login) -> Failure {
    let mount = &login.mount;
    match NotFound::of(reply.body.expose()) {
        NotFound::Refused(Some(Known::NoNamespace)) => no_namespace(),
        NotFound::Refused(Some(Known::NotReadable)) if matches!(login.method, Method::UserPass { .. }) => {
            Failure::misconfigured(
                format!("login at `auth/{mount}`: no user's name can be so"),
                "correct `username`, or VAULT_USERNAME",
            )
        }
        _ => Failure::misconfigured(
            format!("no login method is mounted at `auth/{mount}`"),
            "name where it is: `mount = \"…\"` in `auth`",
        ),
    }
}

/// A login's failure says that it is one: its cause lies in the credential, not in the document.
fn explain(Unanswered { failure, known, .. }: Unanswered, login: &Login) -> Failure {
    // Where it says no reason, or only that it denies.
    let is_bare =
        failure.kind == FailureKind::Denied && matches!(known, None | Some(Known::Bare | Known::Denied));
    let kind = match failure.kind {
        // A 400 that says nothing of its reason is how Vault refuses most credentials.
        FailureKind::Misconfigured if failure.hint.is_none() => FailureKind::Denied,
        kind => kind,
    };
    let named = failure.hint.map(|hint| hint.map(|text| text.replace("MOUNT", &login.mount)));
    let hint = named.or_else(|| {
        let what = match &login.method {
            Method::AppRole { secret_id: None, .. } => "the role id",
            Method::AppRole { .. } => "the role id and the secret id",
            Method::Jwt { .. } => "that the role admits this token's audience, namespace and account",
            Method::Certificate { .. } => "that the certificate is one of the role's",
            Method::Aws { .. } => "that the role admits this AWS identity",
            Method::UserPass { .. } => "the user and the password",
        };
        let check = format!("check {what}, and `mount` and `namespace`");
        let check = if is_bare { check + unsaid(&login.method) } else { check };
        (kind == FailureKind::Denied).then(|| check.into())
    });
    Failure { kind, cause: format!("login at `auth/{}`: {}", login.mount, failure.cause), hint }
}

/// What a server refuses without a word more, by the method. A wrong secret id or password has words of its own.
fn unsaid(method: &Method) -> &'static str {
    match method {
        Method::AppRole { .. } => {
            "; the server also answers so where none is mounted, or where wrong logins (five, if nothing else is set) have \
             locked this role id, for everybody and some minutes: `vault read sys/locked-users`"
        }
        Method::UserPass { .. } => {
            "; the server also answers so where none is mounted, or where wrong logins (five, if nothing else is set) have \
             locked this user for some minutes: `vault read sys/locked-users`"
        }
        Method::Jwt { .. } => {
            "; the server also answers so where none is mounted, or where it cannot have the token reviewed"
        }
        Method::Certificate { .. } | Method::Aws { .. } => {
            "; the server also answers so where none is mounted"
        }
    }
}
