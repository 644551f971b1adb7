//! Refs whose last segment was taken for a field, where it is the document's own: `secret/data/db/url` may mean
//! the document `secret/data/db` or, when that is not there, `secret/data/db/url`.
//!
//! Nothing is guessed: the longer document is read so that the error can say which ref to write, and only where
//! the backend answered plainly that the shorter one is absent, which no engine does that would make a credential.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::plan::{Declaration, Plan, Reference, Source, WhenAbsent};
use crate::provider::{Ask, DocumentRef, Outcome};

use super::documents::Documents;
use super::field::Fields;
use super::{Providers, fetch};

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
pub(super) async fn look(
    plan: &Plan<'_>,
    providers: &Providers,
    ask: &Ask,
    documents: &Documents<'_>,
) -> Longer {
    let mut batches: BTreeMap<&str, Vec<DocumentRef>> = BTreeMap::new();
    for reference in plan.steps.iter().filter_map(|step| candidate(step.declaration)) {
        if documents.is_plainly_absent(reference) {
            let version = reference.document.version.clone();
            let document = DocumentRef { path: reference.written.clone(), version, request: None };
            let batch = batches.entry(&reference.instance).or_default();
            if !batch.contains(&document) {
                batch.push(document);
            }
        }
    }
    let asked = batches.iter().filter_map(|(instance, documents)| {
        let provider = providers.get(*instance)?.as_ref().ok()?;
        Some(async move { (*instance, documents, fetch(&**provider, documents, ask).await) })
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
    // What is made of a `request` is made, and not looked for.
    let required = declaration.when_absent == WhenAbsent::Fail && reference.document.request.is_none();
    (required && reference.field.is_some() && !rest.contains(['/', '#'])).then_some(reference)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::delivery::Delivery;
    use crate::patience::testing::{Virtual, run};
    use crate::plan::Ending;
    use crate::plan::field::FieldPath;
    use crate::provider::{Absence, Document, Fetch, Lease, Provider, Shape};
    use crate::resolve::{Failed, Resolved, resolve};
    use crate::scope::Scope;
    use crate::secret::Secret;

    /// A backend with one document, lent for an hour, at `kv/db/url`, and a path that is no KV's.
    #[derive(Clone, Default)]
    struct Store(Arc<Mutex<Vec<String>>>);

    impl Provider for Store {
        fn fetch<'a>(&'a self, documents: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
            let outcome = |document: &DocumentRef| match document.path.as_str() {
                "kv/db/url" => Outcome::Found(Document {
                    content: Secret::new(br#"{"value":"v","other":"o"}"#.to_vec()),
                    shape: Shape::Json,
                    version: None,
                    lease: Some(Lease::of_change(Instant::now(), Duration::from_hours(1))),
                }),
                "engine/creds" => {
                    Outcome::AbsentBecause(Absence { cause: "no engine".to_owned(), hint: None })
                }
                _ => Outcome::Absent,
            };
            self.0.lock().unwrap().extend(documents.iter().map(|document| document.path.clone()));
            Box::pin(std::future::ready(documents.iter().map(outcome).collect()))
        }
    }

    /// A secret whose ref ends in its field.
    fn declare(written: &str, when_absent: WhenAbsent) -> Declaration {
        let (path, field) = written.rsplit_once(['/', '#']).unwrap();
        let source = Source::Reference(Reference {
            written: written.to_owned(),
            instance: "store".to_owned(),
            document: DocumentRef { path: path.to_owned(), version: None, request: None },
            field: FieldPath::parse(field).ok(),
            encoding: None,
            ending: Ending::Unsaid,
        });
        let (delivery, scope) = (Delivery::default(), Scope::default());
        Declaration { name: "S".to_owned(), source, when_absent, delivery, scope }
    }

    /// What the declarations come to, and what was asked for.
    fn ask(declarations: &[Declaration]) -> (Result<Vec<Resolved>, Vec<Failed>>, Vec<String>) {
        let store = Store::default();
        let provider: Box<dyn Provider> = Box::new(store.clone());
        let providers = BTreeMap::from([("store".to_owned(), Ok(provider))]);
        let plan = Plan::new(declarations, &[]).unwrap();
        let ask = Ask { patience: Virtual::of_replies().patience(60, 1.0), ..Ask::default() };
        let result = run(resolve(&plan, Vec::new(), &providers, &ask));
        let result = result.map(|resolution| resolution.secrets).map_err(|failures| failures.0);
        let asked = store.0.lock().unwrap().clone();
        (result, asked)
    }

    #[test]
    fn a_document_that_was_taken_for_a_field_is_found_for_the_error() {
        let (result, asked) = ask(&[declare("kv/db/url", WhenAbsent::Fail)]);
        let failed = result.unwrap_err().remove(0);
        assert_eq!(failed.cause, "`kv/db` is not there, but `kv/db/url` is a document with `other`, `value`");
        assert_eq!(failed.hint.unwrap().to_string(), "write `kv/db/url#other`, with the field that you mean");
        assert_eq!(asked, ["kv/db", "kv/db/url"]);
    }

    #[test]
    fn nothing_more_is_asked_where_it_would_change_no_error_or_could_make_a_credential() {
        let omit = || WhenAbsent::Omit;
        for (declaration, asked) in [
            (declare("kv/x/url", omit()), vec!["kv/x"]),
            (declare("kv/x#url", WhenAbsent::Fail), vec!["kv/x"]),
            (declare("engine/creds/app", WhenAbsent::Fail), vec!["engine/creds"]),
            (declare("kv/x/url", WhenAbsent::Fail), vec!["kv/x", "kv/x/url"]),
        ] {
            assert_eq!(ask(&[declaration]).1, asked);
        }
    }

    #[test]
    fn a_lease_goes_with_the_value_and_with_templates_of_it() {
        let mut template = declare("kv/db/url#value", WhenAbsent::Fail);
        template.name = "T".to_owned();
        template.source = Source::Template { text: "{{ S }}".to_owned(), inputs: vec!["S".to_owned()] };
        let (result, _) = ask(&[declare("kv/db/url#value", WhenAbsent::Fail), template]);
        let leases: Vec<_> = result.unwrap().into_iter().map(|secret| secret.lease.unwrap().valid).collect();
        assert_eq!(leases, [Duration::from_hours(1); 2]);
    }
}
