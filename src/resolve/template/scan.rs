//! What can be told of a template's text without the engine: where its tags are, and which words stand in them.
//!
//! Invariant: a tag ends here where it ends for the engine's lexer, as far as that gets without an error, so that
//! no tag which the engine parses has escaped the limits. The engine descends into an expression once for each
//! link of a chain such as `A ~ A ~ A`, and once for each `elif`, without a limit of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Fault, TemplateError};
use super::filter;

/// The longest template, in bytes.
pub(super) const LONGEST: usize = 256 << 10;

/// The longest tag, in bytes: 28,000 bytes of `{{ ---1 }}` end kz by a stack overflow.
pub(super) const LONGEST_TAG: usize = 4 << 10;

/// The most statements, each of which may be an `elif`.
pub(super) const MOST_STATEMENTS: usize = 1_000;

/// `{{ … }}` or `{% … %}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Expression,
    Statement,
}

/// A tag, delimiters included.
#[derive(Clone, Copy, Debug)]
struct Tag<'t> {
    kind: Kind,
    start: usize,
    text: &'t str,
}

/// A name, keyword or number inside a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Word<'t> {
    text: &'t str,
    start: usize,
    /// The characters beside it, white space left out.
    before: Option<char>,
    after: Option<char>,
}

/// Refuses what is too large for the engine, and words in places where kz knows every word that there is.
pub(super) fn check(text: &str) -> Result<(), TemplateError> {
    if text.len() > LONGEST {
        return Err(TemplateError { line: 1, fault: Fault::TooLong });
    }
    let mut statements = 0;
    for tag in Tags::of(text) {
        let refuse = |at: usize, fault| Err(TemplateError { line: line(text, at), fault });
        statements += usize::from(tag.kind == Kind::Statement);
        if tag.text.len() > LONGEST_TAG {
            return refuse(tag.start, Fault::TagTooLong);
        }
        if statements > MOST_STATEMENTS {
            return refuse(tag.start, Fault::TooManyTags);
        }
        if let Some((at, fault)) = unknown_word(&tag) {
            return refuse(at, fault);
        }
    }
    Ok(())
}

/// A filter or test that there is not: the engine looks them up only when they run.
fn unknown_word(tag: &Tag<'_>) -> Option<(usize, Fault)> {
    let (mut last, mut before_last) = ("", "");
    for word in words(tag) {
        let is_filter = word.before == Some('|') || (tag.kind == Kind::Statement && last == "filter");
        if is_filter && filter::find(word.text).is_none() {
            return Some((word.start, Fault::Filter(filter::nearest(word.text))));
        }
        let is_test = (last == "is" && word.text != "not") || (last == "not" && before_last == "is");
        if is_test && word.text != "defined" {
            return Some((word.start, Fault::Function));
        }
        (before_last, last) = (last, word.text);
    }
    None
}

/// Where a name is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// From 1.
    pub line: usize,
    /// It is called as a function.
    pub is_called: bool,
}

/// Where each word that may be a variable is first used, in one pass.
pub(super) fn mentions(text: &str) -> BTreeMap<&str, Mention> {
    let mut mentions = BTreeMap::new();
    let (mut line, mut counted) = (1, 0);
    for word in Tags::of(text).flat_map(|tag| words(&tag)) {
        if matches!(word.before, Some('.' | '|')) {
            continue;
        }
        line += text[counted..word.start].matches('\n').count();
        counted = word.start;
        let mention = Mention { line, is_called: word.after == Some('(') };
        mentions.entry(word.text).or_insert(mention);
    }
    mentions
}

/// The words that may be variables and are used where neither `trim` nor `raw` follows, nor the question whether it
/// is there.
pub(super) fn line_breaks(text: &str) -> BTreeSet<&str> {
    let mut taken = BTreeSet::new();
    for tag in Tags::of(text) {
        let mut words = words(&tag).peekable();
        while let Some(word) = words.next() {
            let next = words.peek().map(|next| (word.after, next.text));
            let is_safe = matches!(next, Some((Some('|'), filter::TRIM | filter::RAW) | (Some('i'), "is")));
            if !is_safe && !matches!(word.before, Some('.' | '|')) {
                taken.insert(word.text);
            }
        }
    }
    taken
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].split(|&byte| byte == b'\n').count()
}

/// The tags of a text, in order; comments and raw blocks are none.
struct Tags<'t> {
    text: &'t str,
    at: usize,
    /// Open brackets; the lexer counts them from tag to tag.
    depth: isize,
}

impl<'t> Tags<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// One past the end of the tag whose inside begins at `inside`.
    fn end_of_tag(&mut self, inside: usize, close: &[u8]) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = inside;
        while at < bytes.len() {
            if self.depth == 0 && bytes[at..].starts_with(close) {
                return at + close.len();
            }
            match bytes[at] {
                b'(' | b'[' | b'{' => self.depth += 1,
                b')' | b']' | b'}' => self.depth -= 1,
                b'\'' | b'"' => at = end_of_string(bytes, at) - 1,
                _ => {}
            }
            at += 1;
        }
        bytes.len()
    }
}

impl<'t> Iterator for Tags<'t> {
    type Item = Tag<'t>;

    fn next(&mut self) -> Option<Tag<'t>> {
        loop {
            let start = self.at + self.text[self.at..].find('{')?;
            let rest = &self.text[start + 1..];
            // `{{-` takes white space away: the sign belongs to the delimiter.
            let inside =
                start + 2 + usize::from(rest.get(1..).is_some_and(|rest| rest.starts_with(['-', '+'])));
            let (kind, close) = match rest.as_bytes().first() {
                Some(b'{') => (Kind::Expression, b"}}"),
                Some(b'%') => match end_of_raw(self.text, inside) {
                    Some(end) => {
                        self.at = end;
                        continue;
                    }
                    None => (Kind::Statement, b"%}"),
                },
                Some(b'#') => {
                    let end = self.text[inside..].find("#}");
                    self.at = end.map_or(self.text.len(), |end| inside + end + 2);
                    continue;
                }
                _ => {
                    self.at = start + 1;
                    continue;
                }
            };
            self.at = self.end_of_tag(inside, close);
            return Some(Tag { kind, start, text: &self.text[start..self.at] });
        }
    }
}

/// One past the end of the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// One past the end of a raw block, when the tag whose inside begins at `inside` opens one.
fn end_of_raw(text: &str, inside: usize) -> Option<usize> {
    let mut at = text.len() - bare_tag(&text[inside..], "raw")?.len();
    while let Some(next) = text[at..].find("{%") {
        at += next + 2;
        let rest = text[at..].strip_prefix(['-', '+']).unwrap_or(&text[at..]);
        if let Some(rest) = bare_tag(rest, "endraw") {
            return Some(text.len() - rest.len());
        }
    }
    Some(text.len())
}

/// What follows a tag that consists of one word.
fn bare_tag<'t>(inside: &'t str, word: &str) -> Option<&'t str> {
    let white = |c: char| c.is_ascii_whitespace();
    let rest = inside.trim_start_matches(white).strip_prefix(word)?.trim_start_matches(white);
    rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")
}

/// The words of a tag; what stands in strings is none.
fn words<'t>(tag: &Tag<'t>) -> impl Iterator<Item = Word<'t>> + use<'t> {
    let Tag { text, start, .. } = *tag;
    let mut at = 2.min(text.len());
    let mut before = None;
    std::iter::from_fn(move || {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        while let Some(c) = text[at..].chars().next() {
            if is_part(c) {
                let rest = text[at..].trim_start_matches(is_part);
                let end = text.len() - rest.len();
                let after = rest.trim_start().chars().next();
                let word = Word { text: &text[at..end], start: start + at, before, after };
                (at, before) = (end, Some('a'));
                return Some(word);
            }
            let is_quote = matches!(c, '\'' | '"');
            at = if is_quote { end_of_string(text.as_bytes(), at) } else { at + c.len_utf8() };
            before = if c.is_whitespace() { before } else { Some(c) };
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Vec<&str> {
        Tags::of(text).map(|tag| tag.text).collect()
    }

    #[test]
    fn a_tag_ends_where_the_engine_ends_it() {
        assert_eq!(
            tags("a {{ X }} b {%- if Y -%} c {%endif%} { { }"),
            ["{{ X }}", "{%- if Y -%}", "{%endif%}"]
        );
        assert_eq!(tags("{{ '}}' ~ \"\\\"}}\" }} }}"), ["{{ '}}' ~ \"\\\"}}\" }}"]);
        assert_eq!(tags("{{ {'a': {}}['a'] }}x"), ["{{ {'a': {}}['a'] }}"]);
        assert_eq!(tags("{# {{ X }} #}{#-#}{{ Y }}"), ["{{ Y }}"]);
        assert_eq!(tags("{% raw %}{{ X }}{% endif %}{%- endraw -%}{{ Y }}"), ["{{ Y }}"]);
        assert_eq!(tags("{%- raw-%}{{ X }}"), [""; 0]);
        assert_eq!(tags("{{ 'é"), ["{{ 'é"]);
        assert_eq!(tags("{{"), ["{{"]);
        assert_eq!(tags("{{ '\\"), ["{{ '\\"]);
    }

    #[test]
    fn names_are_found_by_line_and_nothing_else_is_taken_for_one() {
        let text = "X {# X #}\n{{ 'X' }}{{ A.X }}{{ A | X }}\n\n{{ AX }}{{ X }}";
        assert_eq!(mentions(text)["X"], Mention { line: 4, is_called: false });
        assert_eq!(mentions("\n{{ debug () }}")["debug"], Mention { line: 2, is_called: true });
    }

    #[test]
    fn a_line_break_is_taken_where_no_filter_takes_it_off_or_vouches_for_it() {
        for (text, takes) in [
            ("{{ X }}", true),
            ("{{ X | urlencode }}", true),
            ("{{ X | urlencode | trim }}", true),
            ("{{ X | trim }}{{ X | sh }}", true),
            ("{{ X | trim | urlencode }}", false),
            ("{{X|trim}}", false),
            ("{{ X | raw }}", false),
            ("{% if X is defined %}{{ X | trim }}{% endif %}", false),
            ("{{ Y }} {# {{ X }} #}", false),
            ("{{ 'X' }}{{ Y.X }}", false),
        ] {
            assert_eq!(line_breaks(text).contains("X"), takes, "{text}");
        }
    }

    #[test]
    fn filters_and_tests_are_checked_where_no_value_leads_to_them() {
        let fault = |text: &str| check(text).map_err(|error| (error.line, error.fault));
        assert_eq!(fault("{% if A is defined %}{% else %}\n{{ B|urlencod }}{% endif %}"), {
            Err((2, Fault::Filter(Some("urlencode"))))
        });
        assert_eq!(fault("{% filter nothing_like_it %}{% endfilter %}"), Err((1, Fault::Filter(None))));
        assert_eq!(fault("{{ A is not odd }}"), Err((1, Fault::Function)));
        assert_eq!(fault("{{ A is not defined or B is defined }}{{ '| nosuch' }}{{ filter }}"), Ok(()));
    }

    #[test]
    fn what_is_too_large_for_the_engine_is_refused() {
        let fault = |text: &str| check(text).map_err(|error| error.fault);
        assert_eq!(fault(&"x".repeat(LONGEST)), Ok(()));
        assert_eq!(fault(&"x".repeat(LONGEST + 1)), Err(Fault::TooLong));
        assert_eq!(fault(&format!("{{{{ {} }}}}", "A".repeat(LONGEST_TAG - 6))), Ok(()));
        assert_eq!(fault(&format!("{{{{ {} }}}}", "A".repeat(LONGEST_TAG - 5))), Err(Fault::TagTooLong));
        assert_eq!(fault(&"{%do A%}".repeat(MOST_STATEMENTS + 1)), Err(Fault::TooManyTags));
    }

    /// Texts put together at random from what decides where a tag ends: no variable that the engine sees is
    /// outside of what is seen here.
    #[test]
    fn every_variable_that_the_engine_sees_stands_in_a_tag() {
        const PARTS: &[&str] = &[
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "-",
            "+",
            "'",
            "\"",
            "\\",
            "%",
            " ",
            "\n",
            "A",
            "B",
            "|raw",
            "~",
            ",",
            ":",
            "1",
            "if A",
            "endif",
            "{%raw%}",
            "{% endraw -%}",
            "{{A}}",
            "{{-",
            "'}}'",
            "set B=",
            "do ",
            "é",
        ];
        let engine = super::super::engine();
        let (mut state, mut parsed) = (1_u64, 0);
        for _ in 0..60_000 {
            let mut text = String::new();
            for _ in 0..state % 13 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text += PARTS[usize::try_from(state >> 33).unwrap() % PARTS.len()];
            }
            state = state.rotate_left(7).wrapping_add(11);
            let Ok(template) = engine.template_from_str(&text) else { continue };
            for name in template.undeclared_variables(false) {
                parsed += 1;
                assert!(mentions(&text).contains_key(name.as_str()), "{name} in {text:?}");
            }
        }
        assert!(parsed > 1_000, "{parsed} variables were seen");
    }
}
