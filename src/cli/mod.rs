//! The command line: what was typed, done in order, and one exit code.
//!
//! Invariants: only this module writes stdout, looks at the terminal or chooses an exit code.

mod args;
mod check;
mod class;
mod completions;
mod doctor;
mod evaluated;
mod exit;
mod explain;
mod export;
mod failure;
mod init;
mod install;
mod invocation;
mod plan;
mod remarks;
mod report;
mod run;
mod starter;
mod status;
mod stdout;
mod suspects;
mod validate;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::config::variables::Process;
use crate::log::{Format, Level, Log, Stderr, typed};
use crate::{config, exec};
use args::{Arguments, Command, Common, LogFormat};
pub use completions::script as completion_script;
use doctor::Health;
use evaluated::Evaluated;
pub use exit::page as exit_codes_page;
use exit::{End, Style};
use explain::Code;
pub use explain::{findings_page, page as errors_page};
use failure::Failure;
use invocation::Invocation;
use report::{Manner, here, report};
use suspects::Suspects;

/// Runs kz and returns its exit code. `kz run` returns only when it failed.
pub fn main() -> ExitCode {
    exec::forbid_core_dumps();
    exec::inherited::survive_size_limit();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let format = format(&typed);
    let style = style(&typed);
    let manner = || Manner { style, format, suspects: Suspects::of(&typed), home: here() };
    let evaluated = Evaluated::of(&typed, || command_word(&typed));
    end_on_panics(style, format, evaluated);
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(error) => {
            return not_understood(&error, &manner(), evaluated);
        }
    };
    let say = |failure: &Failure| {
        let _ = report(failure, &manner());
    };
    match run(&arguments, style, &say) {
        Ok(code) => code,
        Err(failure) => {
            // What is there of stdout cannot be taken back, and no more of it can be written.
            if !matches!(failure, Failure::Stdout(_)) {
                evaluated.fail();
            }
            report(&failure, &manner())
        }
    }
}

/// What can be typed, for the manual pages. Its version is the number alone.
pub fn command() -> clap::Command {
    Arguments::command().version(env!("CARGO_PKG_VERSION"))
}

/// A panic, of kz's or of a library's, is a failure of kz's like any other: said in words, and with an exit code. Without this it would be SIGABRT.
fn end_on_panics(style: Style, format: Format, evaluated: Evaluated) {
    std::panic::set_hook(Box::new(move |panic| {
        evaluated.fail();
        crate::log::line(format, "error", &panic_words(panic.location()));
        #[expect(clippy::exit, clippy::disallowed_methods, reason = "nothing can be returned from a panic")]
        std::process::exit(End::of(Code::Internal, &[]).code(style).into());
    }));
}

/// The place of a panic and nothing of its message, which quotes what a slice or a conversion was given.
fn panic_words(location: Option<&std::panic::Location<'_>>) -> String {
    let place = location.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let code = Code::Internal.id();
    format!(
        "internal error at {place}: this is a bug in kz, please report the place and the command [{code}]"
    )
}

fn run(arguments: &Arguments, style: Style, say: &dyn Fn(&Failure)) -> Result<ExitCode, Failure> {
    if let Some((message, hint)) = arguments.contradiction() {
        return Err(Failure::Usage(message, hint));
    }
    let process = Process::current().map_err(Failure::Process)?;
    if process.pid == 1 {
        exec::end_on_signals();
    }
    let common = &arguments.common;
    let log = log(common);
    let open = || Invocation::open(common, &process, log);
    match &arguments.command {
        Command::Run(command) if command.supervise.stays => {
            return run::supervise::supervise(command, common, &process, log, say);
        }
        Command::Run(command) => run::run(command, common, &process, log).map(|never| match never {})?,
        Command::Export(command) if command.watch.interval.is_some() => {
            return export::watch::watch(command, &open, say);
        }
        Command::Export(command) => export::export(command, &open()?)?,
        Command::Validate => validate::validate(&open()?)?,
        Command::Status(command) => {
            return Ok(ExitCode::from(status::status(command, &open()?)?.code(style)));
        }
        Command::Check(command) => return Ok(ExitCode::from(check::check(command)?.code(style))),
        Command::Plan(command) => plan::plan(command, &open()?)?,
        Command::Doctor(command) => {
            if doctor::doctor(command, &process, log)? == Health::Ill {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Explain(command) => explain::explain(command)?,
        Command::Install(command) => install::install(command, common, log)?,
        Command::Init(command) => init::init(command, common, &process, log)?,
        Command::Schema => stdout::print(config::schema::text().as_bytes())?,
        Command::Completions(command) => completions::completions(command, Arguments::command())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn log(common: &Common) -> Log {
    let level = match (common.quiet, common.verbose) {
        (true, _) => Level::Quiet,
        (_, true) => Level::Verbose,
        _ => Level::Normal,
    };
    let format = match common.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let stderr = if std::io::stderr().is_terminal() { Stderr::Terminal } else { Stderr::Collected };
    Log::new(level, format, stderr)
}

/// The form that errors of the command line itself take, which is needed where the rest is not understood.
fn format(typed: &[OsString]) -> Format {
    let words = || typed.iter().take_while(|word| *word != "--");
    let is_apart = words().zip(words().skip(1)).any(|(one, two)| one == "--log-format" && two == "json");
    if is_apart || words().any(|word| word == "--log-format=json") { Format::Json } else { Format::Text }
}

/// Which exit codes apply is known before the rest is understood.
fn style(typed: &[OsString]) -> Style {
    if command_word(typed).is_some_and(|word| word == "run") { Style::Run } else { Style::Plain }
}

/// The first word that is a command.
fn command_word(typed: &[OsString]) -> Option<String> {
    let commands = Arguments::command();
    let names = |word: &OsString| commands.get_subcommands().any(|command| command.get_name() == *word);
    let word = typed.iter().skip(1).take_while(|word| *word != "--").find(|word| names(word))?;
    Some(word.to_string_lossy().into_owned())
}

/// Help and version on stdout; anything else is a usage error in kz's own words.
fn not_understood(error: &clap::Error, manner: &Manner, evaluated: Evaluated) -> ExitCode {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match stdout::print(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => report(&failure, manner),
        };
    }
    evaluated.fail();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = crate::waiting::write_all(std::io::stderr(), text.as_bytes());
        return ExitCode::from(End::Usage.code(Style::Plain));
    }
    let (message, mut hint) = usage_words(&manner.suspects.hide(&text));
    let unknown = error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
    if let (Some(ContextValue::String(word)), Style::Run) = (unknown, manner.style)
        && !word.starts_with('-')
    {
        hint = format!("the command stands behind `--`: `kz run -- {} …`", typed::word(word));
    }
    report(&Failure::CommandLine(message, hint), manner)
}

/// clap's first paragraph as the message; its first tip, or its usage line, as the hint.
fn usage_words(text: &str) -> (String, String) {
    let quoted = |text: &str| text.replace('\'', "`");
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let message: Vec<&str> = paragraph.lines().map(str::trim).collect();
    let message = message.join(" ");
    let line = |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix).map(quoted));
    let hint = line("tip: ").or_else(|| line("Usage: ")).unwrap_or_else(|| "see `kz --help`".to_owned());
    (quoted(message.strip_prefix("error: ").unwrap_or(&message)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place_and_code_and_nothing_of_its_message() {
        let words = panic_words(Some(std::panic::Location::caller()));
        assert!(words.contains("src/cli/mod.rs:") && words.ends_with("[KZ001]"), "{words}");
    }

    #[test]
    fn the_form_of_errors_is_known_before_the_rest_is_understood() {
        let of = |words: &[&str]| format(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["kz", "--log-format", "json", "x"]), Format::Json);
        assert_eq!(of(&["kz", "x", "--log-format=json"]), Format::Json);
        assert_eq!(of(&["kz", "run", "--", "x", "--log-format=json"]), Format::Text);
        assert_eq!(of(&["kz", "--log-format", "text"]), Format::Text);
    }
}
