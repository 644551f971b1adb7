//! A YAML file as a tree that can be changed and written again, so that the advice of `kz doctor` can be followed as a
//! person follows it. Aliases are written out; merge keys do not occur in the broken files.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

/// Line and column, both from 1.
pub type Mark = (u64, u64);

#[derive(Clone, Debug)]
pub struct Node {
    pub mark: Mark,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Scalar { text: String, is_plain: bool },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A list or a map whose end has not come yet, the key whose value comes next, and the anchor.
type Open = (Node, Option<(String, Mark)>, usize);

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub mark: Mark,
    pub value: Node,
}

/// All documents of a file.
pub fn read(text: &str) -> Vec<Node> {
    let mut documents = Vec::new();
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mark = (span.start.line() as u64, span.start.col() as u64 + 1);
        let done = match event {
            Event::Scalar(text, style, anchor, _) => {
                let value =
                    Value::Scalar { text: text.to_string(), is_plain: matches!(style, ScalarStyle::Plain) };
                (Node { mark, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push((Node { mark, value: Value::List(Vec::new()) }, None, anchor));
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push((Node { mark, value: Value::Map(Vec::new()) }, None, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (node, _, anchor) = open.pop().expect("its start");
                (node, anchor)
            }
            Event::Alias(id) => (anchors[&id].clone(), 0),
            _ => continue,
        };
        let (node, anchor) = done;
        if anchor != 0 {
            anchors.insert(anchor, node.clone());
        }
        match open.last_mut() {
            None => documents.push(node),
            Some((Node { value: Value::List(items), .. }, ..)) => items.push(node),
            Some((Node { value: Value::Map(entries), .. }, key, _)) => match key.take() {
                None => *key = Some((node.text().expect("a plain key").to_owned(), mark)),
                Some((key, mark)) => entries.push(Entry { key, mark, value: node }),
            },
            Some(_) => unreachable!("a scalar holds nothing"),
        }
    }
    documents
}

/// The text of one document.
pub fn one(text: &str) -> Node {
    let mut documents = read(text);
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

/// The file again, in flow style.
pub fn write(documents: &[Node]) -> String {
    let texts: Vec<String> = documents.iter().map(|node| format!("{node}\n")).collect();
    texts.join("---\n")
}

impl std::fmt::Display for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
        match &self.value {
            Value::Scalar { .. } if self.is_nothing() => write!(formatter, "null"),
            Value::Scalar { text, is_plain: true } if is_word(text) && !text.starts_with('-') => {
                write!(formatter, "{text}")
            }
            Value::Scalar { text, .. } => write!(formatter, "{}", quoted(text)),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(formatter, "[{}]", items.join(",\n"))
            }
            Value::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|entry| format!("{}: {}", quoted(&entry.key), entry.value)).collect();
                write!(formatter, "{{{}}}", entries.join(",\n"))
            }
        }
    }
}

impl Node {
    pub fn scalar(text: &str) -> Self {
        Self { mark: (0, 0), value: Value::Scalar { text: text.to_owned(), is_plain: false } }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is written there.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true } if ["", "~", "null"].contains(&text.as_str()))
    }

    /// Whether it stands for the rest of what stood there.
    pub fn is_rest(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true } if text == "…")
    }

    pub fn items(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn entries(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn get(&mut self, key: &str) -> Option<&mut Node> {
        self.entries()?.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    pub fn text_at(&mut self, key: &str) -> Option<String> {
        self.get(key).and_then(|node| node.text().map(str::to_owned))
    }

    pub fn remove(&mut self, key: &str) {
        if let Some(entries) = self.entries() {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// Calls `visit` with each node, the outer before the inner, until it says that it is done.
    pub fn find(&mut self, visit: &mut dyn FnMut(&mut Node) -> bool) -> bool {
        if visit(self) {
            return true;
        }
        match &mut self.value {
            Value::Scalar { .. } => false,
            Value::List(items) => items.iter_mut().any(|item| item.find(visit)),
            Value::Map(entries) => entries.iter_mut().any(|entry| entry.value.find(visit)),
        }
    }

    /// Whether it begins there, or an entry or a node in it does.
    pub fn holds(&self, mark: Mark) -> bool {
        self.mark == mark
            || match &self.value {
                Value::Scalar { .. } => false,
                Value::List(items) => items.iter().any(|item| item.holds(mark)),
                Value::Map(entries) => {
                    entries.iter().any(|entry| entry.mark == mark || entry.value.holds(mark))
                }
            }
    }
}
