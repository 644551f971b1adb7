//! A YAML file as a tree that knows where everything stands.
//!
//! Invariants: an alias shares its anchor's node and is never copied out; what a document would be with its
//! aliases written out is bounded, in number and in depth, so that no file makes kz hang or run out of stack.
//! Merge keys are merged as YAML 1.1 has them. The parser's own errors are not repeated, since they may quote the
//! text: only their place is.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span};

use super::Unreadable;

/// More nodes than any file has that a person wrote, aliases written out.
const MOST: usize = 200_000;

/// Deeper than any Compose file or manifest, aliases written out.
const DEEPEST: usize = 64;

/// A place in a file; both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    value: Value,
    /// How many nodes it is, aliases written out.
    weight: usize,
    depth: usize,
}

#[derive(Debug)]
enum Value {
    Scalar { text: String, is_plain: bool },
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

/// The key of an entry.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) mark: Mark,
}

impl Node {
    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, is_plain } if !is_null(text, *is_plain) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; a scalar is a list of itself, as Compose often has it.
    pub(super) fn items(&self) -> Vec<&Node> {
        match &self.value {
            Value::List(items) => items.iter().map(AsRef::as_ref).collect(),
            Value::Scalar { .. } if self.text().is_some() => vec![self],
            _ => Vec::new(),
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Key, &Node)> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, node)| (key, node.as_ref()))
    }

    /// The entry `name` of a map.
    pub(super) fn entry(&self, name: &str) -> Option<(&Key, &Node)> {
        self.entries().find(|(key, _)| key.text == name)
    }

    /// What stands under `name` in a map.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    /// What stands under these names, one in the other.
    pub(super) fn at(&self, names: &[&str]) -> Option<&Node> {
        names.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The text under `name`.
    pub(super) fn text_at(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Node::text)
    }

    /// Whether `true` stands under `name`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        matches!(self.text_at(name), Some("true" | "True" | "TRUE" | "yes" | "on"))
    }

    /// Whether `false` stands under `name`.
    pub(super) fn is_false(&self, name: &str) -> bool {
        matches!(self.text_at(name), Some("false" | "False" | "FALSE" | "no" | "off"))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }
}

fn is_null(text: &str, is_plain: bool) -> bool {
    is_plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A file's documents, and the keys that stand twice in one map.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) roots: Vec<Rc<Node>>,
    pub(super) doubled: Vec<Key>,
}

/// Reads all documents of a file.
pub(super) fn read(text: &str) -> Result<Documents, Unreadable> {
    let mut options = Options::default();
    options.flow_nesting_limit = DEEPEST;
    options.block_nesting_limit = DEEPEST;
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| match error.kind() {
            ErrorKind::RecursionLimitExceeded => Unreadable::TooMuch,
            _ => Unreadable::Syntax(mark_of(error.marker().line(), error.marker().col())),
        })?;
        builder.take(&event, &span)?;
    }
    Ok(Documents { roots: builder.roots, doubled: builder.doubled })
}

fn mark_of(line: usize, column: usize) -> Mark {
    Mark { line: line.max(1), column: column + 1 }
}

/// A list or a map whose end has not come yet.
#[derive(Debug)]
struct Open {
    mark: Mark,
    anchor: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<(Key, Rc<Node>)>, key: Option<Key>, merged: Vec<Rc<Node>> },
}

#[derive(Debug, Default)]
struct Builder {
    roots: Vec<Rc<Node>>,
    doubled: Vec<Key>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// Entries that merging has looked at.
    looked_at: usize,
}

impl Builder {
    fn take(&mut self, event: &Event<'_>, span: &Span) -> Result<(), Unreadable> {
        let mark = mark_of(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = matches!(style, ScalarStyle::Plain);
                self.put(mark, *anchor, Value::Scalar { text: text.to_string(), is_plain })
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { mark, anchor: *anchor, content: Content::List(Vec::new()) });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.open.push(Open { mark, anchor: *anchor, content });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                // An anchor that is still open holds itself.
                let node = self.anchors.get(id).cloned().ok_or(Unreadable::Syntax(mark))?;
                self.attach(node, mark);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        let Some(Open { mark, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, merged, .. } => Value::Map(self.merge(entries, &merged)?),
        };
        self.put(mark, anchor, value)
    }

    fn put(&mut self, mark: Mark, anchor: usize, value: Value) -> Result<(), Unreadable> {
        let children = || -> Box<dyn Iterator<Item = &Rc<Node>>> {
            match &value {
                Value::Scalar { .. } => Box::new(std::iter::empty()),
                Value::List(items) => Box::new(items.iter()),
                Value::Map(entries) => Box::new(entries.iter().map(|(_, node)| node)),
            }
        };
        let weight = children().fold(1, |sum: usize, child| sum.saturating_add(child.weight));
        let depth = children().map(|child| child.depth).max().unwrap_or(0) + 1;
        if weight > MOST || depth > DEEPEST {
            return Err(Unreadable::TooMuch);
        }
        let node = Rc::new(Node { mark, value, weight, depth });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node, mark);
        Ok(())
    }

    /// Puts a whole node where it belongs; `mark` is where it is written, which an alias's node does not know.
    fn attach(&mut self, node: Rc<Node>, mark: Mark) {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.roots.push(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key, merged }) => match key.take() {
                None => *key = Some(Key { text: key_text(&node), mark }),
                Some(key) if key.text == "<<" => merged.push(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }

    /// The map's own entries, and those of the maps that it merges which it does not have itself. The first counts.
    fn merge(
        &mut self,
        entries: Vec<(Key, Rc<Node>)>,
        merged: &[Rc<Node>],
    ) -> Result<Vec<(Key, Rc<Node>)>, Unreadable> {
        let mut names = HashSet::new();
        let mut all = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if names.insert(key.text.clone()) {
                all.push((key, node));
            } else {
                self.doubled.push(key);
            }
        }
        for source in merged {
            let listed: Vec<&Node> = if source.is_list() { source.items() } else { vec![source] };
            for map in listed {
                let Value::Map(entries) = &map.value else { continue };
                self.looked_at += entries.len() + 1;
                if self.looked_at > MOST {
                    return Err(Unreadable::TooMuch);
                }
                let new = entries.iter().filter(|(key, _)| names.insert(key.text.clone()));
                all.extend(new.cloned());
            }
        }
        Ok(all)
    }
}

/// Keys that are lists or maps mean nothing here.
fn key_text(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, .. } => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn one(text: &str) -> Rc<Node> {
        Rc::clone(&read(text).unwrap().roots[0])
    }

    #[test]
    fn places_are_those_of_the_text() {
        let root = one("a:\n  - é: {b: x}\n");
        let item = root.get("a").unwrap().items()[0];
        let (key, value) = item.get("é").unwrap().entry("b").unwrap();
        assert_eq!((key.mark.line, key.mark.column), (2, 9));
        assert_eq!((value.mark.line, value.mark.column), (2, 12));
    }

    #[test]
    fn merge_keys_and_aliases_are_what_they_stand_for() {
        let root = one("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [{c: 4}, *x]}\nl: *x\n");
        let texts = |name: &str| -> Vec<_> {
            let node = root.get(name).unwrap();
            node.entries().map(|(key, node)| format!("{}={}", key.text, node.text().unwrap())).collect()
        };
        assert_eq!(texts("y"), ["b=3", "a=1"]);
        assert_eq!(texts("z"), ["c=4", "a=1", "b=2"]);
        assert_eq!(texts("l"), ["a=1", "b=2"]);
    }

    #[test]
    fn null_is_nothing_unless_it_is_quoted() {
        let root = one("a:\nb: ~\nc: 'null'\nd: ''\n");
        let of = |name: &str| root.text_at(name);
        assert_eq!((of("a"), of("b"), of("c"), of("d")), (None, None, Some("null"), Some("")));
    }

    #[test]
    fn a_key_that_stands_twice_is_noticed_and_the_first_counts() {
        let documents = read("a: 1\na: 2\n").unwrap();
        assert_eq!(documents.doubled.iter().map(|key| key.mark.line).collect::<Vec<_>>(), [2]);
        assert_eq!(documents.roots[0].text_at("a"), Some("1"));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let alias = format!("*a{}", level - 1);
            let _ = writeln!(text, "a{level}: &a{level} [{}]", vec![alias; 10].join(", "));
        }
        assert!(matches!(read(&text), Err(Unreadable::TooMuch)));
    }

    #[test]
    fn a_bomb_of_merges_is_refused() {
        let keys: Vec<String> = (0..5000).map(|number| format!("k{number}: 1")).collect();
        let text = format!("a: &a {{{}}}\nb: {{<<: [{}]}}\n", keys.join(", "), vec!["*a"; 5000].join(", "));
        assert!(matches!(read(&text), Err(Unreadable::TooMuch)));
    }

    #[test]
    fn depth_is_bounded_however_it_is_reached() {
        for text in [
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            (0..2000).map(|depth| [" ".repeat(depth), "a:\n".to_owned()].concat()).collect(),
            "- ".repeat(50_000),
            "? ".repeat(50_000),
        ] {
            assert!(read(&text).is_err(), "{}", &text[..20]);
        }
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..100 {
            let _ = writeln!(text, "a{level}: &a{level} [*a{}]", level - 1);
        }
        assert!(matches!(read(&text), Err(Unreadable::TooMuch)));
    }

    #[test]
    fn an_anchor_cannot_hold_itself() {
        assert!(matches!(read("a: &a [*a]\n"), Err(Unreadable::Syntax(Mark { line: 1, .. }))));
    }
}
