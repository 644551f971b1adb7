//! Files that providers read: where a path as written leads, and what is said of one that is not to be had.
//!
//! How they are read is `reading`'s. Invariant: what stands where a path belongs, names no file and looks like a
//! credential is not repeated.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Absence, Ask, Failure, FailureKind, Outcome, Surroundings};
use crate::hint::{Hint, Reading, said};
use crate::literal;
use crate::log::typed;
pub(super) use crate::reading::{Unreadable, may_be_credential, quoted, read};
use crate::secret::Secret;
use crate::size::Size;

/// Where relative paths and `~/` lead.
#[derive(Clone, Debug)]
pub(super) struct Places {
    base: PathBuf,
    home: Option<PathBuf>,
    max_document_size: Size,
}

impl Places {
    /// As the surroundings have them.
    pub(super) fn of(surroundings: &dyn Surroundings) -> Self {
        let home = surroundings.given("HOME").map(|home| path_of(&home));
        let terms = surroundings.terms();
        Self {
            base: surroundings.base().to_owned(),
            home: home.filter(|home| home.is_absolute()),
            max_document_size: terms.max_document_size,
        }
    }

    /// The path to open for a path as written.
    pub(super) fn locate(&self, written: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        let written = written.as_ref();
        match (written.strip_prefix("~"), &self.home) {
            (Err(_), _) => Ok(self.base.join(written)),
            (Ok(rest), Some(home)) => Ok(home.join(rest)),
            (Ok(_), None) => Err(Failure {
                kind: FailureKind::Misconfigured,
                cause: format!("{} starts from `HOME`, which is not set", quoted(written)),
                hint: said("write the path from `/`"),
            }),
        }
    }

    /// The document that is the file at `path`, or what became of it.
    pub(super) fn document(&self, path: &Path) -> Result<Secret, Outcome> {
        read(path, self.max_document_size.0).map_err(|unreadable| match unreadable {
            Unreadable::Absent => Outcome::AbsentBecause(absence(path)),
            Unreadable::TooLarge(_) => {
                Outcome::Failed(Failure::too_large(format!("{} {unreadable}", quoted(path))))
            }
            _ => Outcome::Failed(unreadable.failure(path)),
        })
    }

    /// Who reads credentials there for this asking.
    pub(super) fn reader(&self, ask: &Ask) -> Reader<'_> {
        Reader { places: self, until: ask.patience.deadline() }
    }
}

/// Reads credentials, each time anew, since a file may hold another one by then. Until its deadline it waits for whoever
/// writes a pipe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    places: &'a Places,
    until: Instant,
}

impl Reader<'_> {
    /// The path to open for a path as written.
    pub(super) fn locate(&self, written: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        self.places.locate(written)
    }

    /// The credential in the file that is written so.
    #[cfg(feature = "https")]
    pub(super) fn credential(&self, written: impl AsRef<Path>, limit: u64) -> Result<Secret, Failure> {
        let path = self.locate(written)?;
        self.try_credential(&path, limit).map_err(|unreadable| unreadable.failure(&path))
    }

    /// The same by the path to open, for who says himself what is wrong.
    pub(super) fn try_credential(&self, path: &Path, limit: u64) -> Result<Secret, Unreadable> {
        crate::reading::read_credential(path, limit, self.until)
    }
}

/// A path that came as a variable's value, byte for byte.
pub(super) fn path_of(value: &Secret) -> PathBuf {
    std::ffi::OsString::from_vec(value.expose().to_vec()).into()
}

impl Unreadable {
    /// The failure of the provider that needed the file at `path`.
    pub(super) fn failure(&self, path: &Path) -> Failure {
        if matches!(self, Self::Absent) && may_be_credential(path) {
            return no_path("what is to be a path");
        }
        Failure { kind: self.kind(), cause: format!("`{}` {self}", path.display()), hint: self.hint(path) }
    }

    /// What class of failure it is that a file which is named is not to be had.
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::Absent => FailureKind::Misconfigured,
            Self::Denied { .. } => FailureKind::Denied,
            Self::Endless => FailureKind::Unreachable,
            _ => FailureKind::Malformed,
        }
    }

    pub(super) fn hint(&self, path: &Path) -> Option<Hint> {
        match self {
            Self::Denied { owner: Some(owner), uid } if owner.uid != *uid => {
                Some(Reading::AsOwner(owner.uid).into())
            }
            Self::Denied { owner: Some(_), .. } => Some(Reading::OwnFile(typed::path(path)).into()),
            Self::Denied { .. } => Some(Reading::AsRoot.into()),
            Self::Directory => Some(Reading::NotADirectory.into()),
            Self::Utf16 => said("write it again as UTF-8: `iconv -f UTF-16 -t UTF-8`"),
            _ => None,
        }
    }
}

/// What to do about a file that `place` names and that is not there.
pub(super) fn bring(place: &str) -> String {
    format!("correct {place}, or bring the file there: a container sees what is mounted")
}

/// What is said of a credential in the place of its file's path, until `discreet` says which place that is.
pub(super) const NO_PATH: &str = "what is to be a path names no file; it holds what looks like a credential";

/// That there stands a credential in `place`, where the path of its file belongs.
pub(super) fn no_path(place: &str) -> Failure {
    Failure::misconfigured(
        format!("{place} names no file; it holds what looks like a credential"),
        "put the credential into a file of its own, and name that file in the variable or setting that takes a path",
    )
}

/// What is said of a document that is no file.
fn absence(path: &Path) -> Absence {
    let place = quoted(path);
    let hint = format!(
        "correct the ref, or bring the file to {place}: a container sees what is mounted there; write `optional = true` only where it may be missing"
    );
    Absence { cause: format!("{place} does not exist"), hint: said(hint) }
}

/// [`check_path`] of what stands before `#field`.
pub(super) const REF_PATTERN: &str = r"^(?![^#]*/$)[^\u0000]";

/// What can be said of a path without looking: used by `kz validate`.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    match path {
        "" => Err("the path of the file is missing".into()),
        _ if path.contains('\0') => Err("a path cannot contain a NUL".into()),
        _ if path.ends_with('/') => {
            Err(format!("`{}` ends in `/`, so it names a directory", literal::shown(path)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;
    use crate::reading::Ownership;

    #[test]
    fn a_denied_file_is_named_with_our_uid_its_owner_and_a_way_out() {
        let owner = Some(Ownership { uid: 1000, mode: 0o600 });
        let failure = Unreadable::Denied { uid: 65532, owner }.failure(Path::new("/run/secrets/key"));
        assert_eq!(failure.kind, FailureKind::Denied);
        assert_eq!(
            failure.cause,
            "`/run/secrets/key` may not be read by uid 65532: it belongs to uid 1000 with mode 0600"
        );
        assert!(failure.hint.unwrap().to_string().contains("user: \"1000\""));
    }

    #[test]
    fn a_credential_where_a_path_belongs_is_not_repeated_and_a_path_is() {
        let fixture = Fixture::new();
        for written in [
            "hvs.CANARYabcdefghijklmnop",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
            "{\"type\":\"service_account\"}",
            "-----BEGIN PRIVATE KEY-----\nMII",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
        ] {
            for path in [fixture.path(written), written.into()] {
                let failure = Unreadable::Absent.failure(&path);
                assert_eq!(failure.cause, NO_PATH);
                assert_eq!(quoted(&path), "***");
                assert_eq!(absence(&path).cause, "*** does not exist");
            }
        }
        let path = fixture.file("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1", "x");
        assert_eq!(quoted(&path), format!("`{}`", path.display()));
        for path in ["/run/secrets/vault-token", "relative/path.json"] {
            assert_eq!(Unreadable::Absent.failure(Path::new(path)).cause, format!("`{path}` does not exist"));
        }
    }

    #[test]
    fn relative_paths_start_from_the_base_and_tilde_from_home() {
        let places =
            Places { base: "/app".into(), home: Some("/home/me".into()), max_document_size: Size(0) };
        assert_eq!(places.locate("x/y").unwrap(), Path::new("/app/x/y"));
        assert_eq!(places.locate("/x").unwrap(), Path::new("/x"));
        assert_eq!(places.locate("~/x").unwrap(), Path::new("/home/me/x"));
        assert_eq!(places.locate("~x").unwrap(), Path::new("/app/~x"));
        let homeless = Places { home: None, ..places };
        assert_eq!(homeless.locate("~/x").unwrap_err().kind, FailureKind::Misconfigured);
    }

    #[test]
    fn paths_that_cannot_name_a_file_are_known_without_looking() {
        assert!(check_path("a.age").is_ok());
        for path in ["", "a/", "a\0b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }
}
