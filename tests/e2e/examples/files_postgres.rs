//! `files-postgres`: three files, one uid, no capability.

use super::expect_clean;
use crate::engine::{Project, age_example, give, unique};
use crate::quickstart::{database_knows, refused, state};

fn example(password: &str) -> Project {
    let project =
        age_example("files-postgres", &format!("POSTGRES_USER=app\nPOSTGRES_PASSWORD={password}\n"));
    give(&project.directory.path("identity.txt"), 999);
    project
}

#[test]
fn the_database_has_the_user_and_the_password_that_only_its_uid_can_read() {
    let password = unique("password");
    let project = example(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let db = project.container("db");
    assert_eq!(
        project.volume("secrets").files(),
        "400 999:999 ./POSTGRES_DB\n400 999:999 ./POSTGRES_PASSWORD\n400 999:999 ./POSTGRES_USER\n"
    );
    assert!(database_knows(&db, "app", "$(cat /secrets/POSTGRES_PASSWORD)"));
    assert!(!database_knows(&db, "app", "wrong"));
    assert_ne!(
        project.volume("secrets").look_as("998", "cat /secrets/POSTGRES_PASSWORD").output.status.code(),
        Some(0)
    );
    assert_eq!(state(&project.container("secrets-init"), "ExitCode"), "0");
    expect_clean(&project, &password, &["secrets-init", "db"]);
}

#[test]
fn an_identity_of_another_uid_is_an_error_and_nothing_starts() {
    let project = example(&unique("password"));
    give(&project.directory.path("identity.txt"), 1000);
    let said = refused(&project, "1", "db");
    assert!(said.contains("/run/secrets/age-identity") && said.contains("kz: hint:"), "{said}");
}
