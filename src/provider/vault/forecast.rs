//! What reading from a Vault will come to: a GET for each document, a login and a revocation where kz logs in.
//!
//! Pure: no file is looked for, so where the section has no `auth` the login is told from variables alone, in the
//! order of `backend::credential`. What has to be allowed for it: `policy.rs`.

use std::collections::BTreeSet;

use crate::provider::forecast::{Call, Forecast};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings, Tokens};

use super::environment;
use super::policy::{self, LOOK_UP, REVOKE, Token, may_be_sent_on};
use super::settings::{TOKEN_VARIABLE, login_mount};

/// How kz comes to a token, as far as that can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    /// It is given one, or needs none.
    Token,
    /// It logs in.
    Login {
        /// Where the method is mounted.
        mount: String,
        /// Whether the secret id has to be unwrapped first.
        wrapped: bool,
    },
    /// It is given a wrapped one.
    Wrapped,
    /// What lies in files where kz will run decides.
    Open,
}

/// The forecast.
pub fn foresee(settings: &Settings, documents: &[DocumentRef], surroundings: &dyn Surroundings) -> Forecast {
    let access = access(settings, surroundings);
    let revokes = matches!(access, Access::Login { .. } | Access::Wrapped)
        && surroundings.terms().tokens == Tokens::Revoke;
    let mut calls = Vec::new();
    let unwraps = matches!(access, Access::Wrapped | Access::Login { wrapped: true, .. });
    calls.extend(unwraps.then(|| Call::besides("POST sys/wrapping/unwrap")));
    if let Access::Login { mount, .. } = &access {
        calls.push(Call::besides(format!("POST auth/{mount}/login")));
    }
    calls.extend(looks(documents).map(Call::besides));
    calls.extend(documents.iter().enumerate().map(|(place, document)| {
        let operation = if document.request.is_some() { "POST" } else { "GET" };
        Call::reading(operation, vec![place])
    }));
    if revokes {
        calls.extend([format!("GET {LOOK_UP}"), format!("POST {REVOKE}")].map(Call::besides));
    }
    let mut notes = Vec::new();
    if !settings.has("auth") {
        notes.extend(unsaid(&access).map(str::to_owned));
    }
    if documents.iter().any(may_be_sent_on) {
        notes.push(
            "a path without `data/` whose mount is KV version 2 is one call more; where that mount may end in several \
             places, kz asks once for each mount where it ends"
                .to_owned(),
        );
    }
    if revokes {
        notes.push("the token is not revoked when what was read with it is leased: it is made to end with that (`auth/token/renew-self`)".to_owned());
    }
    if documents.iter().any(policy::may_be_lent) {
        notes.push(
            "`kz export --watch` renews what is lent (`sys/leases/renew`; in `default` too), and what an export before it was lent \
             with another token (`auth/token/renew-accessor`), which it gives back at its end (`sys/leases/revoke`): all `update`"
                .to_owned(),
        );
    }
    let token = match (&access, revokes) {
        (_, true) => Token::Own,
        (Access::Token, _) => Token::Given,
        _ => Token::Other,
    };
    let policy = policy::of(settings, documents, surroundings, token);
    Forecast { calls, price: None, policy: Some(policy), notes }
}

/// What is asked before something is made of parameters: which engine there is, once for each mount.
fn looks(documents: &[DocumentRef]) -> impl Iterator<Item = String> {
    let made = documents.iter().filter(|document| document.request.is_some());
    let mounts: BTreeSet<&str> = made.filter_map(|document| document.path.split('/').next()).collect();
    mounts.into_iter().map(|mount| format!("GET sys/internal/ui/mounts/{mount}/…"))
}

/// What is to be known where the section does not say how kz logs in.
fn unsaid(access: &Access) -> Option<&'static str> {
    match access {
        Access::Token | Access::Wrapped => None,
        Access::Login { .. } => Some(
            "no `auth` is written, so the login is the one of this command's environment; where kz runs, a token in \
             `/run/secrets/vault-token` or `~/.vault-token` comes before it",
        ),
        Access::Open => Some(
            "no `auth` is written and no credential set here, so no login is counted: where kz logs in, that the look at its token and \
             the revocation are three calls more",
        ),
    }
}

fn access(settings: &Settings, surroundings: &dyn Surroundings) -> Access {
    let login = |mount: &str, wrapped| Access::Login { mount: mount.to_owned(), wrapped };
    match settings.auth("auth") {
        Some(("token", named)) if named.boolean("wrapped") == Some(true) => return Access::Wrapped,
        Some(("token" | "none", _)) => return Access::Token,
        Some((method, named)) => {
            let mount = named.text("mount").map_or(method, login_mount);
            return login(mount, named.boolean("wrapped").unwrap_or(false));
        }
        None => {}
    }
    if settings.has("token_file") {
        return Access::Token;
    }
    let is_set = |name: &str| {
        environment::belongs(settings, surroundings) && environment::given_text(surroundings, name).is_some()
    };
    let is_either = |name: &str| is_set(name) || is_set(&format!("{name}_FILE"));
    if is_either(TOKEN_VARIABLE) || is_set("VAULT_TOKEN_PATH") {
        Access::Token
    } else if is_either("VAULT_ROLE_ID") && is_either("VAULT_SECRET_ID") {
        login("approle", false)
    } else if is_set("VAULT_ROLE") && is_set("VAULT_JWT_FILE") {
        login("jwt", false)
    } else if is_set("VAULT_USERNAME") && is_either("VAULT_PASSWORD") {
        login("userpass", false)
    } else if is_either("VAULT_ROLE_ID") {
        login("approle", false)
    } else {
        Access::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Request;
    use crate::provider::fixture::{Fixture, documents};
    use crate::provider::settings::Value;

    fn operations(settings: &Settings, surroundings: &Fixture) -> Vec<String> {
        let forecast = foresee(settings, &documents(&["secret/data/a"]), surroundings);
        forecast.calls.into_iter().map(|call| call.operation).collect()
    }

    fn auth(method: &str, named: Settings) -> Settings {
        let mut settings = Settings::default();
        settings.insert("auth", Value::Auth(method.to_owned(), named));
        settings
    }

    #[test]
    fn a_login_is_a_call_before_and_two_after() {
        let mut named = Settings::default();
        named.insert("mount", Value::Text("k8s/eu/".to_owned()));
        let expected =
            ["POST auth/k8s/eu/login", "GET", "GET auth/token/lookup-self", "POST auth/token/revoke-self"];
        assert_eq!(operations(&auth("kubernetes", named), &Fixture::new()), expected);
        assert_eq!(operations(&auth("token", Settings::default()), &Fixture::new()), ["GET"]);
        let mut named = Settings::default();
        named.insert("wrapped", Value::Boolean(true));
        assert_eq!(
            operations(&auth("approle", named.clone()), &Fixture::new())[0],
            "POST sys/wrapping/unwrap"
        );
        let expected =
            ["POST sys/wrapping/unwrap", "GET", "GET auth/token/lookup-self", "POST auth/token/revoke-self"];
        assert_eq!(operations(&auth("token", named), &Fixture::new()), expected);
    }

    #[test]
    fn the_environment_decides_where_the_section_does_not() {
        let none = Settings::default();
        let role =
            Fixture::new().with_variable("VAULT_ROLE_ID", "r").with_variable("VAULT_SECRET_ID_FILE", "s");
        assert_eq!(operations(&none, &role).len(), 4);
        assert_eq!(operations(&none, &role.with_variable("VAULT_TOKEN", "t")).len(), 1);
        assert_eq!(access(&none, &Fixture::new()), Access::Open);
        // It is not asked about another server than its own.
        let mut elsewhere = Settings::default();
        elsewhere.insert("address", Value::Text("https://a".to_owned()));
        let token = Fixture::new().with_variable("VAULT_ADDR", "https://b").with_variable("VAULT_TOKEN", "t");
        assert_eq!(access(&elsewhere, &token), Access::Open);
        assert_eq!(access(&none, &token), Access::Token);
    }

    #[test]
    fn what_is_made_of_parameters_is_posted_once_the_engine_is_known() {
        let mut all = documents(&["pki/issue/app", "secret/data/a", "pki/issue/app", "totp/code/app"]);
        for (place, parameters) in
            [(0, r#"{"common_name":"a"}"#), (2, r#"{"common_name":"b"}"#), (3, r#"{"code":"1"}"#)]
        {
            all[place].request = Some(Request::new(&serde_json::from_str(parameters).unwrap()));
        }
        let Forecast { calls, notes, .. } = foresee(&Settings::default(), &all, &Fixture::new());
        let calls: Vec<_> = calls.into_iter().map(|call| call.operation).collect();
        let looks = ["GET sys/internal/ui/mounts/pki/…", "GET sys/internal/ui/mounts/totp/…"];
        assert_eq!(calls, [&looks[..], &["POST", "GET", "POST", "POST"]].concat());
        assert!(!notes.iter().any(|note| note.contains("pki")));
    }
}
