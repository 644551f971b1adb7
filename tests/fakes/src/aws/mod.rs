//! AWS for tests, on the server of `tests/fakes/src/fake_server/`: written from the public API references
//! (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/>, `systems-manager`, `STS`; the user guides of EC2,
//! ECS and EKS for metadata), checked once with a foreign client (`tests/it/aws/fake.rs`).
//!
//! Has: `GetSecretValue` and `BatchGetSecretValue`; `GetParameters`; `AssumeRole` and `AssumeRoleWithWebIdentity`;
//! version 2 of EC2's metadata service; containers' credentials of ECS and EKS; role credentials of the SSO portal.
//! All of it at one address. Whoever calls a service signs, with a key that the fake knows or has handed out; a
//! signature is checked, its time is not. Nothing expires unless a test says so. Configuration is done from Rust.
//!
//! A request's name is `secretsmanager.GetSecretValue`, `ssm.GetParameters`, `sts.AssumeRole`, or its path after
//! `imds`, `container` or `sso`: `imds/latest/api/token`. Its place is the region that it is signed for.

/// Replies in the services' words, for rules.
pub mod words;

mod account;
mod container;
mod identity;
mod metadata;
mod parameter_values;
mod parameters;
mod secret_values;
mod secrets;
mod sso;
mod sts;

use crate::fake_server::signature::Signature;
use crate::fake_server::{self, Backend, Reply, Request};

pub use account::Aws;
pub use identity::Keys;
pub use parameters::Kind;

/// A running AWS. Stops when dropped.
pub type Fake = fake_server::Fake<Aws>;

/// Where everything is that a test does not put elsewhere.
pub const REGION: &str = "eu-west-1";
/// Whose everything is.
pub const ACCOUNT: &str = "123456789012";

/// Who would answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    SecretsManager,
    ParameterStore,
    Sts,
    Metadata,
    Container,
    Sso,
    Nobody,
}

impl Service {
    pub fn of(request: &Request) -> Self {
        let path = request.path.as_str();
        match request.header("x-amz-target").and_then(|target| target.split('.').next()) {
            Some("secretsmanager") => Self::SecretsManager,
            Some("AmazonSSM") => Self::ParameterStore,
            None if path == "/" => Self::Sts,
            None if path.starts_with("/latest/") => Self::Metadata,
            None if path.starts_with("/v1/credentials") || path.starts_with("/v2/credentials/") => {
                Self::Container
            }
            None if path.starts_with("/federation/") => Self::Sso,
            Some(_) | None => Self::Nobody,
        }
    }
}

/// The operation that is asked for.
pub fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").and_then(|target| target.split_once('.'));
    target.map_or_else(
        || request.form().get("Action").cloned().unwrap_or_default(),
        |(_, operation)| operation.to_owned(),
    )
}

impl Backend for Aws {
    const HUGE: [&'static str; 2] = [
        r#"{"ARN":"","Name":"huge","VersionId":"","VersionStages":["AWSCURRENT"],"SecretString":""#,
        r#""}"#,
    ];

    fn answer(&mut self, request: &Request) -> Reply {
        match Service::of(request) {
            Service::SecretsManager => secret_values::answer(self, request),
            Service::ParameterStore => parameter_values::answer(self, request),
            Service::Sts => sts::answer(self, request),
            Service::Metadata => metadata::answer(self, request),
            Service::Container => container::answer(self, request),
            Service::Sso => sso::answer(self, request),
            Service::Nobody => words::error("UnknownOperationException", ""),
        }
    }

    fn name(request: &Request) -> String {
        let path = &request.path;
        match Service::of(request) {
            Service::SecretsManager => format!("secretsmanager.{}", operation(request)),
            Service::ParameterStore => format!("ssm.{}", operation(request)),
            Service::Sts => format!("sts.{}", operation(request)),
            Service::Metadata => format!("imds{path}"),
            Service::Container => format!("container{path}"),
            Service::Sso => format!("sso{path}"),
            Service::Nobody => path.clone(),
        }
    }

    fn place(request: &Request) -> String {
        let signature = request.header("authorization").and_then(Signature::read);
        signature.map(|signature| signature.region().to_owned()).unwrap_or_default()
    }

    fn failure(request: &Request, status: u16) -> Reply {
        words::failure(Service::of(request), status)
    }
}
