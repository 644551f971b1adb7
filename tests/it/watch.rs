//! `kz export --watch`: what it does when something changes, when it is told to, and when it is to end. Waits for facts, never
//! for a time.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Sandbox, kz_binary};
use crate::vault::stage::Stage;
use kz_fakes::vault::Transport;

const CONFIG: &str =
    "[secrets]\nA = { provider = \"file\", ref = \"a\" }\nB = { provider = \"file\", ref = \"b\" }\n";

/// kz that watches, until it is dropped.
pub(crate) struct Watcher<'s> {
    sandbox: &'s Sandbox,
    child: Child,
}

impl<'s> Watcher<'s> {
    /// kz in this directory, with these words behind `export --watch 1s`; stderr goes to `stderr`.
    pub(crate) fn start(sandbox: &'s Sandbox, command: Command, words: &[&str]) -> Self {
        let mut command = command;
        let stderr = std::fs::File::create(sandbox.path("stderr")).expect("a file");
        command.args(["export", "--watch", "1s", "--settle", "100ms"]).args(words);
        command.current_dir(sandbox.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        Self { sandbox, child: command.spawn().expect("kz") }
    }

    pub(crate) fn of(sandbox: &'s Sandbox, words: &[&str]) -> Self {
        std::fs::create_dir_all(sandbox.path("out")).expect("the output");
        let mut command = Command::new(kz_binary());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let watcher =
            Self::start(sandbox, command, &[&["--format", "files", "--output", "out"], words].concat());
        watcher.until("it watches", || watcher.stderr().contains("watching: "));
        watcher
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.sandbox.path("stderr")).unwrap_or_default()
    }

    /// Waits for a fact. One that never comes is ended by who runs the tests.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        while !is_so() {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
            let ended = kill(pid, None).is_err() || state(pid.as_raw()) == Some('Z');
            assert!(!ended || is_so(), "kz has ended before {what}:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), signal).expect("it runs");
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Asks it to stop, and expects what it then says by its code.
    pub(crate) fn stop(self) {
        self.send(Signal::SIGTERM);
        let stderr = self.sandbox.path("stderr");
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{}", std::fs::read_to_string(stderr).unwrap_or_default());
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state of a process, as in `/proc/PID/stat`.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("a", "one");
    sandbox.file("b", "two");
    sandbox
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path(name)).unwrap_or_default()
}

/// The sets that lie there.
fn generations(sandbox: &Sandbox) -> usize {
    let names = std::fs::read_dir(sandbox.path("out")).expect("the output").flatten();
    names.filter(|entry| entry.file_name().to_string_lossy().starts_with("..2")).count()
}

#[test]
fn a_change_is_written_at_once_and_what_is_done_after_it_learns_its_name() {
    let sandbox = sandbox();
    let log = r#"["sh","-c","echo \"$KZ_CHANGED $KZ_OUTPUT $VAULT_TOKEN\" >> log"]"#;
    let watcher = Watcher::of(&sandbox, &["--on-change", log]);
    assert_eq!((read(&sandbox, "out/A").as_str(), read(&sandbox, "out/B").as_str()), ("one", "two"));
    sandbox.file("a", "three");
    watcher.until("it is written", || read(&sandbox, "out/A") == "three");
    watcher.until("it is told", || read(&sandbox, "log") == "A out \n");
    sandbox.file("b", "four");
    watcher.until("it is told", || read(&sandbox, "log") == "A out \nB out \n");
    // Whoever was reading the first set could finish, and then it goes.
    watcher.until("only the last set is left", || generations(&sandbox) == 1);
    watcher.stop();
    assert_eq!(read(&sandbox, "out/B"), "four", "what is written stays");
}

#[test]
fn what_does_not_change_is_neither_written_nor_told() {
    let sandbox = sandbox();
    let watcher = Watcher::of(&sandbox, &["-v", "--on-change", "/bin/false"]);
    let before = std::fs::read_link(sandbox.path("out/..data")).expect("a link");
    // The same bytes in another file, which it reads at least twice.
    for _ in 0..2 {
        sandbox.file("new", "one");
        std::fs::rename(sandbox.path("new"), sandbox.path("a")).expect("renamed");
        watcher.send(Signal::SIGHUP);
        let asked = watcher.stderr().matches("SIGHUP").count();
        watcher.until("it is read again", || watcher.stderr().matches("unchanged").count() >= asked);
    }
    assert_eq!(std::fs::read_link(sandbox.path("out/..data")).expect("a link"), before);
    assert!(!watcher.stderr().contains("/bin/false"), "{}", watcher.stderr());
    watcher.stop();
}

/// When the set was last found to be what its backends hold.
fn confirmed(sandbox: &Sandbox) -> Option<(i64, i64)> {
    let metadata = std::fs::metadata(sandbox.path("out/.kz/watch")).ok()?;
    Some((metadata.ctime(), metadata.ctime_nsec()))
}

#[test]
fn what_is_still_right_is_confirmed_round_by_round_and_its_age_counts_from_there() {
    let sandbox = sandbox();
    let watcher = Watcher::of(&sandbox, &[]);
    watcher.until("it is confirmed", || confirmed(&sandbox).is_some());
    let first = confirmed(&sandbox);
    let generation = std::fs::read_link(sandbox.path("out/..data")).expect("a link");
    watcher.until("it is confirmed again", || confirmed(&sandbox) > first);
    assert_eq!(std::fs::read_link(sandbox.path("out/..data")).expect("a link"), generation);
    let run = sandbox.run(Command::new(kz_binary()).args(["check", "--max-age", "1h", "out"]));
    assert!(run.stdout().contains("; it was confirmed "), "{}", run.describe());
    watcher.stop();
}

#[test]
fn a_program_that_fails_is_told_again_and_what_is_written_is_the_new() {
    let sandbox = sandbox();
    let script = r#"["sh","-c","echo x >> log; exit 3"]"#;
    let watcher = Watcher::of(&sandbox, &["--on-change", script]);
    sandbox.file("a", "three");
    watcher.until("it says so", || {
        watcher.stderr().contains("A changed, and nobody was told: `sh` ended with 3; kz tries it again in")
    });
    assert_eq!(read(&sandbox, "out/A"), "three");
    watcher.stop();
}

#[test]
fn a_process_is_told_by_its_number_and_a_code_is_said_by_ending() {
    let sandbox = sandbox();
    let script = "trap 'echo told >> log' HUP; echo up > up; while :; do sleep 0.05; done";
    let mut other =
        Command::new("sh").args(["-c", script]).current_dir(sandbox.path("")).spawn().expect("a shell");
    let to = format!("HUP:{}", other.id());
    let watcher = Watcher::of(&sandbox, &["--signal", &to]);
    watcher.until("it can be told", || sandbox.path("up").exists());
    sandbox.file("a", "three");
    watcher.until("it is told", || read(&sandbox, "log") == "told\n");
    watcher.stop();
    other.kill().expect("it runs");
    other.wait().expect("it ends");
    let watcher = Watcher::of(&sandbox, &["--exit-code-on-change", "42"]);
    sandbox.file("a", "four");
    assert_eq!(watcher.end().code(), Some(42));
    assert_eq!(read(&sandbox, "out/A"), "four");
}

#[test]
fn a_hangup_reads_the_configuration_again_and_keeps_the_last_where_that_is_wrong() {
    let sandbox = sandbox();
    let watcher = Watcher::of(&sandbox, &[]);
    sandbox.file(".keyzero.toml", format!("{CONFIG}C = {{ provider = \"file\", ref = \"a\" }}\n"));
    watcher.send(Signal::SIGHUP);
    watcher.until("the new one holds", || read(&sandbox, "out/C") == "one");
    sandbox.file(".keyzero.toml", "nonsense");
    watcher.send(Signal::SIGHUP);
    watcher.until("it says what is wrong", || watcher.stderr().contains("kz: error: "));
    sandbox.file("a", "three");
    watcher.until("the last one holds", || read(&sandbox, "out/C") == "three");
    // Right in itself, and nothing can be made of it.
    sandbox.file(".keyzero.toml", "[secrets]\nA = { provider = \"file\", ref = \"nowhere\" }\n");
    watcher.send(Signal::SIGHUP);
    watcher.until("it says so", || watcher.stderr().contains("the new configuration is not used"));
    sandbox.file("a", "four");
    watcher.until("the last one holds", || read(&sandbox, "out/C") == "four");
    watcher.stop();
}

/// As `nohup` starts it. What the kernel knows of it is the judge: it hears of no other signal in the place of that one.
#[test]
fn a_hangup_that_is_ignored_from_the_start_stays_so_and_no_other_signal_stands_for_it() {
    let sandbox = sandbox();
    std::fs::create_dir_all(sandbox.path("out")).expect("the output");
    let mut command = Command::new("env");
    command.args(["--default-signal", "--ignore-signal=HUP"]).arg(kz_binary());
    let watcher = Watcher::start(&sandbox, command, &["--format", "files", "--output", "out"]);
    watcher.until("it watches", || watcher.stderr().contains("watching: "));
    let status = std::fs::read_to_string(format!("/proc/{}/status", watcher.child.id())).expect("it runs");
    let has = |set: &str, signal: Signal| {
        let bits = status.lines().find_map(|line| line.strip_prefix(set)).expect("a set of signals");
        u64::from_str_radix(bits.trim(), 16).expect("bits") >> (signal as i32 - 1) & 1 == 1
    };
    assert!(has("SigIgn:", Signal::SIGHUP), "{status}");
    for signal in [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2] {
        assert!(!has("SigCgt:", signal) && !has("SigBlk:", signal), "{signal}: {status}");
    }
    watcher.send(Signal::SIGHUP);
    sandbox.file("a", "three");
    watcher.until("it goes on", || read(&sandbox, "out/A") == "three");
    assert!(!watcher.stderr().contains("SIGHUP"), "{}", watcher.stderr());
    watcher.stop();
}

#[test]
fn what_is_written_goes_with_kz_only_where_that_is_wanted_and_nothing_of_others() {
    let sandbox = sandbox();
    std::fs::create_dir_all(sandbox.path("out")).expect("a directory");
    sandbox.file("out/theirs", "theirs");
    Watcher::of(&sandbox, &["--wipe-on-exit"]).stop();
    let mut left: Vec<_> = std::fs::read_dir(sandbox.path("out"))
        .expect("a directory")
        .flatten()
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    left.sort();
    assert_eq!(left, [".kz", "theirs"]);
    let mut command = Command::new(kz_binary());
    command.env_clear();
    let words = ["--format", "env", "--output", "app.env", "--wipe-on-exit"];
    let watcher = Watcher::start(&sandbox, command, &words);
    watcher
        .until("it is written", || sandbox.path("app.env").exists() && watcher.stderr().contains("watching"));
    watcher.stop();
    assert!(!sandbox.path("app.env").exists());
}

#[test]
fn what_is_gone_stays_written_and_is_said_and_ends_kz_where_that_is_wanted() {
    let sandbox = sandbox();
    let watcher = Watcher::of(&sandbox, &["--on-loss", "exit"]);
    watcher.until("it is confirmed", || confirmed(&sandbox).is_some());
    std::fs::remove_file(sandbox.path("a")).expect("removed");
    let stderr = sandbox.path("stderr");
    assert_eq!(watcher.end().code(), Some(1));
    // It was doubted for half a minute, in which nothing was confirmed.
    let ended = std::fs::metadata(&stderr).expect("text").ctime();
    assert!(confirmed(&sandbox).is_some_and(|(last, _)| last < ended - 20));
    let said = std::fs::read_to_string(stderr).expect("text");
    assert!(said.contains("A (file a): it is not there any more; what was read last stays"), "{said}");
    assert_eq!(read(&sandbox, "out/A"), "one");
}

/// A Vault, and kz that watches a credential of it and a document.
fn leased() -> Stage {
    let stage = Stage::new(Transport::Plain);
    stage.fake.configure(|vault| vault.database_role("", "app"));
    stage.fake.write("secret/data/d", &serde_json::json!({ "data": { "value": "one" } }));
    let secrets = [
        ("U", "database/creds/app#username"),
        ("P", "database/creds/app#password"),
        ("D", "secret/data/d#value"),
    ];
    stage.secrets(&secrets, "");
    std::fs::create_dir_all(stage.sandbox.path("out")).expect("a directory");
    stage
}

#[test]
fn what_is_lent_is_read_once_however_often_the_rest_is_and_is_given_back_at_the_end() {
    let stage = leased();
    let words = ["--format", "files", "--output", "out"];
    let watcher = Watcher::start(&stage.sandbox, stage.command(&[]), &words);
    watcher.until("it watches", || watcher.stderr().contains("1 leased"));
    let user = read(&stage.sandbox, "out/U");
    for number in 0..3 {
        let value = format!("v{number}");
        stage.fake.write("secret/data/d", &serde_json::json!({ "data": { "value": value } }));
        watcher.until("it is written", || read(&stage.sandbox, "out/D") == value);
    }
    assert_eq!(read(&stage.sandbox, "out/U"), user, "the credential stays");
    assert_eq!(stage.fake.configure(|vault| vault.leases.len()), 1, "one read makes one");
    watcher.stop();
    assert_eq!(stage.fake.configure(|vault| vault.leases.len()), 0, "it is given back");
}

#[test]
fn as_the_first_process_kz_reaps_what_is_left_to_it_and_ends_when_it_is_told() {
    let sandbox = sandbox();
    std::fs::create_dir_all(sandbox.path("out")).expect("a directory");
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(kz_binary());
    // Each starts ten that leave its group, and end when it has.
    let script = r#"["sh","-c","for i in 1 2 3 4 5 6 7 8 9 10; do setsid sleep 0.3 & done; echo x >> log"]"#;
    let words = ["--format", "files", "--output", "out", "--on-change", script];
    command.process_group(0);
    let watcher = Watcher::start(&sandbox, command, &words);
    watcher.until("it watches", || watcher.stderr().contains("watching: "));
    let kz = children(watcher.child.id())[0];
    for number in 1..=3 {
        sandbox.file("a", number.to_string());
        watcher.until("it is told", || read(&sandbox, "log").lines().count() == number);
    }
    watcher.until("all of them are reaped", || children(kz).is_empty());
    kill(Pid::from_raw(i32::try_from(kz).expect("a pid")), Signal::SIGTERM).expect("it runs");
    assert_eq!(watcher.end().code(), Some(0));
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(Path::new("/proc").join(format!("{pid}/task/{pid}/children")));
    list.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_read() {
    for (words, said) in [
        (&["--watch", "1s", "--format", "env"][..], "`--watch` needs a file or a directory"),
        (
            &["--watch", "1s", "--format", "files", "--output", "out", "--on-change", "nginx -s reload"],
            "`--on-change '[\"nginx\",\"-s\",\"reload\"]'`",
        ),
        (
            &["--watch", "1s", "--format", "files", "--output", "out", "--on-change", "[1]"],
            "is none of texts",
        ),
        (
            &["--watch", "1s", "--format", "files", "--output", "out", "--signal", "nginx"],
            "does not say to which process",
        ),
        (
            &["--watch", "1s", "--format", "files", "--output", "out", "--signal", "HOP:nginx"],
            "there is no signal `HOP`",
        ),
        (&["--format", "files", "--output", "out", "--on-change", "x"], "--watch"),
        (&["--watch", "10ms", "--format", "files", "--output", "out"], "at least 1s"),
    ] {
        let sandbox = sandbox();
        std::fs::create_dir_all(sandbox.path("out")).expect("a directory");
        let run = sandbox.kz(&[&["export"], words].concat()).expect_code(2).expect_stderr(&[said]);
        assert_eq!(
            std::fs::read_dir(sandbox.path("out")).expect("a directory").count(),
            0,
            "{}",
            run.describe()
        );
    }
}
