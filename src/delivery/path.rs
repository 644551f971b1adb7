//! The path of one file inside a set, as the configuration's `file =` names it.
//!
//! Invariants: relative, made of plain components only, so that joining it to a directory can
//! never leave that directory; it cannot collide with what kz keeps at the top (`.kz`, `..data`,
//! the `..<stamp>` directories). The rules are the kubelet's (`pkg/volume/util/atomic_writer.go`,
//! `validatePath`), with `.kz` and the depth added.

use std::fmt;

use thiserror::Error;

/// As `NAME_MAX` of every usual file system.
const COMPONENT_BYTES: usize = 255;
/// As `PATH_MAX`.
const PATH_BYTES: usize = 4096;
/// Trees are written, compared and removed with one open descriptor per level.
const COMPONENTS: usize = 64;

/// A checked path such as `tls/server.key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

/// Why a path cannot name a file of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidPath {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Begins with `/`.
    #[error("is absolute; it has to be relative to the output directory")]
    Absolute,
    /// `a//b` or `a/`.
    #[error("has an empty component (`//`, or a `/` at the end)")]
    EmptyComponent,
    /// `a/./b`.
    #[error("has a `.` component")]
    DotComponent,
    /// `a/../b`.
    #[error("has a `..` component")]
    ParentComponent,
    /// The first component begins with `..` or is `.kz`.
    #[error("begins with a name that kz keeps for itself (`.kz`, or anything that begins with `..`)")]
    Reserved,
    /// A component of more than 255 bytes.
    #[error("has a component of more than {COMPONENT_BYTES} bytes")]
    ComponentTooLong,
    /// More than 4096 bytes in all.
    #[error("is longer than {PATH_BYTES} bytes")]
    TooLong,
    /// More than 64 components.
    #[error("has more than {COMPONENTS} components")]
    TooDeep,
    /// Holds a NUL byte.
    #[error("holds a NUL byte")]
    Nul,
}

impl RelativePath {
    /// Checks `path`; the error says which rule it breaks.
    pub fn new(path: &str) -> Result<Self, InvalidPath> {
        check(path).map(|()| Self(path.to_owned()))
    }

    /// This path below `directory`.
    pub fn below(&self, directory: &Self) -> Result<Self, InvalidPath> {
        Self::new(&format!("{directory}/{self}"))
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, first to last; there is at least one.
    pub(crate) fn components(&self) -> std::str::Split<'_, char> {
        self.0.split('/')
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn check(path: &str) -> Result<(), InvalidPath> {
    if path.is_empty() {
        return Err(InvalidPath::Empty);
    }
    if path.contains('\0') {
        return Err(InvalidPath::Nul);
    }
    if path.starts_with('/') {
        return Err(InvalidPath::Absolute);
    }
    if path.len() > PATH_BYTES {
        return Err(InvalidPath::TooLong);
    }
    path.split('/').try_for_each(check_component)?;
    let first = path.split('/').next().unwrap_or_default();
    if first.starts_with("..") || first == super::STATE_DIRECTORY {
        return Err(InvalidPath::Reserved);
    }
    if path.split('/').count() > COMPONENTS {
        return Err(InvalidPath::TooDeep);
    }
    Ok(())
}

fn check_component(component: &str) -> Result<(), InvalidPath> {
    match component {
        "" => Err(InvalidPath::EmptyComponent),
        "." => Err(InvalidPath::DotComponent),
        ".." => Err(InvalidPath::ParentComponent),
        long if long.len() > COMPONENT_BYTES => Err(InvalidPath::ComponentTooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_relative_path_is_taken_as_it_is() {
        for good in ["A", "tls/server.key", ".env", "a/..b", "a/.kz", ".kzx", "a b/é", &"x".repeat(255)] {
            assert_eq!(RelativePath::new(good).as_ref().map(RelativePath::as_str), Ok(good));
        }
    }

    #[test]
    fn every_rule_is_named_by_its_own_error() {
        let long = "x".repeat(256);
        let longer = vec!["x".repeat(255); 17].join("/");
        let deep = vec!["a"; 65].join("/");
        let table = [
            ("", InvalidPath::Empty),
            ("/etc/passwd", InvalidPath::Absolute),
            ("a//b", InvalidPath::EmptyComponent),
            ("a/", InvalidPath::EmptyComponent),
            (".", InvalidPath::DotComponent),
            ("a/./b", InvalidPath::DotComponent),
            ("..", InvalidPath::ParentComponent),
            ("a/../b", InvalidPath::ParentComponent),
            ("../b", InvalidPath::ParentComponent),
            ("..data", InvalidPath::Reserved),
            ("..2026/x", InvalidPath::Reserved),
            (".kz", InvalidPath::Reserved),
            (".kz/lock", InvalidPath::Reserved),
            (&long, InvalidPath::ComponentTooLong),
            (&longer, InvalidPath::TooLong),
            (&deep, InvalidPath::TooDeep),
            ("a\0b", InvalidPath::Nul),
        ];
        for (path, error) in table {
            assert_eq!(RelativePath::new(path), Err(error), "{path}");
        }
    }
}
