//! Asks AWS: for an identity first, then what `calls` decided on.
//!
//! Invariants: nothing is read or contacted before a document is asked for; the first call of a region goes alone
//! and the rest when its connection stands; a batch that is not let through, or that leaves a member out, is asked
//! for one by one; each document has its own outcome. The SDK's retries are off: patience is kz's own.

mod account;
mod codes;
mod container;
mod endpoints;
mod identity;
mod identity_sources;
mod keys;
mod links;
mod parameters;
mod profiles;
mod refused;
mod secrets;
mod trouble;
mod variables;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::patience::{Attempt, GaveUp};
use crate::provider::remote::warm_up::warm_up;
use crate::provider::settings::Settings;
use crate::provider::{
    Ask, Document, DocumentRef, Failure, FailureKind, Fetch, Outcome, Provider, Surroundings, Terms,
};
use futures_util::future::join_all;

use super::calls::{Call, Operation};
use account::{Account, Regional, Service, SignedIn};
use parameters::Parameters;
use secrets::Secrets;
use trouble::{Class, Trouble};

/// A provider of the secrets of one account.
pub(super) fn build_secrets(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Aws::<Secrets>::new(settings, surroundings))
}

/// A provider of the parameters of one account.
pub(super) fn build_parameters(settings: &Settings, surroundings: &dyn Surroundings) -> Box<dyn Provider> {
    Box::new(Aws::<Parameters>::new(settings, surroundings))
}

/// What a call said of one member.
#[derive(Clone, Debug)]
enum Answer {
    Found(Document),
    Absent,
    /// The service's error about this one.
    Refused(Trouble),
    /// Nothing.
    Untold,
    /// What came is not what was asked for.
    Malformed(&'static str),
}

/// What became of the documents in these places of the batch.
type Told = (Vec<usize>, Outcome);

struct Aws<S> {
    account: Arc<Account>,
    endpoint: Option<String>,
    terms: Terms,
    /// Of whom, and the services.
    regions: Mutex<Regions<S>>,
    /// Whether it was said that batches are not let through.
    said: AtomicBool,
}

/// The services in one name, by region.
struct Regions<S> {
    signed_in: Option<Arc<SignedIn>>,
    services: BTreeMap<Option<String>, Arc<Regional<S>>>,
}

impl<S: Service> Provider for Aws<S> {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let signed_in = self.account.signed_in(ask, &self.terms).await;
            let told = match signed_in {
                Ok(signed_in) => self.read(ask, &signed_in, documents).await,
                Err(failure) => vec![((0..documents.len()).collect(), Outcome::Failed(failure))],
            };
            // Of an identity that is no longer accepted, or may no longer do what it may, a newer one may be there.
            if told.iter().any(|(_, outcome)| is_denied(outcome)) {
                self.account.doubt(ask);
            }
            let untold = Outcome::Failed(malformed("the answer leaves it out"));
            let mut outcomes = vec![untold; documents.len()];
            for (places, outcome) in told {
                for place in places {
                    outcomes[place] = outcome.clone();
                }
            }
            outcomes
        })
    }
}

impl<S: Service> Aws<S> {
    fn new(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let terms = surroundings.terms();
        // Where a service is says nothing of who kz is.
        let of_account = settings.without("endpoint");
        let account = terms.shared.of(&of_account, || Account::of(&of_account, surroundings));
        Self {
            account,
            endpoint: settings.text("endpoint").map(str::to_owned),
            terms,
            regions: Mutex::new(Regions { signed_in: None, services: BTreeMap::new() }),
            said: AtomicBool::new(false),
        }
    }

    /// Every document, in every region at once.
    async fn read(&self, ask: &Ask, signed_in: &Arc<SignedIn>, documents: &[DocumentRef]) -> Vec<Told> {
        let mut regions: BTreeMap<Option<String>, Vec<Call>> = BTreeMap::new();
        for call in S::calls(documents, signed_in.home()) {
            regions.entry(call.region.clone()).or_default().push(call);
        }
        let reads = regions.into_iter().map(|(region, calls)| async move {
            match self.regional(signed_in, region.as_deref()) {
                Ok(regional) => self.read_region(ask, &regional, &calls).await,
                Err(failure) => failed(&calls, &failure),
            }
        });
        join_all(reads).await.concat()
    }

    fn regional(&self, signed_in: &Arc<SignedIn>, region: Option<&str>) -> Result<Arc<Regional<S>>, Failure> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if !regions.signed_in.as_ref().is_some_and(|of| Arc::ptr_eq(of, signed_in)) {
            *regions = Regions { signed_in: Some(Arc::clone(signed_in)), services: BTreeMap::new() };
        }
        if let Some(known) = regions.services.get(&region.map(str::to_owned)) {
            return Ok(Arc::clone(known));
        }
        let regional = Arc::new(signed_in.regional(region, self.endpoint.as_deref())?);
        regions.services.insert(region.map(str::to_owned), Arc::clone(&regional));
        Ok(regional)
    }

    async fn read_region(&self, ask: &Ask, regional: &Regional<S>, calls: &[Call]) -> Vec<Told> {
        let Some((first, rest)) = calls.split_first() else { return Vec::new() };
        let others =
            async { join_all(rest.iter().map(|call| self.read_call(ask, regional, call))).await.concat() };
        // Where there is no way to the service, or it does not know kz, no other call would fare better.
        let hopeless = |told: &Vec<Told>| told.iter().all(|(_, outcome)| is_hopeless(outcome));
        let (mut told, others) =
            warm_up(self.read_call(ask, regional, first), regional.wire.stands(), others, hopeless).await;
        match (others, told.first()) {
            (Some(others), _) => told.extend(others),
            (None, Some((_, Outcome::Failed(failure)))) => {
                let failure = failure.clone();
                told.extend(failed(rest, &failure));
            }
            (None, _) => {}
        }
        told
    }

    /// The members of a call, together, and apart where that leads to nothing.
    async fn read_call(&self, ask: &Ask, regional: &Regional<S>, call: &Call) -> Vec<Told> {
        if let [_] = call.members[..] {
            return vec![self.read_one(ask, regional, call).await];
        }
        let apart = match self.ask(ask, regional, call).await {
            Ok(answers) => answers.into_iter().map(|answer| outcome(answer, &regional.subject)).collect(),
            Err(GaveUp::Final(trouble)) if !concerns_all(&trouble) => {
                self.say(&trouble, call);
                vec![None; call.members.len()]
            }
            Err(given_up) => {
                return failed(std::slice::from_ref(call), &Trouble::failure(&given_up, &regional.subject));
            }
        };
        let told = call.apart().into_iter().zip(apart).map(|(single, outcome)| async move {
            match outcome {
                Some(outcome) => (single.members[0].documents.clone(), outcome),
                None => self.read_one(ask, regional, &single).await,
            }
        });
        join_all(told).await
    }

    /// The one member of a call.
    async fn read_one(&self, ask: &Ask, regional: &Regional<S>, call: &Call) -> Told {
        let member = &call.members[0];
        let told = match self.ask(ask, regional, call).await {
            Ok(mut answers) => answers.pop().and_then(|answer| outcome(answer, &regional.subject)),
            Err(GaveUp::Final(trouble)) if trouble.class() == Class::Absent => {
                Some(trouble.absence(&member.id).map_or(Outcome::Absent, Outcome::AbsentBecause))
            }
            Err(given_up) => Some(Outcome::Failed(Trouble::failure(&given_up, &regional.subject))),
        };
        let told = told.unwrap_or_else(|| Outcome::Failed(malformed("the answer leaves it out")));
        (member.documents.clone(), told)
    }

    /// Makes a call until there is an answer.
    async fn ask(
        &self,
        ask: &Ask,
        regional: &Regional<S>,
        call: &Call,
    ) -> Result<Vec<Answer>, GaveUp<Trouble>> {
        let _lane = regional.wire.turn().await;
        let once = || async {
            match regional.service.ask(call).await {
                Ok(answers) => Attempt::Done(answers),
                // Single reads have a hundred times the limit that batches have.
                Err(trouble) if is_batch(call) && trouble.class() == Class::Throttled => {
                    Attempt::Final(trouble)
                }
                Err(trouble) => {
                    let concern = trouble.concern();
                    Attempt::failed(trouble, concern, None)
                }
            }
        };
        ask.patience.attempt(&regional.subject, once).await
    }

    /// Says once why there are more calls than there could be.
    fn say(&self, trouble: &Trouble, call: &Call) {
        if is_batch(call) && !self.said.swap(true, Ordering::Relaxed) {
            let advice = match trouble.class() {
                Class::Denied => "; allow `secretsmanager:BatchGetSecretValue` on `*` to save calls",
                _ => "",
            };
            self.terms.log.note(&format!(
                "asking for each secret by itself, since a batch did not go through: {trouble}{advice}"
            ));
        }
    }
}

/// What an answer says of a document; nothing where it is to be asked for by itself.
fn outcome(answer: Answer, subject: &str) -> Option<Outcome> {
    match answer {
        Answer::Found(document) => Some(Outcome::Found(document)),
        Answer::Absent => Some(Outcome::Absent),
        Answer::Malformed(cause) => Some(Outcome::Failed(malformed(cause))),
        // What is absent for a reason says so only where it is asked for by itself.
        Answer::Refused(trouble) if trouble.class() == Class::Denied => {
            Some(Outcome::Failed(Trouble::failure(&GaveUp::Final(trouble), subject)))
        }
        Answer::Refused(_) | Answer::Untold => None,
    }
}

fn is_batch(call: &Call) -> bool {
    call.operation == Operation::BatchGetSecretValue
}

/// Whether single calls would fail alike.
fn concerns_all(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Connection(_) | Trouble::Unsent) || trouble.class() == Class::Identity
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind: FailureKind::Denied, .. }))
}

fn is_hopeless(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind, .. }) if kind.is_unheard())
}

fn failed(calls: &[Call], failure: &Failure) -> Vec<Told> {
    let members = calls.iter().flat_map(|call| &call.members);
    members.map(|member| (member.documents.clone(), Outcome::Failed(failure.clone()))).collect()
}

fn malformed(cause: &str) -> Failure {
    Failure { kind: FailureKind::Malformed, cause: cause.to_owned(), hint: None }
}
