//! An env file as Compose reads it, as far as is needed to see which variables it sets, over which lines, and of which others
//! it makes them. Nothing is filled in. What is not understood is left out.

use super::text;

/// A variable of an env file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Without its quotes.
    pub(super) value: String,
    quote: Option<char>,
    /// How many lines it is.
    lines: usize,
}

impl Entry {
    /// The variables that its value is made of. Within `'…'` nothing is filled in.
    pub(super) fn uses(&self) -> Vec<&str> {
        if self.quote == Some('\'') { Vec::new() } else { text::filled_in(&self.value) }
    }

    /// The command of `sed` that takes it out of its file, all its lines, and is harmless where it is no longer there. Nothing
    /// where a line within it seems to end it.
    pub(super) fn cut(&self) -> Option<String> {
        let start = format!("/^[[:space:]]*\\(export[[:space:]]\\+\\)\\?{}[[:space:]]*[=:]/", self.name);
        match self.quote {
            _ if self.lines == 1 => Some(format!("{start}d")),
            Some(quote) => {
                let end = if quote == '\'' { "\\x27".to_owned() } else { quote.to_string() };
                (!self.value.contains(quote)).then(|| format!("{start},/{end}/d"))
            }
            None => None,
        }
    }
}

/// All variables of an env file, in order.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line_end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(line_end);
        match assigned(line) {
            None => rest = behind,
            Some((name, at)) => {
                let (value, quote, length) = value(&rest[at..], &line[at..]);
                let end = at + length;
                let end = rest[end..].find('\n').map_or(rest.len(), |newline| end + newline + 1);
                let lines = rest[..end].trim_end_matches('\n').matches('\n').count() + 1;
                found.push(Entry { name: name.to_owned(), value, quote, lines });
                rest = &rest[end..];
            }
        }
    }
    found
}

/// The name that a line gives a value to, and where that begins.
fn assigned(line: &str) -> Option<(&str, usize)> {
    // Compose takes `NAME: value` too.
    let at = line.find(['=', ':'])?;
    let name = line[..at].trim();
    let name =
        name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let behind = &line[at + 1..];
    let blank = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    is_name.then_some((name, at + 1 + blank))
}

/// The value that begins here, its quote, and how long it is with that; one whose quote is never closed is one line.
fn value(rest: &str, line: &str) -> (String, Option<char>, usize) {
    let quote = rest.chars().next().filter(|first| ['"', '\''].contains(first));
    let closed = quote.and_then(|quote| {
        let mut is_escaped = false;
        let mut characters = rest.char_indices().skip(1);
        characters.find(|(_, character)| {
            let ends = *character == quote && !is_escaped;
            is_escaped = *character == '\\' && !is_escaped;
            ends
        })
    });
    if let Some((end, _)) = closed {
        return (rest[1..end].to_owned(), quote, end + 1);
    }
    let bare = line.trim_end();
    let bare = bare.find(" #").map_or(bare, |comment| &bare[..comment]).trim_end();
    (bare.to_owned(), None, line.trim_end_matches('\n').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        entries(text).into_iter().map(|entry| (entry.name, entry.value)).collect()
    }

    #[test]
    fn variables_are_read_as_compose_reads_them() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(of("# A=b\nA=b # c\nexport B = 'x # y'\n\nC\n"), pairs(&[("A", "b"), ("B", "x # y")]));
        assert_eq!(of("K=\"-----\nab=\nC=d\n\"\nD=e"), pairs(&[("K", "-----\nab=\nC=d\n"), ("D", "e")]));
        assert_eq!(of("A=\"b\\\"c\"\nB=\"x\nC=d\n"), pairs(&[("A", "b\\\"c"), ("B", "\"x"), ("C", "d")]));
        assert_eq!(of("A=\nB=x"), pairs(&[("A", ""), ("B", "x")]));
        assert_eq!(of("A: b\nB=c:d"), pairs(&[("A", "b"), ("B", "c:d")]));
    }

    #[test]
    fn what_a_value_is_made_of_is_told_by_its_quotes() {
        let found = entries("A=x:${B}@$C\nD='${B}'\nE=\"${B:-$F}\"\nG=$$H\n");
        let uses: Vec<Vec<&str>> = found.iter().map(Entry::uses).collect();
        assert_eq!(uses, [vec!["B", "C"], vec![], vec!["B", "F"], vec![]]);
    }

    #[test]
    fn a_value_over_several_lines_is_cut_to_its_end_or_not_at_all() {
        let cut = |text: &str| entries(text)[0].cut();
        assert!(cut("A=b\n").is_some_and(|cut| cut.ends_with("[=:]/d")));
        assert!(cut("A=\"b\nc\"\n").is_some_and(|cut| cut.ends_with("[=:]/,/\"/d")));
        assert!(cut("A='b\nc'\n").is_some_and(|cut| cut.ends_with("[=:]/,/\\x27/d")));
        assert_eq!(cut("A=\"b\\\"\nc\"\n"), None);
    }
}
