//! What every command begins with: the configuration, the process that it was loaded in, and how long may be waited.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use crate::config::variables::Process;
use crate::config::{self, Loaded, Request};
use crate::log::Log;
use crate::plan::{Plan, Source};
use crate::provider::{Ask, End, Purpose, Tokens};
use crate::publish::Turn;
use crate::resolve::{Kept, Resolution, Resolved, Verdicts};
use crate::session::{Foreseen, Hand, Opening};

use super::args::Common;
use super::failure::Failure;
use super::remarks::{self, Urgency};

/// Compose does not retry a failed init, so kz does, this long.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What one round of a kz that stays may take at least: a backend that is away must not keep others' leases waiting.
const ROUND: Duration = Duration::from_secs(15);

/// A loaded configuration and the process it was loaded in.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    /// The process.
    pub process: &'a Process,
    /// The configuration.
    pub loaded: Loaded,
    /// Where to say things.
    pub log: Log,
    /// When to give up.
    deadline: Instant,
    /// How long to try, each time.
    pub timeout: Duration,
    tokens: Tokens,
}

impl<'a> Invocation<'a> {
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

    /// Reads the values of a plan, of which some are `delivered_in_a_line` (as a variable, or a part of one), says what there is to
    /// say of them, and delivers them as [`crate::session::Session::deliver`] does.
    pub(super) fn deliver<T, U>(
        &self,
        plan: &Plan<'_>,
        delivered_in_a_line: impl Fn(&str) -> bool,
        look: impl FnOnce() -> Result<(), Failure>,
        prepare: impl FnOnce(Vec<Resolved>) -> Result<T, Failure>,
        kind: Hand,
        hand: impl FnOnce(T) -> Result<U, Failure>,
    ) -> Result<U, Failure> {
        self.deliver_but(Vec::new, plan, delivered_in_a_line, look, prepare, kind, hand)
    }

    /// The same, where what is kept of an earlier delivery need not be asked for again.
    #[expect(clippy::too_many_arguments, reason = "the same steps, and what is known before them")]
    pub(super) fn deliver_but<T, U>(
        &self,
        kept: impl FnOnce() -> Vec<Kept>,
        plan: &Plan<'_>,
        delivered_in_a_line: impl Fn(&str) -> bool,
        look: impl FnOnce() -> Result<(), Failure>,
        prepare: impl FnOnce(Vec<Resolved>) -> Result<T, Failure>,
        kind: Hand,
        hand: impl FnOnce(T) -> Result<U, Failure>,
    ) -> Result<U, Failure> {
        if self.loaded.config.declarations.is_empty() {
            self.log.warn(&remarks::nothing(&self.loaded.path, self.loaded.config.environment.as_deref()));
        }
        let prepare = |resolution| {
            let secrets = self.remark(plan, resolution, &delivered_in_a_line);
            self.warn_of_ends(&secrets);
            prepare(secrets)
        };
        let ask = Ask::until(self.deadline, self.log);
        self.opening().open(plan)?.going_on_with(kept()).deliver(plan, &ask, look, prepare, kind, hand)
    }

    /// What each secret of a plan comes to. A backend that does not answer in time is unreachable, and hides nothing of
    /// the others.
    pub(super) fn assess<'p>(&self, plan: &Plan<'p>) -> Result<Verdicts<'p>, Failure> {
        let ask = Ask { purpose: Purpose::Look, ..Ask::until(self.deadline, self.log) };
        Ok(self.opening().open(plan)?.assess(plan, &ask))
    }

    /// What asking for a plan's documents will come to, provider by provider. Asks nothing.
    pub(super) fn foresee<'p>(&'p self, plan: &'p Plan<'_>) -> Vec<Foreseen<'p>> {
        self.opening().foresee(plan)
    }

    /// How long one round of a kz that stays may take.
    pub(super) fn round(&self) -> Duration {
        self.timeout.min(ROUND.max(self.timeout / 4))
    }

    /// What becomes of what kz was lent and still uses, when it ends.
    pub(super) fn last(&self) -> End {
        match self.tokens {
            Tokens::Revoke => End::NotDelivered,
            Tokens::Keep => End::Delivered,
        }
    }

    pub(super) fn opening(&self) -> Opening<'_> {
        let Self { process, loaded, log, tokens, .. } = self;
        Opening { loaded, process, log: *log, tokens: *tokens }
    }

    /// Says what there is to say of values beside that they are there.
    pub(super) fn remark(
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
        secrets
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
