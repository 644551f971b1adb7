//! What stands before the first call: region, certificates, an identity; and a client for each region.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::provider::aws::calls::Call;
use crate::provider::local_file::Places;
use crate::provider::remote::held::{Got, Held};
use crate::provider::remote::way::Way;
use crate::provider::settings::Settings;
use crate::provider::{Ask, DocumentRef, Failure, Surroundings, Terms};
use crate::tls::Roots;

use super::Answer;
use super::endpoints::Endpoints;
use super::identity_sources::{self, Chain, region_of};
use super::profiles::{Content, Profiles};
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

/// Who kz is, for all services of an account: got once for all of them.
pub(super) struct Account {
    opener: Opener,
    signed_in: Held<Arc<SignedIn>>,
}

impl Account {
    /// Reads variables, and nothing else yet.
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        Self { opener: Opener::of(settings, surroundings), signed_in: Held::default() }
    }

    /// Who kz is signed in as now.
    pub(super) async fn signed_in(&self, ask: &Ask, terms: &Terms) -> Result<Arc<SignedIn>, Failure> {
        // On the heap: the SDK's futures are long.
        self.signed_in.get(ask, |_| Box::pin(self.opener.open(ask, terms))).await
    }

    /// Its identity is not accepted, or may not do what it may: a newer one may be there.
    pub(super) fn doubt(&self, ask: &Ask) {
        self.signed_in.doubt(ask.now());
    }
}

/// What signing in takes.
struct Opener {
    settings: Settings,
    variables: Variables,
    profiles: Profiles,
    places: Places,
    way: Way,
}

/// An identity, and how services are reached in its name.
pub(super) struct SignedIn {
    sdk: SdkConfig,
    source: String,
    wire: Wire,
    terms: Terms,
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
    fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
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
    async fn open(&self, ask: &Ask, terms: &Terms) -> Result<Got<Arc<SignedIn>>, Failure> {
        let roots = self.roots(ask)?;
        let wire = Wire::new(roots, self.way.proxies.clone(), terms, "asking AWS", " for an identity");
        let held = self.profiles.read(self.places.reader(ask)).await;
        let nothing = Content::nothing();
        let known = held.as_ref().unwrap_or(&nothing);
        let (fips, dual_stack) = (self.settings.boolean("fips"), self.settings.boolean("dual_stack"));
        let region = self.region(known)?;
        // STS is asked where the section is, or else where it always is.
        let asked = region.clone().unwrap_or(Region::from_static("us-east-1"));
        let sdk = self.load(&wire, asked.clone(), known).await?;
        let chain = Chain {
            settings: &self.settings,
            variables: &self.variables,
            profiles: &self.profiles,
            held: &held,
            reader: self.places.reader(ask),
            config: identity_sources::config(&wire, Some(asked), fips, dual_stack),
            sdk: sdk.clone(),
            wire: &wire,
            ask,
        };
        let identity = chain.identity().await?;
        let life = identity.credentials.expiry().map(|ends| ends.duration_since(SystemTime::now()));
        let ends = life.and_then(|life| ask.now().checked_add(life.unwrap_or_default()));
        let credentials = SharedCredentialsProvider::new(identity.credentials);
        let sdk =
            sdk.into_builder().region(region.or(identity.region)).credentials_provider(credentials).build();
        let signed_in = SignedIn { sdk, source: identity.source, wire, terms: terms.clone() };
        Ok(Got { value: Arc::new(signed_in), ends })
    }

    fn roots(&self, ask: &Ask) -> Result<Roots, Failure> {
        let named = self.settings.path("ca_cert").map(ToOwned::to_owned);
        let named = named.or_else(|| self.variables.path("AWS_CA_BUNDLE"));
        self.way.roots(named.as_deref(), self.places.reader(ask))
    }

    /// The section's, the environment's, or the profile's.
    fn region(&self, held: &Content) -> Result<Option<Region>, Failure> {
        let named = [
            ("`region`", self.settings.text("region")),
            ("AWS_REGION", self.variables.text("AWS_REGION")),
            ("AWS_DEFAULT_REGION", self.variables.text("AWS_DEFAULT_REGION")),
            ("`region` of the profile", held.text("region")),
        ];
        let found = named.into_iter().find_map(|(place, text)| Some((place, text?)));
        found.map(|(place, text)| region_of(place, text)).transpose()
    }

    /// What variables and profiles say of FIPS, dual stack and the services' addresses, for the SDK.
    async fn load(&self, wire: &Wire, region: Region, held: &Content) -> Result<SdkConfig, Failure> {
        let endpoints = Endpoints::of(&self.variables, held)?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .no_credentials()
            .http_client(wire.clone())
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .profile_name(self.profiles.name().unwrap_or("default"))
            .profile_files(held.files.clone());
        if let Some(fips) = self.settings.boolean("fips") {
            loader = loader.use_fips(fips);
        }
        if let Some(dual_stack) = self.settings.boolean("dual_stack") {
            loader = loader.use_dual_stack(dual_stack);
        }
        let mut builder = loader.load().await.into_builder();
        builder.set_endpoint_url(endpoints.of_all());
        Ok(builder.service_config(endpoints).build())
    }
}

impl SignedIn {
    /// The configured region.
    pub(super) fn home(&self) -> Option<&str> {
        self.sdk.region().map(Region::as_ref)
    }

    /// A client in this region, or in the configured one; `endpoint` is the section's.
    pub(super) fn regional<S: Service>(
        &self,
        region: Option<&str>,
        endpoint: Option<&str>,
    ) -> Result<Regional<S>, Failure> {
        let region = region.map(|region| region_of("the ref", region)).transpose()?;
        let region = region.or_else(|| self.sdk.region().cloned());
        let region = region.ok_or_else(|| {
            Failure::misconfigured(
                "there is no region: looked for `region`, AWS_REGION, AWS_DEFAULT_REGION and the profile's",
                "set AWS_REGION, or write `region = \"…\"` into the provider's section",
            )
        })?;
        let (before, after) =
            (format!("asking {}", S::NAME), format!(" with the identity from {}", self.source));
        let wire = self.wire.anew(&self.terms, &before, &after);
        let sdk = self.sdk.clone().into_builder().region(region.clone()).http_client(wire.clone()).build();
        let service = S::new(&sdk, endpoint);
        Ok(Regional { service, wire, subject: format!("{} in {region}", S::NAME) })
    }
}
