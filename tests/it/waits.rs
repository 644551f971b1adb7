//! Long waits say what is waited for, and how much longer; short ones say nothing.

use std::process::{Command, Stdio};

use crate::support::{Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n";

/// A process that holds the lock of `out` until it is dropped.
struct Holder(std::process::Child);

impl Holder {
    fn of(sandbox: &Sandbox) -> Self {
        std::fs::create_dir(sandbox.path("out")).expect("a directory");
        let script = "exec 9< \"$0\"; flock 9; echo held; exec sleep 600";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(sandbox.path("out"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn export(sandbox: &Sandbox, more: &[&str]) -> String {
    let mut command = Command::new(kz_binary());
    command.args(["export", "--format", "env", "--output", "out/.env"]).args(more).env("VALUE", "one");
    sandbox.run(&mut command).expect_code(75).stderr()
}

#[test]
fn waiting_for_a_lock_is_said_after_a_second_and_not_before() {
    let sandbox = Sandbox::with_config(CONFIG);
    let _holder = Holder::of(&sandbox);
    let long = export(&sandbox, &["--timeout", "1500ms"]);
    let first = long.lines().next().unwrap_or_default();
    assert!(first.starts_with("kz: waiting for the lock of `out`, which process "), "{long}");
    assert!(first.ends_with(" holds, up to 1 s more") && long.matches("waiting").count() == 1, "{long}");
    let object = export(&sandbox, &["--timeout", "1500ms", "--log-format", "json"]);
    assert!(object.contains("\"level\":\"info\",\"message\":\"waiting for the lock of `out`"), "{object}");
    let short = export(&sandbox, &["--timeout", "200ms"]);
    assert!(!short.contains("waiting"), "{short}");
    let quiet = export(&sandbox, &["--timeout", "1500ms", "-q"]);
    assert!(!quiet.contains("waiting"), "{quiet}");
}

/// As `script` shows it: the spinner's line is drawn over and gone in the end.
#[test]
fn a_terminal_shows_a_spinner_and_nothing_of_it_stays() {
    let sandbox = Sandbox::with_config(CONFIG);
    let _holder = Holder::of(&sandbox);
    let kz =
        format!("VALUE=one {} export --format env --output out/.env --timeout 1500ms", kz_binary().display());
    let run =
        sandbox.run(Command::new("script").args(["--quiet", "--return", "--command", &kz, "/dev/null"]));
    let shown = run.stdout();
    let frames = shown.matches("\r\u{1b}[Kkz: ").count();
    assert!(frames >= 2 && shown.contains("waiting for the lock of `out`"), "{shown:?}");
    let rest = shown.rsplit_once("s more").expect("a frame").1;
    assert!(rest.starts_with("\r\u{1b}[Kkz: error: "), "{rest:?}");
}
