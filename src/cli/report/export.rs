//! Words about exports: values that do not fit, and targets that cannot be written.

use std::error::Error as _;

use crate::export::error::Instead;
use crate::export::{self};
use crate::output::Unencodable;
use crate::output::env::Dialect;
use crate::publish;

use super::super::explain::Code;
use super::template::template_words;
use super::words::Words;

/// Each kind of export that changes nothing.
pub(super) fn export_words(error: &export::Error) -> Words {
    match error {
        export::Error::Templates { faults, known } => template_words(faults, known),
        export::Error::DoesNotFit { refusals, instead } => {
            does_not_fit(refusals).hint_maybe(hint(instead).as_deref())
        }
        export::Error::UnknownOwner(name) => {
            Words::error(Code::UnknownOwner, format!("`{name}` is no owner that is known here"))
                .hint("write numbers, as in `--owner 999:999`: this image need not know the vendor's users")
        }
        export::Error::NotAFile { name, error } => {
            Words::error(Code::Options, format!("`{name}` cannot be a file: {error}"))
                .hint("give it a `file`")
        }
        export::Error::Publish(error) => publish_words(error),
    }
}

fn does_not_fit(refusals: &[Unencodable]) -> Words {
    let number = refusals.len();
    let error = if number == 1 {
        "a secret does not fit the format, so nothing is written".to_owned()
    } else {
        format!("{number} secrets do not fit the format, so nothing is written")
    };
    let words = Words::error(Code::DoesNotFit, error);
    refusals.iter().fold(words, |words, refusal| words.cause(format!("{}: {}", refusal.name, refusal.reason)))
}

/// What to type so that it fits.
fn hint(instead: &Instead) -> Option<String> {
    Some(match instead {
        Instead::Dialects(dialects) => dialects_hint(dialects),
        Instead::MarkedBytes => {
            "`--json-bytes base64` marks such values, `--format files` writes any bytes".to_owned()
        }
        Instead::Files => ANY.to_owned(),
        Instead::Settings => {
            "`format = \"files\"` carries any value, `json_bytes = \"base64\"` marks bytes in JSON, `only` leaves some out"
                .to_owned()
        }
        Instead::Nothing => return None,
    })
}

const ANY: &str = "`--format files` carries any value and name; `--only` leaves some out";

/// The dialects that would hold all of it, if any does.
fn dialects_hint(dialects: &[Dialect]) -> String {
    let words = dialects.iter().map(|dialect| format!("`--dialect {}`", dialect.word()));
    match words.collect::<Vec<_>>().as_slice() {
        [] => ANY.to_owned(),
        [one] => format!("{one} carries all of it, for its own reader; `--format files` any value and name"),
        [others @ .., last] => format!(
            "{} or {last} carries all of it, each for its own reader; `--format files` any value and name",
            others.join(", ")
        ),
    }
}

/// Why a target cannot be written.
pub(super) fn publish_words(error: &publish::Error) -> Words {
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
