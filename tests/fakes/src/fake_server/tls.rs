//! A private CA of a test's own, and certificates that are good or flawed in one way. Nothing is kept on disk.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Its time is over.
    Expired,
    /// It is another host's.
    OtherName,
}

/// A CA.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its key, PEM, and the certificate alone, DER.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub der: Vec<u8>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one, of the name that all of these have.
    pub fn new() -> Self {
        Self::named("kz tests: private CA")
    }

    /// One of a name of its own.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA certificate");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// For a server of these names and addresses.
    pub fn server(&self, names: &[&str], flaw: Flaw) -> Identity {
        let names = if flaw == Flaw::OtherName { &["vault.elsewhere.example"] } else { names };
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, flaw == Flaw::Expired)
    }

    /// For a client.
    pub fn client(&self, name: &str) -> Identity {
        self.flawed_client(name, Flaw::None)
    }

    /// The same, whose time may be over.
    pub fn flawed_client(&self, name: &str, flaw: Flaw) -> Identity {
        self.sign(&[name], ExtendedKeyUsagePurpose::ClientAuth, flaw == Flaw::Expired)
    }

    fn sign(&self, names: &[&str], usage: ExtendedKeyUsagePurpose, expired: bool) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![usage];
        params.distinguished_name.push(DnType::CommonName, "kz tests");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = if expired { date_time_ymd(2021, 1, 1) } else { date_time_ymd(2100, 1, 1) };
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: signed.pem(), key: key.serialize_pem(), der: signed.der().to_vec() }
    }

    /// A server's side of TLS: the certificate is for 127.0.0.1 and `localhost`, clients may show one of this CA.
    pub fn server_config(&self, flaw: Flaw, protocols: &[&[u8]]) -> ServerConfig {
        self.configure(flaw, protocols, self.clients().allow_unauthenticated())
    }

    /// The same of one whose clients have to show a certificate of this CA.
    pub fn asking_config(&self, protocols: &[&[u8]]) -> ServerConfig {
        self.configure(Flaw::None, protocols, self.clients())
    }

    fn clients(&self) -> ClientCertVerifierBuilder {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a CA");
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
    }

    fn configure(&self, flaw: Flaw, protocols: &[&[u8]], clients: ClientCertVerifierBuilder) -> ServerConfig {
        let builder = builder().with_client_cert_verifier(clients.build().expect("a verifier"));
        let resolver = resolver(&self.server(&["127.0.0.1", "localhost"], flaw));
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

/// The TLS of a server that shows this certificate, whether or not the key fits, and wants none of clients.
pub fn showing(identity: &Identity) -> ServerConfig {
    builder().with_no_client_auth().with_cert_resolver(resolver(identity))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().expect("TLS 1.3")
}

fn resolver(identity: &Identity) -> Arc<SingleCertAndKey> {
    let chain = vec![CertificateDer::from(identity.der.clone())];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let key = provider().key_provider.load_private_key(key).expect("a key of a known kind");
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
}
