//! Secrets Manager: `GetSecretValue` and `BatchGetSecretValue`.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{ApiErrorType, SecretValueEntry};

use crate::provider::aws::calls::{self, Call, Member, Operation};
use crate::provider::{Document, DocumentRef, Shape};
use crate::secret::Secret;

use super::Answer;
use super::account::Service;
use super::codes::Code;
use super::trouble::{ServiceError, Trouble};

/// A client of Secrets Manager.
pub(super) struct Secrets(Client);

impl Service for Secrets {
    const NAME: &'static str = "Secrets Manager";

    fn calls(documents: &[DocumentRef], home: Option<&str>) -> Vec<Call> {
        calls::secrets(documents, home)
    }

    fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Self(Client::from_conf(builder.build()))
    }

    async fn ask(&self, call: &Call) -> Result<Vec<Answer>, Trouble> {
        match (call.operation, &call.members[..]) {
            (Operation::BatchGetSecretValue, members) => self.batch(members).await,
            (_, [member]) => Ok(vec![self.one(member).await?]),
            _ => Ok(Vec::new()),
        }
    }
}

impl Secrets {
    async fn one(&self, member: &Member) -> Result<Answer, Trouble> {
        let mut request = self.0.get_secret_value().secret_id(&member.id);
        request = match &member.version {
            Some(version) if is_version_id(version) => request.version_id(version),
            Some(stage) => request.version_stage(stage),
            None => request,
        };
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        if !is_secret(&member.id, answer.name(), answer.arn()) {
            return Ok(Answer::Malformed("the answer is not of the secret that was asked for"));
        }
        Ok(answered(answer.secret_string, answer.secret_binary, answer.version_id))
    }

    async fn batch(&self, members: &[Member]) -> Result<Vec<Answer>, Trouble> {
        let ids = members.iter().map(|member| member.id.clone()).collect();
        let request = self.0.batch_get_secret_value().set_secret_id_list(Some(ids));
        let answer = request.send().await.map_err(|error| Trouble::of(&error))?;
        let (values, errors) = (answer.secret_values.unwrap_or_default(), answer.errors.unwrap_or_default());
        Ok(members.iter().map(|member| told(&member.id, &values, &errors)).collect())
    }
}

/// What a batch says of one secret. It may leave one out, as when the answer would be too long.
fn told(id: &str, values: &[SecretValueEntry], errors: &[ApiErrorType]) -> Answer {
    let is = |value: &&SecretValueEntry| is_secret(id, value.name(), value.arn());
    if let Some(value) = values.iter().find(is) {
        let SecretValueEntry { secret_string, secret_binary, version_id, .. } = value.clone();
        return answered(secret_string, secret_binary, version_id);
    }
    match errors.iter().find(|error| error.secret_id() == Some(id)) {
        Some(error) => {
            let code = error.error_code().unwrap_or_default();
            let refusal = ServiceError::new(400, Code::of(code), error.message().unwrap_or_default());
            if refusal.code.name == "ResourceNotFound" {
                Answer::Absent
            } else {
                Answer::Refused(Trouble::Service(refusal))
            }
        }
        None => Answer::Untold,
    }
}

fn answered(text: Option<String>, binary: Option<Blob>, version: Option<String>) -> Answer {
    if version.is_none() {
        return Answer::Malformed("the answer does not say which version it is");
    }
    let content = match (text, binary) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(binary)) => binary.into_inner(),
        (None, None) => return Answer::Malformed("the answer holds no value"),
    };
    Answer::Found(Document { content: Secret::new(content), shape: Shape::Json, version, lease: None })
}

/// Whether a version of a secret is meant by its id, and not by a stage: 32 to 64 letters, digits and hyphens
/// (`ClientRequestToken` of `PutSecretValue`), which nobody calls a stage.
fn is_version_id(version: &str) -> bool {
    (32..=64).contains(&version.len()) && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a secret of this name and ARN is what `id` asks for.
fn is_secret(id: &str, name: Option<&str>, arn: Option<&str>) -> bool {
    // A partial ARN lacks the hyphen and six characters that the service adds.
    let partial =
        |arn: &str| arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'));
    name == Some(id) || arn.is_some_and(|arn| arn == id || (id.starts_with("arn:") && partial(arn)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

    #[test]
    fn ids_and_stages_are_told_apart() {
        assert!(is_version_id("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"));
        for stage in ["AWSCURRENT", "AWSPREVIOUS", "blue", "a stage of more than thirty-two characters"] {
            assert!(!is_version_id(stage), "{stage}");
        }
    }

    #[test]
    fn an_answer_without_a_value_is_no_empty_value() {
        let version = || Some("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1".to_owned());
        assert!(matches!(answered(None, None, version()), Answer::Malformed(_)));
        assert!(matches!(answered(Some(String::new()), None, None), Answer::Malformed(_)));
        let Answer::Found(document) = answered(Some(String::new()), None, version()) else { panic!() };
        assert_eq!(document.content.expose(), b"");
    }

    #[test]
    fn a_secret_is_known_by_name_arn_and_partial_arn() {
        let known = |id| is_secret(id, Some("prod/db"), Some(ARN));
        assert!(known("prod/db") && known(ARN) && known(&ARN[..ARN.len() - 7]));
        // The name of another, of which this ARN would be a partial one only by chance.
        assert!(!known("prod/d") && !known(&ARN[..ARN.len() - 6]) && !known(&ARN[..ARN.len() - 8]));
    }
}
