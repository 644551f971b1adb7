//! What every command begins with: the configuration, a plan, the providers, and the values.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::config::variables::{Process, View};
use crate::config::{self, Loaded, Request};
use crate::log::Log;
use crate::plan::{Plan, Source};
use crate::provider::Provider;
use crate::publish::Turn;
use crate::resolve::{Providers, Resolved, Verdicts};

use super::args::Common;
use super::deadline::Punctual;
use super::report::Failure;

/// Compose does not retry a failed init, so kz does, this long.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A loaded configuration and the process it was loaded in.
#[derive(Debug)]
pub(super) struct Session<'a> {
    /// The process.
    pub process: &'a Process,
    /// The configuration.
    pub loaded: Loaded,
    /// Where to say things.
    pub log: Log,
    /// When to give up.
    pub deadline: Instant,
    timeout: Duration,
}

impl<'a> Session<'a> {
    /// Loads the configuration.
    pub(super) fn open(common: &Common, process: &'a Process, log: Log) -> Result<Self, Failure> {
        let request = Request { config: common.config.clone(), environment: common.environment.clone() };
        let loaded = config::load(&request, process).map_err(Failure::Config)?;
        log.detail(&format!("configuration: {}", loaded.path.display()));
        if let Some(local) = &loaded.local {
            log.note(&format!("refs of {} are laid over it", local.display()));
        }
        if let Some(environment) = &loaded.config.environment {
            log.detail(&format!("environment: {environment}"));
        }
        let timeout = common.timeout.or(loaded.config.timeout).unwrap_or(TIMEOUT);
        Ok(Self { process, loaded, log, deadline: Instant::now() + timeout, timeout })
    }

    /// How another exporter is waited for.
    pub(super) fn turn(&self) -> Turn {
        Turn { deadline: self.deadline, log: self.log }
    }

    /// What is to be read for `only` these secrets, or for all.
    pub(super) fn plan(&self, only: &[String]) -> Result<Plan<'_>, Failure> {
        let declarations = &self.loaded.config.declarations;
        Plan::new(declarations, only).map_err(|unknown| {
            Failure::Unknown(
                unknown,
                declarations.iter().map(|declaration| declaration.name.clone()).collect(),
            )
        })
    }

    /// The values of a plan.
    pub(super) fn resolve(&self, plan: &Plan<'_>) -> Result<Vec<Resolved>, Failure> {
        let view = View::new(self.process, self.loaded.base());
        let providers = self.providers(plan, &view);
        self.by_the_deadline(crate::resolve::resolve(plan, &providers))?.map_err(Failure::Resolve)
    }

    /// What each secret of a plan comes to. A backend that does not answer in time is unreachable, and
    /// hides nothing of the others.
    pub(super) fn assess<'p>(&self, plan: &Plan<'p>) -> Result<Verdicts<'p>, Failure> {
        let view = View::new(self.process, self.loaded.base());
        let (deadline, seconds) = (self.by(), self.timeout.as_secs());
        let punctual =
            |provider| -> Box<dyn Provider + '_> { Box::new(Punctual { provider, deadline, seconds }) };
        let providers = self.providers(plan, &view);
        let providers = providers.into_iter().map(|(name, built)| (name, built.map(punctual))).collect();
        Ok(runtime()?.block_on(crate::resolve::assess(plan, &providers)))
    }

    fn by_the_deadline<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let result = runtime()?.block_on(async { tokio::time::timeout_at(self.by(), work).await });
        result.map_err(|_| Failure::Deadline(self.timeout))
    }

    fn by(&self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.deadline)
    }

    fn providers<'v>(&self, plan: &Plan<'_>, view: &'v View<'v>) -> Providers<'v> {
        let mut providers: Providers<'v> = BTreeMap::new();
        for batch in &plan.batches {
            if let Some(instance) = self.loaded.config.instances.get(&batch.instance) {
                self.log.detail(&format!("{}: {} documents", batch.instance, batch.documents.len()));
                let built = instance.descriptor.instance(&instance.settings, view);
                providers.insert(batch.instance.clone(), built);
            }
        }
        providers
    }

    /// The variables that hold credentials of the providers that the configuration names, in a secret or
    /// a section.
    pub(super) fn credential_variables(&self) -> Vec<&'static str> {
        let config = &self.loaded.config;
        let used = |name: &str| {
            config.declarations.iter().any(|declaration| {
                matches!(&declaration.source, Source::Reference(reference) if reference.instance == name)
            })
        };
        let named = config.instances.iter().filter(|(name, instance)| instance.written || used(name));
        named.flat_map(|(_, instance)| instance.descriptor.credential_variables.iter().copied()).collect()
    }
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_time().build().map_err(Failure::Process)
}
