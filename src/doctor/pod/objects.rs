//! The `ConfigMap`s and Secrets of the same file as a pod asks for them: by kind, name and key, in its own namespace.
//!
//! Invariant: of an object that is not in the file nothing is said. Where an object or a pod names no namespace, `kubectl`
//! and Kustomize give it one, so that the two may be the same.

use super::super::manifest::{Elsewhere, Object, Wanted};
use super::super::yaml::Node;
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
