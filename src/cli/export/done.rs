//! What is said of an export that is done: who can read it.

use std::path::Path;

use crate::literal::shown;
use crate::publish::{self, Attributes, Change};

use super::super::session::Session;

/// An export that is done.
#[derive(Clone, Copy)]
pub(super) struct Done<'a> {
    pub session: &'a Session<'a>,
    pub change: Change,
    /// What was named as the output.
    pub path: &'a Path,
    /// The group that the directory gives, as it was before: after the last look at the target nothing is looked at.
    pub group: Option<u32>,
    /// Whether root reads it too.
    pub root: bool,
}

impl Done<'_> {
    /// Who can read it: a 0400 file of the wrong owner is the commonest surprise. One line, or one more
    /// for each mode and owner where they differ. `what` says how much it is.
    pub(super) fn say(self, what: &str, delivered: &[(&str, Attributes)], barred: Option<publish::Error>) {
        let log = self.session.log;
        let path = self.path.to_string_lossy();
        let path = shown(&path);
        let Some((_, first)) = delivered.first() else {
            log.note(&format!("wrote no secrets to {path}: none is there"));
            return;
        };
        let done = match self.change {
            Change::Written => format!("wrote {what} to {path}"),
            Change::Unchanged => format!("{what} in {path} unchanged"),
        };
        if delivered.iter().all(|(_, other)| other == first) {
            log.note(&format!("{done}, {}", self.access(*first, "them")));
        } else {
            log.note(&format!("{done}, modes and owners as configured"));
            for (attributes, names) in groups(delivered) {
                log.note(&self.access(attributes, &names.join(", ")));
            }
        }
        if let Some(error) = barred {
            log.warn(&error.to_string());
        }
    }

    /// `mode 0400, owner 999: only uid 999 and root can read them`.
    fn access(self, attributes: Attributes, what: &str) -> String {
        let owner = attributes.owner.map_or(self.session.process.uid, |owner| owner.uid);
        let readers = attributes.readers(self.group, self.root);
        format!("mode {:04o}, owner {owner}: {readers} can read {what}", attributes.mode)
    }
}

/// `1 secret`, `4 secrets`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The names that share mode and owner, in the order of their first.
pub(super) fn groups<'a>(delivered: &[(&'a str, Attributes)]) -> Vec<(Attributes, Vec<&'a str>)> {
    let mut groups: Vec<(Attributes, Vec<&str>)> = Vec::new();
    for (name, attributes) in delivered {
        match groups.iter_mut().find(|(known, _)| known == attributes) {
            Some((_, names)) => names.push(name),
            None => groups.push((*attributes, vec![name])),
        }
    }
    groups
}
