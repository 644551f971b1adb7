//! `shell-entrypoint`: what a shell sources is what was encrypted, whatever stands in it.

use super::{expect_clean, inside};
use crate::engine::{age_example, ask, unique};
use crate::quickstart::{database_takes, state};

#[test]
fn the_vendors_entrypoint_finds_the_exact_value_and_is_pid_1() {
    // What a shell would expand, execute or end a word at.
    let password = format!("{} $(touch /tmp/executed) `id` \"x\"", unique("password"));
    let project = age_example("shell-entrypoint", &format!("POSTGRES_PASSWORD='{password}'\n"));
    project.compose(&["up", "--detach"]).expect_code(0);
    let db = project.container("db");
    assert!(database_takes(&db, "\"$(. /secrets/env.sh; printf %s \"$POSTGRES_PASSWORD\")\""));
    assert!(!database_takes(&db, "wrong"));
    let exported = inside(&project, "db", "0", ". /secrets/env.sh; printf %s \"$POSTGRES_PASSWORD\"");
    assert_eq!(exported, password);
    assert_eq!(inside(&project, "db", "0", "ls /tmp"), "", "a sourced value was executed");
    let first = ask(&["exec", &db, "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"]);
    assert!(first.starts_with("postgres"), "PID 1 is {first}");
    assert_eq!(state(&project.container("secrets-init"), "ExitCode"), "0");
    expect_clean(&project, &password, &["secrets-init", "db"]);
}
