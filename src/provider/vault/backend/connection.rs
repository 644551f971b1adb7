//! Where Vault is and how it is reached: address, namespace, certificates, proxy; from the section, else from the
//! CLI's variables.
//!
//! Invariants: `VAULT_SKIP_VERIFY` is refused, since it would give every secret to whoever stands in between, and
//! `VAULT_SRV_LOOKUP`, since kz would ask another server than the CLI; files are read when the first document is asked for, not before.

use std::path::{Path, PathBuf};

use crate::http::{self, Address, Client};
use crate::provider::local_file::Reader;
use crate::provider::remote::certificates;
use crate::provider::remote::way::Way;
use crate::provider::settings::Settings;
use crate::provider::vault::environment::Given;
use crate::provider::{Failure, Surroundings};
use crate::secret::Secret;
use crate::tls::{Identity, Roots};

use super::nodes::Nodes;
use super::variables::Variables;

/// What the section and the environment say of the server, as yet unchecked.
#[derive(Debug)]
pub(super) struct Connection {
    addresses: Vec<String>,
    /// Words on why there is none, where it is not only that none is set.
    no_address: String,
    pub(super) namespace: Option<String>,
    roots: Option<Pem>,
    certificate: Option<Pem>,
    key: Option<Pem>,
    server_name: Option<String>,
    /// Variables that ask for what kz does not do: to trust any certificate, and to look for SRV records.
    skip_verify: Option<&'static str>,
    srv_lookup: Option<&'static str>,
    way: Way,
}

/// Where certificates or a key are.
#[derive(Clone, Debug)]
enum Pem {
    /// In a file, or a directory of them.
    File(PathBuf),
    /// In a variable itself.
    Variable(Given),
}

impl Connection {
    pub(super) fn of(settings: &Settings, variables: &Variables, surroundings: &dyn Surroundings) -> Self {
        let text = |setting, variable| {
            settings.text(setting).map(str::to_owned).or_else(|| variables.text(variable))
        };
        // A file comes before a text, as in the CLI.
        let pem = |setting, variable, bytes| {
            let file = settings.path(setting).map(Path::to_owned).or_else(|| variables.path(variable));
            file.map(Pem::File).or_else(|| variables.given(bytes).cloned().map(Pem::Variable))
        };
        let mut addresses = settings.list("addresses").to_vec();
        addresses.extend(settings.text("address").map(str::to_owned));
        if addresses.is_empty() {
            addresses.extend(variables.address().map(|(_, address)| address.clone()));
        }
        let mut way = Way::of(surroundings);
        way.proxies.always = ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"].iter().find_map(|name| {
            let Given { name, value } = variables.given(name)?;
            Some((*name, value.expose_text()?.to_owned()))
        });
        Self {
            addresses,
            no_address: variables.hidden(&["VAULT_ADDR", "VAULT_AGENT_ADDR"]),
            namespace: text("namespace", "VAULT_NAMESPACE"),
            roots: pem("ca_cert", "VAULT_CACERT", "VAULT_CACERT_BYTES")
                .or_else(|| variables.path("VAULT_CAPATH").map(Pem::File)),
            certificate: pem("client_cert", "VAULT_CLIENT_CERT", "VAULT_CLIENT_CERT_BYTES"),
            key: pem("client_key", "VAULT_CLIENT_KEY", "VAULT_CLIENT_KEY_BYTES"),
            server_name: text("tls_server_name", "VAULT_TLS_SERVER_NAME"),
            skip_verify: variables.demand("VAULT_SKIP_VERIFY"),
            srv_lookup: variables.demand("VAULT_SRV_LOOKUP"),
            way,
        }
    }

    /// Whether a client certificate is named, which `auth = { method = "cert" }` needs.
    pub(super) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// The servers.
    pub(super) fn open(&self, reader: Reader<'_>) -> Result<Nodes, Failure> {
        let (first, others) = self.addresses.split_first().ok_or_else(|| {
            Failure::misconfigured(
                format!("there is no address of Vault{}", self.no_address),
                "set VAULT_ADDR, or write `address = \"https://…:8200\"` into `[providers.vault]`",
            )
        })?;
        let first = self.client(first, reader)?;
        let others: Result<Vec<_>, Failure> =
            others.iter().map(|address| self.client(address, reader)).collect();
        Ok(Nodes::new(first, others?))
    }

    fn client(&self, written: &str, reader: Reader<'_>) -> Result<Client, Failure> {
        let address = Address::parse(written).map_err(|invalid| {
            Failure::misconfigured(
                format!("the address of Vault {invalid}"),
                "write it as `https://vault.internal:8200`",
            )
        })?;
        refuse_path_of_the_api(&address)?;
        self.refuse_demands(&address, written)?;
        let settings = http::Settings {
            address,
            roots: self.roots(reader)?,
            identity: self.identity(reader)?,
            server_name: self.server_name.clone(),
            proxies: self.way.proxies.clone(),
            largest_reply: self.way.largest_reply,
            bodies: self.way.bodies.clone(),
        };
        Client::new(&settings).map_err(|unbuilt| Failure::misconfigured(unbuilt.to_string(), unbuilt.hint()))
    }

    /// Refuses what a variable asks for that would have kz ask another server, or one that it cannot tell from another.
    fn refuse_demands(&self, address: &Address, written: &str) -> Result<(), Failure> {
        if let Some(variable) = self.skip_verify {
            return Err(Failure::misconfigured(
                format!(
                    "{variable} is set, and kz sends no credential to a server that it cannot tell from another"
                ),
                "unset it, and name the certificate that signs the server's: `ca_cert` or VAULT_CACERT",
            ));
        }
        match self.srv_lookup {
            // As in the CLI, a port says that there is nothing to look for.
            Some(variable) if address.socket().is_none() && !names_port(written) => {
                Err(Failure::misconfigured(
                    format!("{variable} is set, and kz looks for no SRV records"),
                    format!("unset it, and write the port too: `{address}:8200`"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn roots(&self, reader: Reader<'_>) -> Result<Roots, Failure> {
        match &self.roots {
            Some(Pem::Variable(Given { name, value })) => {
                Ok(Roots::Only(vec![((*name).to_owned(), value.expose().to_vec())]))
            }
            Some(Pem::File(path)) => self.way.roots(Some(path), reader),
            None => self.way.roots(None, reader),
        }
    }

    /// The client certificate and its key, which may be in one file.
    fn identity(&self, reader: Reader<'_>) -> Result<Option<Identity>, Failure> {
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
        let read = |pem: &Pem| -> Result<Secret, Failure> {
            match pem {
                Pem::File(path) => reader.credential(path, certificates::LIMIT),
                Pem::Variable(given) => Ok(given.value.clone()),
            }
        };
        Ok(Some(Identity { certificate: read(certificate)?.expose().to_vec(), key: read(key)? }))
    }
}

/// Whether an address says its port itself.
fn names_port(written: &str) -> bool {
    let rest = written.split_once("://").map_or(written, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
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
