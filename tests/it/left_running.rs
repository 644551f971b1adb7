//! Programs that kz starts, `op` and a profile's `credential_process`, end with what they started when kz ends: by each
//! signal that ends a process, also one that nobody can catch.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use nix::libc;

use crate::support::{Sandbox, kz_binary};

/// Writes its own id, and starts another that does. It is where it says so that both are there.
const BOTH: &str = "sh -c 'echo $$ > child; exec sleep 9999' & echo $$ > program; wait";

/// Waits for the end of a process.
pub(crate) fn until_ended(id: &str) {
    let stat = format!("/proc/{id}/stat");
    // What is dead and not yet reaped by the system's first process runs no more.
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}

/// kz that waits for a `credential_process`, or for `op`, which is that script.
fn start(sandbox: &Sandbox, provider: &str, script: &str) -> Child {
    let (reference, program) = match provider {
        "aws-sm" => ("x", ".aws/program"),
        _ => ("op://a/b/c", "bin/op"),
    };
    let config = format!(
        "[secrets]\nA = {{ provider = \"{provider}\", ref = \"{reference}\" }}\n[resolve]\ntimeout = \"1h\"\n"
    );
    sandbox.file(".keyzero.toml", config);
    sandbox.file(program, format!("#!/bin/sh\ncd {}\n{script}\n", sandbox.path("").display()));
    sandbox.mode(program, 0o755);
    let process = format!("[default]\ncredential_process = {}\n", sandbox.path(program).display());
    sandbox.file(".aws/config", process);
    let mut command = Command::new(kz_binary());
    command.args(["-q", "export", "--format", "json"]).current_dir(sandbox.path("")).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", sandbox.path("bin").display()));
    command
        .env("HOME", sandbox.path(""))
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("OP_SERVICE_ACCOUNT_TOKEN", "example-service-token");
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("kz")
}

/// The id that a program has written.
fn written(sandbox: &Sandbox, name: &str) -> String {
    loop {
        let id = std::fs::read_to_string(sandbox.path(name)).unwrap_or_default();
        if id.ends_with('\n') {
            return id.trim().to_owned();
        }
        std::thread::yield_now();
    }
}

/// Every signal that ends a process that did nothing about it, but the two of which kz makes errors.
fn deadly() -> impl Iterator<Item = i32> {
    let harmless = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGURG,
        libc::SIGWINCH,
        libc::SIGPIPE,
        libc::SIGXFSZ,
    ];
    (1..=31).chain([35, 64]).filter(move |signal| !harmless.contains(signal))
}

/// Sends kz this signal until it has ended: Rust takes the first SIGSEGV for one of a fault that comes again.
fn end(child: &mut Child, signal: i32) {
    let status = loop {
        // nix knows no real-time signals.
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status();
        assert!(sent.expect("a shell").success());
        if let Some(status) = child.try_wait().expect("its end") {
            break status;
        }
    };
    assert_eq!(status.signal(), Some(signal), "{status}");
}

#[test]
fn each_signal_that_ends_kz_ends_programs_and_what_they_started() {
    assert_eq!(deadly().count(), 23);
    for provider in ["aws-sm", "1password"] {
        for signal in deadly() {
            let sandbox = Sandbox::new();
            let mut child = start(&sandbox, provider, BOTH);
            let ids = ["program", "child"].map(|name| written(&sandbox, name));
            end(&mut child, signal);
            for id in &ids {
                until_ended(id);
            }
        }
    }
}

/// kz holds requests to stop back while it asks, and what it starts must not: `timeout` would not end what it started.
#[test]
fn a_program_blocks_no_signal_that_kz_was_not_started_with() {
    for provider in ["aws-sm", "1password"] {
        let sandbox = Sandbox::new();
        let mut child = start(&sandbox, provider, "grep SigBlk: /proc/self/status > blocked; sleep 9999");
        assert_eq!(written(&sandbox, "blocked"), "SigBlk:\t0000000000000000", "{provider}");
        end(&mut child, libc::SIGKILL);
    }
}

/// The kernel forgets whose death a set-group-ID program, as `op` is, wants to hear of.
#[test]
fn a_set_group_id_program_ends_with_kz_too() {
    let sandbox = Sandbox::new();
    sandbox.run(Command::new("cp").args(["/bin/sleep", "sleep"]));
    sandbox.run(Command::new("chgrp").args(["65533", "sleep"])).expect_code(0);
    sandbox.mode("sleep", 0o2755);
    let mut child = start(&sandbox, "1password", "echo $$ > program; exec ./sleep 9999");
    let id = written(&sandbox, "program");
    let group = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("Gid:\t") && line.split('\t').nth(2) == Some("65533"))
    };
    while !group() {
        std::thread::yield_now();
    }
    end(&mut child, libc::SIGKILL);
    until_ended(&id);
}

/// The guard bears kz's name in a list of processes.
#[test]
fn whoever_kills_every_kz_ends_the_programs_too() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, "1password", BOTH);
    let ids = ["program", "child"].map(|name| written(&sandbox, name));
    let status = std::fs::read_to_string(format!("/proc/{}/status", ids[0])).expect("it is there");
    let guard = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent");
    let both = format!("kill -9 {} {guard}", child.id());
    sandbox.run(Command::new("sh").args(["-c", &both])).expect_code(0);
    child.wait().expect("its end");
    until_ended(&ids[0]);
    // Nobody was left to end what the program started.
    sandbox.run(Command::new("kill").args(["-9", &ids[1]]));
}

#[test]
fn between_kz_and_a_program_stands_one_process_that_holds_nothing_of_kz_s() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, "1password", BOTH);
    let id = written(&sandbox, "program");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it is there");
    let guard = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent");
    let above = std::fs::read_to_string(format!("/proc/{guard}/status")).expect("it is there");
    assert!(above.contains(&format!("PPid:\t{}\n", child.id())), "{above}");
    while std::fs::read_dir(format!("/proc/{guard}/fd")).expect("descriptors").count() > 0 {
        std::thread::yield_now();
    }
    end(&mut child, libc::SIGTERM);
    until_ended(&id);
}
