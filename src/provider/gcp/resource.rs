//! Which version of which secret a ref means: by its whole name, or by a short one that the project of the settings
//! belongs to. Pure. Names: <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets>.
//!
//! Invariant: what stands in a [`Resource`] can be put into a URL's path, and a location into a host name, as it is.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::provider::DocumentRef;

/// The version that is meant where none is named.
const LATEST: &str = "latest";

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    /// Nothing, where the ref is a short name.
    pub(super) project: Option<String>,
    /// Where a regional secret is.
    pub(super) location: Option<String>,
    pub(super) secret: String,
    /// A number, `latest` or an alias.
    pub(super) version: String,
}

/// The parts of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) project: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) secret: &'a str,
    pub(super) version: Option<&'a str>,
}

/// Why there is no such resource. Continues a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Invalid {
    #[error(
        "is `projects/PROJECT/secrets/NAME`, with `locations/L/` and `/versions/V` where wanted, or a `NAME` of letters, \
         digits, `-` and `_`"
    )]
    Form,
    #[error("is a number, `latest` or an alias of letters, digits, `-` and `_`")]
    Version,
    #[error("stands in the ref or in `version`, and here are two that differ")]
    TwoVersions,
}

/// What belongs to short names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Home<'a> {
    pub(super) project: Option<&'a str>,
    pub(super) location: Option<&'a str>,
}

/// Reads a ref without its field.
pub(super) fn parse(path: &str) -> Result<Parts<'_>, Invalid> {
    let (name, version) = match path.split_once("/versions/") {
        Some((name, version)) => (name, Some(version)),
        None => (path, None),
    };
    let segments: Vec<&str> = name.split('/').collect();
    let (project, location, secret) = match segments[..] {
        [secret] => (None, None, secret),
        ["projects", project, "secrets", secret] => (Some(project), None, secret),
        ["projects", project, "locations", location, "secrets", secret] => {
            (Some(project), Some(location), secret)
        }
        _ => return Err(Invalid::Form),
    };
    let fits = is_word(secret, 255)
        && project.is_none_or(is_project)
        && location.is_none_or(is_location)
        && version.is_none_or(is_version);
    fits.then_some(Parts { project, location, secret, version }).ok_or(Invalid::Form)
}

/// What a document is, as far as its ref says.
pub(super) fn resource(document: &DocumentRef) -> Result<Resource, Invalid> {
    let parts = parse(&document.path)?;
    let version = match (parts.version, document.version.as_deref()) {
        (Some(one), Some(other)) if one != other => return Err(Invalid::TwoVersions),
        (_, Some(version)) if !is_version(version) => return Err(Invalid::Version),
        (one, other) => one.or(other).unwrap_or(LATEST),
    };
    Ok(Resource {
        project: parts.project.map(str::to_owned),
        location: parts.location.map(str::to_owned),
        secret: parts.secret.to_owned(),
        version: version.to_owned(),
    })
}

impl Resource {
    /// The same, at home where it is a short name.
    pub(super) fn at(mut self, home: Home<'_>) -> Self {
        if self.project.is_none() {
            self.project = home.project.map(str::to_owned);
            self.location = home.location.map(str::to_owned);
        }
        self
    }

    /// The whole name of the secret, as the API has it. Nothing without a project.
    pub(super) fn secret_name(&self) -> Option<String> {
        let Self { project, location, secret, .. } = self;
        let location = location.as_ref().map(|location| format!("/locations/{location}"));
        Some(format!("projects/{}{}/secrets/{secret}", project.as_ref()?, location.unwrap_or_default()))
    }

    /// What is asked for by one request: the whole name of the version.
    #[cfg(any(feature = "provider-gcp", test))]
    pub(super) fn version_name(&self) -> Option<String> {
        Some(format!("{}/versions/{}", self.secret_name()?, self.version))
    }

    /// How `gcloud` is told of which secret.
    pub(super) fn options(&self) -> String {
        let project = self.project.as_deref().unwrap_or("PROJECT");
        let location = self.location.as_ref().map(|location| format!(" --location={location}"));
        format!("--project={project}{}", location.unwrap_or_default())
    }
}

/// Each resource once, in the order of first use, with the places of the documents that mean it.
pub(super) fn grouped(resources: impl Iterator<Item = (usize, Resource)>) -> Vec<(Resource, Vec<usize>)> {
    let mut groups: Vec<(Resource, Vec<usize>)> = Vec::new();
    let mut known: BTreeMap<Resource, usize> = BTreeMap::new();
    for (place, resource) in resources {
        let group = *known.entry(resource.clone()).or_insert(groups.len());
        if group == groups.len() {
            groups.push((resource, Vec::new()));
        }
        groups[group].1.push(place);
    }
    groups
}

/// A project's id or number; old ones belong to a domain (`example.com:project`).
pub(super) fn is_project(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
        && !text.starts_with('.')
}

/// As in a host name.
pub(super) fn is_location(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-')
}

fn is_version(text: &str) -> bool {
    is_word(text, 63)
}

fn is_word(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, version: Option<&str>) -> Resource {
        resource(&DocumentRef { path: path.to_owned(), version: version.map(str::to_owned), request: None })
            .unwrap()
    }

    #[test]
    fn a_short_name_is_at_home_and_a_whole_one_is_not() {
        let home = Home { project: Some("p"), location: Some("europe-west3") };
        let named = |path| read(path, None).at(home).version_name().unwrap();
        assert_eq!(named("tls"), "projects/p/locations/europe-west3/secrets/tls/versions/latest");
        assert_eq!(named("projects/q/secrets/tls/versions/7"), "projects/q/secrets/tls/versions/7");
        assert_eq!(read("tls", None).at(Home::default()).version_name(), None);
    }

    #[test]
    fn spellings_of_one_version_are_read_once() {
        let home = Home { project: Some("p"), location: None };
        let spellings =
            [("s", Some("7")), ("s/versions/7", None), ("projects/p/secrets/s", Some("7")), ("s", None)];
        let resources = spellings.map(|(path, version)| read(path, version).at(home));
        let groups = grouped(resources.into_iter().enumerate());
        let places: Vec<_> = groups.into_iter().map(|(_, places)| places).collect();
        assert_eq!(places, [vec![0, 1, 2], vec![3]]);
    }
}
