//! What will be read, decided without I/O: secrets are grouped by provider instance and by document.
//!
//! Invariants: one document is fetched once, however many of its fields are asked for; what a
//! template needs is fetched though it is not delivered; the order of the configuration is kept.

mod declaration;
pub mod field;
pub mod order;

use std::collections::{BTreeMap, BTreeSet};

use crate::provider::DocumentRef;
pub use declaration::{Declaration, Encoding, Ending, Reference, Source, WhenAbsent};

/// The documents to read from one provider instance, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The instance's name.
    pub instance: String,
    /// In the order of first use.
    pub documents: Vec<DocumentRef>,
}

/// Whether a value leaves kz, or is only an input of a template that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is delivered under its name.
    Delivered,
    /// It is only rendered into others.
    Input,
}

/// One secret of a plan.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The secret.
    pub declaration: &'a Declaration,
    /// Whether it is delivered.
    pub usage: Use,
}

/// What will be read, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The reads.
    pub batches: Vec<Batch>,
    /// The secrets, in the configuration's order.
    pub steps: Vec<Step<'a>>,
}

/// `--only` named a secret that the configuration does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no secret is named `{0}`")]
pub struct UnknownSecret(pub String);

impl<'a> Plan<'a> {
    /// A plan for `only` these secrets and what their templates need; for all when `only` is empty.
    pub fn new(declarations: &'a [Declaration], only: &[String]) -> Result<Self, UnknownSecret> {
        let known: BTreeSet<&str> = names(declarations).collect();
        if let Some(unknown) = only.iter().find(|name| !known.contains(name.as_str())) {
            return Err(UnknownSecret(unknown.clone()));
        }
        let wanted: BTreeSet<&str> = match only {
            [] => known,
            names => names.iter().map(String::as_str).collect(),
        };
        Ok(Self::of(declarations, &wanted))
    }

    /// A plan for `wanted`, which may be nothing, and what their templates need.
    pub fn of(declarations: &'a [Declaration], wanted: &BTreeSet<&str>) -> Self {
        let needed = with_inputs(declarations, wanted);
        let steps: Vec<Step<'a>> = declarations
            .iter()
            .filter(|declaration| needed.contains(declaration.name.as_str()))
            .map(|declaration| Step { declaration, usage: usage(wanted, declaration) })
            .collect();
        Self { batches: batches(&steps), steps }
    }

    /// The names of secrets that are read for templates alone.
    pub fn inputs(&self) -> impl Iterator<Item = &'a str> {
        let inputs = self.steps.iter().filter(|step| step.usage == Use::Input);
        inputs.map(|step| step.declaration.name.as_str())
    }

    /// What is delivered.
    pub fn delivered(&self) -> impl Iterator<Item = &'a Declaration> {
        let delivered = self.steps.iter().filter(|step| step.usage != Use::Input);
        delivered.map(|step| step.declaration)
    }
}

fn names(declarations: &[Declaration]) -> impl Iterator<Item = &str> {
    declarations.iter().map(|declaration| declaration.name.as_str())
}

fn usage(wanted: &BTreeSet<&str>, declaration: &Declaration) -> Use {
    if wanted.contains(declaration.name.as_str()) { Use::Delivered } else { Use::Input }
}

/// `wanted` and everything that its templates name, however deep.
fn with_inputs<'a>(declarations: &'a [Declaration], wanted: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let by_name: BTreeMap<&str, &Declaration> = names(declarations).zip(declarations).collect();
    let mut needed = BTreeSet::new();
    let mut open: Vec<&Declaration> =
        declarations.iter().filter(|declaration| wanted.contains(declaration.name.as_str())).collect();
    while let Some(declaration) = open.pop() {
        if !needed.insert(declaration.name.as_str()) {
            continue;
        }
        if let Source::Template { inputs, .. } = &declaration.source {
            open.extend(inputs.iter().filter_map(|name| by_name.get(name.as_str()).copied()));
        }
    }
    needed
}

fn batches(steps: &[Step<'_>]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut seen: BTreeSet<(&str, &DocumentRef)> = BTreeSet::new();
    for step in steps {
        let Source::Reference(reference) = &step.declaration.source else { continue };
        if !seen.insert((&reference.instance, &reference.document)) {
            continue;
        }
        match batches.iter_mut().find(|batch| batch.instance == reference.instance) {
            Some(batch) => batch.documents.push(reference.document.clone()),
            None => batches.push(Batch {
                instance: reference.instance.clone(),
                documents: vec![reference.document.clone()],
            }),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::field::FieldPath;
    use super::*;
    use crate::delivery::Delivery;
    use crate::scope::Scope;

    fn reference(name: &str, instance: &str, path: &str, field: &str) -> Declaration {
        let document = DocumentRef { path: path.to_owned(), version: None, request: None };
        declare(
            name,
            Source::Reference(Reference {
                written: path.to_owned(),
                instance: instance.to_owned(),
                document,
                field: FieldPath::parse(field).ok(),
                encoding: None,
                ending: Ending::Unsaid,
            }),
        )
    }

    fn template(name: &str, inputs: &[&str]) -> Declaration {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        declare(name, Source::Template { text: String::new(), inputs })
    }

    fn declare(name: &str, source: Source) -> Declaration {
        Declaration {
            name: name.to_owned(),
            source,
            when_absent: WhenAbsent::Fail,
            delivery: Delivery::default(),
            scope: Scope::default(),
        }
    }

    #[test]
    fn a_document_is_fetched_once_for_all_its_fields() {
        let all: Vec<_> = (0..100).map(|n| reference(&format!("F{n}"), "vault", "secret/db", "f")).collect();
        let plan = Plan::new(&all, &[]).unwrap();
        assert_eq!(plan.batches.len(), 1);
        assert_eq!(plan.batches[0].documents.len(), 1);
        assert_eq!(plan.steps.len(), 100);
    }

    #[test]
    fn instances_are_kept_apart_even_for_equal_paths() {
        let all = [reference("A", "vault", "p", ""), reference("B", "vault-eu", "p", "")];
        assert_eq!(Plan::new(&all, &[]).unwrap().batches.len(), 2);
    }

    #[test]
    fn what_a_template_needs_is_read_but_not_delivered() {
        let all = [
            reference("PASSWORD", "age", "a", ""),
            reference("OTHER", "age", "b", ""),
            template("DSN", &["PASSWORD"]),
            template("OUTER", &["DSN"]),
        ];
        let plan = Plan::new(&all, &["OUTER".to_owned()]).unwrap();
        let steps: Vec<_> = plan.steps.iter().map(|s| (s.declaration.name.as_str(), s.usage)).collect();
        assert_eq!(steps, [("PASSWORD", Use::Input), ("DSN", Use::Input), ("OUTER", Use::Delivered)]);
        assert_eq!(plan.batches[0].documents.len(), 1);
    }

    #[test]
    fn an_unknown_name_is_said() {
        assert_eq!(Plan::new(&[], &["X".to_owned()]).unwrap_err(), UnknownSecret("X".to_owned()));
    }
}
