//! A directory to work in, and runs of the real binary whose failure shows everything there is to see.
#![allow(dead_code, unreachable_pub, reason = "each test module uses its part")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test: what cargo built, or `KZ_BINARY` (the release, in the bench).
pub fn kz_binary() -> PathBuf {
    std::env::var_os("KZ_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_kz").into(), PathBuf::from)
}

/// A file of this repository.
pub fn in_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where `make setup` puts what the tests need.
pub fn tools() -> PathBuf {
    let tools = std::env::var_os("KZ_TOOLS").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("`HOME` or `KZ_TOOLS`")).join(".cache/kz");
    tools.unwrap_or_else(home)
}

/// Fails unless the committed file `name` is `text`. `make generated` writes it instead.
#[track_caller]
pub fn expect_committed(name: &str, text: &str) {
    let path = in_repository(name);
    if std::env::var_os("KZ_WRITE_GENERATED").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        std::fs::write(&path, text).expect("a file of the repository");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{name} is not what the code makes: `make generated`, read it, commit it");
}

/// A directory with a configuration, gone when dropped.
pub struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// An empty directory, mode 0755 so that tests may drop to another uid.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory to work in");
        let sandbox = Self { directory };
        sandbox.mode(".", 0o755);
        sandbox
    }

    /// Likewise, on a file system where it costs nothing that everything reaches the disk.
    pub fn in_memory() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
        let sandbox = Self { directory };
        sandbox.mode(".", 0o755);
        sandbox
    }

    /// With `.keyzero.toml`.
    pub fn with_config(config: &str) -> Self {
        let sandbox = Self::new();
        sandbox.file(".keyzero.toml", config);
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directories above");
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Puts a kz that every uid may run into the sandbox. By another process: were the file open for writing here
    /// while another test forks, that child would hold it open and running it would fail with ETXTBSY.
    pub fn copy_kz(&self) {
        self.run(Command::new("install").arg("-m755").arg(kz_binary()).arg("kz")).expect_code(0);
    }

    /// kz in this directory, with nothing of the tester's environment but PATH.
    pub fn kz(&self, arguments: &[&str]) -> Run {
        self.run(Command::new(kz_binary()).args(arguments))
    }

    /// Any command, in this directory, likewise.
    pub fn run(&self, command: &mut Command) -> Run {
        let explicit: Vec<_> =
            command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        command.current_dir(self.directory.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(explicit);
        let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Run { output, command: format!("{command:?}"), directory: self.directory.path().to_owned() }
    }
}

/// A finished command.
pub struct Run {
    pub output: Output,
    command: String,
    directory: PathBuf,
}

impl Run {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Fails unless it ended with `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.output.status.code() == Some(code), "expected exit code {code}\n{}", self.describe());
        self
    }

    /// The exit code that goes with what is said: 75 where each failure is one that passes by itself, else 1.
    #[track_caller]
    pub fn expect_unresolved(self) -> Self {
        let said = self.stdout() + &self.stderr();
        let mut codes: Vec<&str> = said.split("KZ").skip(1).filter_map(|rest| rest.get(..3)).collect();
        codes.retain(|code| code.starts_with('1') && *code != "100");
        let passes = !codes.is_empty() && codes.iter().all(|code| ["103", "120"].contains(code));
        self.expect_code(if passes { 75 } else { 1 })
    }

    /// Fails unless stderr contains every one of these.
    #[track_caller]
    pub fn expect_stderr(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr().contains(part), "stderr lacks {part:?}\n{}", self.describe());
        }
        self
    }

    /// Command, directory, listing, status and both outputs.
    pub fn describe(&self) -> String {
        let mut text = format!("command: {}\ndirectory: {}\n", self.command, self.directory.display());
        list(&self.directory, &self.directory, &mut text);
        let _ = write!(
            text,
            "status: {}\nstdout:\n{}\nstderr:\n{}",
            self.output.status,
            self.stdout(),
            self.stderr()
        );
        text
    }
}

fn list(base: &Path, directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = writeln!(text, "  {}", path.strip_prefix(base).unwrap_or(&path).display());
        if path.is_dir() && !path.is_symlink() {
            list(base, &path, text);
        }
    }
}
