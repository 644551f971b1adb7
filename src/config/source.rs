//! The text of a configuration file: positions in it, and lines of it as an error may show them.
//!
//! Invariant: an excerpt shows keys and the harmless values (provider names, paths, modes, refs that
//! do not look like credentials); every other string is `***`, whatever its length. Where the text
//! is not well-formed, nothing to the right of a line's first `=` is shown.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys whose strings may be shown.
const HARMLESS: &[&str] = &[
    "provider",
    "resolver",
    "type",
    "ref",
    "field",
    "version",
    "encoding",
    "file",
    "mode",
    "owner",
    "method",
    "hosts",
    "in",
    "methods",
    "paths",
    "address",
    "timeout",
    "environment_from",
    "keep_env",
];

/// One configuration file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it is named to the user.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
    shown: Shown,
}

/// What excerpts may show.
#[derive(Clone, Debug)]
enum Shown {
    /// All but these stretches.
    Except(Vec<Range<usize>>),
    /// Only what stands before a line's first `=`.
    KeysOnly,
}

/// A line of the text and where the carets go, both as they are to be printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, with `***` for what is not shown.
    pub line: String,
    /// Columns before the first caret.
    pub indent: usize,
    /// Carets; at least one.
    pub carets: usize,
}

impl Source {
    /// A text of which nothing is known yet.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, shown: Shown::KeysOnly }
    }

    /// Notes, from its well-formed `tree`, which of its strings may be shown.
    pub fn allow_excerpts(&mut self, tree: &DeTable<'_>) {
        let mut hidden = Vec::new();
        hide_strings(tree, &mut hidden);
        hidden.sort_by_key(|range| range.start);
        self.shown = Shown::Except(hidden);
    }

    /// Line and column of a byte, both from 1; columns are characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.before(offset);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The line in which `span` begins.
    pub fn excerpt(&self, span: Range<usize>) -> Excerpt {
        let start = self.before(span.start).rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
        let first = self.before(span.start).len();
        let last = self.before(span.end).len().clamp(first, end);
        let indent = self.visible(start..first).chars().count();
        let carets = self.visible(first..last).chars().count().max(1);
        Excerpt { line: self.visible(start..end), indent, carets }
    }

    /// The text before `offset`, moved back to a character's edge.
    fn before(&self, offset: usize) -> &str {
        &self.text[..self.text.floor_char_boundary(offset.min(self.text.len()))]
    }

    /// A part of one line: hidden stretches as `***`, control characters as spaces.
    fn visible(&self, part: Range<usize>) -> String {
        let mut visible = String::new();
        let mut at = part.start;
        for hidden in self.hidden_in(&part) {
            visible.push_str(&self.text[at..hidden.start.max(at)]);
            // A stretch that is cut in two by the carets is marked once, where it begins.
            if hidden.start >= part.start {
                visible.push_str("***");
            }
            at = hidden.end.clamp(at, part.end);
        }
        visible.push_str(&self.text[at..part.end]);
        visible.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn hidden_in(&self, part: &Range<usize>) -> Vec<Range<usize>> {
        match &self.shown {
            Shown::Except(hidden) => hidden
                .iter()
                .filter(|range| range.start < part.end && range.end > part.start)
                .cloned()
                .collect(),
            Shown::KeysOnly => {
                let line = self.text[..part.start].rfind('\n').map_or(0, |newline| newline + 1);
                let end = self.text[line..].find('\n').map_or(self.text.len(), |length| line + length);
                let from = match self.text[line..end].find('=') {
                    Some(equals) => end.min(line + equals + 2),
                    None if self.text[line..end].trim_start().starts_with('[') => end,
                    None => line,
                };
                // A line without `=` may be the middle of a value.
                (from < part.end && end > part.start).then_some(from..end).into_iter().collect()
            }
        }
    }
}

/// Collects the spans of all strings that are not harmless.
fn hide_strings(table: &DeTable<'_>, hidden: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        hide_in(key.get_ref(), value, hidden);
    }
}

fn hide_in(key: &str, value: &Spanned<DeValue<'_>>, hidden: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => hide_strings(table, hidden),
        DeValue::Array(items) => items.iter().for_each(|item| hide_in(key, item, hidden)),
        DeValue::String(text) if HARMLESS.contains(&key) && !super::literal::may_be_credential(text) => {}
        DeValue::Boolean(_) => {}
        _ => hidden.push(value.span()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        let mut source = Source::new("f".into(), text.to_owned());
        source.allow_excerpts(DeTable::parse(text).unwrap().get_ref());
        source
    }

    fn excerpt(text: &str, needle: &str) -> Excerpt {
        let start = text.find(needle).unwrap();
        source(text).excerpt(start..start + needle.len())
    }

    #[test]
    fn carets_stand_under_what_is_meant() {
        let got = excerpt("a = 1\n\tLOG = { provider = \"envv\", ref = \"X\" }\n", "\"envv\"");
        assert_eq!(got.line, " LOG = { provider = \"envv\", ref = \"X\" }");
        assert_eq!((got.indent, got.carets), (20, 6));
    }

    #[test]
    fn strings_that_could_be_values_are_not_shown() {
        let text =
            "A = { default = \"hunter2\", provider = \"vualt\", ref = \"sk-abcdefgh1234\", pin = 4711 }";
        let got = excerpt(text, "\"vualt\"");
        assert_eq!(got.line, "A = { default = ***, provider = \"vualt\", ref = ***, pin = *** }");
        assert_eq!(got.indent, "A = { default = ***, provider = ".len());
    }

    #[test]
    fn the_middle_of_a_long_string_is_not_shown() {
        let text = "A = { template = \"\"\"\nfirst\nsecond\n\"\"\" }\n";
        assert_eq!(excerpt(text, "second").line, "");
    }

    #[test]
    fn a_text_that_is_not_well_formed_shows_keys_only() {
        let text = "A = hunter2\nhunter3\n[sec\nB = 'x";
        let source = Source::new("f".into(), text.to_owned());
        assert_eq!(source.excerpt(4..5).line, "A = ***");
        assert_eq!(source.excerpt(12..13).line, "***");
        assert_eq!(source.excerpt(20..21).line, "[sec");
        assert_eq!(source.position(25), (4, 1));
    }
}
