//! One output of a set: which secrets it needs, which files it becomes, and what is in them.
//!
//! What can be refused without a backend is refused by [`Part::new`].

use std::collections::{BTreeMap, BTreeSet};

use crate::config::output::{self, Output};
use crate::output::{Refusal, json};
use crate::plan::Declaration;
use crate::publish::{Attributes, File, InvalidPath, RelativePath};
use crate::resolve::Resolved;

use super::super::session::Session;
use super::form::Form;
use super::template_file::TemplateFile;
use super::{Failure, parse_owner};

/// One output, ready to be filled.
pub(super) struct Part<'a> {
    output: &'a Output,
    attributes: Attributes,
    making: Making<'a>,
}

/// How its content comes about.
enum Making<'a> {
    /// Each secret is a file, by the secret's name.
    Files(BTreeMap<&'a str, (RelativePath, Attributes)>),
    /// All are in one file.
    Form(RelativePath, Form),
    /// Those that it names are in one file.
    Template(RelativePath, TemplateFile),
}

/// A file of the set, and what messages call it.
pub(super) struct Piece {
    pub name: String,
    pub file: File,
}

impl<'a> Part<'a> {
    /// The output with its template read, and names and owners checked; `attributes` are those of a file of which
    /// the configuration says nothing.
    pub(super) fn new(
        output: &'a Output,
        session: &'a Session<'_>,
        attributes: Attributes,
    ) -> Result<Self, Failure> {
        let owner = output.owner.as_deref().map(parse_owner).transpose()?.or(attributes.owner);
        let attributes = Attributes { mode: output.mode.unwrap_or(attributes.mode), owner };
        Ok(Self { output, attributes, making: making(output, session, attributes)? })
    }

    /// The secrets that it needs.
    pub(super) fn names(&self, declarations: &'a [Declaration]) -> BTreeSet<&'a str> {
        let has = |name: &str| match &self.making {
            Making::Template(_, template) => template.inputs.iter().any(|input| input == name),
            Making::Files(_) | Making::Form(..) => self.output.has(name),
        };
        declarations.iter().map(|declaration| declaration.name.as_str()).filter(|name| has(name)).collect()
    }

    /// The files that it becomes when every secret is there.
    pub(super) fn files(&self) -> Vec<(&RelativePath, Attributes)> {
        match &self.making {
            Making::Files(places) => places.values().map(|(path, owned)| (path, *owned)).collect(),
            Making::Form(path, _) | Making::Template(path, _) => vec![(path, self.attributes)],
        }
    }

    /// Its files with these values.
    pub(super) fn make(&self, secrets: &[Resolved]) -> Result<Vec<Piece>, Failure> {
        let (path, content) = match &self.making {
            Making::Files(places) => {
                return Ok(secrets.iter().filter_map(|secret| own_file(secret, places)).collect());
            }
            Making::Form(path, form) => (path, form.encode(&self.only(secrets))?),
            Making::Template(path, template) => (path, template.render(path, secrets)?),
        };
        let file = File { path: path.clone(), content, attributes: self.attributes, origin: None };
        Ok(vec![Piece { name: path.to_string(), file }])
    }

    fn only(&self, secrets: &[Resolved]) -> Vec<Resolved> {
        secrets.iter().filter(|secret| self.output.has(&secret.name)).cloned().collect()
    }

    /// Refusals of this output among those of others.
    pub(super) fn name_in(&self, refusals: Vec<Refusal>) -> impl Iterator<Item = Refusal> {
        let path = self.output.path.as_ref().map(ToString::to_string).unwrap_or_default();
        refusals
            .into_iter()
            .map(move |Refusal { name, reason }| Refusal { name: format!("{name} in `{path}`"), reason })
    }
}

fn own_file(secret: &Resolved, places: &BTreeMap<&str, (RelativePath, Attributes)>) -> Option<Piece> {
    let (path, attributes) = places.get(secret.name.as_str())?.clone();
    let (content, origin) = (secret.value.clone(), secret.origin.clone());
    Some(Piece { name: secret.name.clone(), file: File { path, content, attributes, origin } })
}

/// How the content of an output comes about.
fn making<'a>(
    output: &Output,
    session: &'a Session<'_>,
    attributes: Attributes,
) -> Result<Making<'a>, Failure> {
    let declarations = &session.loaded.config.declarations;
    Ok(match (&output.form, output.path.clone()) {
        (output::Form::Files, _) | (_, None) => Making::Files(places(output, declarations, attributes)?),
        (output::Form::Env { dialect }, Some(path)) => Making::Form(path, env(dialect.as_deref())?),
        (output::Form::Json { marks_bytes }, Some(path)) => Making::Form(path, json(*marks_bytes)),
        (output::Form::Shell { .. }, Some(_)) => return later("format = \"shell\""),
        (output::Form::Template { file }, Some(path)) => {
            Making::Template(path, TemplateFile::read(&session.loaded.base().join(file), declarations)?)
        }
    })
}

fn env(dialect: Option<&str>) -> Result<Form, Failure> {
    match dialect {
        None | Some("common") => Ok(Form::Env),
        Some(dialect) => later(&format!("dialect = \"{dialect}\"")),
    }
}

fn json(marks_bytes: bool) -> Form {
    Form::Json(if marks_bytes { json::Bytes::Base64 } else { json::Bytes::Refuse })
}

/// Where each secret's own file goes, and whose it is.
fn places<'a>(
    output: &Output,
    declarations: &'a [Declaration],
    attributes: Attributes,
) -> Result<BTreeMap<&'a str, (RelativePath, Attributes)>, Failure> {
    let mut places = BTreeMap::new();
    for declaration in declarations.iter().filter(|declaration| output.has(&declaration.name)) {
        let (name, delivery) = (&declaration.name, &declaration.delivery);
        let path = output.file_of(declaration).map_err(|error| not_a_file(name, error))?;
        let owner = delivery.owner.as_deref().map(parse_owner).transpose()?.or(attributes.owner);
        let own = Attributes { mode: delivery.mode.unwrap_or(attributes.mode), owner };
        places.insert(name.as_str(), (path, own));
    }
    Ok(places)
}

/// A part of a later version.
fn later<T>(what: &str) -> Result<T, Failure> {
    let message = format!("`{what}` of `[[outputs]]` is not built into this version of kz");
    Err(Failure::Usage(message, "`kz --version` says which one this is".to_owned()))
}

fn not_a_file(name: &str, error: InvalidPath) -> Failure {
    Failure::Usage(format!("`{name}` cannot be a file: {error}"), "give it a `file`".to_owned())
}
