//! `hosts`, `in`, `methods`, `paths` as they are written, and what templates inherit of them.

use std::collections::BTreeMap;

use crate::plan::{Declaration, Source};
use crate::scope::{Scope, is_host_pattern, is_method, is_place, narrow};

use super::problem::{Mistake, Place, Problems};
use super::table::Entry;

/// Reads one key of the scope group into a secret's scope.
pub(super) fn read(entry: &Entry<'_>, scope: &mut Scope, problems: &mut Problems) {
    let texts = entry.node.texts(entry.key, problems);
    let check: fn(&str) -> bool = match entry.key {
        "hosts" => is_host_pattern,
        "in" => is_place,
        "methods" => is_method,
        _ => |path| path.starts_with('/'),
    };
    for (text, place) in &texts {
        if !check(text) {
            let message = format!("`{}` takes {}", entry.key, expected(entry.key));
            problems.add(place.clone(), Mistake::WrongForm, message);
        }
    }
    let values = texts.into_iter().map(|(text, _)| text.to_owned()).collect();
    match entry.key {
        "hosts" => scope.hosts = values,
        "in" => scope.places = Some(values),
        "methods" => scope.methods = Some(values),
        _ => scope.paths = Some(values),
    }
}

fn expected(key: &str) -> &'static str {
    match key {
        "hosts" => {
            "host names such as \"api.example.com\" or \"*.example.com\", without scheme, port or path, or \"*\""
        }
        "in" => "\"header\", \"header:NAME\", \"query\", \"path\" or \"body\"",
        "methods" => "HTTP methods in capitals, such as \"POST\"",
        _ => "path prefixes that begin with `/`",
    }
}

/// Gives every template the scope of its inputs, inputs first. `order` lists all declarations so;
/// `places` says where each was written.
pub(super) fn inherit(
    declarations: &mut [Declaration],
    order: &[usize],
    places: &[Place],
    problems: &mut Problems,
) {
    let by_name: BTreeMap<String, usize> =
        declarations.iter().enumerate().map(|(index, other)| (other.name.clone(), index)).collect();
    for &index in order {
        let Source::Template { inputs, .. } = &declarations[index].source else { continue };
        let scopes: Vec<&Scope> = inputs
            .iter()
            .filter_map(|input| by_name.get(input))
            .map(|&other| &declarations[other].scope)
            .collect();
        let own = &declarations[index].scope;
        match narrow(own, &scopes) {
            Ok(scope) => declarations[index].scope = scope,
            Err(conflict) => problems.add(places[index].clone(), Mistake::Scope, conflict.to_string()),
        }
    }
}
