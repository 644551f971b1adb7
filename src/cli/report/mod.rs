//! The one place that turns an error into words, a code and an exit code.
//!
//! `kz: error:` says what failed, with its code, `caused by:` why, `kz: hint:` what to type. Lower case, no full
//! stop, readable without colour, control characters escaped; with `--log-format json` the same as objects.

mod config;
mod export;
mod failures;
mod run;
mod template;
mod words;

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;

use crate::config::{problem, variables};
use crate::hint::{Home, Starting};
use crate::log::Format;
use crate::{exec, session};

use super::doctor::read::Unread;
use super::exit::Style;
use super::explain::Code;
use super::failure::Failure;
use super::suspects::Suspects;
use config::config_words;
use export::{export_words, publish_words};
use failures::resolve_words;
use run::{
    credentials_ended_words, dangerous_words, env_file_line_words, env_file_words, exec_words,
    no_command_words, unfit_code,
};
use words::Words;

/// Where this process runs: the one place that decides it.
pub(super) fn here() -> Home {
    if variables::is_in_pod() { Home::Pod } else { Home::Elsewhere }
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
    /// Whose words hints use.
    pub(super) home: Home,
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
    ExitCode::from(words.end().code(manner.style))
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
        Failure::Session(error) => session_words(error),
        Failure::Export(error) => export_words(error),
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
        Failure::EnvFile(error) => env_file_words(error),
        Failure::EnvFileLine(path, error) => env_file_line_words(path, error),
        Failure::Dangerous(path, names) => dangerous_words(path, names),
        Failure::MemoryFile(error) => Words::error(Code::MemoryFile, error.to_string())
            .hint("raise the memory or descriptor limit of the container, or leave `deliver = \"fd\"` out"),
        Failure::Unfit(error) => Words::error(unfit_code(error), error.to_string())
            .hint("deliver it as a file: `kz export --format files`, or leave it out with `--only`"),
        Failure::Exec(program, refused) => exec_words(program, refused),
        Failure::CredentialsEnded(program) => credentials_ended_words(program),
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
            .hint(Starting::Directory),
    }
}

fn unknown_words(message: String, word: &str, known: &[String], intro: &str) -> Words {
    Words::error(Code::UnknownName, message).hint(nearest_or(word, known, intro))
}

fn session_words(error: &session::Error) -> Words {
    match error {
        session::Error::Unresolved(failures) => resolve_words(failures),
        session::Error::EventLoop(error) => Words::error(Code::EventLoop, "cannot wait for backends")
            .cause(system(error))
            .hint(Starting::EventLoop),
    }
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
