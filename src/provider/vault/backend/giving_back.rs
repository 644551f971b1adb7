//! How what a Vault has entrusted to kz is given back: a token of kz's own, and leases.
//!
//! Invariants: a token is ended only where `lookup-self` shows that the server sees this one, and where no reply came out of a
//! proxy's cache: else it is somebody else's, and others' reads and leases hang on it. What nobody received does not live on:
//! it ends with kz's own token, or lease by lease. A token that has to outlive kz for a lease's sake lives no longer than that.
//! Whatever stays all the same is said in one line, once. All of it is bounded, by what an engine gives who is to stop.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use vaultrs::api::token::requests::RevokeTokenSelfRequest;

use crate::http::Reply;
use crate::log::Log;
use crate::provider::{Ask, End, Lease, Tokens};

use super::client::VaultClient;
use super::custody::{Custody, Entrusted, MARGIN, Own};
use super::endpoint::Post;
use super::left::{Left, Why};
use super::look_at_token::{Unseen, look};
use super::reply::{self, Body, Known};

/// What all of it may take, from the first time that it is begun, with what is awaited before (`flight.rs`): Docker, Compose and
/// podman give 10 s from the request to stop to the kill, Kubernetes 30 s.
const ALL: Duration = Duration::from_secs(8);
/// What it may take after a delivery, which a command waits for. The rest is for a stop that comes meanwhile.
const AFTER_DELIVERY: Duration = Duration::from_secs(5);
/// What is kept of that for ending, when a look at the token is given up.
const ENDING: Duration = Duration::from_secs(1);
/// How often it is tried, and how far apart.
const ATTEMPTS: usize = 3;
const APART: Duration = Duration::from_millis(200);

/// By when all has to be given back that is given back now.
pub(super) fn until(custody: &Custody, ask: &Ask, end: End) -> Instant {
    let now = ask.now();
    let all = *custody.begun.get_or_init(|| now) + ALL;
    match end {
        End::Delivered => all.min(now + AFTER_DELIVERY),
        End::NotDelivered => all,
    }
}

/// Gives back what is of no use any more, by then, and says what stays.
pub(super) async fn give_back(
    custody: &Custody,
    client: Option<&VaultClient<'_>>,
    (ask, tokens): (&Ask, Tokens),
    end: End,
    until: Instant,
) {
    let (log, now) = (ask.log(), ask.now());
    let stays = end == End::Delivered && !custody.held().leases.is_empty();
    let left = match client {
        None => Some(rest(&custody.held(), tokens, Why::NoSession, now)),
        Some(client) => {
            let limit = until.saturating_duration_since(now);
            let work = GivingBack { custody, client, ask, tokens, until };
            if stays {
                let kept = ask.patience.once(limit, work.shorten()).await;
                kept.unwrap_or(Err(Why::Unconfirmed)).err().map(|why| rest(&custody.held(), tokens, why, now))
            } else {
                ask.patience.once(limit, work.end()).await
            }
        }
    };
    if stays {
        // It is in use, and not left: only that the token lives longer than it is worth a word.
        if let Some(Left { token: Some((Some(life), _)), .. }) = left {
            log.note(&format!(
                "the token of kz's own login stays for {} s: what was read with it would end with it",
                life.as_secs()
            ));
        }
        return;
    }
    let mut held = custody.held();
    let why = held.stays.unwrap_or(Why::Unconfirmed);
    let left = left.unwrap_or_else(|| rest(&held, tokens, why, now));
    *held = Entrusted::default();
    drop(held);
    if let Some(words) = left.words() {
        log.warn(&words);
    }
}

/// All that is held stays, for this reason; but for what stays since the user said so.
fn rest(held: &Entrusted, tokens: Tokens, why: Why, now: Instant) -> Left {
    let is_to_end = |own: &&Own| own.token.revocable && tokens == Tokens::Revoke;
    Left {
        token: held.own.as_ref().filter(is_to_end).map(|own| (own.left(now), why)),
        leases: held.longest(&held.leases, now).map(|longest| (held.leases.len(), longest, why)),
    }
}

/// So many are given back at once: a server whose database is slow answers nobody else meanwhile.
const AT_ONCE: usize = 8;

/// Gives back these leases, and says what stays.
pub(super) async fn give_back_leases(
    custody: &Custody,
    client: &VaultClient<'_>,
    ask: &Ask,
    leases: &[Lease],
) {
    if client.is_cached() {
        return;
    }
    for some in leases.chunks(AT_ONCE) {
        let refused = revoke(client, some).await;
        custody.forget(some);
        let longest = custody
            .held()
            .longest(&refused.iter().map(|(lease, _)| lease.clone()).collect::<Vec<_>>(), ask.now());
        let left = longest.map(|longest| (refused.len(), longest, why(&refused)));
        if let Some(words) = (Left { token: None, leases: left }).words() {
            ask.log().warn(&words);
        }
    }
}

/// Those that are not taken back, of these.
async fn revoke(client: &VaultClient<'_>, leases: &[Lease]) -> Vec<(Lease, Refused)> {
    let revoked = join_all(leases.iter().map(|lease| {
        let id = lease.lent.as_ref().map(|lent| &lent.id);
        let revocation = move || Post::new("sys/leases/revoke", json!({ "lease_id": id }));
        insist(move || client.exchange_once(revocation()))
    }));
    let refused = |(lease, revoked): (&Lease, Result<Reply, Refused>)| Some((lease.clone(), revoked.err()?));
    leases.iter().zip(revoked.await).filter_map(refused).collect()
}

/// Why they are not.
fn why(refused: &[(Lease, Refused)]) -> Why {
    let is_forbidden = refused.iter().any(|(_, why)| *why != Refused::EachTime);
    if is_forbidden { Why::Forbidden } else { Why::Failed }
}

struct GivingBack<'a> {
    custody: &'a Custody,
    client: &'a VaultClient<'a>,
    ask: &'a Ask,
    tokens: Tokens,
    until: Instant,
}

impl GivingBack<'_> {
    /// Ends kz's own token, and with it all that it was lent; else lease by lease. What stays.
    async fn end(&self) -> Left {
        let (own, leases) = {
            let held = self.custody.held();
            (held.own.clone(), held.leases.clone())
        };
        let mut left = Left::default();
        self.end_former().await;
        let own = own.filter(|own| own.token.revocable && self.tokens == Tokens::Revoke);
        if let Some(own) = own {
            match self.end_token(&own).await {
                Ok(Ended::Now) => return left,
                Ok(Ended::Elsehow) => {}
                Err(why) => left.token = Some((own.left(self.ask.now()), why)),
            }
        }
        if !leases.is_empty() && !self.client.is_cached() {
            left.leases = self.end_leases(leases).await;
        }
        left
    }

    /// Ends those of kz's own tokens that it uses no more, where they are seen as such. They end by themselves otherwise.
    async fn end_former(&self) {
        let former = std::mem::take(&mut self.custody.held().former);
        if self.tokens != Tokens::Revoke || self.client.is_cached() {
            return;
        }
        let now = self.ask.now();
        let lives = |own: &&Own| own.token.revocable && !own.is_over(now);
        join_all(former.iter().filter(lives).map(|own| async move {
            let there = self.client.with_token(&own.token.value).ok()?.at(own.namespace.as_deref()).ok()?;
            let is_seen = look(&there).await.is_ok_and(|looked| looked.is(&own.token));
            if is_seen { insist(|| there.exchange_once(RevokeTokenSelfRequest {})).await.ok() } else { None }
        }))
        .await;
    }

    async fn end_token(&self, own: &Own) -> Result<Ended, Why> {
        let Some(there) = self.see(own).await? else { return Ok(Ended::Elsehow) };
        self.custody.held().stays = Some(Why::Unconfirmed);
        match insist(|| there.exchange_once(RevokeTokenSelfRequest {})).await {
            Ok(_) | Err(Refused::Ended) => {
                *self.custody.held() = Entrusted::default();
                self.log().detail("revoked kz's own token");
                Ok(Ended::Now)
            }
            Err(Refused::ForGood) => Err(Why::Forbidden),
            Err(Refused::EachTime) => Err(Why::Failed),
        }
    }

    /// Ends leases that nobody received, where they hang on a token that is not kz's to end. Which are left.
    async fn end_leases(&self, leases: Vec<Lease>) -> Option<(usize, Duration, Why)> {
        self.custody.held().stays.get_or_insert(Why::Unconfirmed);
        let refused = revoke(self.client, &leases).await;
        let left: Vec<Lease> = refused.iter().map(|(lease, _)| lease.clone()).collect();
        let Some(longest) = self.custody.held().longest(&left, self.ask.now()) else {
            self.log().detail("gave back the credentials that were made and not delivered");
            return None;
        };
        Some((left.len(), longest, why(&refused)))
    }

    /// Lets a token that leases hang on live as long as these, and no longer. Why it lives longer.
    async fn shorten(&self) -> Result<(), Why> {
        let (own, leases) = {
            let held = self.custody.held();
            (held.own.clone(), held.leases.clone())
        };
        let own = own.filter(|own| own.token.revocable && self.tokens == Tokens::Revoke);
        // A token of a number of requests may lose its last one by a repetition that nobody sees: it is left alone.
        let Some(own) = own.filter(|own| own.token.uses.is_none()) else { return Ok(()) };
        let Some((_, needed)) = own.surplus(&leases, self.ask.now()) else { return Ok(()) };
        let Some(there) = self.see(&own).await? else { return Ok(()) };
        let increment = json!({ "increment": needed.as_secs() });
        let renewal = || there.exchange_once(Post::new("auth/token/renew-self", increment.clone()));
        let renewed = if own.token.renewable { insist(renewal).await.ok() } else { None };
        // A periodic token takes no other life than its own.
        let is_shorter =
            renewed.and_then(|reply| life_of(&reply)).is_some_and(|life| life <= needed + MARGIN);
        if !is_shorter {
            return Err(Why::Forbidden);
        }
        self.log()
            .detail(&format!("kz's own token ends with what was read with it, in {} s", needed.as_secs()));
        Ok(())
    }

    /// A client with which kz's own token speaks, where the server sees this token when kz shows it, and nobody else is given it:
    /// only then it is kz's to end. Nothing where it has ended, or is others' too.
    async fn see(&self, own: &Own) -> Result<Option<VaultClient<'_>>, Why> {
        let shared = "kz's own token is left to expire: it came out of a cache, and others have it too";
        if self.client.is_cached() {
            self.log().detail(shared);
            return Ok(None);
        }
        match [1, 2].map(|requests| self.custody.affords(own, requests)) {
            [false, _] => return Ok(None),
            [true, false] => return Err(Why::OneUse),
            [true, true] => {}
        }
        // A token asks of itself where it is of. What it was lent is of the namespace that was read in.
        let there = self.client.at(own.namespace.as_deref()).map_err(|_| Why::LookFailed)?;
        if self.custody.held().is_seen {
            return Ok(Some(there));
        }
        self.custody.held().stays = Some(Why::LookedInVain);
        let patience = &self.ask.patience;
        let limit = self.until.saturating_duration_since(patience.now()).saturating_sub(ENDING);
        match patience.once(limit, look(&there)).await {
            None => Err(Why::LookedInVain),
            Some(_) if self.client.is_cached() => {
                self.log().detail(shared);
                Ok(None)
            }
            Some(Ok(looked)) if looked.is(&own.token) => {
                self.custody.held().is_seen = true;
                Ok(Some(there))
            }
            Some(Ok(_)) => Err(Why::Replaced),
            Some(Err(Unseen::Ended)) => {
                self.log().detail("kz's own token has ended by itself");
                Ok(None)
            }
            Some(Err(Unseen::Forbidden)) => Err(Why::LookForbidden),
            Some(Err(Unseen::Untold)) => Err(Why::LookFailed),
        }
    }

    fn log(&self) -> Log {
        self.ask.log()
    }
}

/// How a token is no trouble any more.
enum Ended {
    /// kz has ended it.
    Now,
    /// It has ended, or is not kz's to end.
    Elsehow,
}

/// The life of a token that was renewed.
fn life_of(reply: &Reply) -> Option<Duration> {
    let body: Body<'_> = serde_json::from_slice(reply.body.expose()).ok()?;
    body.auth?.lease_duration.map(Duration::from_secs)
}

/// Why it is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// The token that asks is none, or no more: an attempt before, whose answer was lost, may have ended it.
    Ended,
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
        let Ok(reply) = once().await else { continue };
        if reply.status.is_success() {
            return Ok(reply);
        }
        if reply.status.is_client_error() && reply.status != 429 && !reply::is_of_engine(&reply) {
            let is_ended =
                matches!(reply::known(reply.body.expose()), Some(Known::Bare | Known::InvalidToken));
            return Err(if is_ended { Refused::Ended } else { Refused::ForGood });
        }
    }
    Err(Refused::EachTime)
}
