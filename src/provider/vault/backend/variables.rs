//! What the environment says of Vault: the CLI's variables, and kz's own for what the CLI takes as arguments.
//!
//! They are called by Vault's names here; which name was really read, a message says. Invariant: where the section names
//! another address than the environment, nothing of this is used, for it was meant for another server (SECURITY.md); the
//! section's own `auth` is, and `config` asks for one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::provider::Surroundings;
use crate::provider::local_file::path_of;
use crate::provider::settings::Settings;
use crate::provider::vault::environment::{self, Fate, Given, VARIABLES};
use crate::secret::Secret;

/// What says who kz is to AWS.
const OF_AWS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The variables that are set, and not to nothing: Compose sets what it cannot find to nothing.
#[derive(Debug)]
pub(super) struct Variables {
    set: BTreeMap<&'static str, Given>,
    /// Where the environment says that the server is: the variable, and its value.
    address: Option<(&'static str, String)>,
    belong: bool,
    hidden: Vec<&'static environment::Variable>,
}

impl Variables {
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let of_vault = VARIABLES
            .iter()
            .filter_map(|variable| Some((variable.vault, environment::given(surroundings, variable.vault)?)));
        let of_aws =
            OF_AWS.iter().filter_map(|&name| Some((name, Given { name, value: surroundings.given(name)? })));
        let belong = environment::belongs(settings, surroundings);
        let mut set: BTreeMap<&'static str, Given> = of_aws.collect();
        // An AWS identity is not Vault's: the section's own `auth` says whether it is used.
        if belong {
            set.extend(of_vault);
        }
        let address = environment::addresses(surroundings).next();
        Self { set, address, belong, hidden: environment::hidden(surroundings).collect() }
    }

    /// Whether they are of the server that the section names.
    pub(super) fn belong(&self) -> bool {
        self.belong
    }

    /// Where the environment says that the server is: the variable, and its value.
    pub(super) fn address(&self) -> Option<&(&'static str, String)> {
        self.address.as_ref()
    }

    /// The variable that says where the environment's server is.
    pub(super) fn address_variable(&self) -> &'static str {
        self.address.as_ref().map_or("VAULT_ADDR", |(name, _)| name)
    }

    /// Words on the variables, of these, that are not looked at since the same of `OpenBao`'s is set to nothing.
    pub(super) fn hidden(&self, of: &[&str]) -> String {
        let hidden = self.hidden.iter().filter(|variable| of.contains(&variable.vault));
        let words = hidden.map(|variable| {
            format!("; {} is set to nothing, and comes before {}", variable.bao, variable.vault)
        });
        words.collect::<Vec<_>>().concat()
    }

    /// What is set and has no effect, each with why.
    pub(super) fn passed_over(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        VARIABLES.iter().filter_map(|variable| match variable.fate {
            Fate::PassedOver(why) => Some((self.set.get(variable.vault)?.name, why)),
            Fate::Read | Fate::Refused => None,
        })
    }

    /// A credential, or whatever else it is, and the variable that it was in.
    pub(super) fn given(&self, name: &str) -> Option<&Given> {
        self.set.get(name)
    }

    /// A credential.
    pub(super) fn secret(&self, name: &str) -> Option<&Secret> {
        self.given(name).map(|given| &given.value)
    }

    /// What is no secret.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.secret(name)?.expose_text().map(str::to_owned)
    }

    /// A path.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.secret(name).map(path_of)
    }

    /// The variable, where it is set to anything but one of Go's words for no.
    pub(super) fn demand(&self, name: &str) -> Option<&'static str> {
        let Given { name, value } = self.given(name)?;
        environment::is_demanded(value.expose_text().unwrap_or_default()).then_some(name)
    }
}
