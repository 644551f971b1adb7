//! Who kz is to AWS: the sources of an identity, in the order of the SDKs' default chain
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>), asked by the SDK's own
//! providers, one by one, so that an error can say which were looked at and which one failed.
//!
//! Invariants: a source that is set up and fails is an error, not a reason to try the next, so that kz never acts
//! as somebody else than was meant; an identity is got once, and waited for by the one rule of patience; the
//! providers' texts, which hold what backends answered, are not repeated.

use std::error::Error as StdError;
use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::credentials::ProfileFileError;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

use crate::http;
use crate::patience::{Attempt, GaveUp, Patience};
use crate::provider::settings::Settings;
use crate::provider::{Failure, FailureKind};

use super::profiles::Profiles;
use super::trouble::{Class, Refusal, Trouble};
use super::variables::Variables;
use super::wire::{Exchange, Wire};

/// An identity, and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    /// As in "with the identity from …".
    pub(super) source: String,
    /// Where the instance is, when the identity is an instance's.
    pub(super) region: Option<Region>,
}

/// What an identity is chosen by.
pub(super) struct Chain<'a> {
    pub(super) settings: &'a Settings,
    pub(super) variables: &'a Variables,
    pub(super) profiles: &'a Profiles,
    pub(super) config: ProviderConfig,
    pub(super) sdk: SdkConfig,
    pub(super) wire: &'a Wire,
    pub(super) patience: &'a Patience,
}

/// One source of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Profile,
    Container,
    Instance,
}

/// Why a source gave no identity, while it is waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    /// It is not set up.
    NotThere,
    /// What was asked, and what it answered.
    Exchange(Exchange),
    /// It is set up wrongly.
    Wrong(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotThere => formatter.write_str("it is not there"),
            Self::Wrong(words) => formatter.write_str(words),
            Self::Exchange(Exchange { server, result: Err(error) }) => write!(formatter, "{server}: {error}"),
            Self::Exchange(Exchange { server, result: Ok((status @ 200..=299, None)) }) => {
                write!(formatter, "{server} answers with status {status}, and not as such a service does")
            }
            Self::Exchange(Exchange { server, result: Ok((status, None)) }) => {
                write!(formatter, "{server} answers with status {status}")
            }
            Self::Exchange(Exchange { server, result: Ok((status, Some(code))) }) => {
                write!(formatter, "{server}: {}", Refusal::new(*status, code, ""))
            }
        }
    }
}

impl Chain<'_> {
    /// The identity to act as.
    pub(super) async fn identity(&self) -> Result<Identity, Failure> {
        let role = self.settings.text("role_arn");
        if let Some(file) = self.settings.path("web_identity_token_file") {
            let role = role.ok_or_else(|| {
                Failure::misconfigured(
                    "a web identity token is traded for a role, and none is named",
                    "set `role_arn`",
                )
            })?;
            let session = self.settings.text("session_name");
            return self.web_identity(file, role, session).await;
        }
        let base = self.base().await?;
        match role {
            None => Ok(base),
            Some(role) => self.assume(role, base).await,
        }
    }

    /// The identity that a role is assumed with, or that is used as it is.
    async fn base(&self) -> Result<Identity, Failure> {
        if self.profiles.is_chosen() {
            let found = self.ask(Source::Profile).await?;
            return found.ok_or_else(|| self.profiles.missing());
        }
        if let Some(identity) = self.of_variables()? {
            return Ok(identity);
        }
        if let Some(identity) = self.ask(Source::Profile).await? {
            return Ok(identity);
        }
        if let Some(file) = self.variables.path("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let role = self.variables.text("AWS_ROLE_ARN").ok_or_else(|| {
                Failure::misconfigured(
                    "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not",
                    "set both, or neither",
                )
            })?;
            return self.web_identity(&file, role, self.variables.text("AWS_ROLE_SESSION_NAME")).await;
        }
        if let Some(identity) = self.ask(Source::Container).await? {
            return Ok(identity);
        }
        let metadata = if self.is_instance_excluded() {
            "the metadata service of EC2 (AWS_EC2_METADATA_DISABLED)"
        } else if let Some(identity) = self.ask(Source::Instance).await? {
            return Ok(identity);
        } else {
            "the metadata service of EC2"
        };
        Err(Failure::misconfigured(
            format!(
                "there is no AWS identity: looked for AWS_ACCESS_KEY_ID, {}, AWS_WEB_IDENTITY_TOKEN_FILE, \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI and {metadata}",
                self.profiles
            ),
            "set one of them up; in a container on EC2 the instance's metadata hop limit has to be 2",
        ))
    }

    fn is_instance_excluded(&self) -> bool {
        self.variables
            .text("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The keys of the environment, if there are any. Half of them is an error: the chain would go on to
    /// somebody else's.
    fn of_variables(&self) -> Result<Option<Identity>, Failure> {
        const NAMES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        match NAMES.map(|name| self.variables.text(name)) {
            [None, None] => Ok(None),
            [Some(id), Some(secret)] => {
                let token = self.variables.text("AWS_SESSION_TOKEN").map(str::to_owned);
                let credentials = Credentials::new(id.trim(), secret.trim(), token, None, "environment");
                let source = "AWS_ACCESS_KEY_ID".to_owned();
                Ok(Some(Identity { credentials, source, region: None }))
            }
            [id, _] => {
                let (set, unset) = if id.is_some() { (NAMES[0], NAMES[1]) } else { (NAMES[1], NAMES[0]) };
                Err(Failure::misconfigured(
                    format!("{set} is set, and {unset} is not"),
                    "set both, or neither",
                ))
            }
        }
    }

    async fn ask(&self, source: Source) -> Result<Option<Identity>, Failure> {
        let (name, provider): (String, Box<dyn ProvideCredentials>) = match source {
            Source::Profile => (self.profiles.to_string(), Box::new(self.profile())),
            Source::Container => {
                let uris = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
                let Some(uri) = uris.into_iter().find(|uri| self.variables.has(uri)) else { return Ok(None) };
                (uri.to_owned(), Box::new(EcsCredentialsProvider::builder().configure(&self.config).build()))
            }
            Source::Instance => ("the instance's metadata service".to_owned(), Box::new(self.instance())),
        };
        let credentials = match self.wait(&name, source, &*provider).await {
            Ok(credentials) => credentials,
            Err(GaveUp::Final(Refused::NotThere)) => return Ok(None),
            Err(given_up) => return Err(failure(&name, source, &given_up)),
        };
        let region = if source == Source::Instance { self.region_of_instance().await } else { None };
        Ok(Some(Identity { credentials, source: name, region }))
    }

    fn profile(&self) -> ProfileFileCredentialsProvider {
        let mut builder = ProfileFileCredentialsProvider::builder().configure(&self.config);
        if let Some(name) = self.profiles.name() {
            builder = builder.profile_name(name);
        }
        if let Some(files) = self.profiles.files() {
            builder = builder.profile_files(files);
        }
        builder.build()
    }

    fn instance(&self) -> imds::credentials::ImdsCredentialsProvider {
        imds::credentials::ImdsCredentialsProvider::builder()
            .configure(&self.config)
            .imds_client(self.metadata())
            .build()
    }

    /// Without attempts of its own.
    fn metadata(&self) -> imds::Client {
        imds::Client::builder().configure(&self.config).max_attempts(1).build()
    }

    async fn region_of_instance(&self) -> Option<Region> {
        let region = self.metadata().get("/latest/meta-data/placement/region").await.ok()?;
        Some(Region::new(region.as_ref().trim().to_owned()))
    }

    async fn web_identity(
        &self,
        file: &Path,
        role: &str,
        session: Option<&str>,
    ) -> Result<Identity, Failure> {
        let provider = WebIdentityTokenCredentialsProvider::builder()
            .configure(&self.config)
            .static_configuration(StaticConfiguration {
                web_identity_token_file: file.to_owned(),
                role_arn: role.to_owned(),
                session_name: session.unwrap_or("kz").to_owned(),
            })
            .build();
        let name = format!("the web identity token `{}`", file.display());
        let readable = crate::provider::local_file::read(file, 1 << 20);
        readable.map_err(|unreadable| unreadable.failure(file))?;
        let credentials = self.wait(&name, Source::Profile, &provider).await;
        let credentials = credentials
            .map_err(|given_up| failure(&format!("{name} for {role}"), Source::Profile, &given_up))?;
        Ok(Identity { credentials, source: format!("{name} as {role}"), region: None })
    }

    async fn assume(&self, role: &str, base: Identity) -> Result<Identity, Failure> {
        let mut builder = AssumeRoleProvider::builder(role).configure(&self.sdk);
        builder = builder.session_name(self.settings.text("session_name").unwrap_or("kz"));
        if let Some(id) = self.settings.text("external_id") {
            builder = builder.external_id(id);
        }
        let provider = builder.build_from_provider(base.credentials).await;
        let name = format!("the role {role} with the identity from {}", base.source);
        let credentials = self.wait(&name, Source::Profile, &provider).await;
        let credentials = credentials.map_err(|given_up| failure(&name, Source::Profile, &given_up))?;
        Ok(Identity { credentials, source: format!("{} as {role}", base.source), region: base.region })
    }

    /// Asks a source until it answers.
    async fn wait(
        &self,
        name: &str,
        source: Source,
        provider: &dyn ProvideCredentials,
    ) -> Result<Credentials, GaveUp<Refused>> {
        self.patience
            .attempt(name, || async {
                let _ = self.wire.last();
                match provider.provide_credentials().await {
                    Ok(credentials) => Attempt::Done(credentials),
                    Err(error) => judge(&error, self.wire.last(), source, self.variables),
                }
            })
            .await
    }
}

/// What becomes of a source that gave nothing.
fn judge(
    error: &CredentialsError,
    exchange: Option<Exchange>,
    source: Source,
    variables: &Variables,
) -> Attempt<Credentials, Refused> {
    let Some(exchange) = exchange else {
        return Attempt::Final(match error {
            CredentialsError::CredentialsNotLoaded(_) => Refused::NotThere,
            error => Refused::Wrong(wrong(error)),
        });
    };
    let passes = match &exchange.result {
        Err(error) => {
            // Where there is no instance, nobody answers at its address: that is no reason to wait a minute.
            let nobody = matches!(
                error,
                http::Error::Silent(_) | http::Error::ConnectTime(_) | http::Error::Network(_)
            );
            if source == Source::Instance && nobody && !variables.has("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
                return Attempt::Final(Refused::NotThere);
            }
            error.concern()
        }
        // The instance has no role, or is not to be asked; or what answers there is no metadata service at all.
        Ok((400..=499, _)) if source == Source::Instance => return Attempt::Final(Refused::NotThere),
        Ok((status, code)) => Refusal::new(*status, code.as_deref().unwrap_or_default(), "").concern(),
    };
    Attempt::failed(Refused::Exchange(exchange), passes, None)
}

/// What is wrong with the configuration of a source, where that can be told.
fn wrong(error: &CredentialsError) -> String {
    let known = error.source().and_then(of_profile).map(|error| match error {
        ProfileFileError::InvalidProfile { .. } => "a file of profiles cannot be read as such".to_owned(),
        ProfileFileError::CredentialLoop { next, .. } => format!("`source_profile` leads back to `{next}`"),
        ProfileFileError::MissingCredentialSource { profile, .. } => {
            format!(
                "the profile `{profile}` has a role, and neither `source_profile` nor `credential_source`"
            )
        }
        ProfileFileError::InvalidCredentialSource { profile, .. } => {
            format!("the profile `{profile}` has keys that are incomplete, or more than one source of them")
        }
        ProfileFileError::MissingProfile { profile, .. } => {
            format!("the profile `{profile}` is not there, or lacks a key that it needs")
        }
        ProfileFileError::UnknownProvider { name, .. } => {
            format!("`credential_source = {name}` is not known")
        }
        ProfileFileError::MissingSsoSession { profile, sso_session, .. } => {
            format!("the profile `{profile}` names the sso-session `{sso_session}`, which is not there")
        }
        ProfileFileError::InvalidSsoConfig { profile, .. } => {
            format!("the profile `{profile}` has SSO settings that are incomplete")
        }
        _ => "the profile holds no credentials".to_owned(),
    });
    known.or_else(|| of_process(error).map(str::to_owned)).unwrap_or_else(|| match error {
        CredentialsError::InvalidConfiguration(_) => "it is not set up as it has to be".to_owned(),
        CredentialsError::ProviderTimedOut(_) => "it takes too long".to_owned(),
        _ => "it gives no credentials that can be read".to_owned(),
    })
}

/// The error about a profile that is among the causes.
fn of_profile<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a ProfileFileError> {
    error.downcast_ref().or_else(|| of_profile(error.source()?))
}

/// What became of a profile's `credential_process`; nothing where the error is about none. Only the text of the
/// SDK's error tells, which is not repeated, since it holds what the program wrote.
fn of_process(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let text = error.to_string();
    let Some(rest) = text.strip_prefix("Error retrieving credentials") else {
        return of_process(error.source()?);
    };
    if rest.starts_with(": external process exited") {
        Some("its `credential_process` failed")
    } else if rest.starts_with(" from external process: No such file") {
        Some("its `credential_process` needs a shell, and there is none, as in kz's image")
    } else {
        Some("what its `credential_process` printed is no credentials")
    }
}

/// The failure of every document, when a source has the last word.
fn failure(name: &str, source: Source, given_up: &GaveUp<Refused>) -> Failure {
    let (kind, words, hint) = match given_up {
        GaveUp::Unasked(unasked) => (FailureKind::Unreachable, unasked.to_string(), None),
        GaveUp::Deadline { last, waited } => {
            let waited = crate::patience::seconds(*waited);
            let reason = last.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
            (FailureKind::Unreachable, format!("{reason}, for {waited} s"), None)
        }
        GaveUp::Final(refused @ Refused::Exchange(Exchange { result: Ok((status, code)), .. })) => {
            let refusal = Refusal::new(*status, code.as_deref().unwrap_or_default(), "");
            let kind = match refusal.class() {
                Class::Denied | Class::Identity => FailureKind::Denied,
                _ if matches!(status, 401 | 403) => FailureKind::Denied,
                _ if matches!(status, 400..=499) => FailureKind::Misconfigured,
                _ => FailureKind::Malformed,
            };
            let trouble = Trouble::Service(refusal);
            let hint = match (source, trouble.class()) {
                (Source::Container, _) => {
                    let hint = "is that the address of this container's credentials, and their token \
                                AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE?";
                    Some(hint.to_owned())
                }
                (_, Class::Denied) => {
                    Some("the role's trust policy has to name kz's identity, and its external id".to_owned())
                }
                _ => Trouble::failure(&GaveUp::Final(trouble), name).hint,
            };
            (kind, refused.to_string(), hint)
        }
        GaveUp::Final(refused @ Refused::Exchange(_)) => {
            (FailureKind::Unreachable, refused.to_string(), None)
        }
        GaveUp::Final(refused) => (FailureKind::Misconfigured, refused.to_string(), None),
    };
    Failure { kind, cause: format!("no AWS identity from {name}: {words}"), hint }
}

/// What the SDK's providers are built with: kz's wire, and no attempts of their own.
pub(super) fn config(
    wire: &Wire,
    region: Option<Region>,
    fips: Option<bool>,
    dual_stack: Option<bool>,
) -> ProviderConfig {
    ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(region)
        .with_use_fips(fips)
        .with_use_dual_stack(dual_stack)
        .with_http_client(wire.clone())
        .with_retry_config(RetryConfig::disabled())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_credential_process_wrote_is_not_repeated() {
        // The chain of profiles wraps the error of the program's.
        let process = |text: &str| CredentialsError::provider_error(text.to_owned());
        let said = |text: &str| wrong(&CredentialsError::provider_error(process(text)));
        let started = "Error retrieving credentials from external process";
        assert_eq!(
            said(&format!("{started}: No such file or directory (os error 2)")),
            "its `credential_process` needs a shell, and there is none, as in kz's image"
        );
        assert_eq!(
            said("Error retrieving credentials: external process exited with code 1. Stderr: canary"),
            "its `credential_process` failed"
        );
        assert_eq!(
            said(&format!("{started}, could not parse response: canary")),
            "what its `credential_process` printed is no credentials"
        );
        assert_eq!(said("canary"), "it gives no credentials that can be read");
    }
}
