//! The credentials files of Google's tools: what kz reads of them, and which it understands.
//!
//! Forms: <https://cloud.google.com/docs/authentication/application-default-credentials>,
//! <https://google.aip.dev/auth/4117> for external accounts. Invariants: nothing of a file but addresses' hosts, names of
//! accounts and kz's own words stands in a message; a token is sent by TLS, or to this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::http::Uri;
use serde::Deserialize;
use serde_json::Value;

use crate::hint::said;
use crate::http::Address;
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

/// Where tokens are got by Google's own accounts, where a file does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// The one universe that kz knows.
const UNIVERSE: &str = "googleapis.com";
/// How long an impersonated token is valid, unless a file says, in seconds.
const LIFETIME: u64 = 3600;

/// What a credentials file leads to.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) base: Base,
    /// Accounts whose token is asked for with the one before.
    pub(super) steps: Vec<Impersonation>,
    /// The project that a service account is of.
    pub(super) project: Option<String>,
    /// The project that pays.
    pub(super) quota_project: Option<String>,
}

/// Whose token is asked for first.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// The key of a service account.
    Key { email: String, key: Secret, id: Option<String>, endpoint: Endpoint },
    /// Somebody who has logged in by `gcloud`.
    User { id: String, secret: Secret, refresh: Secret, endpoint: Endpoint },
    /// Whom another identity provider vouches for.
    Federated { audience: String, kind: String, subject: Subject, format: Format, endpoint: Endpoint },
}

/// Where the other provider's token is.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// In a file, as of Kubernetes.
    File(PathBuf),
    /// Behind an address, as of Azure.
    Url(Endpoint, Vec<(String, Secret)>),
}

/// What that token stands in.
#[derive(Clone, Debug)]
pub(super) enum Format {
    /// Nothing.
    Text,
    /// An object, under this name.
    Json(String),
}

/// A service account whose token is asked for with another's.
#[derive(Clone, Debug)]
pub(super) struct Impersonation {
    pub(super) endpoint: Endpoint,
    pub(super) delegates: Vec<String>,
    pub(super) lifetime: u64,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    /// With the query.
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct File {
    r#type: String,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    universe_domain: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    credential_source: Option<CredentialSource>,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<Lifetime>,
    workforce_pool_user_project: Option<String>,
    delegates: Option<Vec<String>>,
    source_credentials: Option<Box<File>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CredentialSource {
    file: Option<String>,
    url: Option<String>,
    headers: BTreeMap<String, String>,
    format: Option<SourceFormat>,
    environment_id: Option<String>,
    executable: Option<Value>,
    certificate: Option<Value>,
}

#[derive(Deserialize)]
struct SourceFormat {
    r#type: Option<String>,
    subject_token_field_name: Option<String>,
}

#[derive(Deserialize)]
struct Lifetime {
    token_lifetime_seconds: Option<u64>,
}

/// Reads a file whose name is `name`.
pub(super) fn read(text: &Secret, name: &str) -> Result<Credentials, Failure> {
    // An array of values would do for a struct too.
    let object =
        text.expose().trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(text.expose()));
    let file: File = object.and_then(Result::ok).ok_or_else(|| Failure {
        kind: FailureKind::Malformed,
        cause: format!("{name} is not a credentials file of Google's: no JSON of the right form"),
        hint: said(
            "`gcloud iam service-accounts keys create` and `gcloud iam workload-identity-pools \
                    create-cred-config` write one",
        ),
    })?;
    Reader { name }.credentials(file)
}

/// Reads with a name for messages.
#[derive(Clone, Copy)]
struct Reader<'a> {
    name: &'a str,
}

impl Reader<'_> {
    fn credentials(self, file: File) -> Result<Credentials, Failure> {
        if let Some(universe) = &file.universe_domain
            && universe != UNIVERSE
        {
            return Err(self.unsupported("names another universe than googleapis.com"));
        }
        let (project, quota_project) = (file.project_id.clone(), file.quota_project_id.clone());
        let (base, steps) = match file.r#type.as_str() {
            "service_account" => (self.key(file)?, Vec::new()),
            "authorized_user" => (self.user(file)?, Vec::new()),
            "external_account" => self.federated(file)?,
            "impersonated_service_account" => self.impersonated(file)?,
            "external_account_authorized_user" => {
                return Err(self.unsupported("is of a workforce identity, which belongs to a person"));
            }
            "gdch_service_account" => return Err(self.unsupported("is of Google Distributed Cloud")),
            "" => return Err(self.lacks("type")),
            _ => return Err(self.malformed("is of another type than those of Google's")),
        };
        Ok(Credentials { base, steps, project, quota_project })
    }

    fn key(self, file: File) -> Result<Base, Failure> {
        let key = file.private_key.ok_or_else(|| self.lacks("private_key"))?;
        Ok(Base::Key {
            email: file.client_email.ok_or_else(|| self.lacks("client_email"))?,
            key: Secret::new(key.into_bytes()),
            id: file.private_key_id,
            endpoint: self.token_endpoint("token_uri", file.token_uri.as_deref())?,
        })
    }

    fn user(self, file: File) -> Result<Base, Failure> {
        let secret = |value: Option<String>, key| {
            value.map(|value| Secret::new(value.into_bytes())).ok_or_else(|| self.lacks(key))
        };
        Ok(Base::User {
            id: file.client_id.ok_or_else(|| self.lacks("client_id"))?,
            secret: secret(file.client_secret, "client_secret")?,
            refresh: secret(file.refresh_token, "refresh_token")?,
            endpoint: self.token_endpoint("token_uri", file.token_uri.as_deref())?,
        })
    }

    fn federated(self, file: File) -> Result<(Base, Vec<Impersonation>), Failure> {
        if file.workforce_pool_user_project.is_some() || file.client_id.is_some() {
            return Err(self.unsupported("is of a workforce identity, which belongs to a person"));
        }
        let url = file.token_url.ok_or_else(|| self.lacks("token_url"))?;
        let source = file.credential_source.ok_or_else(|| self.lacks("credential_source"))?;
        let (subject, format) = self.subject(source)?;
        let base = Base::Federated {
            audience: file.audience.ok_or_else(|| self.lacks("audience"))?,
            kind: file.subject_token_type.ok_or_else(|| self.lacks("subject_token_type"))?,
            subject,
            format,
            endpoint: self.token_endpoint("token_url", Some(&url))?,
        };
        let lifetime = file.service_account_impersonation.and_then(|written| written.token_lifetime_seconds);
        let step = file.service_account_impersonation_url.map(|url| {
            let endpoint = self.token_endpoint("service_account_impersonation_url", Some(&url))?;
            Ok(Impersonation { endpoint, delegates: Vec::new(), lifetime: lifetime.unwrap_or(LIFETIME) })
        });
        Ok((base, step.transpose()?.into_iter().collect()))
    }

    fn subject(self, source: CredentialSource) -> Result<(Subject, Format), Failure> {
        let unsupported =
            |what: &str| self.unsupported(&format!("takes its `credential_source` from {what}"));
        let format = match source.format {
            Some(SourceFormat { r#type: Some(kind), subject_token_field_name }) if kind == "json" => {
                let field = subject_token_field_name.ok_or_else(|| self.lacks("subject_token_field_name"))?;
                Format::Json(field)
            }
            _ => Format::Text,
        };
        let subject = match (source.environment_id, source.executable, source.certificate) {
            (Some(_), ..) => return Err(unsupported("AWS (`environment_id`)")),
            (_, Some(_), _) => return Err(unsupported("a program (`executable`)")),
            (_, _, Some(_)) => return Err(unsupported("a `certificate`")),
            (None, None, None) => match (source.file, source.url) {
                (Some(file), _) => Subject::File(file.into()),
                (None, Some(url)) => {
                    let headers = source.headers.into_iter();
                    let headers = headers.map(|(name, value)| (name, Secret::new(value.into_bytes())));
                    Subject::Url(self.endpoint("credential_source.url", &url)?, headers.collect())
                }
                (None, None) => return Err(self.lacks("credential_source.file")),
            },
        };
        Ok((subject, format))
    }

    fn impersonated(self, file: File) -> Result<(Base, Vec<Impersonation>), Failure> {
        let source = file.source_credentials.ok_or_else(|| self.lacks("source_credentials"))?;
        if source.r#type == "impersonated_service_account" {
            return Err(self.unsupported("has `source_credentials` that are impersonated themselves"));
        }
        let url = file.service_account_impersonation_url;
        let url = url.ok_or_else(|| self.lacks("service_account_impersonation_url"))?;
        let Credentials { base, mut steps, .. } = self.credentials(*source)?;
        steps.push(Impersonation {
            endpoint: self.token_endpoint("service_account_impersonation_url", Some(&url))?,
            delegates: file.delegates.unwrap_or_default(),
            lifetime: LIFETIME,
        });
        Ok((base, steps))
    }

    /// Where a credential is sent.
    fn token_endpoint(self, key: &str, url: Option<&str>) -> Result<Endpoint, Failure> {
        let endpoint = self.endpoint(key, url.unwrap_or(TOKEN_URI))?;
        let host = endpoint.address.host().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if endpoint.address.is_https() || here {
            return Ok(endpoint);
        }
        Err(self.malformed(&format!(
            "has a `{key}` that is not `https://`, and kz sends no credential in the clear"
        )))
    }

    fn endpoint(self, key: &str, url: &str) -> Result<Endpoint, Failure> {
        let unfit = || self.malformed(&format!("has a `{key}` that is no address"));
        let uri: Uri = url.trim().parse().map_err(|_| unfit())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(unfit());
        };
        let address = Address::parse(&format!("{scheme}://{authority}")).map_err(|_| unfit())?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Endpoint { address, path })
    }

    fn lacks(self, key: &str) -> Failure {
        self.malformed(&format!("has no `{key}`"))
    }

    fn malformed(self, what: &str) -> Failure {
        Failure { kind: FailureKind::Malformed, cause: format!("{} {what}", self.name), hint: None }
    }

    fn unsupported(self, what: &str) -> Failure {
        Failure::misconfigured(
            format!("{} {what}, which kz does not support", self.name),
            "give kz a service account's key, workload identity federation by `file` or `url`, or the identity of the \
             metadata server",
        )
    }
}
