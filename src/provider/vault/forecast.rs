//! What reading from a Vault will come to: a GET for each document, a login and a revocation where kz logs in.
//!
//! Pure: no file is looked for, so where the section has no `auth` the login is told from variables alone, in the
//! order of `backend::credential`. Policies: <https://developer.hashicorp.com/vault/docs/concepts/policies>.

use std::collections::BTreeMap;

use crate::literal::shown;
use crate::provider::forecast::{Call, Forecast, PathRule, Policy};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings, Tokens};

use super::settings::{TOKEN_VARIABLE, login_mount};

/// Where a token is told what the server sees it as: only one that it sees as kz's own is ended.
const LOOK_UP: &str = "auth/token/lookup-self";

/// Where a token ends itself.
const REVOKE: &str = "auth/token/revoke-self";

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
    /// What lies in files where kz will run decides.
    Open,
}

/// The forecast.
pub fn foresee(settings: &Settings, documents: &[DocumentRef], surroundings: &dyn Surroundings) -> Forecast {
    let access = access(settings, surroundings);
    let revokes = matches!(access, Access::Login { .. }) && surroundings.terms().tokens == Tokens::Revoke;
    let mut calls = Vec::new();
    if let Access::Login { mount, wrapped } = &access {
        calls.extend(wrapped.then(|| Call::besides("POST sys/wrapping/unwrap")));
        calls.push(Call::besides(format!("POST auth/{mount}/login")));
    }
    calls.extend(Forecast::one_by_one("GET", documents).calls);
    if revokes {
        calls.extend([format!("GET {LOOK_UP}"), format!("POST {REVOKE}")].map(Call::besides));
    }
    let mut notes = Vec::new();
    if !settings.has("auth") {
        notes.extend(unsaid(&access).map(str::to_owned));
    }
    if documents.iter().any(|document| may_be_sent_on(&document.path)) {
        notes.push(
            "a path without `data/` whose mount is KV version 2 is one call more; where that mount may end in several \
             places, kz asks once for each mount where it ends"
                .to_owned(),
        );
    }
    if revokes {
        notes.push("the token is not revoked when what was read with it is leased: it is made to end with that (`auth/token/renew-self`)".to_owned());
    }
    let policy = policy(settings, documents, surroundings, revokes);
    Forecast { calls, price: None, policy: Some(policy), notes }
}

/// What is to be known where the section does not say how kz logs in.
fn unsaid(access: &Access) -> Option<&'static str> {
    match access {
        Access::Token => None,
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
    let is_set = |name: &str| belongs(settings, surroundings) && surroundings.given_text(name).is_some();
    let is_either = |name: &str| is_set(name) || is_set(&format!("{name}_FILE"));
    if is_either(TOKEN_VARIABLE) {
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

/// Whether the environment speaks of the server that the section names.
fn belongs(settings: &Settings, surroundings: &dyn Surroundings) -> bool {
    match (settings.text("address"), surroundings.given_text("VAULT_ADDR")) {
        (Some(ours), Some(theirs)) => ours.trim_end_matches('/') == theirs.trim_end_matches('/'),
        _ => true,
    }
}

fn policy(
    settings: &Settings,
    documents: &[DocumentRef],
    surroundings: &dyn Surroundings,
    revokes: bool,
) -> Policy {
    let rule = |path: &str, capability, remark| PathRule { path: path.to_owned(), capability, remark };
    let mut rules: BTreeMap<&str, PathRule> = documents
        .iter()
        .map(|document| (document.path.as_str(), rule(&document.path, "read", remark(&document.path))))
        .collect();
    if revokes {
        let remark = "to end its own token; Vault's `default` policy has it too".to_owned();
        rules.insert(REVOKE, rule(REVOKE, "update", Some(remark)));
        let remark = "to see that a token is its own; in `default` too".to_owned();
        rules.insert(LOOK_UP, rule(LOOK_UP, "read", Some(remark)));
    }
    let namespace = settings.text("namespace").map(str::to_owned);
    let inherited = || surroundings.given_text("VAULT_NAMESPACE").filter(|_| belongs(settings, surroundings));
    let namespace = namespace.or_else(inherited).map(|named| shown(&named).to_owned());
    Policy::Vault { namespace, rules: rules.into_values().collect() }
}

/// What the rule for a path may lack, or allow beside it.
fn remark(path: &str) -> Option<String> {
    let is_pattern = path.ends_with('*') || path.contains("{{") || path.split('/').any(|part| part == "+");
    if is_pattern {
        return Some("allows other paths too: in a policy, `+`, `*` and `{{` are no plain text".to_owned());
    }
    may_be_sent_on(path).then(|| {
        let (mount, rest) = path.split_once('/').unwrap_or((path, ""));
        let whole = if rest.contains('/') { ", with `data/` after the whole mount," } else { "" };
        format!("where the mount is KV version 2, kz is sent on: `{mount}/data/{rest}`{whole} has to be allowed too")
    })
}

/// Whether a path may be one of version 2's as the CLI writes it. Engines that make credentials have no versions.
fn may_be_sent_on(path: &str) -> bool {
    let Some((_, rest)) = path.split_once('/') else { return false };
    let is_made = ["creds/", "static-creds/", "sts/"].iter().any(|start| rest.starts_with(start));
    !is_made && !path.contains("/data/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::fixture::Fixture;
    use crate::provider::settings::Value;

    fn documents(paths: &[&str]) -> Vec<DocumentRef> {
        paths.iter().map(|path| DocumentRef { path: (*path).to_owned(), version: None }).collect()
    }

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
        assert_eq!(operations(&auth("approle", named), &Fixture::new())[0], "POST sys/wrapping/unwrap");
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
    fn a_policy_has_each_path_once_and_in_order() {
        let mut all = documents(&["secret/data/b", "database/creds/app", "secret/data/b"]);
        all[2].version = Some("3".to_owned());
        let Some(Policy::Vault { rules, .. }) = foresee(&Settings::default(), &all, &Fixture::new()).policy
        else {
            panic!("no policy");
        };
        let paths: Vec<_> = rules.iter().map(|rule| (rule.path.as_str(), rule.remark.is_some())).collect();
        assert_eq!(paths, [("database/creds/app", false), ("secret/data/b", false)]);
    }

    #[test]
    fn what_a_path_leaves_open_is_remarked() {
        assert!(remark("secret/prod/db").unwrap().contains("`secret/data/prod/db`"));
        for pattern in ["secret/data/a*", "secret/data/+/b", "secret/data/{{x}}"] {
            assert!(remark(pattern).unwrap().starts_with("allows other paths"), "{pattern}");
        }
        for plain in ["secret/data/a", "team/kv/data/a", "database/static-creds/app"] {
            assert_eq!(remark(plain), None);
        }
    }
}
