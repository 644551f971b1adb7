//! What the options of `--supervise` come to, and the words for it.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::exec::supervise::{OnChange, Rules};
use crate::signals::witness::Ending;

use super::super::super::args::deliver::Run;
use super::super::super::args::supervise::Supervise;
use super::super::shown;

/// How long CMD may take to end where nobody says it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn rules(written: &Supervise, is_init: bool) -> Rules {
    Rules {
        on_change: written.on_change.unwrap_or(OnChange::Restart),
        stop_signal: written.stop_signal.unwrap_or(nix::libc::SIGTERM),
        patience: written.stop_timeout.unwrap_or(PATIENCE),
        asked_patience: written.stop_timeout,
        is_init,
    }
}

pub(super) fn ending(rules: Rules) -> Ending {
    Ending { signal: rules.stop_signal, patience: rules.patience }
}

/// How long this kz waits, of all that have the same change; `chance` is from 0 to 1.
pub(super) fn delay(written: &Supervise, chance: f64) -> Duration {
    written.splay.map_or(Duration::ZERO, |splay| splay.mul_f64(chance.clamp(0.0, 1.0)))
}

/// What is done about a change.
pub(super) fn plan_words(arguments: &Run) -> String {
    let command = shown(arguments);
    match arguments.supervise.on_change.unwrap_or(OnChange::Restart) {
        OnChange::Restart => format!("`{command}` is started anew"),
        OnChange::Tell(signal) => format!("`{command}` gets {}", signal_name(signal)),
        OnChange::Exit => format!("`{command}` is stopped, and kz ends, as `--on-change exit` says"),
    }
}

/// As it is typed.
fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("SIGRTMIN+{}", number - 34),
    }
}

pub(super) fn killed_words(arguments: &Run) -> String {
    let patience = arguments.supervise.stop_timeout.unwrap_or(PATIENCE).as_secs_f32();
    format!("`{}` did not end within {patience} s, and was killed (`--stop-timeout`)", shown(arguments))
}
