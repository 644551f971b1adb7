//! The edits by which a person follows an advice of `kz doctor`: keys and items in a service or container, options on a
//! command line, in the place that the step names.

use super::tree::{self, Entry, Mark, Node, Value};

/// A service, or a container of a pod.
pub fn unit<'a>(root: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    if root.get("services").is_some() {
        return root.get("services")?.get(name);
    }
    if root.get("items").is_some() {
        return root.get("items")?.items()?.iter_mut().find_map(|object| unit(object, name));
    }
    top(root).get("containers")?;
    let spec = top(root);
    for list in ["initContainers", "containers"] {
        let has = |items: &mut Vec<Node>| {
            items.iter_mut().position(|item| item.text_at("name").as_deref() == Some(name))
        };
        if let Some(index) = spec.get(list).and_then(Node::items).and_then(has) {
            return spec.get(list)?.items()?.get_mut(index);
        }
    }
    None
}

/// The file's own keys, or those of the pod.
pub fn top(root: &mut Node) -> &mut Node {
    if root.get("services").is_some() || root.get("spec").is_none() {
        return root;
    }
    let mut at = root.get("spec").expect("a spec");
    while at.get("containers").is_none() {
        let Some(next) = ["template", "jobTemplate", "spec"].into_iter().find(|key| at.get(key).is_some())
        else {
            break;
        };
        at = at.get(next).expect("it");
    }
    at
}

/// Moves a container to the top of `initContainers`.
pub fn move_first(root: &mut Node, name: &str) {
    let container = unit(root, name).expect("the container").clone();
    let spec = top(root);
    for list in ["initContainers", "containers"] {
        if let Some(items) = spec.get(list).and_then(Node::items) {
            items.retain(|item| item.clone().text_at("name").as_deref() != Some(name));
        }
    }
    if spec.get("initContainers").is_none() {
        merge(spec, tree::one("initContainers: []"));
    }
    spec.get("initContainers").and_then(Node::items).expect("a list").insert(0, container);
}

/// Puts items in the place of the innermost item that holds the mark.
pub fn replace_item(root: &mut Node, mark: Mark, new: &Node) -> bool {
    let Value::List(new) = &new.value else { panic!("no list") };
    root.find(&mut |node| {
        let Some(items) = node.items() else { return false };
        let Some(index) = items.iter().position(|item| item.holds(mark)) else { return false };
        let is_inner = |node: &mut Node| match &node.value {
            Value::List(items) => items.iter().any(|item| item.holds(mark)),
            _ => false,
        };
        if items[index].find(&mut { is_inner }) {
            return false;
        }
        items.splice(index..=index, new.iter().cloned());
        true
    })
}

/// Puts an entry in the place of the one that stands there, or whose value does, or of an item `NAME=value`.
pub fn replace_entry(root: &mut Node, mark: Mark, new: Node) -> bool {
    let Value::Map(new) = new.value else { panic!("no map") };
    root.find(&mut |node| match &mut node.value {
        Value::List(items) => {
            let at = items.iter().position(|item| item.mark == mark && item.text().is_some());
            at.is_some_and(|index| {
                items.splice(index..=index, new.iter().map(pair));
                true
            })
        }
        Value::Map(entries) => {
            let stands = |entry: &Entry| {
                entry.mark == mark || (entry.value.mark == mark && entry.value.text().is_some())
            };
            entries.iter().position(stands).is_some_and(|index| {
                entries.splice(index..=index, new.iter().cloned());
                true
            })
        }
        Value::Scalar { .. } => false,
    })
}

fn pair(entry: &Entry) -> Node {
    Node::scalar(&format!("{}={}", entry.key, entry.value.text().unwrap_or_default()))
}

/// Takes out the item or the entry that stands there: an entry of this name, where the item begins with one.
pub fn take_out(root: &mut Node, mark: Mark, text: &str) -> bool {
    root.find(&mut |node| match &mut node.value {
        Value::List(items) => {
            let before = items.len();
            let is_named = |item: &mut Node| {
                item.holds(mark)
                    && item.text_at("name").is_some_and(|name| text.contains(&format!("`{name}`")))
            };
            items.retain_mut(|item| {
                let stands = item.mark == mark && !(item.text().is_none() && text.contains("Policy"));
                !stands && !is_named(item)
            });
            items.len() < before
        }
        Value::Map(entries) => {
            let before = entries.len();
            let is_it = |entry: &Entry| entry.mark == mark && text.contains(entry.key.as_str());
            let index = entries.iter().rposition(is_it);
            index.map(|index| entries.remove(index));
            entries.len() < before
        }
        Value::Scalar { .. } => false,
    })
}

/// Takes out `key`, or of `key: value` what is or is called so.
pub fn take_out_of(unit: &mut Node, text: &str) {
    let Some((key, value)) = text.split_once(": ") else { return unit.remove(text) };
    let held = unit.get(key).unwrap_or_else(|| panic!("no {key}"));
    let is_it = |item: &mut Node| {
        let named = ["path", "source", "name"].into_iter().find_map(|key| item.text_at(key));
        let is_variable = item.text().is_some_and(|text| text.starts_with(&format!("{value}=")));
        item.text() == Some(value) || named.as_deref() == Some(value) || is_variable
    };
    let is_gone = match &mut held.value {
        Value::Scalar { .. } => true,
        Value::List(items) => {
            let left: Vec<Node> =
                items.drain(..).filter_map(|mut item| (!is_it(&mut item)).then_some(item)).collect();
            *items = left;
            items.is_empty()
        }
        // One that is written as a map is no list of it.
        Value::Map(entries) if entries.iter().any(|entry| entry.key == "path") => true,
        Value::Map(entries) => {
            entries.retain(|entry| entry.key != value);
            entries.is_empty()
        }
    };
    if is_gone {
        unit.remove(key);
    }
}

/// Lays keys over those that are there, as a person adds lines: lists get items, of which one for the same place is
/// replaced.
pub fn merge(target: &mut Node, patch: Node) {
    if target.is_nothing() {
        target.value = Value::Map(Vec::new());
    }
    let Value::Map(patch) = patch.value else { panic!("no map: {patch}") };
    for entry in patch {
        match target.get(&entry.key) {
            None => target.entries().expect("a map").push(entry),
            Some(old) => lay(&entry.key, old, entry.value),
        }
    }
}

fn lay(key: &str, old: &mut Node, new: Node) {
    let is_words = ["command", "entrypoint", "args", "profiles", "test"].contains(&key);
    match (&mut old.value, new.value) {
        (_, Value::List(items)) if is_words => {
            let rest = rest(old, &items);
            old.value = Value::List(items.into_iter().filter(|item| !item.is_rest()).chain(rest).collect());
        }
        (Value::Map(_), value @ Value::Map(_)) => merge(old, Node { mark: new.mark, value }),
        (Value::List(items), Value::Map(entries)) if key == "depends_on" => {
            let started = |item: &Node| Entry {
                key: item.text().unwrap_or_default().to_owned(),
                mark: (0, 0),
                value: tree::one("{condition: service_started}"),
            };
            let mut map = Node { mark: new.mark, value: Value::Map(items.iter().map(started).collect()) };
            for entry in entries {
                map.remove(&entry.key);
                map.entries().expect("a map").push(entry);
            }
            *old = map;
        }
        (Value::List(items), Value::Map(entries)) => items.extend(entries.iter().map(pair)),
        (Value::List(items), Value::List(new)) => {
            for mut item in new {
                let about = place(&mut item);
                items.retain(|old| place(&mut old.clone()) != about);
                items.push(item);
            }
        }
        (_, value) => old.value = value,
    }
}

/// What an item of a list is about: where it mounts, or its name.
fn place(item: &mut Node) -> String {
    if let Some(text) = item.text() {
        let parts: Vec<&str> = text.split(':').collect();
        return (*parts.get(1).unwrap_or(&parts[0])).to_owned();
    }
    ["target", "mountPath", "name", "source"]
        .into_iter()
        .find_map(|key| item.text_at(key))
        .unwrap_or_default()
}

/// The old words that `…` stands for: those behind the last one that is written before it.
fn rest(old: &mut Node, new: &[Node]) -> Vec<Node> {
    if !new.last().is_some_and(Node::is_rest) {
        return Vec::new();
    }
    let old = words(old);
    let last = new.iter().rev().nth(1).and_then(Node::text);
    let from = old.iter().position(|word| Some(word.as_str()) == last).map_or(0, |at| at + 1);
    old[from..].iter().map(|word| Node::scalar(word)).collect()
}

fn words(node: &mut Node) -> Vec<String> {
    match &node.value {
        Value::Scalar { text, .. } => text.split_whitespace().map(str::to_owned).collect(),
        Value::List(items) => items.iter().filter_map(Node::text).map(str::to_owned).collect(),
        Value::Map(_) => Vec::new(),
    }
}

/// The words of a unit's kz, to be changed.
fn line(unit: &mut Node) -> &mut Node {
    let is_one = |word: &String| word == "export" || word == "run";
    let key = ["command", "args", "entrypoint"]
        .into_iter()
        .find(|key| unit.get(key).is_some_and(|node| words(node).iter().any(is_one)))
        .unwrap_or_else(|| panic!("no export: {unit}"));
    unit.get(key).expect("it")
}

fn without(line: &mut Vec<String>, option: &str) {
    if let Some(at) = line.iter().position(|word| word == option) {
        line.drain(at..at + 2);
    }
    line.retain(|word| !word.starts_with(&format!("{option}=")));
}

/// Gives options to the command line of kz, in the place of those of the same name.
pub fn options(unit: &mut Node, text: &str) {
    let node = line(unit);
    let mut line = words(node);
    let given: Vec<&str> = text.split_whitespace().collect();
    given.iter().filter(|word| word.starts_with("--")).for_each(|option| without(&mut line, option));
    // Behind `--` they would be the command's.
    let end = line.iter().position(|word| word == "--").unwrap_or(line.len());
    line.splice(end..end, given.iter().map(|word| (*word).to_owned()));
    node.value = Value::List(line.iter().map(|word| Node::scalar(word)).collect());
}

/// Takes options with their values out of the command line of kz.
pub fn options_out(unit: &mut Node, text: &str) {
    let node = line(unit);
    let mut line = words(node);
    text.split_whitespace()
        .filter(|word| word.starts_with("--"))
        .for_each(|option| without(&mut line, option));
    node.value = Value::List(line.iter().map(|word| Node::scalar(word)).collect());
}
