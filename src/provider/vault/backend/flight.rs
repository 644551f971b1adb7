//! Requests whose answers may lend kz something: a token, or a credential that is made by a read.
//!
//! Invariants: such a request goes on when whoever waits for its answer gives up, as at a request to stop or at the deadline,
//! and what it is answered then is told to who gives back; one that no server can have yet is given up with its waiter. How long
//! an answer is waited for then is bounded by whoever waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::http::Method;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http::{self, Departure, Reply, Sending};
use crate::patience::Patience;

use super::trouble::Trouble;

/// How long answers are waited for that may lend kz something, when nobody waits for them any more; and how long where the
/// deadline has come too.
pub(super) const LANDING: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(1)];

/// What a request may lend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lends {
    /// A token, by a login.
    Token,
    /// A token that was there before, by unwrapping it.
    WrappedToken,
    /// A credential.
    Credential,
}

impl Lends {
    /// What a request for this path, without `/v1/`, may lend.
    pub(super) fn of(method: &Method, path: &str, sending: Sending) -> Option<Self> {
        let is_get = *method == Method::GET;
        match path {
            _ if sending == Sending::Once => Some(Self::Credential),
            "sys/wrapping/unwrap" if !is_get => Some(Self::WrappedToken),
            login if !is_get && login.starts_with("auth/") && !login.starts_with("auth/token/") => {
                Some(Self::Token)
            }
            _ => None,
        }
    }

    /// What is said where no answer came, since something may have been made of which kz does not know.
    pub(super) fn unanswered(self) -> &'static str {
        match self {
            Self::Token => {
                "the answer to kz's login did not come: a token that Vault may have made lives until its own end"
            }
            Self::WrappedToken => {
                "what was wrapped for kz did not come: it is used up, and a token in it lives until its own end"
            }
            Self::Credential => {
                "the answer to a read did not come: if it makes a credential, that lives until its own end"
            }
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) lends: Lends,
    /// When it began.
    pub(super) since: Instant,
    /// In which namespace it asks; the root where it is empty.
    pub(super) namespace: String,
}

/// What came of a request that nobody waits for any more.
pub(super) enum Landed {
    /// An answer.
    Answer(Origin, Reply),
    /// None, though a server may have the request.
    Unanswered(Origin),
}

type Told = Arc<Mutex<Option<Result<Reply, Trouble>>>>;

/// One request.
#[derive(Debug)]
struct Flight {
    origin: Origin,
    departure: Departure,
    told: Told,
    task: JoinHandle<()>,
    /// Whether nobody waits for its answer any more.
    is_abandoned: Arc<AtomicBool>,
}

/// Somebody who waits for an answer.
struct Waiter(Arc<AtomicBool>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// All requests of the kind that are under way, by number.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<(u64, BTreeMap<u64, Flight>)>);

impl Flights {
    /// Waits for the answer of a request that is sent by `work`, which tells of it by `departure`.
    pub(super) async fn follow(
        &self,
        origin: Origin,
        departure: Departure,
        work: impl Future<Output = Result<Reply, Trouble>> + Send + 'static,
    ) -> Result<Reply, Trouble> {
        let told = Told::default();
        let (tell, landed) = oneshot::channel();
        let answer = Arc::clone(&told);
        let task = tokio::spawn(async move {
            let result = work.await;
            *locked(&answer) = Some(result);
            let _ = tell.send(());
        });
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let _waiter = Waiter(Arc::clone(&is_abandoned));
        let number = {
            let (number, flights) = &mut *locked(&self.0);
            *number += 1;
            let told = Arc::clone(&told);
            flights.insert(*number, Flight { origin, departure, told, task, is_abandoned });
            *number
        };
        let _ = landed.await;
        // From here on nothing waits, so the answer is the caller's, or still in the table.
        locked(&self.0).1.remove(&number);
        let result = locked(&told).take();
        result.unwrap_or(Err(Trouble::Connection(http::Error::Other)))
    }

    /// Whether some are under way, or have landed with nobody waiting.
    pub(super) fn is_empty(&self) -> bool {
        locked(&self.0).1.is_empty()
    }

    /// Those that have landed since, and for which nobody waits any more.
    pub(super) fn landed(&self) -> Vec<Landed> {
        let mut all = locked(&self.0);
        let landed = all.1.extract_if(.., |_, flight| {
            flight.is_abandoned.load(Ordering::Acquire) && locked(&flight.told).is_some()
        });
        landed.filter_map(|(_, flight)| flight.land()).collect()
    }

    /// Waits for those for which nobody waits any more, so long and no longer.
    pub(super) async fn settle(&self, patience: &Patience, limit: Duration) -> Vec<Landed> {
        let left = std::mem::take(&mut locked(&self.0).1);
        let (mut left, early): (Vec<_>, Vec<_>) =
            left.into_values().partition(|flight| flight.departure.has_left());
        for flight in early {
            flight.task.abort();
        }
        let _ = patience.once(limit, join_all(left.iter_mut().map(|flight| &mut flight.task))).await;
        left.into_iter().filter_map(Flight::land).collect()
    }
}

impl Flight {
    /// What came of it; nothing where nothing can have been made.
    fn land(self) -> Option<Landed> {
        self.task.abort();
        match locked(&self.told).take() {
            Some(Ok(reply)) => Some(Landed::Answer(self.origin, reply)),
            Some(Err(trouble)) if is_refusal(&trouble) => None,
            Some(Err(_)) | None => Some(Landed::Unanswered(self.origin)),
        }
    }
}

/// Whether nothing can have been made: a server refused, or none was reached. Of an answer that was lost nobody knows.
fn is_refusal(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Undecided(_) => false,
        Trouble::Connection(error) => matches!(error, http::Error::Refused | http::Error::Unresolved),
        _ => true,
    }
}

/// What a mutex guards here is whole between two statements, so a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_unwrapping_and_reads_of_engines_may_lend_something_and_nothing_else_does() {
        for (method, path, sending, lends) in [
            (Method::POST, "auth/approle/login", Sending::Slow, Some(Lends::Token)),
            (Method::POST, "auth/a/b/login/ada", Sending::Slow, Some(Lends::Token)),
            (Method::POST, "sys/wrapping/unwrap", Sending::Slow, Some(Lends::WrappedToken)),
            (Method::GET, "database/creds/app", Sending::Once, Some(Lends::Credential)),
            (Method::POST, "pki/issue/app", Sending::Once, Some(Lends::Credential)),
            (Method::POST, "auth/token/revoke-self", Sending::Slow, None),
            (Method::POST, "sys/leases/revoke", Sending::Slow, None),
            (Method::POST, "sys/capabilities-self", Sending::Slow, None),
            (Method::GET, "auth/token/lookup-self", Sending::Repeatable, None),
            (Method::GET, "secret/data/app", Sending::Repeatable, None),
        ] {
            assert_eq!(Lends::of(&method, path, sending), lends, "{method} {path}");
        }
    }

    #[test]
    fn one_that_no_server_can_have_is_given_up_with_its_waiter_and_others_are_said() {
        let patience = crate::patience::testing::Virtual::new().patience(60, 1.0);
        crate::http::testing::run(async {
            for has_left in [false, true] {
                let (flights, departure) = (Flights::default(), Departure::default());
                let origin = Origin { lends: Lends::Token, since: Instant::now(), namespace: String::new() };
                let (left, work) = (departure.clone(), std::future::pending());
                let followed = flights.follow(origin, departure, async move {
                    if has_left {
                        left.leave();
                    }
                    work.await
                });
                assert!(patience.once(Duration::ZERO, followed).await.is_none());
                tokio::task::yield_now().await;
                let landed = flights.settle(&patience, Duration::from_secs(3)).await;
                assert_eq!(landed.len(), usize::from(has_left));
                assert!(landed.iter().all(|landed| matches!(landed, Landed::Unanswered(_))));
                assert!(flights.is_empty());
            }
        });
    }
}
