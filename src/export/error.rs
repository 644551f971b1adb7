//! Why an export changes nothing, as data: `cli/report` has the words.

use std::path::PathBuf;

use crate::config::trust;
use crate::delivery::InvalidPath;
use crate::output::Unencodable;
use crate::output::env::Dialect;
use crate::publish;
use crate::resolve::template::TemplateError;

/// Why nothing is written.
#[derive(Debug)]
pub enum Error {
    /// Templates are wrong, or values do not fit them.
    Templates {
        /// At least one.
        faults: Vec<BadTemplate>,
        /// The names of all secrets, where a template names what is none.
        known: Vec<String>,
    },
    /// Values do not fit the form.
    DoesNotFit {
        /// At least one.
        refusals: Vec<Unencodable>,
        /// What carries them.
        instead: Instead,
    },
    /// An owner's name is not known here.
    UnknownOwner(String),
    /// A secret cannot be a file by its name.
    NotAFile {
        /// The secret.
        name: String,
        /// Which rule it breaks.
        error: InvalidPath,
    },
    /// The target could not be written.
    Publish(publish::Error),
}

/// Why a template cannot be used.
#[derive(Debug)]
pub enum BadTemplate {
    /// The file cannot be read, or is not to be trusted.
    File(trust::Error),
    /// No values could make it render.
    Text(PathBuf, TemplateError),
    /// It names what is no secret.
    Unknown {
        /// The template.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What it names.
        name: String,
    },
    /// These values do not fit.
    Value(PathBuf, TemplateError),
}

/// What carries that which a form does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The same form in these dialects; another form where there is none.
    Dialects(Vec<Dialect>),
    /// The same form, with bytes marked.
    MarkedBytes,
    /// A file for each secret.
    Files,
    /// One of an output's own settings.
    Settings,
    /// The form itself carries any value: a name is what does not fit.
    Nothing,
}

impl From<publish::Error> for Error {
    fn from(error: publish::Error) -> Self {
        Self::Publish(error)
    }
}
