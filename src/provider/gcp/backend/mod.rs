//! Asks Secret Manager: for an identity first, and then for each version by itself, since there is no batch call.
//!
//! Invariants: nothing is read or contacted before a document is asked for; an identity is got once; the first version
//! of a location goes alone and the rest when its connection stands; versions that several refs mean are read once;
//! a value whose checksum is wrong is asked for once more, and then is an error.

mod answer;
mod assertion;
mod checksum;
mod credentials;
mod identity;
mod metadata;
mod names;
mod place;
mod source;
mod trouble;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join, join_all};
use tokio::sync::OnceCell;

use crate::provider::settings::Settings;
use crate::provider::warm_up::warm_up;
use crate::provider::{DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings, Terms};

use super::resource::{Home, Resource, grouped, resource};
use place::{Identity, Place};
use source::{Opener, Source};
use wire::Wire;

/// A provider of the secrets that one identity may read.
pub(super) fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Gcp {
        opener: Opener::of(settings, surroundings),
        terms: surroundings.terms(),
        begun: OnceCell::new(),
        identity: OnceCell::new(),
        project: OnceCell::new(),
        places: Mutex::default(),
    })
}

struct Gcp {
    opener: Opener,
    terms: Terms,
    begun: OnceCell<Result<Begun, Failure>>,
    identity: OnceCell<Result<Identity, Failure>>,
    /// Of refs that are a name only; looked for where there is one.
    project: OnceCell<Result<String, Failure>>,
    places: Mutex<BTreeMap<Option<String>, Arc<Place>>>,
}

/// What an identity is got with.
struct Begun {
    source: Source,
    wire: Wire,
}

impl Provider for Gcp {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef]) -> Fetch<'a> {
        Box::pin(async move {
            let read: Vec<Result<Resource, Failure>> = documents.iter().map(read).collect();
            let short = read.iter().flatten().any(|resource| resource.project.is_none());
            let (identity, home) = match self.open(short).await {
                Ok(opened) => opened,
                Err(failure) => return vec![Outcome::Failed(failure); documents.len()],
            };
            let mut outcomes: Vec<Outcome> = vec![Outcome::Absent; documents.len()];
            let mut resources = Vec::new();
            for (place, resource) in read.into_iter().enumerate() {
                match resource.and_then(|resource| at_home(resource, &home)) {
                    Ok(resource) => resources.push((place, resource)),
                    Err(failure) => outcomes[place] = Outcome::Failed(failure),
                }
            }
            for (places, outcome) in self.read(identity, grouped(resources.into_iter())).await {
                for place in places {
                    outcomes[place] = outcome.clone();
                }
            }
            outcomes
        })
    }
}

/// The project and location of short names, where there are any.
type AtHome = Result<(Option<String>, Option<String>), Failure>;
/// What became of the documents in these places of the batch.
type Told = (Vec<usize>, Outcome);

impl Gcp {
    /// An identity, and what belongs to short names, asked for at the same time.
    async fn open(&self, short: bool) -> Result<(&Identity, AtHome), Failure> {
        let begun = self.begun.get_or_init(|| async { self.begin() }).await;
        let Begun { source, wire } = begun.as_ref().map_err(Clone::clone)?;
        let identity = self.identity.get_or_init(|| async {
            let token = self.opener.token(source, wire).await?;
            Identity::new(&token, self.opener.quota_project(source), &source.to_string())
        });
        let home = async {
            if !short {
                return Ok((None, None));
            }
            let project = self.project.get_or_init(|| self.opener.project(source, wire)).await.clone()?;
            Ok((Some(project), self.opener.location()?.map(str::to_owned)))
        };
        let (identity, home) = join(identity, home).await;
        Ok((identity.as_ref().map_err(Clone::clone)?, home))
    }

    fn begin(&self) -> Result<Begun, Failure> {
        let source = self.opener.choose()?;
        let proxies = self.opener.way.proxies.clone();
        Ok(Begun { source, wire: Wire::new(self.opener.roots()?, proxies, &self.terms) })
    }

    /// Every version, in every location at once.
    async fn read(&self, identity: &Identity, asked: Vec<(Resource, Vec<usize>)>) -> Vec<Told> {
        let mut locations: BTreeMap<Option<String>, Vec<(Resource, Vec<usize>)>> = BTreeMap::new();
        for (resource, places) in asked {
            locations.entry(resource.location.clone()).or_default().push((resource, places));
        }
        let reads = locations.into_iter().map(|(location, asked)| async move {
            match self.place(identity, location.as_deref()) {
                Ok(place) => read_at(&place, asked).await,
                Err(failure) => {
                    asked.into_iter().map(|(_, places)| (places, Outcome::Failed(failure.clone()))).collect()
                }
            }
        });
        join_all(reads).await.concat()
    }

    fn place(&self, identity: &Identity, location: Option<&str>) -> Result<Arc<Place>, Failure> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get(&location.map(str::to_owned)) {
            return Ok(Arc::clone(known));
        }
        let client = wire::open(
            self.opener.address(location)?,
            self.opener.roots()?,
            self.opener.way.proxies.clone(),
            (self.opener.way.largest_reply, self.opener.way.bodies.clone()),
        )?;
        let place = Arc::new(Place::new(client, identity.clone(), &self.terms));
        places.insert(location.map(str::to_owned), Arc::clone(&place));
        Ok(place)
    }
}

/// What the configuration let through can be read.
fn read(document: &DocumentRef) -> Result<Resource, Failure> {
    resource(document)
        .map_err(|invalid| Failure::misconfigured(format!("a Secret Manager ref {invalid}"), "correct `ref`"))
}

fn at_home(resource: Resource, home: &AtHome) -> Result<Resource, Failure> {
    if resource.project.is_some() {
        return Ok(resource);
    }
    let (project, location) = home.as_ref().map_err(Clone::clone)?;
    Ok(resource.at(Home { project: project.as_deref(), location: location.as_deref() }))
}

/// The first alone until a connection stands, then all others.
async fn read_at(place: &Place, asked: Vec<(Resource, Vec<usize>)>) -> Vec<Told> {
    let Some((first, rest)) = asked.split_first() else { return Vec::new() };
    let others = join_all(rest.iter().map(|(resource, _)| place.read(resource)));
    // When the deadline has come for the first, no other would fare better.
    let hopeless = |outcome: &Outcome| {
        matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Unreachable, .. }))
    };
    let (first, others) = warm_up(place.read(&first.0), place.stands(), others, hopeless).await;
    let others = others.unwrap_or_else(|| vec![first.clone(); rest.len()]);
    let outcomes = std::iter::once(first).chain(others);
    asked.into_iter().map(|(_, places)| places).zip(outcomes).collect()
}
