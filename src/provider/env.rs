//! `env`: a variable of kz's own environment is one document, byte for byte.
//!
//! Invariants: unset is absent; what is set to nothing, as Compose sets what it cannot find, is blank: absent where a
//! default or `optional` says what then; white space is a value; no name is guessed at or folded in case.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::settings::{RefForm, Setting, Settings};
use super::shape::shape_of;
use super::{
    Absence, Ask, Document, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings,
};
use crate::hint::said;
use crate::secret::Secret;

/// The keys of `[providers.env]`: none.
pub const SETTINGS: &[Setting] = &[];

/// Variables with credentials of kz's own: none.
pub const CREDENTIAL_VARIABLES: &[&str] = &[];

/// Refs.
pub const REF: RefForm = RefForm { pattern: r"^[^=\u0000]+(#[^#]*)?$", example: "LOG_LEVEL" };

/// Whether `path` can be the name of a variable, as environ(7) has it: not empty, no `=`, no NUL.
pub fn check_ref(path: &str) -> Result<(), String> {
    match path {
        "" => Err("the name of the variable is missing".into()),
        _ if path.contains('=') => Err(format!("`{path}` contains `=`, so no variable can have that name")),
        _ if path.contains('\0') => Err("the name of a variable cannot contain a NUL".into()),
        _ => Ok(()),
    }
}

/// A provider of the variables that `surroundings` has.
pub fn build(_: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    // Of two with one name the last counts.
    Box::new(Variables(surroundings.variables().into_iter().collect()))
}

/// The environment that kz was started with, which does not change.
struct Variables(BTreeMap<OsString, Secret>);

impl Provider for Variables {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
        Box::pin(async move { documents.iter().map(|document| self.read(document)).collect() })
    }
}

impl Variables {
    fn read(&self, document: &DocumentRef) -> Outcome {
        if document.version.is_some() {
            return Outcome::Failed(Failure {
                kind: FailureKind::Misconfigured,
                cause: "a variable has no versions".into(),
                hint: said("remove `version`"),
            });
        }
        match self.0.get(OsStr::new(&document.path)) {
            Some(content) => {
                let content = content.clone();
                let is_blank = content.expose().is_empty();
                let shape = shape_of(&document.path, content.expose());
                let document = Document { content, shape, version: None, lease: None };
                if is_blank { Outcome::Blank(document) } else { Outcome::Found(document) }
            }
            None => Outcome::AbsentBecause(Absence { cause: "the variable is not set".into(), hint: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Shape;
    use crate::provider::fixture::{Fixture, fetch};

    #[test]
    fn bytes_come_as_they_are_white_space_too_and_empty_is_blank() {
        let fixture = Fixture::new()
            .with_variable("RAW", b"\xff\n")
            .with_variable("EMPTY", b"")
            .with_variable("BLANK", b" ");
        let provider = build(&Settings::default(), &fixture);
        let outcomes = fetch(&*provider, &["RAW", "EMPTY", "raw", "BLANK"]);
        assert!(matches!(&outcomes[0], Outcome::Found(found) if found.content.expose() == b"\xff\n"));
        assert!(matches!(&outcomes[1], Outcome::Blank(_)));
        assert!(
            matches!(&outcomes[2], Outcome::AbsentBecause(absence) if absence.cause == "the variable is not set")
        );
        assert!(matches!(&outcomes[3], Outcome::Found(found) if found.content.expose() == b" "));
    }

    #[test]
    fn a_variable_with_an_object_in_it_has_fields() {
        let fixture = Fixture::new().with_variable("CONFIG", b" {\"a\": 1}");
        let provider = build(&Settings::default(), &fixture);
        assert!(
            matches!(&fetch(&*provider, &["CONFIG"])[0], Outcome::Found(found) if found.shape == Shape::Json)
        );
    }

    #[test]
    fn names_that_no_variable_can_have_are_known_without_looking() {
        assert!(check_ref("LOG_LEVEL").is_ok());
        for name in ["", "A=B", "A\0B"] {
            assert!(check_ref(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_version_is_refused_rather_than_ignored() {
        let document = DocumentRef { path: "X".into(), version: Some("1".into()), request: None };
        assert!(matches!(Variables(BTreeMap::new()).read(&document), Outcome::Failed(_)));
    }
}
