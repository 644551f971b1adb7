//! Paths with version 2's `data/` in a mount of version 1, which has none: the mirror image of paths that lack it.
//!
//! Both versions answer alike that nothing is there, so the server is asked what the mount is, once for each, and only
//! where a document is absent or closed. Nothing is guessed, and nothing is read under another path than was written: a
//! document of version 1 may be called `data/db`. Invariant: `data/` is left out only where it stands behind the mount.

use crate::hint::said;
use crate::provider::{Absence, Failure, Outcome};

use super::client::VaultClient;
use super::mounts::Mounts;

/// The same outcome of a document at `path`, which is absent, in words that say which path to write.
pub(super) async fn absent(
    client: &VaultClient<'_>,
    mounts: &Mounts,
    path: &str,
    outcome: Outcome,
) -> Outcome {
    match mounts.without_data(client, path).await {
        Some(shorter) => {
            Outcome::AbsentBecause(Absence { cause: cause(path), hint: said(hint(path, &shorter)) })
        }
        None => outcome,
    }
}

/// The same of one that the token may not read: the policy is right, perhaps, and the path is not.
pub(super) async fn denied(
    client: &VaultClient<'_>,
    mounts: &Mounts,
    path: &str,
    failure: Failure,
) -> Failure {
    match mounts.without_data(client, path).await {
        Some(shorter) => {
            let cause = format!("{}, and {}", failure.cause, cause(path));
            Failure { cause, hint: said(hint(path, &shorter)), ..failure }
        }
        None => failure,
    }
}

fn cause(path: &str) -> String {
    format!("its mount is KV version 1, where paths have no `data/` after the mount (`{path}`)")
}

fn hint(path: &str, shorter: &str) -> String {
    format!("write `{shorter}` instead of `{path}`")
}
