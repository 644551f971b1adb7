//! What IAM has to allow so that secrets and parameters can be read, and nothing more.
//!
//! Pure. Forms of ARNs and which action takes which: Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html> and
//! `…/list_awssystemsmanager.html`. The account is `*` where a ref does not name it: nothing is asked to find it out.

use std::collections::BTreeSet;

use crate::provider::forecast::Statement;

use super::calls::{Call, Operation};
use super::name::selector;

/// What stands for the six characters that Secrets Manager adds to a secret's name
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html>).
const SUFFIX: &str = "-??????";

/// Parameters of these names are secrets of Secrets Manager
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>).
const REFERENCE: &str = "aws/reference/secretsmanager/";

/// The statements that let these calls through; `home` is the region that an instance asks by itself, where known.
pub(super) fn statements(calls: &[Call], home: Option<&str>) -> Vec<Statement> {
    let (mut secrets, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    for call in calls {
        let region = call.region.as_deref().or(home).unwrap_or("*");
        for member in &call.members {
            match call.operation {
                Operation::GetParameters => {
                    let (name, _) = selector(&member.id);
                    parameters.insert(parameter(name, region));
                    secrets.extend(referred(name).map(|name| named(name, region)));
                }
                Operation::GetSecretValue | Operation::BatchGetSecretValue => {
                    secrets.extend(secret(&member.id, region));
                }
            }
        }
    }
    let uses_batches = calls.iter().any(|call| call.operation == Operation::BatchGetSecretValue);
    // It is allowed on everything or not at all; what is read still needs the other one for each secret.
    let everything = uses_batches.then(|| "*".to_owned()).into_iter().collect();
    let all = [
        Statement { sid: "ReadParameters", action: "ssm:GetParameters", resources: parameters },
        Statement { sid: "ReadSecrets", action: "secretsmanager:GetSecretValue", resources: secrets },
        Statement {
            sid: "ReadSecretsInBatches",
            action: "secretsmanager:BatchGetSecretValue",
            resources: everything,
        },
    ];
    all.into_iter().filter(|statement| !statement.resources.is_empty()).collect()
}

/// The ARNs that a secret's name, ARN or partial ARN can mean.
fn secret(id: &str, region: &str) -> Vec<String> {
    let partial = || format!("{id}{SUFFIX}");
    match (id.starts_with("arn:"), end(id)) {
        (false, _) => vec![named(id, region)],
        (true, End::Random) => vec![id.to_owned()],
        (true, End::Perhaps) => vec![id.to_owned(), partial()],
        (true, End::None) => vec![partial()],
    }
}

fn named(name: &str, region: &str) -> String {
    format!("arn:{}:secretsmanager:{region}:*:secret:{name}{SUFFIX}", partition(region))
}

/// Whether an ARN ends in what Secrets Manager added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A hyphen and six characters, not all of them small letters.
    Random,
    /// A hyphen and six small letters: a word, as in `app-secret`, or one random end of two hundred.
    Perhaps,
    /// Neither.
    None,
}

fn end(id: &str) -> End {
    match id.rsplit_once('-') {
        Some((_, end)) if end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            if end.bytes().all(|byte| byte.is_ascii_lowercase()) { End::Perhaps } else { End::Random }
        }
        _ => End::None,
    }
}

/// `/a/b` and `a` are `parameter/a/b` and `parameter/a`.
fn parameter(name: &str, region: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:{}:ssm:{region}:*:parameter/{}", partition(region), name.trim_start_matches('/'))
}

/// The secret that a parameter stands for.
fn referred(parameter: &str) -> Option<&str> {
    let name = match parameter.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":parameter/")?.1,
        None => parameter.strip_prefix('/')?,
    };
    name.strip_prefix(REFERENCE)
}

/// The part of AWS that a region is in
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
fn partition(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 5] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
    ];
    let found = PARTITIONS.iter().find(|(start, _)| region.starts_with(start));
    found.map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::super::calls;
    use super::*;
    use crate::provider::fixture::documents;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db";

    fn resources(statements: &[Statement], sid: &str) -> Vec<String> {
        let statement = statements.iter().find(|statement| statement.sid == sid);
        statement.map(|statement| statement.resources.iter().cloned().collect()).unwrap_or_default()
    }

    fn of_secrets(paths: &[&str], home: Option<&str>) -> Vec<String> {
        resources(&statements(&calls::secrets(&documents(paths), home), home), "ReadSecrets")
    }

    fn of_parameters(paths: &[&str]) -> Vec<Statement> {
        statements(&calls::parameters(&documents(paths), Some("eu-west-1")), Some("eu-west-1"))
    }

    #[test]
    fn a_name_is_any_account_s_and_has_six_characters_more() {
        let arn = "arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????";
        assert_eq!(of_secrets(&["prod/db", "sm://prod/db"], Some("eu-west-1")), [arn]);
        assert_eq!(of_secrets(&["a"], None), ["arn:aws:secretsmanager:*:*:secret:a-??????"]);
        let chinese = of_secrets(&["a"], Some("cn-north-1"));
        assert_eq!(chinese, ["arn:aws-cn:secretsmanager:cn-north-1:*:secret:a-??????"]);
    }

    #[test]
    fn an_arn_is_itself_and_a_partial_one_has_six_characters_more() {
        let [whole, partial, perhaps] = ["-AbCdEf", "", "-secret"].map(|end| format!("{ARN}{end}"));
        assert_eq!(of_secrets(&[&whole], None), [whole.as_str()]);
        assert_eq!(of_secrets(&[&partial], None), [format!("{partial}-??????")]);
        assert_eq!(of_secrets(&[&perhaps], None), [perhaps.clone(), format!("{perhaps}-??????")]);
    }

    #[test]
    fn a_batch_is_allowed_on_everything_and_only_where_there_is_one() {
        let of = |paths: &[&str]| statements(&calls::secrets(&documents(paths), None), None);
        assert_eq!(resources(&of(&["a", "b", "c"]), "ReadSecretsInBatches"), ["*"]);
        assert_eq!(of(&["a", "b"]).len(), 1);
    }

    #[test]
    fn a_parameter_is_meant_without_its_selector_and_with_one_slash() {
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/c";
        let statements = of_parameters(&["/a/b:3", "ssm:///a/b", "d", &format!("{arn}:live")]);
        let beginning = "arn:aws:ssm:eu-west-1";
        let expected = [format!("{beginning}:*:parameter/a/b"), format!("{beginning}:*:parameter/d")];
        assert_eq!(resources(&statements, "ReadParameters"), [&expected[..], &[arn.to_owned()]].concat());
        assert_eq!(statements.len(), 1);
    }

    #[test]
    fn a_parameter_that_stands_for_a_secret_needs_the_secret_too() {
        let statements = of_parameters(&["/aws/reference/secretsmanager/prod/db"]);
        let secret = "arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????";
        assert_eq!(resources(&statements, "ReadSecrets"), [secret]);
        assert_eq!(resources(&statements, "ReadParameters").len(), 1);
    }
}
