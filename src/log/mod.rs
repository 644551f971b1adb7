//! What kz says while it works: lines on stderr, for people (`kz: …`) or for programs (one JSON object a line).
//!
//! Invariants: stdout is never touched; every text for people goes through [`escape`], on stdout too, so that none from
//! outside can forge a line or move the cursor, or holds what looks like a credential; no line holds a value. A closed stderr is no reason
//! to fail a delivery.

pub mod typed;
mod wait;

use std::fmt::Write as _;
use std::time::SystemTime;

use serde::Serialize;

use crate::calendar;
use crate::json;
use crate::literal::redacted;
use crate::waiting;
pub use wait::Wait;

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

/// For whom lines are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `kz: …`
    #[default]
    Text,
    /// `{"time":"…","level":"info","message":"…"}`
    Json,
}

/// What stderr is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stderr {
    /// Somebody looks at it now.
    Terminal,
    /// It is collected.
    #[default]
    Collected,
}

/// Where lines go, and how many of them. Copied freely; holds no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    level: Level,
    format: Format,
    stderr: Stderr,
}

impl Log {
    /// A log that says what `level` lets through.
    pub fn new(level: Level, format: Format, stderr: Stderr) -> Self {
        Self { level, format, stderr }
    }

    /// `kz: …` unless quiet.
    pub fn note(self, text: &str) {
        if self.level >= Level::Normal {
            line(self.format, "info", text);
        }
    }

    /// `kz: warning: …` unless quiet.
    pub fn warn(self, text: &str) {
        if self.level >= Level::Normal {
            line(self.format, "warning", text);
        }
    }

    /// `kz: …` only with `-v`.
    pub fn detail(self, text: &str) {
        if self.level >= Level::Verbose {
            line(self.format, "debug", text);
        }
    }

    /// How lines are made.
    pub fn format(self) -> Format {
        self.format
    }
}

/// One line, of the level `error` or as [`Log`]'s methods make it.
pub fn line(format: Format, level: &str, text: &str) {
    match (format, level) {
        (Format::Text, "warning" | "error") => say(&format!("kz: {level}: {}", escape(text))),
        (Format::Text, _) => say(&format!("kz: {}", escape(text))),
        (Format::Json, _) => say(&record(level, text, &())),
    }
}

/// A line for programs.
#[derive(Serialize)]
struct Record<'a, M> {
    time: String,
    level: &'a str,
    message: String,
    #[serde(flatten)]
    more: M,
}

/// A JSON object with the time, `level`, `message` and the members of `more`, whose texts are escaped already.
pub fn record(level: &str, message: &str, more: &impl Serialize) -> String {
    let time = calendar::rfc3339(SystemTime::now());
    json::line(&Record { time, level, message: escape(message), more })
}

/// These lines and a line break, in one write.
pub fn say(lines: &str) {
    let _ = waiting::write_all(std::io::stderr(), format!("{lines}\n").as_bytes());
}

/// `text` with control characters made visible, line breaks as `\n`, and without credentials that got into it.
pub fn escape(text: &str) -> String {
    let text = redacted(text);
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

    #[test]
    fn a_credential_that_got_into_a_text_does_not_get_out() {
        let token = "hvs.CAESIJabcdefghijk";
        assert_eq!(escape(&format!("`/app/{token}` is no file\n")), "`/app/***` is no file\\n");
        assert!(!record("error", token, &()).contains(token));
    }

    #[test]
    fn a_record_has_its_own_members_and_then_the_further_ones() {
        #[derive(Serialize)]
        struct Code {
            code: &'static str,
        }
        let members = |record: &str| {
            let (before, after) = record.split_once(",\"level\"").unwrap();
            assert!(before.starts_with("{\"time\":\""), "{record}");
            after.to_owned()
        };
        assert_eq!(members(&record("info", "m", &())), r#":"info","message":"m"}"#);
        assert_eq!(
            members(&record("error", "m", &Code { code: "KZ1" })),
            r#":"error","message":"m","code":"KZ1"}"#
        );
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let record = record("error", "a \"b\"\nc", &serde_json::json!({ "code": "KZ212" }));
        let value: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!((&value["message"], &value["code"]), (&"a \"b\"\\nc".into(), &"KZ212".into()));
        assert_eq!(value["time"].as_str().map(str::len), Some("2026-11-25T13:30:00.000Z".len()));
        assert!(!record.contains('\n'));
    }
}
