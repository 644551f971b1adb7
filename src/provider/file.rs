//! `file`: a file of this machine is one document, byte for byte.
//!
//! Invariants: a trailing newline stays; only regular files of at most `max_document_size` are read, and nothing waits.

use super::local_file::{self, Places};
use super::settings::{RefForm, Setting, Settings};
use super::shape::shape_of;
use super::{Ask, Document, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings};
use crate::hint::said;

/// The keys of `[providers.file]`: none.
pub const SETTINGS: &[Setting] = &[];

/// Variables with credentials of kz's own: none.
pub const CREDENTIAL_VARIABLES: &[&str] = &[];

/// Refs.
pub const REF: RefForm = RefForm { pattern: local_file::REF_PATTERN, example: "/run/secrets/tls.key" };

/// Whether `path` can name a file. Does not look for it.
pub fn check_ref(path: &str) -> Result<(), String> {
    local_file::check_path(path)
}

/// A provider of files. Relative paths start from the configuration's directory, `~/` from `HOME`.
pub fn build(_: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Files { places: Places::of(surroundings) })
}

struct Files {
    places: Places,
}

impl Provider for Files {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
        Box::pin(async move { documents.iter().map(|document| self.read(document)).collect() })
    }
}

impl Files {
    fn read(&self, document: &DocumentRef) -> Outcome {
        if document.version.is_some() {
            return Outcome::Failed(Failure {
                kind: FailureKind::Misconfigured,
                cause: "a file has no versions".into(),
                hint: said("remove `version`"),
            });
        }
        let path = match self.places.locate(&document.path) {
            Ok(path) => path,
            Err(failure) => return Outcome::Failed(failure),
        };
        match self.places.document(&path) {
            Ok(content) => {
                let shape = shape_of(&document.path, content.expose());
                Outcome::Found(Document { content, shape, version: None, lease: None })
            }
            Err(outcome) => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Shape;
    use crate::provider::fixture::{Fixture, fetch};

    #[test]
    fn each_file_is_a_document_with_its_own_outcome() {
        let fixture = Fixture::new();
        fixture.file("key.json", b"{\"a\": 1}\n");
        fixture.file("raw", b"\xff\n");
        let provider = build(&Settings::default(), &fixture);
        let outcomes = fetch(&*provider, &["raw", "none", "key.json", "."]);
        assert!(matches!(&outcomes[0], Outcome::Found(found) if found.content.expose() == b"\xff\n"));
        assert!(matches!(&outcomes[1], Outcome::AbsentBecause(_)));
        assert!(matches!(&outcomes[2], Outcome::Found(found) if found.shape == Shape::Json));
        assert!(matches!(&outcomes[3], Outcome::Failed(failure) if failure.kind == FailureKind::Malformed));
    }

    #[test]
    fn a_path_from_home_is_found_there() {
        let fixture = Fixture::new();
        fixture.file("token", b"t");
        let home = fixture.path("").into_os_string().into_string().unwrap();
        let elsewhere = Fixture::new().with_variable("HOME", home);
        let provider = build(&Settings::default(), &elsewhere);
        assert!(matches!(&fetch(&*provider, &["~/token"])[0], Outcome::Found(_)));
    }

    #[test]
    fn a_version_is_refused_rather_than_ignored() {
        let fixture = Fixture::new();
        let document = DocumentRef { path: "x".into(), version: Some("1".into()), request: None };
        let files = Files { places: Places::of(&fixture) };
        assert!(matches!(files.read(&document), Outcome::Failed(_)));
    }
}
