//! What becomes of a supervised CMD, as sentences of what happens at which second and what is done then; and, by chance, whatever
//! happens in whatever order.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const TERM: i32 = libc::SIGTERM;
const INT: i32 = libc::SIGINT;
const HUP: i32 = libc::SIGHUP;
const KILL: i32 = libc::SIGKILL;

const RULES: Rules = Rules {
    on_change: OnChange::Restart,
    stop_signal: TERM,
    patience: Duration::from_secs(10),
    asked_patience: None,
    is_init: false,
};

/// A sentence: what happens at which second, and what is done then.
type Sentence = (u64, Event, Vec<Action>);

fn at(second: u64, event: Event, actions: &[Action]) -> Sentence {
    (second, event, actions.to_vec())
}

/// How every sentence begins: CMD is 7.
fn running() -> [Sentence; 2] {
    [at(0, Event::Ready, &[Action::Spawn]), at(0, Event::Started(7), &[])]
}

fn exited(status: Status) -> Event {
    Event::Exited(status)
}

fn ended(end: End) -> [Action; 1] {
    [Action::End(end)]
}

fn signal(signal: i32) -> Event {
    Event::Signal(signal, Reach::Alone)
}

#[track_caller]
fn hold(title: &str, rules: Rules, sentences: impl IntoIterator<Item = Sentence>) {
    let (start, mut supervisor) = (Instant::now(), Supervisor::new(rules));
    for (second, event, expected) in sentences {
        let done = supervisor.handle(event, start + SECOND * u32::try_from(second).unwrap());
        assert_eq!(done, expected, "{title}: {event:?} at {second} s");
    }
}

#[track_caller]
fn hold_running(title: &str, rules: Rules, sentences: impl IntoIterator<Item = Sentence>) {
    hold(title, rules, running().into_iter().chain(sentences));
}

#[test]
fn a_change_stops_cmd_and_starts_it_when_it_has_ended() {
    let change = Event::Change(Duration::ZERO);
    hold_running(
        "restart",
        RULES,
        [
            at(5, change, &[Action::Send(7, TERM)]),
            at(6, Event::Change(Duration::ZERO), &[]),
            at(7, exited(Status::Signal(TERM)), &[Action::Spawn]),
            at(7, Event::Started(8), &[]),
            at(8, change, &[Action::Send(8, TERM)]),
        ],
    );
    let other = Rules { stop_signal: libc::SIGQUIT, ..RULES };
    hold_running("by its own signal", other, [at(5, change, &[Action::Send(7, libc::SIGQUIT)])]);
    let told = Rules { on_change: OnChange::Tell(HUP), ..RULES };
    hold_running(
        "signal",
        told,
        [
            at(5, change, &[Action::Send(7, HUP)]),
            at(6, change, &[Action::Send(7, HUP)]),
            at(7, exited(Status::Code(0)), &ended(End::As(Status::Code(0)))),
        ],
    );
    let exit = Rules { on_change: OnChange::Exit, ..RULES };
    hold_running(
        "exit",
        exit,
        [at(5, change, &[Action::Send(7, TERM)]), at(6, exited(Status::Code(0)), &ended(End::Changed))],
    );
}

#[test]
fn a_change_waits_for_its_delay_and_is_not_delayed_by_another() {
    hold_running(
        "splay",
        RULES,
        [
            at(5, Event::Change(SECOND * 3), &[]),
            at(6, Event::Change(SECOND * 3), &[]),
            at(7, Event::Deadline, &[]),
            at(8, Event::Deadline, &[Action::Send(7, TERM)]),
        ],
    );
    hold_running(
        "credentials end before",
        RULES,
        [
            at(5, Event::Change(SECOND * 60), &[]),
            at(6, Event::Hurry, &[Action::Send(7, TERM)]),
            at(7, exited(Status::Code(0)), &[Action::Spawn]),
        ],
    );
}

#[test]
fn one_that_ignores_the_stop_signal_is_killed_once() {
    hold_running(
        "restart",
        RULES,
        [
            at(5, Event::Change(Duration::ZERO), &[Action::Send(7, TERM)]),
            at(14, Event::Deadline, &[]),
            at(15, Event::Deadline, &[Action::Send(7, KILL), Action::Killed]),
            at(16, Event::Deadline, &[]),
            at(17, exited(Status::Signal(KILL)), &[Action::Spawn]),
        ],
    );
    hold_running(
        "asked, whoever asks has patience",
        RULES,
        [
            at(5, signal(TERM), &[Action::Send(7, TERM)]),
            at(500, Event::Deadline, &[]),
            at(501, exited(Status::Code(3)), &ended(End::As(Status::Code(3)))),
        ],
    );
    let asked = Rules { asked_patience: Some(SECOND * 10), ..RULES };
    hold_running(
        "asked, and a time is said",
        asked,
        [
            at(5, signal(TERM), &[Action::Send(7, TERM)]),
            at(15, Event::Deadline, &[Action::Send(7, KILL), Action::Killed]),
            at(15, exited(Status::Signal(KILL)), &ended(End::As(Status::Signal(KILL)))),
        ],
    );
}

#[test]
fn after_a_request_to_stop_nothing_is_started() {
    let end = || at(9, exited(Status::Signal(TERM)), &ended(End::As(Status::Signal(TERM))));
    hold_running(
        "while it restarts",
        RULES,
        [
            at(5, Event::Change(Duration::ZERO), &[Action::Send(7, TERM)]),
            at(6, signal(TERM), &[Action::Send(7, TERM)]),
            end(),
        ],
    );
    hold_running(
        "and the time that kz gave it runs on",
        RULES,
        [
            at(5, Event::Change(Duration::ZERO), &[Action::Send(7, TERM)]),
            at(6, signal(TERM), &[Action::Send(7, TERM)]),
            at(15, Event::Deadline, &[Action::Send(7, KILL), Action::Killed]),
        ],
    );
    hold_running(
        "and then changes",
        RULES,
        [
            at(5, signal(TERM), &[Action::Send(7, TERM)]),
            at(6, Event::Change(Duration::ZERO), &[]),
            at(7, Event::CredentialsEnd, &[]),
            at(8, Event::Hurry, &[]),
            end(),
        ],
    );
    hold(
        "between two of them",
        RULES,
        running().into_iter().chain([
            at(5, Event::Change(Duration::ZERO), &[Action::Send(7, TERM)]),
            at(6, exited(Status::Code(0)), &[Action::Spawn]),
            at(6, signal(TERM), &ended(End::As(Status::Signal(TERM)))),
            at(6, Event::Started(8), &[]),
        ]),
    );
    let own = Rules { stop_signal: INT, ..RULES };
    hold_running(
        "by the signal that stops it",
        own,
        [at(5, signal(INT), &[Action::Send(7, INT)]), at(6, Event::Change(Duration::ZERO), &[])],
    );
}

#[test]
fn every_other_signal_is_passed_on_and_ends_nothing() {
    let all = (1..=64).filter(|signal| ![TERM, KILL, libc::SIGSTOP].contains(signal));
    let passed = all.map(|number| at(5, signal(number), &[Action::Send(7, number)]));
    let then = at(6, Event::Change(Duration::ZERO), &[Action::Send(7, TERM)]);
    hold_running("passed on", RULES, passed.chain([then]));
    let had = (1..=64).map(|number| at(5, Event::Signal(number, Reach::Group), &[]));
    hold_running("CMD has it already", RULES, had);
}

#[test]
fn a_request_to_stop_that_the_whole_group_has_is_one() {
    hold_running(
        "",
        RULES,
        [
            at(5, Event::Signal(TERM, Reach::Group), &[]),
            at(6, Event::Change(Duration::ZERO), &[]),
            at(7, exited(Status::Code(0)), &ended(End::As(Status::Code(0)))),
        ],
    );
}

#[test]
fn kz_ends_as_cmd_does() {
    for status in (0..=255).map(Status::Code).chain((1..=64).map(Status::Signal)) {
        hold_running("", RULES, [at(5, exited(status), &ended(End::As(status)))]);
    }
    hold(
        "it does not start",
        RULES,
        [
            at(0, Event::Ready, &[Action::Spawn]),
            at(0, Event::NotStarted, &ended(End::NotStarted)),
            at(1, signal(TERM), &[]),
        ],
    );
}

#[test]
fn on_dead_credentials_cmd_does_not_run() {
    hold_running(
        "",
        RULES,
        [
            at(5, Event::CredentialsEnd, &[Action::Send(7, TERM)]),
            at(15, Event::Deadline, &[Action::Send(7, KILL), Action::Killed]),
            at(16, exited(Status::Signal(KILL)), &ended(End::CredentialsEnded)),
        ],
    );
}

#[test]
fn before_there_is_a_cmd_signals_have_their_own_effect() {
    let init = Rules { is_init: true, ..RULES };
    for (number, ends, ends_init) in [
        (TERM, true, true),
        (INT, true, true),
        (HUP, true, true),
        (libc::SIGQUIT, true, true),
        (libc::SIGUSR1, true, false),
        (40, true, false),
        (libc::SIGWINCH, false, false),
        (libc::SIGCONT, false, false),
    ] {
        for (rules, ends) in [(RULES, ends), (init, ends_init)] {
            let expected = if ends { ended(End::As(Status::Signal(number))).to_vec() } else { Vec::new() };
            hold("", rules, [(0, signal(number), expected)]);
        }
    }
}

#[test]
fn kz_is_suspended_with_cmd_by_a_terminal_alone() {
    for number in [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
        hold_running("", RULES, [at(5, Event::Suspended(number), &[Action::Suspend(number)])]);
    }
    hold_running("a debugger", RULES, [at(5, Event::Suspended(libc::SIGSTOP), &[])]);
}

/// A generator of numbers that repeats (a linear congruence), so that a failure does too.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn whatever_happens_there_is_one_cmd_and_one_end() {
    for seed in 0..2000 {
        let (mut chance, mut supervisor) = (Chance(seed), Supervisor::new(RULES));
        let (mut now, mut alive, mut spawned, mut ends, mut asked) = (Instant::now(), None, 0, 0, false);
        let mut actions = supervisor.handle(Event::Ready, now);
        for _ in 0..200 {
            for action in std::mem::take(&mut actions) {
                assert_eq!(ends, 0, "{seed}: {action:?} after the end");
                match action {
                    Action::Spawn => {
                        assert!(alive.is_none() && !asked, "{seed}: two of them, or one after the request");
                        spawned += 1;
                        alive = Some(spawned);
                        assert!(supervisor.handle(Event::Started(spawned), now).is_empty());
                    }
                    Action::Send(pid, _) => assert_eq!(alive, Some(pid), "{seed}: a signal to nobody"),
                    Action::End(_) => {
                        assert_eq!(alive, None, "{seed}: it is left behind");
                        ends += 1;
                    }
                    Action::Suspend(_) | Action::Killed => {}
                }
            }
            now += SECOND * u32::try_from(chance.next(5)).unwrap();
            let event = match chance.next(8) {
                0 | 1 if alive.take().is_some() => Event::Exited(Status::Code(0)),
                2 => Event::Change(SECOND * u32::try_from(chance.next(3)).unwrap()),
                3 if chance.next(10) == 0 => {
                    asked |= ends == 0;
                    signal(TERM)
                }
                4 => signal(libc::SIGUSR1),
                5 => Event::Hurry,
                6 if chance.next(10) == 0 => Event::CredentialsEnd,
                _ => Event::Deadline,
            };
            actions = supervisor.handle(event, now);
        }
    }
}
