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

/// Whether a version of a secret is meant by its id, and not by a stage: 32 to 64 letters, digits and hyphens
/// (`ClientRequestToken` of `PutSecretValue`), which nobody calls a stage.
pub(super) fn is_version_id(version: &str) -> bool {
    (32..=64).contains(&version.len()) && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A parameter's name and selector: `/a:3` and `arn:…:parameter/a:label` have one, their names hold no colon.
pub(super) fn selector(id: &str) -> (&str, Option<&str>) {
    let start = id.strip_prefix("arn:").map_or(0, |_| id.match_indices(':').nth(4).map_or(0, |(at, _)| at + 1));
    match id[start..].split_once(':') {
        Some((name, selector)) => (&id[..start + name.len()], Some(selector)),
        None => (id, None),
    }
}

/// Whether a secret of this name and ARN is what `id` asks for.
pub(super) fn is_secret(id: &str, name: Option<&str>, arn: Option<&str>) -> bool {
    // A partial ARN lacks the hyphen and six characters that the service adds.
    let partial = |arn: &str| arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'));
    name == Some(id) || arn.is_some_and(|arn| arn == id || (id.starts_with("arn:") && partial(arn)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

    fn document(path: &str, version: Option<&str>) -> DocumentRef {
        DocumentRef { path: path.to_owned(), version: version.map(str::to_owned) }
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
    fn ids_and_stages_are_told_apart() {
        assert!(is_version_id("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"));
        for stage in ["AWSCURRENT", "AWSPREVIOUS", "blue", "a stage of more than thirty-two characters"] {
            assert!(!is_version_id(stage), "{stage}");
        }
    }

    #[test]
    fn a_selector_is_what_follows_the_name() {
        assert_eq!(selector("/a/b"), ("/a/b", None));
        assert_eq!(selector("/a/b:3"), ("/a/b", Some("3")));
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/a";
        assert_eq!(selector(arn), (arn, None));
        assert_eq!(selector(&format!("{arn}:live")), (arn, Some("live")));
    }

    #[test]
    fn a_secret_is_known_by_name_arn_and_partial_arn() {
        let known = |id| is_secret(id, Some("prod/db"), Some(ARN));
        assert!(known("prod/db") && known(ARN) && known(&ARN[..ARN.len() - 7]));
        // The name of another, of which this ARN would be a partial one only by chance.
        assert!(!known("prod/d") && !known(&ARN[..ARN.len() - 6]) && !known(&ARN[..ARN.len() - 8]));
    }
}
