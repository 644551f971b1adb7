//! What providers see of the process that kz runs in, and no more.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::variables::Process;
use crate::provider::{Surroundings, Terms};
use crate::secret::Secret;

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
