//! Where the mount of a path ends, for paths that lack version 2's `data/` because the CLI writes them so.
//!
//! Two segments leave one possibility. Otherwise the server is asked (`sys/internal/ui/mounts/PATH`, which the CLI asks
//! too, and which a policy for the path's own document opens); [`candidates`] are for servers that do not answer
//! that. Invariants: a mount that was found is not looked up again; of a server's answer only the length of the
//! mount is used, so that a path is never another's. Recorded answers: `tests/fakes/src/vault/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::provider::vault::cli_form::candidates;
use crate::provider::{DocumentRef, Failure, FailureKind};

use super::client::{Unanswered, VaultClient};
use super::effect::is_keeper;
use super::endpoint::Get;
use super::reply::{Body, Known};

/// The mounts of version 2 whose paths were seen without `data/`.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    known: Mutex<BTreeSet<String>>,
    /// Whether a mount is of version 1, as it was told of what stands before `data/` in a path.
    unversioned: Mutex<BTreeMap<String, bool>>,
    /// The engines that were told, by mount.
    engines: Mutex<BTreeMap<String, Engine>>,
    /// Held while the server is asked for the mount of a path that certainly lies in version 2.
    asking: tokio::sync::Mutex<()>,
}

/// What the server says of the mount that a path lies in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mount {
    /// KV version 2, and the path that is meant.
    Versioned(String),
    /// Something else.
    Other,
    /// It says nothing.
    Unknown,
}

/// What the server says of the engine that a path lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// Its type.
    Named(String),
    /// It is no engine but a login method, of this type.
    Login(String),
    /// The token may do nothing there, and so change nothing either.
    Closed,
    /// Nothing that could be relied on.
    Untold,
}

#[derive(Deserialize)]
struct Description {
    path: String,
    #[serde(default, rename = "type")]
    engine: Option<String>,
    #[serde(default)]
    options: Option<Options>,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    /// What login methods have, and no engine.
    #[serde(default)]
    token_type: Option<IgnoredAny>,
}

impl Description {
    /// Whether it is KV version 1 and mounted there. What was mounted in old times is called `generic`.
    fn is_first_version_at(&self, mount: &str) -> bool {
        let version = self.options.as_ref().and_then(|options| options.version.as_deref());
        let is_kv = matches!(self.engine.as_deref(), Some("kv" | "generic"));
        is_kv && version.is_none_or(|version| version == "1") && self.path.trim_matches('/') == mount
    }

    fn engine(self) -> Option<Engine> {
        let logs_in = self.config.is_some_and(|config| config.token_type.is_some());
        self.engine.map(if logs_in { Engine::Login } else { Engine::Named })
    }
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    version: Option<String>,
}

impl Mounts {
    /// The path to ask for first.
    pub(super) fn correct(&self, path: &str) -> String {
        self.corrected(path).unwrap_or_else(|| path.to_owned())
    }

    fn corrected(&self, path: &str) -> Option<String> {
        let known = self.known();
        let longer = known.iter().rev().find_map(|mount| below(path, mount));
        longer.filter(|longer| longer != path)
    }

    /// Remembers a mount of version 2.
    pub(super) fn add(&self, mount: &str) {
        self.known().insert(mount.to_owned());
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path that is meant by one which the server says lies in version 2 and lacks `data/`; nothing where it
    /// does not tell the mount. Of several such paths one asks.
    pub(super) async fn meant(&self, client: &VaultClient<'_>, path: &str) -> Option<String> {
        if let [(mount, longer)] = &candidates(path)[..] {
            self.add(mount);
            return Some(longer.clone());
        }
        let _one = self.asking.lock().await;
        if let Some(corrected) = self.corrected(path) {
            return Some(corrected);
        }
        match self.look_up(client, path).await {
            Mount::Versioned(longer) => Some(longer),
            Mount::Other | Mount::Unknown => None,
        }
    }

    /// The path of version 1 that is meant by one with version 2's `data/`, where the server says that its mount is of
    /// version 1. Asked once for each mount.
    pub(super) async fn without_data(&self, client: &VaultClient<'_>, path: &str) -> Option<String> {
        let (mount, rest) = path.split_once("/data/").filter(|(mount, _)| !self.known().contains(*mount))?;
        let _one = self.asking.lock().await;
        let told = || self.unversioned.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told().get(mount).copied();
        let is_first = if let Some(known) = known {
            known
        } else {
            let is_first = describe(client, path).await.is_some_and(|told| told.is_first_version_at(mount));
            told().insert(mount.to_owned(), is_first);
            is_first
        };
        is_first.then(|| format!("{mount}/{rest}"))
    }

    /// The engine that a path lies in, which is asked once for each mount.
    pub(super) async fn engine(&self, client: &VaultClient<'_>, path: &str) -> Result<Engine, Failure> {
        let _one = self.asking.lock().await;
        let lies_in = |mount: &str| path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'));
        let engines = || self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            engines().iter().find(|(mount, _)| lies_in(mount)).map(|(_, engine)| engine.clone())
        {
            return Ok(known);
        }
        match ask(client, path).await {
            Ok(Some(told)) => {
                let mount = told.path.trim_matches('/').to_owned();
                let Some(engine) = told.engine() else { return Ok(Engine::Untold) };
                if lies_in(&mount) {
                    engines().insert(mount, engine.clone());
                }
                Ok(engine)
            }
            Err(unanswered) if unanswered.known == Some(Known::NoAccess) => Ok(Engine::Closed),
            Err(Unanswered { failure, .. }) if failure.kind != FailureKind::Denied => Err(failure),
            Ok(_) | Err(_) => Ok(Engine::Untold),
        }
    }

    /// Asks the server in which mount a path lies.
    pub(super) async fn look_up(&self, client: &VaultClient<'_>, path: &str) -> Mount {
        let Some(told) = describe(client, path).await else { return Mount::Unknown };
        let version = told.options.and_then(|options| options.version);
        match below(path, told.path.trim_matches('/')) {
            None => Mount::Unknown,
            Some(longer) if version.as_deref() == Some("2") => {
                if longer != path {
                    self.add(told.path.trim_matches('/'));
                }
                Mount::Versioned(longer)
            }
            Some(_) => Mount::Other,
        }
    }
}

/// How many looks at mounts it takes at least until all of these documents can be asked for.
pub(super) fn least_looks(documents: &[DocumentRef]) -> usize {
    let made = documents.iter().filter(|document| document.request.is_some());
    made.map(|document| document.path.split('/').next()).collect::<BTreeSet<_>>().len()
}

/// The type of the engine that a path lies in, as the server tells it.
pub(super) async fn engine(client: &VaultClient<'_>, path: &str) -> Option<String> {
    describe(client, path).await?.engine
}

/// Whether a path lies in an engine whose reads make nothing, as the server says.
pub(super) async fn is_harmless(client: &VaultClient<'_>, path: &str) -> bool {
    engine(client, path).await.is_some_and(|engine| is_keeper(&engine))
}

/// What the server says of the mount that a path lies in.
async fn describe(client: &VaultClient<'_>, path: &str) -> Option<Description> {
    ask(client, path).await.ok()?
}

/// The same, or why it says nothing.
async fn ask(client: &VaultClient<'_>, path: &str) -> Result<Option<Description>, Unanswered> {
    let get = Get::current(format!("sys/internal/ui/mounts/{path}"));
    let reply = client.try_read(get).await?;
    let description = || {
        let body: Body<'_> = serde_json::from_slice(reply.body.expose()).ok()?;
        serde_json::from_str(body.data?.get()).ok()
    };
    Ok(description().filter(|_| reply.status == 200))
}

/// The path of version 2's document that is meant by `path` in `mount`; nothing where it does not lie there.
fn below(path: &str, mount: &str) -> Option<String> {
    let rest = path.strip_prefix(mount)?.strip_prefix('/')?;
    Some(if rest.starts_with("data/") { path.to_owned() } else { format!("{mount}/data/{rest}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_that_was_found_serves_its_other_paths_and_no_others() {
        let mounts = Mounts::default();
        mounts.add("team/kv");
        mounts.add("team");
        assert_eq!(mounts.correct("team/kv/other/b"), "team/kv/data/other/b");
        assert_eq!(mounts.correct("team/x"), "team/data/x");
        for unchanged in ["team/kv/data/app", "team/data/x", "teams/kv/app", "team"] {
            assert_eq!(mounts.correct(unchanged), unchanged);
        }
    }
}
