//! The names of a set and what they lead to: all that can be told of it without its manifest.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use nix::errno::Errno;

use super::super::directory::{Directory, is_directory, is_regular, kind};
use super::super::links;
use super::{Fault, closed};

/// No set is deeper (see [`crate::delivery::RelativePath`]).
const LEVELS: usize = 65;

/// Each of these names leads to its file.
pub(super) fn names<'a>(directory: &Directory, names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    match names.map(OsStr::new).find(|name| !links::is_ours(directory, name)) {
        None => Ok(()),
        Some(name) => Err(Fault::Astray(directory.at(name))),
    }
}

/// Every name leads to something, everything has a name, and all of it is files: how many.
pub(super) fn files(directory: &Directory, generation: &Directory) -> Result<usize, Fault> {
    let listed = directory.names().map_err(|errno| closed(directory, OsStr::new("."), errno))?;
    let names: BTreeSet<OsString> =
        listed.into_iter().filter(|name| links::is_ours(directory, name)).collect();
    let tops = match generation.names() {
        Ok(tops) => tops.into_iter().collect(),
        // It may be passed, and not be listed.
        Err(Errno::EACCES) => names.clone(),
        Err(errno) => return Err(closed(generation, OsStr::new("."), errno)),
    };
    if let Some(name) = tops.difference(&names).next() {
        return Err(Fault::Astray(directory.at(name)));
    }
    names.iter().map(|name| count(generation, name, LEVELS)).sum()
}

fn count(directory: &Directory, name: &OsStr, levels: usize) -> Result<usize, Fault> {
    let stat = directory.entry(name).map_err(|errno| closed(directory, name, errno))?;
    let stat = stat.ok_or_else(|| Fault::Gone(directory.at(name)))?;
    if is_regular(&stat) {
        return Ok(1);
    }
    if !is_directory(&stat) || levels == 0 {
        return Err(Fault::Kind { path: directory.at(name), kind: kind(stat.st_mode) });
    }
    let listed = directory.subdirectory(name).and_then(|inner| Ok((inner.names()?, inner)));
    match listed {
        Ok((names, inner)) => names.iter().map(|name| count(&inner, name, levels - 1)).sum(),
        Err(Errno::EACCES) => Ok(0),
        Err(errno) => Err(closed(directory, name, errno)),
    }
}
