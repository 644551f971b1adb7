//! `host`: kz in front of Compose itself.

use std::process::Command;

use crate::engine::{age_example, unique};
use crate::quickstart::database_takes;
use crate::support::kz_binary;

#[test]
fn compose_takes_the_variable_from_the_environment_that_kz_gives_it() {
    let password = unique("password");
    let project = age_example("host", &format!("POSTGRES_PASSWORD={password}\n"));
    let compose = project.command_line(&["up", "--detach"]);
    let mut command = Command::new(kz_binary());
    command.args(["--config", "keyzero.toml", "run", "--"]).args(compose);
    command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    project.directory.run(&mut command).expect_code(0);
    let db = project.container("db");
    assert!(database_takes(&db, &password));
    assert!(!database_takes(&db, "wrong"));
}
