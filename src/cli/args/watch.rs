//! What can be typed of `kz export --watch`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::session::settle::Settling;

use super::duration;

/// `--watch` and what belongs to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "To stay and watch")]
pub(in crate::cli) struct Watch {
    /// Stay; read everything again each INTERVAL, renew leases before they end, and replace what is
    /// written when it has changed; SIGHUP reads everything at once, the configuration too
    #[arg(long = "watch", id = "stays", value_name = "INTERVAL", value_parser = interval)]
    pub interval: Option<Duration>,
    /// After a change, run this: a program, or with its arguments a JSON array, as in a Dockerfile; no shell.
    /// It finds the names of the secrets in `KZ_CHANGED`, and no variable of kz's own
    #[arg(long, value_name = "CMD", requires = "stays", conflicts_with_all = ["signal", "exit_code_on_change"])]
    pub on_change: Option<String>,
    /// After a change, send this to the process of this name or number, as in HUP:nginx; it has to be in
    /// the same process namespace
    #[arg(long, value_name = "SIGNAL:PROCESS", requires = "stays", conflicts_with = "exit_code_on_change")]
    pub signal: Option<String>,
    /// After a change, exit with this code, for who restarts what depends on kz
    #[arg(long, value_name = "CODE", requires = "stays", value_parser = clap::value_parser!(u8).range(1..))]
    pub exit_code_on_change: Option<u8>,
    /// What to do when a secret is gone, or denied, that was there: `keep` what is written, `exit`, or keep
    /// it and do what is done after a change [default: keep]
    #[arg(long, value_enum, value_name = "WHAT", requires = "stays")]
    pub on_loss: Option<OnLoss>,
    /// When that is done.
    #[command(flatten)]
    pub settle: Settle,
    /// How long the program of --on-change may run [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "on_change")]
    pub action_timeout: Option<Duration>,
    /// Remove what is written when kz is asked to stop
    #[arg(long, requires = "stays")]
    pub wipe_on_exit: bool,
}

/// When something is done after a change, of a kz that stays.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the options' names")]
pub(in crate::cli) struct Settle {
    /// What is done after a change waits until nothing has changed for this long [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stays")]
    pub settle: Option<Duration>,
    /// But no longer than this [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "stays")]
    pub settle_max: Option<Duration>,
    /// And it is done at most so often in an hour [default: 12]
    #[arg(long, value_name = "N", requires = "stays", value_parser = clap::value_parser!(u16).range(1..))]
    pub actions_per_hour: Option<u16>,
}

impl Settle {
    /// With what holds where nothing is written.
    pub(in crate::cli) fn settling(&self) -> Settling {
        Settling {
            quiet: self.settle.unwrap_or(Duration::from_secs(5)),
            longest: self.settle_max.unwrap_or(Duration::from_secs(30)),
            per_hour: self.actions_per_hour.unwrap_or(12).into(),
        }
    }
}

/// What is done when a secret is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OnLoss {
    /// What is written stays, and the loss is said
    #[default]
    Keep,
    /// kz exits
    Exit,
    /// What is written stays, and what is done after a change is done
    Action,
}

/// Backends are asked at most once a second.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_secs(1) { Err("a time of at least 1s".to_owned()) } else { Ok(interval) }
}
