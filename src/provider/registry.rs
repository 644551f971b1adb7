//! The one list of all providers: names, what their sections take, what their refs look like,
//! and how they are built.
//!
//! Invariant: nothing else in kz names a provider. One that this version does not contain is
//! listed all the same, so that its configuration is checked today; using it says so.

use super::discreet::{Discreet, Suspects};
use super::forecast::{Forecast, Foresee};
use super::settings::{RefForm, Setting, Settings};
use super::{
    DocumentRef, Failure, Provider, Surroundings, age, aws, env, file, gcp, keyzero, onepassword, vault,
};
use crate::literal;

/// Builds an instance from its checked settings, without I/O.
pub type Build = for<'a> fn(&Settings, &'a dyn Surroundings) -> Box<dyn Provider + 'a>;

/// Says what is wrong with a ref and the version beside it, if anything is.
pub type CheckDocument = fn(&DocumentRef) -> Result<(), String>;

/// What kz knows of a provider before using it.
#[derive(Debug)]
pub struct Descriptor {
    /// The name in `provider = "…"`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// The keys of its section.
    pub settings: &'static [Setting],
    /// Variables that hold a credential of kz's own: `kz run` takes them out of CMD's environment.
    pub credential_variables: &'static [&'static str],
    /// What says where the backend is.
    pub address: Option<Address>,
    /// Whether a ref without `#field` ends in the field.
    pub last_segment: LastSegment,
    /// What refs look like.
    pub ref_form: RefForm,
    /// Whether a ref, without its field, can be right. The words say what is wrong with it.
    pub check_ref: fn(&str) -> Result<(), String>,
    /// Whether such a ref and the `version` beside it go together, where that can be told. The words say what is wrong.
    pub check_document: Option<CheckDocument>,
    /// Whether such a document may be made of a `request`; nothing where the provider takes none. The words say what is wrong.
    pub check_request: Option<CheckDocument>,
    /// What asking it will come to.
    pub foresee: Foresee,
    /// `None`: not in this version.
    pub build: Option<Build>,
}

/// Where a backend is, said in two places.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The setting.
    pub setting: &'static str,
    /// The setting that takes several instead.
    pub several: Option<&'static str>,
    /// The variables: of each group the first that is set counts, also where it is set to nothing.
    pub variables: &'static [&'static [&'static str]],
    /// Settings that name a section's own credentials, so that the environment's are not used.
    pub credentials: &'static [&'static str],
}

/// What the last segment of a ref's path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastSegment {
    /// Part of the path.
    Path,
    /// The field, when none is named otherwise.
    Field,
}

impl Descriptor {
    /// An instance, or why there is none.
    pub fn instance<'a>(
        &self,
        settings: &Settings,
        surroundings: &'a dyn Surroundings,
    ) -> Result<Box<dyn Provider + 'a>, Failure> {
        match self.build {
            Some(build) => {
                let suspects = Suspects::of(settings, surroundings);
                Ok(Box::new(Discreet::new(build(settings, surroundings), suspects)))
            }
            None => Err(Failure::misconfigured(
                format!("the provider `{}` is not built into this version of kz", self.name),
                format!("this version reads {}", built().join(", ")),
            )),
        }
    }

    /// Whether everything that it reads is on this machine: then nothing has an address.
    pub fn is_local(&self) -> bool {
        self.address.is_none()
    }

    /// What asking an instance for these documents will come to. Nothing is read or contacted.
    pub fn forecast(
        &self,
        settings: &Settings,
        documents: &[DocumentRef],
        surroundings: &dyn Surroundings,
    ) -> Forecast {
        let mut forecast = (self.foresee)(settings, documents, surroundings);
        let suspects = Suspects::of(settings, surroundings);
        forecast.notes.iter_mut().for_each(|note| *note = suspects.hide(note));
        // A policy in which something else stood for a ref would allow something else.
        if documents.iter().any(|document| literal::reference(&document.path) != document.path) {
            forecast.policy = None;
            forecast.notes.push(
                "a ref looks like a credential: it is not repeated, and no policy is made of it".to_owned(),
            );
        }
        if self.build.is_none() {
            forecast.notes.push(format!("the provider `{}` is not built into this version of kz", self.name));
        }
        forecast
    }
}

/// All of them.
pub static PROVIDERS: &[Descriptor] = &[
    Descriptor {
        name: "vault",
        about: "HashiCorp Vault and OpenBao",
        aliases: &["hashicorp"],
        settings: vault::SETTINGS,
        credential_variables: vault::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "address",
            several: Some("addresses"),
            variables: vault::ADDRESS_VARIABLES,
            credentials: &["auth", "token_file"],
        }),
        last_segment: LastSegment::Field,
        ref_form: vault::REF,
        check_ref: vault::check_ref,
        check_document: None,
        check_request: Some(vault::check_request),
        foresee: vault::foresee,
        build: vault::BUILD,
    },
    Descriptor {
        name: "aws-sm",
        about: "AWS Secrets Manager",
        aliases: &["aws"],
        settings: aws::SETTINGS,
        credential_variables: aws::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "endpoint",
            several: None,
            variables: &[&["AWS_ENDPOINT_URL"]],
            credentials: aws::OWN_CREDENTIALS,
        }),
        last_segment: LastSegment::Path,
        ref_form: aws::SECRET_REF,
        check_ref: aws::check_secret_ref,
        check_document: None,
        check_request: None,
        foresee: aws::FORESEE_SECRETS,
        build: aws::BUILD_SECRETS,
    },
    Descriptor {
        name: "aws-ssm",
        about: "AWS Systems Manager Parameter Store",
        aliases: &[],
        settings: aws::SETTINGS,
        credential_variables: aws::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "endpoint",
            several: None,
            variables: &[&["AWS_ENDPOINT_URL"]],
            credentials: aws::OWN_CREDENTIALS,
        }),
        last_segment: LastSegment::Path,
        ref_form: aws::PARAMETER_REF,
        check_ref: aws::check_parameter_ref,
        check_document: None,
        check_request: None,
        foresee: aws::FORESEE_PARAMETERS,
        build: aws::BUILD_PARAMETERS,
    },
    Descriptor {
        name: "gcp-sm",
        about: "Google Cloud Secret Manager",
        aliases: &["gcp"],
        settings: gcp::SETTINGS,
        credential_variables: gcp::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "endpoint",
            several: None,
            variables: &[&["CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"]],
            credentials: gcp::OWN_CREDENTIALS,
        }),
        last_segment: LastSegment::Path,
        ref_form: gcp::REF,
        check_ref: gcp::check_ref,
        check_document: Some(gcp::check_document),
        check_request: None,
        foresee: gcp::foresee,
        build: gcp::BUILD,
    },
    Descriptor {
        name: "1password",
        about: "1Password Connect and service accounts",
        aliases: &["op"],
        settings: onepassword::SETTINGS,
        credential_variables: onepassword::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "connect_host",
            several: None,
            variables: &[&["OP_CONNECT_HOST"]],
            credentials: onepassword::OWN_CREDENTIALS,
        }),
        last_segment: LastSegment::Path,
        ref_form: onepassword::REF,
        check_ref: onepassword::check_ref,
        check_document: None,
        check_request: None,
        foresee: onepassword::foresee,
        build: onepassword::BUILD,
    },
    Descriptor {
        name: "age",
        about: "files encrypted with age",
        aliases: &[],
        settings: age::SETTINGS,
        credential_variables: age::CREDENTIAL_VARIABLES,
        address: None,
        last_segment: LastSegment::Path,
        ref_form: age::REF,
        check_ref: age::check_ref,
        check_document: None,
        check_request: None,
        foresee: Forecast::local,
        build: age::BUILD,
    },
    Descriptor {
        name: "env",
        about: "variables of kz's own environment",
        aliases: &[],
        settings: env::SETTINGS,
        credential_variables: env::CREDENTIAL_VARIABLES,
        address: None,
        last_segment: LastSegment::Path,
        ref_form: env::REF,
        check_ref: env::check_ref,
        check_document: None,
        check_request: None,
        foresee: Forecast::local,
        build: Some(env::build),
    },
    Descriptor {
        name: "file",
        about: "files of this machine",
        aliases: &[],
        settings: file::SETTINGS,
        credential_variables: file::CREDENTIAL_VARIABLES,
        address: None,
        last_segment: LastSegment::Path,
        ref_form: file::REF,
        check_ref: file::check_ref,
        check_document: None,
        check_request: None,
        foresee: Forecast::local,
        build: Some(file::build),
    },
    Descriptor {
        name: "keyzero",
        about: "another kz, asked through `kz server`",
        aliases: &[],
        settings: keyzero::SETTINGS,
        credential_variables: keyzero::CREDENTIAL_VARIABLES,
        address: Some(Address {
            setting: "address",
            several: Some("addresses"),
            variables: &[&["KEYZERO_ADDR"]],
            credentials: &["auth", "token_file"],
        }),
        last_segment: LastSegment::Path,
        ref_form: keyzero::REF,
        check_ref: keyzero::check_ref,
        check_document: None,
        check_request: None,
        foresee: keyzero::FORESEE,
        build: None,
    },
];

/// The provider of this name or alias.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    PROVIDERS.iter().find(|provider| provider.name == name || provider.aliases.contains(&name))
}

/// Whether a provider refuses a variable of its own with this value, since it would trust whoever stands in between.
pub fn is_refused(name: &str, value: &str) -> bool {
    vault::is_refused(name, value)
}

/// Every name that `provider = "…"` understands without a section.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS
        .iter()
        .flat_map(|provider| std::iter::once(provider.name).chain(provider.aliases.iter().copied()))
}

fn built() -> Vec<String> {
    PROVIDERS
        .iter()
        .filter(|provider| provider.build.is_some())
        .map(|provider| format!("`{}`", provider.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut all: Vec<_> = names().collect();
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), number);
    }

    #[test]
    fn every_example_of_a_ref_is_right() {
        for provider in PROVIDERS {
            let path = provider.ref_form.example.split('#').next().unwrap_or_default();
            assert_eq!((provider.check_ref)(path), Ok(()), "{}", provider.name);
        }
    }

    #[test]
    fn an_alias_finds_its_provider() {
        assert_eq!(find("op").map(|provider| provider.name), Some("1password"));
        assert!(find("vualt").is_none());
    }
}
