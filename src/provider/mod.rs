//! Where secrets come from: one trait of one method, a batch of documents in, one outcome per document out.
//!
//! Invariants: a provider never learns the name of a secret and never imports another provider;
//! *absent* is an outcome of its own, not a message; what a backend or library says is translated
//! here, where it enters, because many of them print what they were given. `registry` alone names
//! all providers.

pub mod age;
mod ask;
pub mod aws;
pub mod descriptor;
mod discreet;
pub mod env;
pub mod file;
#[cfg(test)]
#[cfg_attr(not(feature = "provider-vault"), allow(dead_code, reason = "the tests of Vault use all of it"))]
mod fixture;
pub mod forecast;
pub mod gcp;
pub mod keyzero;
mod lender;
mod local_file;
#[cfg(test)]
#[cfg(all(feature = "provider-vault", feature = "provider-gcp", feature = "provider-aws"))]
mod month;
pub mod onepassword;
#[cfg(any(feature = "provider-1password", feature = "provider-aws"))]
mod program;
pub mod registry;
#[cfg(feature = "https")]
mod remote;
mod request;
pub mod settings;
mod shape;
mod shared;
pub mod vault;

use std::ffi::OsString;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::hint::{Hint, said};
use crate::log::Log;
use crate::secret::Secret;
use crate::size::Size;
pub use ask::{Ask, Purpose};
pub use lender::{Leases, Lender, Renewal, Unrenewed};
pub use request::Request;
pub use shared::Shared;

/// One thing a backend can be asked for: a file, a Vault path, an item. Fields of it are found afterwards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentRef {
    /// The ref as written in the configuration, without its `#field`.
    pub path: String,
    /// The backend's own name of a version, where it has versions.
    pub version: Option<String>,
    /// What the backend makes it of, where it makes it: such a document is another with each request, and each time.
    pub request: Option<Request>,
}

/// How the fields of a document are found, when one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `KEY=value` lines.
    Dotenv,
    /// A JSON object.
    Json,
    /// A TOML document.
    Toml,
}

/// What a backend holds under one [`DocumentRef`].
#[derive(Clone, Debug)]
pub struct Document {
    /// The whole document, byte for byte.
    pub content: Secret,
    /// How to look for a field in it.
    pub shape: Shape,
    /// Which version it is, as the backend itself says (a number, an id), where it says that. Never
    /// made from the content.
    pub version: Option<String>,
    /// Until when it is valid, where the backend lent it or says when it will change it; else nothing.
    pub lease: Option<Lease>,
}

/// For how long a credential is valid: one that the backend lent to this reader alone, or one that it changes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who knows it by which name; nothing where nobody lent it, and the backend changes it by itself when it ends.
    pub lent: Option<Box<Lent>>,
    /// When it was asked for, or earlier where it had been kept by somebody in between: it is not valid longer than from then on.
    pub issued: Instant,
    /// How long it is valid from then on: the lesser of the lease itself and the token that it hangs on.
    pub valid: Duration,
}

/// What was lent to this reader alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The backend's name of it.
    pub id: String,
    /// In which of the backend's namespaces it is; the root where that is empty, or it has none.
    pub namespace: String,
    /// By which others may speak of the token that it hangs on, where kz got that itself.
    pub accessor: Option<String>,
    /// Whether its life can be prolonged.
    pub renewable: bool,
}

impl Lease {
    /// Of what nobody lent, and the backend changes by itself at its end.
    pub fn of_change(issued: Instant, valid: Duration) -> Self {
        Self { lent: None, issued, valid }
    }

    /// Whether it was lent, and can be given back.
    pub fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// How long it is still valid.
    pub fn left(&self, now: Instant) -> Duration {
        self.valid.saturating_sub(now.saturating_duration_since(self.issued))
    }

    /// When it ends; far away where that is beyond what a clock can say.
    pub fn end(&self) -> Instant {
        let far = Duration::from_hours(24 * 365 * 100);
        self.issued.checked_add(self.valid.min(far)).unwrap_or(self.issued)
    }

    /// Whether it is over, or so nearly that a reader would meet its end at once: less than a tenth is left, or than two seconds.
    pub fn is_nearly_over(&self, now: Instant) -> bool {
        self.left(now) < Duration::from_secs(2).min(self.valid / 2).max(self.valid / 10)
    }
}

/// Why a document could not be had, by what a user has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The backend knows kz, or refuses to, and does not let it read.
    Denied,
    /// The backend could not be reached, or did not answer in time.
    Unreachable,
    /// Nothing leads to the backend until somebody changes something: its certificate is not trusted, a proxy refuses,
    /// what answers does not speak the protocol. Not tried again.
    Barred,
    /// What came back is not what was expected.
    Malformed,
    /// kz was not told enough to ask: no identity, no such method.
    Misconfigured,
    /// It has more bytes than kz takes, which the user can raise.
    TooLarge,
    /// The backend was reached, knows what is asked for, and failed to make an answer.
    ServerFailed,
}

impl FailureKind {
    /// Whether the backend was not heard at all, so that no other question to it would fare better.
    #[cfg_attr(
        not(any(feature = "provider-vault", feature = "provider-aws", feature = "provider-gcp")),
        allow(dead_code, reason = "only backends behind a network are not heard")
    )]
    fn is_unheard(self) -> bool {
        matches!(self, Self::Unreachable | Self::Barred)
    }

    /// What it is when the time is over and the last that a backend said had this status: one that was there and failed,
    /// which is its administrator's trouble, is not one that nobody reached. A gateway's statuses tell of the latter.
    #[cfg_attr(
        not(any(
            feature = "provider-vault",
            feature = "provider-aws",
            feature = "provider-gcp",
            feature = "provider-1password"
        )),
        allow(dead_code, reason = "only backends behind a network have statuses")
    )]
    fn at_the_deadline(status: Option<u16>) -> Self {
        match status {
            Some(500 | 501 | 505..=511) => Self::ServerFailed,
            _ => Self::Unreachable,
        }
    }
}

/// A failure in words that hold names, refs, positions and sizes, never a value or a backend's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What class of failure it is.
    pub kind: FailureKind,
    /// The cause: lower case, no full stop.
    pub cause: String,
    /// What to type next, when there is something.
    pub hint: Option<Hint>,
}

impl Failure {
    /// kz was not told enough, or what cannot be.
    fn misconfigured(cause: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self { kind: FailureKind::Misconfigured, cause: cause.into(), hint: Some(hint.into()) }
    }

    /// What holds the document has more bytes than kz takes.
    fn too_large(cause: impl Into<String>) -> Self {
        let hint = "if it is to be so large, raise `max_document_size` in `[resolve]`";
        Self { kind: FailureKind::TooLarge, cause: cause.into(), hint: said(hint) }
    }
}

/// Why a document is absent, where the backend says more than that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The cause: lower case, no full stop.
    pub cause: String,
    /// What to type next, when there is something.
    pub hint: Option<Hint>,
}

/// What became of one document.
#[must_use]
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is there.
    Found(Document),
    /// It is there and holds nothing, which is as good as absent where something else is to be used then.
    Blank(Document),
    /// The backend answered that there is no such document.
    Absent,
    /// The same, and it can be said why.
    AbsentBecause(Absence),
    /// Each read of it makes a credential. It may be read, and was not, since kz only looks ([`Purpose::Look`]).
    Readable,
    /// It could not be told, or it is not to be had.
    Failed(Failure),
}

/// The outcomes of a batch, in its order and number.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Vec<Outcome>> + Send + 'a>>;

/// A configured instance of a backend. It outlives each asking: what it holds ends by itself, and is got again.
pub trait Provider: Send + Sync {
    /// Reads every document of the batch. Never fails as a whole: what concerns all of them is said of each. May be asked
    /// again, and by several at once.
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a>;

    /// A text about an answer, without what the backend was asked with: whoever answers may repeat it, in the name of a field too.
    fn discreet(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Who gives what was read a longer life, where it is lent.
    fn lender(&self) -> Option<&dyn Lender> {
        None
    }

    /// Gives back what was taken for the reads so far and is of no use any more: a token of kz's own, and leases where nothing
    /// was delivered. May be called again, with [`End::NotDelivered`] after all; never fails, and is bounded in time.
    fn close<'a>(&'a self, end: End, ask: &'a Ask) -> Closing<'a> {
        let _ = (end, ask);
        Box::pin(std::future::ready(()))
    }
}

/// What [`Provider::close`] takes.
pub type Closing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What became of everything that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody has it, and uses it from now on.
    Delivered,
    /// Nobody has it, nor will.
    NotDelivered,
}

/// The terms on which backends are asked, as long as a provider lives: what the user set for all of them.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where it is said, once, whom kz asks.
    pub log: Log,
    /// How many documents may be asked for at once, where that was set.
    pub concurrency: Option<usize>,
    /// What becomes of a token that kz got itself.
    pub tokens: Tokens,
    /// How large a file, a server's reply or a program's output may be that holds documents.
    pub max_document_size: Size,
    /// What instances on these terms have in common.
    pub shared: Shared,
    /// In turn with which other replies large ones are read: with all of one run.
    #[cfg(feature = "https")]
    pub bodies: crate::http::Bodies,
}

/// What [`Terms::max_document_size`] is without any setting: twice what Vault takes in one request, since JSON escapes.
pub const MAX_DOCUMENT_SIZE: Size = Size::mebibytes(64);

/// What becomes of a token that kz got itself, once nothing hangs on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// It is revoked.
    #[default]
    Revoke,
    /// It is left to expire.
    Keep,
}

impl Default for Terms {
    /// As without any setting.
    fn default() -> Self {
        Self {
            log: Log::default(),
            concurrency: None,
            tokens: Tokens::default(),
            max_document_size: MAX_DOCUMENT_SIZE,
            shared: Shared::default(),
            #[cfg(feature = "https")]
            bodies: crate::http::Bodies::default(),
        }
    }
}

/// What a provider may use of the process that it runs in, while it is built; a map in tests.
pub trait Surroundings {
    /// The environment variable `name`, byte for byte, when it is set.
    fn variable(&self, name: &str) -> Option<Secret>;
    /// All variables with what they hold, so that none of it is repeated.
    fn variables(&self) -> Vec<(OsString, Secret)>;
    /// One of kz's own variables: without a byte order mark or white space around what it holds, and unless that is
    /// nothing, which Compose makes of what it cannot find.
    fn given(&self, name: &str) -> Option<Secret> {
        let value = self.variable(name)?;
        let bytes = crate::reading::unmarked(value.expose()).trim_ascii();
        (!bytes.is_empty()).then(|| Secret::new(bytes.to_vec()))
    }
    /// The same, where it is text.
    fn given_text(&self, name: &str) -> Option<String> {
        self.given(name)?.expose_text().map(str::to_owned)
    }
    /// The directory that relative paths of the configuration start from: the configuration file's own.
    fn base(&self) -> &std::path::Path;
    /// On what terms backends are asked.
    fn terms(&self) -> Terms {
        Terms::default()
    }
}
