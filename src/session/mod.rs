//! One configuration's providers, built and asked: what every command that needs a value stands on.
//!
//! Invariants: nothing is asked that the plan does not name; a deadline ends everything; what was lent and reached nobody is given
//! back, whatever happens. Says nothing of values, and knows neither files nor commands: whoever has asked gets them.

mod asking;
mod punctual;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::variables::{Process, View};
use crate::config::{Instance, Loaded};
use crate::log::Log;
use crate::patience::Patience;
use crate::plan::{Batch, Plan};
use crate::provider::descriptor::Descriptor;
use crate::provider::forecast::Forecast;
use crate::provider::{MAX_DOCUMENT_SIZE, Provider, Purpose, Terms, Tokens, registry};
use crate::resolve::{Failures, Providers, Resolution, Verdicts};
pub use asking::Hand;
use asking::{Asking, Waits};
use punctual::Punctual;

/// After the deadline providers say what they waited for, and give tokens back; one that does not is ended then.
const GRACE: Duration = Duration::from_secs(3);

/// Why there are no values.
#[derive(Debug)]
pub enum Error {
    /// Secrets could not be had.
    Unresolved(Failures),
    /// The deadline passed after this time.
    Deadline(Duration),
    /// What backends are waited for with cannot be made.
    EventLoop(std::io::Error),
}

/// Who asks, and on what terms.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// What is asked for, and of whom.
    pub loaded: &'a Loaded,
    /// The process.
    pub process: &'a Process,
    /// Where to say things.
    pub log: Log,
    /// When to give up.
    pub deadline: Instant,
    /// How long that was from the beginning on.
    pub timeout: Duration,
    /// What becomes of tokens of kz's own.
    pub tokens: Tokens,
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

impl Session<'_> {
    /// Reads the values of a plan, unless a `look` shows that they cannot be delivered; `prepare`s all that can fail, gives back what
    /// is of no use any more, and `hand`s over. Where one of these fails, nothing was delivered, and what was lent is given
    /// back too.
    pub fn deliver<T, U, E: From<Error>>(
        &self,
        plan: &Plan<'_>,
        look: impl FnOnce() -> Result<(), E>,
        prepare: impl FnOnce(Resolution) -> Result<T, E>,
        kind: Hand,
        hand: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<U, E> {
        let view = View::new(self.process, self.loaded.base(), self.terms(Purpose::Deliver));
        let providers = self.providers(plan, &view);
        let mut asking = Asking::new(self.waits(plan))?;
        look()?;
        let punctual =
            async { tokio::time::timeout_at(self.by(), crate::resolve::resolve(plan, &providers)).await };
        let prepared = match asking.ask(punctual, &providers) {
            Err(_) => Err(Error::Deadline(self.timeout).into()),
            Ok(Err(failures)) => Err(Error::Unresolved(failures).into()),
            Ok(Ok(resolution)) => {
                asking.before(kind, &providers);
                prepare(resolution)
            }
        };
        let result = prepared.and_then(|prepared| {
            asking.delivered(kind, &providers);
            hand(prepared)
        });
        if result.is_err() {
            asking.close(&providers);
        }
        result
    }

    /// What each secret of a plan comes to. A backend that does not answer in time is unreachable, and
    /// hides nothing of the others.
    pub fn assess<'p>(&self, plan: &Plan<'p>) -> Result<Verdicts<'p>, Error> {
        let view = View::new(self.process, self.loaded.base(), self.terms(Purpose::Look));
        let (deadline, seconds) = (self.by(), self.timeout.as_secs());
        let punctual =
            |provider| -> Box<dyn Provider + '_> { Box::new(Punctual { provider, deadline, seconds }) };
        let providers = self.providers(plan, &view);
        let providers = providers.into_iter().map(|(name, built)| (name, built.map(punctual))).collect();
        let mut asking = Asking::new(self.waits(plan))?;
        let verdicts = asking.ask(crate::resolve::assess(plan, &providers), &providers);
        asking.close(&providers);
        Ok(verdicts)
    }

    /// What asking for a plan's documents will come to, provider by provider. Asks nothing.
    pub fn foresee<'p>(&self, plan: &'p Plan<'_>) -> Vec<Foreseen<'p>> {
        let view = View::new(self.process, self.loaded.base(), self.terms(Purpose::Deliver));
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

    /// When providers are ended that have not ended by themselves.
    fn by(&self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.deadline + GRACE)
    }

    /// On what terms backends are asked.
    fn terms(&self, purpose: Purpose) -> Terms {
        Terms {
            patience: Patience::until(self.deadline, self.log),
            concurrency: self.loaded.config.concurrency,
            tokens: self.tokens,
            purpose,
            max_document_size: self.loaded.config.max_document_size.unwrap_or(MAX_DOCUMENT_SIZE),
            #[cfg(feature = "https")]
            bodies: crate::http::Bodies::default(),
        }
    }

    fn providers<'v>(&self, plan: &Plan<'_>, view: &'v View<'v>) -> Providers<'v> {
        let mut providers: Providers<'v> = BTreeMap::new();
        for batch in &plan.batches {
            if let Some(instance) = self.loaded.config.instances.get(&batch.instance) {
                self.log.detail(&format!("{}: {} documents", batch.instance, batch.documents.len()));
                let built = registry::instance(instance.descriptor, &instance.settings, view);
                providers.insert(batch.instance.clone(), built);
            }
        }
        providers
    }
}
