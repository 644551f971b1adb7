//! What a Vault has entrusted to kz: a token of kz's own, and leases; and how each is given back.
//!
//! Invariants: a token is ended only where `lookup-self` shows that the server sees this one, and where no reply came out of a
//! proxy's cache: else it is somebody else's, and others' reads and leases hang on it. What nobody received does not live on:
//! it ends with kz's own token, or lease by lease. A token that has to outlive kz for a lease's sake lives no longer than that.
//! Rules: what a real `OpenBao` answers, recorded in `tests/fakes/src/vault/`.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use vaultrs::api::token::requests::RevokeTokenSelfRequest;

use crate::http::{self, Reply};
use crate::log::Log;
use crate::provider::{Document, End, Failure, Lease, Outcome, Terms, Tokens};

use super::endpoint::{Get, Post};
use super::flight::{Flights, LANDING, Landed, Lends, Origin};
use super::login::Token;
use super::reply::{self, Body};
use super::session::Session;

/// What giving back may take, all of it: with what is awaited before, less than the 10 s that an engine gives who is to stop.
pub(super) const GIVING_BACK: Duration = Duration::from_secs(5);
/// What the look may take of that by which a token is known as kz's own: without it the token stays until its end.
const SEEING: Duration = Duration::from_millis(2500);
/// What a look at the token's life may take, for which a delivery waits.
pub(super) const LOOKING: Duration = Duration::from_secs(1);
/// How often it is tried, and how far apart.
const ATTEMPTS: usize = 3;
const APART: Duration = Duration::from_millis(200);
/// How much longer than its last lease a token lives, so that clocks need not agree.
const MARGIN: Duration = Duration::from_mins(1);

/// All of it. Empty at first.
#[derive(Debug, Default)]
pub(super) struct Custody {
    held: Mutex<Held>,
    flights: Flights,
    /// Whether a reply came out of a proxy's cache.
    is_cached: AtomicBool,
    /// How many requests a server may have counted against the token.
    spent: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    own: Option<Own>,
    leases: Vec<Lease>,
    /// When the token ends that requests go with, where it is not kz's own and that is known.
    end: Option<Instant>,
}

/// A token of kz's own: it got it by a login, or somebody had it wrapped for kz.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) token: Token,
    /// When it ends, where that is known.
    end: Option<Instant>,
    /// In which namespace it looks at itself and ends itself, where that is not the one that is read in.
    namespace: Option<String>,
    /// Whether it was there before kz had it, so that only the server knows how long it still lives.
    is_older: bool,
}

impl Own {
    /// Of a login that began then, in this namespace where that is not the one that is read in.
    pub(super) fn of_login(token: Token, since: Instant, namespace: Option<String>) -> Self {
        let end = token.life.and_then(|life| since.checked_add(life));
        Self { token, end, namespace, is_older: false }
    }

    /// One that was wrapped, somewhere and at some time.
    pub(super) fn unwrapped(token: Token) -> Self {
        Self { token, end: None, namespace: None, is_older: true }
    }

    /// How long it lives and would have to, where the first is longer than these leases need it.
    fn surplus(&self, leases: &[Lease]) -> Option<(Duration, Duration)> {
        let now = Instant::now();
        let needed = leases.iter().map(|lease| lease.left(now)).max().unwrap_or_default() + MARGIN;
        let life = self.end?.saturating_duration_since(now);
        (life > needed).then_some((life, needed))
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Own(***)")
    }
}

/// What `lookup-self` answers.
#[derive(Deserialize)]
struct Looked {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    ttl: Option<u64>,
}

impl Custody {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        let held = self.held();
        held.own.is_none() && held.leases.is_empty()
    }

    /// kz's own token, where it has one already.
    pub(super) fn own(&self) -> Option<Own> {
        self.held().own.clone()
    }

    /// The requests that may lend something, and are under way.
    pub(super) fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Takes what comes of requests that were under way when whoever waited for them gave up; nobody does who delivers.
    pub(super) async fn settle(&self, terms: &Terms, end: End) {
        if self.flights.is_empty() {
            return;
        }
        let limit = match end {
            End::Delivered => Duration::ZERO,
            End::NotDelivered => LANDING[usize::from(terms.patience.is_over())],
        };
        let landed = self.flights.settle(&terms.patience, limit).await;
        for landed in landed {
            match landed {
                Landed::Answer(origin, reply) => self.receive(&origin, &reply),
                Landed::Unanswered(origin) => terms.patience.log().warn(origin.lends.unanswered()),
            }
        }
    }

    /// Keeps what an answer lends that nobody waited for.
    fn receive(&self, origin: &Origin, reply: &Reply) {
        let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
        let Some(body) = body.filter(|_| reply.status.is_success()) else { return };
        let token = body.auth.filter(|auth| !auth.client_token.is_empty()).map(Token::of);
        match (origin.lends, token) {
            (Lends::Token, Some(token)) => {
                self.keep(Own::of_login(token, origin.since, Some(origin.namespace.clone())));
            }
            (Lends::WrappedToken, Some(token)) => {
                self.keep(Own::unwrapped(token));
            }
            _ => {}
        }
        if let Some(id) = body.lease_id.filter(|id| !id.is_empty()) {
            let valid = Duration::from_secs(body.lease_duration.unwrap_or(0));
            self.lend(Lease { id, issued: reply.asked, valid });
        }
    }

    /// Keeps a token.
    pub(super) fn keep(&self, own: Own) -> Own {
        self.spent.store(0, Ordering::Relaxed);
        self.held().own = Some(own.clone());
        own
    }

    /// Keeps a lease.
    pub(super) fn lend(&self, lease: Lease) {
        self.held().leases.push(lease);
    }

    /// Notes what became of a request that went with a token, or before there was one.
    pub(super) fn note(&self, bears_token: bool, sent: Result<&Reply, &http::Error>) {
        if sent.is_ok_and(|reply| reply.headers.contains_key("x-cache")) {
            self.is_cached.store(true, Ordering::Relaxed);
        }
        // Whoever is sealed, sends kz on to another server, or is not there, has not looked at the token.
        let is_counted = match sent {
            Ok(reply) => {
                !matches!(reply.status.as_u16(), 301 | 302 | 307 | 308 | 429 | 472 | 473 | 502..=504)
            }
            Err(error) => !matches!(error, http::Error::Refused | http::Error::Unresolved),
        };
        if bears_token && is_counted {
            self.spent.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_cached(&self) -> bool {
        self.is_cached.load(Ordering::Relaxed)
    }

    /// Whether kz's own token is good for so many requests more.
    fn affords(&self, own: &Own, requests: u64) -> bool {
        let spent = self.spent.load(Ordering::Relaxed);
        own.token.uses.is_none_or(|uses| uses >= spent.saturating_add(requests))
    }

    /// Whether kz's own token is good for reading so many documents.
    pub(super) fn suffices_for(&self, documents: usize) -> Result<(), Failure> {
        match self.own() {
            Some(own) if !self.affords(&own, documents as u64) => {
                let left = own.token.uses.unwrap_or(0).saturating_sub(self.spent.load(Ordering::Relaxed));
                Err(used_up(&format!("it is good for {left} requests, and kz reads {documents} documents")))
            }
            _ => Ok(()),
        }
    }

    /// Says what may live on, where giving back was not done in time.
    pub(super) fn warn_of_left(&self, log: Log, end: End) {
        let now = Instant::now();
        match self.held().leases.iter().map(|lease| lease.left(now)).max() {
            Some(left) if end == End::NotDelivered => warn(log, left, ""),
            _ => log.detail("Vault did not take back in time what kz had of it"),
        }
    }

    /// Learns when the token ends that kz did not get by a login, since what it is lent ends with it.
    pub(super) async fn learn_life(&self, session: &Session<'_>) {
        // The look is a request too, and the last use ends a token.
        let is_known = self.own().is_some_and(|own| !own.is_older || !self.affords(&own, 2));
        if is_known || !session.bears_token() {
            return;
        }
        let at = Instant::now();
        let looked = look(session).await.and_then(|looked| looked.ttl);
        let end = looked
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| at.checked_add(Duration::from_secs(seconds)));
        let mut held = self.held();
        match &mut held.own {
            Some(own) => own.end = end,
            None => held.end = end,
        }
    }

    /// Corrects what is said of a lease by what is known of the token that it hangs on.
    pub(super) fn judge(&self, outcome: &mut Outcome) {
        let Outcome::Found(Document { lease: Some(lease), .. }) = outcome else { return };
        let held = self.held();
        let end = held.own.as_ref().map_or(held.end, |own| own.end);
        if let Some(end) = end {
            lease.valid = lease.valid.min(end.saturating_duration_since(lease.issued));
        }
        // The last use ends a token, and with it everything that it was lent.
        if held.own.as_ref().is_some_and(|own| !self.affords(own, 1)) {
            *outcome = Outcome::Failed(used_up("this credential takes one more than there are documents"));
        }
    }

    /// Gives back what is of no use any more.
    pub(super) async fn close(&self, session: &Session<'_>, terms: &Terms, end: End) {
        let (own, leases) = {
            let held = self.held();
            (held.own.clone(), held.leases.clone())
        };
        // A token asks of itself where it is of. What it was lent is of the namespace that was read in.
        let namespace = own.as_ref().and_then(|own| own.namespace.as_deref());
        let Ok(there) = session.at(namespace) else { return };
        let log = terms.patience.log();
        let stays = end == End::Delivered && !leases.is_empty();
        // A token of a number of requests may lose its last one by a repetition that nobody sees: it is left alone.
        let is_as_long = |own: &Own| own.token.uses.is_some() || own.surplus(&leases).is_none();
        if stays && own.as_ref().is_some_and(is_as_long) {
            return;
        }
        let own = match own.filter(|own| own.token.revocable && terms.tokens == Tokens::Revoke) {
            Some(own) if self.affords(&own, 2) && is_seen(&there, terms, &own).await => Some(own),
            Some(own) if !self.affords(&own, 1) => None,
            Some(_) => {
                log.detail("kz's own token is left to expire: nothing shows that it is kz's alone");
                None
            }
            None => None,
        };
        match own {
            Some(own) if stays => shorten(&there, log, &own, &leases).await,
            Some(_) if revoke(&there, log).await => *self.held() = Held::default(),
            _ if stays || leases.is_empty() || session.is_cached() => {}
            _ => self.held().leases = revoke_leases(session, log, leases).await,
        }
    }
}

/// A token of kz's own is good for a number of requests, which are not enough.
fn used_up(why: &str) -> Failure {
    Failure::misconfigured(
        format!("kz's own token is used up: {why}"),
        "raise the role's `token_num_uses`, or a wrapped token's `-use-limit`, above the number of documents, or set it to 0, \
         which sets no limit",
    )
}

/// Whether the server sees this token when kz shows it, and nobody else is given it: only then it is kz's to end.
async fn is_seen(session: &Session<'_>, terms: &Terms, own: &Own) -> bool {
    if session.is_cached() {
        return false;
    }
    let looked = terms.patience.once(SEEING, look(session)).await.flatten();
    looked.is_some_and(|looked| looked.is(&own.token)) && !session.is_cached()
}

async fn look(session: &Session<'_>) -> Option<Looked> {
    let get = Get { path: "auth/token/lookup-self".to_owned(), version: None };
    let reply = session.exchange_once(get).await.ok().filter(|reply| reply.status.is_success())?;
    let body: Body<'_> = serde_json::from_slice(reply.body.expose()).ok()?;
    serde_json::from_str(body.data?.get()).ok()
}

/// Ends kz's own token, and with it every lease that was taken with it.
async fn revoke(session: &Session<'_>, log: Log) -> bool {
    let is_done = insist(|| session.exchange_once(RevokeTokenSelfRequest {})).await.is_ok();
    log.detail(if is_done {
        "revoked kz's own token"
    } else {
        "kz's own token could not be revoked, and expires by itself"
    });
    is_done
}

/// Ends leases that nobody received, where they hang on a token that is not kz's to end. Says which are left.
async fn revoke_leases(session: &Session<'_>, log: Log, leases: Vec<Lease>) -> Vec<Lease> {
    let revoked = join_all(leases.iter().map(|lease| {
        insist(|| session.exchange_once(Post::new("sys/leases/revoke", json!({ "lease_id": lease.id }))))
    }))
    .await;
    let refused = |(lease, revoked): (Lease, Result<Reply, Refused>)| revoked.err().map(|why| (lease, why));
    let left: Vec<(Lease, Refused)> = leases.into_iter().zip(revoked).filter_map(refused).collect();
    let longest = left.iter().map(|(lease, _)| lease.left(Instant::now())).max();
    match (longest, left.iter().any(|(_, why)| *why == Refused::ForGood)) {
        (None, _) => log.detail("gave back the credentials that were made and not delivered"),
        (Some(longest), true) => {
            warn(log, longest, " (a policy with `update` on `sys/leases/revoke` lets kz give it back)");
        }
        (Some(longest), false) => {
            warn(log, longest, " (what made it did not take it back: is that database, or cloud, away?)");
        }
    }
    left.into_iter().map(|(lease, _)| lease).collect()
}

/// Says that a credential lives on that nobody has.
fn warn(log: Log, left: Duration, more: &str) {
    log.warn(&format!(
        "Vault made a credential that is not delivered, and does not take it back: it is valid for {} s more{more}",
        left.as_secs()
    ));
}

/// Lets a token that leases hang on live as long as these, and no longer.
async fn shorten(session: &Session<'_>, log: Log, own: &Own, leases: &[Lease]) {
    let Some((life, needed)) = own.surplus(leases) else { return };
    let increment = json!({ "increment": needed.as_secs() });
    let renewal = || session.exchange_once(Post::new("auth/token/renew-self", increment.clone()));
    let renewed = if own.token.renewable { insist(renewal).await.ok() } else { None };
    // A periodic token takes no other life than its own.
    let is_shorter = renewed.and_then(|reply| life_of(&reply)).is_some_and(|life| life <= needed + MARGIN);
    if is_shorter {
        log.detail(&format!("kz's own token ends with what was read with it, in {} s", needed.as_secs()));
    } else {
        log.note(&format!(
            "the token of kz's own login stays for {} s: what was read with it would end with it",
            life.as_secs()
        ));
    }
}

impl Looked {
    /// Whether it is this token.
    fn is(&self, token: &Token) -> bool {
        let same = |ours: &Option<String>, theirs: &Option<String>| matches!((ours, theirs), (Some(ours), Some(theirs)) if !ours.is_empty() && ours == theirs);
        self.id.as_ref().is_some_and(|id| id.as_bytes() == token.value.expose())
            || same(&token.accessor, &self.accessor)
    }
}

/// The life of a token that was renewed.
fn life_of(reply: &Reply) -> Option<Duration> {
    let body: Body<'_> = serde_json::from_slice(reply.body.expose()).ok()?;
    body.auth?.lease_duration.map(Duration::from_secs)
}

/// Why it is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It is not allowed, or not possible.
    ForGood,
    /// It did not succeed, so often as it was tried.
    EachTime,
}

/// Tries until it is done, and says how it was; or until it is refused for good.
async fn insist<F, E>(mut once: impl FnMut() -> F) -> Result<Reply, Refused>
where
    F: Future<Output = Result<Reply, E>>,
{
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(APART).await;
        }
        match once().await {
            Ok(reply) if reply.status.is_success() => return Ok(reply),
            Ok(reply)
                if reply.status.is_client_error() && reply.status != 429 && !reply::is_of_engine(&reply) =>
            {
                return Err(Refused::ForGood);
            }
            _ => {}
        }
    }
    Err(Refused::EachTime)
}
