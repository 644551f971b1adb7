//! What can be typed: options of every command, the commands, and help that teaches by example. No I/O.
//!
//! `deliver` has the commands that bring secrets somewhere, `look` those that only say something.

pub(super) mod deliver;
pub(super) mod look;
pub(super) mod supervise;
pub(super) mod watch;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::config::{parse_duration, secret::parse_mode};
use crate::publish::is_directory_mode;
use deliver::{Export, Install, Run};
use look::{Check, Completions, Doctor, Explain, Init, Plan, SCHEMA_EXAMPLES, Status};

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("KZ_COMMIT"), ", ", env!("KZ_TARGET"), ")");

const EXAMPLES: &str = "\
Examples:
  kz init                                            a commented .keyzero.toml to begin with
  kz validate                                        check .keyzero.toml, contact nothing
  kz status                                          ask every backend, show no value
  kz doctor compose.yaml                             what will go wrong there, before it does
  kz plan                                            calls, cost and policies, contact nothing
  kz run -- node server.js                           become the server, secrets in its environment
  kz export --format files --output /secrets         one file per secret, for *_FILE variables
  kz export --format env --output /secrets/.env      KEY=value lines, all or none
  kz run --env-file /secrets/.env -- ./server        use what an init service exported
  kz check /secrets                                  is it all there, and as it was written?
  kz install /kz                                     kz itself, for an image without a shell

Exit codes: 0 done, 1 a secret could not be resolved, 2 usage or configuration, 4 the output could
not be written, 75 not yet: what failed may pass by itself; for `kz run` 75 likewise, 125, 126, 127 as
in `docker run`, otherwise the command's own.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "kz", version = VERSION, disable_help_subcommand = true, max_term_width = 100)]
#[command(about = "Brings secrets to containers when they start", after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// What is typed beside `--env-file` although that reads no configuration, and what to do: whoever types it expects
    /// something of it. (clap's own conflicts do not see an option that stands before `run`.)
    pub(super) fn contradiction(&self) -> Option<(String, String)> {
        let Command::Run(Run { env_file: Some(_), supervise, .. }) = &self.command else { return None };
        if supervise.stays {
            let message = "`--supervise` renews and reads again what a configuration names, and `--env-file` reads none";
            let hint = "leave `--env-file` out and mount the configuration, or leave `--supervise` out";
            return Some((message.to_owned(), hint.to_owned()));
        }
        let option = match (&self.common.config, &self.common.environment) {
            (Some(_), _) => "--config",
            (None, Some(_)) => "--env",
            (None, None) => return None,
        };
        let message = format!("`{option}` is about the configuration, which `--env-file` does not read");
        Some((message, format!("leave `{option}` out, or `--env-file`")))
    }
}

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Read this file instead of looking for .keyzero.toml here and above [variable: `KEYZERO_CONFIG`]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Lay [NAME.secrets] over [secrets] [variable: `KEYZERO_ENV`]
    #[arg(long = "env", global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub environment: Option<String>,
    /// Give up on backends and locks after this long [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Leave a token that kz got itself to expire, instead of revoking it once nothing hangs on it
    #[arg(long, global = true)]
    pub no_revoke: bool,
    /// Say each step
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What stderr is written as: lines for people, or a JSON object a line
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        default_value = "text",
        hide_default_value = true
    )]
    pub log_format: LogFormat,
}

/// The forms of what is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// `kz: …`
    Text,
    /// {"time":"…","level":"info","message":"…"}
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the secrets to a file, a directory or stdout, all or none, and exit
    Export(Export),
    /// Become a command that has the secrets in its environment
    Run(Run),
    /// Copy the kz that runs into a volume, for images without a shell
    Install(Install),
    /// Check the configuration without contacting anything
    Validate,
    /// Say whether what was exported is complete, unmodified and fresh: for healthchecks
    Check(Check),
    /// Ask every backend and say of each secret whether it is there, without showing it
    Status(Status),
    /// Say what a start would read, in how many calls, at what cost and with which permissions
    Plan(Plan),
    /// Find what will go wrong in a Compose file or a pod manifest, before it does
    Doctor(Doctor),
    /// Write a commented .keyzero.toml for what is in this directory
    Init(Init),
    /// Print the JSON Schema of .keyzero.toml, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Say what an error's code means, and what to do
    Explain(Explain),
    /// Print the completions of a shell
    Completions(Completions),
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time such as 60s, 500ms or 2m".to_owned())
}

fn mode(text: &str) -> Result<u32, String> {
    parse_mode(text).ok_or_else(|| "octal permission bits that let the owner read, such as 0400".to_owned())
}

fn directory_mode(text: &str) -> Result<u32, String> {
    let said = "octal permission bits that give the owner everything and nobody else the right to write, such as 0750";
    parse_mode(text).filter(|mode| is_directory_mode(*mode)).ok_or_else(|| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_belongs_to_the_command() {
        let parsed = Arguments::try_parse_from(["kz", "run", "-v", "--", "sh", "-c", "--only"]).unwrap();
        let Command::Run(run) = parsed.command else { panic!("not run") };
        assert_eq!(run.command, ["sh", "-c", "--only"]);
        assert!(parsed.common.verbose);
    }
}
