//! The Docker engine as the tests use it: commands whose failure shows everything, and guards that remove
//! what was made. Refuses to go on without an engine or the images, naming what makes them.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::aws_stage::AWS;
use crate::support::{Run, Sandbox, in_repository};
use crate::vault::VAULT;

/// What `make image` built.
pub const IMAGE: &str = "kz:dev";
/// The vendor's image of the quickstart, and the one for looking into volumes: it has a shell.
pub const POSTGRES: &str = "postgres:16";
/// Further vendors' images, of the examples.
const VENDORS: [&str; 3] = ["redis:7", "nginx:stable", "nats:2.10-scratch"];
/// An application's image: redis-server and `env`, no shell.
pub const SERVER: &str = "kz-e2e/server";

fn program(variable: &str, default: &str) -> Vec<String> {
    let named = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    named.split_whitespace().map(str::to_owned).collect()
}

fn command(words: &[String], arguments: &[&str]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments);
    // Where the engine is; the sandbox hands on nothing else.
    for variable in ["HOME", "DOCKER_HOST"] {
        command.envs(std::env::var_os(variable).map(|value| (variable, value)));
    }
    command
}

fn docker_command(arguments: &[&str]) -> Command {
    command(&docker_words(), arguments)
}

fn docker_words() -> Vec<String> {
    let default = if Path::new("/usr/bin/docker").exists() { "/usr/bin/docker" } else { "docker" };
    program("DOCKER", default)
}

/// The engine's client, as it stands in a line of shell.
pub fn docker_program() -> String {
    docker_words().join(" ")
}

/// Fails unless an engine answers and has the images.
#[track_caller]
fn need_engine() {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let answers = |arguments: &[&str]| {
            docker_command(arguments).output().is_ok_and(|output| output.status.success())
        };
        if !answers(&["version"]) {
            return Some("no Docker engine answers; run `make setup`".to_owned());
        }
        let stand_ins = [POSTGRES, SERVER, VAULT, AWS].into_iter().chain(VENDORS);
        let stand_ins = stand_ins.map(|image| (image, "make stand-ins"));
        let mut images = std::iter::once((IMAGE, "make image")).chain(stand_ins);
        let (image, target) = images.find(|(image, _)| !answers(&["image", "inspect", image]))?;
        Some(format!("there is no image `{image}`; run `{target}`"))
    });
    if let Some(missing) = missing {
        panic!("{missing}");
    }
}

/// `docker ARGUMENTS`, to its end.
#[track_caller]
pub fn docker(arguments: &[&str]) -> Run {
    need_engine();
    Sandbox::new().run(&mut docker_command(arguments))
}

/// The same with this on stdin, where no argument may hold it.
#[track_caller]
pub fn docker_with(input: &str, arguments: &[&str]) -> Run {
    need_engine();
    let sandbox = Sandbox::new();
    let input = std::fs::File::open(sandbox.file("input", input)).expect("a file");
    sandbox.run(docker_command(arguments).stdin(input))
}

/// The trimmed stdout of a `docker` command that succeeds.
#[track_caller]
pub fn ask(arguments: &[&str]) -> String {
    docker(arguments).expect_code(0).stdout().trim().to_owned()
}

/// A name that no other test and no other run has.
pub fn unique(what: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("kz-e2e-{}-{}-{what}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A named volume, fresh and empty.
pub struct Volume(pub String);

impl Volume {
    pub fn new() -> Self {
        Self(ask(&["volume", "create", &unique("volume")]))
    }

    /// The argument that mounts it at `/secrets`.
    pub fn mount(&self, options: &str) -> String {
        format!("--volume={}:/secrets{options}", self.0)
    }

    /// What a shell command prints that runs as `user` with the volume read-only at `/secrets`.
    #[track_caller]
    pub fn look_as(&self, user: &str, script: &str) -> Run {
        self.look_with(user, ":ro", script)
    }

    /// Likewise, mounted with these options.
    #[track_caller]
    pub fn look_with(&self, user: &str, options: &str, script: &str) -> Run {
        let user = format!("--user={user}");
        let mount = self.mount(options);
        docker(&["run", "--rm", "--network=none", &user, &mount, "--entrypoint=sh", POSTGRES, "-c", script])
    }

    /// Mode, owner and path of every file, links followed, kz's own state left out.
    #[track_caller]
    pub fn files(&self) -> String {
        let script = "cd /secrets && find . -follow -type f ! -path './..2*' ! -path './..data/*' ! -path './.kz/*' \
                      -exec stat -L -c '%a %u:%g %n' {} + | sort";
        self.look_as("0", script).expect_code(0).stdout()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = docker_command(&["volume", "rm", "--force", &self.0]).output();
    }
}

/// A network of its own, where containers know one another by name.
pub struct Network(pub String);

impl Network {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Nothing beyond it can be reached, the host's metadata service neither. `options` as for the engine.
    pub fn closed(options: &[&str]) -> Self {
        Self::with(&[&["--internal"], options].concat())
    }

    fn with(options: &[&str]) -> Self {
        let network = Self(unique("network"));
        ask(&[&["network", "create"], options, &[&network.0]].concat());
        network
    }
}

/// Held by a test whose network has the subnet of container credentials, 169.254.170.0/24: an engine can have it once.
pub fn credentials_subnet() -> MutexGuard<'static, ()> {
    static SUBNET: Mutex<()> = Mutex::new(());
    SUBNET.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = docker_command(&["network", "rm", &self.0]).output();
    }
}

/// A container, running or ended, with its anonymous volumes.
pub struct Container(pub String);

impl Container {
    /// `docker run --detach ARGUMENTS`.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        let container = Self(unique("container"));
        let named = ["run", "--detach", "--name", &container.0];
        docker(&[&named, arguments].concat()).expect_code(0);
        container
    }

    /// Waits until its output contains these words.
    #[track_caller]
    pub fn says(&self, words: &str) {
        self.eventually(&format!("says {words:?}"), || {
            let logs = docker(&["logs", &self.0]);
            logs.stdout().contains(words) || logs.stderr().contains(words)
        });
    }

    /// Waits for a condition; a generous limit, since it is none that a test asserts.
    #[track_caller]
    pub fn eventually(&self, what: &str, condition: impl Fn() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "never {what}\n{}\n{}",
                docker(&["logs", &self.0]).describe(),
                docker(&["inspect", "--format", "{{json .State}}", &self.0]).stdout()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The exit code with which it ends, or has ended.
    #[track_caller]
    pub fn exit_code(&self) -> String {
        ask(&["wait", &self.0])
    }

    /// `docker stop`, and the exit code: 137 when the engine had to kill it.
    #[track_caller]
    pub fn stop(&self) -> String {
        ask(&["stop", &self.0]);
        self.exit_code()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker_command(&["rm", "--force", "--volumes", &self.0]).output();
    }
}

/// An image that a test builds.
pub struct Image(pub String);

impl Image {
    /// Builds this Dockerfile, with the directory's files as its context.
    #[track_caller]
    pub fn build(context: &Sandbox, dockerfile: &str) -> Self {
        let image = Self(unique("image"));
        context.file("Dockerfile", dockerfile);
        need_engine();
        context.run(&mut docker_command(&["build", "--quiet", "--tag", &image.0, "."])).expect_code(0);
        image
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = docker_command(&["image", "rm", "--force", &self.0]).output();
    }
}

/// A copy of `compose-examples/NAME`.
pub fn example(name: &str) -> Sandbox {
    let directory = in_repository("compose-examples").join(name);
    let sandbox = Sandbox::new();
    for entry in std::fs::read_dir(directory).expect("the example").flatten() {
        sandbox.file(&entry.file_name().to_string_lossy(), std::fs::read(entry.path()).expect("a file"));
    }
    sandbox
}

/// A copy of an example that reads `secrets.env.age`, with this in it, and with an identity that is its user's own.
pub fn age_example(name: &str, dotenv: &str) -> Project {
    let sandbox = example(name);
    encrypt(&sandbox, "identity.txt", "secrets.env.age", dotenv);
    sandbox.mode("identity.txt", 0o600);
    give(&sandbox.path("identity.txt"), 1000);
    Project::new(sandbox)
}

/// A Compose project in a directory of its own.
pub struct Project {
    pub directory: Sandbox,
    name: String,
}

impl Project {
    pub fn new(directory: Sandbox) -> Self {
        Self { directory, name: unique("project") }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let words = [program("COMPOSE", "docker-compose"), vec!["--project-name".into(), self.name.clone()]];
        command(&words.concat(), arguments)
    }

    /// The words of `docker-compose ARGUMENTS`, for another program to start.
    pub fn command_line(&self, arguments: &[&str]) -> Vec<String> {
        let command = self.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// `docker-compose ARGUMENTS` in its directory.
    #[track_caller]
    pub fn compose(&self, arguments: &[&str]) -> Run {
        need_engine();
        self.directory.run(&mut self.command(arguments))
    }

    /// The container of a service, or nothing when it was never created.
    #[track_caller]
    pub fn container(&self, service: &str) -> String {
        self.compose(&["ps", "--all", "--quiet", service]).stdout().trim().to_owned()
    }

    /// A volume that the file names. The project removes it.
    pub fn volume(&self, name: &str) -> std::mem::ManuallyDrop<Volume> {
        std::mem::ManuallyDrop::new(Volume(format!("{}_{name}", self.name)))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.directory.run(&mut self.command(&[
            "down",
            "--volumes",
            "--remove-orphans",
            "--rmi",
            "local",
        ]));
    }
}

/// Fails when what `docker PLACE` prints contains a value.
#[track_caller]
pub fn expect_nowhere(value: &str, places: &[&[&str]]) {
    for place in places {
        let run = docker(place).expect_code(0);
        for output in [&run.output.stdout, &run.output.stderr] {
            let found = output.windows(value.len()).any(|bytes| bytes == value.as_bytes());
            assert!(!found, "the value is in the output of `docker {}`", place.join(" "));
        }
    }
}

/// Makes an identity and encrypts a dotenv file to it, in a directory.
pub fn encrypt(directory: &Sandbox, identity: &str, encrypted: &str, dotenv: &str) {
    let identity = directory.path(identity);
    let run = |command: &mut Command| directory.run(command).expect_code(0).stdout();
    run(Command::new("age-keygen").arg("--output").arg(&identity));
    let recipient = run(Command::new("age-keygen").arg("-y").arg(&identity));
    let plain = directory.file("plain", dotenv);
    run(Command::new("age")
        .args(["--encrypt", "--recipient", recipient.trim(), "--output"])
        .arg(directory.path(encrypted))
        .arg(&plain));
    std::fs::remove_file(plain).expect("a file to remove");
}

/// Gives a file to a user. Only root can; for anybody else the file is of a foreign uid already.
pub fn give(path: &Path, uid: u32) {
    let _ = std::os::unix::fs::chown(path, Some(uid), Some(uid));
}
