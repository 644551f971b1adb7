//! How a ref names a secret or a parameter: by name, by ARN, or by an ARN without the random end.
//!
//! Pure. The forms are those of `GetSecretValue` and `GetParameters` in the API reference.

use crate::provider::DocumentRef;

/// Whom to ask for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// As the API takes it.
    pub(super) id: String,
    /// The region that an ARN names; nothing for a plain name.
    pub(super) region: Option<String>,
}

/// Whether a text can be the label of a host's name, which it becomes.
pub(super) fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A secret's name or ARN, without `sm://`.
pub(super) fn secret(document: &DocumentRef) -> Name {
    name(document.path.strip_prefix("sm://").unwrap_or(&document.path))
}

/// A parameter's name or ARN, without `ssm://`, with the version or label that is asked for.
pub(super) fn parameter(document: &DocumentRef) -> Name {
    let mut name = name(document.path.strip_prefix("ssm://").unwrap_or(&document.path));
    if let Some(version) = &document.version {
        name.id.push(':');
        name.id.push_str(version);
    }
    name
}

fn name(id: &str) -> Name {
    let region = id.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2));
    Name { id: id.to_owned(), region: region.filter(|region| !region.is_empty()).map(str::to_owned) }
}

/// A parameter's name and selector: `/a:3` and `arn:…:parameter/a:label` have one, their names hold no colon.
pub(super) fn selector(id: &str) -> (&str, Option<&str>) {
    let start =
        id.strip_prefix("arn:").map_or(0, |_| id.match_indices(':').nth(4).map_or(0, |(at, _)| at + 1));
    match id[start..].split_once(':') {
        Some((name, selector)) => (&id[..start + name.len()], Some(selector)),
        None => (id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

    fn document(path: &str, version: Option<&str>) -> DocumentRef {
        DocumentRef { path: path.to_owned(), version: version.map(str::to_owned), request: None }
    }

    #[test]
    fn an_arn_names_its_region_and_a_prefix_is_no_part_of_the_name() {
        let name = secret(&document(ARN, None));
        assert_eq!((name.id.as_str(), name.region.as_deref()), (ARN, Some("eu-west-1")));
        let name = secret(&document("sm://prod/db", None));
        assert_eq!((name.id.as_str(), name.region), ("prod/db", None));
        assert_eq!(parameter(&document("ssm:///prod/db", Some("3"))).id, "/prod/db:3");
    }

    #[test]
    fn a_selector_is_what_follows_the_name() {
        assert_eq!(selector("/a/b"), ("/a/b", None));
        assert_eq!(selector("/a/b:3"), ("/a/b", Some("3")));
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/a";
        assert_eq!(selector(arn), (arn, None));
        assert_eq!(selector(&format!("{arn}:live")), (arn, Some("live")));
    }
}
