//! podman, for what Docker has not: pods with init containers, from manifests.
//!
//! Its store is a directory of the test's, and it runs in PID and mount namespaces of its own, whose first process ends
//! when the test does, however that ends: no conmon, pause or application outlives a test or holds its output open, and
//! nothing is mounted outside. That first process also reaps what loses its parent. No image is ever pulled.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::engine::ask;
use crate::support::{Run, Sandbox};

/// What Debian's podman needs in a container or without systemd.
const CONFIGURATION: &str = "\
[containers]
default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
runtime = \"/usr/sbin/runc\"
";

/// catatonit reaps; `cat` ends with its stdin, which only the test's process holds open.
const FIRST: &str = "echo && exec catatonit -- cat > /dev/null";

/// An engine of its own.
pub struct Podman {
    directory: Sandbox,
    namespaces: Child,
}

impl Podman {
    /// With copies of these images of the Docker engine's.
    #[track_caller]
    pub fn with(images: &[&str]) -> Self {
        let directory = Sandbox::new();
        directory.file("containers.conf", CONFIGURATION);
        let podman = Self { directory, namespaces: namespaces() };
        let archive = podman.path("images.tar");
        ask(&[&["save", "--output", &archive], images].concat());
        podman.run(&["load", "--quiet", "--input", &archive]).expect_code(0);
        std::fs::remove_file(archive).expect("an archive");
        podman
    }

    fn path(&self, name: &str) -> String {
        self.directory.path(name).display().to_string()
    }

    /// `podman ARGUMENTS`, to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Run {
        let places = [("--root", "store"), ("--runroot", "run"), ("--tmpdir", "state")];
        let mut words = vec!["podman".to_owned(), "--storage-driver=overlay".to_owned()];
        words.extend(places.map(|(option, name)| format!("{option}={}", self.path(name))));
        let words: Vec<&str> = words.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        self.inside(&words)
    }

    /// Another command beside it, which sees the pods' processes.
    #[track_caller]
    pub fn inside(&self, words: &[&str]) -> Run {
        let namespace = |kind: &str| PathBuf::from(format!("/proc/{}/ns/{kind}", self.namespaces.id()));
        let mut command = Command::new("nsenter");
        command.arg(format!("--pid={}", namespace("pid_for_children").display()));
        command.arg(format!("--mount={}", namespace("mnt").display())).arg("--").args(words);
        command.env("CONTAINERS_CONF", self.path("containers.conf")).env("HOME", self.path("home"));
        // Elsewhere than in the store, which a failure would list.
        Sandbox::new().run(&mut command)
    }

    /// The trimmed stdout of a command that succeeds.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> String {
        self.run(arguments).expect_code(0).stdout().trim().to_owned()
    }

    /// `podman play kube`, in the machine's network, where this process is on the loopback interface.
    #[track_caller]
    pub fn play(&self, manifests: &[Value]) -> Run {
        let documents: Vec<String> = manifests.iter().map(Value::to_string).collect();
        self.directory.file("manifests.yaml", documents.join("\n---\n"));
        self.run(&["play", "kube", "--network=host", &self.path("manifests.yaml")])
    }

    /// Ends and removes whatever was played.
    pub fn remove_pods(&self) {
        let pods = self.run(&["pod", "ps", "--quiet", "--no-trunc"]).stdout();
        let _ = self.run(&["pod", "rm", "--all", "--force", "--time=0"]);
        pods.lines().for_each(remove_cgroups);
    }

    /// `created`, `running` or `exited`.
    #[track_caller]
    pub fn state(&self, container: &str) -> String {
        self.ask(&["inspect", "--format", "{{.State.Status}}", container])
    }

    /// What a file of /proc says of a running container's first process, also where the container could not say it.
    #[track_caller]
    pub fn of_process(&self, container: &str, file: &str) -> String {
        let process = self.ask(&["inspect", "--format", "{{.State.Pid}}", container]);
        self.inside(&["cat", &format!("/proc/{process}/{file}")]).expect_code(0).stdout()
    }
}

impl Drop for Podman {
    /// Removes pods first, for the sake of their cgroups. The rest ends with the namespaces, and then lies in a directory.
    fn drop(&mut self) {
        self.remove_pods();
        drop(self.namespaces.stdin.take());
        let _ = self.namespaces.wait();
    }
}

/// Removes the empty cgroups that podman leaves of a pod in some hierarchies of version 1.
fn remove_cgroups(pod: &str) {
    let root = Path::new("/sys/fs/cgroup");
    let below = |directory: &Path| std::fs::read_dir(directory).into_iter().flatten().flatten();
    for hierarchy in below(root).map(|entry| entry.path()).chain([root.to_owned()]) {
        let path = hierarchy.join("libpod_parent").join(pod);
        for directory in below(&path).map(|entry| entry.path()).chain([path.clone()]) {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// Namespaces, kept by a process whose outputs are nobody's.
fn namespaces() -> Child {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--propagation=private"]);
    command.args(["--", "sh", "-c", FIRST]).stderr(Stdio::null());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "\n", "no namespaces: `unshare --pid --mount` needs root");
    child
}
