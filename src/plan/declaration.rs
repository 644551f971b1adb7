//! Secrets as the configuration declares them: where each comes from, and what becomes of it.

use super::field::FieldPath;
use crate::delivery::{Channel, Delivery, InvalidPath, RelativePath};
use crate::provider::DocumentRef;
use crate::scope::Scope;

/// A secret as the configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The name it is delivered under.
    pub name: String,
    /// Where the value comes from.
    pub source: Source,
    /// What to do when the backend answers that it has no such thing.
    pub when_absent: WhenAbsent,
    /// How it is laid out on disk, where it is a file of its own.
    pub delivery: Delivery,
    /// Where blind mode may send it.
    pub scope: Scope,
}

impl Declaration {
    /// The variable that says where the command of `kz run` finds its value, where that is an open file. `*_FILE`
    /// is what the official images of Docker read (<https://docs.docker.com/engine/swarm/secrets/>).
    pub fn file_variable(&self) -> Option<String> {
        (self.delivery.channel == Channel::Descriptor).then(|| format!("{}_FILE", self.name))
    }

    /// Whether it is made of this document of this provider instance.
    pub fn is_made_of(&self, instance: &str, document: &DocumentRef) -> bool {
        match &self.source {
            Source::Reference(of) => of.instance == instance && of.document == *document,
            Source::Template { .. } => false,
        }
    }

    /// Its path where it is a file of its own: what the configuration says, or its name.
    pub fn file(&self) -> Result<RelativePath, InvalidPath> {
        self.delivery.file.clone().map_or_else(|| RelativePath::new(&self.name), Ok)
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A backend.
    Reference(Reference),
    /// Other secrets of the same configuration.
    Template {
        /// The template's text.
        text: String,
        /// The secrets it names.
        inputs: Vec<String>,
    },
}

/// A value in a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The ref as the user wrote it, for messages.
    pub written: String,
    /// The provider instance, by its name in the configuration.
    pub instance: String,
    /// What to ask it for.
    pub document: DocumentRef,
    /// Which part of that is meant; all of it when `None`.
    pub field: Option<FieldPath>,
    /// How the backend's text stands for bytes.
    pub encoding: Option<Encoding>,
    /// What becomes of line breaks at the value's end.
    pub ending: Ending,
}

/// What becomes of line breaks at a value's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// They stay, and where the value becomes a part of a line, that is worth a word.
    #[default]
    Unsaid,
    /// They are meant.
    Kept,
    /// They are taken off.
    Trimmed,
}

/// How a backend's text stands for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4648 §4, padding optional, white space ignored.
    Base64,
    /// RFC 4648 §5, likewise.
    Base64Url,
    /// Two digits a byte, either case, white space ignored.
    Hex,
}

/// What *absent* means for a secret. It never covers denied, unreachable or malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenAbsent {
    /// An error.
    Fail,
    /// The secret is left out.
    Omit,
    /// This is used.
    Default(String),
}
