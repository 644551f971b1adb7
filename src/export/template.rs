//! Templates that are files: read and checked, and filled.
//!
//! Invariants: what no values could make render, and a name that is no secret, is refused before a backend is asked. A
//! template is trusted as a configuration is (`config::trust`): whoever writes it chooses which secrets its readers see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::trust;
use crate::plan::Declaration;
use crate::resolve::Resolved;
use crate::resolve::template::{Input, LONGEST, Template};
use crate::secret::Secret;

use super::error::{BadTemplate, Error};

/// A template that was read from a file.
#[derive(Debug)]
pub struct FileTemplate {
    path: PathBuf,
    template: Template,
    /// The secrets of which it takes the line break at the end.
    line_breaks: BTreeSet<String>,
}

impl FileTemplate {
    /// Reads a template and checks it against the secrets that there are.
    pub(super) fn read(path: PathBuf, declarations: &[Declaration]) -> Result<Self, Error> {
        let known = || declarations.iter().map(|declaration| declaration.name.clone()).collect();
        let failed = |faults| Error::Templates { faults, known: known() };
        let text = trust::read(&path, LONGEST).map_err(|error| failed(vec![BadTemplate::File(error)]))?.text;
        let loaded = match Template::parse(&text) {
            Ok(template) => {
                let line_breaks = template.line_breaks().into_iter().map(str::to_owned).collect();
                Self { path, template, line_breaks }
            }
            Err(error) => return Err(failed(vec![BadTemplate::Text(path, error)])),
        };
        let unknown = loaded.unknown(declarations);
        if unknown.is_empty() { Ok(loaded) } else { Err(failed(unknown)) }
    }

    /// The secrets that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.template.inputs().iter().map(|input| input.name.as_str())
    }

    /// Whether it names this secret. Its names are sorted.
    pub(super) fn needs(&self, name: &str) -> bool {
        self.template.inputs().binary_search_by(|input| input.name.as_str().cmp(name)).is_ok()
    }

    /// Whether it takes the line break at the end of this secret's value.
    pub(super) fn takes_line_break(&self, name: &str) -> bool {
        self.line_breaks.contains(name)
    }

    /// What it names that is no secret, in the order of its lines.
    fn unknown(&self, declarations: &[Declaration]) -> Vec<BadTemplate> {
        let known: BTreeSet<&str> =
            declarations.iter().map(|declaration| declaration.name.as_str()).collect();
        let mut inputs: Vec<&Input> =
            self.template.inputs().iter().filter(|input| !known.contains(input.name.as_str())).collect();
        inputs.sort_by_key(|input| input.line);
        let fault = |Input { name, line }: &Input| BadTemplate::Unknown {
            path: self.path.clone(),
            line: *line,
            name: name.clone(),
        };
        inputs.into_iter().map(fault).collect()
    }

    /// What it comes to; or why these values do not fit it.
    pub(super) fn render(&self, secrets: &[Resolved]) -> Result<Secret, Error> {
        let named = secrets.iter().filter(|secret| self.needs(&secret.name));
        let values: BTreeMap<&str, &Secret> =
            named.map(|secret| (secret.name.as_str(), &secret.value)).collect();
        let absent: Vec<&str> = self.names().filter(|name| !values.contains_key(name)).collect();
        let values: Vec<(&str, &Secret)> = values.into_iter().collect();
        self.template.render(&values, &absent).map_err(|error| Error::Templates {
            faults: vec![BadTemplate::Value(self.path.clone(), error)],
            known: Vec::new(),
        })
    }
}
