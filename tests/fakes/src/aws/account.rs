//! Everything behind one address, and what a test says of identities. Secrets, parameters, roles and metadata are
//! configured where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::container::Container;
use super::identity::{Held, Keys, principal};
use super::metadata::Instance;
use super::parameters::Parameter;
use super::secrets::Secret;
use super::sso::Assignment;
use super::sts::Role;

/// What there is.
pub struct Aws {
    own: Keys,
    pub keys: BTreeMap<String, Held>,
    /// Actions that nobody may do: `secretsmanager:BatchGetSecretValue`.
    pub forbidden: BTreeSet<String>,
    pub secrets: Vec<Secret>,
    pub parameters: Vec<Parameter>,
    /// By ARN.
    pub roles: BTreeMap<String, Role>,
    pub instance: Instance,
    /// By path.
    pub containers: BTreeMap<String, Container>,
    pub assignments: Vec<Assignment>,
    /// Everything that has to be new takes the next number.
    serial: u64,
}

impl Default for Aws {
    /// One key, [`Aws::keys`], and nothing else.
    fn default() -> Self {
        let own = Keys { id: "AKIDEXAMPLE".to_owned(), secret: "example-key".to_owned(), token: None };
        let mut aws = Self {
            own: own.clone(),
            keys: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            secrets: Vec::new(),
            parameters: Vec::new(),
            roles: BTreeMap::new(),
            instance: Instance::default(),
            containers: BTreeMap::new(),
            assignments: Vec::new(),
            serial: 0,
        };
        aws.know(&own, "app", "kz");
        aws
    }
}

impl Aws {
    /// The key that is known from the beginning, without a session token.
    pub fn keys(&self) -> Keys {
        self.own.clone()
    }

    /// A new key of a role's session, with a token.
    pub fn session(&mut self, role: &str, session: &str) -> Keys {
        let number = self.number();
        let keys = Keys {
            id: format!("ASIDEXAMPLE{number}"),
            secret: format!("example-key-{number}"),
            token: Some(format!("example-session-token-{number}")),
        };
        self.know(&keys, role, session);
        keys
    }

    /// The session of this key is over.
    pub fn expire(&mut self, key: &str) {
        self.keys.get_mut(key).expect("a key that is known").expired = true;
    }

    /// The key is deleted.
    pub fn forget(&mut self, key: &str) {
        self.keys.remove(key).expect("a key that is known");
    }

    /// Nobody may do this any more: `secretsmanager:BatchGetSecretValue`, `ssm:GetParameters`, `sts:AssumeRole`.
    pub fn forbid(&mut self, action: &str) {
        self.forbidden.insert(action.to_owned());
    }

    pub fn number(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn know(&mut self, keys: &Keys, role: &str, session: &str) {
        let held = Held { keys: keys.clone(), principal: principal(role, session), expired: false };
        self.keys.insert(keys.id.clone(), held);
    }
}
