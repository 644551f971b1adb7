//! A foreign AWS, moto, in a network of its own, under the names that AWS has, with TLS; signatures and IAM are
//! checked. Nothing beyond that network can be reached.

use crate::engine::{Container, IMAGE, Network, docker, docker_with};
use crate::support::{Run, Sandbox};
use crate::vault::certificates;

/// The stand-in for AWS.
pub const AWS: &str = "kz-e2e/aws";

/// What the stand-in is asked as.
const NAMES: &[&str] = &[
    "aws",
    "secretsmanager.eu-west-1.amazonaws.com",
    "secretsmanager.eu-central-1.amazonaws.com",
    "ssm.eu-west-1.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
];

/// What reading takes.
pub const READ: &[&str] =
    &["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParameters"];

/// A closed network with an AWS, and a directory for what is mounted.
pub struct Aws {
    pub directory: Sandbox,
    pub container: Container,
    pub network: Network,
}

/// An access key, perhaps of a session.
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Keys {
    /// As variables that `docker run` takes.
    pub fn variables(&self) -> Vec<String> {
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let values = [Some(&self.id), Some(&self.secret), self.token.as_ref()];
        let set = names.iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        set.map(|(name, value)| format!("--env={name}={value}")).collect()
    }

    /// As a section of a credentials file.
    pub fn profile(&self, name: &str) -> String {
        format!("[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n", self.id, self.secret)
    }
}

impl Aws {
    pub fn new() -> Self {
        Self::within(Network::closed(&[]), &[])
    }

    /// In this network; `options` as for its container.
    pub fn within(network: Network, options: &[&str]) -> Self {
        let directory = Sandbox::new();
        certificates(&directory, NAMES);
        let mount = format!("--volume={}:/aws/tls:ro", directory.path("tls").display());
        let joined = format!("--network={}", network.0);
        let aliases: Vec<String> = NAMES.iter().map(|name| format!("--network-alias={name}")).collect();
        let aliases: Vec<&str> = aliases.iter().map(String::as_str).collect();
        let container = Container::start(&[&[joined.as_str(), &mount], options, &aliases, &[AWS]].concat());
        let aws = Self { directory, container, network };
        aws.admin(&["init"]);
        aws
    }

    /// The lines that the administrator's command prints.
    pub fn admin(&self, words: &[&str]) -> Vec<String> {
        self.admin_with("", words)
    }

    /// The same with this on stdin.
    pub fn admin_with(&self, input: &str, words: &[&str]) -> Vec<String> {
        self.admin_in("eu-west-1", input, words)
    }

    pub fn admin_in(&self, region: &str, input: &str, words: &[&str]) -> Vec<String> {
        let region = format!("--env=AWS_REGION={region}");
        let run = ["exec", "--interactive", &region, &self.container.0, "aws-admin"];
        let run = docker_with(input, &[&run, words].concat()).expect_code(0);
        run.stdout().lines().map(str::to_owned).collect()
    }

    /// Lets a user or a role do these things.
    pub fn allow(&self, name: &str, actions: &[&str]) {
        let allowed = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [allowed] });
        self.admin_with(&policy.to_string(), &["policy", name]);
    }

    /// A new user who may do these things.
    pub fn user(&self, name: &str, actions: &[&str]) -> Keys {
        let keys = self.admin(&["user", name]);
        if !actions.is_empty() {
            self.allow(name, actions);
        }
        Keys { id: keys[0].clone(), secret: keys[1].clone(), token: None }
    }

    /// A new role whose sessions may read; its ARN.
    pub fn role(&self, words: &[&str]) -> String {
        let [arn] = &self.admin(&[&["role"], words].concat())[..] else { panic!("no ARN") };
        self.allow(words[0], READ);
        arn.clone()
    }

    /// A session in a role.
    pub fn session(&self, words: &[&str]) -> Keys {
        let keys = self.admin(&[&["session"], words].concat());
        Keys { id: keys[0].clone(), secret: keys[1].clone(), token: Some(keys[2].clone()) }
    }

    /// A file that the image's user may read; the argument that mounts it at `/run/secrets`.
    pub fn mounted(&self, name: &str, content: &str) -> String {
        let path = self.directory.file(name, content);
        self.directory.mode(name, 0o444);
        format!("--volume={}:/run/secrets/{name}:ro", path.display())
    }

    /// `docker run OPTIONS kz:dev kz WORDS` in its network, with this configuration.
    pub fn kz(&self, config: &str, options: &[String], words: &[&str]) -> Run {
        let path = self.directory.file("keyzero.toml", config);
        let mount = format!("--volume={}:/app/.keyzero.toml:ro", path.display());
        let certificate = self.directory.path("tls/ca.pem");
        let certificate = format!("--volume={}:/run/secrets/aws-ca.pem:ro", certificate.display());
        let joined = format!("--network={}", self.network.0);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let usual = ["run", "--rm", &joined, &mount, &certificate, BUNDLE, NO_INSTANCE];
        docker(&[&usual, &options[..], &[IMAGE, "kz"], words].concat())
    }

    /// How many requests it has had for AWS.
    pub fn requests(&self) -> usize {
        let logs = docker(&["logs", &self.container.0]).expect_code(0);
        logs.stderr().lines().filter(|line| line.contains("POST / HTTP")).count()
    }
}

const BUNDLE: &str = "--env=AWS_CA_BUNDLE=/run/secrets/aws-ca.pem";
const NO_INSTANCE: &str = "--env=AWS_EC2_METADATA_DISABLED=true";
/// The region, which most identities do not bring.
pub const REGION: &str = "--env=AWS_REGION=eu-west-1";
/// Prints what is resolved.
pub const EXPORT: &[&str] = &["export", "--format", "json"];

/// Options as `kz` takes them.
pub fn options(variables: Vec<String>, further: &[&str]) -> Vec<String> {
    [variables, further.iter().map(|&option| option.to_owned()).collect()].concat()
}

/// What a run printed, as JSON.
#[track_caller]
pub fn resolved(run: Run) -> serde_json::Value {
    let run = run.expect_code(0);
    serde_json::from_str(&run.stdout()).unwrap_or_else(|error| panic!("{error}\n{}", run.describe()))
}

/// What is said from the first error on.
pub fn told(run: &Run) -> String {
    let said = run.stderr();
    said.find("kz: error:").map_or(String::new(), |start| said[start..].to_owned())
}

/// All that is said of the one secret, `VALUE`, that could not be resolved.
pub fn failed(cause: &str, hint: &str) -> String {
    let error = "kz: error: a secret could not be resolved, so nothing is delivered [KZ100]";
    format!("{error}\ncaused by: VALUE {cause}\nkz: hint: {hint}\n")
}
