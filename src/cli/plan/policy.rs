//! Policies as text: HCL for Vault, JSON for IAM. Pure.
//!
//! Invariant: whatever a ref holds, it stays inside of its string or its comment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::log::escape;
use crate::provider::forecast::{PathRule, Statement};

/// More than this, white space not counted, is no managed policy
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub(super) const LONGEST_MANAGED: usize = 6_144;

/// A policy for `vault policy write NAME -`.
pub(super) fn hcl(instance: &str, namespace: Option<&str>, rules: &[PathRule]) -> String {
    let place = namespace.map(|namespace| format!(", in the namespace {namespace}")).unwrap_or_default();
    let mut text = format!("# what kz reads from the provider `{instance}`{place}");
    text = format!("{}\n", escape(&text));
    for PathRule { path, capabilities, remark } in rules {
        let remark = remark.as_deref().map(|remark| format!("# {}\n", escape(remark))).unwrap_or_default();
        let path = quoted(path);
        let allowed: Vec<String> =
            capabilities.iter().map(|capability| format!("\"{capability}\"")).collect();
        let allowed = allowed.join(", ");
        let _ = write!(text, "\n{remark}path {path} {{\n  capabilities = [{allowed}]\n}}\n");
    }
    text
}

/// A string of HCL 1: `${` would begin an interpolation, and a line break is not allowed
/// (`github.com/hashicorp/hcl` v1, `hcl/strconv`).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '$' if characters.peek() == Some(&'{') => quoted.push_str("\\u0024"),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A policy document (IAM User Guide, "Grammar of the IAM JSON policy language").
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document<'a> {
    version: &'static str,
    statement: Vec<Allow<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Allow<'a> {
    sid: &'a str,
    effect: &'static str,
    action: &'a str,
    resource: &'a BTreeSet<String>,
}

/// The document with these statements.
pub(super) fn document(statements: &[Statement]) -> Document<'_> {
    Document { version: "2012-10-17", statement: statements.iter().map(allow).collect() }
}

fn allow(Statement { sid, action, resources }: &Statement) -> Allow<'_> {
    Allow { sid, effect: "Allow", action, resource: resources }
}

/// The same as text, for `aws iam put-role-policy --policy-document file://…`.
pub(super) fn iam(statements: &[Statement]) -> String {
    crate::json::pretty(&document(statements))
}

/// Statements of several instances: one for each `Sid`, in their order.
pub(super) fn merged<'a>(instances: impl Iterator<Item = &'a [Statement]>) -> Vec<Statement> {
    let mut merged: BTreeMap<&str, Statement> = BTreeMap::new();
    for statement in instances.flatten() {
        let known = merged
            .entry(statement.sid)
            .or_insert_with(|| Statement { resources: BTreeSet::new(), ..statement.clone() });
        known.resources.extend(statement.resources.iter().cloned());
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, remark: Option<&str>) -> PathRule {
        PathRule { path: path.to_owned(), capabilities: &["read"], remark: remark.map(str::to_owned) }
    }

    fn statement(sid: &'static str, resource: &str) -> Statement {
        Statement { sid, action: "a:B", resources: BTreeSet::from([resource.to_owned()]) }
    }

    #[test]
    fn a_path_cannot_leave_its_string_nor_a_remark_its_line() {
        let text = hcl("v", None, &[rule("a\"b\\${c}\n", Some("x\npath \"*\" {"))]);
        assert!(text.contains(r#"path "a\"b\\\u0024{c}\u000a" {"#), "{text}");
        assert!(text.contains("\n# x\\npath \"*\" {\n"), "{text}");
    }

    #[test]
    fn statements_of_one_sid_are_merged_and_sorted() {
        let (first, second) = ([statement("B", "2"), statement("A", "1")], [statement("B", "1")]);
        let merged = merged([&first[..], &second[..]].into_iter());
        let seen: Vec<_> = merged.iter().map(|one| (one.sid, one.resources.len())).collect();
        assert_eq!(seen, [("A", 1), ("B", 2)]);
    }

    #[test]
    fn an_iam_policy_is_json_with_what_iam_asks_for() {
        let text = iam(&[statement("ReadSecrets", "*")]);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["Version"], "2012-10-17");
        let expected =
            serde_json::json!({"Sid": "ReadSecrets", "Effect": "Allow", "Action": "a:B", "Resource": ["*"]});
        assert_eq!(parsed["Statement"], serde_json::json!([expected]));
    }
}
