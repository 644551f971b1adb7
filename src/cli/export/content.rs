//! What one file holds: a form of all secrets, or a template of those that it names.
//!
//! Invariant: a template is read and checked by [`Content::open`], before a backend is asked.

use std::path::PathBuf;

use crate::plan::Plan;
use crate::resolve::Resolved;
use crate::secret::Secret;

use super::super::session::Session;
use super::Failure;
use super::form::Form;
use super::template::Loaded;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A form.
    Form(Form),
    /// The template in this file.
    Template(PathBuf),
}

/// The same, ready for values.
#[derive(Debug)]
pub(super) enum Content {
    /// A form.
    Form(Form),
    /// A template.
    Template(Loaded),
}

impl Content {
    /// Reads what has to be read of this machine.
    pub(super) fn open(kind: Kind, session: &Session<'_>) -> Result<Self, Failure> {
        Ok(match kind {
            Kind::Form(form) => Self::Form(form),
            Kind::Template(path) => Self::Template(Loaded::read(path, session)?),
        })
    }

    /// Whether a secret of this name can stand in it.
    pub(super) fn needs(&self, name: &str) -> bool {
        match self {
            Self::Form(_) => true,
            Self::Template(template) => template.needs(name),
        }
    }

    /// Whether the line break at the end of this secret's value becomes a part of a line.
    pub(super) fn takes_line_break(&self, name: &str) -> bool {
        match self {
            Self::Form(form) => form.is_of_lines(),
            Self::Template(template) => template.takes_line_break(name),
        }
    }

    /// What has to be read for it alone; of a form, `only` these secrets or all.
    pub(super) fn plan<'s>(&self, session: &'s Session<'_>, only: &[String]) -> Result<Plan<'s>, Failure> {
        match self {
            Self::Form(_) => session.plan(only),
            Self::Template(template) => {
                Ok(Plan::of(&session.loaded.config.declarations, &template.names().collect()))
            }
        }
    }

    /// Its bytes with these values.
    pub(super) fn make(&self, secrets: &[Resolved]) -> Result<Secret, Failure> {
        match self {
            Self::Form(form) => form.encode(secrets),
            Self::Template(template) => template.render(secrets),
        }
    }
}
