//! What reading from a Vault will come to: a GET for each document, a login and a revocation where kz logs in.
//!
//! Pure: no file is looked for, so where the section has no `auth` the login is told from variables alone, in the
//! order of `backend::credential`. Policies: <https://developer.hashicorp.com/vault/docs/concepts/policies>.

use std::collections::{BTreeMap, BTreeSet};

use crate::literal::shown;
use crate::provider::forecast::{Call, Forecast, PathRule, Policy};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings, Tokens};

use super::cli_form::{candidates, lacks_data_segment};
use super::environment;
use super::settings::{TOKEN_VARIABLE, login_mount};

/// Where a token is told what the server sees it as: only one that it sees as kz's own is ended.
const LOOK_UP: &str = "auth/token/lookup-self";

/// Where a token ends itself.
const REVOKE: &str = "auth/token/revoke-self";

/// What a rule of a policy allows.
const READ: &[&str] = &["read"];
/// A POST to an engine that makes something, which has no existence check: `create` is not asked for.
const UPDATE: &[&str] = &["update"];
const READ_AND_UPDATE: &[&str] = &["read", "update"];

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
    let policy = policy(settings, documents, surroundings, revokes);
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

fn policy(
    settings: &Settings,
    documents: &[DocumentRef],
    surroundings: &dyn Surroundings,
    revokes: bool,
) -> Policy {
    let rule = |path: &str, capabilities, remark| PathRule { path: path.to_owned(), capabilities, remark };
    let mut rules: BTreeMap<String, PathRule> = BTreeMap::new();
    for document in documents.iter().filter(|document| may_be_sent_on(document)) {
        for (mount, longer) in candidates(&document.path) {
            let remark = format!("the same, where `{mount}` is a mount of KV version 2");
            let longer_rule = rule(&longer, READ, is_pattern(&document.path).or(Some(remark)));
            rules.entry(longer).or_insert(longer_rule);
        }
    }
    // What a document is asked for by itself comes before what another may mean.
    rules.extend(documents.iter().map(|document| {
        let path = &document.path;
        let is =
            |is_made| documents.iter().any(|other| other.path == *path && other.request.is_some() == is_made);
        let capabilities = match (is(false), is(true)) {
            (true, true) => READ_AND_UPDATE,
            (false, true) => UPDATE,
            _ => READ,
        };
        (path.clone(), rule(path, capabilities, remark(document)))
    }));
    if revokes {
        let remark = "to end its own token; Vault's `default` policy has it too".to_owned();
        rules.insert(REVOKE.to_owned(), rule(REVOKE, UPDATE, Some(remark)));
        let remark = "to see that a token is its own; in `default` too".to_owned();
        rules.insert(LOOK_UP.to_owned(), rule(LOOK_UP, READ, Some(remark)));
    }
    let namespace = settings.text("namespace").map(str::to_owned);
    let inherited = || {
        environment::given_text(surroundings, "VAULT_NAMESPACE")
            .filter(|_| environment::belongs(settings, surroundings))
    };
    let read_in = namespace.or_else(inherited);
    let login = settings.auth("auth").and_then(|(_, named)| named.text("namespace"));
    let rules = rules.into_values();
    let (namespace, rules) = match login {
        // The token's policies are of the login's namespace, and name what lies further down from there.
        Some(login) => {
            let below = below(login, read_in.as_deref().unwrap_or_default());
            // What it asks of itself it asks there.
            let is_own = |path: &str| [LOOK_UP, REVOKE].contains(&path);
            let within = |rule: PathRule| PathRule {
                path: if is_own(&rule.path) { rule.path } else { format!("{below}{}", rule.path) },
                ..rule
            };
            let login = login.trim_matches('/');
            (Some(login).filter(|login| !login.is_empty()).map(str::to_owned), rules.map(within).collect())
        }
        None => (read_in, rules.collect()),
    };
    let namespace = namespace.map(|named| shown(&named).to_owned());
    Policy::Vault { namespace, rules }
}

/// What stands before a path of one namespace in the policies of another above it: `team/`, or nothing.
fn below(above: &str, namespace: &str) -> String {
    let (above, namespace) = (above.trim_matches('/'), namespace.trim_matches('/'));
    let rest = if above.is_empty() {
        Some(namespace)
    } else {
        namespace.strip_prefix(above).and_then(|rest| rest.strip_prefix('/'))
    };
    rest.filter(|rest| !rest.is_empty()).map(|rest| format!("{rest}/")).unwrap_or_default()
}

/// What the rule for a path is for, or allows beside it.
fn remark(document: &DocumentRef) -> Option<String> {
    let sent_on = || "where the mount is KV version 1; if it is version 2, one of those with `data/` is read";
    is_pattern(&document.path).or_else(|| may_be_sent_on(document).then(sent_on).map(str::to_owned))
}

/// Words on a path that means others too.
fn is_pattern(path: &str) -> Option<String> {
    let is_one = path.ends_with('*') || path.contains("{{") || path.split('/').any(|part| part == "+");
    is_one.then(|| "allows other paths too: in a policy, `+`, `*` and `{{` are no plain text".to_owned())
}

/// Whether a path may be one of version 2's as the CLI writes it. Engines that make credentials have no versions.
fn may_be_sent_on(document: &DocumentRef) -> bool {
    let Some((_, rest)) = document.path.split_once('/') else { return false };
    let is_made = document.request.is_some()
        || ["creds/", "static-cred", "sts/"].iter().any(|start| rest.starts_with(start));
    !is_made && lacks_data_segment(&document.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Request;
    use crate::provider::fixture::Fixture;
    use crate::provider::settings::Value;

    fn documents(paths: &[&str]) -> Vec<DocumentRef> {
        paths
            .iter()
            .map(|path| DocumentRef { path: (*path).to_owned(), version: None, request: None })
            .collect()
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
        assert_eq!(
            operations(&auth("approle", named.clone()), &Fixture::new())[0],
            "POST sys/wrapping/unwrap"
        );
        let expected =
            ["POST sys/wrapping/unwrap", "GET", "GET auth/token/lookup-self", "POST auth/token/revoke-self"];
        assert_eq!(operations(&auth("token", named), &Fixture::new()), expected);
    }

    #[test]
    fn the_policy_of_a_login_in_another_namespace_names_paths_from_there() {
        let policy = |login: &str, read_in: &str| {
            let mut named = Settings::default();
            named.insert("namespace", Value::Text(login.to_owned()));
            let mut settings = auth("approle", named);
            settings.insert("namespace", Value::Text(read_in.to_owned()));
            let policy = foresee(&settings, &documents(&["secret/data/a"]), &Fixture::new()).policy;
            let Some(Policy::Vault { namespace, rules }) = policy else { panic!("no policy") };
            (namespace.unwrap_or_default(), rules[2].path.clone())
        };
        for (login, read_in, namespace, path) in [
            ("admin", "admin/team", "admin", "team/secret/data/a"),
            ("", "admin/team/", "", "admin/team/secret/data/a"),
            ("admin/", "admin", "admin", "secret/data/a"),
            ("adm", "admin/team", "adm", "secret/data/a"),
        ] {
            assert_eq!(policy(login, read_in), (namespace.to_owned(), path.to_owned()), "{login} {read_in}");
        }
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
    fn a_path_as_the_cli_writes_it_is_allowed_in_every_form_that_may_be_meant() {
        let paths = |documents: &[DocumentRef]| {
            let policy = foresee(&Settings::default(), documents, &Fixture::new()).policy;
            let Some(Policy::Vault { rules, .. }) = policy else { panic!("no policy") };
            rules.into_iter().map(|rule| rule.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&documents(&["secret/app"])), ["secret/app", "secret/data/app"]);
        assert_eq!(
            paths(&documents(&["team/kv/app", "database/creds/app"])),
            ["database/creds/app", "team/data/kv/app", "team/kv/app", "team/kv/data/app"]
        );
        // The document that is asked for by itself keeps its own remark: none.
        let both =
            foresee(&Settings::default(), &documents(&["secret/app", "secret/data/app"]), &Fixture::new());
        let Some(Policy::Vault { rules, .. }) = both.policy else { panic!("no policy") };
        let remarks: Vec<_> = rules.iter().map(|rule| rule.remark.is_some()).collect();
        assert_eq!(remarks, [true, false]);
    }

    #[test]
    fn what_is_made_of_parameters_is_posted_and_needs_update() {
        let mut all =
            documents(&["pki/issue/app", "secret/data/a", "pki/issue/app", "totp/code/app", "totp/code/app"]);
        for (place, parameters) in
            [(0, r#"{"common_name":"a"}"#), (2, r#"{"common_name":"b"}"#), (4, r#"{"code":"1"}"#)]
        {
            all[place].request = Some(Request::new(&serde_json::from_str(parameters).unwrap()));
        }
        let Forecast { calls, policy, notes, .. } = foresee(&Settings::default(), &all, &Fixture::new());
        let calls: Vec<_> = calls.into_iter().map(|call| call.operation).collect();
        let looks = ["GET sys/internal/ui/mounts/pki/…", "GET sys/internal/ui/mounts/totp/…"];
        assert_eq!(calls, [&looks[..], &["POST", "GET", "POST", "GET", "POST"]].concat());
        let Some(Policy::Vault { rules, .. }) = policy else { panic!("no policy") };
        let rules: Vec<_> =
            rules.iter().map(|rule| (rule.path.as_str(), rule.capabilities.join(" "))).collect();
        // Whether the key `app` is one of KV's is open where it is read.
        let expected = [
            ("pki/issue/app", "update"),
            ("secret/data/a", "read"),
            ("totp/code/app", "read update"),
            ("totp/code/data/app", "read"),
            ("totp/data/code/app", "read"),
        ];
        assert_eq!(rules, expected.map(|(path, allowed)| (path, allowed.to_owned())));
        assert!(!notes.iter().any(|note| note.contains("pki")));
    }

    #[test]
    fn what_a_path_leaves_open_is_remarked() {
        let remark = |path: &str| super::remark(&documents(&[path])[0]);
        assert!(remark("secret/prod/db").unwrap().starts_with("where the mount is KV version 1;"));
        for pattern in ["secret/data/a*", "secret/data/+/b", "secret/data/{{x}}"] {
            assert!(remark(pattern).unwrap().starts_with("allows other paths"), "{pattern}");
        }
        for plain in ["secret/data/a", "team/kv/data/a", "database/static-creds/app"] {
            assert_eq!(remark(plain), None);
        }
    }
}
