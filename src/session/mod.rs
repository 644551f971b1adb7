//! One configuration's providers, built once and asked: what every command that needs a value stands on.
//!
//! Invariants: nothing is asked that the plan does not name; each asking has a deadline, which ends it; what was lent and reached nobody is given
//! back, whatever happens. Says nothing of values, and knows neither files nor commands: whoever has asked gets them.

pub mod adoption;
mod asking;
pub mod due;
pub mod settle;
pub mod upkeep;
pub mod watch;

use std::collections::BTreeMap;

use crate::config::variables::Process;
use crate::config::view::View;
use crate::config::{Instance, Loaded};
use crate::log::Log;
use crate::plan::{Batch, Plan};
use crate::provider::descriptor::Descriptor;
use crate::provider::forecast::Forecast;
use crate::provider::settings::Settings;
use crate::provider::{Ask, MAX_DOCUMENT_SIZE, Shared, Terms, Tokens, registry};
use crate::resolve::{Failures, Kept, Providers, Resolution, Verdicts};
pub use asking::Hand;
use asking::{Asking, Lender, Waits};
use upkeep::Upkeep;

/// Why there are no values.
#[derive(Debug)]
pub enum Error {
    /// Secrets could not be had.
    Unresolved(Failures),
    /// What backends are waited for with cannot be made.
    EventLoop(std::io::Error),
}

/// Who asks, and on what terms.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// What is asked for, and of whom.
    pub loaded: &'a Loaded,
    /// The process.
    pub process: &'a Process,
    /// Where to say things.
    pub log: Log,
    /// What becomes of tokens of kz's own.
    pub tokens: Tokens,
}

/// Providers that are built once, and the event loop in which they are asked, as often as is wanted.
pub struct Session {
    providers: Providers,
    /// What each provider was built by.
    settings: BTreeMap<String, Settings>,
    asking: Asking,
    /// What lies there of an earlier delivery.
    kept: Vec<Kept>,
}

/// What asking one provider instance will come to.
pub struct Foreseen<'a> {
    /// Its name in the configuration, and what is read of it.
    pub batch: &'a Batch,
    /// What it is.
    pub descriptor: &'static Descriptor,
    /// What asking it comes to.
    pub forecast: Forecast,
}

impl Opening<'_> {
    /// Builds the providers that a plan names. Asks nothing.
    pub fn open(&self, plan: &Plan<'_>) -> Result<Session, Error> {
        self.waiting(plan, self.waits(plan))
    }

    /// The same for a session that stays, and waits for more than backends.
    pub fn stay(&self, plan: &Plan<'_>) -> Result<Upkeep, Error> {
        Upkeep::of(self.waiting(plan, Waits::Network)?)
    }

    /// The same for one that hears of nothing itself, since somebody beside it does.
    pub fn stay_deaf(&self, plan: &Plan<'_>) -> Result<Upkeep, Error> {
        Ok(Upkeep::deaf(self.waiting(plan, Waits::Network)?))
    }

    fn waiting(&self, plan: &Plan<'_>, waits: Waits) -> Result<Session, Error> {
        let (providers, settings) = (self.providers(plan), self.settings(plan));
        Ok(Session { providers, settings, asking: Asking::new(waits)?, kept: Vec::new() })
    }

    /// What each provider of a plan is built by.
    fn settings(&self, plan: &Plan<'_>) -> BTreeMap<String, Settings> {
        let of = |batch: &Batch| {
            let instance = self.loaded.config.instances.get(&batch.instance)?;
            Some((batch.instance.clone(), instance.settings.clone()))
        };
        plan.batches.iter().filter_map(of).collect()
    }

    /// What asking for a plan's documents will come to, provider by provider. Asks nothing.
    pub fn foresee<'p>(self, plan: &'p Plan<'_>) -> Vec<Foreseen<'p>> {
        let view = self.view();
        let of = |batch: &'p Batch| {
            let Instance { descriptor, settings, .. } = self.loaded.config.instances.get(&batch.instance)?;
            let forecast = descriptor.forecast(settings, &batch.documents, &view);
            Some(Foreseen { batch, descriptor, forecast })
        };
        plan.batches.iter().filter_map(of).collect()
    }

    /// What the documents of a plan are waited for with.
    fn waits(&self, plan: &Plan<'_>) -> Waits {
        let instances = &self.loaded.config.instances;
        let is_local =
            |batch: &Batch| instances.get(&batch.instance).is_some_and(|it| it.descriptor.is_local());
        if plan.batches.iter().all(is_local) { Waits::Time } else { Waits::Network }
    }

    fn view(&self) -> View<'_> {
        let config = &self.loaded.config;
        let terms = Terms {
            log: self.log,
            concurrency: config.concurrency,
            tokens: self.tokens,
            max_document_size: config.max_document_size.unwrap_or(MAX_DOCUMENT_SIZE),
            shared: Shared::default(),
            #[cfg(feature = "https")]
            bodies: crate::http::Bodies::default(),
        };
        View::new(self.process, self.loaded.base(), terms)
    }

    fn providers(&self, plan: &Plan<'_>) -> Providers {
        let view = self.view();
        let mut providers = Providers::new();
        for batch in &plan.batches {
            if let Some(instance) = self.loaded.config.instances.get(&batch.instance) {
                self.log.detail(&format!("{}: {} documents", batch.instance, batch.documents.len()));
                let built = registry::instance(instance.descriptor, &instance.settings, &view);
                providers.insert(batch.instance.clone(), built);
            }
        }
        providers
    }
}

impl Session {
    /// The same, which does not ask again for what is kept of an earlier delivery and still holds.
    #[must_use]
    pub fn going_on_with(self, kept: Vec<Kept>) -> Self {
        Self { kept, ..self }
    }

    /// Reads the values of a plan, unless a `look` shows that they cannot be delivered; `prepare`s all that can fail, gives back what
    /// is of no use any more, and `hand`s over. Where one of these fails, nothing was delivered, and what was lent is given
    /// back too. With that the session is over.
    pub fn deliver<T, U, E: From<Error>>(
        mut self,
        plan: &Plan<'_>,
        ask: &Ask,
        look: impl FnOnce() -> Result<(), E>,
        prepare: impl FnOnce(Resolution) -> Result<T, E>,
        kind: Hand,
        hand: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<U, E> {
        let kept = std::mem::take(&mut self.kept);
        let Self { providers, asking, .. } = &mut self;
        let lender = Lender { providers, ask };
        look()?;
        let resolved = async {
            let kept = adoption::adopt_whole(plan, kept, providers, ask).await;
            crate::resolve::resolve(plan, kept, providers, ask).await
        };
        let prepared = match asking.ask(resolved, lender) {
            Err(failures) => Err(Error::Unresolved(failures).into()),
            Ok(resolution) => {
                asking.before(kind, lender);
                prepare(resolution)
            }
        };
        let result = prepared.and_then(|prepared| {
            asking.delivered(kind, lender);
            hand(prepared)
        });
        if result.is_err() {
            asking.close(lender);
        }
        result
    }

    /// What each secret of a plan comes to, where only that is wanted. A backend that does not answer in time is unreachable,
    /// and hides nothing of the others. With that the session is over.
    pub fn assess<'p>(mut self, plan: &Plan<'p>, ask: &Ask) -> Verdicts<'p> {
        let Self { providers, asking, .. } = &mut self;
        let lender = Lender { providers, ask };
        let verdicts = asking.ask(crate::resolve::assess(plan, providers, ask), lender);
        asking.close(lender);
        verdicts
    }
}
