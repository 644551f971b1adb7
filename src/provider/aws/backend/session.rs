//! What stands before the first call: region, certificates, an identity; and a client for each region.

use std::future::Future;

use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::http::Roots;
use crate::provider::aws::calls::Call;
use crate::provider::local_file::Places;
use crate::provider::settings::Settings;
use crate::provider::way::Way;
use crate::provider::{DocumentRef, Failure, Surroundings, Terms};

use super::Answer;
use super::identity::{self, Chain};
use super::profiles::Profiles;
use super::trouble::Trouble;
use super::variables::Variables;
use super::wire::Wire;

/// One of the services, as kz uses it.
pub(super) trait Service: Send + Sync + Sized {
    /// As in messages.
    const NAME: &'static str;
    /// The calls that read these documents, where `home` is the configured region.
    fn calls(documents: &[DocumentRef], home: Option<&str>) -> Vec<Call>;
    /// A client; `endpoint` is the section's.
    fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self;
    /// Makes a call, once: one answer for each member, in their order.
    fn ask(&self, call: &Call) -> impl Future<Output = Result<Vec<Answer>, Trouble>> + Send;
}

/// What a session is opened with.
pub(super) struct Opener {
    settings: Settings,
    variables: Variables,
    profiles: Profiles,
    places: Places,
    way: Way,
}

/// An identity, and how services are reached in its name.
pub(super) struct Session {
    sdk: SdkConfig,
    endpoint: Option<String>,
    source: String,
    wire: Wire,
}

/// A service in one region.
pub(super) struct Regional<S> {
    pub(super) service: S,
    pub(super) wire: Wire,
    /// Whom kz asks, as in messages.
    pub(super) subject: String,
}

impl Opener {
    /// Reads variables, and nothing else yet.
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let variables = Variables::of(surroundings);
        Self {
            settings: settings.clone(),
            profiles: Profiles::of(settings, &variables),
            variables,
            places: Places::of(surroundings),
            way: Way::of(surroundings),
        }
    }

    /// Finds out who kz is.
    pub(super) async fn open(&self, terms: &Terms) -> Result<Session, Failure> {
        let patience = &terms.patience;
        let wire = Wire::new(
            self.roots()?,
            self.way.proxies.clone(),
            patience.log(),
            "asking AWS",
            " for an identity",
        );
        let (fips, dual_stack) = (self.settings.boolean("fips"), self.settings.boolean("dual_stack"));
        let config = identity::config(&wire, None, fips, dual_stack);
        let region = self.region(&config).await;
        let sdk = self.load(&wire, region.clone()).await;
        let chain = Chain {
            settings: &self.settings,
            variables: &self.variables,
            profiles: &self.profiles,
            // STS is asked where the section is, or else where it always is.
            config: config.with_region(Some(region.clone().unwrap_or(Region::from_static("us-east-1")))),
            sdk: sdk.clone(),
            wire: &wire,
            patience,
        };
        let identity = chain.identity().await?;
        let credentials = SharedCredentialsProvider::new(identity.credentials);
        let sdk =
            sdk.into_builder().region(region.or(identity.region)).credentials_provider(credentials).build();
        let endpoint = self.settings.text("endpoint").map(str::to_owned);
        Ok(Session { sdk, endpoint, source: identity.source, wire })
    }

    fn roots(&self) -> Result<Roots, Failure> {
        let named = self.settings.path("ca_cert").map(ToOwned::to_owned);
        let named = named.or_else(|| self.variables.path("AWS_CA_BUNDLE"));
        self.way.roots(named.as_deref(), &self.places)
    }

    /// The section's, the environment's, or the profile's.
    async fn region(&self, config: &aws_config::provider_config::ProviderConfig) -> Option<Region> {
        let written = self.settings.text("region").or_else(|| self.variables.text("AWS_REGION"));
        if let Some(region) = written.or_else(|| self.variables.text("AWS_DEFAULT_REGION")) {
            return Some(Region::new(region.to_owned()));
        }
        let mut profile = ProfileFileRegionProvider::builder().configure(config);
        if let Some(name) = self.profiles.name() {
            profile = profile.profile_name(name);
        }
        if let Some(files) = self.profiles.files() {
            profile = profile.profile_files(files);
        }
        profile.build().region().await
    }

    /// What the SDK makes of variables and profiles: FIPS, dual stack, service endpoints.
    async fn load(&self, wire: &Wire, region: Option<Region>) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .no_credentials()
            .http_client(wire.clone())
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(name) = self.profiles.name() {
            loader = loader.profile_name(name);
        }
        if let Some(files) = self.profiles.files() {
            loader = loader.profile_files(files);
        }
        if let Some(fips) = self.settings.boolean("fips") {
            loader = loader.use_fips(fips);
        }
        if let Some(dual_stack) = self.settings.boolean("dual_stack") {
            loader = loader.use_dual_stack(dual_stack);
        }
        loader.load().await
    }
}

impl Session {
    /// The configured region.
    pub(super) fn home(&self) -> Option<&str> {
        self.sdk.region().map(Region::as_ref)
    }

    /// A client in this region, or in the configured one.
    pub(super) fn regional<S: Service>(&self, region: Option<&str>) -> Result<Regional<S>, Failure> {
        let region =
            region.map(|region| Region::new(region.to_owned())).or_else(|| self.sdk.region().cloned());
        let region = region.ok_or_else(|| {
            Failure::misconfigured(
                "there is no region: looked for `region`, AWS_REGION, AWS_DEFAULT_REGION and the profile's",
                "set AWS_REGION, or write `region = \"…\"` into the provider's section",
            )
        })?;
        let wire = self
            .wire
            .anew(&format!("asking {}", S::NAME), &format!(" with the identity from {}", self.source));
        let sdk = self.sdk.clone().into_builder().region(region.clone()).http_client(wire.clone()).build();
        let service = S::new(&sdk, self.endpoint.as_deref());
        Ok(Regional { service, wire, subject: format!("{} in {region}", S::NAME) })
    }
}
