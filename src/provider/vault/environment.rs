//! The variables of Vault's and `OpenBao`'s CLIs, and kz's own for what those take as arguments: which of its two names
//! counts for each, and what becomes of it.
//!
//! `BAO_X` comes before `VAULT_X` where it is set, also to nothing, as in `OpenBao`'s CLI (`api/env.go`). Invariant: none
//! is silently ignored where it would change which server is asked; a test compares the table with that CLI's list.

use crate::provider::Surroundings;
use crate::provider::settings::Settings;
use crate::secret::Secret;

/// What becomes of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is read.
    Read,
    /// What it asks for is refused.
    Refused,
    /// It changes nothing of which server is asked, and has no effect; why.
    PassedOver(&'static str),
}

/// A variable under both of its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variable {
    pub(super) vault: &'static str,
    pub(super) bao: &'static str,
    pub(super) fate: Fate,
}

macro_rules! table {
    ($($end:literal $fate:expr,)*) => {
        &[$(Variable { vault: concat!("VAULT_", $end), bao: concat!("BAO_", $end), fate: $fate },)*]
    };
}

/// All of them, the CLIs' first.
pub(super) const VARIABLES: &[Variable] = table![
    "ADDR" Fate::Read,
    "AGENT_ADDR" Fate::Read,
    "CACERT" Fate::Read,
    "CACERT_BYTES" Fate::Read,
    "CAPATH" Fate::Read,
    "CLIENT_CERT" Fate::Read,
    "CLIENT_CERT_BYTES" Fate::Read,
    "CLIENT_KEY" Fate::Read,
    "CLIENT_KEY_BYTES" Fate::Read,
    "CLIENT_TIMEOUT" Fate::PassedOver("`--timeout` says how long kz waits"),
    "DISABLE_REDIRECTS" Fate::PassedOver("kz follows redirects to servers that it was told of, and no others"),
    "HTTP_PROXY" Fate::Read,
    "MAX_RETRIES" Fate::PassedOver("kz tries again until `--timeout`"),
    "MFA" Fate::PassedOver("kz gives no second factor"),
    "NAMESPACE" Fate::Read,
    "PROXY_ADDR" Fate::Read,
    "RATE_LIMIT" Fate::PassedOver("`concurrency` says how much goes at once"),
    "SKIP_VERIFY" Fate::Refused,
    "SRV_LOOKUP" Fate::Refused,
    "TLS_SERVER_NAME" Fate::Read,
    "TOKEN" Fate::Read,
    "TOKEN_PATH" Fate::Read,
    "WRAP_TTL" Fate::PassedOver("kz delivers values, not wrapping tokens"),
    "JWT_FILE" Fate::Read,
    "PASSWORD" Fate::Read,
    "PASSWORD_FILE" Fate::Read,
    "ROLE" Fate::Read,
    "ROLE_ID" Fate::Read,
    "ROLE_ID_FILE" Fate::Read,
    "SECRET_ID" Fate::Read,
    "SECRET_ID_FILE" Fate::Read,
    "TOKEN_FILE" Fate::Read,
    "USERNAME" Fate::Read,
];

/// Whether a variable of this value asks for what it is named after: any but one of Go's words for no
/// (<https://pkg.go.dev/strconv#ParseBool>).
pub(super) fn is_demanded(value: &str) -> bool {
    !matches!(value, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// Whether kz refuses this variable with this value whatever else is set, since it would then trust whoever stands in
/// between. Set to nothing is unset.
pub(in crate::provider) fn is_refused(name: &str, value: &str) -> bool {
    let is_it = |variable: &&Variable| variable.vault == "VAULT_SKIP_VERIFY";
    let variable = VARIABLES.iter().find(is_it).filter(|variable| variable.fate == Fate::Refused);
    let is_named = variable.is_some_and(|variable| [variable.vault, variable.bao].contains(&name));
    is_named && !value.trim().is_empty() && is_demanded(value)
}

/// Where the server is, as the CLI looks: an agent before the server itself.
const ADDRESSES: [&str; 2] = ["VAULT_AGENT_ADDR", "VAULT_ADDR"];

/// What a variable says, and under which of its names.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) value: Secret,
}

/// What the variable says that Vault's CLI calls so, unless that is nothing.
pub(super) fn given(surroundings: &dyn Surroundings, vault: &str) -> Option<Given> {
    let variable = VARIABLES.iter().find(|variable| variable.vault == vault)?;
    let name = if surroundings.variable(variable.bao).is_some() { variable.bao } else { variable.vault };
    Some(Given { name, value: surroundings.given(name)? })
}

/// The same, where it is text.
pub(super) fn given_text(surroundings: &dyn Surroundings, vault: &str) -> Option<String> {
    given(surroundings, vault)?.value.expose_text().map(str::to_owned)
}

/// The addresses that the environment names, the one that is asked first.
pub(super) fn addresses(surroundings: &dyn Surroundings) -> impl Iterator<Item = (&'static str, String)> {
    ADDRESSES.iter().filter_map(|vault| {
        let Given { name, value } = given(surroundings, vault)?;
        Some((name, value.expose_text()?.trim_end_matches('/').to_owned()))
    })
}

/// Whether the environment speaks of the server that the section names, or of none.
pub(super) fn belongs(settings: &Settings, surroundings: &dyn Surroundings) -> bool {
    let theirs: Vec<String> = addresses(surroundings).map(|(_, address)| address).collect();
    let is_theirs = |ours: &str| theirs.iter().any(|theirs| theirs == ours.trim_end_matches('/'));
    let are_theirs = settings.list("addresses").iter().all(|ours| is_theirs(ours));
    theirs.is_empty() || (are_theirs && settings.text("address").is_none_or(is_theirs))
}

/// Whether any is set under `OpenBao`'s name: whoever sets one has its CLI.
pub(super) fn is_of_bao(surroundings: &dyn Surroundings) -> bool {
    VARIABLES.iter().any(|variable| surroundings.given(variable.bao).is_some())
}

/// The variables that hold something and are not looked at, since the same of `OpenBao`'s is set to nothing.
pub(super) fn hidden(surroundings: &dyn Surroundings) -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().filter(|variable| {
        surroundings.variable(variable.bao).is_some()
            && surroundings.given(variable.bao).is_none()
            && surroundings.given(variable.vault).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;
    use crate::provider::vault::CREDENTIAL_VARIABLES;

    fn name_of(fixture: &Fixture, vault: &str) -> Option<&'static str> {
        given(fixture, vault).map(|given| given.name)
    }

    #[test]
    fn of_two_names_openbaos_counts_where_it_is_set_also_to_nothing() {
        let fixture =
            Fixture::new().with_variable("VAULT_TOKEN", "one").with_variable("BAO_ADDR", "http://b");
        assert_eq!(name_of(&fixture, "VAULT_TOKEN"), Some("VAULT_TOKEN"));
        assert_eq!(name_of(&fixture, "VAULT_ADDR"), Some("BAO_ADDR"));
        let both = fixture.with_variable("BAO_TOKEN", "two").with_variable("VAULT_ADDR", "http://a");
        assert_eq!(name_of(&both, "VAULT_TOKEN"), Some("BAO_TOKEN"));
        assert_eq!(given_text(&both, "VAULT_ADDR").as_deref(), Some("http://b"));
        assert_eq!(hidden(&both).count(), 0);
        for nothing in ["", " \n"] {
            let hides = Fixture::new().with_variable("VAULT_TOKEN", "x").with_variable("BAO_TOKEN", nothing);
            assert_eq!(name_of(&hides, "VAULT_TOKEN"), None);
            assert_eq!(hidden(&hides).map(|variable| variable.bao).collect::<Vec<_>>(), ["BAO_TOKEN"]);
        }
    }

    /// `api/client.go` of `OpenBao` 2.6, `Env…`; `HashiCorp`'s has the same but for the last three.
    const OF_THE_CLI: &str = "ADDR AGENT_ADDR CACERT CACERT_BYTES CAPATH CLIENT_CERT CLIENT_CERT_BYTES CLIENT_KEY \
        CLIENT_KEY_BYTES CLIENT_TIMEOUT SRV_LOOKUP SKIP_VERIFY NAMESPACE TLS_SERVER_NAME WRAP_TTL MAX_RETRIES TOKEN MFA \
        RATE_LIMIT HTTP_PROXY PROXY_ADDR DISABLE_REDIRECTS TOKEN_PATH";

    #[test]
    fn every_variable_of_the_cli_has_its_fate_and_its_row_in_the_documentation() {
        let documented = include_str!("../../../docs/providers.md");
        for end in OF_THE_CLI.split_whitespace() {
            let vault = format!("VAULT_{end}");
            let variable = VARIABLES.iter().find(|variable| variable.vault == vault);
            assert_eq!(variable.expect(&vault).bao, format!("BAO_{end}"));
            assert!(documented.contains(&format!("`{end}`")), "{end} is not in docs/providers.md");
        }
    }

    #[test]
    fn each_name_of_a_credential_is_read_and_taken_from_the_command_under_both_names() {
        for name in CREDENTIAL_VARIABLES {
            let read = VARIABLES.iter().find(|variable| variable.vault == *name || variable.bao == *name);
            let read = read.expect(name);
            assert_eq!(read.fate, Fate::Read, "{name}");
            for name in [read.vault, read.bao] {
                assert!(CREDENTIAL_VARIABLES.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn an_environment_that_names_an_agent_and_a_server_speaks_of_both() {
        let of = |address: &str| {
            let mut settings = Settings::default();
            settings.insert("address", crate::provider::settings::Value::Text(address.to_owned()));
            settings
        };
        let both = Fixture::new().with_variable("BAO_AGENT_ADDR", "http://127.0.0.1:8100/");
        let both = both.with_variable("VAULT_ADDR", "https://vault:8200");
        assert_eq!(addresses(&both).next().unwrap(), ("BAO_AGENT_ADDR", "http://127.0.0.1:8100".to_owned()));
        for (address, expected) in
            [("https://vault:8200", true), ("http://127.0.0.1:8100", true), ("https://evil", false)]
        {
            assert_eq!(belongs(&of(address), &both), expected, "{address}");
        }
        assert!(belongs(&of("https://evil"), &Fixture::new().with_variable("BAO_ADDR", "")));
    }
}
