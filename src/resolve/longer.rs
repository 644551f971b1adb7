//! Refs whose last segment was taken for a field, where it is the document's own: `secret/data/db/url` may mean
//! the document `secret/data/db` or, when that is not there, `secret/data/db/url`.
//!
//! Nothing is guessed: the longer document is read so that the error can say which ref to write, and only where
//! the backend answered plainly that the shorter one is absent, which no engine does that would make a credential.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::plan::{Declaration, Plan, Reference, Source, WhenAbsent};
use crate::provider::{DocumentRef, Outcome};

use super::Providers;
use super::field::Fields;
use super::value::Documents;

/// The names of the fields of documents that lie one segment further down, by instance and ref.
#[derive(Debug, Default)]
pub(super) struct Longer(BTreeMap<(String, String), Vec<String>>);

impl Longer {
    /// The names of its fields, when `reference` names a document as a whole.
    pub(super) fn fields(&self, reference: &Reference) -> Option<&[String]> {
        let key = (reference.instance.clone(), reference.written.clone());
        self.0.get(&key).map(Vec::as_slice)
    }
}

/// Looks one segment further down for every required secret whose document is plainly absent.
pub(super) async fn look(plan: &Plan<'_>, providers: &Providers<'_>, documents: &Documents<'_>) -> Longer {
    let mut batches: BTreeMap<&str, Vec<DocumentRef>> = BTreeMap::new();
    for reference in plan.steps.iter().filter_map(|step| candidate(step.declaration)) {
        if documents.is_plainly_absent(reference) {
            let version = reference.document.version.clone();
            let document = DocumentRef { path: reference.written.clone(), version };
            let batch = batches.entry(&reference.instance).or_default();
            if !batch.contains(&document) {
                batch.push(document);
            }
        }
    }
    let asked = batches.iter().filter_map(|(instance, documents)| {
        let provider = providers.get(*instance)?.as_ref().ok()?;
        Some(async move { (*instance, documents, provider.fetch(documents).await) })
    });
    let mut longer = Longer::default();
    for (instance, documents, outcomes) in join_all(asked).await {
        for (document, outcome) in documents.iter().zip(outcomes) {
            if let Outcome::Found(found) = outcome
                && let Ok(fields) = Fields::of(&found)
            {
                longer.0.insert((instance.to_owned(), document.path.clone()), fields.names());
            }
        }
    }
    longer
}

/// A required secret whose field is the last segment of its ref.
fn candidate(declaration: &Declaration) -> Option<&Reference> {
    let Source::Reference(reference) = &declaration.source else { return None };
    let rest = reference.written.strip_prefix(&reference.document.path)?.strip_prefix('/')?;
    let required = declaration.when_absent == WhenAbsent::Fail;
    (required && reference.field.is_some() && !rest.contains(['/', '#'])).then_some(reference)
}
