//! Other addresses of AWS's services, from variables and profiles (`AWS_ENDPOINT_URL[_SERVICE]`, `endpoint_url`,
//! `services`; <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
//!
//! Invariant: each is an address, found out before the SDK has it, since that panics where it is none; what is set to
//! nothing, as Compose sets what it cannot find, is not set.

use std::collections::HashMap;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::get_service_env_config;
use aws_types::os_shim_internal::Env;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::http::Address;
use crate::provider::Failure;

use super::profiles::Content;
use super::variables::Variables;

const VARIABLE: &str = "AWS_ENDPOINT_URL";
const KEY: &str = "endpoint_url";

/// The services that kz asks, by the names that profiles know them by, and their own variables.
const SERVICES: &[(&str, &str)] = &[
    ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ("SSM", "AWS_ENDPOINT_URL_SSM"),
    ("STS", "AWS_ENDPOINT_URL_STS"),
    ("SSO", "AWS_ENDPOINT_URL_SSO"),
];

/// What is set of them.
#[derive(Debug)]
pub(super) struct Endpoints {
    variables: Env,
    profiles: ProfileSet,
    ignored: bool,
}

impl Endpoints {
    pub(super) fn of(variables: &Variables, held: &Content) -> Result<Self, Failure> {
        let names = std::iter::once(VARIABLE).chain(SERVICES.iter().map(|&(_, name)| name));
        let set = names.filter_map(|name| Some((name.to_owned(), variables.text(name)?.to_owned())));
        let said = variables.text("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let said = said.or_else(|| held.text("ignore_configured_endpoint_urls"));
        let endpoints = Self {
            variables: Env::from(set.collect::<HashMap<_, _>>()),
            profiles: held.set.clone(),
            ignored: said.is_some_and(|value| value.eq_ignore_ascii_case("true")),
        };
        endpoints.check(variables)?;
        Ok(endpoints)
    }

    /// The one of all services that have none of their own.
    pub(super) fn of_all(&self) -> Option<String> {
        if self.ignored {
            return None;
        }
        let of_profile =
            || self.profiles.get(KEY).map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned);
        self.variables.get(VARIABLE).ok().or_else(of_profile)
    }

    fn check(&self, variables: &Variables) -> Result<(), Failure> {
        let invalid = |what: &str, url: &str| {
            Address::parse(url).map(|_| ()).map_err(|invalid| {
                Failure::misconfigured(
                    format!("the address in {what} {invalid}"),
                    "write it as `https://secretsmanager.eu-central-1.amazonaws.com`, or leave it out",
                )
            })
        };
        for name in std::iter::once(VARIABLE).chain(SERVICES.iter().map(|&(_, name)| name)) {
            variables.text(name).map_or(Ok(()), |url| invalid(name, url))?;
        }
        let of_all = self.of_all();
        let of_services = SERVICES.iter().filter_map(|(id, _)| {
            self.load_config(
                ServiceConfigKey::builder().service_id(id).env(VARIABLE).profile(KEY).build().ok()?,
            )
        });
        of_all
            .into_iter()
            .chain(of_services)
            .try_for_each(|url| invalid("`endpoint_url` of the profile", &url))
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if self.ignored && key.profile() == KEY {
            return None;
        }
        let text = |text: &str| Ok::<_, std::convert::Infallible>(text.trim().to_owned());
        let found = get_service_env_config(key, &self.variables, Some(&self.profiles), text);
        found.ok().flatten().filter(|text| !text.is_empty())
    }
}
