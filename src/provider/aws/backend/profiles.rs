//! Which profile of which files an identity, a region and further settings may come from.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use crate::provider::Failure;
use crate::provider::settings::Settings;

use super::variables::Variables;

/// The choice, by the section or by the environment.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    name: Option<String>,
    credentials: Option<PathBuf>,
    /// Whether the section made it.
    chosen: bool,
}

impl Profiles {
    pub(super) fn of(settings: &Settings, variables: &Variables) -> Self {
        let chosen = settings.has("profile") || settings.has("credentials_file");
        let name = settings.text("profile").or_else(|| variables.text("AWS_PROFILE"));
        Self {
            name: name.map(str::to_owned),
            credentials: settings.path("credentials_file").map(Path::to_owned),
            chosen,
        }
    }

    /// Whether the section says that a profile is to be used, and nothing else.
    pub(super) fn is_chosen(&self) -> bool {
        self.chosen
    }

    /// Its name, where one was given.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The files, where they are not the usual ones.
    pub(super) fn files(&self) -> Option<EnvConfigFiles> {
        let credentials = self.credentials.as_ref()?;
        let files = EnvConfigFiles::builder().include_default_config_file(true);
        Some(files.with_file(EnvConfigFileKind::Credentials, credentials).build())
    }

    /// That there is nothing under that name.
    pub(super) fn missing(&self) -> Failure {
        Failure::misconfigured(
            format!("{self} is not there, or holds no credentials"),
            "name a profile that has them: `profile = \"…\"`",
        )
    }
}

impl fmt::Display for Profiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the profile `{}`", self.name().unwrap_or("default"))?;
        match &self.credentials {
            Some(file) => write!(formatter, " of `{}`", file.display()),
            None => Ok(()),
        }
    }
}
