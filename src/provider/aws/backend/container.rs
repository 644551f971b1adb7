//! The endpoint from which a container gets its identity: ECS, EKS Pod Identity and their like.
//!
//! Invariant: it is asked over TLS, or in the clear at this machine and at the addresses of ECS and EKS only, as the SDKs
//! do it (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>), since it is shown a token.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::http::Address;
use crate::provider::Failure;
use crate::provider::local_file::Reader;
use crate::secret::Secret;

use super::variables::Variables;

/// Tokens of service accounts are some kilobytes.
const LIMIT: u64 = 256 << 10;
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Where it is, and what it is shown.
#[derive(Debug)]
pub(super) struct Container {
    /// The variable that names it.
    pub(super) name: &'static str,
    uri: ::http::Uri,
    token: Option<::http::HeaderValue>,
}

impl Container {
    /// As the variables have it; nothing where they name none.
    pub(super) async fn of(variables: &Variables, reader: Reader<'_>) -> Result<Option<Self>, Failure> {
        let relative = variables.text(RELATIVE).map(|path| (RELATIVE, format!("http://169.254.170.2{path}")));
        let named = relative.or_else(|| variables.text(FULL).map(|uri| (FULL, uri.to_owned())));
        let Some((name, text)) = named else { return Ok(None) };
        let unfit = || {
            Failure::misconfigured(
                format!("{name} holds no address of a container's credentials"),
                "ECS and EKS set it: it is an address with `https://`, or of the container or the host itself",
            )
        };
        let uri: ::http::Uri = text.parse().map_err(|_| unfit())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(unfit());
        };
        let address = Address::parse(&format!("{scheme}://{authority}")).map_err(|_| unfit())?;
        if !(address.is_https() || is_near(&address).await) {
            return Err(Failure::misconfigured(
                format!("{name} names another machine without `https://`, and kz shows it no token"),
                "use `https://`, or the address that ECS or EKS sets",
            ));
        }
        Ok(Some(Self { name, uri, token: token(variables, reader)? }))
    }

    /// What is asked.
    pub(super) fn request(&self) -> Option<HttpRequest> {
        let mut request = ::http::Request::get(self.uri.clone()).header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header(::http::header::AUTHORIZATION, token.clone());
        }
        HttpRequest::try_from(request.body(SdkBody::empty()).ok()?).ok()
    }
}

fn token(variables: &Variables, reader: Reader<'_>) -> Result<Option<::http::HeaderValue>, Failure> {
    let (name, token) = match (variables.path(TOKEN_FILE), variables.text(TOKEN)) {
        (Some(file), _) => (TOKEN_FILE, reader.credential(file, LIMIT)?),
        (None, Some(token)) => (TOKEN, Secret::new(token.as_bytes().to_vec())),
        (None, None) => return Ok(None),
    };
    let mut header = ::http::HeaderValue::from_bytes(token.expose().trim_ascii()).map_err(|_| {
        Failure::misconfigured(
            format!("the token of {name} has a control character inside"),
            "a token is one line",
        )
    })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// Whether an address is this machine's, or one that only it reaches.
async fn is_near(address: &Address) -> bool {
    let is_ours = |ip: IpAddr| {
        let links = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
        ip.is_loopback() || links.iter().any(|link| link.parse() == Ok(ip))
    };
    let host = address.host().trim_matches(['[', ']']);
    if let Ok(ip) = host.parse() {
        return is_ours(ip);
    }
    let Ok(found) = tokio::net::lookup_host((host, address.port())).await else { return false };
    let mut found = found.peekable();
    found.peek().is_some() && found.all(|socket| is_ours(socket.ip()))
}
