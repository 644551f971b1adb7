//! A directory of files: a file for each secret (`--format files`), or everything that `[[outputs]]` says, from
//! one resolution and in one set.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::output::Output;
use crate::plan::Plan;
use crate::publish::readers::{self, Reader, check_set_entry, check_set_reader};
use crate::publish::{self, Attributes, File};
use crate::resolve::Resolved;

use super::super::session::{Hand, Session};
use super::part::{Part, Piece};
use super::{Failure, done};

/// What is said of every file of a set.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Mode and owner where nothing else says.
    pub attributes: Attributes,
    /// The mode of directories in it.
    pub directory_mode: u32,
    /// Who has to be able to read it.
    pub reader: Option<Reader>,
}

/// Makes these outputs, and nothing else, the set that `path` holds.
pub(super) fn write(
    session: &Session<'_>,
    outputs: &[Output],
    path: &Path,
    rules: Rules,
) -> Result<(), Failure> {
    let declarations = &session.loaded.config.declarations;
    // Without this look a name that nobody has would make an empty set, which takes the place of the old one.
    for output in outputs {
        session.plan(&output.only)?;
    }
    let parts = parts(session, outputs, rules.attributes)?;
    if let Some(reader) = rules.reader {
        let files = parts.iter().flat_map(Part::files);
        check_set_reader(path, files, rules.directory_mode, reader).map_err(Failure::Publish)?;
    }
    let wanted: BTreeSet<&str> = parts.iter().flat_map(|part| part.names(declarations)).collect();
    let takes = |name: &str| parts.iter().any(|part| part.takes_line_break(name));
    let look = || publish::check_directory(path).map_err(Failure::Publish);
    let write = |secrets: Vec<Resolved>| {
        let pieces = pieces(&parts, &secrets)?;
        publish(session, pieces, &Count::of(outputs, &secrets), path, rules.directory_mode)
    };
    session.deliver(&Plan::of(declarations, &wanted), takes, look, write, Hand::Files, Ok)
}

/// The outputs, ready for values; or everything that is wrong with any of their templates.
fn parts<'a>(
    session: &'a Session<'_>,
    outputs: &'a [Output],
    attributes: Attributes,
) -> Result<Vec<Part<'a>>, Failure> {
    let (mut parts, mut troubles, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for output in outputs {
        match Part::new(output, session, attributes) {
            Ok(part) => parts.push(part),
            Err(Failure::Templates(more, names)) => {
                troubles.extend(more);
                known = names;
            }
            Err(other) => return Err(other),
        }
    }
    if troubles.is_empty() { Ok(parts) } else { Err(Failure::Templates(troubles, known)) }
}

/// The files of all parts; or every template that these values do not fit, or else everything that a form cannot hold.
fn pieces(parts: &[Part<'_>], secrets: &[Resolved]) -> Result<Vec<Piece>, Failure> {
    let (mut pieces, mut refusals, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part.make(secrets) {
            Ok(made) => pieces.extend(made),
            Err(Failure::Output(more, _)) => refusals.extend(part.name_in(more)),
            Err(Failure::Templates(more, _)) => troubles.extend(more),
            Err(other) => return Err(other),
        }
    }
    match (troubles.is_empty(), refusals.is_empty()) {
        (false, _) => Err(Failure::Templates(troubles, Vec::new())),
        (true, false) => Err(Failure::Output(refusals, HINT.to_owned())),
        (true, true) => Ok(pieces),
    }
}

/// What carries that which a form does not.
const HINT: &str = "`format = \"files\"` carries any value, `json_bytes = \"base64\"` marks bytes in JSON, `only` leaves some out";

fn publish(
    session: &Session<'_>,
    pieces: Vec<Piece>,
    count: &Count,
    path: &Path,
    directory_mode: u32,
) -> Result<(), Failure> {
    let (said, files): (Vec<(String, Attributes)>, Vec<File>) =
        pieces.into_iter().map(|piece| ((piece.name, piece.file.attributes), piece.file)).unzip();
    let delivered: Vec<(&str, Attributes)> =
        said.iter().map(|(name, owned)| (name.as_str(), *owned)).collect();
    let groups = done::groups(&delivered);
    let barred = groups.iter().find_map(|(owned, _)| check_set_entry(path, directory_mode, *owned).err());
    let group = readers::group(path);
    let change = publish::publish_set(path, &files, directory_mode, session.turn());
    let change = change.map_err(Failure::Publish)?;
    let done = done::Done { session, change, path, group };
    done.say(&count.words(files.len()), &delivered, barred);
    Ok(())
}

/// What a set holds, in numbers.
struct Count {
    secrets: usize,
    /// Each of them is a file, and nothing else is.
    is_plain: bool,
}

impl Count {
    fn of(outputs: &[Output], secrets: &[Resolved]) -> Self {
        let is_plain = matches!(outputs, [only] if *only == Output::of_files(&only.only));
        Self { secrets: secrets.len(), is_plain }
    }

    /// `4 secrets`, or `3 files with 4 secrets`.
    fn words(&self, files: usize) -> String {
        let secrets = done::count(self.secrets, "secret");
        if self.is_plain { secrets } else { format!("{} with {secrets}", done::count(files, "file")) }
    }
}
