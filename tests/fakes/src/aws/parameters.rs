//! The parameters of Parameter Store, each with its versions and their labels, as a test makes them.

use super::account::Aws;
use super::{ACCOUNT, REGION};

/// A parameter.
pub struct Parameter {
    pub region: String,
    pub name: String,
    /// The first is version 1.
    pub versions: Vec<Version>,
    pub denied: bool,
    /// Decrypting it is this error: code and message.
    pub failure: Option<(String, String)>,
}

/// One value.
pub struct Version {
    pub kind: Kind,
    pub value: String,
    pub labels: Vec<String>,
}

/// Which type a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `String`
    Text,
    /// `StringList`: texts with commas between them.
    List,
    /// `SecureString`
    Secure,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::List => "StringList",
            Self::Secure => "SecureString",
        }
    }
}

impl Parameter {
    pub fn arn(&self) -> String {
        let name = self.name.trim_start_matches('/');
        format!("arn:aws:ssm:{}:{ACCOUNT}:parameter/{name}", self.region)
    }

    /// The version that a selector means, and its number; without one the last.
    pub fn version(&self, selector: Option<&str>) -> Option<(usize, &Version)> {
        let labelled = |label: &str| {
            self.versions.iter().position(|version| version.labels.iter().any(|known| known == label))
        };
        let number = match selector {
            None => self.versions.len(),
            Some(selector) => match selector.parse::<usize>() {
                Ok(number) => number,
                Err(_) => labelled(selector)? + 1,
            },
        };
        Some((number, self.versions.get(number.checked_sub(1)?)?))
    }
}

impl Aws {
    /// A parameter, or the next version of one. Says its number.
    pub fn parameter(&mut self, name: &str, kind: Kind, value: &str) -> usize {
        self.parameter_in(REGION, name, kind, value)
    }

    /// The same in another region.
    pub fn parameter_in(&mut self, region: &str, name: &str, kind: Kind, value: &str) -> usize {
        let is_it = |parameter: &&mut Parameter| parameter.region == region && parameter.name == name;
        let version = Version { kind, value: value.to_owned(), labels: Vec::new() };
        if let Some(parameter) = self.parameters.iter_mut().find(is_it) {
            parameter.versions.push(version);
            return parameter.versions.len();
        }
        let (region, name) = (region.to_owned(), name.to_owned());
        let versions = vec![version];
        self.parameters.push(Parameter { region, name, versions, denied: false, failure: None });
        1
    }

    /// Gives a version a label, which no other one keeps.
    pub fn label(&mut self, name: &str, number: usize, label: &str) {
        let versions = &mut self.known(name).versions;
        for version in versions.iter_mut() {
            version.labels.retain(|known| known != label);
        }
        versions[number - 1].labels.push(label.to_owned());
    }

    /// The ARN of a parameter.
    pub fn parameter_arn(&mut self, name: &str) -> String {
        self.known(name).arn()
    }

    /// Nobody may read it.
    pub fn deny_parameter(&mut self, name: &str) {
        self.known(name).denied = true;
    }

    /// Decrypting it is this error, of the whole call: `InvalidKeyId`, …
    pub fn fail_parameter(&mut self, name: &str, code: &str, message: &str) {
        self.known(name).failure = Some((code.to_owned(), message.to_owned()));
    }

    fn known(&mut self, name: &str) -> &mut Parameter {
        let mut parameters = self.parameters.iter_mut();
        let found = parameters.find(|parameter| parameter.region == REGION && parameter.name == name);
        found.expect("a parameter that was made")
    }
}
