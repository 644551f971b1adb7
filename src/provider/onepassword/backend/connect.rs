//! A Connect server: <https://developer.1password.com/docs/connect/api-reference>.
//!
//! Invariants: a vault's name and an item's title are looked up once each, and not at all where they are ids; an
//! item is read once for all references to it; a title that several items bear is an error that lists their ids;
//! of a reply that is no success only the status is kept. Absence is what a Connect server says it is: its own 404, or
//! an empty list of a server that has vaults. Only a whole 200 is content, and a file's is of the size that its item says.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::{HeaderValue, Request, header};
use futures_util::future::{join_all, select};
use serde::Deserialize;
use tokio::sync::{OnceCell, SetOnce};

use crate::hint::said;
use crate::http::{self, Client, Content, Reply, retry_after};
use crate::log::Log;
use crate::patience::{Attempt, Concern};
use crate::percent::encoded;
use crate::provider::onepassword::reference::{Reference, is_id};
use crate::provider::remote::lanes::Lanes;
use crate::provider::{Absence, Ask, Document, Failure, FailureKind, Outcome, Shape, Terms};
use crate::secret::Secret;

use super::item::{Item, Meant};
use super::trouble::{Trouble, failure};

/// A server, and the token that opens it.
pub(super) struct Connect {
    client: Client,
    authorization: HeaderValue,
    source: String,
    log: Log,
    lanes: Lanes,
    /// Whether it was said whom kz asks.
    said: AtomicBool,
}

/// What is asked at one time. What it has learnt of the server is true of that time only.
struct Asking<'a> {
    connect: &'a Connect,
    ask: &'a Ask,
    /// Whether a request is under way, or was.
    begun: AtomicBool,
    /// Set when the first request has ended.
    ended: SetOnce<()>,
    /// The ids of all vaults that the token opens, once they were wanted.
    open: OnceCell<BTreeSet<String>>,
}

/// What Connect says of an error: this and nothing else, since others spell `status` and `message` too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorResponse {
    status: u16,
    #[serde(rename = "message")]
    _message: String,
}

/// A vault or an item in a list.
#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default, alias = "title")]
    name: String,
}

/// What a name came to.
type Found<T> = Result<T, Outcome>;

impl Connect {
    pub(super) fn new(client: Client, token: &Secret, source: &str, terms: &Terms) -> Result<Self, Failure> {
        let bearer = [b"Bearer ", token.expose()].concat();
        let mut authorization = HeaderValue::from_bytes(&bearer).map_err(|_| {
            let cause = http::Error::Header("the token").to_string();
            Failure { kind: FailureKind::Misconfigured, cause, hint: None }
        })?;
        authorization.set_sensitive(true);
        Ok(Self {
            lanes: Lanes::new(terms, &client),
            client,
            authorization,
            source: source.to_owned(),
            log: terms.log,
            said: AtomicBool::new(false),
        })
    }

    /// What each reference means.
    pub(super) async fn fetch(&self, ask: &Ask, references: &[&Reference<'_>]) -> Vec<Outcome> {
        if !self.said.swap(true, Ordering::Relaxed) {
            let through =
                self.client.proxy().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
            let address = self.client.address();
            self.log.note(&format!(
                "asking 1Password Connect at {address}{through} with the token from {}",
                self.source
            ));
        }
        let (begun, ended, open) = (AtomicBool::new(false), SetOnce::new(), OnceCell::new());
        Asking { connect: self, ask, begun, ended, open }.fetch(references).await
    }
}

impl Asking<'_> {
    /// What each reference means: vaults first, then titles, then items, then files.
    async fn fetch(&self, references: &[&Reference<'_>]) -> Vec<Outcome> {
        let names: BTreeSet<&str> = references.iter().map(|reference| reference.vault).collect();
        let vaults = all(names, |name| self.vault(name)).await;
        let titles: BTreeSet<(&str, &str)> =
            references.iter().map(|reference| (reference.vault, reference.item)).collect();
        let items = all(titles, |(vault, title)| {
            let vault = vaults.get(vault).cloned();
            async move {
                let vault = vault.unwrap_or(Err(Outcome::Absent))?;
                let item = self.title(&vault, title).await?;
                let content = self.item(&vault, &item).await?;
                Found::Ok((format!("/v1/vaults/{vault}/items/{item}"), content))
            }
        })
        .await;
        let meant = references.iter().map(|reference| {
            let item = items.get(&(reference.vault, reference.item));
            async move {
                match item {
                    Some(Ok((path, item))) => self.part(path, item, reference).await,
                    Some(Err(outcome)) => outcome.clone(),
                    None => Outcome::Absent,
                }
            }
        });
        join_all(meant).await
    }

    async fn vault(&self, name: &str) -> Found<String> {
        if is_id(name) {
            return Ok(name.to_owned());
        }
        let list = self.list("/v1/vaults", &format!("name eq \"{name}\"")).await?;
        if list.is_empty() {
            self.opened().await?;
        }
        one(&list, name, "vault", "the token opens no vault of that name")
    }

    async fn title(&self, vault: &str, title: &str) -> Found<String> {
        if is_id(title) {
            return Ok(title.to_owned());
        }
        let list = self.list(&format!("/v1/vaults/{vault}/items"), &format!("title eq \"{title}\"")).await?;
        if list.is_empty() && !self.opened().await?.contains(vault) {
            let cause = format!("the token does not open the vault `{vault}`");
            let hint = said("give the token access to the vault, or make another");
            return Err(Outcome::Failed(Failure { kind: FailureKind::Denied, cause, hint }));
        }
        one(&list, title, "item", "the vault has no item of that title")
    }

    async fn list(&self, path: &str, filter: &str) -> Found<Vec<Listed>> {
        self.listed(&format!("{path}?filter={}", encoded(filter))).await
    }

    async fn listed(&self, target: &str) -> Found<Vec<Listed>> {
        // A Connect server always has the list of its vaults.
        let is_of_vaults = target.split('?').next() == Some("/v1/vaults");
        let none = || if is_of_vaults { unread() } else { Outcome::Absent };
        let reply = self.get(target).await?.ok_or_else(none)?;
        serde_json::from_slice(reply.body.expose()).map_err(|_| unread())
    }

    /// All vaults that the token opens. Whoever has none to show cannot say that one of them lacks something: it may be
    /// anybody who answers every question with an empty list.
    async fn opened(&self) -> Found<&BTreeSet<String>> {
        let ids = || async {
            let list = self.listed("/v1/vaults").await?;
            if list.is_empty() {
                return Err(Outcome::Failed(Failure {
                    kind: FailureKind::Denied,
                    cause: "the token opens no vault at all, or what answers is not a Connect server"
                        .to_owned(),
                    hint: said("give the token access to a vault: `op connect token create … --vault`"),
                }));
            }
            Found::Ok(list.into_iter().map(|listed| listed.id).collect())
        };
        self.open.get_or_try_init(ids).await
    }

    async fn item(&self, vault: &str, item: &str) -> Found<Item> {
        let reply = self.get(&format!("/v1/vaults/{vault}/items/{item}")).await?.ok_or(Outcome::Absent)?;
        let read: Option<Item> = serde_json::from_slice(reply.body.expose()).ok();
        read.filter(|read| read.is(vault, item)).ok_or_else(unread)
    }

    async fn part(&self, path: &str, item: &Item, reference: &Reference<'_>) -> Outcome {
        let content = match item.find(reference) {
            Meant::Text(text) => Secret::new(text.as_bytes().to_vec()),
            Meant::Nothing(absence) => return Outcome::AbsentBecause(absence),
            Meant::Unclear(failure) => return Outcome::Failed(failure),
            Meant::File { id, size } => match self.file(&format!("{path}/files/{id}/content"), size).await {
                Ok(content) => content,
                Err(outcome) => return outcome,
            },
        };
        Outcome::Found(Document { content, shape: Shape::Json, version: None, lease: None })
    }

    /// A file's content, whole. One that was cut on the way is asked for once more.
    async fn file(&self, target: &str, size: Option<u64>) -> Found<Secret> {
        let mut bytes = 0;
        for _ in 0..2 {
            let reply = self.get(target).await?.ok_or(Outcome::Absent)?;
            bytes = reply.body.expose().len();
            if size.is_none_or(|size| u64::try_from(bytes) == Ok(size)) {
                return Ok(reply.body);
            }
        }
        let cause = format!(
            "what came is not the file: it has {bytes} bytes, and the item says {}",
            size.unwrap_or_default()
        );
        Err(Outcome::Failed(Failure { kind: FailureKind::Malformed, cause, hint: None }))
    }

    /// Asks until there is an answer; nothing where there is no such thing.
    async fn get(&self, target: &str) -> Found<Option<Reply>> {
        // The first request goes alone until a connection stands: a cold pool would open one for each.
        let is_first = !self.begun.swap(true, Ordering::Relaxed);
        if !is_first {
            select(pin!(self.connect.client.stands()), pin!(self.ended.wait())).await;
        }
        let _lane = self.connect.lanes.turn().await;
        let subject = self.connect.client.address().authority();
        let once = || async {
            match self.exchange(target).await {
                Ok(reply) if reply.status.as_u16() == 200 => Attempt::Done(Some(reply)),
                Ok(reply) if reply.status.as_u16() == 404 => {
                    if is_connects(&reply) {
                        Attempt::Done(None)
                    } else {
                        // An ingress answers so before it knows the route.
                        Attempt::failed(Trouble::Foreign(404), Some(Concern::Server), None)
                    }
                }
                Ok(reply) => {
                    let trouble = Trouble::Status(reply.status.as_u16());
                    Attempt::failed(
                        trouble,
                        http::concern(reply.status.as_u16()),
                        retry_after(&reply.headers),
                    )
                }
                Err(error) => {
                    let concern = error.concern();
                    Attempt::failed(Trouble::Connection(error), concern, None)
                }
            }
        };
        let answered = self.ask.patience.attempt(&subject, once).await;
        let _ = self.ended.set(());
        answered.map_err(|given_up| Outcome::Failed(failure(&given_up, &subject, &self.connect.source)))
    }

    async fn exchange(&self, target: &str) -> Result<Reply, http::Error> {
        let uri =
            format!("{}{}{target}", self.connect.client.origin(), self.connect.client.address().prefix());
        let is_list = target
            .split('?')
            .next()
            .is_some_and(|path| path.ends_with("/vaults") || path.ends_with("/items"));
        let request = Request::get(uri)
            .extension(if is_list { Content::Protocol } else { Content::Document })
            .header(header::AUTHORIZATION, self.connect.authorization.clone())
            .header(header::ACCEPT, "application/json")
            .body(Vec::new());
        let reply = self.connect.client.send(request.map_err(|_| http::Error::Request)?).await?;
        self.connect.lanes.heed(&self.connect.client, reply.protocol);
        Ok(reply)
    }
}

/// Whether an error is in Connect's own words.
fn is_connects(reply: &Reply) -> bool {
    let said = serde_json::from_slice::<ErrorResponse>(reply.body.expose());
    said.is_ok_and(|said| said.status == reply.status.as_u16())
}

/// What `work` makes of each, all at once.
async fn all<K, T, F>(keys: BTreeSet<K>, work: impl Fn(K) -> F) -> BTreeMap<K, T>
where
    K: Ord + Copy,
    F: Future<Output = T>,
{
    join_all(keys.into_iter().map(|key| {
        let worked = work(key);
        async move { (key, worked.await) }
    }))
    .await
    .into_iter()
    .collect()
}

/// The one of this name: exactly, or else without regard to case, as `op` looks for it.
fn one(list: &[Listed], name: &str, kind: &str, none: &str) -> Found<String> {
    let exact: Vec<&Listed> = list.iter().filter(|listed| listed.name == name).collect();
    let named = if exact.is_empty() {
        list.iter().filter(|listed| listed.name.eq_ignore_ascii_case(name)).collect()
    } else {
        exact
    };
    match named[..] {
        [listed] => Ok(listed.id.clone()),
        [] => Err(Outcome::AbsentBecause(Absence { cause: none.to_owned(), hint: None })),
        _ => {
            let ids: Vec<String> = named.iter().map(|listed| format!("`{}`", listed.id)).collect();
            Err(Outcome::Failed(Failure::misconfigured(
                format!("several {kind}s are named `{name}`: {}", ids.join(", ")),
                format!("write the {kind}'s id instead of its name"),
            )))
        }
    }
}

fn unread() -> Outcome {
    let cause = "the answer is not what a Connect server gives".to_owned();
    Outcome::Failed(Failure { kind: FailureKind::Malformed, cause, hint: None })
}
