//! Words about the configuration: where it is, whether it is trusted, and what is wrong with it.

use std::error::Error as _;

use crate::config as configuration;
use crate::config::locate;
use crate::config::problem::{self, Mistake, Problem};
use crate::config::source::Source;

use super::super::explain::Code;
use super::system;
use super::words::{self, Words};

pub(super) fn config_words(error: &configuration::Error) -> Words {
    match error {
        configuration::Error::Locate(error) => locate_words(error),
        configuration::Error::UnknownEnvironment { known, wanted, .. } => {
            let hint = if known.is_empty() {
                format!("add a section `[{wanted}.secrets]`, which may be empty")
            } else {
                format!("there is {}", problem::list(known.iter().map(String::as_str)))
            };
            Words::error(Code::UnknownEnvironment, error.to_string()).hint(hint)
        }
        configuration::Error::Problems { sources, problems } => {
            let first = if problems.len() == 1 {
                Words::default()
            } else {
                Words::headline(Code::Problems, error.to_string())
            };
            problems
                .iter()
                .fold(first, |words, problem| problem_words(words, &sources[problem.place.source], problem))
        }
    }
}

/// `file:line:column: message`, the line, a caret line, and the hint.
fn problem_words(words: Words, source: &Source, problem: &Problem) -> Words {
    let (line, column) = source.position(problem.place.start);
    let excerpt = source.excerpt(problem.place.start..problem.place.end);
    let place = words::Place {
        file: source.path.display().to_string(),
        line,
        column,
        text: excerpt.line,
        indent: excerpt.indent,
        carets: excerpt.carets,
    };
    words.and(mistake_code(problem.mistake), &problem.message).at(place).hint_maybe(problem.hint.as_ref())
}

fn mistake_code(mistake: Mistake) -> Code {
    match mistake {
        Mistake::Syntax => Code::Syntax,
        Mistake::UnknownSection => Code::UnknownSection,
        Mistake::UnknownKey => Code::UnknownKey,
        Mistake::UnknownProvider => Code::UnknownProvider,
        Mistake::UnknownMethod => Code::UnknownMethod,
        Mistake::UnknownSecret => Code::UnknownSecret,
        Mistake::UnknownWord => Code::UnknownWord,
        Mistake::UnknownFormat => Code::UnknownFormat,
        Mistake::WrongType => Code::WrongType,
        Mistake::WrongForm => Code::WrongForm,
        Mistake::Credential => Code::Credential,
        Mistake::Name => Code::SecretName,
        Mistake::Missing => Code::Missing,
        Mistake::Excluded => Code::Excluded,
        Mistake::Ref => Code::BadRef,
        Mistake::Field => Code::BadField,
        Mistake::Template => Code::BadTemplate,
        Mistake::Circle => Code::Circle,
        Mistake::Scope => Code::Scope,
        Mistake::SameFile => Code::SameFile,
        Mistake::LocalFile => Code::LocalFile,
        Mistake::Address => Code::Address,
        Mistake::NotBuilt => Code::NotBuilt,
        Mistake::Instance => Code::Instance,
    }
}

fn locate_words(error: &locate::Error) -> Words {
    let words = Words::error(locate_code(error), error.to_string());
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

fn locate_code(error: &locate::Error) -> Code {
    match error {
        locate::Error::NotFound(_) => Code::ConfigNotFound,
        locate::Error::Missing(_) => Code::ConfigMissing,
        locate::Error::Directory(_) => Code::ConfigDirectory,
        locate::Error::NotRegular(_) => Code::ConfigNotRegular,
        locate::Error::Read { .. } => Code::ConfigUnreadable,
        locate::Error::TooLarge(_) => Code::ConfigTooLarge,
        locate::Error::NotText { .. } => Code::ConfigNotText,
        locate::Error::Writable { .. } => Code::ConfigWritable,
        locate::Error::Stranger { .. } => Code::ConfigStranger,
    }
}
