//! A model of the parser of `env_file` that Docker Compose v2 has, so that values can be tried by the hundred thousand.
//!
//! It was written from what that parser answers: `compose-v2.jsonl` has 660 of its answers (`agreement` compares all of
//! them), and the suite compares the model with Debian's Compose v2 besides. Nothing is known here but `PATH` and `HOME`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::reader::Variables;

/// What was in the environment when the answers were recorded.
const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/usr/bin"), ("HOME", "/root")];

/// The variables that a file sets, or why it is refused.
pub fn read(file: &str) -> Result<Variables, String> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut rest = file.strip_prefix('\u{feff}').unwrap_or(file);
    while let Some(start) = statement(rest) {
        let (name, after) = name(start)?;
        if let Some(next) = after.strip_prefix('\n') {
            // A name alone takes its value from the environment, where there is none.
            rest = next;
            continue;
        }
        let after = after[1..].trim_start_matches(is_blank);
        let (value, left) = match after.chars().next() {
            Some('\'') => single(&after[1..])?,
            Some('"') => double(&after[1..], &known)?,
            _ => bare(after, &known),
        };
        known.insert(name.to_owned(), value);
        rest = left;
    }
    Ok(known.into_iter().map(|(name, value)| (name, value.into_bytes())).collect())
}

/// Where the next statement begins, behind white space and comments.
fn statement(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        if !text.starts_with('#') {
            return Some(text);
        }
        text = &text[text.find('\n')?..];
    }
}

/// White space that does not end a line.
fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// A name, and what follows from its `=`, `:` or line end on.
fn name(text: &str) -> Result<(&str, &str), String> {
    let exported = text.strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace));
    let text = exported.map_or(text, |rest| rest.trim_start_matches(is_blank));
    let end = text.find(['=', ':', '\n']).ok_or("a name without end")?;
    let belongs = |c: char| c.is_alphanumeric() || "_.-[]".contains(c) || is_blank(c);
    let name = text[..end].trim_end();
    if !text[..end].chars().all(belongs) || name.contains(' ') {
        return Err("a name that is none".to_owned());
    }
    Ok((name, &text[end..]))
}

fn bare<'a>(text: &'a str, known: &BTreeMap<String, String>) -> (String, &'a str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let value = line.split(" #").next().unwrap_or_default().trim_end();
    (expand(value, known), rest)
}

/// The text before the closing quote, and what follows it. Only a quote loses its backslash.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        if character == quote {
            return Ok((value, &text[index + 1..]));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some((_, next)) if next == quote => value.push(quote),
            Some((_, next)) => value.extend(['\\', next]),
            None => break,
        }
    }
    Err("a quote that is not closed".to_owned())
}

fn single(text: &str) -> Result<(String, &str), String> {
    quoted(text, '\'')
}

fn double<'a>(text: &'a str, known: &BTreeMap<String, String>) -> Result<(String, &'a str), String> {
    let (value, rest) = quoted(text, '"')?;
    Ok((expand(&unescape(&value), known), rest))
}

/// The escapes between double quotes. A dollar becomes two, which expansion makes one again.
fn unescape(text: &str) -> String {
    let mut value = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('\\') {
        value.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let (replacement, length) = escape(rest);
        value.push_str(&replacement);
        rest = &rest[length..];
    }
    value + rest
}

/// What stands for the characters behind a backslash, and how many bytes of them it stands for.
fn escape(rest: &str) -> (String, usize) {
    let one = |text: &str| (text.to_owned(), 1);
    match rest.chars().next() {
        Some('$') => one("$$"),
        Some('a') => one("\x07"),
        Some('b') => one("\x08"),
        Some('f') => one("\x0c"),
        Some('n') => one("\n"),
        Some('r') => one("\r"),
        Some('t') => one("\t"),
        Some('v') => one("\x0b"),
        Some('"') => one("\""),
        Some('\\') => one("\\"),
        Some('0') => octal(&rest[1..]),
        _ => ("\\".to_owned(), 0),
    }
}

/// `\0ddd` is a character; with fewer digits, or others, the `0` alone is lost.
fn octal(rest: &str) -> (String, usize) {
    let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let code = u32::from_str_radix(&rest[..digits], 8).ok().filter(|code| digits == 3 && *code < 256);
    match code.and_then(char::from_u32) {
        Some(character) => (character.to_string(), 4),
        None => (format!("\\{}", &rest[..digits]), 1 + digits),
    }
}

/// `$$`, `$NAME` and `${NAME}`. A dollar before anything else stays.
fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut value = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        value.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if let Some(after) = rest.strip_prefix('$') {
            value.push('$');
            rest = after;
        } else if let Some((name, after)) = braced {
            value.push_str(&lookup(name, known));
            rest = after;
        } else if length > 0 && !rest.starts_with(|c: char| c.is_ascii_digit()) {
            value.push_str(&lookup(&rest[..length], known));
            rest = &rest[length..];
        } else {
            value.push('$');
        }
    }
    value + rest
}

/// Of the environment or of the file, or nothing.
fn lookup(name: &str, known: &BTreeMap<String, String>) -> String {
    let given = ENVIRONMENT.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
    given.or_else(|| known.get(name).cloned()).unwrap_or_default()
}

/// Compares the model with every recorded answer: how many there are, and those where it differs.
pub fn agreement() -> (usize, Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects/compose-v2.jsonl");
    let answers = std::fs::read_to_string(path).unwrap();
    let differs = |line: &&str| {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let seen = read(answer["env_file"].as_str().unwrap()).ok();
        let text = |value: &serde_json::Value| value.as_str().unwrap().as_bytes().to_vec();
        let recorded = answer["variables"].as_object().map(|variables| {
            variables.iter().map(|(name, value)| (name.clone(), text(value))).collect::<Variables>()
        });
        seen != recorded
    };
    let lines: Vec<&str> = answers.lines().collect();
    (lines.len(), lines.iter().filter(|line| differs(line)).map(|line| (*line).to_owned()).collect())
}
