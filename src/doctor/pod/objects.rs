//! The `ConfigMap`s and Secrets of the same file as a pod asks for them: by kind, name and key, in its own namespace.
//!
//! Invariant: of an object that is not in the file nothing is said. Where an object or a pod names no namespace, `kubectl`
//! and Kustomize give it one, so that the two may be the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::manifest::{Elsewhere, Entry, Filled, Object, Wanted};
use super::super::yaml::{Key, Node};
use super::{list, list_at};

/// The kinds of objects that hold keys.
const KINDS: &[&str] = &["ConfigMap", "Secret"];

/// Those of the file, as the pod in `object` finds them.
pub(super) fn of(object: &Node, objects: &[&Node]) -> Vec<Object> {
    let namespace = |node: &Node| {
        let (key, named) = node.get("metadata")?.entry("namespace")?;
        Some((named.text()?.to_owned(), key.mark))
    };
    let own = namespace(object).map(|(own, _)| own);
    let elsewhere = |node: &Node| {
        let (own, (its, mark)) = own.clone().zip(namespace(node))?;
        (own != its).then_some(Elsewhere { own, its, mark })
    };
    let read = |node: &Node| {
        let kind = KINDS.iter().find(|kind| node.text_at("kind") == Some(**kind))?;
        let keys = ["data", "binaryData", "stringData"].into_iter().filter_map(|key| node.get(key));
        Some(Object {
            kind,
            name: node.at(&["metadata", "name"])?.text()?.to_owned(),
            elsewhere: elsewhere(node),
            keys: keys.flat_map(Node::entries).map(|(key, _)| key.text.clone()).collect(),
        })
    };
    objects.iter().filter_map(|node| read(node)).collect()
}

/// An object with what is in it, as far as it is text.
pub(super) fn filled(object: &Node) -> Option<Filled> {
    let kind = KINDS.iter().find(|kind| object.text_at("kind") == Some(**kind))?;
    let name = object.at(&["metadata", "name"])?.text()?.to_owned();
    let held = ["data", "stringData"].into_iter().filter_map(|key| object.entry(key));
    let entry = |below: &Key, key: &Key, node: &Node| {
        let text = node.text()?;
        // Lines of base64 may be folded.
        let decoded = || {
            let bytes = STANDARD.decode(text.split_whitespace().collect::<String>()).ok()?;
            String::from_utf8(bytes).ok()
        };
        let is_encoded = *kind == "Secret" && below.text == "data";
        let value = if is_encoded { decoded()? } else { text.to_owned() };
        Some(Entry { key: key.text.clone(), value, mark: key.mark, below: (below.text.clone(), below.mark) })
    };
    let entries = held
        .flat_map(|(below, held)| held.entries().filter_map(move |(key, node)| entry(below, key, node)))
        .collect();
    Some(Filled { kind, is_made: is_made(object, &name), name, entries })
}

/// Whether a program has made it: Kustomize, whose generators end names with a hash, Helm, by its label, or a cluster, which
/// gives objects a uid.
fn is_made(object: &Node, name: &str) -> bool {
    // kustomize's api/hasher: the first ten hex digits, without those that could make words.
    let is_hash = |end: &str| end.len() == 10 && end.chars().all(|c| "ghkmt2456789bcdf".contains(c));
    let label = |name| object.at(&["metadata", "labels", name]).and_then(Node::text);
    name.rsplit_once('-').is_some_and(|(_, end)| is_hash(end))
        || label("app.kubernetes.io/managed-by") == Some("Helm")
        || label("heritage") == Some("Helm")
        || object.at(&["metadata", "uid"]).is_some()
}

/// What a container's variables are taken from, but for what may be missing.
pub(super) fn wanted_by(container: &Node) -> Vec<Wanted> {
    let of_variable = |node: &Node| {
        let from = node.get("valueFrom")?;
        let (kind, reference) = [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")]
            .into_iter()
            .find_map(|(kind, key)| Some((kind, from.get(key)?)))?;
        let key = reference.get("key")?;
        let wanted = Wanted {
            kind,
            name: reference.text_at("name")?.to_owned(),
            key: Some(key.text()?.to_owned()),
            variable: node.text_at("name").map(str::to_owned),
            mark: node.mark,
        };
        (!reference.is_true("optional")).then_some(wanted)
    };
    let of_all = |node: &Node| {
        let (kind, reference) = [("ConfigMap", "configMapRef"), ("Secret", "secretRef")]
            .into_iter()
            .find_map(|(kind, key)| Some((kind, node.get(key)?)))?;
        let name = reference.text_at("name")?.to_owned();
        (!reference.is_true("optional")).then_some(Wanted {
            kind,
            name,
            key: None,
            variable: None,
            mark: node.mark,
        })
    };
    let variables = list(container, "env").into_iter().filter_map(of_variable);
    variables.chain(list_at(container, &["envFrom"]).into_iter().filter_map(of_all)).collect()
}
