//! The provider as a whole, on files made by the age crate. Foreign files: `tests/it/age/`.

use age::secrecy::SecretString;

use super::*;
use crate::provider::fixture::{Fixture, fetch};
use crate::provider::settings::Value;
use crate::provider::{Outcome, Shape};

struct Case {
    fixture: Fixture,
    settings: Settings,
    identity: age::x25519::Identity,
}

impl Case {
    /// A fixture with an identity in `key`, which the settings name.
    fn new() -> Self {
        use age::secrecy::ExposeSecret;
        let (fixture, identity) = (Fixture::new(), age::x25519::Identity::generate());
        let key = fixture.file("key", identity.to_string().expose_secret());
        let mut settings = Settings::default();
        settings.insert("identity_file", Value::Paths(vec![key]));
        Self { fixture, settings, identity }
    }

    fn seal(&self, name: &str, plaintext: &str) {
        self.fixture.file(name, age::encrypt(&self.identity.to_public(), plaintext.as_bytes()).unwrap());
    }

    fn seal_by_passphrase(&self, name: &str, passphrase: &str, work_factor: u8) {
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
        recipient.set_work_factor(work_factor);
        self.fixture.file(name, age::encrypt(&recipient, b"by passphrase").unwrap());
    }

    fn passphrase(mut self, content: &str) -> Self {
        let path = self.fixture.file("passphrase", content);
        self.settings.insert("passphrase_file", Value::Paths(vec![path]));
        self
    }

    fn fetch(&self, paths: &[&str]) -> Vec<Outcome> {
        fetch(&*build(&self.settings, &self.fixture), paths)
    }

    #[track_caller]
    fn failure(&self, path: &str) -> Failure {
        match self.fetch(&[path]).remove(0) {
            Outcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
fn text(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Found(found) => found.content.expose_text().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_document_of_a_batch_has_its_own_outcome() {
    let case = Case::new();
    case.seal("a.json.age", "{}");
    case.seal("b.age", "B=1\n");
    case.fixture.file("plain.env", "A=1");
    let outcomes = case.fetch(&["a.json.age", "missing.age", "plain.env", "b.age"]);
    assert!(matches!(&outcomes[0], Outcome::Found(found) if found.shape == Shape::Json));
    assert!(matches!(&outcomes[1], Outcome::AbsentBecause(_)));
    assert!(matches!(&outcomes[2], Outcome::Failed(failure) if failure.cause.contains("is not an age file")));
    assert_eq!(text(&outcomes[3]), "B=1\n");
}

#[test]
fn a_missing_document_is_absent_although_there_is_no_identity_either() {
    let case = Case { settings: Settings::default(), ..Case::new() };
    assert!(matches!(case.fetch(&["missing.age"])[0], Outcome::AbsentBecause(_)));
}

#[test]
fn building_reads_no_file() {
    let mut settings = Settings::default();
    settings.insert("identity_file", Value::Paths(vec!["/nowhere/key".into()]));
    let case = Case { settings, ..Case::new() };
    case.seal("a.age", "x");
    let failure = case.failure("a.age");
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert_eq!(failure.cause, "`/nowhere/key`, which `identity_file` names, does not exist");
}

#[test]
fn the_identity_may_stand_in_a_variable() {
    use age::secrecy::ExposeSecret;
    let mut case = Case::new();
    case.settings = Settings::default();
    case.fixture = case.fixture.with_variable(
        crate::provider::age::settings::IDENTITY_VARIABLE,
        case.identity.to_string().expose_secret(),
    );
    case.seal("a.age", "x");
    assert_eq!(text(&case.fetch(&["a.age"])[0]), "x");
}

#[test]
fn the_identity_may_stand_in_a_file_that_a_variable_names() {
    let mut case = Case::new();
    case.settings = Settings::default();
    let home = case.fixture.path("").into_os_string().into_string().unwrap();
    case.fixture =
        case.fixture.with_variable("HOME", home).with_variable("KEYZERO_AGE_IDENTITY_FILE", "~/key");
    case.seal("a.age", "x");
    assert_eq!(text(&case.fetch(&["a.age"])[0]), "x");
}

#[test]
fn the_wrong_identity_is_denied_with_what_was_tried() {
    let case = Case::new();
    let other = age::x25519::Identity::generate();
    case.fixture.file("a.age", age::encrypt(&other.to_public(), b"x").unwrap());
    let failure = case.failure("a.age");
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.cause.ends_with("/a.age` is not encrypted to the given identities"), "{failure:?}");
    assert!(failure.hint.unwrap().to_string().contains("kz tried 1 from `"));
}

#[test]
fn a_passphrase_opens_documents_beside_those_of_identities() {
    let case = Case::new().passphrase("correct horse\n");
    case.seal("a.age", "by identity");
    case.seal_by_passphrase("b.age", "correct horse", 2);
    let outcomes = case.fetch(&["a.age", "b.age"]);
    assert_eq!((text(&outcomes[0]), text(&outcomes[1])), ("by identity", "by passphrase"));
}

#[test]
fn a_wrong_passphrase_is_denied_and_a_missing_one_is_misconfigured() {
    let case = Case::new().passphrase("wrong");
    case.seal_by_passphrase("b.age", "right", 2);
    let failure = case.failure("b.age");
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.cause.ends_with("is encrypted with another passphrase"), "{failure:?}");
    let without = Case { settings: Settings::default(), ..case };
    assert_eq!(without.failure("b.age").kind, FailureKind::Misconfigured);
}

#[test]
fn more_work_than_allowed_is_refused_before_it_is_done() {
    let mut case = Case::new().passphrase("p");
    case.seal_by_passphrase("b.age", "p", 5);
    case.settings.insert("max_work_factor", Value::Integer(4));
    let failure = case.failure("b.age");
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.cause.ends_with("asks for the scrypt work factor 5, which takes 32 KiB of memory"));
    case.settings.insert("max_work_factor", Value::Integer(5));
    assert_eq!(text(&case.fetch(&["b.age"])[0]), "by passphrase");
}

#[test]
fn an_identity_file_may_itself_be_encrypted_with_the_passphrase() {
    use age::secrecy::ExposeSecret;
    let case = Case::new().passphrase("p\r\n");
    let mut recipient = age::scrypt::Recipient::new(SecretString::from("p"));
    recipient.set_work_factor(2);
    let identity = case.identity.to_string();
    case.fixture
        .file("key", age::encrypt_and_armor(&recipient, identity.expose_secret().as_bytes()).unwrap());
    case.seal("a.age", "x");
    assert_eq!(text(&case.fetch(&["a.age"])[0]), "x");
}

#[test]
fn a_pipe_in_place_of_a_document_or_an_identity_is_refused() {
    let case = Case::new();
    nix::unistd::mkfifo(&case.fixture.path("fifo.age"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(case.failure("fifo.age").cause.ends_with("is a pipe, not a regular file"));
}
