//! What an earlier export was lent and wrote, and still lies there: its values are known, and its document is not.
//!
//! Invariant: it stands for a document only where it has a value for every secret that the plan makes of that.

use std::collections::BTreeMap;
use std::fmt;

use crate::plan::Plan;
use crate::provider::{DocumentRef, Lease};
use crate::secret::Secret;

use super::documents::Key;

/// A document that was lent.
#[derive(Clone)]
pub struct Kept {
    /// The provider instance that lent it.
    pub instance: String,
    /// Which document it is.
    pub document: DocumentRef,
    /// Until when it is valid.
    pub lease: Lease,
    /// The values that were made of it, by the secret's name.
    pub values: BTreeMap<String, Secret>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Kept({} {})", self.instance, self.document.path)
    }
}

impl Kept {
    /// The document, as the plan has it, where everything that the plan makes of it has its value here.
    pub fn key_in<'p>(&self, plan: &'p Plan<'_>) -> Option<Key<'p>> {
        let batch = plan.batches.iter().find(|batch| batch.instance == self.instance)?;
        let document = batch.documents.iter().find(|document| **document == self.document)?;
        let all = plan.steps.iter().map(|step| step.declaration);
        let mut made = all.filter(|one| one.is_made_of(&self.instance, &self.document));
        made.all(|one| self.values.contains_key(&one.name)).then_some((batch.instance.as_str(), document))
    }
}
