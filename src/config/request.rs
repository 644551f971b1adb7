//! `request = { … }` of a secret: what an engine is to make it of. Read into JSON, as it is sent.
//!
//! Invariants: only what JSON and TOML both have, so that nothing is sent otherwise than it was written; no credential stands
//! in it, and of what does nothing is repeated.

use serde_json::{Map, Value};
use toml::de::DeValue;

use crate::literal;
use crate::provider::descriptor::Descriptor;
use crate::provider::registry::PROVIDERS;
use crate::provider::{DocumentRef, Request};

use super::problem::{Mistake, Problems};
use super::table::{Entry, Node, kind, whole_number};

/// How one is written.
const EXAMPLE: &str = "request = { common_name = \"db.internal\", ttl = \"1h\" }";

/// Reads `request`, for this document of a provider, unless something about it is wrong.
pub(super) fn read(
    entry: &Entry<'_>,
    descriptor: &Descriptor,
    document: &DocumentRef,
    problems: &mut Problems,
) -> Option<Request> {
    let Some(check) = descriptor.check_request else {
        let takers = PROVIDERS.iter().filter(|provider| provider.check_request.is_some());
        let takers: Vec<String> = takers.map(|provider| format!("`{}`", provider.name)).collect();
        let message = format!("the provider `{}` takes no `request`", descriptor.name);
        let hint =
            format!("remove it: only engines behind {} make something of parameters", takers.join(", "));
        problems.add_with_hint(entry.place.clone(), Mistake::Excluded, message, hint);
        return None;
    };
    if let Err(message) = check(document) {
        problems.add_with_hint(entry.place.clone(), Mistake::Excluded, message, "remove `request`");
        return None;
    }
    let parameters = entry.node.table(&format!("a table such as `{EXAMPLE}`"), problems)?;
    if parameters.is_empty() {
        let hint = format!("write what the engine is asked with, as in `{EXAMPLE}`, or leave it out");
        problems.add_with_hint(entry.node.place(), Mistake::WrongForm, "`request` names no parameter", hint);
        return None;
    }
    table(&parameters, problems).map(|parameters| Request::new(&parameters))
}

fn table(entries: &[Entry<'_>], problems: &mut Problems) -> Option<Map<String, Value>> {
    // All of them are read, so that every problem is told.
    let read: Vec<_> =
        entries.iter().map(|entry| (entry.key, value(entry.key, entry.node, problems))).collect();
    read.into_iter().map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn value(key: &str, node: Node<'_>, problems: &mut Problems) -> Option<Value> {
    match node.value.get_ref() {
        DeValue::String(text) => string(key, text, node, problems).map(Value::from),
        DeValue::Boolean(boolean) => Some((*boolean).into()),
        DeValue::Integer(integer) => {
            let number = whole_number(integer);
            if number.is_none() {
                let message = format!("`{key}` in `request` takes a whole number of 64 bits");
                problems.add(node.place(), Mistake::WrongForm, message);
            }
            number.map(Value::from)
        }
        DeValue::Table(_) => table(&node.table("a table", problems)?, problems).map(Value::Object),
        DeValue::Array(items) => {
            let items = items.iter().map(|value| Node { source: node.source, value });
            let read: Vec<_> = items
                .map(|item| match item.value.get_ref() {
                    DeValue::String(text) => string(key, text, item, problems).map(Value::from),
                    other => refuse(key, "a list of strings", kind(other), item, problems),
                })
                .collect();
            read.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        other => {
            let taken = "a string, a whole number, true or false, a list of strings or a table";
            refuse(key, taken, kind(other), node, problems)
        }
    }
}

/// Public keys and requests for certificates are as long and mixed as a credential, so that only what plainly is one is refused.
fn string<'a>(key: &str, text: &'a str, node: Node<'_>, problems: &mut Problems) -> Option<&'a str> {
    if literal::looks_like_credential(text) || text.contains("PRIVATE KEY-----") {
        let message = format!(
            "`{key}` in `request` holds what looks like a credential: the configuration names places, not values"
        );
        problems.add(node.place(), Mistake::Credential, message);
        return None;
    }
    if let Some(begin) = names_another(text) {
        let message = format!(
            "`{key}` in `request` holds `{begin}…`, which names something, and is sent as it is written: nothing is put in its place"
        );
        let hint =
            "write the value itself; what differs from one environment to another goes into `[NAME.secrets]`";
        problems.add_with_hint(node.place(), Mistake::Excluded, message, hint);
        return None;
    }
    Some(text)
}

/// How a name in a text begins that templates and shells would put something in the place of.
fn names_another(text: &str) -> Option<&'static str> {
    ["{{", "${"].into_iter().find(|begin| {
        text.match_indices(begin).any(|(at, _)| {
            let rest = text[at + begin.len()..].trim_start();
            rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && rest.contains('}')
        })
    })
}

fn refuse(key: &str, taken: &str, found: &str, node: Node<'_>, problems: &mut Problems) -> Option<Value> {
    let message = format!("`{key}` in `request` takes {taken}, found {found}");
    problems.add(node.place(), Mistake::WrongType, message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_braces_is_taken_for_what_it_was_meant_for() {
        for text in ["{{ NAME }}", "x{{NAME}}y", "${NAME}", "${NAME:-x}.internal", "{{ a | b }}"] {
            assert!(names_another(text).is_some(), "{text}");
        }
        for text in ["{{", "${", "{{ 1 }}", "{}", "$NAME", "a.internal", "{{name", "${}"] {
            assert_eq!(names_another(text), None, "{text}");
        }
    }
}
