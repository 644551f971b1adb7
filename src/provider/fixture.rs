//! What the providers' unit tests run in: a directory of its own, and variables in a map.
#![expect(clippy::disallowed_methods, reason = "the tests make the files that the providers read")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Ask, DocumentRef, End, Outcome, Provider, Surroundings, Terms};
use crate::log::{Format, Level, Log, Stderr};
use crate::patience::Patience;
use crate::secret::Secret;

/// The surroundings of a test, and who asks in them. The directory goes with it.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    variables: BTreeMap<&'static str, Secret>,
    terms: Terms,
    /// On whose time it is asked.
    pub(crate) ask: Ask,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
            terms: Terms { log: Log::new(Level::Quiet, Format::Text, Stderr::Collected), ..Terms::default() },
            ask: Ask::default(),
        }
    }

    pub(crate) fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = Terms { log: self.terms.log, ..terms };
        self
    }

    pub(crate) fn with_patience(mut self, patience: Patience) -> Self {
        self.ask.patience = patience;
        self
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.variables.insert(name, Secret::new(value.as_ref().to_vec()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Surroundings for Fixture {
    fn variable(&self, name: &str) -> Option<Secret> {
        self.variables.get(name).cloned()
    }

    fn variables(&self) -> Vec<(OsString, Secret)> {
        self.variables.iter().map(|(&name, value)| (name.into(), value.clone())).collect()
    }

    fn base(&self) -> &Path {
        self.directory.path()
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }
}

/// The documents at these paths, as they are now.
pub(crate) fn documents(paths: &[&str]) -> Vec<DocumentRef> {
    let document = |path: &&str| DocumentRef { path: (*path).to_owned(), version: None, request: None };
    paths.iter().map(document).collect()
}

/// The outcomes of these paths, in one batch, after which the provider is closed as after a delivery.
pub(crate) fn fetch(provider: &dyn Provider, paths: &[&str]) -> Vec<Outcome> {
    fetch_documents(provider, &documents(paths))
}

/// The same of these documents.
pub(crate) fn fetch_documents(provider: &dyn Provider, documents: &[DocumentRef]) -> Vec<Outcome> {
    fetch_on(&Ask::default(), provider, documents)
}

/// The same on these terms.
pub(crate) fn fetch_on(ask: &Ask, provider: &dyn Provider, documents: &[DocumentRef]) -> Vec<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcomes = runtime.block_on(async {
        let outcomes = provider.fetch(documents, ask).await;
        provider.close(End::Delivered, ask).await;
        outcomes
    });
    assert_eq!(outcomes.len(), documents.len(), "one outcome per document");
    outcomes
}
