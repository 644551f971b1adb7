//! What is said of an export that is done: who can read it.

use std::path::Path;

use crate::publish::{self, Attributes, Change};

use super::super::session::Session;

/// Who can read it: a 0400 file of the wrong owner is the commonest surprise. One line, or one more
/// for each mode and owner where they differ.
pub(super) fn say(
    session: &Session<'_>,
    change: Change,
    path: &Path,
    delivered: &[(&str, Attributes)],
    barred: Option<publish::Error>,
) {
    let number = delivered.len();
    let secrets = if number == 1 { "1 secret".to_owned() } else { format!("{number} secrets") };
    let Some((_, first)) = delivered.first() else {
        session.log.note(&format!("wrote no secrets to {}: none is there", path.display()));
        return;
    };
    let done = match change {
        Change::Written => format!("wrote {secrets} to {}", path.display()),
        Change::Unchanged => format!("{secrets} in {} unchanged", path.display()),
    };
    if delivered.iter().all(|(_, other)| other == first) {
        session.log.note(&format!("{done}, {}", access(session, *first, "them")));
    } else {
        session.log.note(&format!("{done}, modes and owners as configured"));
        for (attributes, names) in groups(delivered) {
            session.log.note(&access(session, attributes, &names.join(", ")));
        }
    }
    if let Some(error) = barred {
        session.log.warn(&error.to_string());
    }
}

/// `mode 0400, owner 999: only uid 999 and root can read them`.
fn access(session: &Session<'_>, attributes: Attributes, what: &str) -> String {
    let owner = attributes.owner.map_or(session.process.uid, |owner| owner.uid);
    format!("mode {:04o}, owner {owner}: {} can read {what}", attributes.mode, attributes.readers())
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
