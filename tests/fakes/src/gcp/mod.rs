//! Google Cloud for tests, on the server of `tests/fakes/src/fake_server/`: written from the discovery documents of Secret
//! Manager, IAM Credentials and STS (PyPI's google-api-python-client) and from the pages on Application Default
//! Credentials and the metadata server; checked once with Google's own Python client (`tests/it/gcp/fake.rs`).
//!
//! Has: `versions.access`, global and regional, with versions, aliases, states and checksums; the token endpoint for
//! keys (whose signatures and claims are verified) and logins; STS's exchange; `generateAccessToken`; the metadata
//! server; another provider's token behind an address. All of it at one address. Tokens last until a test ends them.
//!
//! A request's name is `access/projects/…/versions/V`, `token`, `sts`, `iam/EMAIL`, `metadata/…` or `subject`.

/// Replies in Google's words, for rules.
pub mod words;

mod account;
mod assertion;
mod federation;
mod metadata;
mod secrets;
mod tokens;

use crate::fake_server::{self, Backend, Reply, Request};

pub use account::Gcp;
pub use federation::{SUBJECT_HEADER, impersonation_url};

/// A running Google Cloud. Stops when dropped.
pub type Fake = fake_server::Fake<Gcp>;

/// The project that everything is in, and its number, which answers have instead.
pub const PROJECT: &str = "example-project";
pub const NUMBER: &str = "123456789012";

/// Who would answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    SecretManager,
    Tokens,
    Sts,
    Iam,
    Metadata,
    Subject,
    Nobody,
}

impl Service {
    pub fn of(request: &Request) -> Self {
        match request.path.as_str() {
            "/token" => Self::Tokens,
            "/v1/token" => Self::Sts,
            "/subject" => Self::Subject,
            path if path.ends_with(":generateAccessToken") => Self::Iam,
            path if path == "/" || path.starts_with("/computeMetadata/") => Self::Metadata,
            path if path.starts_with("/v1/projects/") => Self::SecretManager,
            _ => Self::Nobody,
        }
    }
}

/// Whether tokens are asked for that may do something here: everything, or IAM's part, which suffices to act as another.
pub fn is_scope(text: &str) -> bool {
    ["cloud-platform", "iam"].iter().any(|name| text == format!("https://www.googleapis.com/auth/{name}"))
}

impl Backend for Gcp {
    const HUGE: [&'static str; 2] =
        [r#"{"name":"projects/123456789012/secrets/app/versions/1","payload":{"data":""#, r#""}}"#];

    fn answer(&mut self, request: &Request) -> Reply {
        let answered = match Service::of(request) {
            Service::SecretManager => secrets::answer(self, request),
            Service::Tokens => tokens::answer(self, request),
            Service::Sts => federation::exchange(self, request),
            Service::Iam => federation::impersonate(self, request),
            Service::Metadata => metadata::answer(self, request),
            Service::Subject => federation::subject(self, request),
            Service::Nobody => Err(words::html(404)),
        };
        answered.unwrap_or_else(|refused| refused)
    }

    fn name(request: &Request) -> String {
        let path = request.path.trim_start_matches('/');
        match Service::of(request) {
            Service::SecretManager => {
                let name = path.trim_start_matches("v1/");
                format!("access/{}", name.strip_suffix(":access").unwrap_or(name))
            }
            Service::Tokens => "token".to_owned(),
            Service::Sts => "sts".to_owned(),
            Service::Iam => format!("iam/{}", federation::account(path).unwrap_or_default()),
            Service::Metadata => {
                format!("metadata/{}", path.strip_prefix("computeMetadata/v1/").unwrap_or(path))
            }
            Service::Subject => "subject".to_owned(),
            Service::Nobody => path.to_owned(),
        }
    }

    /// The location that a regional secret is in.
    fn place(request: &Request) -> String {
        let mut segments = request.path.split('/').skip_while(|segment| *segment != "locations");
        segments.nth(1).unwrap_or_default().to_owned()
    }

    fn failure(request: &Request, status: u16) -> Reply {
        words::failure(Service::of(request), status)
    }
}
