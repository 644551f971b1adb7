//! What the tests of providers through the library share: surroundings in a map, and an event loop.
#![expect(clippy::expect_used, reason = "a test ends where what it needs is missing")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kz::provider::settings::{Settings, Value};
use kz::provider::{Ask, DocumentRef, Outcome, Provider, Surroundings};
use kz::secret::Secret;

/// A process without variables, in one directory.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Surroundings for Directory {
    fn variable(&self, _: &str) -> Option<Secret> {
        None
    }

    fn variables(&self) -> Vec<(OsString, Secret)> {
        Vec::new()
    }

    fn base(&self) -> &Path {
        &self.0
    }
}

/// Settings that hold paths only.
pub(crate) fn paths(settings: &[(&'static str, &Path)]) -> Settings {
    let mut checked = Settings::default();
    for (name, path) in settings {
        checked.insert(name, Value::Paths(vec![path.to_path_buf()]));
    }
    checked
}

/// The outcome of one document.
pub(crate) fn fetch_one(provider: &dyn Provider, path: &str) -> Outcome {
    let document = [DocumentRef { path: path.into(), version: None, request: None }];
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("an event loop");
    runtime.block_on(provider.fetch(&document, &Ask::default())).remove(0)
}
