//! The process that kz runs in: environment, working directory, ids. The one file that reads them.
//!
//! What the AWS SDK reads besides, by itself: `HOME` and `AWS_ENDPOINT_URL_SSO` for the portal; `AWS_USE_FIPS_ENDPOINT` and
//! `AWS_USE_DUALSTACK_ENDPOINT`; further settings of its own that change nothing of who kz is.
//!
//! What providers read of it through [`Surroundings`] stands in their own files; of Google's variables they are
//! `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_OAUTH_ACCESS_TOKEN`, `GOOGLE_CLOUD_PROJECT`, `GOOGLE_CLOUD_QUOTA_PROJECT` and
//! `GOOGLE_CLOUD_UNIVERSE_DOMAIN`; `CLOUDSDK_CONFIG` and `CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER`;
//! `GCE_METADATA_HOST`, `GCE_METADATA_IP` and `NO_GCE_CHECK`.
//!
//! Tests build a [`Process`] by hand. Names and values are bytes: nothing here is assumed to be UTF-8.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::provider::{Surroundings, Terms};
use crate::secret::Secret;

/// What the kernel and the caller gave us.
#[derive(Clone)]
pub struct Process {
    /// The environment, in its order.
    pub variables: Vec<(OsString, OsString)>,
    /// The working directory.
    pub directory: PathBuf,
    /// The effective uid.
    pub uid: u32,
    /// The process id; 1 in most containers.
    pub pid: u32,
}

impl fmt::Debug for Process {
    /// Without the environment: it may hold credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, uid, pid, .. } = self;
        write!(formatter, "Process {{ directory: {directory:?}, uid: {uid}, pid: {pid} }}")
    }
}

impl Process {
    /// This process.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn current() -> std::io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            directory: std::env::current_dir()?,
            uid: nix::unistd::geteuid().as_raw(),
            pid: std::process::id(),
        })
    }

    /// Whether the variable `name` is set, be it to nothing.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.iter().any(|(known, _)| known == name)
    }

    /// The variable `name`, unless it is unset, empty or blank: Compose sets what it cannot find to nothing.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .iter()
            .rev()
            .find(|(known, value)| known == name && !value.as_bytes().trim_ascii().is_empty())
            .map(|(_, value)| OsStr::from_bytes(value.as_bytes().trim_ascii()))
    }

    /// Like [`Self::variable`], for what has to be text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name)?.to_str()
    }
}

/// Whether the kubelet started this: it tells every container where the API server is.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn is_in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
}

/// What providers may see of the process, with the directory that relative paths start from.
#[derive(Clone, Debug)]
pub struct View<'a> {
    process: &'a Process,
    base: &'a Path,
    terms: Terms,
}

impl<'a> View<'a> {
    /// A view in which relative paths start at `base`, for providers that ask on these terms.
    pub fn new(process: &'a Process, base: &'a Path, terms: Terms) -> Self {
        Self { process, base, terms }
    }
}

impl Surroundings for View<'_> {
    fn variable(&self, name: &str) -> Option<Secret> {
        let value =
            self.process.variables.iter().rev().find(|(known, _)| known.as_bytes() == name.as_bytes());
        value.map(|(_, value)| Secret::new(value.clone().into_vec()))
    }

    fn variables(&self) -> Vec<(OsString, Secret)> {
        let variables = self.process.variables.iter();
        variables.map(|(name, value)| (name.clone(), Secret::new(value.clone().into_vec()))).collect()
    }

    fn base(&self) -> &Path {
        self.base
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }
}
