//! What an export leaves for whoever goes on with what it was lent: which credentials lie in which files of the set, and under
//! which names their backend knows the leases. No value, and no token.
//!
//! Invariant: of a document only that is left of which every secret is a file of its own, since whoever goes on has nothing but
//! the files. Its format is docs/manifest.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::calendar;
use crate::plan::{Plan, Source};
use crate::provider::{DocumentRef, Lease, Lent};
use crate::publish::{Noted, noted};
use crate::resolve::{Kept, Key, Resolved};

/// Of the format. Another one is not read.
const VERSION: u32 = 1;

/// All of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    version: u32,
    generation: String,
    leases: Vec<Loan>,
}

/// One document that was lent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Loan {
    provider: String,
    path: String,
    lease: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    renewable: bool,
    issued: String,
    /// In seconds, from then on.
    valid: u64,
    /// The file of each secret that is made of it.
    files: BTreeMap<String, String>,
}

/// The text that says which of these secrets are lent, and in which file each lies; nothing where none is.
pub(super) fn note(
    generation: &str,
    plan: &Plan<'_>,
    secrets: &[Resolved],
    place: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut loans: BTreeMap<Key<'_>, Option<Loan>> = BTreeMap::new();
    for step in &plan.steps {
        let Source::Reference(of) = &step.declaration.source else { continue };
        let name = &step.declaration.name;
        let lease =
            secrets.iter().find(|secret| secret.name == *name).and_then(|secret| secret.lease.as_ref());
        let key = (of.instance.as_str(), &of.document);
        let loan = loans.entry(key).or_insert_with(|| lease.and_then(|lease| Loan::of(key, lease)));
        match (loan.as_mut(), place(name)) {
            (Some(loan), Some(path)) if lease.is_some() => drop(loan.files.insert(name.clone(), path)),
            // It is needed, and nobody could tell what it was.
            _ => *loan = None,
        }
    }
    let leases: Vec<Loan> = loans.into_values().flatten().collect();
    let note = Note { version: VERSION, generation: generation.to_owned(), leases };
    (!note.leases.is_empty()).then(|| serde_json::to_string(&note).ok()).flatten()
}

/// What an earlier export left beside the set that lies there, and can be gone on with.
pub(super) fn left(directory: &Path) -> Vec<Kept> {
    let Some(noted) = noted(directory) else { return Vec::new() };
    let note: Option<Note> = serde_json::from_str(noted.text()).ok();
    let Some(note) = note.filter(|note| note.version == VERSION && note.generation == noted.generation())
    else {
        return Vec::new();
    };
    note.leases.into_iter().filter_map(|loan| loan.kept(&noted)).collect()
}

impl Loan {
    fn of((instance, document): Key<'_>, lease: &Lease) -> Option<Self> {
        let lent = lease.lent.as_deref()?;
        // Such a document is another with each request.
        if document.request.is_some() || document.version.is_some() {
            return None;
        }
        let ago = Instant::now().saturating_duration_since(lease.issued);
        Some(Self {
            provider: instance.to_owned(),
            path: document.path.clone(),
            lease: lent.id.clone(),
            namespace: lent.namespace.clone(),
            accessor: lent.accessor.clone(),
            renewable: lent.renewable,
            issued: calendar::rfc3339(SystemTime::now().checked_sub(ago)?),
            valid: lease.valid.as_secs(),
            files: BTreeMap::new(),
        })
    }

    fn kept(self, noted: &Noted) -> Option<Kept> {
        let Self { provider, path, lease, namespace, accessor, renewable, issued, valid, files } = self;
        let issued = calendar::parse_rfc3339(&issued)?;
        // A clock that was set back makes it new; whoever lent it knows better, and is asked first.
        let ago = SystemTime::now().duration_since(issued).unwrap_or_default();
        let now = Instant::now();
        let lent = Lent { id: lease, namespace, accessor, renewable };
        let lease = Lease {
            lent: Some(Box::new(lent)),
            issued: now.checked_sub(ago).unwrap_or(now),
            valid: Duration::from_secs(valid),
        };
        let values = files.into_iter().map(|(name, path)| Some((name, noted.content(&path)?)));
        let values = values.collect::<Option<_>>()?;
        let document = DocumentRef { path, version: None, request: None };
        Some(Kept { instance: provider, document, lease, values })
    }
}
