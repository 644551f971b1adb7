//! `compose-examples/onepassword-connect`, copied and otherwise unchanged, with stand-ins for the Connect server.

use crate::engine::{Project, docker, docker_with, example, expect_nowhere, give, unique};
use crate::quickstart::{database_takes, state};

/// The example with the password in its Connect server, and a token in a file of uid 1000 and mode 0600; and the token.
fn connect(password: &str) -> (Project, String) {
    let sandbox = example("onepassword-connect");
    sandbox.file("1password-credentials.json", "{}");
    sandbox.file("connect_token", "");
    let project = Project::new(sandbox);
    project.compose(&["up", "--detach", "connect-api", "connect-sync"]).expect_code(0);
    let sync = project.container("connect-sync");
    let admin = |input: &str, words: &[&str]| {
        let exec = ["exec", "--interactive", &sync, "connect-admin"];
        docker_with(input, &[&exec, words].concat()).expect_code(0).stdout()
    };
    admin(password, &["put", "production", "database", "password"]);
    let token = admin("", &["token"]);
    project.directory.file("connect_token", &token);
    project.directory.mode("connect_token", 0o600);
    give(&project.directory.path("connect_token"), 1000);
    (project, token.trim().to_owned())
}

#[test]
fn the_vendors_database_starts_with_the_password_from_1password() {
    let password = unique("password");
    let (project, token) = connect(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let (init, db) = (project.container("secrets-init"), project.container("db"));
    let logs = docker(&["logs", &init]).expect_code(0);
    assert_eq!(state(&init, "ExitCode"), "0", "{}", logs.describe());
    assert!(
        logs.stderr().contains("asking 1Password Connect at http://connect-api:8080"),
        "{}",
        logs.describe()
    );
    assert!(state(&init, "FinishedAt") < state(&db, "StartedAt"));
    assert_eq!(project.volume("secrets").files(), "400 999:999 ./POSTGRES_PASSWORD\n");
    assert!(database_takes(&db, "$(cat /secrets/POSTGRES_PASSWORD)"));
    assert!(!database_takes(&db, "wrong"));
    for value in [&password, &token] {
        for container in [&init, &db] {
            expect_nowhere(value, &[&["inspect", container], &["logs", container]]);
        }
        expect_nowhere(value, &[&["export", &init], &["top", &db]]);
    }
}

#[test]
fn with_a_token_that_opens_nothing_the_database_never_starts() {
    let (project, _) = connect(&unique("password"));
    project.directory.file("connect_token", "not-a-token");
    let up = project.compose(&["up", "--detach"]);
    assert_ne!(up.output.status.code(), Some(0), "{}", up.describe());
    let init = project.container("secrets-init");
    assert_eq!(state(&init, "ExitCode"), "1");
    let logs = docker(&["logs", &init]).expect_code(0);
    let logs =
        logs.expect_stderr(&["POSTGRES_PASSWORD", "the server does not accept the token (status 401)"]);
    assert!(!logs.stderr().contains("not-a-token"), "{}", logs.describe());
    let db = project.container("db");
    assert!(db.is_empty() || state(&db, "StartedAt").starts_with("0001"), "the database was started");
}
