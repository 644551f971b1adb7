//! Where Vault is and how it is reached: address, namespace, certificates, proxy; from the section, else from the
//! CLI's variables.
//!
//! Invariants: `VAULT_SKIP_VERIFY` is refused, since it would give every secret to whoever stands in between;
//! files are read when the first document is asked for, not before.

use std::path::{Path, PathBuf};

use crate::http::{self, Address, Client, Identity};
use crate::provider::certificates;
use crate::provider::local_file::Places;
use crate::provider::settings::Settings;
use crate::provider::way::Way;
use crate::provider::{Failure, FailureKind, Surroundings};

use super::variables::Variables;

/// What the section and the environment say of the server, as yet unchecked.
#[derive(Debug)]
pub(super) struct Connection {
    address: Option<String>,
    pub(super) namespace: Option<String>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    server_name: Option<String>,
    skip_verify: bool,
    way: Way,
}

impl Connection {
    pub(super) fn of(settings: &Settings, variables: &Variables, surroundings: &dyn Surroundings) -> Self {
        let text = |setting, variable| {
            settings.text(setting).map(str::to_owned).or_else(|| variables.text(variable))
        };
        let path = |setting, variable| {
            settings.path(setting).map(Path::to_owned).or_else(|| variables.path(variable))
        };
        let skip = variables.text("VAULT_SKIP_VERIFY").map(|value| value.to_ascii_lowercase());
        Self {
            address: text("address", "VAULT_ADDR"),
            namespace: text("namespace", "VAULT_NAMESPACE"),
            roots: path("ca_cert", "VAULT_CACERT").or_else(|| variables.path("VAULT_CAPATH")),
            certificate: path("client_cert", "VAULT_CLIENT_CERT"),
            key: path("client_key", "VAULT_CLIENT_KEY"),
            server_name: text("tls_server_name", "VAULT_TLS_SERVER_NAME"),
            skip_verify: skip.is_some_and(|value| !matches!(value.as_str(), "0" | "f" | "false")),
            way: Way::of(surroundings),
        }
    }

    /// Whether a client certificate is named, which `auth = { method = "cert" }` needs.
    pub(super) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// The client.
    pub(super) fn open(&self, places: &Places) -> Result<Client, Failure> {
        let address = self.address.as_deref().ok_or_else(|| {
            Failure::misconfigured(
                "there is no address of Vault",
                "set VAULT_ADDR, or write `address = \"https://…:8200\"` into `[providers.vault]`",
            )
        })?;
        let address = Address::parse(address).map_err(|invalid| {
            Failure::misconfigured(
                format!("the address of Vault {invalid}"),
                "write it as `https://vault.internal:8200`",
            )
        })?;
        refuse_path_of_the_api(&address)?;
        if self.skip_verify {
            return Err(Failure::misconfigured(
                "VAULT_SKIP_VERIFY is set, and kz sends no credential to a server that it cannot tell from another",
                "unset it, and name the certificate that signs the server's: `ca_cert` or VAULT_CACERT",
            ));
        }
        let settings = http::Settings {
            address,
            roots: self.way.roots(self.roots.as_deref(), places)?,
            identity: self.identity(places)?,
            server_name: self.server_name.clone(),
            proxies: self.way.proxies.clone(),
            largest_reply: self.way.largest_reply,
        };
        Client::new(&settings).map_err(|unbuilt| Failure {
            kind: FailureKind::Misconfigured,
            cause: unbuilt.to_string(),
            hint: None,
        })
    }

    /// The client certificate and its key, which may be in one file.
    fn identity(&self, places: &Places) -> Result<Option<Identity>, Failure> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(certificate), key) => (certificate, key.as_ref().unwrap_or(certificate)),
            (None, Some(_)) => {
                return Err(Failure::misconfigured(
                    "there is a client key without a certificate",
                    "name it: `client_cert` or VAULT_CLIENT_CERT",
                ));
            }
        };
        let read = |path: &Path| places.credential(path, certificates::LIMIT);
        Ok(Some(Identity { certificate: read(certificate)?.expose().to_vec(), key: read(key)? }))
    }
}

/// kz puts `/v1` onto the address itself, and `/ui` is what a browser shows: with either, no path is one of Vault's.
fn refuse_path_of_the_api(address: &Address) -> Result<(), Failure> {
    let prefix = address.prefix();
    let end = ["/v1", "/ui", "/ui/vault"].into_iter().find(|end| prefix.ends_with(end));
    let begin =
        end.and_then(|end| prefix.strip_suffix(end)).or_else(|| Some(prefix.split_once("/ui/vault/")?.0));
    begin.map_or(Ok(()), |begin| {
        Err(Failure::misconfigured(
            format!(
                "the address of Vault has a path too many: `{}`",
                prefix.strip_prefix(begin).unwrap_or(prefix)
            ),
            format!("leave it out, kz adds the API's path itself: `{}{begin}`", address.origin()),
        ))
    })
}
