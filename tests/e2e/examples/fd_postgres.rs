//! `fd-postgres`: the value is in no file of the container's, and in no environment.

use super::{expect_clean, inside};
use crate::engine::{Project, age_example, docker, docker_with, unique};
use crate::quickstart::{database_takes, quickstart};

/// What of the container holds a value: files outside of /proc and /sys, by root; environments, by the server's own uid,
/// since root without `CAP_SYS_PTRACE` may not look at another's. The value is no argument of the search.
fn holders(container: &str, value: &str) -> Vec<String> {
    // Each regular file by itself, since devices never end; busybox's grep sees no further than a NUL.
    let search = "while read -r file; do
        if tr '\\0' '\\n' 2> /dev/null < \"$file\" | grep -qaF -f /dev/fd/3 3<<END\n$value\nEND\n        then echo \"$file\"; fi; done";
    let files = format!(
        "read -r value; find / \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -type f -print | {search}"
    );
    let environments =
        format!("read -r value; for file in /proc/[0-9]*/environ; do echo \"$file\"; done | {search}");
    let mut found = Vec::new();
    for (user, script) in [("0", files), ("999", environments)] {
        let words = ["exec", "--interactive", "--user", user, container, "sh", "-c", &script];
        let run = docker_with(&format!("{value}\n"), &words).expect_code(0);
        found.extend(run.stdout().lines().map(str::to_owned));
    }
    found
}

fn example(password: &str) -> Project {
    age_example("fd-postgres", &format!("POSTGRES_PASSWORD={password}\n"))
}

#[test]
fn the_database_starts_from_a_value_that_lies_nowhere() {
    let password = unique("password");
    let project = example(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let db = project.container("db");
    assert!(database_takes(&db, &password));
    assert!(!database_takes(&db, "wrong"));
    let environment = inside(&project, "db", "999", "tr '\\0' '\\n' < /proc/1/environ");
    assert!(environment.contains("POSTGRES_PASSWORD_FILE=/proc/self/fd/"), "{environment}");
    assert_eq!(holders(&db, &password), [""; 0], "the value is somewhere");
    expect_clean(&project, &password, &["kz-install", "db"]);
}

/// The search of the test above finds what is there.
#[test]
fn the_search_finds_a_planted_file_and_what_the_vendors_entrypoint_exports() {
    let password = unique("password");
    let project = quickstart(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    let db = project.container("db");
    assert!(database_takes(&db, &password));
    let plant = ["exec", "--interactive", &db, "sh", "-c", "cat > /tmp/planted"];
    docker_with(&password, &plant).expect_code(0);
    let found = holders(&db, &password);
    for expected in ["/tmp/planted", "/secrets/..", "/proc/1/environ"] {
        assert!(found.iter().any(|file| file.starts_with(expected)), "{expected} is not in {found:?}");
    }
}

#[test]
fn without_the_identity_the_vendors_command_is_not_started() {
    let project = example(&unique("password"));
    project.directory.file("identity.txt", "no identity\n");
    project.compose(&["up", "--detach"]);
    let db = project.container("db");
    assert_eq!(crate::engine::ask(&["wait", &db]), "125");
    let logs = docker(&["logs", &db]);
    assert!(logs.stderr().contains("POSTGRES_PASSWORD") && logs.stdout().is_empty(), "{}", logs.describe());
}
