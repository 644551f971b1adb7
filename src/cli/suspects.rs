//! What was typed and may be a credential: a token behind `--only`, a password where the name of a program belongs.
//!
//! `report` takes it out of every text that it makes of an error, clap's own included, so that no message has to think of
//! it. A path of something that is there is none.

use std::ffi::OsString;
use std::path::Path;

use crate::literal;
use crate::reading;

/// Shorter texts are words, which stand in messages by themselves.
const SHORTEST: usize = 16;

/// Words of a command line, the longest first.
#[derive(Debug, Default)]
pub(super) struct Suspects(Vec<String>);

impl Suspects {
    /// Those of a command line.
    pub(super) fn of(typed: &[OsString]) -> Self {
        let words = typed.iter().skip(1).map(|word| word.to_string_lossy());
        let mut all: Vec<String> = words.flat_map(|word| suspects(&word)).collect();
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(all)
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        literal::without(text, self.0.iter().map(String::as_str), |_, _, _| true)
    }
}

/// What is hidden of a word; of a document, as a key in JSON is, each piece, since clap takes lists apart.
fn suspects(word: &str) -> Vec<String> {
    let is_document = word.contains(['{', '\n']) && is_suspect(word);
    parts(word).into_iter().filter(|part| is_suspect(part) || (is_document && part.len() >= 8)).collect()
}

/// A word as it may be repeated: all of it, without the option or the dashes before it, one of a list, and a line of it.
fn parts(word: &str) -> Vec<String> {
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    let bare = word.trim_start_matches('-');
    let parts = [word, value, bare].into_iter().chain(value.split(',')).chain(word.lines());
    parts.map(|part| part.trim().to_owned()).collect()
}

/// A digest, as `--verify` takes it, is public; as an option's name or value that is not understood it stands in
/// backticks, where `log` hides it.
fn is_suspect(part: &str) -> bool {
    let is_digest = part.len() == 64 && part.bytes().all(|c| c.is_ascii_hexdigit());
    !is_digest
        && part.len() >= SHORTEST
        && literal::may_be_credential(part)
        && reading::may_be_credential(Path::new(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(words: &[&str], text: &str) -> String {
        Suspects::of(&words.iter().map(OsString::from).collect::<Vec<_>>()).hide(text)
    }

    #[test]
    fn what_was_typed_and_looks_like_a_credential_is_repeated_by_no_message() {
        let password = "Xk9#mP2$vL5nQ8wR3tY7uB4z";
        let key = r#"{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMII"}"#;
        for typed in [password, key, "wJalrXUtn/EMI+K7MDENG/bPxRf/CYzEX8MPL/KEY"] {
            for words in [
                vec!["kz".to_owned(), typed.to_owned()],
                vec!["kz".to_owned(), format!("--only={typed}")],
                vec!["kz".to_owned(), format!("--{typed}")],
                vec!["kz".to_owned(), "--only".to_owned(), format!("A,{typed}")],
            ] {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let said = hidden(&words, &format!("no `{typed}` here"));
                assert!(["no `***` here", "no `***,***` here"].contains(&said.as_str()), "{words:?}: {said}");
            }
        }
    }

    #[test]
    fn names_options_and_paths_that_are_there_are_repeated() {
        let words = ["kz", "--only", "DB_PASSWORD", "--owner=deploy-production-1", "/proc/self/exe"];
        for word in words {
            assert_eq!(hidden(&words, word), word);
        }
    }
}
