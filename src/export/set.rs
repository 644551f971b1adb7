//! A directory of files: a file for each secret, or everything that several outputs say, from one resolution and in one set.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::output::Output;
use crate::delivery::Attributes;
use crate::publish::readers::{self, Reader, check_set_entry, check_set_reader};
use crate::publish::{self, File, Former, Turn, protected_links};
use crate::resolve::Resolved;

use super::error::{Error, Instead};
use super::part::{Part, Piece};
use super::{Done, Material};

/// The outputs of a set, ready for values.
pub(super) struct Set<'a> {
    parts: Vec<Part<'a>>,
    material: Material<'a>,
    /// Each secret is a file, and nothing else is.
    is_plain: bool,
}

impl<'a> Set<'a> {
    /// These outputs; or everything that is wrong with any of their templates.
    pub(super) fn open(
        outputs: &'a [Output],
        material: Material<'a>,
        attributes: Attributes,
    ) -> Result<Self, Error> {
        let (mut parts, mut faults, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for output in outputs {
            match Part::new(output, material, attributes) {
                Ok(part) => parts.push(part),
                Err(Error::Templates { faults: more, known: names }) => {
                    faults.extend(more);
                    known = names;
                }
                Err(other) => return Err(other),
            }
        }
        let is_plain = matches!(outputs, [only] if *only == Output::of_files(&only.only));
        if faults.is_empty() {
            Ok(Self { parts, material, is_plain })
        } else {
            Err(Error::Templates { faults, known })
        }
    }

    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.parts.iter().flat_map(|part| part.names(self.material.declarations)).collect()
    }

    pub(super) fn takes_line_break(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.takes_line_break(name))
    }

    pub(super) fn check_reader(
        &self,
        path: &Path,
        directory_mode: u32,
        reader: Reader,
    ) -> Result<(), publish::Error> {
        check_set_reader(path, self.parts.iter().flat_map(Part::files), directory_mode, reader)
    }

    /// Makes these values, and nothing else, the set that `path` holds.
    pub(super) fn write(
        &self,
        path: &Path,
        secrets: &[Resolved],
        directory_mode: u32,
        turn: Turn,
        former: &mut Former,
    ) -> Result<Done, Error> {
        let (delivered, files): (Vec<(String, Attributes)>, Vec<File>) = self
            .pieces(secrets)?
            .into_iter()
            .map(|piece| ((piece.name, piece.file.attributes), piece.file))
            .unzip();
        let mut owned: Vec<Attributes> = Vec::new();
        for (_, attributes) in &delivered {
            if !owned.contains(attributes) {
                owned.push(*attributes);
            }
        }
        let barred = owned.iter().find_map(|owned| check_set_entry(path, directory_mode, *owned).err());
        let (group, root) = (readers::group(path), protected_links::root_follows(path));
        let change = publish::replace_set(path, &files, directory_mode, turn, former)?;
        let files = (!self.is_plain).then_some(files.len());
        Ok(Done { change, secrets: secrets.len(), files, delivered, group, root, barred })
    }

    /// The file in which this secret lies byte for byte, and nothing else.
    pub(super) fn own_file(&self, name: &str) -> Option<String> {
        self.parts.iter().find_map(|part| part.own_file(name)).map(ToString::to_string)
    }

    /// The files of all parts; or every template that these values do not fit, or else everything that a form cannot hold.
    fn pieces(&self, secrets: &[Resolved]) -> Result<Vec<Piece>, Error> {
        let (mut pieces, mut refusals, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for part in &self.parts {
            match part.make(secrets) {
                Ok(made) => pieces.extend(made),
                Err(Error::DoesNotFit { refusals: more, .. }) => refusals.extend(part.name_in(more)),
                Err(Error::Templates { faults: more, .. }) => faults.extend(more),
                Err(other) => return Err(other),
            }
        }
        match (faults.is_empty(), refusals.is_empty()) {
            (false, _) => Err(Error::Templates { faults, known: Vec::new() }),
            (true, false) => Err(Error::DoesNotFit { refusals, instead: Instead::Settings }),
            (true, true) => Ok(pieces),
        }
    }
}
