//! What kz says while it works: lines on stderr that begin with `kz:`.
//!
//! Invariants: stdout is never touched; control characters are escaped, so that no text from
//! outside can forge a line or move the cursor; no line holds a value.

use std::fmt::Write as _;
use std::io::Write as _;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Errors only.
    Quiet,
    /// What a reader of the container's log needs: what was written, what is unusual.
    #[default]
    Normal,
    /// Each step.
    Verbose,
}

/// Where lines go, and how many of them. Copied freely; holds no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    level: Level,
}

impl Log {
    /// A log that says what `level` lets through.
    pub fn new(level: Level) -> Self {
        Self { level }
    }

    /// `kz: …` unless quiet.
    pub fn note(self, text: &str) {
        if self.level >= Level::Normal {
            line(text);
        }
    }

    /// `kz: warning: …` unless quiet.
    pub fn warn(self, text: &str) {
        if self.level >= Level::Normal {
            line(&format!("warning: {text}"));
        }
    }

    /// `kz: …` only with `-v`.
    pub fn detail(self, text: &str) {
        if self.level >= Level::Verbose {
            line(text);
        }
    }
}

/// One line on stderr. A closed stderr is no reason to fail a delivery.
pub fn line(text: &str) {
    let _ = std::io::stderr().write_all(format!("kz: {}\n", escape(text)).as_bytes());
}

/// `text` with control characters made visible; line breaks become `\n`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidirectional_control(character) {
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Characters that reorder what is shown around them.
fn is_bidirectional_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_forge_a_line() {
        assert_eq!(escape("a\nkz: wrote\u{1b}[2J\u{202e}é"), "a\\nkz: wrote\\u{1b}[2J\\u{202e}é");
    }
}
