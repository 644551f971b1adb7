//! The forms that all secrets together take in one file.

use crate::output::env::{self, Dialect};
use crate::output::shell::{self, Shell};
use crate::output::{Item, Refusal, json};
use crate::resolve::Resolved;
use crate::secret::Secret;

use super::super::args::deliver::Export;
use super::Failure;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `KEY=value` lines.
    Env(Dialect),
    /// One JSON object.
    Json(json::Bytes),
    /// Commands.
    Shell(Shell),
}

impl Form {
    /// What the options of `--format env` ask for.
    pub(super) fn env(arguments: &Export) -> Self {
        Self::Env(arguments.dialect.unwrap_or(Dialect::Common))
    }

    /// What the options of `--format json` ask for.
    pub(super) fn json(arguments: &Export) -> Self {
        Self::Json(bytes(arguments.json_bytes.is_some()))
    }

    /// What the options of `--format shell` ask for.
    pub(super) fn shell(arguments: &Export) -> Self {
        Self::Shell(arguments.shell.unwrap_or(Shell::Sh))
    }

    /// Whether its values become variables.
    pub(super) fn is_of_lines(self) -> bool {
        matches!(self, Self::Env(_) | Self::Shell(_))
    }

    /// The content of the file, or every secret that the form cannot hold.
    pub(super) fn encode(self, secrets: &[Resolved]) -> Result<Secret, Failure> {
        let items: Vec<Item> = secrets
            .iter()
            .map(|secret| Item { name: secret.name.clone(), value: secret.value.clone() })
            .collect();
        let encoded = match self {
            Form::Env(dialect) => env::encode(&items, dialect),
            Form::Json(bytes) => json::encode(&items, bytes),
            Form::Shell(shell) => shell::encode(&items, shell),
        };
        encoded.map_err(|refusals: Vec<Refusal>| Failure::Output(refusals, self.hint(&items)))
    }

    /// What carries that which this form does not.
    fn hint(self, items: &[Item]) -> String {
        let hint = match self {
            Form::Env(_) => return env_hint(items),
            Form::Shell(_) => ANY,
            Form::Json(json::Bytes::Refuse) => {
                "`--json-bytes base64` marks such values, `--format files` writes any bytes"
            }
            Form::Json(json::Bytes::Base64) => "",
        };
        hint.to_owned()
    }
}

/// What becomes of values that are not UTF-8.
pub(super) fn bytes(marks: bool) -> json::Bytes {
    if marks { json::Bytes::Base64 } else { json::Bytes::Refuse }
}

const ANY: &str = "`--format files` carries any value and name; `--only` leaves some out";

/// The dialects that would hold all of it, if any does.
fn env_hint(items: &[Item]) -> String {
    let words = env::carriers(items).into_iter().map(|dialect| format!("`--dialect {}`", dialect.word()));
    match words.collect::<Vec<_>>().as_slice() {
        [] => ANY.to_owned(),
        [one] => format!("{one} carries all of it, for its own reader; `--format files` any value and name"),
        [others @ .., last] => format!(
            "{} or {last} carries all of it, each for its own reader; `--format files` any value and name",
            others.join(", ")
        ),
    }
}
