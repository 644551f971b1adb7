//! The READMEs of `compose-examples/`: what they say to type, typed letter for letter in a copy of the example, by uid 1000
//! where the test may become somebody.
//!
//! Only the reader's machine is replaced: its `docker compose` is this machine's Compose with a project of its own, and looks
//! again when a container is asked before its server is up, as its reader would; its `sudo` asks nobody.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engine::{Container, Project, credentials_subnet, docker_program, example, give};
use crate::support::{Run, Sandbox, in_repository};

/// Where an engine listens, unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// Who types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Somebody with an account, mostly the machine's first.
    User,
    /// Somebody whose account is not that one.
    Colleague,
    /// Somebody who may become root.
    Root,
}

impl Reader {
    fn uid(self) -> u32 {
        match self {
            Self::User => 1000,
            Self::Colleague => 1234,
            Self::Root => 0,
        }
    }
}

/// These of a README's shell blocks, one after the other.
fn blocks(name: &str, which: &[usize]) -> String {
    let page = in_repository("compose-examples").join(name).join("README.md");
    let text = std::fs::read_to_string(page).expect("a README");
    let all: Vec<&str> = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    which.iter().map(|block| all[*block]).collect()
}

/// The reader's own programs and home.
fn machine(project: &Project) -> Sandbox {
    let machine = Sandbox::new();
    let (docker, compose) = (docker_program(), project.command_line(&[]).join(" "));
    let program = format!(
        "#!/bin/bash
if [ \"$1\" != compose ]; then exec {docker} \"$@\"; fi
shift
if [ \"$1\" != exec ] || [ \"$2\" = -T ]; then exec {compose} \"$@\"; fi
shift
for _ in $(seq 240); do
    if said=$({compose} exec -T \"$@\" 2>&1 < /dev/null); then printf '%s\\n' \"$said\"; exit; fi
    sleep 0.5
done
printf '%s\\n' \"$said\" >&2
exit 1
"
    );
    for (name, program) in [("docker", program.as_str()), ("sudo", "#!/bin/bash\nexec \"$@\"\n")] {
        machine.file(&format!(".local/bin/{name}"), program);
        machine.mode(&format!(".local/bin/{name}"), 0o755);
    }
    machine
}

/// The group whose members may use the engine.
fn engine_group() -> u32 {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host.strip_prefix("unix://").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    std::fs::metadata(&socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display())).gid()
}

fn give_all(directory: &Path, uid: u32) {
    give(directory, uid);
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        if entry.path().is_dir() { give_all(&entry.path(), uid) } else { give(&entry.path(), uid) }
    }
}

/// A README's blocks, typed, and what that printed. The project is there until it is dropped.
#[track_caller]
fn typed(name: &str, which: &[usize], reader: Reader) -> (Project, Run) {
    let project = Project::new(example(name));
    let machine = machine(&project);
    let script = format!("set -eo pipefail\n{}", blocks(name, which));
    let is_root = std::fs::metadata("/proc/self").expect("a process").uid() == 0;
    let mut command = if is_root && reader != Reader::Root {
        give_all(&project.directory.path("."), reader.uid());
        give_all(&machine.path("."), reader.uid());
        let group = format!("--regid={}", engine_group());
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={}", reader.uid()), &group, "--clear-groups", "bash"]);
        command
    } else {
        Command::new("bash")
    };
    let path = format!("{}:{}", machine.path(".local/bin").display(), std::env::var("PATH").expect("PATH"));
    command.args(["-c", &script]).env("PATH", path).env("HOME", machine.path("."));
    command.envs(std::env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
    let run = project.directory.run(&mut command).expect_code(0);
    (project, run)
}

/// Types and expects each of these words in what is printed.
#[track_caller]
fn says(name: &str, which: &[usize], reader: Reader, words: &[&str]) {
    let (_project, run) = typed(name, which, reader);
    for words in words {
        assert!(run.stdout().contains(words), "no {words:?}\n{}", run.describe());
    }
}

/// Types and expects these words in the log of a service, sooner or later.
#[track_caller]
fn logs(name: &str, which: &[usize], reader: Reader, service: &str, words: &str) {
    let (project, _run) = typed(name, which, reader);
    // The project removes it.
    std::mem::ManuallyDrop::new(Container(project.container(service))).says(words);
}

#[test]
fn quickstart() {
    says(
        "quickstart",
        &[0, 1],
        Reader::User,
        &["kz: wrote 1 secret to /secrets", "POSTGRES_PASSWORD\n", "(1 row)"],
    );
}

#[test]
fn files_postgres() {
    says("files-postgres", &[0], Reader::Root, &[" app\n(1 row)"]);
}

#[test]
fn fd_postgres() {
    says("fd-postgres", &[0], Reader::User, &["POSTGRES_PASSWORD_FILE=/proc/self/fd/"]);
}

#[test]
fn shell_entrypoint() {
    says("shell-entrypoint", &[0], Reader::User, &["kz: wrote 1 secret to /secrets/env.sh"]);
}

#[test]
fn no_shell() {
    logs("no-shell", &[0], Reader::User, "nats", "Server is ready");
}

#[test]
fn template_redis() {
    says("template-redis", &[0], Reader::User, &["kz: wrote 1 file with 1 secret to /secrets"]);
}

#[test]
fn tls_nginx() {
    says("tls-nginx", &[0], Reader::User, &["subject=CN = web"]);
}

#[test]
fn host() {
    let (project, _run) = typed("host", &[0], Reader::User);
    let db = project.container("db");
    assert!(!crate::quickstart::database_takes(&db, "wrong"));
}

#[test]
fn vault_init_with_the_stand_in() {
    says("vault-init", &[1], Reader::User, &["kz: wrote 1 secret to /secrets"]);
}

#[test]
fn vault_entrypoint_with_the_stand_in() {
    logs("vault-entrypoint", &[1], Reader::Colleague, "app", "logged in as postgres");
}

#[test]
fn supervise_postgres_with_the_stand_in() {
    logs("supervise-postgres", &[1, 2], Reader::Colleague, "app", "logged in as app_b");
}

#[test]
fn aws_init_with_the_stand_in() {
    let _alone = credentials_subnet();
    says("aws-init", &[1], Reader::User, &["kz: wrote 1 secret to /secrets"]);
}

#[test]
fn onepassword_connect_with_the_stand_ins() {
    says("onepassword-connect", &[1], Reader::User, &["kz: wrote 1 secret to /secrets"]);
}
