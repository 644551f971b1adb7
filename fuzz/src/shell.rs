//! Assignments as a POSIX shell reads them when it sources a file (XCU 2.2, 2.3, 2.6): an independent reader.
//!
//! It knows only what executes nothing and expands nothing, and refuses the rest: any metacharacter outside
//! quotes, and inside double quotes `$`, a backtick or a backslash.

/// The assignments, or the byte at which a shell could do anything else than assign.
pub fn read(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut entries = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n']);
        let at = text.len() - rest.len();
        if rest.is_empty() {
            return Ok(entries);
        }
        if rest.starts_with('#') {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        rest = rest.strip_prefix("export ").unwrap_or(rest).trim_start_matches([' ', '\t']);
        let (name, value) = rest.split_once('=').ok_or(at)?;
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
        if !first || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(at);
        }
        let (value, after) = word(value).ok_or(at)?;
        let after = after.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with('\n') {
            return Err(at);
        }
        entries.push((name.to_owned(), value));
        rest = after;
    }
}

/// One word, pieces in and out of quotes joined, and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let Some(next) = rest.chars().next() else { return Some((value, rest)) };
        let tail = &rest[next.len_utf8()..];
        rest = match next {
            ' ' | '\t' | '\n' => return Some((value, rest)),
            '\'' | '"' => {
                let (inside, after) = tail.split_once(next)?;
                if next == '"' && inside.contains(['$', '`', '\\']) {
                    return None;
                }
                value.push_str(inside);
                after
            }
            '$' | '`' | '\\' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '#' => return None,
            // A tilde at the start, or behind a colon, is somebody's home.
            '~' if value.is_empty() || value.ends_with(':') => return None,
            other if other.is_ascii_control() => return None,
            other => {
                value.push(other);
                tail
            }
        };
    }
}
