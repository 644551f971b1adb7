//! The text of a configuration file: positions in it, and lines of it as an error may show them.
//!
//! Invariant: an excerpt shows keys and the harmless values (provider names, paths, modes, refs) that
//! do not look like credentials; every other string is `***`, whatever its length, and so are comments,
//! where values wait that were commented out. Where the text is not well-formed, only what reads as a bare
//! key before a line's first `=`, or as a table's header, is shown.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::literal;

/// Keys whose strings may be shown.
const HARMLESS: &[&str] = &[
    "deliver",
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
    "addresses",
    "timeout",
    "environment_from",
    "keep_env",
    "format",
    "path",
    "only",
    "dialect",
    "shell",
    "json_bytes",
];

/// One configuration file.
#[derive(Clone, Debug)]
pub struct SourceFile {
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
    /// Only keys, by the look of each line.
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

impl SourceFile {
    /// A text of which nothing is known yet.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, shown: Shown::KeysOnly }
    }

    /// Notes, from its well-formed `tree`, which of its strings may be shown.
    pub fn allow_excerpts(&mut self, tree: &DeTable<'_>) {
        let mut strings = Strings::default();
        strings.hide_in_table(tree);
        let Strings { mut hidden, leaves, names } = strings;
        hidden.extend(comments(&self.text, leaves));
        // A table's name stands in the header of each table in it, and its span is that of one of them.
        let places = names.iter().flat_map(|name| self.text.match_indices(name.as_str()));
        for place in places.map(|(at, name)| at..at + name.len()) {
            if !hidden.iter().any(|other| place.start < other.end && other.start < place.end) {
                hidden.push(place);
            }
        }
        hidden.sort_by_key(|range| range.start);
        self.shown = Shown::Except(hidden);
    }

    /// Line and column of a byte, both from 1; columns are characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.before(offset);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
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
            Shown::Except(hidden) => {
                // They are sorted and apart.
                let first = hidden.partition_point(|range| range.end <= part.start);
                hidden[first..].iter().take_while(|range| range.start < part.end).cloned().collect()
            }
            Shown::KeysOnly => {
                let line = self.text[..part.start].rfind('\n').map_or(0, |newline| newline + 1);
                let end = self.text[line..].find('\n').map_or(self.text.len(), |length| line + length);
                let from = line + key_length(&self.text[line..end]);
                (from < part.end && end > part.start).then_some(from..end).into_iter().collect()
            }
        }
    }
}

/// How much of a line can be shown when nothing is known of it but its look. Any line may be the middle of a
/// value, and `=` the padding of base64: a key is bare, and something follows its `=`.
fn key_length(line: &str) -> usize {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    let shown = match line.split_once('=') {
        Some((key, value)) => {
            let is_key = key.trim_start().chars().all(is_bare) && !value.trim().is_empty();
            let blank = usize::from(value.starts_with(' '));
            if is_key && !value.starts_with('=') { line.len().min(key.len() + 1 + blank) } else { 0 }
        }
        None if line.trim_start().starts_with('[') => {
            let is_header = line.chars().all(|c| is_bare(c) || matches!(c, '[' | ']' | '\t' | '\r'));
            if is_header { line.len() } else { 0 }
        }
        None => 0,
    };
    let edge = line.floor_char_boundary(shown);
    if literal::may_be_credential(&line[..edge]) { 0 } else { edge }
}

/// What is looked for in a tree.
#[derive(Default)]
struct Strings {
    /// The spans of all strings that are not harmless.
    hidden: Vec<Range<usize>>,
    /// Those of everything in which `#` begins no comment.
    leaves: Vec<Range<usize>>,
    /// Keys that may be credentials.
    names: Vec<String>,
}

impl Strings {
    fn hide_in_table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            if literal::may_be_credential(key.get_ref()) {
                self.names.push(key.get_ref().to_string());
            }
            self.leaves.push(key.span());
            self.hide_in(key.get_ref(), value);
        }
    }

    fn hide_in(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => return self.hide_in_table(table),
            DeValue::Array(items) => return items.iter().for_each(|item| self.hide_in(key, item)),
            DeValue::String(text) if HARMLESS.contains(&key) && !literal::may_be_credential(text) => {}
            DeValue::Boolean(_) => {}
            _ => self.hidden.push(value.span()),
        }
        self.leaves.push(value.span());
    }
}

/// What stands behind a `#` outside of `leaves`, to the end of its line.
fn comments(text: &str, mut leaves: Vec<Range<usize>>) -> Vec<Range<usize>> {
    leaves.sort_by_key(|range| range.start);
    let mut leaves = leaves.into_iter().peekable();
    let mut comments = Vec::new();
    let mut at = 0;
    while let Some(mark) = text[at..].find('#').map(|offset| at + offset) {
        while leaves.next_if(|leaf| leaf.end <= mark).is_some() {}
        match leaves.peek() {
            Some(leaf) if leaf.start <= mark => at = leaf.end,
            _ => {
                let end = text[mark..].find('\n').map_or(text.len(), |length| mark + length);
                comments.push(mark + 1..end);
                at = end;
            }
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> SourceFile {
        let mut source = SourceFile::new("f".into(), text.to_owned());
        source.allow_excerpts(DeTable::parse(text).unwrap().get_ref());
        source
    }

    fn excerpt(text: &str, needle: &str) -> Excerpt {
        let start = text.find(needle).unwrap();
        source(text).excerpt(start..start + needle.len())
    }

    #[test]
    fn of_a_text_that_is_no_toml_no_character_of_a_value_is_shown() {
        for (text, line) in [
            ("A=hunter2", "A=***"),
            ("A=x", "A=***"),
            ("export A=hunter2", "export A=***"),
            ("A = hunter2", "A = ***"),
            ("[secrets]", "[secrets]"),
        ] {
            let source = SourceFile::new("f".into(), text.to_owned());
            assert_eq!(source.excerpt(0..1).line, line, "{text}");
        }
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
        let source = SourceFile::new("f".into(), text.to_owned());
        assert_eq!(source.excerpt(4..5).line, "A = ***");
        assert_eq!(source.excerpt(12..13).line, "***");
        assert_eq!(source.excerpt(20..21).line, "[sec");
        assert_eq!(source.position(25), (4, 1));
    }

    #[test]
    fn a_value_that_reads_like_a_key_is_not_shown() {
        for line in [
            "c2VjcmV0IHNlY3JldA==",
            "c2VjcmV0IHNlY3JldDE=",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1 = x",
            "  \"hunter2\", # a=b",
            "[\"hunter2\",",
            "[\"hunter2\"]",
        ] {
            let source = SourceFile::new("f".into(), format!("A =\n{line}\n"));
            assert_eq!(source.excerpt(4..5).line, "***", "{line}");
        }
        let source = SourceFile::new("f".into(), "é=ü\na.b=ü".to_owned());
        assert_eq!(source.excerpt(0..1).line, "***");
        assert_eq!(source.excerpt(6..7).line, "a.b=***");
    }

    #[test]
    fn comments_are_not_shown_and_a_number_sign_in_a_string_is_no_comment() {
        let text = "A = { ref = \"x#y\", \"k#\" = 'é#', provider = \"envv\" } # was hunter2 # too\nB = 1\n";
        let got = excerpt(text, "\"envv\"");
        assert_eq!(got.line, "A = { ref = \"x#y\", \"k#\" = ***, provider = \"envv\" } #***");
    }

    #[test]
    fn a_key_that_looks_like_a_credential_is_not_shown_in_any_header() {
        for key in ["wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1", "6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55"] {
            let text = format!("[{key}.a]\nB = 1\n[{key}.b]\nC = 1 # {key}\n[x]\n{key} = 2\n");
            for needle in ["a]", "B", "b]", "C", "[x", " = 2"] {
                let line = excerpt(&text, needle).line;
                assert!(!line.contains(&key[..12]), "{line}");
            }
            assert_eq!(excerpt(&text, "b]").line, "[***.b]");
        }
    }
}
