//! `kz init`: the starter is valid and works in each situation, and nothing is overwritten.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::{Run, Sandbox, kz_binary, tools};

const CONFIG: &str = ".keyzero.toml";

/// Every situation: a file that makes it one, and a word of its starter.
const SITUATIONS: &[(&str, &str, &str)] = &[
    ("compose.yaml", "services: {}\n", "service_completed_successfully"),
    ("deployment.yml", "apiVersion: apps/v1\nkind: Deployment\n", "initContainers"),
    ("README", "", "kz run -- ./migrate"),
];

fn begun(file: &str, content: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.file(file, content);
    let printed = sandbox.kz(&["init", "--print"]).expect_code(0).stdout();
    assert!(!sandbox.path(CONFIG).exists(), "--print writes no file");
    sandbox.kz(&["init"]).expect_code(0).expect_stderr(&["wrote", "next: `kz validate`"]);
    assert_eq!(std::fs::read_to_string(sandbox.path(CONFIG)).expect("the starter"), printed);
    (sandbox, printed)
}

#[test]
fn the_starter_fits_what_is_there_and_is_valid() {
    for (file, content, word) in SITUATIONS {
        let (sandbox, text) = begun(file, content);
        assert!(text.contains(word), "{file}: {text}");
        let mode = sandbox.path(CONFIG).metadata().expect("the starter").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        sandbox.kz(&["validate"]).expect_code(0).expect_stderr(&["is valid: 1 secret from age"]);
        // What it shows as a comment is valid too.
        let keys = |line: &str| line.starts_with("# [") || (line.starts_with("# ") && line.contains(" = {"));
        let lines = text.lines().map(|line| if keys(line) { &line[2..] } else { line });
        sandbox.file(CONFIG, lines.collect::<Vec<_>>().join("\n"));
        sandbox.kz(&["--env", "staging", "validate"]).expect_code(0).expect_stderr(&["is valid: 5 secrets"]);
    }
}

#[test]
fn the_commands_in_its_comments_make_it_work() {
    for (file, content, _) in SITUATIONS {
        let (sandbox, text) = begun(file, content);
        let commands: Vec<&str> = text
            .lines()
            .take_while(|line| !line.starts_with("[secrets]"))
            .filter_map(|line| line.strip_prefix("#     "))
            .collect();
        sandbox
            .run(Command::new("bash").args(["-euo", "pipefail", "-c", &commands.join("\n")]))
            .expect_code(0);
        let mut export = Command::new(kz_binary());
        export.args(["export", "--format", "env"]);
        if !text.contains("identity_file") {
            export.env("KEYZERO_AGE_IDENTITY_FILE", "identity.txt");
        }
        let run = sandbox.run(&mut export).expect_code(0);
        let value = run.stdout();
        assert!(
            value.starts_with("DATABASE_PASSWORD=") && value.trim().len() == 18 + 32,
            "{}",
            run.describe()
        );
        let mode = sandbox.path("identity.txt").metadata().expect("an identity").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
fn the_yaml_in_its_comments_is_yaml() {
    for (file, content, _) in &SITUATIONS[..2] {
        let (sandbox, text) = begun(file, content);
        let lines = text.lines().skip_while(|line| !["# services:", "# spec:"].contains(line));
        let yaml: Vec<&str> = lines.map_while(|line| line.strip_prefix("# ")).collect();
        sandbox.file("found.yaml", yaml.join("\n"));
        let check = "import ruamel.yaml as y; assert len(y.YAML().load(open('found.yaml'))) > 0";
        let python = tools().join("check-jsonschema/bin/python");
        assert!(python.exists(), "{} is missing: run `make setup`", python.display());
        sandbox.run(Command::new(python).args(["-c", check])).expect_code(0);
    }
}

#[test]
fn what_is_there_stays_as_it_is() {
    let refused = |sandbox: &Sandbox| -> Run {
        sandbox.kz(&["init"]).expect_code(2).expect_stderr(&["is there already", "kz: hint: `kz validate`"])
    };
    let sandbox = Sandbox::with_config("# mine\n");
    refused(&sandbox);
    assert_eq!(std::fs::read_to_string(sandbox.path(CONFIG)).expect("mine"), "# mine\n");

    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("nowhere", sandbox.path(CONFIG)).expect("a link");
    refused(&sandbox);
    assert!(!sandbox.path("nowhere").exists());

    let sandbox = Sandbox::new();
    sandbox.file(".keyzero.toml/x", "");
    refused(&sandbox);
}

/// Held up when everything is written but the name: whatever has the name by then stays.
#[test]
fn what_appears_while_it_writes_stays_as_it_is() {
    // Where there are no hard links, too.
    for failure in [&[][..], &["-e", "inject=linkat:error=EPERM"]] {
        let sandbox = Sandbox::new();
        let held_up =
            ["-f", "-o", "/dev/null", "-e", "trace=fsync,linkat", "-e", "inject=fsync:signal=STOP:when=1"];
        let mut command = Command::new("strace");
        command.args(held_up).args(failure).arg(kz_binary()).arg("init");
        let run = std::thread::scope(|scope| {
            let kz = scope.spawn(|| sandbox.run(&mut command));
            let stopped = stopped_kz(&sandbox);
            sandbox.file(CONFIG, "# mine\n");
            // Again and again: one that comes while strace holds the call, before its stop, is lost, and the stop stays.
            while !kz.is_finished() {
                let _ = nix::sys::signal::kill(stopped, nix::sys::signal::Signal::SIGCONT);
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            kz.join().expect("kz ends")
        });
        let run = run.expect_code(2).expect_stderr(&["is there already"]);
        assert_eq!(std::fs::read_to_string(sandbox.path(CONFIG)).expect("mine"), "# mine\n");
        let names: Vec<_> = std::fs::read_dir(sandbox.path("")).expect("the sandbox").flatten().collect();
        assert_eq!(names.len(), 1, "debris\n{}", run.describe());
    }
}

/// The kz that is stopped with this sandbox as its working directory.
fn stopped_kz(sandbox: &Sandbox) -> nix::unistd::Pid {
    loop {
        for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let is_here =
                std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == sandbox.path(""));
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let is_stopped =
                status.contains("State:\tT (stopped)") || status.contains("State:\tt (tracing stop)");
            let has_written =
                std::fs::read_dir(sandbox.path("")).is_ok_and(|mut names| names.next().is_some());
            if is_here && has_written && is_stopped && status.contains("Name:\tkz\n") {
                return nix::unistd::Pid::from_raw(pid);
            }
        }
        std::thread::yield_now();
    }
}

#[test]
fn without_hard_links_it_is_made_all_the_same() {
    let sandbox = Sandbox::new();
    let wrapper = ["-f", "-o", "/dev/null", "-e", "trace=linkat", "-e", "inject=linkat:error=EPERM"];
    sandbox.run(Command::new("strace").args(wrapper).arg(kz_binary()).arg("init")).expect_code(0);
    sandbox.kz(&["validate"]).expect_code(0);
}
