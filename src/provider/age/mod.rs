//! `age`: files encrypted to an age identity, the backend that needs no server. One encrypted file in Git, one
//! identity mounted at run time.
//!
//! Invariants: nothing of a document is released before all of it is authenticated; identities are read
//! when a document needs one, once per batch, and `build` reads no file at all; no plugin is run and nothing
//! is asked of a terminal. Identities: X25519, hybrid post-quantum, ssh-ed25519, ssh-rsa, and passphrases.

mod hybrid;
mod identity;
mod keyring;
mod passphrase;
mod sealed;

use keyring::{Keyring, Source};

use super::local_file::{self, Places, Unreadable};
use super::settings::{Kind, RefForm, Setting, Settings, setting};
use super::shape::shape_of;
use super::{Document, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings};

/// The keys of `[providers.age]`. `max_work_factor` is scrypt's, 20 unless it is set: 2^20 KiB of memory.
pub const SETTINGS: &[Setting] = &[
    setting("identity_file", Kind::Paths, "age and OpenSSH private keys that open the files"),
    setting("passphrase_file", Kind::Path, "file with the passphrase of documents or identities"),
    setting(
        "max_work_factor",
        Kind::Integer(1, passphrase::HIGHEST_WORK_FACTOR as i64),
        "the scrypt work that a file may demand; each step doubles memory and time",
    ),
];

/// The variable that holds an identity.
pub const CREDENTIAL_VARIABLES: &[&str] = &[keyring::IDENTITY_VARIABLE];

/// The largest encrypted file, in bytes.
const LIMIT: u64 = 64 << 20;

/// Refs.
pub const REF: RefForm =
    RefForm { pattern: local_file::REF_PATTERN, example: "secrets.env.age#DATABASE_PASSWORD" };

/// Whether `path` can name a file. Does not look for it.
pub fn check_ref(path: &str) -> Result<(), String> {
    local_file::check_path(path)
}

/// A provider of encrypted files. Relative paths start from the configuration's directory, `~/` from `HOME`.
pub fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let max_work_factor = settings.integer("max_work_factor").and_then(|factor| u8::try_from(factor).ok());
    Box::new(Age {
        places: Places::of(surroundings),
        source: Source::choose(settings, surroundings),
        passphrase: passphrase::Settings {
            file: settings.path("passphrase_file").map(Into::into),
            max_work_factor: max_work_factor.unwrap_or(passphrase::DEFAULT_WORK_FACTOR),
        },
    })
}

struct Age {
    places: Places,
    source: Source,
    passphrase: passphrase::Settings,
}

impl Provider for Age {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let keyring = Keyring::new(&self.source, &self.places, &self.passphrase);
            let outcome = |document| match self.read(document, &keyring) {
                Ok(Some(document)) => Outcome::Found(document),
                Ok(None) => Outcome::Absent,
                Err(failure) => Outcome::Failed(failure),
            };
            documents.iter().map(outcome).collect()
        })
    }
}

impl Age {
    /// `None` when there is no such file.
    fn read(&self, document: &DocumentRef, keyring: &Keyring<'_>) -> Result<Option<Document>, Failure> {
        if document.version.is_some() {
            return Err(Failure {
                kind: FailureKind::Misconfigured,
                cause: "an age file has no versions".into(),
                hint: Some("remove `version`".into()),
            });
        }
        let path = self.places.locate(&document.path)?;
        let sealed = match local_file::read(&path, LIMIT) {
            Ok(sealed) => sealed,
            Err(Unreadable::Absent) => return Ok(None),
            Err(unreadable) => return Err(unreadable.failure(&path)),
        };
        let content = keyring.open(&sealed, &format!("`{}`", path.display()))?;
        let shape = shape_of(&document.path, content.expose());
        Ok(Some(Document { content, shape, version: None, lease: None }))
    }
}

#[cfg(test)]
mod tests;
