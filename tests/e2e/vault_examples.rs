//! `compose-examples/vault-init`, `vault-entrypoint` and `supervise-postgres`, copied and otherwise unchanged, with a foreign Vault.

use crate::engine::{self, Container, Project, ask, docker, docker_with, expect_nowhere, give, unique};
use crate::quickstart::{database_takes, refused, state};
use crate::vault::{NAMES, certificates};

/// An example with an unsealed Vault, the password in it, and the files that log in, of uid 1000 and mode 0600.
fn example(name: &str, password: &str) -> Project {
    let sandbox = engine::example(name);
    certificates(&sandbox, NAMES);
    let logins = [("vault-token", "token"), ("role_id", "role-id"), ("secret_id", "secret-id")];
    for (file, _) in logins {
        sandbox.file(file, "");
    }
    let project = Project::new(sandbox);
    project.compose(&["up", "--detach", "vault"]).expect_code(0);
    let admin = |words: &[&str]| {
        let run = project.compose(&[&["exec", "-T", "vault", "vault-admin"], words].concat()).expect_code(0);
        run.stdout().trim().to_owned()
    };
    admin(&["init"]);
    let vault = project.container("vault");
    let document = format!(r#"{{"data": {{"password": "{password}"}}}}"#);
    let put = ["exec", "--interactive", &vault, "vault-admin", "put", "secret/data/prod/db"];
    docker_with(&document, &put).expect_code(0);
    for (file, what) in logins {
        project.directory.file(file, admin(&[what]));
        project.directory.mode(file, 0o600);
        give(&project.directory.path(file), 1000);
    }
    project
}

/// What of a project may show no value: what is committed, `docker inspect`, logs, what containers wrote.
fn expect_clean(project: &Project, password: &str, services: &[&str]) {
    let token = |file: &str| std::fs::read_to_string(project.directory.path(file)).expect("a login");
    for value in [password.to_owned(), token("vault-token"), token("secret_id")] {
        for service in services {
            let container = project.container(service);
            expect_nowhere(&value, &[&["inspect", &container], &["logs", &container], &["top", &container]]);
        }
    }
}

#[test]
fn init_the_vendors_database_starts_with_the_password_from_vault() {
    let password = unique("password");
    let project = example("vault-init", &password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let (init, db) = (project.container("secrets-init"), project.container("db"));
    let logs = docker(&["logs", &init]).expect_code(0);
    assert_eq!(state(&init, "ExitCode"), "0", "{}", logs.describe());
    assert!(state(&init, "FinishedAt") < state(&db, "StartedAt"));
    assert_eq!(project.volume("secrets").files(), "400 999:999 ./POSTGRES_PASSWORD\n");
    assert!(database_takes(&db, "$(cat /secrets/POSTGRES_PASSWORD)"));
    assert!(!database_takes(&db, "wrong"));
    expect_clean(&project, &password, &["db"]);
    expect_nowhere(&password, &[&["inspect", &init], &["logs", &init], &["export", &init]]);
}

#[test]
fn init_with_a_wrong_secret_id_the_database_never_starts() {
    let project = example("vault-init", &unique("password"));
    project.directory.file("secret_id", "not-a-secret-id");
    let logs = refused(&project, "1", "db");
    assert!(logs.contains("POSTGRES_PASSWORD") && !logs.contains("not-a-secret-id"), "{logs}");
}

#[test]
fn entrypoint_server_and_client_find_the_password_in_their_environment() {
    let password = unique("password");
    let project = example("vault-entrypoint", &password);
    project.compose(&["up", "--detach", "--build"]).expect_code(0);
    let (app, db) = (Container(project.container("app")), project.container("db"));
    app.says("logged in as postgres");
    assert_eq!(app.exit_code(), "0");
    let app = &app.0;
    assert!(!database_takes(&db, "wrong"));
    let first = ask(&["exec", &db, "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"]);
    assert!(first.starts_with("postgres"), "PID 1 is {first}");
    expect_clean(&project, &password, &["db"]);
    expect_nowhere(&password, &[&["inspect", app], &["logs", app], &["export", app]]);
    let variables = ask(&["inspect", "--format", "{{json .Config.Env}}", app]);
    assert!(
        variables.contains("VAULT_ADDR=https://vault:8200") && !variables.contains("TOKEN"),
        "{variables}"
    );
}

/// The database is started before there is anything to read, as a whole machine starts.
#[test]
fn entrypoint_waits_for_a_vault_that_is_still_sealed() {
    let project = example("vault-entrypoint", &unique("password"));
    project.compose(&["exec", "-T", "vault", "vault-admin", "seal"]).expect_code(0);
    project.compose(&["up", "--detach", "--build"]).expect_code(0);
    let app = Container(project.container("app"));
    app.says("sealed");
    project.compose(&["exec", "-T", "vault", "vault-admin", "unseal"]).expect_code(0);
    app.says("logged in as postgres");
    assert_eq!(app.exit_code(), "0");
}

/// A new user with a password of its own, in the database first, and then in Vault.
fn turn(project: &Project, user: &str) -> String {
    let (password, db, vault) = (unique("turn"), project.container("db"), project.container("vault"));
    let role = format!("create role {user} login password '{password}';");
    let psql = ["exec", "--interactive", &db, "psql", "--username", "postgres", "--set", "ON_ERROR_STOP=1"];
    docker_with(&role, &psql).expect_code(0);
    let document = format!(r#"{{"data": {{"user": "{user}", "password": "{password}"}}}}"#);
    let put = ["exec", "--interactive", &vault, "vault-admin", "put", "secret/data/prod/app"];
    docker_with(&document, &put).expect_code(0);
    password
}

#[test]
fn supervised_an_application_changes_over_to_another_user_in_the_same_container() {
    let password = unique("password");
    let project = example("supervise-postgres", &password);
    project.compose(&["up", "--detach", "--build", "db"]).expect_code(0);
    let db = project.container("db");
    assert!(database_takes(&db, &password));
    let first = turn(&project, "app_a");
    project.compose(&["up", "--detach", "--build", "app"]).expect_code(0);
    let app = Container(project.container("app"));
    app.says("logged in as app_a");
    let begun = state(&app.0, "StartedAt");
    let second = turn(&project, "app_b");
    app.says("PGPASSWORD, PGUSER changed: `sh` is started anew");
    app.says("logged in as app_b");
    // Nobody uses the first one any more, and a Vault that is away takes nothing from who runs.
    ask(&["exec", &db, "psql", "--username", "postgres", "--command", "drop role app_a"]);
    project.compose(&["stop", "vault"]).expect_code(0);
    app.says("what was read last stays");
    assert_eq!((state(&app.0, "StartedAt"), state(&app.0, "Running")), (begun, "true".to_owned()));
    let processes = ask(&["top", &app.0, "-o", "pid,comm"]);
    for program in ["kz", "kz-witness", "sh"] {
        assert!(
            processes.lines().any(|line| line.trim_end().ends_with(&format!(" {program}"))),
            "{processes}"
        );
    }
    for value in [&password, &first, &second] {
        expect_clean(&project, value, &["app", "db"]);
    }
    assert_eq!(app.stop(), "143");
}
