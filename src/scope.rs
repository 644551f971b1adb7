//! Where, in what, and how blind mode may put a secret: `hosts`, `in`, `methods`, `paths`, and what templates inherit of it.
//!
//! Rule: a template has the intersection of its inputs' scopes and may only narrow it. A secret without hosts goes nowhere, so
//! a template of it goes nowhere either. Pure.

/// Where, in what, and how blind mode may put a value. Empty `hosts`: nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Host names, `*.` patterns, or `*`.
    pub hosts: Vec<String>,
    /// `header`, `header:NAME`, `query`, `path`, `body`; the default places when `None`.
    pub places: Option<Vec<String>>,
    /// HTTP methods; any when `None`.
    pub methods: Option<Vec<String>>,
    /// Path prefixes; any when `None`.
    pub paths: Option<Vec<String>>,
}

/// Why a template can have no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Its inputs go to different hosts.
    #[error("the secrets that this template names share no host")]
    NoHost,
    /// It would go where not all of its inputs go.
    #[error("a template may only narrow the hosts of its secrets: not all of them go to `{0}`")]
    Wider(String),
    /// Of this key nothing is left.
    #[error("this template's `{0}` and its secrets' share nothing")]
    Nothing(&'static str),
}

/// A host name, `*.` and a host name, or `*`.
pub fn is_host_pattern(host: &str) -> bool {
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

/// A place in a request.
pub fn is_place(place: &str) -> bool {
    matches!(place, "header" | "query" | "path" | "body")
        || place.strip_prefix("header:").is_some_and(|name| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
        })
}

/// An HTTP method.
pub fn is_method(method: &str) -> bool {
    !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase())
}

/// The scope of a template with this scope of its own and these inputs.
pub fn narrow(own: &Scope, inputs: &[&Scope]) -> Result<Scope, Conflict> {
    let mut scope = match inputs.split_first() {
        None => return Ok(own.clone()),
        Some((first, _)) => (*first).clone(),
    };
    for other in inputs.iter().skip(1) {
        let hosts = intersect_hosts(&scope.hosts, &other.hosts);
        if hosts.is_empty() && !scope.hosts.is_empty() && !other.hosts.is_empty() {
            return Err(Conflict::NoHost);
        }
        scope.hosts = hosts;
        scope.places = intersect(scope.places, other.places.as_ref(), "in")?;
        scope.methods = intersect(scope.methods, other.methods.as_ref(), "methods")?;
        scope.paths = intersect(scope.paths, other.paths.as_ref(), "paths")?;
    }
    if let Some(wider) = own.hosts.iter().find(|host| !scope.hosts.iter().any(|known| covers(known, host))) {
        return Err(Conflict::Wider(wider.clone()));
    }
    if !own.hosts.is_empty() {
        scope.hosts.clone_from(&own.hosts);
    }
    scope.places = intersect(scope.places, own.places.as_ref(), "in")?;
    scope.methods = intersect(scope.methods, own.methods.as_ref(), "methods")?;
    scope.paths = intersect(scope.paths, own.paths.as_ref(), "paths")?;
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
    key: &'static str,
) -> Result<Option<Vec<String>>, Conflict> {
    match (ours, theirs) {
        (ours, None) => Ok(ours),
        (None, Some(theirs)) => Ok(Some(theirs.clone())),
        (Some(ours), Some(theirs)) => {
            let both: Vec<String> = ours.into_iter().filter(|item| theirs.contains(item)).collect();
            if both.is_empty() { Err(Conflict::Nothing(key)) } else { Ok(Some(both)) }
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
