//! What `[providers.gcp-sm]` takes, and what its refs look like. Data and pure checks.

use crate::provider::DocumentRef;
use crate::provider::settings::{RefForm, Setting, SettingType, setting};

use super::resource::{parse, resource};

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("project", SettingType::Text, "project of refs that are a name only"),
    setting("location", SettingType::Text, "location of regional secrets, for refs that are a name only"),
    setting("endpoint", SettingType::Address, "another address of the service"),
    setting(
        "credentials_file",
        SettingType::Path,
        "service account key, workload identity configuration, or what gcloud wrote, JSON",
    ),
    setting(
        "ca_cert",
        SettingType::Path,
        "certificates that sign the service's, PEM; a file or a directory of them",
    ),
];

/// Settings that say whose identity is used, so that the environment's does not go to another address.
pub const OWN_CREDENTIALS: &[&str] = &["credentials_file"];

/// Variables that hold a credential. `GOOGLE_APPLICATION_CREDENTIALS` is a path, and often the app's own.
pub const CREDENTIAL_VARIABLES: &[&str] = &["GOOGLE_OAUTH_ACCESS_TOKEN"];

/// Refs.
pub const REF: RefForm = RefForm {
    pattern: concat!(
        r"^([A-Za-z0-9_-]{1,255}|projects/[^/]+/(locations/[^/]+/)?secrets/[A-Za-z0-9_-]{1,255})",
        r"(/versions/[^/]+)?(#[\s\S]*)?$"
    ),
    example: "projects/my-project/secrets/database-password",
};

/// `projects/P/secrets/S`, `projects/P/locations/L/secrets/S`, or a short name, each with `/versions/V` where wanted.
pub fn check_ref(path: &str) -> Result<(), String> {
    parse(path).map(|_| ()).map_err(|invalid| format!("a Secret Manager ref {invalid}"))
}

/// A version in the ref and another beside it cannot both be meant.
pub fn check_document(document: &DocumentRef) -> Result<(), String> {
    resource(document).map(|_| ()).map_err(|invalid| format!("a version in Secret Manager {invalid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names_and_short_names_are_told_from_others() {
        for good in
            ["tls", "tls/versions/7", "projects/p/secrets/tls", "projects/p/locations/l/secrets/s/versions/7"]
        {
            assert_eq!(check_ref(good), Ok(()), "{good}");
        }
        let long = format!("projects/p/secrets/{}", "x".repeat(256));
        for bad in [
            "",
            "a/b",
            "projects//secrets/x",
            "projects/p/secrets/",
            "projects/p/secrets/x/versions/",
            "projects/p/secrets/x/versions/1/2",
            "projects/p?x/secrets/x",
            "projects/p/locations/l.example/secrets/x",
            "projects/p/locations/L/secrets/x",
            "projects/p/secrets/x/versions/a:b",
            "tls/versions/a b",
            &long,
        ] {
            assert!(check_ref(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_versions_are_one_or_a_mistake() {
        let document = |path: &str, version: &str| DocumentRef {
            path: path.to_owned(),
            version: Some(version.to_owned()),
            request: None,
        };
        for (path, version) in [("s", "7"), ("s", "latest"), ("s", "blue_1"), ("s/versions/7", "7")] {
            assert_eq!(check_document(&document(path, version)), Ok(()), "{path} {version}");
        }
        for (path, version) in [("s/versions/7", "8"), ("s", ""), ("s", "7/x"), ("s", "1.0")] {
            assert!(check_document(&document(path, version)).is_err(), "{path} {version}");
        }
    }
}
