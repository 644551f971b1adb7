//! Which profile of which files an identity, a region and further settings may come from, and what the files hold.
//!
//! Invariants: kz reads the files itself, bounded, and hands the SDK their content; a file that is named and not there,
//! or there and not to be read, is an error that names it, never a reason to be somebody else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use crate::hint::said;
use crate::literal::shown;
use crate::provider::local_file::{self, Reader, Unreadable, quoted};
use crate::provider::settings::Settings;
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

use super::variables::Variables;

/// More than any file of profiles has.
const LIMIT: u64 = 1 << 20;

/// The choice, by the section or by the environment.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    name: Option<String>,
    config: File,
    credentials: File,
    /// Whether the section made it.
    chosen: bool,
}

/// One of the two files.
#[derive(Clone, Debug)]
struct File {
    path: Option<PathBuf>,
    /// What names it; nothing for the usual one, which need not be there.
    named: Option<&'static str>,
}

impl File {
    fn of(variables: &Variables, variable: &'static str, usual: &str) -> Self {
        match variables.path(variable) {
            Some(path) => Self { path: Some(path), named: Some(variable) },
            None => Self { path: variables.path("HOME").map(|home| home.join(usual)), named: None },
        }
    }

    fn read(&self, reader: Reader<'_>) -> Result<String, Failure> {
        let Some(written) = &self.path else { return Ok(String::new()) };
        // As any path in a variable it starts from the working directory.
        let path = if written.starts_with("~") { reader.locate(written)? } else { written.clone() };
        match (reader.try_credential(&path, LIMIT), self.named) {
            (Ok(content), _) => text(&content, &path),
            // Nobody can tell whether there is one in a home that kz's user may not enter.
            (Err(Unreadable::Absent | Unreadable::Denied { owner: None, .. }), None) => Ok(String::new()),
            (Err(unreadable), None) => Err(unreadable.failure(&path)),
            (Err(_), Some(named)) if local_file::may_be_credential(&path) => Err(local_file::no_path(named)),
            (Err(unreadable), Some(named)) => Err(Failure {
                cause: format!("`{}`, which {named} names, {unreadable}", path.display()),
                ..unreadable.failure(&path)
            }),
        }
    }
}

fn text(content: &Secret, path: &Path) -> Result<String, Failure> {
    content.expose_text().map(str::to_owned).ok_or_else(|| Failure {
        kind: FailureKind::Malformed,
        cause: format!("{} is no file of profiles: it is not text", quoted(path)),
        hint: said("write it as UTF-8"),
    })
}

/// What the files hold.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) set: ProfileSet,
    /// Their contents, for the SDK.
    pub(super) files: EnvConfigFiles,
}

impl Content {
    /// Of no files.
    pub(super) fn nothing() -> Self {
        Self { set: ProfileSet::default(), files: contents("", "") }
    }

    /// What the chosen profile says under `key`, unless that is nothing.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.set.get(key).map(str::trim).filter(|text| !text.is_empty())
    }
}

impl Profiles {
    pub(super) fn of(settings: &Settings, variables: &Variables) -> Self {
        let chosen = settings.has("profile") || settings.has("credentials_file");
        let name = settings.text("profile").map(str::trim).or_else(|| variables.text("AWS_PROFILE"));
        let credentials = match settings.path("credentials_file") {
            Some(path) => File { path: Some(path.to_owned()), named: Some("`credentials_file`") },
            None => File::of(variables, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        };
        let config = File::of(variables, "AWS_CONFIG_FILE", ".aws/config");
        Self { name: name.map(str::to_owned), config, credentials, chosen }
    }

    /// Whether the section says that a profile is to be used, and nothing else.
    pub(super) fn is_chosen(&self) -> bool {
        self.chosen
    }

    /// Its name, where one was given.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Reads the files.
    pub(super) async fn read(&self, reader: Reader<'_>) -> Result<Content, Failure> {
        let (config, credentials) = (self.config.read(reader)?, self.credentials.read(reader)?);
        let files = contents(&config, &credentials);
        let Some(set) = self.parse(&files).await else {
            let is_config = self.parse(&contents(&config, "")).await.is_none();
            let wrong = if is_config { &self.config } else { &self.credentials };
            let name = wrong.path.as_deref().map(quoted).unwrap_or_default();
            return Err(Failure {
                kind: FailureKind::Malformed,
                cause: format!("{name} cannot be read as a file of profiles"),
                hint: said(
                    "it has lines `[profile NAME]` (`[NAME]` in a file of credentials) and `key = value`",
                ),
            });
        };
        Ok(Content { set, files })
    }

    async fn parse(&self, files: &EnvConfigFiles) -> Option<ProfileSet> {
        let name = self.name.clone().unwrap_or_else(|| "default".to_owned());
        let (fs, env) = (Fs::from_raw_map(HashMap::new()), Env::from(HashMap::new()));
        profile::load(&fs, &env, files, Some(Cow::Owned(name))).await.ok()
    }

    /// That there is nothing under that name.
    pub(super) fn missing(&self) -> Failure {
        Failure::misconfigured(
            format!("{self} is not there, or holds no credentials"),
            "name a profile that has them: `profile = \"…\"`",
        )
    }
}

fn contents(config: &str, credentials: &str) -> EnvConfigFiles {
    EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, config)
        .with_contents(EnvConfigFileKind::Credentials, credentials)
        .build()
}

impl fmt::Display for Profiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the profile `{}`", shown(self.name().unwrap_or("default")))?;
        match &self.credentials {
            File { path: Some(path), named: Some(_) } => write!(formatter, " of {}", quoted(path)),
            File { .. } => Ok(()),
        }
    }
}
