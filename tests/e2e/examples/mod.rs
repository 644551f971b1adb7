//! `compose-examples/`, copied and otherwise unchanged: each vendor's program starts with what kz delivered, or not at all.

mod fd_postgres;
mod files_postgres;
mod host;
mod no_shell;
mod shell_entrypoint;
mod template_redis;
mod tls_nginx;

use crate::engine::{Project, docker, expect_nowhere};

/// Fails when a value is in `docker inspect` or the logs of one of these services.
#[track_caller]
fn expect_clean(project: &Project, value: &str, services: &[&str]) {
    for service in services {
        let container = project.container(service);
        assert!(!container.is_empty(), "there is no {service}");
        expect_nowhere(value, &[&["inspect", &container], &["logs", &container]]);
    }
}

/// What a command prints inside of a running service.
#[track_caller]
fn inside(project: &Project, service: &str, user: &str, script: &str) -> String {
    let container = project.container(service);
    docker(&["exec", "--user", user, &container, "sh", "-ec", script]).expect_code(0).stdout()
}
