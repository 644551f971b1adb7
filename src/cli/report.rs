//! The one place that turns an error into words and an exit code.
//!
//! `kz: error:` says what failed, `caused by:` why, `kz: hint:` what to type. Lower case, no full
//! stop, readable without colour, control characters escaped.

use std::error::Error as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::config::locate;
use crate::config::problem::{self, Problem};
use crate::config::source::Source;
use crate::log::escape;
use crate::output::Refusal;
use crate::resolve::{Failed, Failures};
use crate::{config, exec, plan, publish};

use super::status::class;

/// Everything that can end kz with words.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line is wrong; with a hint.
    Usage(String, String),
    /// The configuration is missing or wrong.
    Config(config::Error),
    /// `--only` names what is not there.
    Unknown(plan::UnknownSecret, Vec<String>),
    /// Secrets could not be had.
    Resolve(Failures),
    /// The deadline passed.
    Deadline(std::time::Duration),
    /// Values do not fit the form.
    Output(Vec<Refusal>, &'static str),
    /// The target could not be written.
    Publish(publish::Error),
    /// Stdout could not be written.
    Stdout(std::io::Error),
    /// An owner's name is not known.
    Owner(String),
    /// The env file was not read.
    EnvFile(exec::env_file::Error),
    /// A line of the env file is not one.
    EnvFileLine(std::path::PathBuf, crate::output::dotenv::DecodeError),
    /// A variable of the env file makes programs run code.
    Dangerous(std::path::PathBuf, Vec<String>),
    /// The environment cannot be passed on.
    Unfit(exec::environment::Unfit),
    /// CMD did not start.
    Exec(String, exec::Refused),
    /// The process cannot be looked at.
    Process(std::io::Error),
}

/// An error in words.
#[derive(Debug, Default)]
struct Words {
    lines: Vec<String>,
}

impl Words {
    fn error(text: impl AsRef<str>) -> Self {
        let mut words = Self::default();
        words.add("kz: error: ", text);
        words
    }

    fn add(&mut self, prefix: &str, text: impl AsRef<str>) {
        self.lines.push(format!("{prefix}{}", escape(text.as_ref())));
    }

    fn cause(mut self, text: impl AsRef<str>) -> Self {
        self.add("caused by: ", text);
        self
    }

    fn hint(mut self, text: impl AsRef<str>) -> Self {
        self.add("kz: hint: ", text);
        self
    }

    fn hint_maybe(self, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.hint(text),
            None => self,
        }
    }
}

/// Whether the failing command is `run`, whose own failures are all 125.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The exit codes of design.md §4.
    Plain,
    /// Those of `docker run`.
    Run,
}

/// Says what failed, on stderr, and returns the exit code that goes with it.
pub(super) fn report(failure: &Failure, style: Style) -> ExitCode {
    let mut text = words(failure).lines.join("\n");
    text.push('\n');
    // Nothing is left to be done about a closed stderr.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code(failure, style))
}

fn code(failure: &Failure, style: Style) -> u8 {
    match (failure, style) {
        (Failure::Exec(_, exec::Refused::NotFound), _) => 127,
        (Failure::Exec(_, exec::Refused::NotExecutable(_)), _) => 126,
        (Failure::Exec(_, exec::Refused::TooBig), _) | (_, Style::Run) => 125,
        (Failure::Resolve(_) | Failure::Deadline(_), Style::Plain) => 1,
        (Failure::Output(..) | Failure::Publish(_) | Failure::Stdout(_), Style::Plain) => 4,
        (_, Style::Plain) => 2,
    }
}

fn words(failure: &Failure) -> Words {
    match failure {
        Failure::Usage(message, hint) => Words::error(message).hint(hint),
        Failure::Config(error) => config_words(error),
        Failure::Unknown(error, known) => {
            let near = problem::nearest(&error.0, known.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("the configuration has {}", problem::list(known.iter().map(String::as_str))),
                |near| format!("did you mean `{near}`?"),
            );
            Words::error(error.to_string()).hint(hint)
        }
        Failure::Resolve(failures) => resolve_words(failures),
        Failure::Deadline(deadline) => {
            Words::error(format!("the backends did not answer within {} s", deadline.as_secs()))
                .hint("give it longer with `--timeout 120s`")
        }
        Failure::Output(refusals, hint) => output_words(refusals, hint),
        Failure::Publish(error) => publish_words(error),
        Failure::Stdout(error) => Words::error("cannot write to stdout").cause(system(error)),
        Failure::Owner(name) => Words::error(format!("`{name}` is no owner that is known here"))
            .hint("write numbers, as in `--owner 999:999`: this image need not know the vendor's users"),
        Failure::EnvFile(error) => env_file_words(error),
        Failure::EnvFileLine(path, error) => {
            Words::error(format!("`{}` is not what kz wrote", path.display()))
                .cause(error.to_string())
                .hint(format!("write it with `kz export --format env --output {}`", path.display()))
        }
        Failure::Dangerous(path, names) => {
            let listed = problem::list(names.iter().map(String::as_str));
            Words::error(format!("`{}` sets {listed}, which makes programs load or run code", path.display()))
                .hint(format!("if that is meant, add `--allow {}`", names.join(",")))
        }
        Failure::Unfit(error) => Words::error(error.to_string())
            .hint("deliver it as a file: `kz export --format files`, or leave it out with `--only`"),
        Failure::Exec(program, refused) => exec_words(program, *refused),
        Failure::Process(error) => Words::error("cannot tell the working directory").cause(system(error)),
    }
}

/// What the system said, without the number that Rust adds.
fn system(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

fn config_words(error: &config::Error) -> Words {
    match error {
        config::Error::Locate(error) => locate_words(error),
        config::Error::UnknownEnvironment { known, wanted, .. } => {
            let hint = if known.is_empty() {
                format!("add a section `[{wanted}.secrets]`, which may be empty")
            } else {
                format!("there is {}", problem::list(known.iter().map(String::as_str)))
            };
            Words::error(error.to_string()).hint(hint)
        }
        config::Error::Problems { sources, problems } => {
            let mut words =
                if problems.len() == 1 { Words::default() } else { Words::error(error.to_string()) };
            for problem in problems {
                problem_words(&mut words, &sources[problem.place.source], problem);
            }
            words
        }
    }
}

/// `file:line:column: message`, the line, a caret line, and the hint.
fn problem_words(words: &mut Words, source: &Source, problem: &Problem) {
    let (line, column) = source.position(problem.place.start);
    words.add("kz: error: ", format!("{}:{line}:{column}: {}", source.path.display(), problem.message));
    let excerpt = source.excerpt(problem.place.start..problem.place.end);
    let number = line.to_string();
    words.add(&format!(" {number} | "), &excerpt.line);
    let margin = " ".repeat(number.len());
    words.add(
        &format!(" {margin} | "),
        format!("{}{}", " ".repeat(excerpt.indent), "^".repeat(excerpt.carets)),
    );
    if let Some(hint) = &problem.hint {
        words.add("kz: hint: ", hint);
    }
}

fn locate_words(error: &locate::Error) -> Words {
    let words = Words::error(error.to_string());
    let words = match error.source() {
        Some(cause) => match cause.downcast_ref::<std::io::Error>() {
            Some(cause) => words.cause(system(cause)),
            None => words,
        },
        None => words,
    };
    match error {
        locate::Error::NotFound(_) => words.hint(
            "mount it, as in `-v ./keyzero.toml:/app/.keyzero.toml:ro`, or name it: `kz --config FILE …`",
        ),
        locate::Error::Missing(_) => words.hint("correct the path after `--config` or in KEYZERO_CONFIG"),
        locate::Error::Directory(path) => words.hint(format!(
            "Docker makes a directory when the source of a bind mount is missing: create the file on the host, then `docker compose up --force-recreate`; here `{}` is to be a file",
            path.display()
        )),
        locate::Error::Writable { what, .. } => {
            words.hint(format!("`chmod o-w {}`, or mount it read-only", what.display()))
        }
        locate::Error::Stranger { path, .. } => words.hint(format!("if you trust it: `kz --config {} …`", path.display())),
        locate::Error::Read { path, .. } => words.hint(format!("let kz's user read it: `chmod a+r {}`", path.display())),
        locate::Error::NotRegular(_) | locate::Error::TooLarge(_) | locate::Error::NotText { .. } => {
            words.hint("name a TOML file: `kz --config FILE …`")
        }
    }
}

fn resolve_words(Failures(failures): &Failures) -> Words {
    let number = failures.len();
    let mut words = Words::error(if number == 1 {
        "a secret could not be resolved, so nothing is delivered".to_owned()
    } else {
        format!("{number} secrets could not be resolved, so nothing is delivered")
    });
    for failed in failures {
        words.add("caused by: ", failed_line(failed));
    }
    let mut hints: Vec<&str> = failures.iter().filter_map(|failed| failed.hint.as_deref()).collect();
    hints.sort_unstable();
    hints.dedup();
    hints.into_iter().fold(words, Words::hint)
}

fn failed_line(failed: &Failed) -> String {
    let class = class(failed.kind);
    match &failed.origin {
        Some((provider, reference)) => {
            format!("{} ({provider} `{reference}`) {class}: {}", failed.name, failed.cause)
        }
        None => format!("{} {class}: {}", failed.name, failed.cause),
    }
}

fn output_words(refusals: &[Refusal], hint: &str) -> Words {
    let number = refusals.len();
    let error = if number == 1 {
        "a secret does not fit the format, so nothing is written".to_owned()
    } else {
        format!("{number} secrets do not fit the format, so nothing is written")
    };
    let words = Words::error(error);
    let words = refusals
        .iter()
        .fold(words, |words, refusal| words.cause(format!("{}: {}", refusal.name, refusal.reason)));
    words.hint(hint)
}

fn publish_words(error: &publish::Error) -> Words {
    let mut words = Words::error(error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        words = words.cause(error.to_string());
        cause = error.source();
    }
    words.hint_maybe(error.hint())
}

fn env_file_words(error: &exec::env_file::Error) -> Words {
    use exec::env_file::Error;
    let words = Words::error(error.to_string());
    match error {
        Error::Missing { path, waited } if waited.is_zero() => words.hint(format!(
            "if an exporter writes it later, wait: `kz run --env-file {} --wait 60s -- …`",
            path.display()
        )),
        Error::Missing { .. } => words.hint("look at the exporter's log: `docker compose logs secrets-init`"),
        Error::Read { source, .. } => words
            .cause(system(source))
            .hint("a 0400 file has one reader: export it with `--owner` this service's uid"),
        Error::Stranger { owner, .. } => {
            words.hint(format!("if that exporter is trusted, add `--from-uid {owner}`"))
        }
        Error::Writable { path, .. } => words.hint(format!("`chmod go-w {}`", path.display())),
        Error::NotRegular(_) | Error::TooLarge(_) => {
            words.hint("name the file that `kz export --format env` wrote")
        }
    }
}

fn exec_words(program: &str, refused: exec::Refused) -> Words {
    match refused {
        exec::Refused::NotFound => {
            Words::error(format!("`{program}` was not found")).hint(if program.contains('/') {
                "check the path; a script whose `#!` line names a missing interpreter is reported so too"
            } else {
                "check the name, or give the whole path: kz looks in PATH only, without a shell"
            })
        }
        exec::Refused::NotExecutable(errno) => Words::error(format!("`{program}` cannot be executed"))
            .cause(errno.desc().to_lowercase())
            .hint(format!("`chmod +x {}`; a script needs a `#!` line", Path::new(program).display())),
        exec::Refused::TooBig => {
            Words::error("the kernel does not take arguments and environment of this size")
                .hint("deliver large secrets as files: `kz export --format files`")
        }
    }
}
