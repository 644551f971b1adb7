//! A signed question to AWS, "who am I?", that Vault asks in kz's place: the login of `auth = { method = "aws" }`.
//!
//! Rules: Signature Version 4 (<https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>) and
//! <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>. Pure but for the credentials, which are the
//! `AWS_*` variables: the other sources of the SDKs' chain are not read in this version.

use std::fmt::Write as _;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::calendar;
use crate::hint::said;
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

/// The question.
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Whose identity, and for which endpoint it is signed.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<Secret>,
    pub(super) session_token: Option<Secret>,
    /// `None`: the global endpoint, which Vault asks unless it is told another.
    pub(super) region: Option<String>,
    /// What ties the signature to one Vault, so that another cannot use it.
    pub(super) server_id: Option<String>,
}

/// The question as Vault takes it, in base64.
pub(super) struct Signed {
    pub(super) url: String,
    pub(super) body: String,
    pub(super) headers: String,
}

impl Signer {
    /// Signs the question.
    pub(super) fn sign(&self, now: SystemTime) -> Result<Signed, Failure> {
        let (Some(access_key), Some(secret_key)) = (&self.access_key, &self.secret_key) else {
            return Err(Failure {
                kind: FailureKind::Misconfigured,
                cause: "there is no AWS identity to log in with: looked for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned(),
                hint: said("this version reads the variables only, not the container's or instance's credentials"),
            });
        };
        let (region, host) = match &self.region {
            None => ("us-east-1", "sts.amazonaws.com".to_owned()),
            Some(region) => (region.as_str(), format!("sts.{region}.amazonaws.com")),
        };
        let time = timestamp(now);
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", host.clone()),
            ("x-amz-date", time.clone()),
        ];
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token", token.expose_text().unwrap_or_default().to_owned()));
        }
        if let Some(id) = &self.server_id {
            headers.push(("x-vault-aws-iam-server-id", id.clone()));
        }
        let signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let signed = signed.join(";");
        let canonical: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = canonical.concat();
        let request = format!("POST\n/\n\n{canonical}\n{signed}\n{}", hash(BODY.as_bytes()));
        let scope = format!("{}/{region}/sts/aws4_request", &time[..8]);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(request.as_bytes()));
        let key = [&time[..8], region, "sts", "aws4_request"]
            .iter()
            .fold([b"AWS4", secret_key.expose()].concat(), |key, part| authenticate(&key, part.as_bytes()));
        let signature = hexadecimal(&authenticate(&key, text.as_bytes()));
        headers.push((
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"),
        ));
        let headers: serde_json::Map<String, serde_json::Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), serde_json::json!([value]))).collect();
        Ok(Signed {
            url: STANDARD.encode(format!("https://{host}/")),
            body: STANDARD.encode(BODY),
            headers: STANDARD.encode(serde_json::Value::Object(headers).to_string()),
        })
    }
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// HMAC takes a key of any length.
fn authenticate(key: &[u8], text: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// `20260102T030405Z`, in UTC.
fn timestamp(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second] = calendar::fields(time);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn authorization(signer: &Signer) -> String {
        // 2026-01-02T03:04:05Z
        let question = signer.sign(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)).unwrap();
        let headers: serde_json::Value =
            serde_json::from_slice(&STANDARD.decode(question.headers).unwrap()).unwrap();
        assert_eq!(headers["x-amz-date"][0], "20260102T030405Z");
        headers["authorization"][0].as_str().unwrap().to_owned()
    }

    /// The expected texts are what botocore 1.44's `SigV4Auth` makes of the same request and time.
    #[test]
    fn the_signature_is_the_one_that_amazons_own_library_makes() {
        let mut signer = Signer {
            access_key: Some("access".to_owned()),
            secret_key: Some(Secret::new(b"secret".to_vec())),
            session_token: None,
            region: None,
            server_id: None,
        };
        assert_eq!(
            authorization(&signer),
            "AWS4-HMAC-SHA256 Credential=access/20260102/us-east-1/sts/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=0b7f32eecf17d065dc45c94038ed269a6bfdda6c57adf26d330fa746cc4266b6"
        );
        signer.session_token = Some(Secret::new(b"session".to_vec()));
        signer.region = Some("eu-central-1".to_owned());
        signer.server_id = Some("vault.test".to_owned());
        assert_eq!(
            authorization(&signer),
            "AWS4-HMAC-SHA256 Credential=access/20260102/eu-central-1/sts/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-vault-aws-iam-server-id, \
             Signature=5848ae9b9b5262d5785729c552de9588cdb6e33697b16544f5f38350e0fdd916"
        );
    }
}
