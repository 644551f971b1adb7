//! The process that kz runs in: environment, working directory, ids. The one file that reads them.
//!
//! What the AWS SDK reads besides, by itself: `HOME` and `AWS_ENDPOINT_URL_SSO` for the portal; `AWS_USE_FIPS_ENDPOINT` and
//! `AWS_USE_DUALSTACK_ENDPOINT`; further settings of its own that change nothing of who kz is.
//!
//! What providers read of it through [`crate::provider::Surroundings`] stands in their own files; of Google's variables they are
//! `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_OAUTH_ACCESS_TOKEN`, `GOOGLE_CLOUD_PROJECT`, `GOOGLE_CLOUD_QUOTA_PROJECT` and
//! `GOOGLE_CLOUD_UNIVERSE_DOMAIN`; `CLOUDSDK_CONFIG` and `CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER`;
//! `GCE_METADATA_HOST`, `GCE_METADATA_IP` and `NO_GCE_CHECK`.
//!
//! Tests build a [`Process`] by hand. Names and values are bytes: nothing here is assumed to be UTF-8.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

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
