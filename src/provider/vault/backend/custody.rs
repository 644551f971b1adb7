//! What a Vault has entrusted to kz: a token of kz's own, and leases.
//!
//! Invariants: what an answer lends is kept before anything else becomes of it, also where nobody waits for the answer any more;
//! what is lent is said to be valid no longer than the token that it hangs on. How it is given back: `giving_back.rs`.
//! Rules: what a real `OpenBao` answers, recorded in `tests/fakes/src/vault/`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::http::{self, Reply};
use crate::provider::{Ask, Document, End, Failure, Lease, Lent, Outcome};

use super::confidences::Confidences;
use super::flight::{Flights, LANDING, Landed, Lends, Origin};
use super::left::Why;
use super::reply::{self, Body, Known};
use super::token::Token;

/// What a look at the token's life may take, for which a delivery waits.
pub(super) const LOOKING: Duration = Duration::from_secs(1);
/// How much longer than its last lease a token lives, so that clocks need not agree.
pub(super) const MARGIN: Duration = Duration::from_mins(1);

/// All of it. Empty at first.
#[derive(Debug, Default)]
pub(super) struct Custody {
    held: Mutex<Entrusted>,
    flights: Flights,
    /// Whether a reply came out of a proxy's cache.
    is_cached: AtomicBool,
    /// Whether a server has said of a token that it is none.
    is_refused: AtomicBool,
    /// How many requests a server may have counted against the token.
    spent: AtomicU64,
    /// What was sent, and is not to be repeated.
    pub(super) confidences: Confidences,
    /// When it was first begun to give back.
    pub(super) begun: OnceLock<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Entrusted {
    /// The token that kz uses.
    pub(super) own: Option<Own>,
    /// Those that it used before, as long as they live.
    pub(super) former: Vec<Own>,
    pub(super) leases: Vec<Lease>,
    /// The tokens that leases hang on with which kz goes on, by their accessors; nobody has them.
    adopted: BTreeSet<String>,
    /// When the token ends that requests go with, where it is not kz's own and that is known.
    end: Option<Instant>,
    /// Whether the server has shown that it sees kz's own token as such.
    pub(super) is_seen: bool,
    /// Why what is held is held, as far as giving back has come.
    pub(super) stays: Option<Why>,
}

impl Entrusted {
    /// When the token ends that everything hangs on.
    fn end_of_token(&self) -> Option<Instant> {
        self.own.as_ref().map_or(self.end, |own| own.end)
    }

    /// A lease that is said to be valid no longer than the token that it hangs on.
    pub(super) fn bounded(&self, lease: Lease) -> Lease {
        let left = self.end_of_token().map(|end| end.saturating_duration_since(lease.issued));
        Lease { valid: left.map_or(lease.valid, |left| lease.valid.min(left)), ..lease }
    }

    /// How long the last lease is still valid: none outlives the token that it hangs on.
    pub(super) fn longest(&self, leases: &[Lease], now: Instant) -> Option<Duration> {
        let left = leases.iter().map(|lease| lease.left(now)).max()?;
        Some(self.end_of_token().map_or(left, |end| left.min(end.saturating_duration_since(now))))
    }
}

/// A token of kz's own: it got it by a login, or somebody had it wrapped for kz.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) token: Token,
    /// When it ends, where that is known.
    end: Option<Instant>,
    /// In which namespace it looks at itself and ends itself, where that is not the one that is read in.
    pub(super) namespace: Option<String>,
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

    /// How long it still lives, where that is known.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        Some(self.end?.saturating_duration_since(now))
    }

    /// When it ends at the latest, where that is known.
    pub(super) fn ends(&self, now: Instant) -> Option<Instant> {
        self.end.or_else(|| now.checked_add(self.token.life?))
    }

    /// The same with another life from then on.
    pub(super) fn renewed(self, since: Instant, life: Duration) -> Self {
        Self { end: since.checked_add(life), ..self }
    }

    /// Whether it is the same token.
    fn is(&self, other: &Self) -> bool {
        self.token.value == other.token.value
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// How long it lives and would have to, where the first is longer than these leases need it.
    pub(super) fn surplus(&self, leases: &[Lease], now: Instant) -> Option<(Duration, Duration)> {
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

impl Custody {
    pub(super) fn held(&self) -> MutexGuard<'_, Entrusted> {
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
    pub(super) async fn settle(&self, ask: &Ask, end: End) {
        if self.flights.is_empty() {
            return;
        }
        let limit = match end {
            End::Delivered => Duration::ZERO,
            End::NotDelivered => LANDING[usize::from(ask.patience.is_over())],
        };
        let landed = self.flights.settle(&ask.patience, limit).await;
        for landed in landed {
            self.take(landed, ask);
        }
    }

    /// Takes what has come of such requests by now.
    pub(super) fn collect(&self, ask: &Ask) {
        for landed in self.flights.landed() {
            self.take(landed, ask);
        }
    }

    fn take(&self, landed: Landed, ask: &Ask) {
        match landed {
            Landed::Answer(origin, reply) => self.receive(&origin, &reply, ask),
            Landed::Unanswered(origin) => ask.log().warn(origin.lends.unanswered()),
        }
    }

    /// Keeps what an answer lends that nobody waited for.
    fn receive(&self, origin: &Origin, reply: &Reply, ask: &Ask) {
        let body: Option<Body<'_>> = serde_json::from_slice(reply.body.expose()).ok();
        let Some(mut body) = body.filter(|_| reply.status.is_success()) else { return };
        let token = body.auth.take().filter(|auth| !auth.client_token.is_empty()).map(Token::of);
        let namespace = Some(origin.namespace.clone());
        match (origin.lends, token) {
            (Lends::Token, Some(token)) => {
                self.keep(Own::of_login(token, origin.since, namespace), ask.now());
            }
            (Lends::WrappedToken, Some(token)) => {
                self.keep(Own::unwrapped(token), ask.now());
            }
            _ => {}
        }
        if let Some(lease) = self.lease(&body, ask.at(reply.asked), &origin.namespace) {
            self.lend(lease, ask.now());
        }
    }

    /// What was lent with an answer to who asked then, in this namespace.
    pub(super) fn lease(&self, body: &Body<'_>, issued: Instant, namespace: &str) -> Option<Lease> {
        let id = body.lease_id.clone().filter(|id| !id.is_empty())?;
        let accessor = self.held().own.as_ref().and_then(|own| own.token.accessor.clone());
        let renewable = body.renewable.unwrap_or(false);
        let lent = Lent { id, namespace: namespace.to_owned(), accessor, renewable };
        let valid = Duration::from_secs(body.lease_duration.unwrap_or(0));
        Some(Lease { lent: Some(Box::new(lent)), issued, valid })
    }

    /// Keeps a token. One that was there before ends by itself, with what hangs on it, or when all is given back.
    pub(super) fn keep(&self, own: Own, now: Instant) -> Own {
        self.spent.store(0, Ordering::Relaxed);
        let mut held = self.held();
        let before = held.own.replace(own.clone());
        held.former.extend(before.filter(|before| !before.is(&own)));
        held.former.retain(|former| !former.is_over(now));
        held.is_seen = false;
        own
    }

    /// Keeps a lease.
    pub(super) fn lend(&self, lease: Lease, now: Instant) {
        let mut held = self.held();
        held.leases.retain(|lease| !lease.left(now).is_zero());
        held.leases.push(lease);
    }

    /// Goes on with a lease that hangs on this token, which kz does not have.
    pub(super) fn adopt(&self, accessor: &str) {
        self.held().adopted.insert(accessor.to_owned());
    }

    /// Whether kz goes on with what hangs on this token.
    pub(super) fn has_adopted(&self, accessor: &str) -> bool {
        self.held().adopted.contains(accessor)
    }

    /// Notes the longer life of a lease.
    pub(super) fn prolong(&self, longer: &Lease) {
        if let Some(lease) = self.held().leases.iter_mut().find(|lease| lease.lent == longer.lent) {
            *lease = longer.clone();
        }
    }

    /// Forgets leases that are given back.
    pub(super) fn forget(&self, given_back: &[Lease]) {
        self.held().leases.retain(|lease| !given_back.iter().any(|back| back.lent == lease.lent));
    }

    /// Whether the server has refused a token since this was asked last.
    pub(super) fn was_refused(&self) -> bool {
        self.is_refused.swap(false, Ordering::Relaxed)
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
        let refuses = |reply: &Reply| {
            let known = reply::known(reply.body.expose());
            reply.status == 403 && matches!(known, Some(Known::Bare | Known::InvalidToken))
        };
        if bears_token && sent.is_ok_and(refuses) {
            self.is_refused.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_cached(&self) -> bool {
        self.is_cached.load(Ordering::Relaxed)
    }

    /// Whether kz's own token is good for so many requests more.
    pub(super) fn affords(&self, own: &Own, requests: u64) -> bool {
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

    /// Whether it is worth asking when the token ends: of one that kz did not get by a login, nobody else tells.
    pub(super) fn wants_end(&self) -> bool {
        // The look is a request too, and the last use ends a token.
        self.own().is_none_or(|own| own.is_older && self.affords(&own, 2))
    }

    /// Learns when it ends.
    pub(super) fn learn_end(&self, end: Option<Instant>) {
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
        *lease = held.bounded(lease.clone());
        // The last use ends a token, and with it everything that it was lent.
        if held.own.as_ref().is_some_and(|own| !self.affords(own, 1)) {
            *outcome = Outcome::Failed(used_up("this credential takes one more than there are documents"));
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
