//! `compose-examples/quickstart`, copied and otherwise unchanged: the vendor's server starts with the secret,
//! or not at all, and the secret is found nowhere else.

use crate::engine::{Project, age_example, ask, docker, expect_nowhere, unique};

/// The example in a directory of its own, with a password in `secrets.env.age`.
pub fn quickstart(password: &str) -> Project {
    age_example("quickstart", &format!("POSTGRES_PASSWORD={password}\n"))
}

/// A password of this run, so that finding it means something.
fn password() -> String {
    unique("password")
}

pub fn state(container: &str, field: &str) -> String {
    ask(&["inspect", "--format", &format!("{{{{.State.{field}}}}}"), container])
}

/// Whether the server takes the password that this shell expression gives, over the network, where it asks.
pub fn database_takes(container: &str, password: &str) -> bool {
    database_knows(container, "postgres", password)
}

/// The same for another user than `postgres`.
pub fn database_knows(container: &str, user: &str, password: &str) -> bool {
    let ready = r#"i=0; until pg_isready --quiet --host "$(hostname -i)"; do i=$((i+1)); [ $i -lt 300 ]; sleep 0.2; done"#;
    docker(&["exec", container, "sh", "-ec", ready]).expect_code(0);
    let query = format!(
        r#"PGPASSWORD={password} psql --host "$(hostname -i)" --username {user} --dbname postgres --command "select 1""#
    );
    docker(&["exec", container, "sh", "-c", &query]).output.status.success()
}

/// What the init service says that failed with this exit code, so that `service` was never started.
#[track_caller]
pub fn refused(project: &Project, code: &str, service: &str) -> String {
    let up = project.compose(&["up", "--detach"]);
    assert_ne!(up.output.status.code(), Some(0), "{}", up.describe());
    let init = project.container("secrets-init");
    assert_eq!(state(&init, "ExitCode"), code);
    let container = project.container(service);
    let started = !container.is_empty() && !state(&container, "StartedAt").starts_with("0001");
    assert!(!started, "{service} was started");
    docker(&["logs", &init]).expect_code(0).stderr()
}

#[test]
fn the_database_starts_after_kz_and_takes_only_the_delivered_password() {
    let project = quickstart(&password());
    project.compose(&["up", "--detach"]).expect_code(0);
    let (init, db) = (project.container("secrets-init"), project.container("db"));
    assert_eq!(state(&init, "ExitCode"), "0");
    // RFC 3339 in UTC, so that text compares as time does.
    assert!(state(&init, "FinishedAt") < state(&db, "StartedAt"));
    assert_eq!(project.volume("secrets").files(), "400 999:999 ./POSTGRES_PASSWORD\n");
    assert!(database_takes(&db, "$(cat /secrets/POSTGRES_PASSWORD)"));
    assert!(!database_takes(&db, "wrong"));
}

#[test]
fn the_password_is_in_no_image_layer_description_or_log() {
    let password = password();
    let project = quickstart(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let (init, db) = (project.container("secrets-init"), project.container("db"));
    assert!(database_takes(&db, "$(cat /secrets/POSTGRES_PASSWORD)"));
    let volume = project.volume("secrets");
    let places: &[&[&str]] = &[
        &["inspect", &init, &db],
        &["image", "inspect", "kz:dev", "postgres:16"],
        &["volume", "inspect", &volume.0],
        &["history", "--no-trunc", "kz:dev"],
        &["history", "--no-trunc", "postgres:16"],
        &["logs", &init],
        &["logs", &db],
        &["top", &db],
        &["save", "kz:dev"],
        &["export", &init],
        &["export", &db],
    ];
    expect_nowhere(&password, places);
    let delivered = volume.look_as("999", "cat /secrets/POSTGRES_PASSWORD").expect_code(0);
    assert_eq!(delivered.stdout(), password, "the place where it has to be");
}

#[test]
fn up_again_changes_nothing() {
    let project = quickstart(&password());
    let snapshot = || {
        project.compose(&["up", "--detach"]).expect_code(0);
        let files = "readlink /secrets/..data; find /secrets/..2* | xargs stat -c '%n %i %Z'";
        let db = project.container("db");
        let files = project.volume("secrets").look_as("0", files).expect_code(0).stdout();
        (state(&project.container("secrets-init"), "ExitCode"), state(&db, "StartedAt"), db, files)
    };
    assert_eq!(snapshot(), snapshot());
}

#[test]
fn without_the_right_identity_the_database_never_starts() {
    let project = quickstart(&password());
    let other = quickstart(&password());
    std::fs::copy(other.directory.path("identity.txt"), project.directory.path("identity.txt"))
        .expect("a copy");
    let logs = refused(&project, "1", "db");
    assert!(logs.contains("POSTGRES_PASSWORD"), "{logs}");
    assert_eq!(project.volume("secrets").files(), "");
}
