//! STUB until the publish branch is merged.
#![allow(missing_docs)]
use crate::secret::Secret;
use std::path::Path;
use std::time::Instant;
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativePath(String);
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad")]
pub struct InvalidPath;
impl RelativePath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn new(text: &str) -> Result<Self, InvalidPath> {
        if text.starts_with('/') || text.contains("..") { Err(InvalidPath) } else { Ok(Self(text.into())) }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: Option<u32>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub mode: u32,
    pub owner: Option<Owner>,
}
impl Attributes {
    pub fn readers(self) -> String {
        String::new()
    }
}
pub enum Change {
    Written,
    Unchanged,
}
pub struct File {
    pub path: RelativePath,
    pub content: Secret,
    pub attributes: Attributes,
}
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct Error;
impl Error {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
pub fn publish_file(target: &Path, content: &Secret, _: Attributes, _: Instant) -> Result<Change, Error> {
    #[allow(clippy::disallowed_methods)]
    std::fs::write(target, content.expose()).map_err(|_| Error)?;
    Ok(Change::Written)
}
pub fn publish_set(d: &Path, f: &[File], _: Instant) -> Result<Change, Error> {
    for f in f {
        #[allow(clippy::disallowed_methods)]
        std::fs::write(d.join(f.path.as_str()), f.content.expose()).map_err(|_| Error)?;
    }
    Ok(Change::Written)
}
pub mod readers {
    use super::{Attributes, Error, Path, RelativePath};
    pub struct Reader {
        pub uid: u32,
        pub gid: Option<u32>,
    }
    pub fn check_file_reader(_: &Path, _: Attributes, _: Reader) -> Result<(), Error> {
        Ok(())
    }
    pub fn check_set_reader<'a>(
        _: &Path,
        _: impl IntoIterator<Item = (&'a RelativePath, Attributes)>,
        _: Reader,
    ) -> Result<(), Error> {
        Ok(())
    }
}
