//! Whether a server's certificate is believed: as rustls' own verifier says, and beyond that where the certificate
//! is itself one of the trusted ones, byte for byte. So curl and OpenSSL take a self-signed certificate that is
//! its own authority, which rustls refuses to an authority's (RFC 5280 has no such rule).
//!
//! Invariants: name, time and purpose have to fit in any case; the handshake's signature is always checked; a
//! certificate that is merely signed by such a one gains nothing here.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

/// What a server's certificate is for (RFC 5280, 4.2.1.12).
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

/// rustls' verifier, and the trusted certificates themselves.
#[derive(Debug)]
pub(super) struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(chains: Arc<WebPkiServerVerifier>, trusted: Vec<CertificateDer<'static>>) -> Self {
        Self { chains, trusted }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.chains.verify_server_cert(certificate, others, name, stapled, now);
        match verdict {
            // An authority's certificate as a server's is `Other`; one without its authority has no issuer.
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if self.trusted.iter().any(|trusted| trusted.as_ref() == certificate.as_ref()) =>
            {
                fits(certificate.as_ref(), now)?;
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            // A self-signed authority as a server's: rustls says what it is, and not that nobody trusts it.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if is_self_signed(certificate.as_ref()) =>
            {
                Err(CertificateError::UnknownIssuer.into())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

fn is_self_signed(certificate: &[u8]) -> bool {
    let parsed = Certificate::from_der(certificate).map(|certificate| certificate.tbs_certificate);
    parsed.is_ok_and(|certificate| certificate.issuer == certificate.subject)
}

/// Whether a certificate is valid now and for a server, as OpenSSL judges that (`X509_check_purpose`).
fn fits(certificate: &[u8], now: UnixTime) -> Result<(), CertificateError> {
    let unreadable = |_| CertificateError::BadEncoding;
    let certificate = Certificate::from_der(certificate).map_err(unreadable)?.tbs_certificate;
    let now = Duration::from_secs(now.as_secs());
    if now < certificate.validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet);
    }
    if now > certificate.validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired);
    }
    let purposes = certificate.get::<ExtendedKeyUsage>().map_err(unreadable)?;
    let usage = certificate.get::<KeyUsage>().map_err(unreadable)?;
    let shakes_hands =
        |usage: &KeyUsage| usage.digital_signature() || usage.key_encipherment() || usage.key_agreement();
    if purposes.is_some_and(|(_, purposes)| !purposes.0.contains(&SERVER_AUTH))
        || usage.is_some_and(|(_, usage)| !shakes_hands(&usage))
    {
        return Err(CertificateError::InvalidPurpose);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
        date_time_ymd,
    };

    use kz_fakes::byte_server::{Answer, Server};
    use kz_fakes::fake_server::tls::{Identity, showing};

    use crate::http::testing::run;
    use crate::http::{Address, CertificateFault, Client, Error as Failed, Proxies, Settings};
    use crate::tls::Roots;

    /// What a client that trusts `trusted` as well as `others` says of a server with this certificate.
    fn judged(params: &CertificateParams, others: &[String]) -> Result<(), Failed> {
        let identity = self_signed(params, &KeyPair::generate().unwrap());
        let server = shown(&identity);
        let bundle = others.iter().cloned().chain([identity.certificate]).collect::<String>();
        let curls = curl(&server, &bundle);
        let verdict = ask(&server, bundle);
        assert_eq!(verdict.is_ok(), curls, "curl, beside {verdict:?}");
        verdict
    }

    fn self_signed(params: &CertificateParams, key: &KeyPair) -> Identity {
        let signed = params.self_signed(key).unwrap();
        Identity { certificate: signed.pem(), key: key.serialize_pem(), der: signed.der().to_vec() }
    }

    /// A server with this certificate.
    fn shown(identity: &Identity) -> Server {
        Server::tls(showing(identity), |_| Answer::json(200, "{}"))
    }

    /// Whether the real curl takes the server, where this is all that it trusts.
    fn curl(server: &Server, bundle: &str) -> bool {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bundle.as_bytes()).unwrap();
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--cacert"]).arg(file.path()).arg(server.address());
        match curl.output().unwrap().status.code() {
            Some(0) => true,
            // The server's certificate, or its name, is not taken.
            Some(60) => false,
            other => panic!("curl ended with {other:?}"),
        }
    }

    fn ask(server: &Server, bundle: String) -> Result<(), Failed> {
        let settings = Settings {
            address: Address::parse(&server.address()).unwrap(),
            roots: Roots::Only(vec![("ca.pem".to_owned(), bundle.into_bytes())]),
            identity: None,
            server_name: None,
            proxies: Proxies::default(),
            largest_reply: crate::http::testing::LARGEST_REPLY,
            bodies: crate::http::Bodies::default(),
        };
        let client = Client::new(&settings).unwrap();
        let request = ::http::Request::get(format!("{}/", client.origin())).body(Vec::new()).unwrap();
        run(client.send(request)).map(drop)
    }

    fn params(name: &str, authority: bool) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn other() -> String {
        params("other.test", true).self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn a_self_signed_certificate_that_is_trusted_itself_is_a_servers_whether_or_not_it_is_an_authoritys() {
        for authority in [true, false] {
            judged(&params("localhost", authority), &[]).unwrap();
            judged(&params("localhost", authority), &[other(), other()]).unwrap();
        }
    }

    #[test]
    fn one_for_another_name_time_or_purpose_is_refused_though_it_is_trusted_itself() {
        for authority in [true, false] {
            let refused = |change: fn(&mut CertificateParams)| {
                let mut params = params("localhost", authority);
                change(&mut params);
                judged(&params, &[other()]).unwrap_err()
            };
            let expired = refused(|params| {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2020, 2, 1);
            });
            assert_eq!(expired, Failed::Certificate(CertificateFault::Expired));
            let early = refused(|params| params.not_before = date_time_ymd(2099, 1, 1));
            assert_eq!(early, Failed::Certificate(CertificateFault::NotValidYet));
            let purpose = refused(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            });
            assert_eq!(purpose, Failed::Certificate(CertificateFault::Purpose));
            let elsewhere = judged(&params("elsewhere.test", authority), &[other()]).unwrap_err();
            assert_eq!(elsewhere, Failed::Certificate(CertificateFault::OtherName));
        }
        let mut signs_only = params("localhost", true);
        signs_only.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        assert_eq!(judged(&signs_only, &[]).unwrap_err(), Failed::Certificate(CertificateFault::Purpose));
    }

    #[test]
    fn another_certificate_of_the_same_name_and_key_is_not_the_trusted_one() {
        let key = KeyPair::generate().unwrap();
        let server = shown(&self_signed(&params("localhost", true), &key));
        let mut again = params("localhost", true);
        again.serial_number = Some(7.into());
        assert!(matches!(
            ask(&server, self_signed(&again, &key).certificate).unwrap_err(),
            Failed::Certificate(_)
        ));
        assert!(server.seen().is_empty());
    }

    #[test]
    fn a_self_signed_certificate_that_is_not_the_trusted_one_is_told_as_a_matter_of_trust() {
        for authority in [false, true] {
            let server = shown(&self_signed(&params("localhost", authority), &KeyPair::generate().unwrap()));
            let error = ask(&server, other()).unwrap_err();
            assert!(matches!(error, Failed::Certificate(fault) if fault.is_of_trust()), "{error:?}");
        }
    }

    #[test]
    fn whoever_shows_the_trusted_certificate_without_its_key_is_refused() {
        let trusted = self_signed(&params("localhost", true), &KeyPair::generate().unwrap());
        let server =
            shown(&Identity { key: KeyPair::generate().unwrap().serialize_pem(), ..trusted.clone() });
        assert!(ask(&server, trusted.certificate).is_err());
        assert!(server.seen().is_empty());
    }
}
