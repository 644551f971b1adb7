//! The policy that a token has to have: what its documents are read by, and what it asks of and for itself.
//!
//! Pure. It suffices for `kz export`, `kz run` and `kz status` without the policy `default`, and holds no more. What needs no
//! policy is not in it: `sys/internal/ui/mounts/PATH` and `PATH?help=1` are open to whoever may do something there.
//! Policies: <https://developer.hashicorp.com/vault/docs/concepts/policies>; proved on an `OpenBao`, and in `tests/it/vault/policies.rs`.

use std::collections::BTreeMap;

use crate::literal::shown;
use crate::provider::forecast::{PathRule, Policy};
use crate::provider::settings::Settings;
use crate::provider::{DocumentRef, Surroundings};

use super::cli_form::{OWN, candidates, is_of_kv, lacks_data_segment};
use super::environment;

/// Where a token is told what the server sees it as: only one that it sees as kz's own is ended.
pub(super) const LOOK_UP: &str = "auth/token/lookup-self";

/// Where a token ends itself.
pub(super) const REVOKE: &str = "auth/token/revoke-self";

/// Where a token's life is made that of what hangs on it.
const RENEW: &str = "auth/token/renew-self";

/// Where a token is told what it may do.
const CAPABILITIES: &str = "sys/capabilities-self";

/// What a rule of a policy allows.
const READ: &[&str] = &["read"];
/// A POST to an engine that makes something, which has no existence check: `create` is not asked for.
const UPDATE: &[&str] = &["update"];
const READ_AND_UPDATE: &[&str] = &["read", "update"];

/// Whose the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// kz's own, which it ends.
    Own,
    /// One that kz is given.
    Given,
    /// Neither is known.
    Other,
}

/// What has to be allowed for these documents.
pub(super) fn of(
    settings: &Settings,
    documents: &[DocumentRef],
    surroundings: &dyn Surroundings,
    token: Token,
) -> Policy {
    let mut rules = of_documents(documents);
    rules.extend(of_itself(documents, token).map(|rule| (rule.path.clone(), rule)));
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
            // What it asks of itself it asks there; what it may do, where it is to do it.
            let is_own = |path: &str| [LOOK_UP, REVOKE, RENEW].contains(&path);
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

/// By path.
fn of_documents(documents: &[DocumentRef]) -> BTreeMap<String, PathRule> {
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
    rules
}

/// What a token asks of and for itself.
fn of_itself(documents: &[DocumentRef], token: Token) -> impl Iterator<Item = PathRule> {
    let is_own = token == Token::Own;
    let is_lent = documents.iter().any(may_be_lent);
    let of_own = [
        (REVOKE, UPDATE, "to end its own token; Vault's `default` policy has it too"),
        (LOOK_UP, READ, "to see that a token is its own; in `default` too"),
    ];
    let of_lent = (RENEW, UPDATE, "to let its own token end with what is lent to it; in `default` too");
    let of_given =
        (LOOK_UP, READ, "to see until when the token lives, and so what is lent to it; in `default` too");
    let of_looks = (
        CAPABILITIES,
        UPDATE,
        "for `kz status`, which asks it of what is none of KV's instead of having something made; in `default` too",
    );
    let of_own = of_own.into_iter().filter(move |_| is_own);
    let of_lent = (is_own && is_lent).then_some(of_lent);
    let of_given = (token == Token::Given && is_lent).then_some(of_given);
    let of_looks = documents.iter().any(may_be_made).then_some(of_looks);
    let all = of_own.chain(of_lent).chain(of_given).chain(of_looks);
    all.map(|(path, capabilities, remark)| rule(path, capabilities, Some(remark.to_owned())))
}

fn rule(path: &str, capabilities: &'static [&'static str], remark: Option<String>) -> PathRule {
    PathRule { path: path.to_owned(), capabilities, remark }
}

/// Whether a document may be one that is made for whoever asks for it: all that is certainly not kept.
fn may_be_made(document: &DocumentRef) -> bool {
    !is_of_kv(&document.path) && !OWN.iter().any(|start| document.path.starts_with(start))
}

/// Whether it may be lent, and then ends with the token. A password that the server changes by itself is not.
pub(super) fn may_be_lent(document: &DocumentRef) -> bool {
    may_be_made(document) && !document.path.contains("/static-cred")
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
    let posted = || "if that is pki, ssh or transit: nothing is read there, and it takes `request = { … }` beside the ref";
    is_pattern(&document.path)
        .or_else(|| takes_parameters(document).then(posted).map(str::to_owned))
        .or_else(|| may_be_sent_on(document).then(sent_on).map(str::to_owned))
}

/// Whether a path without a `request` is, by its form, one that makes something of parameters. Which engine there is, a path does
/// not tell.
fn takes_parameters(document: &DocumentRef) -> bool {
    let mut segments = document.path.rsplit('/').skip(1);
    let before = segments.next().unwrap_or_default();
    document.request.is_none()
        && segments.next().is_some()
        && ["issue", "sign", "decrypt", "encrypt"].contains(&before)
}

/// Words on a path that means others too.
fn is_pattern(path: &str) -> Option<String> {
    let is_one = path.ends_with('*') || path.contains("{{") || path.split('/').any(|part| part == "+");
    is_one.then(|| "allows other paths too: in a policy, `+`, `*` and `{{` are no plain text".to_owned())
}

/// Whether a path may be one of version 2's as the CLI writes it. Engines that make credentials have no versions.
pub(super) fn may_be_sent_on(document: &DocumentRef) -> bool {
    let Some((_, rest)) = document.path.split_once('/') else { return false };
    let is_made = document.request.is_some()
        || ["creds/", "static-cred", "sts/"].iter().any(|start| rest.starts_with(start));
    !is_made && may_be_made(document) && lacks_data_segment(&document.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Request;
    use crate::provider::fixture::{Fixture, documents};
    use crate::provider::settings::Value;

    fn auth(method: &str, named: Settings) -> Settings {
        let mut settings = Settings::default();
        settings.insert("auth", Value::Auth(method.to_owned(), named));
        settings
    }

    fn rules(documents: &[DocumentRef], token: Token) -> Vec<PathRule> {
        let Policy::Vault { rules, .. } = of(&Settings::default(), documents, &Fixture::new(), token) else {
            panic!("no policy of Vault's")
        };
        rules
    }

    /// Those of documents alone.
    fn of_paths(documents: &[DocumentRef]) -> Vec<PathRule> {
        let rules = rules(documents, Token::Other);
        rules.into_iter().filter(|rule| rule.path != CAPABILITIES).collect()
    }

    #[test]
    fn what_a_token_asks_of_itself_is_allowed_as_far_as_it_asks() {
        let request = |path: &str| DocumentRef {
            request: Some(Request::new(&serde_json::from_str(r#"{"a":"b"}"#).unwrap())),
            ..documents(&[path])[0].clone()
        };
        let (own, given) = (Token::Own, Token::Given);
        let all = [LOOK_UP, RENEW, REVOKE, CAPABILITIES];
        for (token, document, asked) in [
            (own, documents(&["secret/data/a"])[0].clone(), &[LOOK_UP, REVOKE][..]),
            (given, documents(&["secret/data/a"])[0].clone(), &[]),
            (own, documents(&["database/creds/a"])[0].clone(), &all),
            (given, documents(&["database/creds/a"])[0].clone(), &[LOOK_UP, CAPABILITIES]),
            (own, documents(&["database/static-creds/a"])[0].clone(), &[LOOK_UP, REVOKE, CAPABILITIES]),
            (given, documents(&["database/static-creds/a"])[0].clone(), &[CAPABILITIES]),
            (own, request("pki/issue/a"), &all),
            (given, request("transit/decrypt/a"), &[LOOK_UP, CAPABILITIES]),
            // Which engine there is, is open.
            (own, documents(&["kv/a"])[0].clone(), &all),
            (own, documents(&["identity/oidc/token/a"])[0].clone(), &[LOOK_UP, REVOKE]),
        ] {
            let rules = rules(std::slice::from_ref(&document), token);
            let paths: Vec<_> =
                rules.iter().map(|rule| rule.path.as_str()).filter(|path| all.contains(path)).collect();
            assert_eq!(paths, asked, "{}", document.path);
        }
    }

    #[test]
    fn what_is_made_of_parameters_and_written_without_is_remarked() {
        let remark = |path: &str| remark(&documents(&[path])[0]).unwrap_or_default();
        for path in ["pki/issue/app", "team/pki/sign/app", "ssh/sign/app", "transit/decrypt/key"] {
            assert!(remark(path).contains("it takes `request = "), "{path}");
        }
        for path in ["secret/issue", "issue/app", "pki/cert/ca", "database/creds/app"] {
            assert!(!remark(path).contains("request"), "{path}");
        }
    }

    #[test]
    fn the_policy_of_a_login_in_another_namespace_names_paths_from_there() {
        let policy = |login: &str, read_in: &str| {
            let mut named = Settings::default();
            named.insert("namespace", Value::Text(login.to_owned()));
            let mut settings = auth("approle", named);
            settings.insert("namespace", Value::Text(read_in.to_owned()));
            let all = documents(&["database/creds/a"]);
            let policy = of(&settings, &all, &Fixture::new(), Token::Own);
            let Policy::Vault { namespace, rules } = policy else { panic!("no policy of Vault's") };
            let paths: Vec<_> = rules.into_iter().map(|rule| rule.path).collect();
            // What a token asks of itself it asks where it is of.
            assert_eq!(paths[..3], [LOOK_UP, RENEW, REVOKE]);
            let below = paths[3].strip_suffix("database/creds/a").unwrap();
            assert_eq!(paths[4], format!("{below}{CAPABILITIES}"));
            (namespace.unwrap_or_default(), paths[3].clone())
        };
        for (login, read_in, namespace, path) in [
            ("admin", "admin/team", "admin", "team/database/creds/a"),
            ("", "admin/team/", "", "admin/team/database/creds/a"),
            ("admin/", "admin", "admin", "database/creds/a"),
            ("adm", "admin/team", "adm", "database/creds/a"),
        ] {
            assert_eq!(policy(login, read_in), (namespace.to_owned(), path.to_owned()), "{login} {read_in}");
        }
    }

    #[test]
    fn a_policy_has_each_path_once_and_in_order() {
        let mut all = documents(&["secret/data/b", "database/creds/app", "secret/data/b"]);
        all[2].version = Some("3".to_owned());
        let rules = rules(&all, Token::Other);
        let paths: Vec<_> = rules.iter().map(|rule| (rule.path.as_str(), rule.remark.is_some())).collect();
        assert_eq!(paths, [("database/creds/app", false), ("secret/data/b", false), (CAPABILITIES, true)]);
    }

    #[test]
    fn a_path_as_the_cli_writes_it_is_allowed_in_every_form_that_may_be_meant() {
        let paths = |documents: &[DocumentRef]| {
            of_paths(documents).into_iter().map(|rule| rule.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&documents(&["secret/app"])), ["secret/app", "secret/data/app"]);
        assert_eq!(
            paths(&documents(&["team/kv/app", "database/creds/app"])),
            ["database/creds/app", "team/data/kv/app", "team/kv/app", "team/kv/data/app"]
        );
        // The document that is asked for by itself keeps its own remark: none.
        let both = of_paths(&documents(&["secret/app", "secret/data/app"]));
        let remarks: Vec<_> = both.iter().map(|rule| rule.remark.is_some()).collect();
        assert_eq!(remarks, [true, false]);
    }

    #[test]
    fn what_is_made_of_parameters_needs_update() {
        let mut all =
            documents(&["pki/issue/app", "secret/data/a", "pki/issue/app", "totp/code/app", "totp/code/app"]);
        for (place, parameters) in
            [(0, r#"{"common_name":"a"}"#), (2, r#"{"common_name":"b"}"#), (4, r#"{"code":"1"}"#)]
        {
            all[place].request = Some(Request::new(&serde_json::from_str(parameters).unwrap()));
        }
        let rules = of_paths(&all);
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
