//! Values and outputs become files: one file, or a set of them in one directory; all, or nothing is changed.
//!
//! Invariants: whatever can be refused without a value is refused before one is asked for ([`Export::prepare`],
//! [`Export::look`]); every secret that does not fit is named at once. Refuses to ask a backend, and to say anything: what
//! was done is returned ([`Done`]).
//!
//! From the bottom: `error`, `owner`, `template` (one that is a file), `content` (of one file), `part` (one output of a set),
//! `set`.

pub mod content;
pub mod error;
mod handover;
pub mod owner;
mod part;
mod set;
mod template;

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::output::{Content as Written, Output};
use crate::delivery::Attributes;
use crate::plan::{Declaration, Plan};
use crate::publish::readers::{self, Reader, check_entry, check_file_reader};
use crate::publish::{self, Change, Former, Turn};
use crate::resolve::{Kept, Resolved};
use content::Content;
pub use error::Error;
use set::Set;

/// What is said of everything that is written.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Mode and owner where nothing else says.
    pub attributes: Attributes,
    /// The mode of directories in a set.
    pub directory_mode: u32,
    /// Who has to be able to read it.
    pub reader: Option<Reader>,
}

/// What outputs are made of: the configuration's secrets, and the directory that templates are relative to.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// All secrets, in the configuration's order.
    pub declarations: &'a [Declaration],
    /// The directory of the configuration file.
    pub base: &'a Path,
}

/// An export that is ready for values.
pub struct Export<'a> {
    path: &'a Path,
    rules: Rules,
    destination: Destination<'a>,
}

/// What becomes of the path.
enum Destination<'a> {
    /// One file.
    File(Content),
    /// A directory.
    Set(Set<'a>),
}

/// What was done, and who can read it.
#[derive(Debug)]
pub struct Done {
    /// Whether anything changed.
    pub change: Change,
    /// How many secrets were delivered.
    pub secrets: usize,
    /// How many files hold them, where each is not one of its own.
    pub files: Option<usize>,
    /// Secrets, or files with several of them, each with mode and owner.
    pub delivered: Vec<(String, Attributes)>,
    /// The group that the directory gives, as it was before: after the last look at the target nothing is looked at.
    pub group: Option<u32>,
    /// Whether root reads it too: it cannot follow links in a sticky directory of another owner.
    pub root: bool,
    /// Why an owner that is named cannot even enter the directory.
    pub barred: Option<publish::Error>,
}

impl<'a> Export<'a> {
    /// One file with this content.
    pub fn to_file(
        path: &'a Path,
        written: &Written,
        material: Material<'_>,
        rules: Rules,
    ) -> Result<Self, Error> {
        let content = Content::open(written, material.base, material.declarations)?;
        Ok(Self { path, rules, destination: Destination::File(content) })
    }

    /// These outputs, and nothing else, as the set that `path` holds.
    pub fn to_set(
        path: &'a Path,
        outputs: &'a [Output],
        material: Material<'a>,
        rules: Rules,
    ) -> Result<Self, Error> {
        Ok(Self {
            path,
            rules,
            destination: Destination::Set(Set::open(outputs, material, rules.attributes)?),
        })
    }

    /// The secrets that it needs; nothing where these are all that are asked for.
    pub fn names(&self) -> Option<BTreeSet<&str>> {
        match &self.destination {
            Destination::File(content) => content.names().map(Iterator::collect),
            Destination::Set(set) => Some(set.names()),
        }
    }

    /// Whether the line break at the end of this secret's value becomes a part of a line.
    pub fn takes_line_break(&self, name: &str) -> bool {
        match &self.destination {
            Destination::File(content) => content.takes_line_break(name),
            Destination::Set(set) => set.takes_line_break(name),
        }
    }

    /// Fails where whoever has to read it will not be able to.
    pub fn check_reader(&self) -> Result<(), Error> {
        let Some(reader) = self.rules.reader else { return Ok(()) };
        match &self.destination {
            Destination::File(_) => check_file_reader(self.path, self.rules.attributes, reader)?,
            Destination::Set(set) => set.check_reader(self.path, self.rules.directory_mode, reader)?,
        }
        Ok(())
    }

    /// Fails where the target cannot be written, so that nothing is made for it.
    pub fn look(&self) -> Result<(), Error> {
        match &self.destination {
            Destination::File(_) => publish::check_file(self.path)?,
            Destination::Set(_) => publish::check_directory(self.path)?,
        }
        Ok(())
    }

    /// Writes these values, after whoever else writes there.
    pub fn write(&self, secrets: &[Resolved], turn: Turn) -> Result<Done, Error> {
        self.replace(secrets, turn, &mut Former::default())
    }

    /// The same, where sets that were replaced stay for a while.
    pub fn replace(&self, secrets: &[Resolved], turn: Turn, former: &mut Former) -> Result<Done, Error> {
        match &self.destination {
            Destination::File(content) => self.write_file(content, secrets, turn),
            Destination::Set(set) => set.write(self.path, secrets, self.rules.directory_mode, turn, former),
        }
    }

    /// What an earlier export was lent, and lies there still; only in a set, which has a place to note it.
    pub fn left(&self) -> Vec<Kept> {
        match &self.destination {
            Destination::File(_) => Vec::new(),
            Destination::Set(_) => handover::left(self.path),
        }
    }

    /// Leaves a note of what these secrets were lent by, for whoever goes on with it.
    pub fn leave(&self, plan: &Plan<'_>, secrets: &[Resolved], turn: Turn) -> Result<(), publish::Error> {
        match &self.destination {
            Destination::File(_) => Ok(()),
            Destination::Set(set) => {
                let note =
                    |generation: &str| handover::note(generation, plan, secrets, |name| set.own_file(name));
                publish::leave_note(self.path, note, turn)
            }
        }
    }

    /// Notes, where there is a place for it, that what is written is what the backends hold now.
    pub fn confirm(&self, turn: Turn) -> Result<(), publish::Error> {
        match &self.destination {
            Destination::File(_) => Ok(()),
            Destination::Set(_) => publish::confirm_set(self.path, turn),
        }
    }

    /// Removes what was written.
    pub fn wipe(&self, turn: Turn) -> Result<(), publish::Error> {
        match &self.destination {
            Destination::File(_) => publish::wipe_file(self.path, turn),
            Destination::Set(_) => publish::wipe_set(self.path, turn),
        }
    }

    fn write_file(&self, content: &Content, secrets: &[Resolved], turn: Turn) -> Result<Done, Error> {
        let attributes = self.rules.attributes;
        let made = content.make(secrets)?;
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let (barred, group) = (check_entry(directory, attributes).err(), readers::group(directory));
        let change = publish::publish_file(self.path, &made, attributes, turn)?;
        let delivered = secrets.iter().map(|secret| (secret.name.clone(), attributes)).collect();
        Ok(Done { change, secrets: secrets.len(), files: None, delivered, group, root: true, barred })
    }
}
