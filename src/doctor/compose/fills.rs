//! Where a Compose file is filled in from Compose's own environment, and what anchors bring to several services.

use std::collections::HashMap;

use super::super::scene::Fill;
use super::super::text::filled_in;
use super::super::yaml::{Key, Mark, Node};

/// Every place where a variable is filled in. Of extensions (`x-…`) what a service takes from them counts.
pub(super) fn of(root: &Node) -> Vec<Fill> {
    let mut fills = Vec::new();
    for (key, node) in root.entries().filter(|(key, _)| !key.text.starts_with("x-")) {
        if key.text == "services" {
            for (name, service) in node.entries() {
                for (key, node) in service.entries() {
                    look(node, key.mark, Some(&name.text), &key.text, &mut fills);
                }
            }
        } else {
            look(node, key.mark, None, &key.text, &mut fills);
            for (_, node) in node.entries().filter(|_| ["secrets", "configs"].contains(&key.text.as_str())) {
                if let Some((at, name)) = node.entry("environment") {
                    let name = name.text().map(str::to_owned);
                    let fill = |name| Fill { name, unit: None, key: key.text.clone(), mark: at.mark };
                    fills.extend(name.map(fill));
                }
            }
        }
    }
    fills
}

fn look(node: &Node, mark: Mark, unit: Option<&str>, key: &str, fills: &mut Vec<Fill>) {
    let fill =
        |name: &str| Fill { name: name.to_owned(), unit: unit.map(str::to_owned), key: key.to_owned(), mark };
    // What has a name and no value takes that from there.
    let is_of_variables = ["environment", "args"].contains(&key);
    if let Some(text) = node.text() {
        fills.extend(filled_in(text).into_iter().map(fill));
        let is_name = is_of_variables && !text.contains(['=', '$']) && node.mark == mark;
        fills.extend(is_name.then(|| fill(text)));
    } else if node.is_list() {
        node.items().into_iter().for_each(|item| look(item, item.mark, unit, key, fills));
    } else if node.is_map() {
        for (inner, node) in node.entries() {
            let is_nothing = node.text().is_none() && !node.is_list() && !node.is_map();
            fills.extend(
                (is_of_variables && is_nothing).then(|| Fill { mark: inner.mark, ..fill(&inner.text) }),
            );
            // The arguments of a build are variables too.
            let key = if key == "build" && inner.text == "args" { "args" } else { key };
            look(node, inner.mark, unit, key, fills);
        }
    }
}

/// What stands in the text once and belongs to several services.
pub(super) fn shared(root: &Node) -> HashMap<Mark, Vec<String>> {
    let mut found: HashMap<Mark, Vec<String>> = HashMap::new();
    for (name, service) in root.get("services").into_iter().flat_map(Node::entries) {
        marks(service, &mut |mark| {
            let names = found.entry(mark).or_default();
            if names.last() != Some(&name.text) {
                names.push(name.text.clone());
            }
        });
    }
    found.retain(|_, names| names.len() > 1);
    found
}

fn marks(node: &Node, take: &mut impl FnMut(Mark)) {
    take(node.mark);
    if node.is_list() {
        node.items().into_iter().for_each(|item| marks(item, take));
    }
    node.entries().for_each(|(Key { mark, .. }, node)| {
        take(*mark);
        marks(node, take);
    });
}
