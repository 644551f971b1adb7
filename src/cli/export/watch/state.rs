//! What stays through all configurations: what was written last, what has changed since something was done about it, and what
//! is still to go.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::variables::Process;
use crate::exec::action::Ended;
use crate::log::Log;
use crate::provider::{Ask, Lease};
use crate::publish::{Change, Former, Turn};
use crate::resolve::Resolved;
use crate::secret::Secret;
use crate::session::settle::{Changes, Settling, differing};
use crate::session::upkeep::{Beside, Upkeep};
use crate::session::watch::Known;

use super::super::super::args::deliver::Export as Arguments;
use super::super::super::args::watch::Watch;
use super::super::super::failure::Failure;
use super::act::{self, Act};
use super::words::listed;

/// How long a set stays that was replaced, so that whoever is reading it can finish, and how long a lease does, once its
/// successor is in use.
const RETIREMENT: Duration = Duration::from_secs(10);

/// All of it.
pub(super) struct State {
    pub(super) upkeep: Option<Upkeep>,
    pub(super) known: Known,
    pub(super) former: Former,
    /// When it is tried again to write what could not be written.
    pub(super) rewrites: Option<Instant>,
    /// Nothing of this configuration has been written yet.
    pub(super) begins: bool,
    act: Act,
    settling: Settling,
    changes: Changes,
    running: Option<Running>,
    /// What is written.
    values: Option<Vec<(String, Secret)>>,
    /// Leases in whose place others are, and when each is to be given back, once that is known.
    leases: Vec<(String, Lease, Option<Instant>)>,
    said: String,
}

/// A program that was started after a change.
struct Running {
    work: Pin<Box<dyn Future<Output = Ended>>>,
    child: Option<u32>,
    names: BTreeSet<String>,
}

impl State {
    pub(super) fn of(written: &Watch, act: Act) -> Self {
        let settling = written.settle.settling();
        Self {
            upkeep: None,
            known: Known::default(),
            former: Former::staying(RETIREMENT),
            rewrites: None,
            begins: true,
            act,
            settling,
            changes: Changes::default(),
            running: None,
            values: None,
            leases: Vec::new(),
            said: String::new(),
        }
    }

    /// Whether something was written.
    pub(super) fn is_ready(&self) -> bool {
        self.values.is_some()
    }

    /// Something of this configuration is written: what only the one before named is former.
    pub(super) fn begun(&mut self) {
        self.begins = false;
        let known = std::mem::take(&mut self.known);
        self.replaced(known.leases().map(|(instance, lease)| (instance, lease.clone())).collect());
    }

    /// When something is due beside what is read.
    pub(super) fn next(&self) -> Option<Instant> {
        let acts = self.changes.due(self.settling).filter(|_| self.running.is_none());
        let leases = self.leases.iter().filter_map(|(_, _, at)| *at).min();
        [acts, leases, self.former.next(), self.rewrites].into_iter().flatten().min()
    }

    /// The program that runs.
    pub(super) fn beside(&mut self) -> Option<Beside<'_, Ended>> {
        let Running { work, child, .. } = self.running.as_mut()?;
        Some(Beside { work: work.as_mut(), child: *child })
    }

    /// These are written now. What has another value than before is to be told, but for the first time.
    pub(super) fn changed(&mut self, secrets: &[Resolved], change: Change, now: Instant) {
        let values: Vec<(String, Secret)> =
            secrets.iter().map(|secret| (secret.name.clone(), secret.value.clone())).collect();
        let before = self.values.replace(values);
        if let (Some(before), Some(after), Change::Written) = (before, &self.values, change) {
            self.add(differing(&before, after), now);
        }
        self.said.clear();
    }

    /// Something is to be done about these.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = String>, now: Instant) {
        if !matches!(self.act, Act::Nothing) {
            self.changes.add(names, now);
        }
    }

    /// Others are in the place of these leases. They are given back when it is known that the others are in use.
    pub(super) fn replaced(&mut self, leases: Vec<(&str, Lease)>) {
        if !matches!(self.act, Act::Nothing) {
            self.leases
                .extend(leases.into_iter().map(|(instance, lease)| (instance.to_owned(), lease, None)));
        }
    }

    /// Does what is due about changes. The code that kz is to end with, if it is.
    pub(super) fn act(
        &mut self,
        output: &Path,
        process: &Process,
        upkeep: &Upkeep,
        log: Log,
    ) -> Option<ExitCode> {
        let now = Instant::now();
        if self.running.is_some() || self.changes.due(self.settling).is_none_or(|due| due > now) {
            return None;
        }
        let names = self.changes.begin(now);
        match &self.act {
            Act::Nothing => {}
            Act::Exit(code) => {
                log.note(&format!("{} changed: kz ends, as `--exit-code-on-change` says", listed(&names)));
                return Some(ExitCode::from(*code));
            }
            Act::Tell(signal, name) => match Act::tell(*signal, name) {
                Ok(told) => {
                    log.note(&format!("{} changed: {told}", listed(&names)));
                    self.succeeded(now);
                }
                Err(why) => self.failed(names, &why, log),
            },
            Act::Run(words, limit) => {
                let started = upkeep.within(|| act::start(words, *limit, &names, output, process));
                match started {
                    Ok(action) => {
                        let child = action.pid();
                        self.running = Some(Running { work: Box::pin(action.end()), child, names });
                    }
                    Err(why) => self.failed(names, &why, log),
                }
            }
        }
        None
    }

    /// The program has ended.
    pub(super) fn acted(&mut self, ended: Ended, log: Log) {
        let Some(Running { names, .. }) = self.running.take() else { return };
        let Act::Run(words, limit) = &self.act else { return };
        match act::ended_words(words, ended, *limit) {
            None => {
                let program = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
                log.note(&format!("{} changed: ran `{program}`", listed(&names)));
                self.succeeded(Instant::now());
            }
            Some(why) => self.failed(names, &why, log),
        }
    }

    fn succeeded(&mut self, now: Instant) {
        self.changes.succeeded();
        for (_, _, at) in &mut self.leases {
            at.get_or_insert(now + RETIREMENT);
        }
    }

    fn failed(&mut self, names: BTreeSet<String>, why: &str, log: Log) {
        let now = Instant::now();
        let listed = listed(&names);
        self.changes.failed(names, now);
        let again = self.changes.due(self.settling).map(|due| due.saturating_duration_since(now).as_secs());
        let again = again.unwrap_or_default();
        log.warn(&format!("{listed} changed, and nobody was told: {why}; kz tries it again in {again} s"));
    }

    /// Removes sets, and gives leases back, that nobody uses any more.
    pub(super) fn retire(&mut self, upkeep: &mut Upkeep, output: &Path, ask: &Ask) {
        let now = Instant::now();
        if self.former.next().is_some_and(|next| next <= now) {
            let turn = Turn { deadline: ask.patience.deadline(), log: ask.log() };
            if let Err(error) = self.former.remove(output, turn) {
                ask.log().warn(&format!("the set before is left: {error}"));
            }
        }
        let is_due = |at: &Option<Instant>| at.is_some_and(|at| at <= now);
        let due: Vec<(&str, Lease)> = self
            .leases
            .iter()
            .filter(|(_, lease, at)| is_due(at) && !lease.left(now).is_zero())
            .map(|(instance, lease, _)| (instance.as_str(), lease.clone()))
            .collect();
        if !due.is_empty() {
            upkeep.give_back(&due, ask);
        }
        self.leases.retain(|(_, lease, at)| !is_due(at) && !lease.left(now).is_zero());
    }

    /// Says what fails, once as long as it fails in the same way.
    pub(super) fn say_once(&mut self, failure: &Failure, say: &dyn Fn(&Failure)) {
        let said = format!("{failure:?}");
        if said != self.said {
            say(failure);
            self.said = said;
        }
    }
}

/// Where an export writes to.
pub(super) fn output(arguments: &Arguments) -> &Path {
    arguments.output.as_deref().unwrap_or(Path::new("-"))
}
