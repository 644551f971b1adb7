//! `kz export --watch`: writes, stays, and writes again when something has changed.
//!
//! A thin loop: `session` says what is due and asks, `export` writes, `act` does what is to be done after a change. Invariants: what
//! is written stays as it is whatever fails; a swap is immediate, what is done after it waits (`session/settle.rs`); a request
//! to stop ends kz at once, and gives back what it was lent, unless the user said otherwise; a new configuration that is wrong
//! changes nothing.

mod act;
mod state;
pub(in crate::cli) mod words;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::export::{Export, Material};
use crate::plan::Plan;
use crate::provider::{Ask, End, Lease};
use crate::publish::{Change, Turn};
use crate::resolve::Resolved;
use crate::session;
use crate::session::upkeep::{Event, Upkeep};
use crate::session::watch::{Round, Rules, Watched};

use super::super::args::deliver::Export as Arguments;
use super::super::args::watch::OnLoss;
use super::super::failure::Failure;
use super::super::invocation::Invocation;
use super::target::{Target, usage};
use super::{done, leave, left, plan, rules};
use act::Act;
use state::{State, output};

/// How long kz may take to remove and to give back.
const ROUND: Duration = Duration::from_secs(15);
/// When it is tried again to write what could not be written.
const REWRITE: Duration = Duration::from_secs(10);

/// Opens the configuration, each time anew.
type Open<'a> = dyn Fn() -> Result<Invocation<'a>, Failure> + 'a;

/// Runs `kz export --watch`, until something ends it.
pub(in crate::cli) fn watch<'a>(
    arguments: &'a Arguments,
    open: &Open<'a>,
    say: &dyn Fn(&Failure),
) -> Result<ExitCode, Failure> {
    let act = Act::of(&arguments.watch)?;
    let mut watch = Watch { arguments, open, say, state: State::of(&arguments.watch, act) };
    let mut present = open()?;
    let mut candidate: Option<Invocation<'a>> = None;
    loop {
        match watch.attend(candidate.as_ref().unwrap_or(&present))? {
            Next::End(code) => return Ok(code),
            Next::Reload(next) => {
                present = candidate.replace(*next).unwrap_or(present);
            }
            Next::Refused => candidate = None,
        }
    }
}

/// How one configuration ends.
enum Next<'a> {
    /// With kz.
    End(ExitCode),
    /// Another one is tried in its place.
    Reload(Box<Invocation<'a>>),
    /// Nothing could be made of it, and the one before goes on.
    Refused,
}

struct Watch<'a, 's> {
    arguments: &'a Arguments,
    open: &'s Open<'a>,
    say: &'s dyn Fn(&Failure),
    state: State,
}

/// What one configuration is about.
struct Subject<'i, 'a> {
    invocation: &'i Invocation<'a>,
    export: &'i Export<'i>,
    plan: &'i Plan<'i>,
}

impl<'a> Watch<'a, '_> {
    /// Watches what one configuration names, until something ends that.
    fn attend(&mut self, invocation: &Invocation<'a>) -> Result<Next<'a>, Failure> {
        self.state.begins = true;
        match self.prepare(invocation) {
            Err(failure) if self.state.begins && self.state.is_ready() => {
                (self.say)(&failure);
                invocation.log.warn("the new configuration is not used, and the one before goes on");
                Ok(Next::Refused)
            }
            other => other,
        }
    }

    fn prepare(&mut self, invocation: &Invocation<'a>) -> Result<Next<'a>, Failure> {
        let config = &invocation.loaded.config;
        let material = Material { declarations: &config.declarations, base: invocation.loaded.base() };
        let rules = rules(self.arguments)?;
        let target = Target::of(self.arguments, &config.outputs, &invocation.process.directory)?;
        // Without this look a name that nobody has would make an empty set.
        invocation.plan(&self.arguments.only)?;
        let export = match &target {
            Target::Stdout(_) => {
                return usage("`--watch` needs a file or a directory", "name one: `--output /secrets`");
            }
            Target::File(path, written) => Export::to_file(path, written, material, rules)?,
            Target::Set(path, outputs) => Export::to_set(path, outputs, material, rules)?,
        };
        let only = if matches!(target, Target::Set(..)) { &[] } else { self.arguments.only.as_slice() };
        let plan = plan(invocation, export.names(), only)?;
        export.check_reader()?;
        export.look()?;
        self.stay(&Subject { invocation, export: &export, plan: &plan })
    }

    /// Reads and writes everything, and then whatever is due.
    fn stay(&mut self, subject: &Subject<'_, 'a>) -> Result<Next<'a>, Failure> {
        let Subject { invocation, plan, .. } = subject;
        let config = &invocation.loaded.config;
        let ask = Ask::until(Instant::now() + invocation.timeout, invocation.log);
        let mut upkeep = match self.state.upkeep.take() {
            None => invocation.opening().stay(plan)?,
            Some(mut upkeep) => {
                upkeep.reopen(&invocation.opening(), plan, &mut self.state.known, &ask);
                upkeep
            }
        };
        let rules = Rules { interval: self.arguments.watch.interval, leases: config.leases };
        if !self.state.is_ready() {
            let kept = left(subject.export, invocation);
            match upkeep.adopt(plan, kept, &mut self.state.known, &ask) {
                Ok(adopted) => words::adopted(&adopted, invocation.log),
                Err(_) => return Ok(self.end(subject, upkeep, &[], ExitCode::SUCCESS)),
            }
        }
        let Ok(mut watched) = upkeep.begin(plan, rules, &mut self.state.known, &ask) else {
            return Ok(self.end(subject, upkeep, &[], ExitCode::SUCCESS));
        };
        let first = self.first(subject, &upkeep, &watched);
        let ended = match first {
            Ok(()) => self.turn(subject, &mut upkeep, &mut watched),
            Err(failure) => {
                if !self.state.is_ready() {
                    upkeep.end(End::NotDelivered, &ask);
                    return Err(failure);
                }
                Err(failure)
            }
        };
        match ended {
            Ok(Ended::Now(code)) => Ok(self.end(subject, upkeep, &watched.adopted(), code)),
            Ok(Ended::Reload(next)) => {
                self.hand_over(upkeep, watched);
                Ok(Next::Reload(next))
            }
            Err(failure) => {
                self.hand_over(upkeep, watched);
                Err(failure)
            }
        }
    }

    /// Everything that is known is kept for another configuration.
    fn hand_over(&mut self, upkeep: Upkeep, watched: Watched<'_>) {
        self.state.known.add(watched.into_known());
        self.state.upkeep = Some(upkeep);
    }

    /// Writes what was read first.
    fn first(
        &mut self,
        subject: &Subject<'_, 'a>,
        upkeep: &Upkeep,
        watched: &Watched<'_>,
    ) -> Result<(), Failure> {
        let Subject { invocation, export, plan } = subject;
        let resolution = upkeep.values(watched).map_err(session::Error::Unresolved)?;
        let takes = |name: &str| export.takes_line_break(name);
        let secrets = invocation.remark(plan, resolution, takes);
        let done = self.write(subject, &secrets)?;
        done::say(&done, output(self.arguments), invocation);
        leave(export, plan, &secrets, invocation);
        self.state.changed(&secrets, done.change, Instant::now());
        self.state.begun();
        self.confirm(subject, watched);
        invocation.log.note(&words::watching(watched, self.arguments.watch.interval, Instant::now()));
        Ok(())
    }

    fn write(
        &mut self,
        subject: &Subject<'_, 'a>,
        secrets: &[Resolved],
    ) -> Result<crate::export::Done, Failure> {
        let Invocation { log, timeout, .. } = subject.invocation;
        let turn = Turn { deadline: Instant::now() + *timeout, log: *log };
        Ok(subject.export.replace(secrets, turn, &mut self.state.former)?)
    }

    /// Waits, and does what is due, until something ends this.
    fn turn<'p>(
        &mut self,
        subject: &Subject<'_, 'a>,
        upkeep: &mut Upkeep,
        watched: &mut Watched<'p>,
    ) -> Result<Ended<'a>, Failure> {
        let log = subject.invocation.log;
        loop {
            let until = watched.next().into_iter().chain(self.state.next()).min();
            match upkeep.wait(until, self.state.beside()) {
                Event::Stop(_) => return Ok(Ended::Now(ExitCode::SUCCESS)),
                Event::Reload => {
                    log.note("SIGHUP: the configuration and everything that it names is read again");
                    watched.hasten(Instant::now());
                    match (self.open)() {
                        Ok(next) => return Ok(Ended::Reload(Box::new(next))),
                        Err(failure) => (self.say)(&failure),
                    }
                }
                Event::Beside(ended) => self.state.acted(ended, log),
                Event::Time => {}
            }
            if let Some(code) = self.due(subject, upkeep, watched) {
                return Ok(Ended::Now(code));
            }
        }
    }

    /// Does everything that is due now. The code that kz is to end with, if it is.
    fn due(
        &mut self,
        subject: &Subject<'_, 'a>,
        upkeep: &mut Upkeep,
        watched: &mut Watched<'_>,
    ) -> Option<ExitCode> {
        let (log, now) = (subject.invocation.log, Instant::now());
        if watched.next().is_some_and(|next| next <= now) {
            let ask = Ask::until(now + subject.invocation.round(), log);
            let Ok(round) = upkeep.round(watched, &ask) else { return Some(ExitCode::SUCCESS) };
            self.state.replaced(watched.take_former());
            if let Some(code) = self.after(subject, upkeep, watched, &round) {
                return Some(code);
            }
            self.confirm(subject, watched);
        } else if self.state.rewrites.is_some_and(|at| at <= now) {
            self.update(subject, upkeep, watched);
        }
        let ask = Ask::until(Instant::now() + ROUND, log);
        self.state.retire(upkeep, output(self.arguments), &ask);
        self.state.act(output(self.arguments), subject.invocation.process, upkeep, log)
    }

    /// What follows from a round.
    fn after(
        &mut self,
        subject: &Subject<'_, 'a>,
        upkeep: &Upkeep,
        watched: &Watched<'_>,
        round: &Round<'_>,
    ) -> Option<ExitCode> {
        let log = subject.invocation.log;
        words::say(round, watched, log);
        let lost: Vec<String> = round
            .troubles
            .iter()
            .filter(|(_, trouble)| trouble.is_loss())
            .flat_map(|(key, _)| watched.names(*key))
            .map(str::to_owned)
            .collect();
        if !lost.is_empty() {
            match self.arguments.watch.on_loss.unwrap_or_default() {
                OnLoss::Keep => {}
                OnLoss::Exit => return Some(ExitCode::FAILURE),
                OnLoss::Action => self.state.add(lost, Instant::now()),
            }
        }
        if round.changed {
            self.update(subject, upkeep, watched);
        }
        if round.leaves {
            log.note("a lease ends soon, and `[resolve] lease = \"exit\"` has kz end before it");
            return Some(self.arguments.watch.exit_code_on_change.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        None
    }

    /// Writes what there is now. What fails is tried again, and until then what was written stays.
    fn update(&mut self, subject: &Subject<'_, 'a>, upkeep: &Upkeep, watched: &Watched<'_>) {
        let Subject { invocation, export, plan } = subject;
        let values = upkeep.values(watched).map_err(|failures| session::Error::Unresolved(failures).into());
        let written = values.and_then(|resolution| {
            let secrets = invocation.remark(plan, resolution, |name| export.takes_line_break(name));
            let done = self.write(subject, &secrets)?;
            Ok((secrets, done))
        });
        match written {
            Ok((secrets, done)) => {
                self.state.rewrites = None;
                if done.change == Change::Written {
                    done::say(&done, output(self.arguments), invocation);
                }
                leave(export, plan, &secrets, invocation);
                self.state.changed(&secrets, done.change, Instant::now());
            }
            Err(failure) => {
                // What a backend holds may be mended there; a full disk, here.
                let again = matches!(failure, Failure::Export(_)).then(|| Instant::now() + REWRITE);
                self.state.rewrites = again;
                self.state.say_once(&failure, self.say);
                invocation.log.warn("what was written before stays");
            }
        }
    }

    /// Notes for `kz check --max-age` that what is written is what the backends hold, where that is so.
    fn confirm(&mut self, subject: &Subject<'_, 'a>, watched: &Watched<'_>) {
        if !watched.is_sound() || self.state.rewrites.is_some() {
            return;
        }
        let turn = Turn { deadline: Instant::now() + ROUND, log: subject.invocation.log };
        if let Err(error) = subject.export.confirm(turn) {
            self.state.say_once(&Failure::Export(error.into()), self.say);
        }
    }

    /// Ends kz, and what it was lent, as the user wants it.
    fn end(
        &mut self,
        subject: &Subject<'_, 'a>,
        mut upkeep: Upkeep,
        adopted: &[(&str, Lease)],
        code: ExitCode,
    ) -> Next<'a> {
        let log = subject.invocation.log;
        if self.arguments.watch.wipe_on_exit {
            let turn = Turn { deadline: Instant::now() + ROUND, log };
            if let Err(error) = subject.export.wipe(turn) {
                log.warn(&format!("what was written stays: {error}"));
            }
        }
        let (last, ask) = (subject.invocation.last(), Ask::until(Instant::now() + ROUND, log));
        if last == End::NotDelivered && !adopted.is_empty() {
            upkeep.give_back(adopted, &ask);
        }
        upkeep.end(last, &ask);
        Next::End(code)
    }
}

/// How the watch of one configuration ends.
enum Ended<'a> {
    Now(ExitCode),
    Reload(Box<Invocation<'a>>),
}
