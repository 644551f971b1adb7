//! The sources that an identity can come from, each asked by itself until it answers.
//!
//! Invariants: an identity is waited for by the one rule of patience; the SDK reads no file and runs no program, but for
//! the portal's cache, at which kz has looked before; what is handed to it is what it does not stumble over.

use std::future::Future;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sso::SsoCredentialsProvider;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;

use nix::errno::Errno;

use crate::hint::Hint;
use crate::literal::shown;
use crate::patience::{Attempt, GaveUp};
use crate::provider::aws::name::is_region;
use crate::provider::local_file::{Reader, quoted};
use crate::provider::program::{self, Limits, Unended};
use crate::provider::settings::Settings;
use crate::provider::{Ask, Failure, FailureKind};

use super::container::Container;
use super::keys;
use super::links::{Base, Role};
use super::profiles::{Content, Profiles};
use super::refused::{IdentitySource, Refused, failure, judge};
use super::variables::Variables;
use super::wire::Wire;

/// What a program prints is some kilobytes, and it may ask somebody far away.
const PROGRAM: Limits = Limits { output: 1 << 20, time: Duration::from_mins(1) };
/// Tokens of identity providers reach some kilobytes.
const TOKEN: u64 = 256 << 10;
/// What kz does not understand of an answer.
const UNREAD: &str = "it gives no credentials that can be read";

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
    /// What the files of profiles hold, or why that is not known.
    pub(super) held: &'a Result<Content, Failure>,
    pub(super) reader: Reader<'a>,
    pub(super) config: ProviderConfig,
    pub(super) sdk: SdkConfig,
    pub(super) wire: &'a Wire,
    pub(super) ask: &'a Ask,
}

impl Chain<'_> {
    pub(super) async fn container(&self) -> Result<Option<Identity>, Failure> {
        let Some(container) = Container::of(self.variables, self.reader).await? else { return Ok(None) };
        let once = || async {
            let reply = self.wire.clone().exchange(container.request()?, None).await.ok()?;
            keys::of_container(reply.body().bytes().filter(|_| reply.status().is_success())?)
        };
        let credentials = self.wait(container.name, IdentitySource::Container, UNREAD, once).await;
        let credentials =
            credentials.map_err(|given_up| failure(container.name, IdentitySource::Container, &given_up))?;
        Ok(Some(Identity { credentials, source: container.name.to_owned(), region: None }))
    }

    /// The instance's; nothing where there is no instance, or none with a role.
    pub(super) async fn instance(&self) -> Result<Option<Identity>, Failure> {
        const NAME: &str = "the instance's metadata service";
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let (client, source) = self.metadata()?;
        let once = || async {
            let role = client.get(ROLES).await.ok()?;
            // Of several lines the first names the role, and only a name is asked for: the SDK panics at others.
            let role = role.as_ref().lines().next().unwrap_or_default().trim().to_owned();
            if role.is_empty()
                || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
            {
                return None;
            }
            let provider = imds::credentials::ImdsCredentialsProvider::builder()
                .configure(&self.config)
                .imds_client(client.clone())
                .profile(role)
                .build();
            let found = provider.provide_credentials().await.ok()?;
            of_sdk(&found, "instance")
        };
        let credentials = match self.wait(NAME, source, UNREAD, once).await {
            Ok(credentials) => credentials,
            Err(GaveUp::Final(Refused::NotThere)) => return Ok(None),
            Err(given_up) => return Err(failure(NAME, source, &given_up)),
        };
        let region = client.get("/latest/meta-data/placement/region").await.ok();
        let region =
            region.map(|region| region.as_ref().trim().to_owned()).filter(|region| is_region(region));
        Ok(Some(Identity { credentials, source: NAME.to_owned(), region: region.map(Region::new) }))
    }

    /// Without attempts of its own, and without a look at variables and files.
    fn metadata(&self) -> Result<(imds::Client, IdentitySource), Failure> {
        let of_profile = |key| self.held.as_ref().ok().and_then(|held| held.text(key));
        let text = |variable, key| self.variables.text(variable).or_else(|| of_profile(key));
        let named = text("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
        let mode = text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
        let usual = match mode {
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => "http://[fd00:ec2::254]",
            _ => "http://169.254.169.254",
        };
        let unfit = || {
            Failure::misconfigured(
                "AWS_EC2_METADATA_SERVICE_ENDPOINT is no address",
                "write it as `http://169.254.169.254`, or leave it out",
            )
        };
        let endpoint = named.unwrap_or(usual);
        crate::http::Address::parse(endpoint).map_err(|_| unfit())?;
        let builder = imds::Client::builder().configure(&self.config).max_attempts(1);
        let client = builder.endpoint(endpoint).map_err(|_| unfit())?.build();
        let is_named = named.is_some_and(|_| self.variables.has("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
        Ok((client, if is_named { IdentitySource::NamedInstance } else { IdentitySource::Instance }))
    }

    pub(super) async fn web_identity(
        &self,
        file: &std::path::Path,
        role: &Role<'_>,
    ) -> Result<Identity, Failure> {
        check_role(role.arn)?;
        let token = self.reader.credential(file, TOKEN)?;
        let name = format!("the web identity token {}", quoted(file));
        let token =
            token.expose_text().map(str::trim).filter(|token| !token.is_empty()).ok_or_else(|| {
                Failure::misconfigured(
                    format!("{name} is empty, or no text"),
                    "it holds the token alone, on one line",
                )
            })?;
        let client = aws_sdk_sts::Client::new(&self.sdk);
        let once = || async {
            let request = client.assume_role_with_web_identity().role_arn(role.arn).web_identity_token(token);
            let reply = request.role_session_name(role.session.unwrap_or("kz")).send().await.ok()?;
            let found = reply.credentials()?;
            let (session, ends) =
                (Some(found.session_token()), SystemTime::try_from(*found.expiration()).ok());
            keys::keys(found.access_key_id(), found.secret_access_key(), session, ends, "web identity").ok()
        };
        let credentials = self.wait(&name, IdentitySource::Named, UNREAD, once).await;
        let credentials = credentials.map_err(|given_up| {
            failure(&format!("{name} for {}", role.arn), IdentitySource::Named, &given_up)
        })?;
        Ok(Identity { credentials, source: format!("{name} as {}", role.arn), region: None })
    }

    pub(super) async fn process(&self, name: &str, line: &str) -> Result<Identity, Failure> {
        let left = self.ask.patience.deadline().saturating_duration_since(self.ask.now());
        let time = PROGRAM.time.min(left);
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        let ended = program::run(command, b"", Limits { time, ..PROGRAM }).await;
        let failed = |kind, words: &str, hint: Option<Hint>| Failure {
            kind,
            cause: format!("no AWS identity from {name}: {words}"),
            hint,
        };
        let by_hand = Hint::from("run it by hand: what it says may hold keys, so kz does not repeat it");
        let words = match ended {
            Err(Unended::Hangs) => {
                let words = "its `credential_process` does not end";
                return Err(failed(FailureKind::Unreachable, words, Some(by_hand)));
            }
            // What was not started says nothing by hand either.
            Err(Unended::NotStarted(Errno::ENOENT)) => {
                let words = "its `credential_process` needs a shell, and there is none, as in kz's image";
                return Err(failed(FailureKind::Misconfigured, words, None));
            }
            Err(Unended::NotStarted(errno)) => {
                let (why, hint) = program::not_started(errno);
                let words = format!("its `credential_process` could not be started: {why}");
                return Err(failed(FailureKind::Misconfigured, &words, hint));
            }
            Err(Unended::TooMuch) => "its `credential_process` prints more than any credentials",
            Ok(ended) if !ended.success => "its `credential_process` failed",
            Ok(ended) => match keys::of_process(ended.output.expose()) {
                Some(credentials) => {
                    return Ok(Identity { credentials, source: name.to_owned(), region: None });
                }
                None => "what its `credential_process` printed is no credentials",
            },
        };
        Err(failed(FailureKind::Misconfigured, words, Some(by_hand)))
    }

    /// Whoever has signed in to the portal, by `aws sso login`.
    pub(super) async fn portal(&self, name: &str, base: &Base<'_>) -> Result<Identity, Failure> {
        let Base::Portal { account, role, region, start_url, session } = *base else {
            return Err(self.profiles.missing());
        };
        let region = region_of("`sso_region`", region)?;
        self.look_at_cache()?;
        let mut builder = SsoCredentialsProvider::builder().configure(&self.config);
        builder = builder.account_id(account).role_name(role).region(region).start_url(start_url);
        builder.set_session_name(session.map(str::to_owned));
        let provider = builder.build();
        let once = || async {
            let found = provider.provide_credentials().await.ok()?;
            of_sdk(&found, "portal")
        };
        let words = "nobody is signed in to its portal, or no longer: `aws sso login`";
        let credentials = self.wait(name, IdentitySource::Named, words, once).await;
        let credentials = credentials.map_err(|given_up| failure(name, IdentitySource::Named, &given_up))?;
        Ok(Identity { credentials, source: name.to_owned(), region: None })
    }

    /// The SDK reads one of these files by itself, so each has to be one that ends.
    fn look_at_cache(&self) -> Result<(), Failure> {
        let Some(home) = self.variables.path("HOME") else { return Ok(()) };
        let Ok(entries) = std::fs::read_dir(home.join(".aws/sso/cache")) else { return Ok(()) };
        for file in entries.flatten().map(|entry| entry.path()) {
            crate::reading::read(&file, TOKEN).map_err(|unreadable| unreadable.failure(&file))?;
        }
        Ok(())
    }

    pub(super) async fn assume(&self, role: &Role<'_>, base: Identity) -> Result<Identity, Failure> {
        check_role(role.arn)?;
        let mut builder = AssumeRoleProvider::builder(role.arn).configure(&self.sdk);
        builder = builder.session_name(role.session.unwrap_or("kz"));
        if let Some(id) = role.external_id {
            builder = builder.external_id(id);
        }
        let provider = builder.build_from_provider(base.credentials).await;
        let name = format!("the role {} with the identity from {}", role.arn, base.source);
        let once = || async {
            let found = provider.provide_credentials().await.ok()?;
            of_sdk(&found, "role")
        };
        let credentials = self.wait(&name, IdentitySource::Named, UNREAD, once).await;
        let credentials = credentials.map_err(|given_up| failure(&name, IdentitySource::Named, &given_up))?;
        Ok(Identity { credentials, source: format!("{} as {}", base.source, role.arn), region: base.region })
    }

    /// Asks a source until it answers. `words` are for one that asks nobody.
    async fn wait<F>(
        &self,
        name: &str,
        source: IdentitySource,
        words: &str,
        once: impl Fn() -> F,
    ) -> Result<Credentials, GaveUp<Refused>>
    where
        F: Future<Output = Option<Credentials>>,
    {
        self.ask
            .patience
            .attempt(name, || async {
                let _ = self.wire.last();
                match once().await {
                    Some(credentials) => Attempt::Done(credentials),
                    None => judge(self.wire.last(), source, words),
                }
            })
            .await
    }
}

/// What one of the SDK's providers found.
fn of_sdk(found: &Credentials, source: &'static str) -> Option<Credentials> {
    let (id, secret) = (found.access_key_id(), found.secret_access_key());
    keys::keys(id, secret, found.session_token(), found.expiry(), source).ok()
}

pub(super) fn misfit(source: &str, unfit: keys::Unfit) -> Failure {
    Failure::misconfigured(format!("{unfit}, in {source}"), "a key is one word of visible characters")
}

/// The SDK would make a request of whatever it is.
fn check_role(arn: &str) -> Result<(), Failure> {
    let is_arn = arn.starts_with("arn:")
        && arn.split(':').count() >= 6
        && arn.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_+=,.@-".contains(&byte));
    if is_arn {
        return Ok(());
    }
    let held = if shown(arn) == arn { "" } else { "; it holds what looks like a credential" };
    Err(Failure::misconfigured(
        format!("what is to name a role is no ARN{held}"),
        "write it as `arn:aws:iam::123456789012:role/NAME`",
    ))
}

/// The region that `place` names.
pub(super) fn region_of(place: &str, text: &str) -> Result<Region, Failure> {
    let text = text.trim();
    if is_region(text) {
        return Ok(Region::new(text.to_owned()));
    }
    let held = if shown(text) == text { "" } else { "; it holds what looks like a credential" };
    Err(Failure::misconfigured(
        format!("{place} names no region{held}"),
        "regions are written as `eu-central-1`",
    ))
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
