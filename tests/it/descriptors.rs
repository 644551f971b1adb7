//! `deliver = "fd"`: a value in an open file that lies nowhere, as CMD sees it.

use std::process::Command;

use crate::support::{Sandbox, kz_binary};

const CONFIG: &str = "[secrets]
PASSWORD = { provider = \"file\", ref = \"password\", deliver = \"fd\" }
USER = { provider = \"file\", ref = \"user\" }
";

const VALUE: &[u8] = b"two\nlines \xff\x00 and bytes\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("password", VALUE);
    sandbox.file("user", "app");
    sandbox
}

#[test]
fn the_command_reads_every_byte_as_often_as_it_likes() {
    let sandbox = sandbox();
    let run =
        sandbox.kz(&["run", "--", "sh", "-c", "cat \"$PASSWORD_FILE\" \"$PASSWORD_FILE\""]).expect_code(0);
    assert_eq!(run.output.stdout, [VALUE, VALUE].concat());
}

#[test]
fn the_value_is_in_no_variable_and_an_old_one_of_its_name_is_gone() {
    let sandbox = sandbox();
    let mut command = Command::new(kz_binary());
    command.args(["run", "--", "env"]).env("PASSWORD", "old").env("PASSWORD_FILE", "/old");
    let run = sandbox.run(&mut command).expect_code(0);
    let mut names: Vec<String> =
        run.stdout().lines().map(|line| line.split('=').next().unwrap_or_default().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["PASSWORD_FILE", "PATH", "USER"], "{}", run.describe());
    assert!(run.stdout().contains("PASSWORD_FILE=/proc/self/fd/"), "{}", run.describe());
}

#[test]
fn an_entrypoint_that_drops_its_uid_still_reads_it_and_nobody_changes_it() {
    let sandbox = sandbox();
    sandbox.copy_kz();
    let drop = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "--"];
    let script = "cat \"$PASSWORD_FILE\"; echo x 2> /dev/null > \"$PASSWORD_FILE\" || echo refused";
    let words: Vec<&str> = ["run", "--"].iter().chain(&drop).chain(&["sh", "-c", script]).copied().collect();
    let run = sandbox.kz(&words).expect_code(0);
    assert_eq!(run.output.stdout, [VALUE, b"refused\n"].concat(), "{}", run.describe());
}

#[test]
fn as_root_too_it_can_only_be_read() {
    let script = "echo x 2> /dev/null > \"$PASSWORD_FILE\" || echo refused; \
        python3 -c 'import os; os.ftruncate(os.open(os.environ[\"PASSWORD_FILE\"], os.O_RDWR), 0)' 2> /dev/null || echo sealed; \
        cat \"$PASSWORD_FILE\"";
    let run = sandbox().kz(&["run", "--", "sh", "-c", script]).expect_code(0);
    assert_eq!(run.output.stdout, [b"refused\nsealed\n", VALUE].concat(), "{}", run.describe());
}

#[test]
fn a_command_without_descriptors_to_spare_is_not_started() {
    let sandbox = sandbox();
    let line = format!("ulimit -n 20; exec {} run -- true", kz_binary().display());
    let run = sandbox.run(Command::new("bash").args(["-c", &line])).expect_code(125);
    run.expect_stderr(&["`PASSWORD` cannot be put into a memory file", "[KZ515]", "kz: hint:"]);
}

#[test]
fn an_export_is_not_concerned() {
    let sandbox = sandbox();
    std::fs::create_dir(sandbox.path("out")).expect("a directory");
    sandbox.kz(&["export", "--format", "files", "--output", "out"]).expect_code(0);
    assert_eq!(std::fs::read(sandbox.path("out/PASSWORD")).expect("the file"), VALUE);
}
