//! Whose certificates kz believes, and which one it shows itself.
//!
//! Invariants: certificates that are named replace the system's, as in Vault's own client; where neither is
//! there, Mozilla's list that is linked into kz is used, so that a binary copied into a bare image works; what
//! is named and cannot be read is an error, never a reason to trust others. There is no way to trust anybody.

mod verifier;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::reading;
use crate::secret::Secret;
use verifier::Verifier;

/// Where distributions keep the certificates that the system trusts.
const SYSTEM_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// A list of certificates is some hundred KiB.
const LARGEST: u64 = 16 << 20;

/// Whom to believe.
#[derive(Clone, Debug)]
pub enum Roots {
    /// These alone: PEM texts with the names that messages call them by.
    Only(Vec<(String, Vec<u8>)>),
    /// The system's: this file where it is named (`SSL_CERT_FILE`), else where distributions keep them.
    System(Option<PathBuf>),
}

/// The certificate that kz shows, with its key. Texts in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, and those between it and a root.
    pub certificate: Vec<u8>,
    /// The private key, not encrypted.
    pub key: Secret,
}

/// What is wrong with certificates or key. Names files, never their content.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// Named, but not to be read.
    #[error("`{0}` cannot be read")]
    Unreadable(String),
    /// Nothing in it.
    #[error("`{0}` holds no certificate in PEM")]
    NoCertificate(String),
    /// Something in it that is none.
    #[error("`{0}` holds a certificate that cannot be used")]
    BadCertificate(String),
    /// Ours.
    #[error("the client certificate holds no certificate in PEM")]
    NoClientCertificate,
    /// Ours.
    #[error("the client key holds no private key in PEM that is not encrypted")]
    NoKey,
    /// Ours.
    #[error("the client certificate and the client key do not belong together, or are of no known kind")]
    Mismatch,
}

impl Untrusted {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "let kz's user read it",
            Self::NoCertificate(_) | Self::BadCertificate(_) | Self::NoClientCertificate => {
                "name a PEM file with the certificate, not with its key: `openssl x509 -noout -subject -in FILE` reads it"
            }
            Self::NoKey => {
                "name the PEM file of the key, without a passphrase: `openssl pkey -noout -in FILE` reads it"
            }
            Self::Mismatch => {
                "`openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` print the same of a pair"
            }
        }
    }
}

/// The TLS of a client, which offers no protocol above it yet.
pub fn client(roots: &Roots, identity: Option<&Identity>) -> Result<ClientConfig, Untrusted> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Untrusted::Mismatch)?;
    let (store, trusted) = store(roots)?;
    let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider).build();
    let builder = match chains {
        Ok(chains) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::new(chains, trusted)))
        }
        // Without a single root: nobody is believed.
        Err(_) => builder.with_root_certificates(RootCertStore::empty()),
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| Untrusted::Mismatch)
        }
    }
}

fn read_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Untrusted> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&identity.certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(Untrusted::NoClientCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose()).map_err(|_| Untrusted::NoKey)?;
    Ok((chain, key))
}

/// Those who are believed, and their certificates where they are from a file.
fn store(roots: &Roots) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Untrusted> {
    let mut store = RootCertStore::empty();
    let mut trusted = Vec::new();
    match roots {
        Roots::Only(texts) => {
            for (name, text) in texts {
                for certificate in certificates(name, text)? {
                    let added = store.add(certificate.clone());
                    added.map_err(|_| Untrusted::BadCertificate(name.clone()))?;
                    trusted.push(certificate);
                }
            }
        }
        Roots::System(Some(named)) => {
            let name = named.display().to_string();
            let text = reading::read(named, LARGEST).map_err(|_| Untrusted::Unreadable(name.clone()))?;
            trusted = certificates(&name, text.expose())?;
            store.add_parsable_certificates(trusted.iter().cloned());
        }
        Roots::System(None) => match SYSTEM_FILES.iter().find_map(|file| system(Path::new(file))) {
            Some(found) => (store, trusted) = found,
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        },
    }
    Ok((store, trusted))
}

/// The system's list in one of its places, unless there is nothing to be had from it.
fn system(file: &Path) -> Option<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let text = reading::read(file, LARGEST).ok()?;
    let mut store = RootCertStore::empty();
    // A list of a hundred may hold one that this library does not take; that one is not trusted.
    let trusted: Vec<_> = CertificateDer::pem_slice_iter(text.expose()).filter_map(Result::ok).collect();
    store.add_parsable_certificates(trusted.iter().cloned());
    (!store.is_empty()).then_some((store, trusted))
}

fn certificates(name: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Untrusted> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(Untrusted::NoCertificate(name.to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(Untrusted::BadCertificate(name.to_owned())),
    }
}

/// Whether a PEM text holds a certificate: files of a directory that do not are passed over.
pub fn holds_certificate(text: &[u8]) -> bool {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
        .filter_map(Result::ok)
        .any(|(kind, _)| kind == SectionKind::Certificate)
}
