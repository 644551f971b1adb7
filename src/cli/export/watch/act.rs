//! What is done after a change: a program, a signal, or the end of kz.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::config::variables::Process;
use crate::exec::action::{Action, Ended};
use crate::signals::{Other, Unfound};

use super::super::super::args::watch::Watch;
use super::super::super::failure::Failure;
use super::super::target::usage;

/// How long a program may run where nobody says it.
const TIME: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Debug)]
pub(super) enum Act {
    /// Nothing: whoever uses the secrets looks at them.
    Nothing,
    /// This program, with its arguments, which may run so long.
    Run(Vec<OsString>, Duration),
    /// This signal, to the process of this name or number.
    Tell(Signal, String),
    /// kz ends with this code.
    Exit(u8),
}

impl Act {
    /// What the options say.
    pub(super) fn of(written: &Watch) -> Result<Self, Failure> {
        match (&written.on_change, &written.signal, written.exit_code_on_change) {
            (Some(command), ..) => Ok(Self::Run(words(command)?, written.action_timeout.unwrap_or(TIME))),
            (None, Some(signal), _) => tell(signal),
            (None, None, Some(code)) => Ok(Self::Exit(code)),
            (None, None, None) => Ok(Self::Nothing),
        }
    }

    /// Sends the signal; who got it.
    pub(super) fn tell(signal: Signal, name: &str) -> Result<String, String> {
        let other = Other::find(name).map_err(|unfound| unfound_words(name, unfound))?;
        other.send(signal).map_err(|errno| {
            format!("`{name}`, process {}, cannot be told: {}", other.pid(), errno.desc().to_lowercase())
        })?;
        Ok(format!("sent {signal} to `{name}`, process {}", other.pid()))
    }
}

/// Starts a program, which learns what has changed and where it is.
pub(super) fn start(
    words: &[OsString],
    limit: Duration,
    names: &BTreeSet<String>,
    output: &Path,
    process: &Process,
) -> Result<Action, String> {
    let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let variables = [("KZ_CHANGED", OsStr::new(&names)), ("KZ_OUTPUT", output.as_os_str())];
    Action::start(words, &variables, &process.variables, limit)
        .map_err(|errno| ended_words(words, Ended::NotStarted(errno), limit).unwrap_or_default())
}

/// Why what was run has not succeeded.
pub(super) fn ended_words(words: &[OsString], ended: Ended, limit: Duration) -> Option<String> {
    let program = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    match ended {
        Ended::Done => None,
        Ended::Failed(code) => Some(format!("`{program}` ended with {code}")),
        Ended::Killed => Some(format!("`{program}` was ended by a signal")),
        Ended::Hangs => {
            Some(format!("`{program}` did not end within {} s, and was ended", limit.as_secs_f32()))
        }
        Ended::NotStarted(errno) => {
            Some(format!("`{program}` did not start: {}", errno.desc().to_lowercase()))
        }
    }
}

/// A program, or a JSON array of it and its arguments, as in a Dockerfile.
fn words(written: &str) -> Result<Vec<OsString>, Failure> {
    let text = written.trim();
    if text.starts_with('[') {
        let words: Option<Vec<String>> = serde_json::from_str(text).ok();
        return match words {
            Some(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                Ok(words.into_iter().map(OsString::from).collect())
            }
            _ => usage(
                "`--on-change` begins as a JSON array and is none of texts",
                "write the program and its arguments as in a Dockerfile: `--on-change '[\"nginx\", \"-s\", \"reload\"]'`",
            ),
        };
    }
    if text.is_empty() || text.contains(char::is_whitespace) && !Path::new(text).exists() {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let array = serde_json::to_string(&parts).unwrap_or_default();
        return usage(
            "`--on-change` takes a program, and no shell reads it",
            &format!("with arguments write an array: `--on-change '{array}'`"),
        );
    }
    Ok(vec![OsString::from(text)])
}

/// `HUP:nginx`, `SIGHUP:1`.
fn tell(written: &str) -> Result<Act, Failure> {
    let hint = "write it as in `--signal HUP:nginx`, or with a process number: `--signal HUP:1`";
    let Some((signal, name)) = written.split_once(':').filter(|(_, name)| !name.is_empty()) else {
        return usage("`--signal` does not say to which process", hint);
    };
    let name_of_signal = format!("SIG{}", signal.trim_start_matches("SIG"));
    match Signal::from_str(&name_of_signal) {
        Ok(signal) => Ok(Act::Tell(signal, name.to_owned())),
        Err(_) => usage(&format!("there is no signal `{signal}`"), hint),
    }
}

fn unfound_words(name: &str, unfound: Unfound) -> String {
    match unfound {
        Unfound::None => format!(
            "no process here is `{name}`: kz has to share its process namespace (Compose: `pid: \"service:NAME\"`, a pod: \
             `shareProcessNamespace: true`)"
        ),
        Unfound::Several(number) => format!("{number} processes are `{name}`, and kz tells none of them"),
        Unfound::System(errno) => format!("`{name}` cannot be looked for: {}", errno.desc().to_lowercase()),
    }
}
