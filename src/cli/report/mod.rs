//! The one place that turns an error into words, a code and an exit code.
//!
//! `kz: error:` says what failed, with its code, `caused by:` why, `kz: hint:` what to type. Lower case, no full
//! stop, readable without colour, control characters escaped; with `--log-format json` the same as objects.

mod config;
mod failures;
mod run;
mod template;
mod words;

use std::error::Error as _;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;

use crate::config::problem;
use crate::log::Format;
use crate::output::Refusal;
use crate::output::dotenv::DecodeErrors;
use crate::resolve::Failures;
use crate::{config as configuration, exec, plan, publish};

use super::doctor::Unread;
use super::explain::Code;
use super::export::template::Trouble;
use super::suspects::Suspects;
use config::config_words;
use failures::resolve_words;
use run::{dangerous_words, env_file_line_words, env_file_words, exec_words, no_command_words, unfit_code};
use template::template_words;
use words::Words;

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
    Config(configuration::Error),
    /// `--only` names what is not there.
    Unknown(plan::UnknownSecret, Vec<String>),
    /// `kz plan --provider` names what nothing is read from.
    NotRead(String, Vec<String>),
    /// `kz plan` has no policy to print, or not one; with a hint.
    NoPolicy(String, String),
    /// Secrets could not be had.
    Resolve(Failures),
    /// The deadline passed.
    Deadline(Duration),
    /// Templates are wrong, or values do not fit them; with the names of all secrets.
    Templates(Vec<Trouble>, Vec<String>),
    /// Values do not fit the form; with a hint, or an empty one.
    Output(Vec<Refusal>, String),
    /// Secrets would be shown.
    Terminal,
    /// The target could not be written.
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
    /// An owner's name is not known.
    Owner(String),
    /// The env file was not read.
    EnvFile(exec::env_file::Error),
    /// A line of the env file is not one.
    EnvFileLine(std::path::PathBuf, DecodeErrors),
    /// A variable of the env file makes programs run code.
    Dangerous(std::path::PathBuf, Vec<String>),
    /// A value that was to be an open file could not be one.
    MemoryFile(exec::memory_file::Error),
    /// The environment cannot be passed on.
    Unfit(exec::environment::Unfit),
    /// CMD did not start.
    Exec(String, exec::Refused),
    /// `kz doctor` cannot examine a file.
    Examine(std::path::PathBuf, Unread),
    /// `kz init` found a configuration.
    Overwrites(std::path::PathBuf),
    /// `kz explain` was asked for what there is not.
    UnknownCode(String),
    /// The process cannot be looked at.
    Process(std::io::Error),
    /// What backends are waited for with cannot be made.
    EventLoop(std::io::Error),
}

/// Whether the failing command is `run`, whose own failures are all 125.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The exit codes of design.md §4.
    Plain,
    /// Those of `docker run`.
    Run,
}

/// How an error is said.
#[derive(Debug)]
pub(super) struct Manner {
    /// Whose exit codes apply.
    pub(super) style: Style,
    /// For people, or for programs.
    pub(super) format: Format,
    /// What is not repeated of the command line.
    pub(super) suspects: Suspects,
}

/// Says what failed, on stderr, and returns the exit code that goes with it. A reader of stdout that has seen enough, as
/// in `kz plan | head`, is no failure to speak of: kz ends as other programs then do.
pub(super) fn report(failure: &Failure, manner: &Manner) -> ExitCode {
    if matches!(failure, Failure::Stdout(error) if error.kind() == ErrorKind::BrokenPipe)
        && let Some(code) = exec::end_by_closed_pipe()
    {
        return ExitCode::from(code);
    }
    let words = words(failure);
    words.say(manner);
    ExitCode::from(exit_code(words.code(), manner.style))
}

/// The exit code that goes with an error's.
pub(super) fn exit_code(code: Code, style: Style) -> u8 {
    match (code, code.class(), style) {
        (Code::NotFound, ..) => 127,
        (Code::NotExecutable, ..) => 126,
        (_, 5, _) | (.., Style::Run) => 125,
        (_, 0 | 1, _) => 1,
        (_, 4, _) => 4,
        _ => 2,
    }
}

fn words(failure: &Failure) -> Words {
    match failure {
        Failure::CommandLine(message, hint) => Words::error(Code::CommandLine, message).hint(hint),
        Failure::Usage(message, hint) => Words::error(Code::Options, message).hint(hint),
        Failure::NoCommand => no_command_words(),
        Failure::Config(error) => config_words(error),
        Failure::Unknown(error, known) => {
            unknown_words(error.to_string(), &error.0, known, "the configuration has")
        }
        Failure::NotRead(name, known) => {
            let message = format!("nothing is read from a provider `{name}`");
            unknown_words(message, name, known, "the plan has")
        }
        Failure::NoPolicy(message, hint) => Words::error(Code::NoPolicy, message).hint(hint),
        Failure::Resolve(failures) => resolve_words(failures),
        Failure::Deadline(deadline) => deadline_words(*deadline),
        Failure::Templates(troubles, known) => template_words(troubles, known),
        Failure::Output(refusals, hint) => output_words(refusals, hint),
        Failure::Terminal => {
            Words::error(Code::Terminal, "stdout is a terminal, where secrets would be seen and kept").hint(
                "send them on, as in `s=$(kz export --format shell) && eval \"$s\"`, or show them with `--reveal`",
            )
        }
        Failure::Publish(error) => publish_words(error),
        Failure::Stdout(error) => Words::error(Code::Stdout, "cannot write to stdout").cause(system(error)),
        Failure::CannotInstall(error) => {
            Words::error(Code::CannotInstall, "cannot read `/proc/self/exe`, the program that runs")
                .cause(system(error))
                .hint("mount /proc, or copy `/usr/local/bin/kz` by hand")
        }
        Failure::OtherProgram { expected, found } => other_program_words(expected, found),
        Failure::Owner(name) => {
            Words::error(Code::UnknownOwner, format!("`{name}` is no owner that is known here"))
                .hint("write numbers, as in `--owner 999:999`: this image need not know the vendor's users")
        }
        Failure::EnvFile(error) => env_file_words(error),
        Failure::EnvFileLine(path, error) => env_file_line_words(path, error),
        Failure::Dangerous(path, names) => dangerous_words(path, names),
        Failure::MemoryFile(error) => Words::error(Code::MemoryFile, error.to_string())
            .hint("raise the memory or descriptor limit of the container, or leave `deliver = \"fd\"` out"),
        Failure::Unfit(error) => Words::error(unfit_code(error), error.to_string())
            .hint("deliver it as a file: `kz export --format files`, or leave it out with `--only`"),
        Failure::Exec(program, refused) => exec_words(program, *refused),
        Failure::Examine(path, unread) => examine_words(path, unread),
        Failure::Overwrites(path) => {
            let message = format!("`{}` is there already, and `kz init` overwrites nothing", path.display());
            Words::error(Code::Overwrites, message)
                .hint("`kz validate` checks it; `kz init --print` shows what a new one would be")
        }
        Failure::UnknownCode(written) => {
            Words::error(Code::NoSuchError, format!("no error has the code `{written}`"))
                .hint("`kz explain` lists all of them")
        }
        Failure::Process(error) => Words::error(Code::Process, "cannot tell the working directory")
            .cause(system(error))
            .hint("start kz in a directory that exists: `cd /app`, or `working_dir: /app`"),
        Failure::EventLoop(error) => Words::error(Code::EventLoop, "cannot wait for backends")
            .cause(system(error))
            .hint("raise the limit of open files, `ulimits: { nofile: 1024 }`, or use the engine's own seccomp profile"),
    }
}

fn unknown_words(message: String, word: &str, known: &[String], intro: &str) -> Words {
    Words::error(Code::UnknownName, message).hint(nearest_or(word, known, intro))
}

fn deadline_words(deadline: Duration) -> Words {
    let message = format!("the backends did not answer within {} s", deadline.as_secs());
    Words::error(Code::Deadline, message).hint("give it longer with `--timeout 120s`")
}

fn other_program_words(expected: &str, found: &str) -> Words {
    let message = "this is not the program that `--verify` names, so nothing is installed";
    Words::error(Code::OtherProgram, message)
        .cause(format!("its SHA-256 is {found}, not {expected}"))
        .hint("name the image that was meant by its digest: `image: kz@sha256:…`")
}

/// The nearest known word, or else all of them.
fn nearest_or(word: &str, known: &[String], intro: &str) -> String {
    if known.is_empty() {
        return "`kz validate` says what the configuration holds".to_owned();
    }
    problem::instead(word, &known.iter().map(String::as_str).collect::<Vec<_>>(), intro)
}

/// What the system said, without the number that Rust adds.
pub(super) fn system(error: &std::io::Error) -> String {
    // Of these two every C library has other words.
    if let Some(errno @ (Errno::EMFILE | Errno::ENFILE)) = error.raw_os_error().map(Errno::from_raw) {
        return errno.desc().to_lowercase();
    }
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

fn output_words(refusals: &[Refusal], hint: &str) -> Words {
    let number = refusals.len();
    let error = if number == 1 {
        "a secret does not fit the format, so nothing is written".to_owned()
    } else {
        format!("{number} secrets do not fit the format, so nothing is written")
    };
    let words = Words::error(Code::DoesNotFit, error);
    let words = refusals
        .iter()
        .fold(words, |words, refusal| words.cause(format!("{}: {}", refusal.name, refusal.reason)));
    words.hint_maybe(Some(hint).filter(|hint| !hint.is_empty()))
}

fn examine_words(path: &Path, unread: &Unread) -> Words {
    use crate::doctor::Unreadable;
    let (code, hint) = match unread {
        Unread::Missing => (Code::ExamineMissing, "name the file: `kz doctor compose.yaml`"),
        Unread::Directory | Unread::NotRegular => {
            (Code::ExamineKind, "name a file in it: `kz doctor compose.yaml`")
        }
        Unread::System(_) => (Code::ExamineUnreadable, "look at its owner and mode: `ls -l`"),
        Unread::TooLarge => {
            (Code::ExamineTooLarge, "name the Compose file, or the manifest, that a person wrote")
        }
        Unread::NotText(_) => (Code::ExamineNotText, "write it as UTF-8: `iconv -t UTF-8`"),
        Unread::Content(Unreadable::Syntax(_)) => {
            (Code::ExamineSyntax, "look at that line and the one above: indentation, a missing quote, a tab")
        }
        Unread::Content(Unreadable::TooMuch) => {
            (Code::ExamineTooMuch, "write out what its aliases say, or examine a smaller file")
        }
        Unread::Content(Unreadable::Neither) => {
            (Code::ExamineNeither, "name a Compose file, or manifests with `apiVersion` and `kind`")
        }
    };
    let words = Words::error(code, format!("`{}` {unread}", path.display()));
    let words = match unread {
        Unread::System(error) => words.cause(system(error)),
        _ => words,
    };
    words.hint(hint)
}

fn publish_words(error: &publish::Error) -> Words {
    let mut words = Words::error(publish_code(error), error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        words = words.cause(error.to_string());
        cause = error.source();
    }
    words.hint_maybe(error.hint())
}

fn publish_code(error: &publish::Error) -> Code {
    use publish::Error;
    match error {
        Error::DirectoryMissing { .. } => Code::DirectoryMissing,
        Error::NotADirectory { .. } => Code::NotADirectory,
        Error::LinkNotFollowed { .. } => Code::LinkNotFollowed,
        Error::TargetIsDirectory { .. } => Code::TargetIsDirectory,
        Error::TargetKind { .. } => Code::TargetKind,
        Error::Exists { .. } => Code::Overwrites,
        Error::Reserved { .. } => Code::Reserved,
        Error::MountPoint { .. } => Code::MountPoint,
        Error::ReadOnly { .. } => Code::ReadOnly,
        Error::NoSpace { .. } => Code::NoSpace,
        Error::Denied { .. } => Code::OutputDenied,
        Error::OwnerDenied { .. } => Code::OwnerDenied,
        Error::OwnerUnmapped { .. } => Code::OwnerUnmapped,
        Error::NoLinks { .. } => Code::NoLinks,
        Error::NotKept { .. } => Code::NotKept,
        Error::Locked { .. } => Code::Locked,
        Error::ForeignState { .. } => Code::ForeignState,
        Error::StateKind { .. } => Code::StateKind,
        Error::NameTaken { .. } => Code::NameTaken,
        Error::Conflict { .. } => Code::Conflict,
        Error::Sticky { .. } => Code::Sticky,
        Error::CannotRead { .. } | Error::ShutOut { .. } => Code::CannotRead,
        Error::Interference { .. } => Code::Interference,
        Error::System { .. } => Code::System,
    }
}
