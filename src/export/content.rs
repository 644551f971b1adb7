//! What one file holds, ready for values: a form of all secrets, or a template of those that it names.
//!
//! Invariant: a template is read and checked by [`Content::open`], before a backend is asked.

use std::path::Path;

use crate::config::output::Content as Written;
use crate::output::env;
use crate::output::form::Form;
use crate::output::json;
use crate::output::{Item, Unencodable};
use crate::plan::Declaration;
use crate::resolve::Resolved;
use crate::secret::Secret;

use super::error::{Error, Instead};
use super::template::FileTemplate;

/// The content of one file.
#[derive(Debug)]
pub enum Content {
    /// A form of all secrets.
    Form(Form),
    /// A template of those that it names.
    Template(FileTemplate),
}

impl Content {
    /// Reads what has to be read of this machine. Templates are relative to `base`, and name these secrets.
    pub fn open(written: &Written, base: &Path, declarations: &[Declaration]) -> Result<Self, Error> {
        Ok(match written {
            Written::Form(form) => Self::Form(*form),
            Written::Template(file) => Self::Template(FileTemplate::read(base.join(file), declarations)?),
        })
    }

    /// The secrets that it names, where it does not hold all.
    pub fn names(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::Form(_) => None,
            Self::Template(template) => Some(template.names()),
        }
    }

    /// Whether a secret of this name can stand in it.
    pub(super) fn needs(&self, name: &str) -> bool {
        match self {
            Self::Form(_) => true,
            Self::Template(template) => template.needs(name),
        }
    }

    /// Whether the line break at the end of this secret's value becomes a part of a line.
    pub fn takes_line_break(&self, name: &str) -> bool {
        match self {
            Self::Form(form) => form.is_of_lines(),
            Self::Template(template) => template.takes_line_break(name),
        }
    }

    /// Its bytes with these values; or every secret that it cannot hold.
    pub fn make(&self, secrets: &[Resolved]) -> Result<Secret, Error> {
        match self {
            Self::Form(form) => encode(*form, secrets),
            Self::Template(template) => template.render(secrets),
        }
    }
}

fn encode(form: Form, secrets: &[Resolved]) -> Result<Secret, Error> {
    let item = |secret: &Resolved| Item { name: secret.name.clone(), value: secret.value.clone() };
    let items: Vec<Item> = secrets.iter().map(item).collect();
    let refused = |refusals: Vec<Unencodable>| Error::DoesNotFit { refusals, instead: instead(form, &items) };
    form.encode(&items).map_err(refused)
}

/// What carries that which this form does not.
fn instead(form: Form, items: &[Item]) -> Instead {
    match form {
        Form::Env(_) => Instead::Dialects(env::carriers(items)),
        Form::Shell(_) => Instead::Files,
        Form::Json(json::Bytes::Refuse) => Instead::MarkedBytes,
        Form::Json(json::Bytes::Base64) => Instead::Nothing,
    }
}
