//! What can be typed of `kz run --supervise`.

use std::str::FromStr as _;
use std::time::Duration;

use clap::Args;
use nix::libc;
use nix::sys::signal::Signal;

use crate::exec::supervise::OnChange;

use super::duration;
use super::watch::{Settle, interval};

/// `--supervise` and what belongs to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "To stay and supervise")]
pub(in crate::cli) struct Supervise {
    /// Stay as the parent of the command: renew leases before they end, pass every signal on, and start the
    /// command anew when a value that it has is another one now
    #[arg(long = "supervise", id = "stays")]
    pub stays: bool,
    /// After a change: `restart` the command, send it a signal, as in `signal:HUP` (its environment stays as
    /// it is), or `exit`, for who restarts kz [default: restart]
    #[arg(long, value_name = "WHAT", value_parser = on_change, requires = "stays")]
    pub on_change: Option<OnChange>,
    /// The signal by which kz stops the command [default: TERM]
    #[arg(long, value_name = "SIGNAL", value_parser = stop_signal, requires = "stays")]
    pub stop_signal: Option<i32>,
    /// How long the command may take to end before it is killed; without this 10s when kz stops it, and
    /// when kz is asked to stop as long as who asks waits
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stays")]
    pub stop_timeout: Option<Duration>,
    /// What is done after a change waits for a random time up to this, so that not all do it at once
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stays")]
    pub splay: Option<Duration>,
    /// Read again each INTERVAL what is neither leased nor changed by its backend at a time; without this,
    /// never
    #[arg(long, value_name = "INTERVAL", value_parser = interval, requires = "stays")]
    pub watch: Option<Duration>,
    /// How often.
    #[command(flatten)]
    pub settle: Settle,
}

fn on_change(text: &str) -> Result<OnChange, String> {
    match (text, text.split_once(':')) {
        ("restart", _) => Ok(OnChange::Restart),
        ("exit", _) => Ok(OnChange::Exit),
        (_, Some(("signal", name))) => match signal(name)? {
            libc::SIGKILL | libc::SIGSTOP => {
                Err("no program hears of that signal: `restart`, `exit`, or another one, as in `signal:HUP`"
                    .to_owned())
            }
            number => Ok(OnChange::Tell(number)),
        },
        _ => Err("`restart`, `exit`, or a signal as in `signal:HUP`".to_owned()),
    }
}

/// Not one that stops a program until it is continued, or has it go on: nothing ends by it.
fn stop_signal(text: &str) -> Result<i32, String> {
    match signal(text)? {
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU | libc::SIGCONT | libc::SIGCHLD => {
            Err("no program ends by that signal: one that the command ends by, as in TERM, QUIT or RTMIN+3"
                .to_owned())
        }
        number => Ok(number),
    }
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+3`: SIGRTMIN is the 34 of glibc and of every engine's tools.
fn signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |rest: &str, sign: char| match rest.strip_prefix(sign) {
        Some(digits) => digits.parse::<i32>().ok(),
        None => rest.is_empty().then_some(0),
    };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        offset(rest, '+').map(|offset| 34 + offset).filter(|number| (34..=64).contains(number))
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        offset(rest, '-').map(|offset| 64 - offset).filter(|number| (34..=64).contains(number))
    } else if let Ok(number) = name.parse::<i32>() {
        (1..=64).contains(&number).then_some(number)
    } else {
        Signal::from_str(&format!("SIG{name}")).ok().map(|signal| signal as i32)
    };
    number.ok_or_else(|| "a signal, as in TERM, QUIT or RTMIN+3".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_does_not_hear_of_or_end_by_is_refused() {
        for text in ["signal:KILL", "signal:STOP", "signal:", "signal", "HUP", ""] {
            assert!(on_change(text).is_err(), "{text}");
        }
        for text in ["STOP", "TSTP", "CONT", "CHLD"] {
            assert!(stop_signal(text).is_err(), "{text}");
        }
        // As of httpd, php-fpm, systemd.
        for (text, number) in [("WINCH", 28), ("QUIT", 3), ("RTMIN+3", 37), ("KILL", 9)] {
            assert_eq!(stop_signal(text), Ok(number));
        }
        assert_eq!(on_change("signal:USR1"), Ok(OnChange::Tell(10)));
    }

    #[test]
    fn a_signal_is_a_name_or_a_number() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGQUIT", 3),
            ("int", 2),
            ("9", 9),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(signal(text), Ok(number), "{text}");
        }
        for text in ["", "0", "65", "TERMINATE", "RTMIN+31", "RTMIN-1", "RTMAX+1", "-1"] {
            assert!(signal(text).is_err(), "{text}");
        }
    }
}
