//! Which words of a user's command line may be said again in an advice: those that are certainly no credential.
//!
//! Invariant: whoever is not sure says that a word may not be said. What is not said is described.

use super::super::program::{SHELLS, file_name};
use super::values::substituted;

/// Programs by which health is asked for, and servers.
const PROGRAMS: &[&str] = &[
    "cat",
    "curl",
    "exec",
    "grep",
    "kz",
    "mariadb-admin",
    "mariadbd",
    "mongod",
    "mongosh",
    "mysqladmin",
    "mysqld",
    "pg_isready",
    "postgres",
    "psql",
    "redis-cli",
    "redis-server",
    "test",
    "valkey-cli",
    "valkey-server",
    "wget",
];

/// Whether all words of a command line may be said.
pub(super) fn may_be_said<W: AsRef<str>>(words: &[W]) -> bool {
    words.iter().enumerate().all(|(index, word)| match word.as_ref() {
        first if index == 0 => is_program(first) || is_option(first),
        word => is_option(word) || is_path(word) || is_filled_in(word) || is_given(word),
    })
}

/// Whether a word is certainly the name of a program.
pub(super) fn is_program(word: &str) -> bool {
    let name = file_name(word);
    (PROGRAMS.contains(&name) || SHELLS.contains(&name)) && (name == word || is_path(word))
}

/// `-h`, `--long-option`: `-pX` is one that may have its value.
fn is_option(word: &str) -> bool {
    let is_long = word.strip_prefix("--").is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    });
    is_long || (word.len() == 2 && word.starts_with('-') && word[1..].chars().all(char::is_alphabetic))
}

/// `--option=$NAME`.
fn is_given(word: &str) -> bool {
    word.split_once('=').is_some_and(|(option, value)| is_option(option) && is_filled_in(value))
}

fn is_path(word: &str) -> bool {
    word.starts_with('/') && word.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
}

/// `$NAME`, `${NAME}` and `$(cat FILE)`, and nothing else.
fn is_filled_in(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('$') else { return false };
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    let name = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(rest);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_content = substituted(word).is_some_and(|path| {
        is_path(path) && rest.strip_prefix("(cat ").is_some_and(|rest| rest.strip_suffix(')') == Some(path))
    });
    is_name || is_content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_value_may_be_said() {
        for words in [
            &["redis-server", "--requirepass", "$(cat /secrets/A)"][..],
            &["psql", "-h", "--set", "$$NAME"],
            &["--token=${TOKEN}"],
            &["test", "/etc/app.conf"],
        ] {
            assert!(may_be_said(words), "{words:?}");
        }
        for words in [
            &["redis-server", "--requirepass", "hunter2"][..],
            &["hunter2"],
            &["mysqladmin", "-phunter2"],
            &["psql", "--token=hunter2"],
            &["psql", "$(cat /s/a)hunter2"],
            &["psql", "${TOKEN:-hunter2}"],
            &["PGPASSWORD=hunter2"],
        ] {
            assert!(!may_be_said(words), "{words:?}");
        }
    }
}
