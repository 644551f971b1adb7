//! Everything that can end kz with words, as data: `report` has the words.

use crate::output::dotenv::DecodeErrors;
use crate::{config, exec, export, plan, publish, session};

use super::doctor::read::Unread;

/// Everything that can end kz with words.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line is not understood; with a hint.
    CommandLine(String, String),
    /// Options that do not go together; with a hint.
    Usage(String, String),
    /// `kz run --` without a command.
    NoCommand,
    /// The configuration is missing or wrong.
    Config(config::Error),
    /// `--only` names what is not there.
    Unknown(plan::UnknownSecret, Vec<String>),
    /// `kz plan --provider` names what nothing is read from.
    NotRead(String, Vec<String>),
    /// `kz plan` has no policy to print, or not one; with a hint.
    NoPolicy(String, String),
    /// There are no values.
    Session(session::Error),
    /// There are values, and nothing is written.
    Export(export::Error),
    /// Secrets would be shown.
    Terminal,
    /// What is no export could not be written.
    Publish(publish::Error),
    /// Stdout could not be written.
    Stdout(std::io::Error),
    /// The running program cannot be read.
    CannotInstall(std::io::Error),
    /// The running program is another than was meant.
    OtherProgram {
        /// The SHA-256 that was given.
        expected: String,
        /// That of the program.
        found: String,
    },
    /// The env file was not read.
    EnvFile(exec::env_file::Error),
    /// A line of the env file is not one.
    EnvFileLine(std::path::PathBuf, DecodeErrors),
    /// A variable of the env file makes programs run code.
    Dangerous(std::path::PathBuf, Vec<String>),
    /// A value that was to be an open file could not be one.
    MemoryFile(exec::memory_file::Error),
    /// The environment cannot be passed on.
    Unfit(exec::child::Unfit),
    /// CMD did not start.
    Exec(String, exec::child::Refused),
    /// CMD was stopped, since what it was lent has ended.
    CredentialsEnded(String),
    /// `kz doctor` cannot examine a file.
    Examine(std::path::PathBuf, Unread),
    /// `kz init` found a configuration.
    Overwrites(std::path::PathBuf),
    /// `kz explain` was asked for what there is not.
    UnknownCode(String),
    /// The process cannot be looked at.
    Process(std::io::Error),
}

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        Self::Session(error)
    }
}

impl From<export::Error> for Failure {
    fn from(error: export::Error) -> Self {
        Self::Export(error)
    }
}
