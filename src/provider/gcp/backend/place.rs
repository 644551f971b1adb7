//! Secret Manager at one address: reads versions there, again and again as patience allows.

use std::sync::atomic::{AtomicBool, Ordering};

use ::http::{HeaderName, HeaderValue, Request, header};

use crate::http::{self, Client, Content};
use crate::log::Log;
use crate::patience::{Attempt, Concern};
use crate::provider::gcp::resource::Resource;
use crate::provider::remote::lanes::Lanes;
use crate::provider::{Ask, Document, Failure, FailureKind, Outcome, Terms};
use crate::secret::Secret;

use super::answer;
use super::trouble::Trouble;
use super::wire::{self, through};

/// Who kz is.
#[derive(Clone)]
pub(super) struct Identity {
    authorization: HeaderValue,
    quota_project: Option<HeaderValue>,
    /// As in "with the identity from …".
    source: String,
}

impl Identity {
    pub(super) fn new(token: &Secret, quota_project: Option<&str>, source: &str) -> Result<Self, Failure> {
        let unfit = |what| Failure {
            kind: FailureKind::Misconfigured,
            cause: http::Error::Header(what).to_string(),
            hint: None,
        };
        Ok(Self {
            authorization: wire::bearer(token).ok_or_else(|| unfit("the token"))?,
            quota_project: quota_project
                .map(|project| HeaderValue::from_str(project).map_err(|_| unfit("the quota project")))
                .transpose()?,
            source: source.to_owned(),
        })
    }
}

/// An address of the service.
pub(super) struct Place {
    client: Client,
    log: Log,
    lanes: Lanes,
    /// Whether it was said whom kz asks.
    said: AtomicBool,
}

impl Place {
    pub(super) fn new(client: Client, terms: &Terms) -> Self {
        let lanes = Lanes::new(terms, &client);
        Self { client, log: terms.log, lanes, said: AtomicBool::new(false) }
    }

    /// Ends when a connection stands.
    pub(super) async fn stands(&self) {
        self.client.stands().await;
        self.lanes.widen(self.client.connections());
    }

    /// One version.
    pub(super) async fn read(&self, ask: &Ask, identity: &Identity, resource: &Resource) -> Outcome {
        self.say(identity);
        let _lane = self.lanes.turn().await;
        let server = self.client.address().authority();
        let damaged = AtomicBool::new(false);
        let once = || async {
            match self.exchange(identity, resource).await {
                // Damage on the way is rare, and does not happen twice
                // (<https://cloud.google.com/secret-manager/docs/data-integrity>).
                Attempt::Final(Trouble::Checksum) if !damaged.swap(true, Ordering::Relaxed) => {
                    Attempt::Again(Trouble::Checksum, Concern::Request, None)
                }
                attempt => attempt,
            }
        };
        match ask.patience.attempt(&server, once).await {
            Ok(document) => Outcome::Found(document),
            Err(given_up) => Trouble::outcome(&given_up, &server, resource),
        }
    }

    /// Names the address that is contacted, once.
    fn say(&self, identity: &Identity) {
        if !self.said.swap(true, Ordering::Relaxed) {
            let (address, through) = (self.client.address(), through(&self.client));
            let source = &identity.source;
            self.log.note(&format!(
                "asking Secret Manager at {address}{through} with the identity from {source}"
            ));
        }
    }

    async fn exchange(&self, identity: &Identity, resource: &Resource) -> Attempt<Document, Trouble> {
        let reply = match self.client.send(self.request(identity, resource)).await {
            Ok(reply) => reply,
            Err(error) => return wire::unreached(error),
        };
        self.lanes.heed(&self.client, reply.protocol);
        match wire::judge(reply) {
            Attempt::Done(reply) => match answer::document(&reply.body, resource) {
                Ok(document) => Attempt::Done(document),
                Err(trouble) => Attempt::Final(trouble),
            },
            Attempt::Again(trouble, concern, after) => Attempt::Again(trouble, concern, after),
            Attempt::Final(trouble) => Attempt::Final(trouble),
        }
    }

    fn request(&self, identity: &Identity, resource: &Resource) -> Request<Vec<u8>> {
        let name = resource.version_name().unwrap_or_default();
        let prefix = self.client.address().prefix();
        let mut request = wire::get(&self.client, &format!("{prefix}/v1/{name}:access"));
        request.extensions_mut().insert(Content::Document);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, identity.authorization.clone());
        if let Some(project) = &identity.quota_project {
            headers.insert(HeaderName::from_static("x-goog-user-project"), project.clone());
        }
        request
    }
}
