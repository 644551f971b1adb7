//! `GetSecretValue` and `BatchGetSecretValue`:
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fake_server::{Backend as _, Reply, Request};

use super::account::Aws;
use super::secrets::{Content, Secret, Trouble, Version};
use super::{identity, operation, words};

/// How many a batch takes.
const MOST: usize = 20;

const NO_SECRET: &str = "Secrets Manager can't find the specified secret.";
const DELETED: &str = "You can't perform this operation on the secret because it was marked for deletion.";

/// An error of one secret's: its code and message.
type Failed = (String, String);

pub fn answer(aws: &Aws, request: &Request) -> Reply {
    let operation = operation(request);
    let principal = match identity::caller(aws, request, "secretsmanager") {
        Ok(principal) => principal,
        Err(nobody) => return words::nobody(nobody),
    };
    let caller = Caller { aws, principal, region: Aws::place(request) };
    match operation.as_str() {
        "GetSecretValue" => caller.get(&request.json()),
        "BatchGetSecretValue" => caller.batch(&request.json()),
        _ => words::error("UnknownOperationException", ""),
    }
}

/// Somebody who asks in a region.
struct Caller<'a> {
    aws: &'a Aws,
    principal: String,
    region: String,
}

impl Caller<'_> {
    fn get(&self, body: &Value) -> Reply {
        let Some(id) = body["SecretId"].as_str() else {
            return words::invalid(
                "Value null at 'secretId' failed to satisfy constraint: Member must not be null",
            );
        };
        match self.read(id, body["VersionId"].as_str(), body["VersionStage"].as_str()) {
            Ok((secret, version)) => words::answer(&shown(secret, version)),
            Err((code, message)) if code == words::DENIED => words::denied(&message),
            Err((code, message)) => words::error(&code, &message),
        }
    }

    fn batch(&self, body: &Value) -> Reply {
        let action = "secretsmanager:BatchGetSecretValue";
        if self.aws.forbidden.contains(action) {
            return words::denied(&words::not_authorized(&self.principal, action, None));
        }
        let ids: Vec<&str> =
            body["SecretIdList"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if ids.is_empty() || !body["Filters"].is_null() {
            let text = "Either 'SecretIdList' or 'Filters' must be provided, but not both.";
            return words::error("InvalidParameterException", text);
        }
        if ids.len() > MOST {
            return words::invalid(&format!(
                "Value '[{}]' at 'secretIdList' failed to satisfy constraint: Member must have length less than or \
                 equal to {MOST}",
                ids.join(", ")
            ));
        }
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for id in ids {
            if self.find(id).is_some_and(|secret| matches!(secret.trouble, Some(Trouble::LeftOut))) {
                continue;
            }
            match self.read(id, None, None) {
                Ok((secret, version)) => values.push(shown(secret, version)),
                Err((code, message)) => {
                    errors.push(json!({ "SecretId": id, "ErrorCode": code, "Message": message }));
                }
            }
        }
        words::answer(&json!({ "SecretValues": values, "Errors": errors }))
    }

    fn find(&self, id: &str) -> Option<&Secret> {
        self.aws.secrets.iter().find(|secret| secret.region == self.region && secret.is(id))
    }

    fn read(
        &self,
        id: &str,
        version: Option<&str>,
        stage: Option<&str>,
    ) -> Result<(&Secret, &Version), Failed> {
        let failed = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        let action = "secretsmanager:GetSecretValue";
        let denied = || failed(words::DENIED, &words::not_authorized(&self.principal, action, Some(id)));
        if self.aws.forbidden.contains(action) {
            return Err(denied());
        }
        let secret = self.find(id).ok_or_else(|| failed("ResourceNotFoundException", NO_SECRET))?;
        match &secret.trouble {
            Some(Trouble::Denied) => return Err(denied()),
            Some(Trouble::Error(code, message)) => return Err(failed(code, message)),
            Some(Trouble::LeftOut) | None => {}
        }
        if secret.deleted {
            return Err(failed("InvalidRequestException", DELETED));
        }
        let missing = |what: &str| {
            let text = format!("Secrets Manager can't find the specified secret value for {what}");
            failed("ResourceNotFoundException", &text)
        };
        let Some(id) = version else {
            let stage = stage.unwrap_or("AWSCURRENT");
            let staged = secret.versions.iter().find(|version| version.has(stage));
            return staged
                .map(|staged| (secret, staged))
                .ok_or_else(|| missing(&format!("staging label: {stage}")));
        };
        let named = secret.versions.iter().find(|version| version.id == id);
        let named = named.ok_or_else(|| missing(&format!("VersionId: {id}")))?;
        if stage.is_some_and(|stage| !named.has(stage)) {
            let text = "You provided a VersionStage that is not associated to the provided VersionId.";
            return Err(failed("InvalidRequestException", text));
        }
        Ok((secret, named))
    }
}

/// A value as both operations answer it.
fn shown(secret: &Secret, version: &Version) -> Value {
    let (member, value) = match &version.content {
        Content::Text(text) => ("SecretString", text.clone()),
        Content::Bytes(bytes) => ("SecretBinary", STANDARD.encode(bytes)),
    };
    json!({ "ARN": secret.arn(), "Name": secret.name, "VersionId": version.id, "VersionStages": version.stages,
            "CreatedDate": 1_795_608_000.0, member: value })
}
