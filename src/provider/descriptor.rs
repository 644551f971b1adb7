//! What kz knows of a provider before using it, as data: names, what its section takes, what refs look like, what asking
//! comes to, and how it is built.
//!
//! Invariant: everything that is built speaks through [`Discreet`], so that no provider repeats a credential.

use super::discreet::{Discreet, Suspects};
use super::forecast::{Forecast, Foresee};
use super::settings::{RefForm, Setting, Settings};
use super::{DocumentRef, Provider, Surroundings};
use crate::literal;

/// Builds an instance from its checked settings, without I/O.
pub type Build = fn(&Settings, &dyn Surroundings) -> Box<dyn Provider>;

/// Says what is wrong with a ref and the version beside it, if anything is.
pub type CheckDocument = fn(&DocumentRef) -> Result<(), String>;

/// What kz knows of a provider before using it.
#[derive(Debug)]
pub struct Descriptor {
    /// The name in `provider = "…"`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// The keys of its section.
    pub settings: &'static [Setting],
    /// Variables that hold a credential of kz's own: `kz run` takes them out of CMD's environment.
    pub credential_variables: &'static [&'static str],
    /// What says where the backend is.
    pub address: Option<Address>,
    /// Whether a ref without `#field` ends in the field.
    pub last_segment: LastSegment,
    /// What refs look like.
    pub ref_form: RefForm,
    /// Whether a ref, without its field, can be right. The words say what is wrong with it.
    pub check_ref: fn(&str) -> Result<(), String>,
    /// Whether such a ref and the `version` beside it go together, where that can be told. The words say what is wrong.
    pub check_document: Option<CheckDocument>,
    /// Whether such a document may be made of a `request`; nothing where the provider takes none. The words say what is wrong.
    pub check_request: Option<CheckDocument>,
    /// What asking it will come to.
    pub foresee: Foresee,
    /// `None`: not in this version.
    pub build: Option<Build>,
}

/// Where a backend is, said in two places.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The setting.
    pub setting: &'static str,
    /// The setting that takes several instead.
    pub several: Option<&'static str>,
    /// The variables: of each group the first that is set counts, also where it is set to nothing.
    pub variables: &'static [&'static [&'static str]],
    /// Settings that name a section's own credentials, so that the environment's are not used.
    pub credentials: &'static [&'static str],
}

/// What the last segment of a ref's path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastSegment {
    /// Part of the path.
    Path,
    /// The field, when none is named otherwise.
    Field,
}

impl Descriptor {
    /// An instance, or nothing where this build of kz has it not.
    pub fn instance(
        &self,
        settings: &Settings,
        surroundings: &dyn Surroundings,
    ) -> Option<Box<dyn Provider>> {
        let suspects = || Suspects::of(settings, surroundings);
        self.build.map(|build| -> Box<dyn Provider> {
            Box::new(Discreet::new(build(settings, surroundings), suspects()))
        })
    }

    /// Whether everything that it reads is on this machine: then nothing has an address.
    pub fn is_local(&self) -> bool {
        self.address.is_none()
    }

    /// What asking an instance for these documents will come to. Nothing is read or contacted.
    pub fn forecast(
        &self,
        settings: &Settings,
        documents: &[DocumentRef],
        surroundings: &dyn Surroundings,
    ) -> Forecast {
        let mut forecast = (self.foresee)(settings, documents, surroundings);
        let suspects = Suspects::of(settings, surroundings);
        forecast.notes.iter_mut().for_each(|note| *note = suspects.hide(note));
        // A policy in which something else stood for a ref would allow something else.
        if documents.iter().any(|document| literal::reference(&document.path) != document.path) {
            forecast.policy = None;
            forecast.notes.push(
                "a ref looks like a credential: it is not repeated, and no policy is made of it".to_owned(),
            );
        }
        if self.build.is_none() {
            forecast.notes.push(format!("the provider `{}` is not built into this version of kz", self.name));
        }
        forecast
    }
}
