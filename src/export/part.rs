//! One output of a set: which secrets it needs, which files it becomes, and what is in them.
//!
//! What can be refused without a backend is refused by [`Part::new`].

use std::collections::{BTreeMap, BTreeSet};

use crate::config::output::{Layout, Output};
use crate::delivery::{Attributes, RelativePath};
use crate::output::Unencodable;
use crate::plan::Declaration;
use crate::publish::File;
use crate::resolve::Resolved;

use super::Material;
use super::content::Content;
use super::error::Error;
use super::owner;

/// One output, ready to be filled.
pub(super) struct Part<'a> {
    output: &'a Output,
    attributes: Attributes,
    making: Making<'a>,
}

/// How its content comes about.
enum Making<'a> {
    /// Each secret is a file, by the secret's name.
    Files(BTreeMap<&'a str, (RelativePath, Attributes)>),
    /// They are in one file.
    One(RelativePath, Content),
}

/// A file of the set, and what messages call it.
pub(super) struct Piece {
    pub name: String,
    pub file: File,
}

impl<'a> Part<'a> {
    /// The output with its template read, and names and owners checked; `attributes` are those of a file of which
    /// the configuration says nothing.
    pub(super) fn new(
        output: &'a Output,
        material: Material<'a>,
        attributes: Attributes,
    ) -> Result<Self, Error> {
        let owner = output.owner.as_deref().map(owner::parse).transpose()?.or(attributes.owner);
        let attributes = Attributes { mode: output.mode.unwrap_or(attributes.mode), owner };
        Ok(Self { output, attributes, making: making(output, material, attributes)? })
    }

    /// The secrets that it needs.
    pub(super) fn names(&self, declarations: &'a [Declaration]) -> BTreeSet<&'a str> {
        let has = |name: &str| match &self.making {
            Making::Files(_) => self.output.has(name),
            Making::One(_, content) => self.output.has(name) && content.needs(name),
        };
        declarations.iter().map(|declaration| declaration.name.as_str()).filter(|name| has(name)).collect()
    }

    /// Whether the line break at the end of this secret's value becomes a part of a line.
    pub(super) fn takes_line_break(&self, name: &str) -> bool {
        match &self.making {
            Making::Files(_) => false,
            Making::One(_, content) => self.output.has(name) && content.takes_line_break(name),
        }
    }

    /// The files that it becomes when every secret is there.
    pub(super) fn files(&self) -> Vec<(&RelativePath, Attributes)> {
        match &self.making {
            Making::Files(places) => places.values().map(|(path, owned)| (path, *owned)).collect(),
            Making::One(path, _) => vec![(path, self.attributes)],
        }
    }

    /// The file in which this secret lies by itself.
    pub(super) fn own_file(&self, name: &str) -> Option<&RelativePath> {
        match &self.making {
            Making::Files(places) => places.get(name).map(|(path, _)| path),
            Making::One(..) => None,
        }
    }

    /// Its files with these values.
    pub(super) fn make(&self, secrets: &[Resolved]) -> Result<Vec<Piece>, Error> {
        let (path, content) = match &self.making {
            Making::Files(places) => {
                return Ok(secrets.iter().filter_map(|secret| own_file(secret, places)).collect());
            }
            Making::One(path, content) => (path, content.make(&self.only(secrets))?),
        };
        let file = File { path: path.clone(), content, attributes: self.attributes, origin: None };
        Ok(vec![Piece { name: path.to_string(), file }])
    }

    fn only(&self, secrets: &[Resolved]) -> Vec<Resolved> {
        secrets.iter().filter(|secret| self.output.has(&secret.name)).cloned().collect()
    }

    /// Refusals of this output among those of others.
    pub(super) fn name_in(&self, refusals: Vec<Unencodable>) -> impl Iterator<Item = Unencodable> {
        let path = self.output.path.as_ref().map(ToString::to_string).unwrap_or_default();
        refusals.into_iter().map(move |Unencodable { name, reason }| Unencodable {
            name: format!("{name} in `{path}`"),
            reason,
        })
    }
}

fn own_file(secret: &Resolved, places: &BTreeMap<&str, (RelativePath, Attributes)>) -> Option<Piece> {
    let (path, attributes) = places.get(secret.name.as_str())?.clone();
    let (content, origin) = (secret.value.clone(), secret.origin.clone());
    Some(Piece { name: secret.name.clone(), file: File { path, content, attributes, origin } })
}

/// How the content of an output comes about.
fn making<'a>(output: &Output, material: Material<'a>, attributes: Attributes) -> Result<Making<'a>, Error> {
    let Material { declarations, base } = material;
    match (&output.layout, output.path.clone()) {
        (Layout::One(written), Some(path)) => {
            Ok(Making::One(path, Content::open(written, base, declarations)?))
        }
        _ => Ok(Making::Files(places(output, declarations, attributes)?)),
    }
}

/// Where each secret's own file goes, and whose it is.
fn places<'a>(
    output: &Output,
    declarations: &'a [Declaration],
    attributes: Attributes,
) -> Result<BTreeMap<&'a str, (RelativePath, Attributes)>, Error> {
    let mut places = BTreeMap::new();
    for declaration in declarations.iter().filter(|declaration| output.has(&declaration.name)) {
        let (name, delivery) = (&declaration.name, &declaration.delivery);
        let not_a_file = |error| Error::NotAFile { name: name.clone(), error };
        let path = output.file_of(declaration).map_err(not_a_file)?;
        let owner = delivery.owner.as_deref().map(owner::parse).transpose()?.or(attributes.owner);
        let own = Attributes { mode: delivery.mode.unwrap_or(attributes.mode), owner };
        places.insert(name.as_str(), (path, own));
    }
    Ok(places)
}
