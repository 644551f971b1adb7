//! Stdout: a reader that goes away early is no failure, and a person at a terminal is asked what she means.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::support::{Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n";
const VALUE: &str = "kz-canary-on-a-terminal";

/// Every command that prints something.
const COMMANDS: &[&[&str]] = &[
    &["export", "--format", "env"],
    &["export", "--format", "json"],
    &["export", "--format", "shell"],
    &["plan"],
    &["plan", "--format", "json"],
    &["status"],
    &["schema"],
    &["completions", "bash"],
    &["init", "--print"],
    &["explain"],
    &["explain", "KZ202"],
    &["--help"],
    &["export", "--help"],
    &["--version"],
];

/// The end of a pipe that nobody reads.
fn gone() -> std::io::PipeWriter {
    std::io::pipe().expect("a pipe").1
}

#[test]
fn when_the_reader_has_gone_kz_dies_of_sigpipe_and_says_nothing() {
    let sandbox = Sandbox::with_config(CONFIG);
    for words in COMMANDS {
        let mut kz = Command::new(kz_binary());
        kz.args(*words).current_dir(sandbox.path("")).env_clear().env("VALUE", VALUE).stdout(gone());
        let output = kz.output().expect("kz");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.signal(), said.as_str()), (Some(13), ""), "{words:?}: {}", output.status);
    }
}

/// PID 1 does not die of its own signals, so it ends with what a shell would say of one that did.
#[test]
fn as_pid_1_it_ends_with_the_code_of_sigpipe() {
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc"]).arg(kz_binary()).arg("schema").stdout(gone());
    let output = unshare.output().expect("`unshare` of util-linux");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.as_str()), (Some(141), ""), "{}", output.status);
}

/// `script` gives it a terminal. What kz shows there is all that the transcript holds.
fn on_a_terminal(words: &str) -> crate::support::Run {
    let sandbox = Sandbox::with_config(CONFIG);
    let command = format!("'{}' {words}", kz_binary().display());
    let script = ["--quiet", "--return", "--command", &command, "/dev/null"];
    sandbox.run(Command::new("script").args(script).env("VALUE", VALUE))
}

#[test]
fn no_format_shows_a_secret_on_a_terminal_unless_that_is_meant() {
    for form in ["env", "json", "shell", "env --dialect docker", "env --output -"] {
        let refused = on_a_terminal(&format!("export --format {form}")).expect_code(2);
        assert!(refused.stdout().contains("[KZ246]"), "{}", refused.describe());
        assert!(!refused.stdout().contains(VALUE), "{}", refused.describe());
        let shown = on_a_terminal(&format!("export --reveal --format {form}")).expect_code(0);
        assert!(shown.stdout().contains(VALUE), "{}", shown.describe());
    }
}

#[test]
fn what_holds_no_secret_may_be_seen() {
    for words in ["plan", "status", "schema", "explain", "export --help", "export --format env --output out"]
    {
        on_a_terminal(words).expect_code(0);
    }
}
