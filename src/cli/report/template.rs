//! Words about templates: the files, what is wrong in them, and values that do not fit.

use std::path::Path;

use crate::config::{problem, trust};
use crate::export::error::BadTemplate;
use crate::hint::Reading;
use crate::log::typed;
use crate::resolve::template::TemplateError;

use super::super::explain::Code;
use super::words::Words;
use super::{nearest_or, system};

/// Each as an error of its own, all in one file order. `known` are the secrets that there are.
pub(super) fn template_words(faults: &[BadTemplate], known: &[String]) -> Words {
    faults.iter().fold(Words::default(), |words, fault| match fault {
        BadTemplate::File(error) => file_words(words, error),
        BadTemplate::Text(path, error) => text_words(words, Code::BadTemplate, path, error),
        BadTemplate::Value(path, error) => text_words(words, Code::NotRendered, path, error),
        BadTemplate::Unknown { path, line, name } => {
            let place = format!("`{}`:{line}", path.display());
            let message = format!("{place}: unknown secret in the template: `{}`", problem::shown(name));
            words.and(Code::UnknownSecret, message).hint(nearest_or(name, known, "the configuration has"))
        }
    })
}

fn text_words(words: Words, code: Code, path: &Path, error: &TemplateError) -> Words {
    let TemplateError { line, fault } = error;
    words.and(code, format!("`{}`:{line}: {fault}", path.display())).hint_maybe(fault.hint())
}

fn file_words(words: Words, error: &trust::Error) -> Words {
    let code = match error {
        trust::Error::Writable { .. } => Code::TemplateWritable,
        _ => Code::TemplateFile,
    };
    let words = words.and(code, error.to_string());
    match error {
        trust::Error::Missing(_) => {
            words.hint("correct the path: after `--template` it starts where kz does, in `[[outputs]]` at the configuration file")
        }
        trust::Error::Writable { what, .. } => {
            words.hint(format!("`chmod o-w {}`, or mount it read-only", typed::path(what)))
        }
        trust::Error::Read { path, source } => {
            words.cause(system(source)).hint(Reading::ByAnybody(typed::path(path)))
        }
        trust::Error::Directory(_) => words.hint(Reading::NotATextDirectory),
        trust::Error::NotRegular(_)
        | trust::Error::TooLarge { .. }
        | trust::Error::NotText { .. } => {
            words.hint("name a text file: `kz export --format template --template redis.conf.tmpl`")
        }
    }
}
