//! `kz run -- CMD` as the kernel sees it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::support::{Sandbox, kz_binary};

const ONE: &str = "[secrets]\nA = { provider = \"env\", ref = \"SOURCE\" }\n";

fn one() -> Sandbox {
    Sandbox::with_config(ONE)
}

fn kz_run(words: &[&str]) -> Command {
    let mut command = Command::new(kz_binary());
    command.arg("run").args(words).env("SOURCE", "value");
    command
}

#[test]
fn kz_becomes_the_command_by_exec_and_starts_no_child() {
    let sandbox = one();
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=execve,fork,vfork,clone,clone3", "-o", "trace", "--"]);
    command.arg(kz_binary()).args(["run", "--", "/bin/true"]).env("SOURCE", "value");
    sandbox.run(&mut command).expect_code(0);
    let trace = std::fs::read_to_string(sandbox.path("trace")).expect("strace's output");
    let calls: Vec<&str> = trace.lines().filter(|line| line.contains("execve(")).collect();
    assert_eq!(calls.len(), 2, "{trace}");
    assert!(calls[1].contains("\"/bin/true\""), "{trace}");
    assert!(!trace.contains("clone") && !trace.contains("fork"), "{trace}");
}

#[test]
fn the_status_is_the_commands_own() {
    let sandbox = one();
    sandbox.run(&mut kz_run(&["--", "sh", "-c", "exit 42"])).expect_code(42);
    let killed = sandbox.run(&mut kz_run(&["--", "sh", "-c", "kill -TERM $$"]));
    assert_eq!(killed.output.status.signal(), Some(15), "{}", killed.describe());
    let shell = sandbox.run(
        Command::new("sh")
            .arg("-c")
            .arg(format!("SOURCE=x {} run -- sh -c 'kill -TERM $$'; echo $?", kz_binary().display())),
    );
    assert_eq!(shell.stdout(), "143\n");
}

#[test]
fn a_closed_pipe_ends_the_command_as_it_would_without_kz() {
    let sandbox = one();
    let line = format!("SOURCE=x {} run -- sh -c 'exec yes' | head -n 1", kz_binary().display());
    let run = sandbox.run(Command::new("bash").arg("-c").arg(line + "; echo ${PIPESTATUS[0]}"));
    assert_eq!(run.stdout(), "y\n141\n", "{}", run.describe());
    assert!(!run.stderr().contains("Broken pipe"), "{}", run.describe());
}

#[test]
fn arguments_pass_unharmed_dashes_and_bytes_alike() {
    let sandbox = one();
    let mut command = kz_run(&["--", "printf", "%s|", "-v", "--", "--only", ""]);
    command.arg(OsStr::from_bytes(b"\xff\xfe"));
    assert_eq!(sandbox.run(&mut command).output.stdout, b"-v|--|--only||\xff\xfe|");
}

#[test]
fn values_and_variables_that_are_not_utf_8_pass_unharmed() {
    let sandbox = one();
    let mut command = Command::new(kz_binary());
    command.args(["run", "--", "env", "-0"]);
    command
        .env("SOURCE", OsStr::from_bytes(b"\xc3\x28\n\xff"))
        .env(OsStr::from_bytes(b"OD\xfeD"), OsStr::from_bytes(b"\xfd"));
    let run = sandbox.run(&mut command).expect_code(0);
    let variables: Vec<&[u8]> = run.output.stdout.split(|&byte| byte == 0).collect();
    for expected in [&b"A=\xc3\x28\n\xff"[..], b"OD\xfeD=\xfd", b"SOURCE=\xc3\x28\n\xff"] {
        assert!(variables.contains(&expected), "{}", run.describe());
    }
}

#[test]
fn a_clean_environment_has_the_secrets_and_what_is_kept() {
    let sandbox = one();
    let mut command = kz_run(&["--clean-env", "--keep-env", "KEPT", "--", "/usr/bin/env"]);
    command.env("KEPT", "k").env("DROPPED", "d");
    assert_eq!(sandbox.run(&mut command).expect_code(0).stdout(), "KEPT=k\nA=value\n");
}

#[test]
fn credentials_stay_when_they_are_named() {
    let config = "keep_env = [\"VAULT_TOKEN\"]\n[providers.vault]\n[providers.aws]\n";
    let sandbox = Sandbox::with_config(config);
    let mut command = kz_run(&["--keep-env", "AWS_SESSION_TOKEN", "--", "env"]);
    for name in ["VAULT_TOKEN", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "OP_CONNECT_TOKEN"]
    {
        command.env(name, "x");
    }
    let run = sandbox.run(&mut command).expect_code(0);
    for kept in ["VAULT_TOKEN=", "AWS_SESSION_TOKEN=", "AWS_ROLE_ARN=", "OP_CONNECT_TOKEN="] {
        assert!(run.stdout().contains(kept), "{kept}\n{}", run.describe());
    }
    assert!(!run.stdout().contains("AWS_ACCESS_KEY_ID="), "{}", run.describe());
    assert_eq!(run.stderr().matches("AWS_ACCESS_KEY_ID").count(), 1, "{}", run.describe());
}

#[test]
fn kzs_own_names_go_with_what_proves_them() {
    let sandbox = Sandbox::with_config("keep_env = [\"VAULT_USERNAME\"]\n[providers.vault]\n");
    let mut command = kz_run(&["--", "env"]);
    let names =
        ["VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_USERNAME", "VAULT_PASSWORD", "VAULT_ROLE", "VAULT_ADDR"];
    for name in names {
        command.env(name, "x");
    }
    let run = sandbox.run(&mut command).expect_code(0);
    for (name, kept) in names.into_iter().zip([false, false, true, false, true, true]) {
        assert_eq!(run.stdout().contains(&format!("{name}=")), kept, "{name}\n{}", run.describe());
    }
    assert_eq!(run.stderr().matches("VAULT_ROLE_ID").count(), 1, "{}", run.describe());
}

#[test]
fn a_variable_of_131071_bytes_passes_and_one_of_131072_is_refused_by_name() {
    let sandbox = Sandbox::with_config("[secrets]\nBIG = { provider = \"file\", ref = \"big\" }\n");
    sandbox.file("big", vec![b'x'; 131_071 - "BIG=".len()]);
    let run = sandbox.kz(&["run", "--", "sh", "-c", "echo ${#BIG}"]).expect_code(0);
    assert_eq!(run.stdout(), "131067\n");
    sandbox.file("big", vec![b'x'; 131_072 - "BIG=".len()]);
    sandbox.kz(&["run", "--", "true"]).expect_code(125).expect_stderr(&["`BIG`", "131072"]);
}

#[test]
fn two_megabytes_in_all_are_refused_naming_the_largest() {
    use std::fmt::Write as _;
    let mut config = String::from("[secrets]\n");
    for number in 0..20 {
        let _ = writeln!(config, "S{number} = {{ provider = \"file\", ref = \"v{}\" }}", number % 2);
    }
    let sandbox = Sandbox::with_config(&config);
    sandbox.file("v0", vec![b'x'; 130_000]);
    sandbox.file("v1", vec![b'x'; 120_000]);
    let run = sandbox.kz(&["run", "--", "true"]).expect_code(125);
    run.expect_stderr(&["the kernel takes", "`S0`", "kz: hint:"]);
}

#[test]
fn the_command_may_dump_core_and_kz_may_not() {
    let sandbox = one();
    let run = sandbox.run(&mut kz_run(&["--", "grep", "-c", "", "/proc/self/environ"]));
    assert_eq!(run.output.status.code(), Some(0), "{}", run.describe());
    let mut traced = Command::new("strace");
    traced.args(["-e", "trace=prctl", "--"]).arg(kz_binary()).args(["run", "--", "true"]).env("SOURCE", "x");
    sandbox.run(&mut traced).expect_stderr(&["PR_SET_DUMPABLE, SUID_DUMP_DISABLE"]);
}

#[test]
fn a_deaf_stderr_is_no_reason_not_to_start() {
    let sandbox = Sandbox::with_config("[providers.vault]\n");
    let mut command = kz_run(&["--", "echo", "started"]);
    command.env("VAULT_TOKEN", "x").current_dir(sandbox.path("")).stdout(Stdio::piped());
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stderr(writer);
    assert_eq!(command.output().expect("kz").stdout, b"started\n");
}

#[test]
fn an_env_file_is_waited_for() {
    let sandbox = Sandbox::new();
    let mut command = kz_run(&["--env-file", "late/.env", "--wait", "60s", "--", "sh", "-c", "echo $LATE"]);
    let child = command
        .current_dir(sandbox.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kz");
    std::thread::sleep(std::time::Duration::from_millis(200));
    sandbox.file("late/.tmp", "LATE=now\n");
    sandbox.mode("late/.tmp", 0o400);
    std::fs::rename(sandbox.path("late/.tmp"), sandbox.path("late/.env")).expect("the env file");
    assert_eq!(child.wait_with_output().expect("kz").stdout, b"now\n");
}

#[test]
fn an_env_file_of_a_stranger_is_believed_only_when_named() {
    let sandbox = Sandbox::new();
    let path = sandbox.file(".env", "A=1\n");
    sandbox.mode(".env", 0o400);
    std::os::unix::fs::chown(&path, Some(4242), None).expect("tests run as root");
    sandbox
        .kz(&["run", "--env-file", ".env", "--", "true"])
        .expect_code(125)
        .expect_stderr(&["uid 4242", "--from-uid 4242"]);
    sandbox.kz(&["run", "--env-file", ".env", "--from-uid", "4242", "--", "true"]).expect_code(0);
}
