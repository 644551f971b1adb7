//! Words about the configuration: where it is, whether it is trusted, and what is wrong with it.

use crate::config as configuration;
use crate::config::locate;
use crate::config::problem::{self, Mistake, Problem};
use crate::config::source_file::SourceFile;
use crate::config::trust;
use crate::hint::{Hint, Reading};
use crate::log::typed;

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
fn problem_words(words: Words, source: &SourceFile, problem: &Problem) -> Words {
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
    match error {
        locate::Error::File(error) => file_words(error),
        locate::Error::NotFound { meant, .. } => {
            Words::error(Code::ConfigNotFound, error.to_string()).hint(not_found_hint(*meant))
        }
        locate::Error::Stranger { path, .. } => Words::error(Code::ConfigStranger, error.to_string())
            .hint(format!("if you trust it: `kz --config {} …`", typed::path(path))),
    }
}

fn not_found_hint(meant: Option<&str>) -> Hint {
    match meant {
        Some(name) if matches!(name.rsplit('.').next(), Some("yaml" | "yml")) => format!(
            "`{name}` is here, and kz reads TOML: `kz init` writes a `{}` to begin with",
            locate::FILE_NAME
        )
        .into(),
        Some(name) => {
            format!("`{name}` is here: `mv {name} {}`, or name it: `kz --config {name} …`", locate::FILE_NAME)
                .into()
        }
        None => Reading::Configuration.into(),
    }
}

fn file_words(error: &trust::Error) -> Words {
    let words = Words::error(file_code(error), error.to_string());
    match error {
        // It was not named, but found: it is there, and leads to nothing.
        trust::Error::Missing(path) if path.symlink_metadata().is_ok() => words.hint(format!(
            "it is a symbolic link to what is not there: correct it, or `rm {}`",
            typed::path(path)
        )),
        trust::Error::Missing(_) => words.hint("correct the path after `--config` or in KEYZERO_CONFIG"),
        trust::Error::Directory(path) => words.hint(Reading::ConfigDirectory(path.display().to_string())),
        trust::Error::Writable { what, .. } => {
            words.hint(format!("`chmod o-w {}`, or mount it read-only", typed::path(what)))
        }
        trust::Error::Read { path, source } => {
            words.cause(system(source)).hint(Reading::ByAnybody(typed::path(path)))
        }
        trust::Error::NotRegular(_) | trust::Error::TooLarge { .. } | trust::Error::NotText { .. } => {
            words.hint("name a TOML file: `kz --config FILE …`")
        }
    }
}

fn file_code(error: &trust::Error) -> Code {
    match error {
        trust::Error::Missing(_) => Code::ConfigMissing,
        trust::Error::Directory(_) => Code::ConfigDirectory,
        trust::Error::NotRegular(_) => Code::ConfigNotRegular,
        trust::Error::Read { .. } => Code::ConfigUnreadable,
        trust::Error::TooLarge { .. } => Code::ConfigTooLarge,
        trust::Error::NotText { .. } => Code::ConfigNotText,
        trust::Error::Writable { .. } => Code::ConfigWritable,
    }
}
