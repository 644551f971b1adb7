//! `hosts`, `in`, `methods`, `paths`: where blind mode may put a secret, and what templates inherit of it.
//!
//! Rule (design.md §2): a template has the intersection of its inputs' scopes and may only narrow it.
//! A secret without hosts goes nowhere, so a template of it goes nowhere either.

use std::collections::BTreeMap;

use crate::plan::{Declaration, Scope, Source};

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

fn is_host_pattern(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    host == "*"
        || (!name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            }))
}

fn is_place(place: &str) -> bool {
    matches!(place, "header" | "query" | "path" | "body")
        || place.strip_prefix("header:").is_some_and(|name| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
        })
}

fn is_method(method: &str) -> bool {
    !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase())
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
            Err(message) => problems.add(places[index].clone(), Mistake::Scope, message),
        }
    }
}

fn narrow(own: &Scope, inputs: &[&Scope]) -> Result<Scope, String> {
    let mut scope = match inputs.split_first() {
        None => return Ok(own.clone()),
        Some((first, _)) => (*first).clone(),
    };
    for other in inputs.iter().skip(1) {
        let hosts = intersect_hosts(&scope.hosts, &other.hosts);
        if hosts.is_empty() && !scope.hosts.is_empty() && !other.hosts.is_empty() {
            return Err("the secrets that this template names share no host".to_owned());
        }
        scope.hosts = hosts;
        scope.places = intersect(scope.places, other.places.as_ref(), "`in`")?;
        scope.methods = intersect(scope.methods, other.methods.as_ref(), "`methods`")?;
        scope.paths = intersect(scope.paths, other.paths.as_ref(), "`paths`")?;
    }
    if let Some(wider) = own.hosts.iter().find(|host| !scope.hosts.iter().any(|known| covers(known, host))) {
        return Err(format!(
            "a template may only narrow the hosts of its secrets: not all of them go to `{wider}`"
        ));
    }
    if !own.hosts.is_empty() {
        scope.hosts.clone_from(&own.hosts);
    }
    scope.places = intersect(scope.places, own.places.as_ref(), "`in`")?;
    scope.methods = intersect(scope.methods, own.methods.as_ref(), "`methods`")?;
    scope.paths = intersect(scope.paths, own.paths.as_ref(), "`paths`")?;
    Ok(scope)
}

fn intersect_hosts(ours: &[String], theirs: &[String]) -> Vec<String> {
    let mut both: Vec<String> =
        ours.iter().filter(|a| theirs.iter().any(|b| covers(b, a))).cloned().collect();
    both.extend(theirs.iter().filter(|b| ours.iter().any(|a| covers(a, b)) && !ours.contains(b)).cloned());
    both
}

/// Whether every host that `narrow` matches is matched by `wide`.
fn covers(wide: &str, narrow: &str) -> bool {
    wide == "*"
        || wide.eq_ignore_ascii_case(narrow)
        || wide.strip_prefix('*').is_some_and(|suffix| {
            let narrow = narrow.strip_prefix('*').unwrap_or(narrow).to_ascii_lowercase();
            narrow.len() > suffix.len() && narrow.ends_with(&suffix.to_ascii_lowercase())
        })
}

fn intersect(
    ours: Option<Vec<String>>,
    theirs: Option<&Vec<String>>,
    what: &str,
) -> Result<Option<Vec<String>>, String> {
    match (ours, theirs) {
        (ours, None) => Ok(ours),
        (None, Some(theirs)) => Ok(Some(theirs.clone())),
        (Some(ours), Some(theirs)) => {
            let both: Vec<String> = ours.into_iter().filter(|item| theirs.contains(item)).collect();
            if both.is_empty() {
                Err(format!("this template's {what} and its secrets' share nothing"))
            } else {
                Ok(Some(both))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hosts: &[&str]) -> Scope {
        Scope { hosts: hosts.iter().map(|&host| host.to_owned()).collect(), ..Scope::default() }
    }

    #[test]
    fn a_template_goes_only_where_all_its_secrets_go() {
        let scope =
            narrow(&hosts(&[]), &[&hosts(&["*.example.com", "a.test"]), &hosts(&["api.example.com"])]);
        assert_eq!(scope.unwrap().hosts, ["api.example.com"]);
        assert_eq!(narrow(&hosts(&[]), &[&hosts(&["a.test"]), &hosts(&[])]).unwrap().hosts, [""; 0]);
        assert!(narrow(&hosts(&[]), &[&hosts(&["a.test"]), &hosts(&["b.test"])]).is_err());
    }

    #[test]
    fn a_template_may_narrow_but_not_widen() {
        assert_eq!(narrow(&hosts(&["a.x.test"]), &[&hosts(&["*.x.test"])]).unwrap().hosts, ["a.x.test"]);
        assert!(narrow(&hosts(&["evil.test"]), &[&hosts(&["a.test"])]).is_err());
        assert!(narrow(&hosts(&["a.test"]), &[&hosts(&[])]).is_err());
    }

    #[test]
    fn hosts_are_names_not_urls() {
        for good in ["*", "api.example.com", "*.example.com", "localhost"] {
            assert!(is_host_pattern(good), "{good}");
        }
        for bad in ["", "https://a.b", "a.b:443", "a.b/c", "a.*.b", "*.", "-a.b", "a..b"] {
            assert!(!is_host_pattern(bad), "{bad}");
        }
    }
}
