//! What every command begins with: the configuration, a plan, the providers, and the values.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Either, select};
use nix::sys::signal::Signal;
use tokio::runtime::{Builder, Runtime};

use crate::config::variables::{Process, View};
use crate::config::{self, Instance, Loaded, Request};
use crate::exec::inherited;
use crate::log::Log;
use crate::patience::Patience;
use crate::plan::{Batch, Plan, Source};
use crate::provider::registry;
use crate::provider::{End, MAX_DOCUMENT_SIZE, Provider, Purpose, Terms, Tokens};
use crate::publish::Turn;
use crate::resolve::{Providers, Resolution, Resolved, Verdicts};
use crate::signals::{self, Stops};

use super::args::Common;
use super::deadline::Punctual;
use super::plan::Foreseen;
use super::remarks::{self, Urgency};
use super::report::Failure;

/// Compose does not retry a failed init, so kz does, this long.
const TIMEOUT: Duration = Duration::from_mins(1);

/// After the deadline providers say what they waited for, and give tokens back; one that does not is ended then.
const GRACE: Duration = Duration::from_secs(3);

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
    tokens: Tokens,
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
        let tokens = if common.no_revoke { Tokens::Keep } else { Tokens::Revoke };
        Ok(Self { process, loaded, log, deadline: Instant::now() + timeout, timeout, tokens })
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

    /// Reads the values of a plan, of which some are `delivered_in_a_line` (as a variable, or a part of one), unless a `look`
    /// shows that they cannot be delivered; `prepare`s all that can fail, gives back what is of no use any more, and `hand`s
    /// over. Where one of these fails, nothing was delivered, and what was lent is given back too.
    pub(super) fn deliver<T, U>(
        &self,
        plan: &Plan<'_>,
        delivered_in_a_line: impl Fn(&str) -> bool,
        look: impl FnOnce() -> Result<(), Failure>,
        prepare: impl FnOnce(Vec<Resolved>) -> Result<T, Failure>,
        kind: Hand,
        hand: impl FnOnce(T) -> Result<U, Failure>,
    ) -> Result<U, Failure> {
        let view = View::new(self.process, self.loaded.base(), self.terms(Purpose::Deliver));
        let providers = self.providers(plan, &view);
        let mut asking = Asking::new(self.waits(plan))?;
        look()?;
        let punctual =
            async { tokio::time::timeout_at(self.by(), crate::resolve::resolve(plan, &providers)).await };
        let prepared = match asking.ask(punctual, &providers) {
            Err(_) => Err(Failure::Deadline(self.timeout)),
            Ok(Err(failures)) => Err(Failure::Resolve(failures)),
            Ok(Ok(resolution)) => {
                let secrets = self.remark(plan, resolution, delivered_in_a_line);
                asking.before(kind, &providers);
                prepare(secrets)
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

    /// Says what there is to say of values beside that they are there.
    fn remark(
        &self,
        plan: &Plan<'_>,
        Resolution { secrets, absent, lines }: Resolution,
        delivered_in_a_line: impl Fn(&str) -> bool,
    ) -> Vec<Resolved> {
        if let Some(line) = remarks::absent(&absent) {
            self.log.note(&line);
        }
        if let Some(line) = remarks::unenforced(plan.delivered()) {
            self.log.note(&line);
        }
        let inputs: BTreeSet<&str> = plan.inputs().collect();
        if let Some(line) =
            remarks::line_breaks(&lines, |name| !inputs.contains(name) && delivered_in_a_line(name))
        {
            self.log.warn(&line);
        }
        self.warn_of_ends(&secrets);
        secrets
    }

    /// What each secret of a plan comes to. A backend that does not answer in time is unreachable, and
    /// hides nothing of the others.
    pub(super) fn assess<'p>(&self, plan: &Plan<'p>) -> Result<Verdicts<'p>, Failure> {
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
    pub(super) fn foresee<'p>(&self, plan: &'p Plan<'_>) -> Vec<Foreseen<'p>> {
        let view = View::new(self.process, self.loaded.base(), self.terms(Purpose::Deliver));
        let of = |batch: &'p Batch| {
            let Instance { descriptor, settings, .. } = self.loaded.config.instances.get(&batch.instance)?;
            let forecast = descriptor.forecast(settings, &batch.documents, &view);
            Some(Foreseen { batch, descriptor, forecast })
        };
        plan.batches.iter().filter_map(of).collect()
    }

    /// Neither the command that kz becomes nor the file that it writes can have a lease renewed, or hears of a change.
    fn warn_of_ends(&self, resolved: &[Resolved]) {
        for (urgency, line) in remarks::ends(resolved, Instant::now(), SystemTime::now()) {
            match urgency {
                Urgency::Soon => self.log.warn(&line),
                Urgency::Later => self.log.detail(&line),
            }
        }
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

/// What work may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// The deadline: it takes no descriptor and no call that a seccomp profile may forbid.
    Time,
    /// Connections and programs too.
    Network,
}

/// Where what is prepared goes, and so what a request to stop does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Into files, when it is prepared: it waits for other exporters only as long as nobody asks kz to stop.
    Files,
    /// To whoever reads stdout, when it is prepared: they may take any time, in which kz ends at once, as others do.
    Reader,
    /// To a command that is still to be started then.
    Command,
}

/// The event loop in which backends are asked, on this thread alone.
struct Asking {
    /// Requests to stop, as long as they are held back: there may be something to give back. They go before the loop.
    stops: Option<Stops>,
    waits: Waits,
    runtime: Runtime,
}

impl Asking {
    fn new(waits: Waits) -> Result<Self, Failure> {
        let mut builder = Builder::new_current_thread();
        match waits {
            Waits::Time => builder.enable_time(),
            Waits::Network => {
                look_for_descriptors().map_err(Failure::EventLoop)?;
                builder.enable_all()
            }
        };
        let runtime = builder.build().map_err(Failure::EventLoop)?;
        Ok(Self { stops: None, waits, runtime })
    }

    /// Holds requests to stop back from now on, where there may be something to be given back.
    fn hold(&mut self) {
        if self.stops.is_none() && self.waits == Waits::Network {
            let _inside = self.runtime.enter();
            self.stops = Stops::hold(inherited::is_ignored).ok();
        }
    }

    /// Does what asks these providers. A request to stop that comes meanwhile ends kz when it has given back what it was lent.
    fn ask<T>(&mut self, work: impl Future<Output = T>, providers: &Providers<'_>) -> T {
        self.hold();
        let stopped = self.runtime.block_on(async {
            let Some(stops) = &self.stops else { return Ok(work.await) };
            match select(Box::pin(work), pin!(stops.next())).await {
                Either::Left((result, _)) => Ok(result),
                Either::Right((signal, _)) => Err(signal),
            }
        });
        stopped.unwrap_or_else(|signal| self.end(signal, providers))
    }

    /// Everything is read, and is going to be prepared. Nothing of it has reached anybody.
    fn before(&mut self, kind: Hand, providers: &Providers<'_>) {
        self.end_if_asked(providers);
        if kind == Hand::Reader {
            self.stops = None;
        }
    }

    /// Everything is prepared: gives back what is of no use any more. A request to stop waits until that is done, and comes too
    /// late where everything has been received.
    fn delivered(&mut self, kind: Hand, providers: &Providers<'_>) {
        if kind == Hand::Command {
            self.end_if_asked(providers);
        }
        self.hold();
        self.runtime.block_on(crate::resolve::close(providers, End::Delivered));
        if kind == Hand::Command {
            self.end_if_asked(providers);
            self.stops = None;
        } else if let Some(stops) = self.stops.take() {
            stops.keep();
        }
    }

    /// Gives back, since nobody has received anything; and ends kz where it was asked to.
    fn close(&mut self, providers: &Providers<'_>) {
        self.hold();
        self.runtime.block_on(crate::resolve::close(providers, End::NotDelivered));
        self.end_if_asked(providers);
        self.stops = None;
    }

    /// Ends kz where it was asked to.
    fn end_if_asked(&mut self, providers: &Providers<'_>) {
        if let Some(signal) = self.stops.as_ref().and_then(Stops::pending) {
            self.end(signal, providers);
        }
    }

    /// Gives everything back, and ends as this signal does it.
    fn end(&mut self, signal: Signal, providers: &Providers<'_>) -> ! {
        self.runtime.block_on(crate::resolve::close(providers, End::NotDelivered));
        self.stops = None;
        signals::end_by(signal)
    }
}

/// tokio panics where it gets no pair of sockets for its signals; this is an error, and as many descriptors as an
/// event loop takes.
fn look_for_descriptors() -> std::io::Result<()> {
    let (one, other) = UnixStream::pair()?;
    let _others = (one.try_clone()?, one.try_clone()?, other.try_clone()?, other.try_clone()?);
    Ok(())
}
