//! EC2's metadata service, version 2 only:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::json;

use crate::fake_server::{Reply, Request};

use super::account::Aws;
use super::identity::{Keys, expiration, written};
use super::{REGION, words};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

/// What the instance is.
#[derive(Default)]
pub struct Instance {
    role: Option<(String, Keys)>,
    tokens: BTreeSet<String>,
}

impl Aws {
    /// Gives the instance a role. Says what it hands out, always the same.
    pub fn instance_role(&mut self, name: &str) -> Keys {
        let keys = self.session(name, "i-0123456789example");
        self.instance.role = Some((name.to_owned(), keys.clone()));
        keys
    }
}

pub fn answer(aws: &mut Aws, request: &Request) -> Reply {
    let path = request.path.as_str();
    match (request.method.as_str(), path) {
        ("PUT", "/latest/api/token") => token(aws, request),
        ("GET", _) if path != "/latest/api/token" => {
            let shown = request.header("x-aws-ec2-metadata-token");
            if !shown.is_some_and(|token| aws.instance.tokens.contains(token)) {
                return words::metadata_error(401, "Unauthorized");
            }
            read(aws, path).unwrap_or_else(|| words::metadata_error(404, "Not Found"))
        }
        _ => words::metadata_error(405, "Not Allowed"),
    }
}

fn token(aws: &mut Aws, request: &Request) -> Reply {
    let ttl = request.header(TTL).and_then(|seconds| seconds.parse::<u32>().ok());
    let Some(ttl) = ttl.filter(|seconds| (1..=21_600).contains(seconds)) else {
        return words::metadata_error(400, "Bad Request");
    };
    let token = format!("example-metadata-token-{}", aws.number());
    aws.instance.tokens.insert(token.clone());
    plain(&token).with(TTL, &ttl.to_string())
}

fn read(aws: &Aws, path: &str) -> Option<Reply> {
    match path.trim_end_matches('/') {
        "/latest/meta-data/placement/region" => return Some(plain(REGION)),
        "/latest/meta-data/placement/availability-zone" => return Some(plain(&format!("{REGION}a"))),
        _ => {}
    }
    let (role, keys) = aws.instance.role.as_ref()?;
    let wanted = path.strip_prefix(ROLES)?.trim_start_matches('/');
    if wanted.is_empty() {
        return Some(plain(role));
    }
    let credentials = json!({
        "Code": "Success",
        "LastUpdated": written(SystemTime::now()),
        "Type": "AWS-HMAC",
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "Expiration": written(expiration()),
    });
    (wanted == role).then(|| plain(&credentials.to_string()))
}

fn plain(text: &str) -> Reply {
    Reply::new(200, "text/plain", text)
}
