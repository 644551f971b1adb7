//! `compose-examples/aws-init`, copied and otherwise unchanged, with the stand-in for AWS.

use std::sync::MutexGuard;

use crate::engine::{Project, credentials_subnet, docker, docker_with, example, expect_nowhere, unique};
use crate::quickstart::{database_takes, state};

const READ: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue"}]}"#;
const NOTHING: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:GetCallerIdentity"}]}"#;

/// The example with the password in its AWS, and a role with this policy; and what is held until it is gone.
fn aws_init(password: &str, policy: &str) -> (MutexGuard<'static, ()>, Project) {
    let alone = credentials_subnet();
    let project = Project::new(example("aws-init"));
    project.compose(&["up", "--detach", "aws"]).expect_code(0);
    let aws = project.container("aws");
    let admin = |input: &str, words: &[&str]| {
        docker_with(input, &[&["exec", "--interactive", &aws, "aws-admin"], words].concat()).expect_code(0);
    };
    admin("", &["init"]);
    admin(&format!(r#"{{"password": "{password}"}}"#), &["put", "prod/db"]);
    admin("", &["role", "webapp"]);
    admin(policy, &["policy", "webapp"]);
    (alone, project)
}

#[test]
fn the_vendors_database_starts_with_the_password_from_aws() {
    let password = unique("password");
    let (_alone, project) = aws_init(&password, READ);
    project.compose(&["up", "--detach"]).expect_code(0);
    let (init, db) = (project.container("secrets-init"), project.container("db"));
    let logs = docker(&["logs", &init]).expect_code(0);
    assert_eq!(state(&init, "ExitCode"), "0", "{}", logs.describe());
    assert!(state(&init, "FinishedAt") < state(&db, "StartedAt"));
    assert_eq!(project.volume("secrets").files(), "400 999:999 ./POSTGRES_PASSWORD\n");
    assert!(database_takes(&db, "$(cat /secrets/POSTGRES_PASSWORD)"));
    assert!(!database_takes(&db, "wrong"));
    for container in [&init, &db] {
        expect_nowhere(&password, &[&["inspect", container], &["logs", container]]);
        // What a key of a session begins with.
        expect_nowhere("ASIA", &[&["inspect", container], &["logs", container]]);
    }
    expect_nowhere(&password, &[&["export", &init], &["top", &db]]);
}

#[test]
fn with_a_role_that_may_not_read_the_database_never_starts() {
    let password = unique("password");
    let (_alone, project) = aws_init(&password, NOTHING);
    let up = project.compose(&["up", "--detach"]);
    assert_ne!(up.output.status.code(), Some(0), "{}", up.describe());
    let init = project.container("secrets-init");
    assert_eq!(state(&init, "ExitCode"), "1");
    let logs = docker(&["logs", &init]).expect_code(0);
    let logs = logs.expect_stderr(&["POSTGRES_PASSWORD", "assumed-role/webapp/container", "AccessDenied"]);
    assert!(!logs.stderr().contains("ASIA"), "{}", logs.describe());
    let db = project.container("db");
    assert!(db.is_empty() || state(&db, "StartedAt").starts_with("0001"), "the database was started");
}

/// Compose starts both at once, so any of them can be the first that an address is looked for.
#[test]
fn the_endpoint_has_its_address_also_when_the_exporter_was_started_first() {
    let _alone = credentials_subnet();
    let project = Project::new(example("aws-init"));
    project.compose(&["up", "--detach", "secrets-init"]).expect_code(0);
    project.compose(&["up", "--detach", "aws"]).expect_code(0);
}
