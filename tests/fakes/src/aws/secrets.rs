//! The secrets of Secrets Manager, each with its versions and stages, as a test makes them.

use super::account::Aws;
use super::{ACCOUNT, REGION};

/// A secret.
pub struct Secret {
    pub region: String,
    pub name: String,
    /// Six characters that its ARN ends with.
    suffix: String,
    pub versions: Vec<Version>,
    pub deleted: bool,
    pub trouble: Option<Trouble>,
}

/// One value.
pub struct Version {
    pub id: String,
    pub stages: Vec<String>,
    pub content: Content,
}

/// What a value is.
pub enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

/// What a secret does instead of being read.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The caller may not read it.
    Denied,
    /// An error with this code and message.
    Error(String, String),
    /// Batches say nothing of it.
    LeftOut,
}

impl Secret {
    pub fn arn(&self) -> String {
        format!("{}-{}", self.partial_arn(), self.suffix)
    }

    fn partial_arn(&self) -> String {
        format!("arn:aws:secretsmanager:{}:{ACCOUNT}:secret:{}", self.region, self.name)
    }

    /// Whether a name, an ARN or a partial ARN means it.
    pub fn is(&self, id: &str) -> bool {
        id == self.name || id == self.arn() || id == self.partial_arn()
    }

    /// A new version takes this stage from whichever had it; the current one becomes the previous one.
    fn put(&mut self, id: String, stage: &str, content: Content) {
        if stage == "AWSCURRENT"
            && let Some(current) = self.versions.iter().position(|version| version.has(stage))
        {
            self.move_stage("AWSPREVIOUS");
            self.versions[current].stages.push("AWSPREVIOUS".to_owned());
        }
        self.move_stage(stage);
        self.versions.push(Version { id, stages: vec![stage.to_owned()], content });
    }

    fn move_stage(&mut self, stage: &str) {
        for version in &mut self.versions {
            version.stages.retain(|known| known != stage);
        }
    }
}

impl Version {
    pub fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|known| known == stage)
    }
}

impl Aws {
    /// A secret, or the next version of one. Says its ARN.
    pub fn secret(&mut self, name: &str, value: &str) -> String {
        self.secret_in(REGION, name, value)
    }

    /// The same in another region.
    pub fn secret_in(&mut self, region: &str, name: &str, value: &str) -> String {
        self.put_in(region, name, "AWSCURRENT", Content::Text(value.to_owned()));
        self.found(region, name).arn()
    }

    /// A secret of bytes, or the next version of one. Says its ARN.
    pub fn binary(&mut self, name: &str, value: &[u8]) -> String {
        self.put_in(REGION, name, "AWSCURRENT", Content::Bytes(value.to_vec()));
        self.found(REGION, name).arn()
    }

    /// A further version, with a stage of its own. Says its id.
    pub fn version(&mut self, name: &str, stage: &str, value: &str) -> String {
        self.put_in(REGION, name, stage, Content::Text(value.to_owned()))
    }

    /// The id of the version that has a stage.
    pub fn version_id(&mut self, name: &str, stage: &str) -> String {
        let secret = self.found(REGION, name);
        secret.versions.iter().find(|version| version.has(stage)).expect("a version").id.clone()
    }

    /// A secret that nobody has given a value.
    pub fn valueless(&mut self, name: &str) -> String {
        self.made(REGION, name).arn()
    }

    /// Schedules it for deletion.
    pub fn delete(&mut self, name: &str) {
        self.found(REGION, name).deleted = true;
    }

    /// Nobody may read it.
    pub fn deny(&mut self, name: &str) {
        self.found(REGION, name).trouble = Some(Trouble::Denied);
    }

    /// Reading it is this error: `DecryptionFailure`, …; in a batch for this one only.
    pub fn fail(&mut self, name: &str, code: &str, message: &str) {
        self.found(REGION, name).trouble = Some(Trouble::Error(code.to_owned(), message.to_owned()));
    }

    /// Batches neither read it nor say why.
    pub fn leave_out(&mut self, name: &str) {
        self.found(REGION, name).trouble = Some(Trouble::LeftOut);
    }

    fn put_in(&mut self, region: &str, name: &str, stage: &str, content: Content) -> String {
        let number = self.number();
        let id = format!("{number:08x}-0000-4000-8000-{number:012x}");
        self.made(region, name).put(id.clone(), stage, content);
        id
    }

    fn made(&mut self, region: &str, name: &str) -> &mut Secret {
        if !self.secrets.iter().any(|secret| secret.region == region && secret.name == name) {
            let suffix = format!("AbC{:03}", self.number());
            let (region, name) = (region.to_owned(), name.to_owned());
            let versions = Vec::new();
            self.secrets.push(Secret { region, name, suffix, versions, deleted: false, trouble: None });
        }
        self.found(region, name)
    }

    fn found(&mut self, region: &str, name: &str) -> &mut Secret {
        let mut secrets = self.secrets.iter_mut();
        secrets.find(|secret| secret.region == region && secret.name == name).expect("a secret that was made")
    }
}
