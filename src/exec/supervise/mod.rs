//! What becomes of a supervised CMD, decided without I/O and without a clock: an event and the time go in, and what is to be done
//! comes out. Deadlines are asked for, and never slept.
//!
//! A signal gives CMD no other environment: where what it was lent ends, it is started anew, whatever a change does (`Hurry`).
//!
//! Invariants: there is never a second CMD before the first has ended; every signal is passed on as it came, at most once; after a request
//! to stop nothing is started any more; every way leads to one `End`, and to it only when no CMD runs.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use nix::libc;

/// What is done when a value that CMD has is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// CMD is stopped, and started anew.
    Restart,
    /// CMD gets this signal, and keeps its environment.
    Tell(i32),
    /// CMD is stopped, and kz ends.
    Exit,
}

/// How CMD is supervised.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What a change does.
    pub on_change: OnChange,
    /// The signal by which kz stops CMD; who sends it to kz asks kz to stop.
    pub stop_signal: i32,
    /// How long CMD may take to end, when kz stops it.
    pub patience: Duration,
    /// How long it may take when somebody else asks kz to stop. Nothing: that is for them to say, as it is without kz.
    pub asked_patience: Option<Duration>,
    /// Signals have no effect of their own on kz: it is PID 1.
    pub is_init: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What CMD needs is there.
    Ready,
    /// CMD runs, and this is its number.
    Started(i32),
    /// CMD did not start; whoever tried says why.
    NotStarted,
    /// CMD has ended.
    Exited(Status),
    /// CMD was stopped by this signal, as job control does it.
    Suspended(i32),
    /// A signal came to kz.
    Signal(i32, Reach),
    /// A value that CMD has is another one now; what is done about it waits so long.
    Change(Duration),
    /// What CMD was lent has ended, or is about to, and there is nothing else for it.
    CredentialsEnd,
    /// CMD's credentials end before the change is due that would replace them.
    Hurry,
    /// The time that was asked for has come.
    Deadline,
}

/// Who got a signal beside kz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody.
    Alone,
    /// The whole process group, CMD too.
    Group,
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start CMD.
    Spawn,
    /// Send CMD, which has this number, a signal.
    Send(i32, i32),
    /// Stop kz itself by this signal, until it is continued.
    Suspend(i32),
    /// Say that CMD was killed.
    Killed,
    /// Stop supervising.
    End(End),
}

/// How kz ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As CMD did, or as a signal has it.
    As(Status),
    /// CMD was stopped because of a change.
    Changed,
    /// CMD was stopped because its credentials have ended.
    CredentialsEnded,
    /// CMD could not be started.
    NotStarted,
}

/// CMD and what becomes of it.
#[derive(Debug)]
pub struct Supervisor {
    rules: Rules,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Values are being read.
    Waiting,
    /// CMD is being started.
    Starting,
    /// CMD runs; something is done about a change at this time.
    Running { pid: i32, acts: Option<Instant> },
    /// CMD is to end, and is killed at this time.
    Stopping { pid: i32, kills: Option<Instant>, then: Then },
    /// It is over.
    Ended,
}

/// What comes when CMD has been stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Restart,
    /// Somebody asked kz to stop: it ends as CMD does.
    EndAsIt,
    End(End),
}

/// A signal that ends a program, unless that says otherwise.
fn is_fatal(signal: i32) -> bool {
    !matches!(signal, libc::SIGWINCH | libc::SIGCONT | libc::SIGTSTP | libc::SIGURG)
}

/// Signals by which kz ends before there is a CMD, also as PID 1.
const STOPS: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

impl Supervisor {
    /// One whose CMD is still to be started.
    pub fn new(rules: Rules) -> Self {
        Self { rules, state: State::Waiting }
    }

    /// CMD's number, while it runs.
    pub fn pid(&self) -> Option<i32> {
        match self.state {
            State::Running { pid, .. } | State::Stopping { pid, .. } => Some(pid),
            State::Waiting | State::Starting | State::Ended => None,
        }
    }

    /// When the time is to be told.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running { acts, .. } => acts,
            State::Stopping { kills, .. } => kills,
            State::Waiting | State::Starting | State::Ended => None,
        }
    }

    /// Whether CMD runs, and nothing is about to be done about a change.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, State::Running { acts: None, .. })
    }

    /// What follows from an event.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match (self.state, event) {
            (State::Ended, _) => Vec::new(),
            (State::Waiting, Event::Ready) => self.spawn(),
            (State::Starting, Event::Started(pid)) => {
                self.state = State::Running { pid, acts: None };
                Vec::new()
            }
            (State::Starting, Event::NotStarted) => self.end(End::NotStarted),
            (State::Waiting | State::Starting, Event::Signal(signal, _)) => self.signal_without_child(signal),
            (_, Event::Suspended(signal)) => suspended(signal),
            (_, Event::Signal(signal, reach)) => self.signal(signal, reach, now),
            (State::Running { .. }, Event::Exited(status)) => self.end(End::As(status)),
            (State::Running { pid, acts: None }, Event::Change(delay)) => {
                self.state = State::Running { pid, acts: Some(now + delay) };
                if delay.is_zero() { self.act(pid, now) } else { Vec::new() }
            }
            (State::Running { pid, acts: Some(at) }, Event::Deadline) if at <= now => self.act(pid, now),
            (State::Running { pid, .. }, Event::Hurry) => {
                let exits = self.rules.on_change == OnChange::Exit;
                self.stop(pid, if exits { Then::End(End::Changed) } else { Then::Restart }, now)
            }
            (State::Running { pid, .. }, Event::CredentialsEnd) => {
                self.stop(pid, Then::End(End::CredentialsEnded), now)
            }
            (State::Stopping { pid, kills: Some(at), then }, Event::Deadline) if at <= now => {
                self.state = State::Stopping { pid, kills: None, then };
                vec![Action::Send(pid, libc::SIGKILL), Action::Killed]
            }
            (State::Stopping { then, .. }, Event::Exited(status)) => self.stopped(then, status),
            _ => Vec::new(),
        }
    }

    fn spawn(&mut self) -> Vec<Action> {
        self.state = State::Starting;
        vec![Action::Spawn]
    }

    fn end(&mut self, end: End) -> Vec<Action> {
        self.state = State::Ended;
        vec![Action::End(end)]
    }

    /// A signal has the effect on kz that it has on any program.
    fn signal_without_child(&mut self, signal: i32) -> Vec<Action> {
        if signal == libc::SIGTSTP && !self.rules.is_init {
            return vec![Action::Suspend(signal)];
        }
        if is_fatal(signal) && (!self.rules.is_init || self.asks_to_stop(signal) || STOPS.contains(&signal)) {
            return self.end(End::As(Status::Signal(signal)));
        }
        Vec::new()
    }

    fn asks_to_stop(&self, signal: i32) -> bool {
        signal == libc::SIGTERM || signal == self.rules.stop_signal
    }

    fn signal(&mut self, signal: i32, reach: Reach, now: Instant) -> Vec<Action> {
        let Some(pid) = self.pid() else { return Vec::new() };
        if self.asks_to_stop(signal) {
            let asked = self.rules.asked_patience.map(|patience| now + patience);
            // What kz has begun itself goes on.
            let kills = match self.state {
                State::Stopping { kills, .. } => kills.or(asked),
                _ => asked,
            };
            self.state = State::Stopping { pid, kills, then: Then::EndAsIt };
        }
        if reach == Reach::Group { Vec::new() } else { vec![Action::Send(pid, signal)] }
    }

    fn act(&mut self, pid: i32, now: Instant) -> Vec<Action> {
        match self.rules.on_change {
            OnChange::Restart => self.stop(pid, Then::Restart, now),
            OnChange::Exit => self.stop(pid, Then::End(End::Changed), now),
            OnChange::Tell(signal) => {
                self.state = State::Running { pid, acts: None };
                vec![Action::Send(pid, signal)]
            }
        }
    }

    fn stop(&mut self, pid: i32, then: Then, now: Instant) -> Vec<Action> {
        self.state = State::Stopping { pid, kills: Some(now + self.rules.patience), then };
        vec![Action::Send(pid, self.rules.stop_signal)]
    }

    fn stopped(&mut self, then: Then, status: Status) -> Vec<Action> {
        match then {
            Then::Restart => self.spawn(),
            Then::EndAsIt => self.end(End::As(status)),
            Then::End(end) => self.end(end),
        }
    }
}

/// kz stops with CMD where a terminal does it, so that the shell that waits for kz sees it. What stops CMD alone, as a debugger
/// does, does not stop who renews its leases.
fn suspended(signal: i32) -> Vec<Action> {
    if [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal) {
        vec![Action::Suspend(signal)]
    } else {
        Vec::new()
    }
}
