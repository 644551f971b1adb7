//! What is read from AWS, and how: names, ARNs, versions, stages, binary, fields, batches, two regions, and the line
//! that users have been shown.

use crate::aws_stage::{Aws, EXPORT, Keys, READ, REGION, options, resolved};
use crate::engine::{Volume, ask, unique};
use crate::vault::{self, Vault};

/// The line that users have been shown: it has to work letter for letter.
const SHOWN: &str = "STRIPE_SECRET_KEY = { provider = \"aws-sm\", ref = \"prod/stripe-secret-key\" }\n";

#[test]
fn the_lines_that_users_have_been_shown_resolve_side_by_side() {
    let (aws, vault, value) = (Aws::new(), Vault::new(), unique("value"));
    ask(&["network", "connect", "--alias=vault", &aws.network.0, &vault.container.0]);
    vault.put("secret/data/prod/db", r#"{"data": {"url": "postgres://app:pa$$word@db/app"}}"#);
    vault.file("token", &vault.admin(&["token"]));
    aws.admin_with(&value, &["put", "prod/stripe-secret-key"]);
    let mount = |name: &str, target: &str| {
        format!("--volume={}:/run/secrets/{target}:ro", vault.directory.path(name).display())
    };
    let mounts = [mount("token", "vault-token"), mount("tls/ca.pem", "vault-ca.pem")];
    let volume = Volume::new();
    let options = options(
        [aws.user("app", READ).variables(), mounts.to_vec()].concat(),
        &[
            REGION,
            "--env=VAULT_ADDR=https://vault:8200",
            "--env=VAULT_CACERT=/run/secrets/vault-ca.pem",
            &volume.mount(""),
        ],
    );
    let config = format!(
        "[secrets]\n{}{SHOWN}[providers.vault]\ntoken_file = \"/run/secrets/vault-token\"\n",
        vault::SHOWN
    );
    // The command that users have been shown, too.
    let words = ["export", "--format", "env", "--output", "/secrets/.env"];
    let run = aws.kz(&config, &options, &words).expect_code(0);
    let run = run.expect_stderr(&["vault:8200", "secretsmanager.eu-west-1.amazonaws.com"]);
    assert!(!run.stderr().contains(&value), "{}", run.describe());
    assert_eq!(
        volume.look_as("0", "cat /secrets/.env").expect_code(0).stdout(),
        format!("DATABASE_URL='postgres://app:pa$$word@db/app'\nSTRIPE_SECRET_KEY={value}\n")
    );
}

#[test]
fn secrets_have_names_arns_versions_stages_fields_and_bytes() {
    let aws = Aws::new();
    let keys = aws.user("app", READ);
    let [arn, first] = &aws.admin_with("one", &["put", "prod/app"])[..] else { panic!("no ARN") };
    aws.admin_with("two", &["put", "prod/app"]);
    aws.admin(&["stage", "prod/app", first, "blue"]);
    aws.admin_with("AP8K", &["put-binary", "prod/binary"]);
    aws.admin_with(r#"{"db": {"password": "three"}, "port": 5432}"#, &["put", "prod/document"]);
    let [there, _] = &aws.admin_in("eu-central-1", "four", &["put", "prod/app"])[..] else {
        panic!("no ARN")
    };
    let partial = &arn[..arn.len() - 7];
    let secret = |name: &str, rest: &str| format!("{name} = {{ provider = \"aws-sm\", ref = {rest} }}\n");
    let config = [
        "[secrets]\n".to_owned(),
        secret("NAME", "\"prod/app\""),
        secret("PREFIXED", "\"sm://prod/app\""),
        secret("ARN", &format!("\"{arn}\"")),
        secret("PARTIAL", &format!("\"{partial}\"")),
        secret("BY_ID", &format!("\"prod/app\", version = \"{first}\"")),
        secret("PREVIOUS", "\"prod/app\", version = \"AWSPREVIOUS\""),
        secret("STAGE", &format!("\"{partial}\", version = \"blue\"")),
        secret("BINARY", "\"prod/binary\""),
        secret("FIELD", "\"prod/document#db.password\""),
        secret("NUMBER", "\"prod/document\", field = \"/port\""),
        secret("ELSEWHERE", &format!("\"{there}\"")),
        secret("ABSENT", "\"prod/nothing\", optional = true"),
    ];
    let words = [EXPORT, &["--json-bytes", "base64"]].concat();
    let run = aws.kz(&config.concat(), &options(keys.variables(), &[REGION]), &words);
    assert_eq!(
        resolved(run),
        serde_json::json!({
            "NAME": "two", "PREFIXED": "two", "ARN": "two", "PARTIAL": "two", "BY_ID": "one", "PREVIOUS": "one",
            "STAGE": "one", "BINARY": {"base64": "AP8K"}, "FIELD": "three", "NUMBER": "5432", "ELSEWHERE": "four"
        })
    );
}

#[test]
fn parameters_have_paths_arns_versions_and_labels() {
    let aws = Aws::new();
    let keys = aws.user("app", READ);
    aws.admin_with("one", &["parameter", "/prod/app", "live"]);
    let [arn, _] = &aws.admin_with("two", &["parameter", "/prod/app"])[..] else { panic!("no ARN") };
    aws.admin_with(r#"{"user": "three"}"#, &["parameter", "plain"]);
    let secret = |name: &str, rest: &str| format!("{name} = {{ provider = \"aws-ssm\", ref = {rest} }}\n");
    let config = [
        "[secrets]\n".to_owned(),
        secret("PATH", "\"/prod/app\""),
        secret("PREFIXED", "\"ssm:///prod/app\""),
        secret("ARN", &format!("\"{arn}\"")),
        secret("NUMBER", "\"/prod/app:1\""),
        secret("VERSION", "\"/prod/app\", version = \"1\""),
        secret("LABEL", "\"/prod/app:live\""),
        secret("FIELD", "\"plain#user\""),
        secret("ABSENT", "\"/prod/nothing\", optional = true"),
    ];
    let run = aws.kz(&config.concat(), &options(keys.variables(), &[REGION]), EXPORT);
    assert_eq!(
        resolved(run),
        serde_json::json!({
            "PATH": "two", "PREFIXED": "two", "ARN": "two", "NUMBER": "one", "VERSION": "one", "LABEL": "one",
            "FIELD": "three"
        })
    );
}

#[test]
fn twenty_five_secrets_are_two_requests_and_apart_where_batches_are_denied() {
    let aws = Aws::new();
    let (all, single) = (aws.user("all", READ), aws.user("single", &["secretsmanager:GetSecretValue"]));
    let values: serde_json::Value =
        (0..25).map(|n| (format!("prod/s{n}"), serde_json::Value::from(format!("value {n}")))).collect();
    aws.admin_with(&values.to_string(), &["put-all"]);
    let entry = |n: i32| format!("S{n} = {{ provider = \"aws-sm\", ref = \"prod/s{n}\" }}\n");
    let config = format!("[secrets]\n{}", (0..25).map(entry).collect::<String>());
    let read = |keys: &Keys, least: usize| {
        let before = aws.requests();
        let run = aws.kz(&config, &options(keys.variables(), &[REGION]), EXPORT);
        let said = run.stderr();
        let values = resolved(run);
        assert!((0..25).all(|n| values[format!("S{n}")] == format!("value {n}")), "{values}");
        // The engine keeps logs a moment later.
        aws.container.eventually("logs its requests", || aws.requests() >= before + least);
        (aws.requests() - before, said)
    };
    assert_eq!(read(&all, 2).0, 2);
    let (requests, said) = read(&single, 27);
    assert_eq!(requests, 27, "two batches, then each by itself");
    let line = "asking for each secret by itself, since a batch did not go through";
    assert_eq!(said.matches(line).count(), 1, "{said}");
}
