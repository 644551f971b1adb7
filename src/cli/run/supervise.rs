//! `kz run --supervise`: kz stays the parent of CMD, keeps what it was lent alive, and stops or starts it as
//! `exec/supervise` decides.
//!
//! A thin loop: `session` says what is due and asks, the supervisor says what becomes of CMD, and this does it. Signals and
//! ends of children are heard also while a backend is asked. Invariants: kz ends only when CMD has ended; old values are
//! wiped when CMD has new ones; a former lease is given back when CMD has run for a while with another.

mod held;
mod options;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use crate::config::variables::Process;
use crate::exec::child::{Child, Refused};
use crate::exec::spawn::{Surroundings, spawn};
use crate::exec::supervise::{Action, End, Event, Reach, Status, Supervisor};
use crate::log::Log;
use crate::plan::Plan;
use crate::provider::{Ask, End as EndOfLoan};
use crate::secret::Secret;
use crate::session::settle::{Changes, Settling, differing};
use crate::session::upkeep::Upkeep;
use crate::session::watch::{Rules, Watched};
use crate::session::{self};
use crate::signals::heard::{Came, Heard, HeldBack, Noise, waits};
use crate::signals::witness::{Ending, Witness};
use crate::signals::{self, Fate};

use super::super::args::Common;
use super::super::args::deliver::Run;
use super::super::exit;
use super::super::export::watch::words;
use super::super::failure::Failure;
use super::super::invocation::Invocation;
use super::{file_variables, from_backends, note_removed, ready, shown, words as command_words};
use held::Held;

/// How soon a witness that was ended is followed by another: whatever ends it, as for want of memory, may do so again at once.
const WITNESS: Duration = Duration::from_secs(1);
/// How long kz may take to give everything back.
const LAST: Duration = Duration::from_secs(15);

/// Runs `kz run --supervise`, until CMD has ended for good.
pub(in crate::cli) fn supervise(
    arguments: &Run,
    common: &Common,
    process: &Process,
    log: Log,
    say: &dyn Fn(&Failure),
) -> Result<ExitCode, Failure> {
    if arguments.command.is_empty() {
        return Err(Failure::NoCommand);
    }
    let event_loop = |error| Failure::Session(session::Error::EventLoop(error));
    // From here on signals wait, and the witness is there before there is a secret.
    let held_back = HeldBack::now().map_err(event_loop)?;
    let rules = options::rules(&arguments.supervise, process.pid == 1);
    let ending = options::ending(rules);
    let witness = start_witness(arguments, ending)?;
    let invocation = Invocation::open(common, process, log)?;
    let plan = invocation.plan(&arguments.only)?;
    let command = command_words(arguments)?;
    command.look_for(process.variable("PATH")).map_err(|refused| Failure::Exec(shown(arguments), refused))?;
    let upkeep = invocation.opening().stay_deaf(&plan)?;
    let heard = upkeep.within(|| held_back.hear()).map_err(event_loop)?;
    let care = Care {
        arguments,
        process,
        invocation: &invocation,
        plan: &plan,
        say,
        ending,
        settling: arguments.supervise.settle.settling(),
        supervisor: Supervisor::new(rules),
        heard,
        witness,
        witnessed: Witnessed { at: Instant::now(), lacks: false },
        variables: file_variables(&invocation.loaded.config.declarations),
        coming: None,
        values: Vec::new(),
        told: None,
        held: Held::default(),
        changes: Changes::default(),
        is_asking: true,
        is_leaving: false,
        is_outrun: false,
        said: String::new(),
        failure: None,
        end: None,
    };
    care.live(upkeep)
}

fn start_witness(arguments: &Run, ending: Ending) -> Result<Witness, Failure> {
    Witness::start(ending).map_err(|error| {
        let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        Failure::Exec(shown(arguments), Refused::NotStarted(errno))
    })
}

/// CMD, and everything that it takes to look after it. No `Debug`: it holds values.
struct Care<'a> {
    arguments: &'a Run,
    process: &'a Process,
    invocation: &'a Invocation<'a>,
    plan: &'a Plan<'a>,
    say: &'a dyn Fn(&Failure),
    ending: Ending,
    settling: Settling,
    supervisor: Supervisor,
    heard: Heard,
    witness: Witness,
    witnessed: Witnessed,
    /// The variables that name open files, by the secrets in them.
    variables: BTreeMap<&'a str, String>,
    /// What is started next, where there is something to start.
    coming: Option<Coming>,
    /// What CMD has.
    values: Vec<(String, Secret)>,
    /// What it was told of since, by a signal, which gives it no other environment.
    told: Option<Vec<(String, Secret)>>,
    held: Held,
    changes: Changes,
    /// A backend is asked, perhaps by a program whose end another waits for.
    is_asking: bool,
    /// A lease is left to whoever starts kz anew: nothing is renewed or read any more.
    is_leaving: bool,
    /// A SIGCONT has been sent to CMD, perhaps after the stop that is heard next.
    is_outrun: bool,
    said: String,
    failure: Option<Failure>,
    end: Option<End>,
}

/// How it stands with the witness.
struct Witnessed {
    /// When it was started, or was to be.
    at: Instant,
    /// It was ended, and another does not start.
    lacks: bool,
}

/// A command that can be started, its values, and what they were lent by.
struct Coming {
    child: Child,
    values: Vec<(String, Secret)>,
    held: Held,
}

impl<'a> Care<'a> {
    fn log(&self) -> Log {
        self.invocation.log
    }

    /// From the first reading to the end.
    fn live(mut self, upkeep: Upkeep) -> Result<ExitCode, Failure> {
        let ask = Ask::until(Instant::now() + self.invocation.timeout, self.log());
        let leases = self.invocation.loaded.config.leases;
        let rules = Rules { interval: self.arguments.supervise.watch, leases };
        let plan = self.plan;
        let Ok(mut watched) = upkeep.begin_beside(plan, rules, &ask, self.attend()) else {
            return self.finish(upkeep);
        };
        if let Err(failure) = self.prepare(&upkeep, &watched) {
            upkeep.end(EndOfLoan::NotDelivered, &ask);
            return Err(failure);
        }
        if let Some(Coming { child, .. }) = &self.coming {
            note_removed(child, self.log());
        }
        self.tell(Event::Ready);
        let watching = words::watching(&watched, rules.interval, Instant::now());
        self.log().detail(&watching);
        while self.end.is_none() {
            self.is_asking = false;
            self.look_at_children();
            let rounds = watched.next().filter(|_| !self.is_leaving);
            let until = [rounds, self.next()].into_iter().flatten().min();
            // Whatever happens meanwhile may bring something forward.
            if upkeep.wait_beside(until, self.attend_once()).is_ok() {
                self.due(&upkeep, &mut watched);
            }
        }
        self.finish(upkeep)
    }

    /// When something is due beside what is read.
    fn next(&self) -> Option<Instant> {
        let acts = self.changes.due(self.settling).filter(|_| self.supervisor.is_settled());
        let held = self.held.next(self.coming.is_some()).filter(|_| self.supervisor.pid().is_some());
        let witness = self.witness.is_known_gone().then(|| self.witnessed.at + WITNESS);
        [acts, held, self.held.gives_back(), witness].into_iter().flatten().min()
    }

    /// Does everything that is due now.
    fn due(&mut self, upkeep: &Upkeep, watched: &mut Watched<'a>) {
        self.is_asking = true;
        let now = Instant::now();
        let is_due = watched.next().is_some_and(|next| next <= now) && !self.is_leaving;
        if is_due && self.round(upkeep, watched).is_err() {
            return;
        }
        self.held.follow(watched);
        let now = Instant::now();
        let given_back = self.held.take_unused(now);
        if !given_back.is_empty() {
            let leases: Vec<_> =
                given_back.iter().map(|(name, lease)| (name.as_str(), lease.clone())).collect();
            let ask = self.ask(LAST);
            if upkeep.give_back_beside(&leases, &ask, self.attend()).is_err() {
                return;
            }
        }
        self.act(Instant::now());
    }

    /// How long a backend may be asked. What CMD has may end while one hangs: then CMD is stopped, and not after an answer that
    /// does not come.
    fn ask(&self, longest: Duration) -> Ask {
        let now = Instant::now();
        let ends = self.held.next(self.coming.is_some()).filter(|end| *end > now);
        Ask::until(ends.into_iter().chain([now + longest]).min().unwrap_or(now), self.log())
    }

    /// Asks for what is due, and takes what has changed.
    fn round(&mut self, upkeep: &Upkeep, watched: &mut Watched<'a>) -> Result<(), ()> {
        let ask = self.ask(self.invocation.round());
        let round = upkeep.round_beside(watched, &ask, self.attend())?;
        self.held.replaced(watched.take_former());
        words::say(&round, watched, self.log());
        if round.changed {
            match self.prepare(upkeep, watched) {
                Ok(()) => self.said.clear(),
                Err(failure) => {
                    let said = format!("{failure:?}");
                    if said != self.said {
                        (self.say)(&failure);
                        self.log().warn("the command keeps what it has");
                        self.said = said;
                    }
                }
            }
        } else {
            self.values_stay(watched);
        }
        if round.leaves {
            self.log().note("a lease ends soon, and `[resolve] lease = \"exit\"` has kz end before it");
            self.is_leaving = true;
            self.tell(Event::CredentialsEnd);
        }
        Ok(())
    }

    /// Makes ready what is to be started with the values that there are now.
    fn prepare(&mut self, upkeep: &Upkeep, watched: &Watched<'_>) -> Result<(), Failure> {
        let resolution = upkeep.values(watched).map_err(session::Error::Unresolved)?;
        let variables = &self.variables;
        let secrets = self.invocation.remark(self.plan, resolution, |name| !variables.contains_key(name));
        let values: Vec<(String, Secret)> =
            secrets.iter().map(|secret| (secret.name.clone(), secret.value.clone())).collect();
        let names = differing(self.told.as_ref().unwrap_or(&self.values), &values);
        let runs = self.supervisor.pid().is_some();
        if self.supervisor.is_settled() && names.is_empty() {
            // What had changed is as it was.
            self.changes.forget();
            self.coming.take_if(|_| differing(&self.values, &values).is_empty());
            self.values_stay(watched);
            return Ok(());
        }
        let given = from_backends(self.invocation, variables, secrets)?;
        let child = ready(self.arguments, self.process, given)?;
        self.coming = Some(Coming { child, values, held: Held::of(watched) });
        if runs {
            self.changes.add(names, Instant::now());
        }
        Ok(())
    }

    /// The values that are used, or come, are as they were, whatever they are lent by now.
    fn values_stay(&mut self, watched: &Watched<'_>) {
        match &mut self.coming {
            Some(coming) => coming.held = Held::of(watched),
            None => self.held.is_still(watched),
        }
    }

    /// Does what is to be done about changes, and about what ends.
    fn act(&mut self, now: Instant) {
        if self.held.next(self.coming.is_some()).is_some_and(|end| end <= now) {
            let event = if self.coming.is_some() { Event::Hurry } else { Event::CredentialsEnd };
            if self.supervisor.is_settled() && event == Event::CredentialsEnd {
                self.log().warn("what the command was lent has ended, and nothing else is to be had");
            }
            self.held.has_ended();
            self.tell(event);
        }
        let is_due = self.changes.due(self.settling).is_some_and(|due| due <= now);
        if is_due && self.supervisor.is_settled() {
            let names = self.changes.begin(now);
            self.log().note(&format!(
                "{} changed: {}",
                words::listed(&names),
                options::plan_words(self.arguments)
            ));
            self.told = self.coming.as_ref().map(|coming| coming.values.clone());
            let chance = Ask::until(now, self.log()).patience.chance();
            self.tell(Event::Change(options::delay(&self.arguments.supervise, chance)));
        }
    }

    /// Hears signals, children and the time, until everything is over.
    async fn attend(&mut self) {
        while self.end.is_none() {
            self.attend_once().await;
        }
    }

    /// The next of them.
    async fn attend_once(&mut self) {
        let deadline = self.supervisor.deadline();
        let noise = session::upkeep::until(deadline, self.heard.next()).await;
        match noise {
            None => self.tell(Event::Deadline),
            Some(Noise::Child) => self.look_at_children(),
            Some(Noise::Signal(came)) => self.hear(came),
        }
    }

    fn hear(&mut self, came: Came) {
        let has_child = self.supervisor.pid().is_some();
        let has_it = has_child && self.witness.has_seen(came);
        let continues = came.signal == libc::SIGCONT;
        // A stop takes a SIGCONT that nobody has heard away, as from the witness. So it may be older than a stop that CMD has already.
        if continues && waits(libc::SIGTSTP) {
            return;
        }
        let is_outrun = std::mem::take(&mut self.is_outrun) && came.signal == libc::SIGTSTP;
        let reach = if has_it && !is_outrun { Reach::Group } else { Reach::Alone };
        self.tell(Event::Signal(came.signal, reach));
        self.is_outrun = continues && reach == Reach::Alone && waits(libc::SIGTSTP);
    }

    fn look_at_children(&mut self) {
        while let Some(fate) = self.supervisor.pid().and_then(signals::look_at) {
            self.tell(match fate {
                Fate::Exited(code) => Event::Exited(Status::Code(code)),
                Fate::Killed(signal) => Event::Exited(Status::Signal(signal)),
                Fate::Stopped(signal) => Event::Suspended(signal),
            });
        }
        if self.end.is_none() && self.witness.is_gone() && self.witnessed.at.elapsed() >= WITNESS {
            self.replace_witness();
        }
        if !self.is_asking {
            let own = [self.supervisor.pid(), Some(self.witness.pid().as_raw())];
            let own: Vec<u32> = own.into_iter().flatten().map(i32::cast_unsigned).collect();
            signals::reap_orphans(&own);
        }
    }

    fn replace_witness(&mut self) {
        self.witnessed.at = Instant::now();
        match Witness::start(self.ending) {
            Ok(witness) => {
                (self.witness, self.witnessed.lacks) = (witness, false);
                if let Some(pid) = self.supervisor.pid() {
                    self.witness.attend_to(pid);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.witnessed.lacks, true) {
                    let why = super::super::report::system(&error);
                    self.log()
                        .warn(&format!("`kz-witness` was ended, and another one does not start yet: {why}"));
                }
            }
        }
    }

    /// Tells the supervisor, and does what it says.
    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.supervisor.handle(event, Instant::now()) {
                match action {
                    Action::Spawn => events.push(self.spawn()),
                    Action::Send(pid, signal) => signals::send(pid, signal),
                    Action::Suspend(signal) => signals::suspend_by(signal, self.supervisor.pid()),
                    Action::Killed => self.log().warn(&options::killed_words(self.arguments)),
                    Action::End(end) => self.end = Some(end),
                }
            }
        }
    }

    /// Starts CMD with what there is. Its values, beside those that are compared later, are gone with that.
    fn spawn(&mut self) -> Event {
        let Some(Coming { child, values, held }) = self.coming.take() else { return Event::NotStarted };
        let surroundings = Surroundings {
            path: self.process.variable("PATH"),
            mask: self.heard.before(),
            door: self.witness.door(),
            ends_by: self.ending.signal,
        };
        match spawn(&child, surroundings) {
            Ok(pid) => {
                self.held.started(held, Instant::now());
                (self.values, self.told) = (values, None);
                // What changed until now is what it has.
                self.changes.forget();
                self.log().detail(&format!("started `{}`, process {pid}", shown(self.arguments)));
                Event::Started(pid.as_raw())
            }
            Err(refused) => {
                self.failure = Some(Failure::Exec(shown(self.arguments), refused));
                Event::NotStarted
            }
        }
    }

    /// Gives everything back, and ends as CMD has ended.
    fn finish(self, upkeep: Upkeep) -> Result<ExitCode, Failure> {
        let log = self.log();
        upkeep.end(self.invocation.last(), &Ask::until(Instant::now() + LAST, log));
        let Self { end, failure, .. } = self;
        match end {
            Some(End::As(Status::Code(code))) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))),
            Some(End::As(Status::Signal(signal))) => signals::end_like(signal),
            // CMD's own 0 would have `restart: on-failure` leave it down, and 125 says that it does not help to start it again.
            Some(End::Changed) => Ok(ExitCode::from(exit::End::NotYet.code(exit::Style::Run))),
            Some(End::CredentialsEnded) => Err(Failure::CredentialsEnded(shown(self.arguments))),
            Some(End::NotStarted) | None => Err(failure.unwrap_or(Failure::NoCommand)),
        }
    }
}
