//! Logins: from a credential to a token of kz's own, by the login endpoints of Vault's API.
//!
//! Invariants: a credential is read when it is needed and goes nowhere but into the login's request; a reply
//! without a token is an error, and no part of it is shown.
//! Rules: <https://developer.hashicorp.com/vault/api-docs/auth>.

use std::time::SystemTime;

use ::http::StatusCode;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Deserialize;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::aws::requests::IamLoginRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::auth::userpass::requests::LoginRequest as UserPassLoginRequest;
use vaultrs::api::sys::requests::UnwrapRequest;

use crate::http::Reply;
use crate::provider::local_file::Places;
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

use super::caller_identity;
use super::credential::{Login, Method};
use super::piece::Piece;
use super::reply::Body;
use super::session::Session;

/// A token that a login gave.
pub(super) struct Token {
    /// The token.
    pub(super) value: Secret,
    /// Batch tokens are not stored, so they cannot be revoked.
    pub(super) revocable: bool,
}

/// `POST auth/MOUNT/login` with a certificate. vaultrs's own sends the role under a name that Vault does not read.
struct CertificateLogin {
    mount: String,
    role: Option<String>,
}

impl Endpoint for CertificateLogin {
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
        Ok(self.role.as_ref().map(|role| serde_json::json!({ "name": role }).to_string().into_bytes()))
    }
}

/// Logs in.
pub(super) async fn login(session: &Session<'_>, login: &Login, places: &Places) -> Result<Token, Failure> {
    let mount = login.mount.clone();
    let text = |piece: &Piece| piece.read(places).map(|secret| in_text(&secret));
    let answer = match &login.method {
        Method::AppRole { role_id, secret_id, wrapped } => {
            let role_id = text(role_id)?;
            let secret_id =
                if *wrapped { unwrap(session, secret_id, places).await? } else { text(secret_id)? };
            session.call(LoginWithApproleRequest { mount, role_id, secret_id }).await
        }
        Method::Jwt { role, jwt } => {
            let (jwt, role) = (text(jwt)?, role.clone());
            session.call(JWTLoginRequest { mount, jwt, role }).await
        }
        Method::Certificate { role } => session.call(CertificateLogin { mount, role: role.clone() }).await,
        Method::Aws { role, signer } => {
            let caller_identity::Signed { url, body, headers } = signer.sign(SystemTime::now())?;
            let role = role.clone();
            let iam_http_request_method = "POST".to_owned();
            session
                .call(IamLoginRequest {
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
            let (username, password) = (username.clone(), text(password)?);
            session.call(UserPassLoginRequest { mount, username, password }).await
        }
    };
    token(&answer.map_err(|failure| explain(failure, login))?, login)
}

/// A piece that was checked to be text when it was read.
fn in_text(secret: &Secret) -> String {
    secret.expose_text().unwrap_or_default().to_owned()
}

/// The secret id in a response-wrapping token, which is spent by this.
async fn unwrap(session: &Session<'_>, wrapping: &Piece, places: &Places) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct SecretId {
        secret_id: String,
    }
    let unwrapping = session.with_token(&wrapping.read(places)?)?;
    let answer = unwrapping.call(UnwrapRequest { token: None }).await;
    let reply = answer.map_err(|failure| Failure {
        cause: format!("the wrapped secret id in {wrapping}: {}", failure.cause),
        hint: failure.hint.or_else(|| {
            let spent = matches!(failure.kind, FailureKind::Denied | FailureKind::Misconfigured);
            spent.then(|| "have it wrapped anew; if kz did not use it up, somebody else did".to_owned())
        }),
        kind: failure.kind,
    })?;
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let data = body.and_then(|body| body.data);
    match data.and_then(|data| serde_json::from_str::<SecretId>(data.get()).ok()) {
        Some(SecretId { secret_id }) => Ok(secret_id),
        None => Err(Failure {
            kind: FailureKind::Malformed,
            cause: format!("what is wrapped in {wrapping} is no secret id"),
            hint: Some(
                "wrap it so: `vault write -wrap-ttl=10m -f auth/approle/role/ROLE/secret-id`".to_owned(),
            ),
        }),
    }
}

fn token(reply: &Reply, login: &Login) -> Result<Token, Failure> {
    let mount = &login.mount;
    if reply.status == StatusCode::NOT_FOUND {
        return Err(Failure {
            kind: FailureKind::Misconfigured,
            cause: format!("no login method is mounted at `auth/{mount}`"),
            hint: Some("name where it is: `mount = \"…\"` in `auth`".to_owned()),
        });
    }
    let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
    let auth = body.and_then(|body| body.auth).filter(|auth| !auth.client_token.is_empty());
    let auth = auth.ok_or_else(|| Failure {
        kind: FailureKind::Malformed,
        cause: format!("the login at `auth/{mount}` gave no token"),
        hint: None,
    })?;
    Ok(Token {
        revocable: auth.token_type.as_deref() != Some("batch"),
        value: Secret::new(auth.client_token.into_bytes()),
    })
}

/// A login's failure says that it is one: its cause lies in the credential, not in the document.
fn explain(failure: Failure, login: &Login) -> Failure {
    let kind = match failure.kind {
        // A 400 that says nothing of its reason is how Vault refuses most credentials.
        FailureKind::Misconfigured if failure.hint.is_none() => FailureKind::Denied,
        kind => kind,
    };
    let hint = failure.hint.or_else(|| {
        let what = match &login.method {
            Method::AppRole { .. } => "the role id and the secret id",
            Method::Jwt { .. } => "that the role admits this token's audience, namespace and account",
            Method::Certificate { .. } => "that the certificate is one of the role's",
            Method::Aws { .. } => "that the role admits this AWS identity",
            Method::UserPass { .. } => "the user and the password",
        };
        (kind == FailureKind::Denied).then(|| format!("check {what}, and `mount` and `namespace`"))
    });
    Failure { kind, cause: format!("login at `auth/{}`: {}", login.mount, failure.cause), hint }
}
