//! `template-redis`: a password that would be three directives, were it not quoted.

use super::expect_clean;
use crate::engine::{Project, age_example, docker_with, unique};
use crate::quickstart::{refused, state};

fn example(password: &str) -> Project {
    age_example("template-redis", &format!("REDIS_PASSWORD='{password}'\n"))
}

/// What redis answers to a client that says this password. It is no argument.
fn answer(project: &Project, password: &str) -> String {
    let redis = project.container("redis");
    let script = "i=0; until redis-cli ping > /dev/null 2>&1; do i=$((i+1)); [ $i -lt 300 ]; sleep 0.1; done; \
                  REDISCLI_AUTH=$(cat; echo .); REDISCLI_AUTH=${REDISCLI_AUTH%.} redis-cli ping 2>&1";
    docker_with(password, &["exec", "--interactive", &redis, "sh", "-c", script]).stdout()
}

#[test]
fn the_server_takes_the_exact_password_and_no_directive_of_it() {
    let password = format!("{} \"x\" # \\\nport 7000", unique("password"));
    let project = example(&password);
    project.compose(&["up", "--detach"]).expect_code(0);
    assert_eq!(state(&project.container("secrets-init"), "ExitCode"), "0");
    assert_eq!(project.volume("secrets").files(), "400 999:999 ./redis.conf\n");
    assert!(answer(&project, &password).contains("PONG"), "{}", answer(&project, &password));
    assert!(!answer(&project, "wrong").contains("PONG"));
    expect_clean(&project, "port 7000", &["secrets-init", "redis"]);
}

#[test]
fn a_misspelt_filter_is_an_error_and_the_server_never_starts() {
    let project = example("x");
    let template = std::fs::read_to_string(project.directory.path("redis.conf.tmpl")).expect("the template");
    project.directory.file("redis.conf.tmpl", template.replace("| redis", "| rediss"));
    let said = refused(&project, "2", "redis");
    assert!(said.contains("redis.conf.tmpl") && said.contains("kz: hint:"), "{said}");
}
