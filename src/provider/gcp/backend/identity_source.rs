//! Where kz's identity and its project come from: what the section says, else the order of Application Default
//! Credentials (<https://cloud.google.com/docs/authentication/application-default-credentials>).
//!
//! Invariant: a source that is set up and fails is an error, not a reason to try the next, so that kz never acts as
//! somebody else than was meant. Nothing is read before a document is asked for.

use std::path::{Path, PathBuf};

use crate::http::Address;
use crate::provider::gcp::resource::{is_location, is_project};
use crate::provider::local_file::{self, Places, Reader, Unreadable, path_of, quoted};
use crate::provider::remote::way::Way;
use crate::provider::settings::Settings;
use crate::provider::{Ask, Failure, Surroundings};
use crate::secret::Secret;
use crate::tls::Roots;

use super::credentials::{self, Credentials};
use super::identity::{Asker, Token, token};
use super::metadata::Metadata;
use super::wire::Wire;

/// A credentials file is a few KiB.
const LIMIT: u64 = 1 << 20;
const TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// What section and environment say, as yet unread.
pub(super) struct Opener {
    named: Option<PathBuf>,
    variable: Option<PathBuf>,
    token: Option<Secret>,
    gcloud: Option<PathBuf>,
    metadata: Result<Option<Metadata>, Failure>,
    universe: Option<String>,
    quota_project: Option<String>,
    project: Option<String>,
    location: Option<String>,
    endpoint: Option<String>,
    roots: Option<PathBuf>,
    pub(super) way: Way,
    pub(super) places: Places,
}

/// Where the identity is from.
pub(super) enum IdentitySource {
    Token(Secret),
    File { name: String, credentials: Box<Credentials> },
    Metadata(Metadata),
}

impl Opener {
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let text = |setting: &str, variable| {
            settings.text(setting).map(str::to_owned).or_else(|| surroundings.given_text(variable))
        };
        let gcloud = surroundings
            .given("CLOUDSDK_CONFIG")
            .map(|value| path_of(&value))
            .or_else(|| surroundings.given("HOME").map(|home| path_of(&home).join(".config/gcloud")));
        Self {
            named: settings.path("credentials_file").map(Path::to_owned),
            variable: surroundings.given(FILE).map(|value| path_of(&value)),
            token: surroundings.given(TOKEN),
            gcloud: gcloud.map(|directory| directory.join("application_default_credentials.json")),
            metadata: Metadata::of(surroundings),
            universe: surroundings.given_text("GOOGLE_CLOUD_UNIVERSE_DOMAIN"),
            quota_project: surroundings.given_text("GOOGLE_CLOUD_QUOTA_PROJECT"),
            project: text("project", "GOOGLE_CLOUD_PROJECT"),
            location: settings.text("location").map(str::to_owned),
            endpoint: text("endpoint", "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"),
            roots: settings.path("ca_cert").map(Path::to_owned),
            way: Way::of(surroundings),
            places: Places::of(surroundings),
        }
    }

    /// The first source that is set up.
    pub(super) fn choose(&self, ask: &Ask) -> Result<IdentitySource, Failure> {
        if self.universe.as_ref().is_some_and(|universe| universe != "googleapis.com") {
            return Err(Failure::misconfigured(
                "GOOGLE_CLOUD_UNIVERSE_DOMAIN names another universe than googleapis.com, which kz does not support",
                "unset it",
            ));
        }
        if let Some(file) = self.named.as_ref().or(self.variable.as_ref()) {
            return IdentitySource::file(&self.places.locate(file)?, self.places.reader(ask));
        }
        if let Some(value) = &self.token {
            let token = token(value.expose().to_vec());
            return token.map(IdentitySource::Token).ok_or_else(|| {
                let cause = format!("{TOKEN} holds no token");
                Failure::misconfigured(cause, "a token is one line without spaces")
            });
        }
        if let Some(file) = self.gcloud.as_ref().filter(|file| is_there(file)) {
            return IdentitySource::file(file, self.places.reader(ask));
        }
        self.metadata.clone()?.map(IdentitySource::Metadata).ok_or_else(|| self.nobody())
    }

    /// That there is no identity, and where kz looked for one.
    pub(super) fn nobody(&self) -> Failure {
        let gcloud = self.gcloud.as_ref().map(|file| format!(", {}", quoted(file))).unwrap_or_default();
        let metadata = match &self.metadata {
            Ok(None) => "the metadata server (NO_GCE_CHECK)",
            _ => "the metadata server",
        };
        Failure::misconfigured(
            format!(
                "there is no Google identity: looked for `credentials_file`, {FILE}, {TOKEN}{gcloud} and {metadata}"
            ),
            "set one of them up: `credentials_file = \"…\"` names a service account's key",
        )
    }

    /// The token of a source.
    pub(super) async fn token(
        &self,
        ask: &Ask,
        source: &IdentitySource,
        wire: &Wire,
    ) -> Result<Token, Failure> {
        match source {
            IdentitySource::Token(token) => Ok(Token { value: token.clone(), ends: None }),
            IdentitySource::File { name, credentials } => {
                Asker { ask, wire, reader: self.places.reader(ask), name }.token(credentials).await
            }
            IdentitySource::Metadata(metadata) => {
                metadata.token(ask, wire).await?.ok_or_else(|| self.nobody())
            }
        }
    }

    /// The project of short names: what is written, the file's, or the metadata server's.
    pub(super) async fn project(
        &self,
        ask: &Ask,
        source: &IdentitySource,
        wire: &Wire,
    ) -> Result<String, Failure> {
        let of_file = match source {
            IdentitySource::File { credentials, .. } => credentials.project.as_deref(),
            _ => None,
        };
        let known = self.project.as_deref().or(of_file).map(str::to_owned);
        let project = match (known, &self.metadata) {
            (Some(project), _) => Some(project),
            (None, Ok(Some(metadata))) => metadata.project(ask, wire).await?,
            (None, _) => None,
        };
        match project {
            Some(project) if is_project(&project) => Ok(project),
            Some(_) => Err(Failure::misconfigured(
                "the project of refs that are a name only is not a project's id or number",
                "write `project = \"…\"` as `gcloud projects list` shows it",
            )),
            None => Err(Failure::misconfigured(
                "the ref is a name only, and there is no project: looked for `project`, GOOGLE_CLOUD_PROJECT, the \
                 credentials file's `project_id` and the metadata server",
                "write `project = \"…\"` into `[providers.gcp-sm]`, or the whole name, `projects/…/secrets/…`",
            )),
        }
    }

    /// The location of short names.
    pub(super) fn location(&self) -> Result<Option<&str>, Failure> {
        match self.location.as_deref() {
            Some(location) if !is_location(location) => Err(Failure::misconfigured(
                "`location` is not a location's name",
                "write it as `europe-west3`, or leave it out for secrets that are global",
            )),
            location => Ok(location),
        }
    }

    /// The project that pays, where one is named.
    pub(super) fn quota_project<'a>(&'a self, source: &'a IdentitySource) -> Option<&'a str> {
        let of_file = match source {
            IdentitySource::File { credentials, .. } => credentials.quota_project.as_deref(),
            _ => None,
        };
        self.quota_project.as_deref().or(of_file)
    }

    /// Where secrets of a location are asked for; global ones where that is nothing
    /// (<https://cloud.google.com/secret-manager/docs/reference/rest>).
    pub(super) fn address(&self, location: Option<&str>) -> Result<Address, Failure> {
        let usual = location.map_or_else(
            || "https://secretmanager.googleapis.com".to_owned(),
            |location| format!("https://secretmanager.{location}.rep.googleapis.com"),
        );
        Address::parse(self.endpoint.as_deref().unwrap_or(&usual)).map_err(|invalid| {
            Failure::misconfigured(
                format!("the address of Secret Manager {invalid}"),
                "write it as `https://secretmanager.googleapis.com`",
            )
        })
    }

    pub(super) fn roots(&self, ask: &Ask) -> Result<Roots, Failure> {
        self.way.roots(self.roots.as_deref(), self.places.reader(ask))
    }
}

impl IdentitySource {
    fn file(path: &Path, reader: Reader<'_>) -> Result<Self, Failure> {
        let name = quoted(path);
        let text = reader.credential(path, LIMIT)?;
        let credentials = Box::new(credentials::read(&text, &name)?);
        Ok(Self::File { name, credentials })
    }
}

impl std::fmt::Display for IdentitySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => formatter.write_str(TOKEN),
            Self::File { name, .. } => formatter.write_str(name),
            Self::Metadata(metadata) => metadata.fmt(formatter),
        }
    }
}

/// Whether there is a file at all: what cannot be read is an error when it is read.
fn is_there(file: &Path) -> bool {
    !matches!(local_file::read(file, LIMIT), Err(Unreadable::Absent))
}
