//! What is said of an export that is done: who can read it.

use std::path::Path;

use crate::delivery::Attributes;
use crate::export::Done;
use crate::literal::shown;
use crate::publish::Change;

use super::super::invocation::Invocation;

/// Says who can read it: a 0400 file of the wrong owner is the commonest surprise. One line, or one more for each mode and
/// owner where they differ. `path` is what was named as the output.
pub(super) fn say(done: &Done, path: &Path, invocation: &Invocation<'_>) {
    let log = invocation.log;
    let path = path.to_string_lossy();
    let path = shown(&path);
    let Some((_, first)) = done.delivered.first() else {
        log.note(&format!("wrote no secrets to {path}: none is there"));
        return;
    };
    let what = amount(done);
    let words = match done.change {
        Change::Written => format!("wrote {what} to {path}"),
        Change::Unchanged => format!("{what} in {path} unchanged"),
    };
    let us = invocation.process.uid;
    if done.delivered.iter().all(|(_, other)| other == first) {
        log.note(&format!("{words}, {}", access(*first, us, done, "them")));
    } else {
        log.note(&format!("{words}, modes and owners as configured"));
        for (attributes, names) in groups(&done.delivered) {
            log.note(&access(attributes, us, done, &names.join(", ")));
        }
    }
    if let Some(error) = &done.barred {
        log.warn(&error.to_string());
    }
}

/// `4 secrets`, or `3 files with 4 secrets`.
fn amount(done: &Done) -> String {
    let secrets = count(done.secrets, "secret");
    done.files.map_or(secrets.clone(), |files| format!("{} with {secrets}", count(files, "file")))
}

/// `mode 0400, owner 999: only uid 999 and root can read them`.
fn access(attributes: Attributes, us: u32, done: &Done, what: &str) -> String {
    let owner = attributes.owner.map_or(us, |owner| owner.uid);
    let readers = attributes.readers(done.group, done.root);
    format!("mode {:04o}, owner {owner}: {readers} can read {what}", attributes.mode)
}

/// `1 secret`, `4 secrets`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The names that share mode and owner, in the order of their first.
fn groups(delivered: &[(String, Attributes)]) -> Vec<(Attributes, Vec<&str>)> {
    let mut groups: Vec<(Attributes, Vec<&str>)> = Vec::new();
    for (name, attributes) in delivered {
        match groups.iter_mut().find(|(known, _)| known == attributes) {
            Some((_, names)) => names.push(name),
            None => groups.push((*attributes, vec![name])),
        }
    }
    groups
}
