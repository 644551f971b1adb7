//! A signed question to AWS, "who am I?", that Vault asks in kz's place: the login of `auth = { method = "aws" }`.
//!
//! Rules: Signature Version 4 (<https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>) and
//! <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>. Pure but for the credentials, which are the
//! `AWS_*` variables: the other sources of the SDKs' chain are not read in this version.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SessionTokenMode, SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::hint::said;
use crate::provider::{Failure, FailureKind};
use crate::secret::Secret;

/// The question.
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// What ties the signature to one Vault.
const SERVER_ID: &str = "x-vault-aws-iam-server-id";
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
        let text = |secret: &Secret| secret.expose_text().unwrap_or_default().to_owned();
        let token = self.session_token.as_ref().map(text);
        let identity = Credentials::new(access_key, text(secret_key), token, None, "environment").into();
        let mut headers = vec![("content-type", CONTENT_TYPE)];
        headers.extend(self.server_id.as_deref().map(|id| (SERVER_ID, id)));
        let url = format!("https://{host}/");
        let signed = signed(&url, &headers, region, &identity, now).ok_or_else(|| {
            Failure::misconfigured(
                "the question to AWS cannot be made of `region` and `server_id`",
                "regions are written as `eu-central-1`; a server's id is one line of visible characters",
            )
        })?;
        headers.push(("host", &host));
        headers.extend(signed.headers());
        let headers: Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), json!([value]))).collect();
        Ok(Signed {
            url: STANDARD.encode(url),
            body: STANDARD.encode(BODY),
            headers: STANDARD.encode(Value::Object(headers).to_string()),
        })
    }
}

/// The headers that sign the question; nothing where it cannot be one.
fn signed(
    url: &str,
    headers: &[(&str, &str)],
    region: &str,
    identity: &Identity,
    now: SystemTime,
) -> Option<SigningInstructions> {
    let mut settings = SigningSettings::default();
    settings.session_token_mode = SessionTokenMode::Include;
    let parameters = v4::SigningParams::builder().identity(identity).region(region).name("sts").time(now);
    let parameters = parameters.settings(settings).build().ok()?.into();
    let body = SignableBody::Bytes(BODY.as_bytes());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), body).ok()?;
    Some(sign(request, &parameters).ok()?.into_parts().0)
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
