//! The edits of command lines and scripts that an advice of `kz doctor` does not repeat: it says which words are to be
//! changed, and what is to stand before them.

use super::tree::{self, Node, Value};

/// Puts other words in the place of these wherever they stand alone: `$NAME` is neither part of `$NAMES` nor of `$$NAME`.
pub fn replace(node: &mut Node, old: &str, new: &str) -> bool {
    match &mut node.value {
        Value::List(items) => items.iter_mut().fold(false, |done, item| replace(item, old, new) || done),
        Value::Scalar { text, .. } => {
            let written = replaced(text, old, new);
            let is_other = written != *text;
            *node = Node { mark: node.mark, ..Node::scalar(&written) };
            is_other
        }
        Value::Map(_) => false,
    }
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    let is_name = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut written = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, behind) = rest.split_at(at);
        written.push_str(before);
        let behind = &behind[old.len()..];
        let dollars = written.len() - written.trim_end_matches('$').len();
        let is_escaped = old.starts_with('$') && dollars % 2 == 1;
        let is_longer = is_name(old.chars().next_back()) && is_name(behind.chars().next());
        written.push_str(if is_escaped || is_longer { old } else { new });
        rest = behind;
    }
    written + rest
}

/// Puts words at the start of the script that a shell is given, be the line a list or a string.
pub fn begin(node: &mut Node, words: &str) -> bool {
    match &mut node.value {
        Value::List(items) => {
            let takes = |item: &Node| {
                item.text().is_some_and(|text| {
                    text.starts_with('-') && !text.starts_with("--") && text.contains('c') && text.len() < 6
                })
            };
            let at = items.iter().position(takes).map_or(0, |at| at + 1);
            let Some(script) = items.get_mut(at) else { return false };
            let text = format!("{words} {}", script.text().unwrap_or_default());
            *script = Node { mark: script.mark, ..Node::scalar(&text) };
            true
        }
        Value::Scalar { text, .. } => {
            let Some(at) = text.find("c ").map(|at| at + 2) else { return false };
            let quote = text[at..].starts_with(['"', '\'']);
            let at = at + usize::from(quote);
            let text = format!("{}{words} {}", &text[..at], &text[at..]);
            *node = Node { mark: node.mark, ..Node::scalar(&text) };
            true
        }
        Value::Map(_) => false,
    }
}

/// Puts a list of words before those that are there.
pub fn put_before(node: &mut Node, words: &str) -> bool {
    let Value::List(mut line) = tree::one(words).value else { panic!("no list: {words}") };
    match &mut node.value {
        Value::List(items) => line.append(items),
        Value::Scalar { text, .. } => line.extend(text.split_whitespace().map(Node::scalar)),
        Value::Map(_) => return false,
    }
    node.value = Value::List(line);
    true
}

/// Makes the words of the first item, which a shell would see, items of their own.
pub fn split(node: &mut Node) -> bool {
    let Some(items) = node.items() else { return false };
    let first = items.first().and_then(Node::text).unwrap_or_default().to_owned();
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in first.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(character),
        }
    }
    items.splice(0..1, words.iter().map(|word| Node::scalar(word)));
    words.len() > 1
}
