//! The forms that all secrets together take in one file.

use crate::secret::Secret;

use super::env::{self, Dialect};
use super::shell::{self, Shell};
use super::{Item, Unencodable, json};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `KEY=value` lines.
    Env(Dialect),
    /// One JSON object.
    Json(json::Bytes),
    /// Commands.
    Shell(Shell),
}

impl Form {
    /// Whether its values become variables.
    pub fn is_of_lines(self) -> bool {
        matches!(self, Self::Env(_) | Self::Shell(_))
    }

    /// The content of the file, or every secret that the form cannot hold.
    pub fn encode(self, items: &[Item]) -> Result<Secret, Vec<Unencodable>> {
        match self {
            Self::Env(dialect) => env::encode(items, dialect),
            Self::Json(bytes) => json::encode(items, bytes),
            Self::Shell(shell) => shell::encode(items, shell),
        }
    }
}
