//! What kz writes, and who has to read it.

use kz::output::env::{self, Dialect};
use kz::output::shell::{self, Shell};
use kz::output::{Item, Unencodable};
use kz::secret::Secret;

/// A format with its dialect or shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Env(Dialect),
    Shell(Shell),
}

/// All of them.
pub const FORMS: [Form; 8] = [
    Form::Env(Dialect::Common),
    Form::Env(Dialect::Compose),
    Form::Env(Dialect::Docker),
    Form::Env(Dialect::Sh),
    Form::Env(Dialect::Systemd),
    Form::Env(Dialect::Portable),
    Form::Shell(Shell::Sh),
    Form::Shell(Shell::Fish),
];

impl Form {
    /// Its column.
    pub fn name(self) -> &'static str {
        match self {
            Form::Env(dialect) => dialect.word(),
            Form::Shell(Shell::Sh) => "export",
            Form::Shell(Shell::Fish) => "fish",
        }
    }

    /// The options of `kz export`.
    pub fn options(self) -> [&'static str; 4] {
        match self {
            Form::Env(dialect) => ["--format", "env", "--dialect", dialect.word()],
            Form::Shell(Shell::Sh) => ["--format", "shell", "--shell", "sh"],
            Form::Shell(Shell::Fish) => ["--format", "shell", "--shell", "fish"],
        }
    }

    /// The file.
    pub fn encode(self, items: &[Item]) -> Result<Secret, Vec<Unencodable>> {
        match self {
            Form::Env(dialect) => env::encode(items, dialect),
            Form::Shell(shell) => shell::encode(items, shell),
        }
    }
}
