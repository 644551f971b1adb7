//! Which file everything goes into: no two things want the same one, and none is a directory of another.
//!
//! Asked of the secrets, which `kz export --format files` lays out beside each other, and of everything that
//! `[[outputs]]` writes into one set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::plan::Declaration;

use super::output::{Layout, Written};
use super::problem::{Mistake, Place, Problems, shown};

/// A file that something needs.
struct Wanted<'a> {
    file: PathBuf,
    /// What needs it, in words.
    who: String,
    place: &'a Place,
    /// Which of the outputs it belongs to.
    output: usize,
}

/// Files that are needed, those before the present one.
#[derive(Default)]
struct Taken<'a>(BTreeMap<PathBuf, (String, usize, &'a Place)>);

impl<'a> Taken<'a> {
    /// Takes a file; what has it, or needs it as a directory or in one, if anything.
    fn take(&mut self, wanted: Wanted<'a>) -> Option<(String, usize)> {
        let Wanted { file, who, place, output } = wanted;
        // A sorted map puts what lies beneath a path right behind it.
        let beneath = self.0.range(file.clone()..).next().filter(|(other, _)| other.starts_with(&file));
        let above = file.ancestors().find_map(|ancestor| self.0.get_key_value(ancestor));
        let other = beneath.or(above).map(|(_, (who, output, _))| (who.clone(), *output));
        self.0.insert(file, (who, output, place));
        other
    }
}

/// No two secrets share a file, and none needs a directory where another is a file.
pub(super) fn check_secrets(declarations: &[Declaration], places: &[Place], problems: &mut Problems) {
    let mut taken = Taken::default();
    for (declaration, place) in declarations.iter().zip(places) {
        let who = format!("`{}`", declaration.name);
        let wanted = Wanted { file: own_file(declaration), who: who.clone(), place, output: 0 };
        if let Some((other, _)) = taken.take(wanted) {
            let message = format!("{who} and {other} would need the same file");
            let hint = "give one of them another `file`";
            problems.add_with_hint(place.clone(), Mistake::SameFile, message, hint);
        }
    }
}

/// Likewise everything that the outputs write. What two secrets of one output do to each other is not said
/// again.
pub(super) fn check_outputs(outputs: &[Written<'_>], declarations: &[Declaration], problems: &mut Problems) {
    let mut taken = Taken::default();
    for (index, written) in outputs.iter().enumerate() {
        let mut said = false;
        for wanted in files_of(written, index, declarations) {
            let who = wanted.who.clone();
            let Some((other, _)) = taken.take(wanted).filter(|(_, other)| *other != index && !said) else {
                continue;
            };
            said = true;
            let message = if who == other {
                format!("{who} would be written by two outputs")
            } else {
                format!("{who} and {other} would need the same file")
            };
            let hint = "give one of the outputs another `path`";
            problems.add_with_hint(written.place.clone(), Mistake::SameFile, message, hint);
        }
    }
}

fn files_of<'a>(written: &'a Written<'_>, index: usize, declarations: &[Declaration]) -> Vec<Wanted<'a>> {
    let (output, place) = (&written.output, &written.place);
    let path = output.path.as_ref().map(|path| Path::new(path.as_str()));
    if output.layout != Layout::Files {
        // Without a path it has been reported already.
        let one = |path: &Path| {
            let who = format!("the output `{}`", shown(&path.display().to_string()));
            Wanted { file: path.to_owned(), who, place, output: index }
        };
        return path.map(one).into_iter().collect();
    }
    let inside = |declaration: &Declaration| Wanted {
        file: path.map_or_else(|| own_file(declaration), |path| path.join(own_file(declaration))),
        who: format!("the file of `{}`", declaration.name),
        place,
        output: index,
    };
    declarations.iter().filter(|declaration| output.has(&declaration.name)).map(inside).collect()
}

fn own_file(declaration: &Declaration) -> PathBuf {
    match &declaration.delivery.file {
        Some(file) => file.as_str().into(),
        None => Path::new(&declaration.name).to_owned(),
    }
}
