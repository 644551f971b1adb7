//! Containers' credentials, as ECS gives them (a path of the task's own) and EKS Pod Identity (a token):
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use serde_json::json;

use crate::fake_server::{Reply, Request};

use super::account::Aws;
use super::identity::{Keys, expiration, written};
use super::{ACCOUNT, words};

/// Credentials at a path.
pub struct Container {
    role: String,
    keys: Keys,
    /// What `Authorization` has to say.
    token: Option<String>,
}

impl Aws {
    /// A task of ECS: says what it hands out at `/v2/credentials/ID`.
    pub fn task_role(&mut self, id: &str, role: &str) -> Keys {
        self.hand_out(&format!("/v2/credentials/{id}"), role, None)
    }

    /// A pod of EKS: says what it hands out at `/v1/credentials` to whoever has the token.
    pub fn pod_role(&mut self, token: &str, role: &str) -> Keys {
        self.hand_out("/v1/credentials", role, Some(token.to_owned()))
    }

    fn hand_out(&mut self, path: &str, role: &str, token: Option<String>) -> Keys {
        let keys = self.session(role, "container");
        let container = Container { role: role.to_owned(), keys: keys.clone(), token };
        self.containers.insert(path.to_owned(), container);
        keys
    }
}

pub fn answer(aws: &Aws, request: &Request) -> Reply {
    let Some(container) = aws.containers.get(&request.path).filter(|_| request.method == "GET") else {
        return words::container_error(
            404,
            "InvalidIdInRequest",
            "CredentialsV2Request: Credentials not found",
        );
    };
    match (&container.token, request.header("authorization")) {
        (Some(_), None) => {
            return words::container_error(401, "Unauthorized", "Service account token cannot be empty");
        }
        (Some(token), Some(shown)) if token != shown => {
            return words::container_error(403, "AccessDeniedException", "Unauthorized Exception!");
        }
        _ => {}
    }
    let Container { role, keys, .. } = container;
    let body = json!({
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        "AccountId": ACCOUNT,
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "Expiration": written(expiration()),
    });
    Reply::new(200, "application/json", body.to_string())
}
