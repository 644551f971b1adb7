//! `--format shell` evaluated by the real shells: a failure of kz's stops a script that would go on without its secrets.

use std::process::Command;

use crate::support::{Sandbox, kz_binary};

/// Where it fails: a secret that is not there, one that does not fit, options that do not go together, words that are
/// not understood, a configuration that is missing.
const FAILING: [&str; 6] = [
    "export --format shell",
    "export --format=shell --only NUL -o -",
    "export --format shell --mode 0400",
    "export --format shell --no-such-option",
    "exprot --format shell",
    "export --format shell --config nowhere.toml",
];

const CONFIG: &str = "[secrets]\nA = { provider = \"file\", ref = \"missing\" }\nNUL = { provider = \"file\", ref = \"nul\" }\nGOOD = { provider = \"file\", ref = \"x\" }\n";

/// What the script printed. `KZ` in it stands for the program.
fn printed(shell: &[&str], script: &str) -> (String, Option<i32>) {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("x", "it's $5");
    sandbox.file("nul", "a\0b");
    let script = script.replace("KZ", &kz_binary().display().to_string());
    let run = sandbox.run(Command::new(shell[0]).args(&shell[1..]).arg(&script));
    (run.stdout(), run.output.status.code())
}

const POSIX: [&[&str]; 4] =
    [&["dash", "-c"], &["bash", "--norc", "-c"], &["busybox", "sh", "-c"], &["zsh", "-f", "-c"]];

/// How README and help show it.
const STOPS: &str = "s=$(kz export --format shell) || exit; eval \"$s\"";
const FISH_STOPS: &str =
    "set s (kz export --format shell --shell fish); or exit; string join \\n -- $s | source";

/// What such a script printed where `kz` is killed while it waits for a program, or succeeds. The program's parent is
/// the guard, whose parent kz is.
fn printed_by_what_is_shown(shell: &[&str], shown: &str, config: &str) -> (String, Option<i32>) {
    let sandbox = Sandbox::with_config(config);
    sandbox.file("x", "it's\n$5");
    sandbox.file(
        ".aws/config",
        "[default]\ncredential_process = kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat)\n",
    );
    let script = format!(
        "{}; printf %s \"went on with $GOOD\"",
        shown.replace("kz ", &format!("{} -q ", kz_binary().display()))
    );
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(&script).env("HOME", sandbox.path("")).env("AWS_REGION", "eu-west-1");
    let run = sandbox.run(command.env("AWS_EC2_METADATA_DISABLED", "true"));
    (run.stdout(), run.output.status.code())
}

#[test]
fn a_script_as_it_is_shown_stops_where_kz_is_killed() {
    let good = "GOOD = { provider = \"file\", ref = \"x\" }\n";
    let killed = format!("[secrets]\n{good}A = {{ provider = \"aws-sm\", ref = \"x\" }}\n");
    let shells = POSIX.iter().map(|shell| (*shell, STOPS)).chain([(FISH, FISH_STOPS)]);
    for (shell, shown) in shells {
        assert_eq!(printed_by_what_is_shown(shell, shown, &killed), (String::new(), Some(137)), "{shell:?}");
        let went_on = ("went on with it's\n$5".to_owned(), Some(0));
        assert_eq!(
            printed_by_what_is_shown(shell, shown, &format!("[secrets]\n{good}")),
            went_on,
            "{shell:?}"
        );
    }
    for (file, shown) in [("README.md", STOPS), ("docs/formats.md", STOPS), ("docs/formats.md", FISH_STOPS)] {
        let text = std::fs::read_to_string(crate::support::in_repository(file)).expect("a page");
        assert!(text.contains(shown), "{file}");
        assert!(!text.lines().any(|line| line.starts_with("eval \"$(kz")), "{file} shows what goes on");
    }
}

const FISH: &[&str] = &["fish", "--no-config", "-c"];

#[test]
fn a_script_stops_where_kz_fails_and_not_where_it_does_not() {
    for shell in POSIX {
        for failing in FAILING {
            let script = format!("set -e; eval \"$(KZ -q {failing})\"; echo went on");
            assert_eq!(printed(shell, &script), (String::new(), Some(1)), "{shell:?} {failing}");
            let script = format!("eval \"$(KZ -q {failing})\" || exit 3; echo went on");
            assert_eq!(printed(shell, &script), (String::new(), Some(3)), "{shell:?} {failing}");
        }
        let good = "set -e; eval \"$(KZ -q export --format shell --only GOOD)\"; printf %s \"$GOOD\"";
        assert_eq!(printed(shell, good), ("it's $5".to_owned(), Some(0)), "{shell:?}");
    }
}

#[test]
fn fish_stops_where_it_is_told_to() {
    for failing in FAILING {
        let script = format!("KZ -q {failing} --shell fish | source; or exit 3; echo went on");
        assert_eq!(printed(FISH, &script), (String::new(), Some(3)), "{failing}");
    }
    let good = "KZ -q export --format shell --shell fish --only GOOD | source; or exit 3; printf %s $GOOD";
    assert_eq!(printed(FISH, good), ("it's $5".to_owned(), Some(0)));
}

#[test]
fn nothing_is_printed_for_a_shell_that_does_not_evaluate() {
    let sandbox = Sandbox::with_config(CONFIG);
    for arguments in [
        ["export", "--format", "json"].as_slice(),
        &["export", "--format", "shell", "--output", "out"],
        &["export", "--format", "shell", "-oout", "--no-such-option"],
        &["run", "--format", "shell"],
    ] {
        let run = sandbox.kz(arguments);
        assert!(!run.output.status.success());
        assert_eq!(run.stdout(), "", "{}", run.describe());
    }
    let help = sandbox.kz(&["export", "--format", "shell", "--help"]).expect_code(0);
    assert!(!help.stdout().contains("\nfalse\n"));
}
