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
mod identity_source;
mod metadata;
mod names;
mod place;
mod trouble;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join, join_all};
use tokio::sync::OnceCell;

use crate::provider::remote::held::{Got, Held};
use crate::provider::remote::warm_up::warm_up;
use crate::provider::settings::Settings;
use crate::provider::{
    Ask, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings, Terms,
};

use super::resource::{Home, Resource, grouped, resource};
use identity::Token;
use identity_source::Opener;
use place::{Identity, Place};
use wire::Wire;

/// A provider of the secrets that one identity may read.
pub(super) fn build(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Gcp {
        opener: Opener::of(settings, surroundings),
        terms: surroundings.terms(),
        wire: Held::default(),
        identity: Held::default(),
        project: Held::default(),
        places: Mutex::default(),
    })
}

struct Gcp {
    opener: Opener,
    terms: Terms,
    /// What an identity is got with.
    wire: Held<Arc<Wire>>,
    identity: Held<Identity>,
    /// Of refs that are a name only; looked for where there is one.
    project: Held<String>,
    places: Mutex<BTreeMap<Option<String>, Arc<Place>>>,
}

impl Provider for Gcp {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let read: Vec<Result<Resource, Failure>> = documents.iter().map(read).collect();
            let short = read.iter().flatten().any(|resource| resource.project.is_none());
            let (identity, home) = match Box::pin(self.open(ask, short)).await {
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
            for (places, outcome) in self.read(ask, &identity, grouped(resources.into_iter())).await {
                for place in places {
                    outcomes[place] = outcome.clone();
                }
            }
            // Of an identity that is no longer accepted, or may no longer do what it may, a newer one may be there.
            if outcomes.iter().any(is_denied) {
                self.identity.doubt(ask.now());
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
    async fn open(&self, ask: &Ask, short: bool) -> Result<(Identity, AtHome), Failure> {
        let source = OnceCell::new();
        let source = || async {
            let chosen = source.get_or_init(|| async { self.opener.choose(ask) }).await;
            chosen.as_ref().map_err(Clone::clone)
        };
        let wire = || {
            self.wire.get(ask, |_| async {
                let proxies = self.opener.way.proxies.clone();
                let wire = Wire::new(self.opener.roots(ask)?, proxies, &self.terms);
                Ok(Got { value: Arc::new(wire), ends: None })
            })
        };
        let identity = self.identity.get(ask, |_| async {
            let (source, wire) = (source().await?, wire().await?);
            let Token { value, ends } = self.opener.token(ask, source, &wire).await?;
            let quota_project = self.opener.quota_project(source);
            Ok(Got { value: Identity::new(&value, quota_project, &source.to_string())?, ends })
        });
        let home = async {
            if !short {
                return Ok((None, None));
            }
            let project = self.project.get(ask, |_| async {
                let (source, wire) = (source().await?, wire().await?);
                Ok(Got { value: self.opener.project(ask, source, &wire).await?, ends: None })
            });
            Ok((Some(project.await?), self.opener.location()?.map(str::to_owned)))
        };
        let (identity, home) = Box::pin(join(identity, home)).await;
        Ok((identity?, home))
    }

    /// Every version, in every location at once.
    async fn read(&self, ask: &Ask, identity: &Identity, asked: Vec<(Resource, Vec<usize>)>) -> Vec<Told> {
        let mut locations: BTreeMap<Option<String>, Vec<(Resource, Vec<usize>)>> = BTreeMap::new();
        for (resource, places) in asked {
            locations.entry(resource.location.clone()).or_default().push((resource, places));
        }
        let reads = locations.into_iter().map(|(location, asked)| async move {
            match self.place(ask, location.as_deref()) {
                Ok(place) => read_at(&place, ask, identity, asked).await,
                Err(failure) => {
                    asked.into_iter().map(|(_, places)| (places, Outcome::Failed(failure.clone()))).collect()
                }
            }
        });
        join_all(reads).await.concat()
    }

    fn place(&self, ask: &Ask, location: Option<&str>) -> Result<Arc<Place>, Failure> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get(&location.map(str::to_owned)) {
            return Ok(Arc::clone(known));
        }
        let client = wire::open(
            self.opener.address(location)?,
            self.opener.roots(ask)?,
            self.opener.way.proxies.clone(),
            (self.opener.way.largest_reply, self.opener.way.bodies.clone()),
        )?;
        let place = Arc::new(Place::new(client, &self.terms));
        places.insert(location.map(str::to_owned), Arc::clone(&place));
        Ok(place)
    }
}

/// What the configuration let through can be read.
fn read(document: &DocumentRef) -> Result<Resource, Failure> {
    resource(document)
        .map_err(|invalid| Failure::misconfigured(format!("a Secret Manager ref {invalid}"), "correct `ref`"))
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Denied, .. }))
}

fn at_home(resource: Resource, home: &AtHome) -> Result<Resource, Failure> {
    if resource.project.is_some() {
        return Ok(resource);
    }
    let (project, location) = home.as_ref().map_err(Clone::clone)?;
    Ok(resource.at(Home { project: project.as_deref(), location: location.as_deref() }))
}

/// The first alone until a connection stands, then all others.
async fn read_at(
    place: &Place,
    ask: &Ask,
    identity: &Identity,
    asked: Vec<(Resource, Vec<usize>)>,
) -> Vec<Told> {
    let Some((first, rest)) = asked.split_first() else { return Vec::new() };
    let others = join_all(rest.iter().map(|(resource, _)| place.read(ask, identity, resource)));
    // When the deadline has come for the first, no other would fare better.
    let hopeless =
        |outcome: &Outcome| matches!(outcome, Outcome::Failed(Failure { kind, .. }) if kind.is_unheard());
    let (first, others) =
        warm_up(place.read(ask, identity, &first.0), place.stands(), others, hopeless).await;
    let others = others.unwrap_or_else(|| vec![first.clone(); rest.len()]);
    let outcomes = std::iter::once(first).chain(others);
    asked.into_iter().map(|(_, places)| places).zip(outcomes).collect()
}
