//! The one list of all providers.
//!
//! Invariant: nothing else in kz names a provider. One that this version does not contain is
//! listed all the same, so that its configuration is checked today; using it says so.

use super::descriptor::{Address, Descriptor, LastSegment};
use super::forecast::Forecast;
use super::settings::Settings;
use super::{Failure, Provider, Surroundings, age, aws, env, file, gcp, keyzero, onepassword, vault};

/// An instance of it, or why there is none.
pub fn instance(
    descriptor: &Descriptor,
    settings: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<Box<dyn Provider>, Failure> {
    descriptor.instance(settings, surroundings).ok_or_else(|| {
        Failure::misconfigured(
            format!("the provider `{}` is not built into this version of kz", descriptor.name),
            format!("this version reads {}", built().join(", ")),
        )
    })
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
