//! A private CA of a test's own, and certificates that are good or flawed in one way. Nothing is kept on disk.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

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
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "kz tests: private CA");
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
        self.sign(&[name], ExtendedKeyUsagePurpose::ClientAuth, false)
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
        let identity = self.server(&["127.0.0.1", "localhost"], flaw);
        let key = PrivateKeyDer::try_from(pem_body(&identity.key)).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a CA");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder
            .expect("TLS 1.3")
            .with_client_cert_verifier(clients.allow_unauthenticated().build().expect("a verifier"));
        let chain = vec![CertificateDer::from(identity.der)];
        let mut config = builder.with_single_cert(chain, key).expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

/// What stands between the lines that begin and end a PEM block.
fn pem_body(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).expect("PEM")
}
