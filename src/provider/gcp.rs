//! `gcp-sm`: Google Cloud Secret Manager. This version checks the configuration only.

use super::forecast::{Forecast, Foresee, Price};
use super::settings::{Kind, RefForm, Setting, setting};

/// The keys of the section.
pub const SETTINGS: &[Setting] = &[
    setting("project", Kind::Text, "project of refs that are a name only"),
    setting("location", Kind::Text, "location of regional secrets"),
    setting("endpoint", Kind::Address, "another address of the service"),
    setting("credentials_file", Kind::Path, "service account key or workload identity configuration, JSON"),
];

/// Variables that hold a credential. `GOOGLE_APPLICATION_CREDENTIALS` is a path, and often the app's own.
pub const CREDENTIAL_VARIABLES: &[&str] = &["GOOGLE_OAUTH_ACCESS_TOKEN"];

/// Refs.
pub const REF: RefForm = RefForm {
    pattern: concat!(
        r"^([A-Za-z0-9_-]{1,255}|projects/[^/]+/(locations/[^/]+/)?secrets/[A-Za-z0-9_-]{1,255}",
        r"(/versions/[^/]+)?)(#[\s\S]*)?$"
    ),
    example: "projects/my-project/secrets/database-password",
};

/// One access for each document, since there is no batch call: 0.03 USD for 10,000 of them.
pub const FORESEE: Foresee = |_, documents, _| Forecast {
    price: Some(Price {
        millionths_per_call: 3,
        source: "https://cloud.google.com/secret-manager/pricing",
        as_of: "2026-11",
    }),
    notes: vec![
        "each secret needs the role `roles/secretmanager.secretAccessor` on it".to_owned(),
        "the first 10,000 accesses a month of a billing account are free, and are counted here".to_owned(),
    ],
    ..Forecast::one_by_one("AccessSecretVersion", documents)
};

/// `projects/P/secrets/S`, `projects/P/locations/L/secrets/S`, either with `/versions/V`, or a short name.
pub fn check_ref(path: &str) -> Result<(), String> {
    let segments: Vec<&str> = path.split('/').collect();
    let full = match segments.as_slice() {
        [name] => is_name(name),
        ["projects", project, rest @ ..] if !project.is_empty() => is_secret(match rest {
            ["locations", location, rest @ ..] if !location.is_empty() => rest,
            rest => rest,
        }),
        _ => false,
    };
    if full {
        Ok(())
    } else {
        Err("a Secret Manager ref is `projects/PROJECT/secrets/NAME`, with `locations/L/` and `/versions/V` where wanted, or a `NAME` of letters, digits, `-` and `_`".into())
    }
}

fn is_secret(segments: &[&str]) -> bool {
    match segments {
        ["secrets", name] => is_name(name),
        ["secrets", name, "versions", version] => is_name(name) && !version.is_empty(),
        _ => false,
    }
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names_and_short_names_are_told_from_others() {
        for good in ["tls", "projects/p/secrets/tls", "projects/p/locations/l/secrets/s/versions/7"] {
            assert!(check_ref(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "projects//secrets/x", "projects/p/secrets/", "projects/p/secrets/x/versions/"]
        {
            assert!(check_ref(bad).is_err(), "{bad}");
        }
    }
}
