//! Opens encrypted files.
//!
//! Invariants: nothing of a document is released before all of it is authenticated; identities are read
//! when a document needs one, once per batch, and `build` reads no file at all; no plugin is run and nothing
//! is asked of a terminal. Identities: X25519, hybrid post-quantum, ssh-ed25519, ssh-rsa, and passphrases.

mod hybrid;
mod identity;
mod keyring;
mod passphrase;
mod sealed;

use crate::hint::said;
use crate::provider::local_file::{Places, quoted};
use crate::provider::settings::Settings;
use crate::provider::shape::shape_of;
use crate::provider::{
    Ask, Document, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings,
};
use keyring::{IdentitySource, Keyring};

/// A provider of encrypted files. Relative paths start from the configuration's directory, `~/` from `HOME`.
pub fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    let max_work_factor = settings.integer("max_work_factor").and_then(|factor| u8::try_from(factor).ok());
    Box::new(Age {
        places: Places::of(surroundings),
        source: IdentitySource::choose(settings, surroundings),
        passphrase: passphrase::Settings {
            file: settings.path("passphrase_file").map(Into::into),
            max_work_factor: max_work_factor.unwrap_or(passphrase::DEFAULT_WORK_FACTOR),
        },
    })
}

struct Age {
    places: Places,
    source: IdentitySource,
    passphrase: passphrase::Settings,
}

impl Provider for Age {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let keyring = Keyring::new(&self.source, self.places.reader(ask), &self.passphrase);
            let outcome = |document| match self.read(document, &keyring) {
                Ok(outcome) => outcome,
                Err(failure) => Outcome::Failed(failure),
            };
            documents.iter().map(outcome).collect()
        })
    }
}

impl Age {
    fn read(&self, document: &DocumentRef, keyring: &Keyring<'_>) -> Result<Outcome, Failure> {
        if document.version.is_some() {
            return Err(Failure {
                kind: FailureKind::Misconfigured,
                cause: "an age file has no versions".into(),
                hint: said("remove `version`"),
            });
        }
        let path = self.places.locate(&document.path)?;
        let sealed = match self.places.document(&path) {
            Ok(sealed) => sealed,
            Err(outcome) => return Ok(outcome),
        };
        let content = keyring.open(&sealed, &quoted(&path))?;
        let shape = shape_of(&document.path, content.expose());
        Ok(Outcome::Found(Document { content, shape, version: None, lease: None }))
    }
}

#[cfg(test)]
mod tests;
