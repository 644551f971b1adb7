//! A configuration is code: which one is found, and which one is trusted. These tests run as root and
//! drop to other uids, as containers do.

use std::process::Command;

use crate::support::{Run, Sandbox, kz_binary};

const VALID: &str = "[secrets]\nA = { provider = \"env\", ref = \"A\", default = \"main\" }\n";

/// kz as another user, in a directory of the sandbox.
fn as_uid(sandbox: &Sandbox, uid: u32, directory: &str, words: &[&str]) -> Run {
    sandbox.copy_kz();
    let script = format!(
        "cd {directory} && exec setpriv --reuid {uid} --regid {uid} --clear-groups ../kz \"$@\" || exit 99"
    );
    let script = if directory == "." { script.replace("../kz", "./kz") } else { script };
    sandbox.run(Command::new("sh").args(["-c", &script, "sh"]).args(words))
}

fn own(sandbox: &Sandbox, name: &str, uid: u32) {
    std::os::unix::fs::chown(sandbox.path(name), Some(uid), Some(uid)).expect("tests run as root");
}

#[test]
fn in_the_working_directory_anyones_will_do() {
    let sandbox = Sandbox::with_config(VALID);
    own(&sandbox, ".keyzero.toml", 1000);
    as_uid(&sandbox, 65532, ".", &["validate"]).expect_code(0);
}

#[test]
fn above_it_only_ours_or_roots() {
    let sandbox = Sandbox::with_config(VALID);
    sandbox.file("below/x", "");
    as_uid(&sandbox, 65532, "below", &["validate"]).expect_code(0);
    own(&sandbox, ".keyzero.toml", 65532);
    as_uid(&sandbox, 65532, "below", &["validate"]).expect_code(0);
    own(&sandbox, ".keyzero.toml", 1000);
    let refused = as_uid(&sandbox, 65532, "below", &["validate"]).expect_code(2);
    refused.expect_stderr(&["belongs to uid 1000, not to uid 65532 or root", "--config"]);
    as_uid(&sandbox, 65532, "below", &["--config", "../.keyzero.toml", "validate"]).expect_code(0);
}

#[test]
fn the_search_stops_at_a_repository_and_at_home() {
    let sandbox = Sandbox::with_config(VALID);
    sandbox.file("repository/.git/HEAD", "");
    sandbox.file("home/x", "");
    let kz = kz_binary();
    let at = |directory: &str, home: &str| {
        let script = format!("cd {directory} && exec {} validate", kz.display());
        sandbox.run(Command::new("sh").args(["-c", &script]).env("HOME", sandbox.path(home)))
    };
    at("repository", "nowhere").expect_code(2).expect_stderr(&["no `.keyzero.toml`"]);
    at("home", "home").expect_code(2).expect_stderr(&["no `.keyzero.toml`"]);
    at("home", "nowhere").expect_code(0);
}

/// Runs a script in a mount namespace of its own.
fn in_namespace(sandbox: &Sandbox, script: &str) -> Run {
    let script = script.replace("$KZ", &kz_binary().display().to_string());
    sandbox.run(Command::new("unshare").args(["--mount", "sh", "-ec", &script]))
}

#[test]
fn the_search_stops_at_a_mount() {
    let sandbox = Sandbox::with_config(VALID);
    sandbox.file("mounted/x", "");
    in_namespace(&sandbox, "mount --bind mounted mounted; cd mounted; exec $KZ validate")
        .expect_code(2)
        .expect_stderr(&["no `.keyzero.toml`"]);
}

#[test]
fn what_any_user_may_write_is_refused_unless_the_mount_is_read_only() {
    let sandbox = Sandbox::new();
    sandbox.file("app/.keyzero.toml", VALID);
    sandbox.mode("app/.keyzero.toml", 0o646);
    let run = in_namespace(&sandbox, "cd app; exec $KZ validate").expect_code(2);
    run.expect_stderr(&["mode 0646", "chmod o-w"]);
    sandbox.mode("app/.keyzero.toml", 0o644);
    sandbox.mode("app", 0o757);
    in_namespace(&sandbox, "cd app; exec $KZ validate").expect_code(2).expect_stderr(&["mode 0757"]);
    let read_only = "mount --bind app app; mount -o remount,bind,ro app; cd app; exec $KZ validate";
    in_namespace(&sandbox, read_only).expect_code(0);
}

#[test]
fn a_link_does_not_hide_a_directory_that_any_user_may_write() {
    let sandbox = Sandbox::new();
    sandbox.file("open/real.toml", VALID);
    sandbox.mode("open", 0o777);
    std::os::unix::fs::symlink("open/real.toml", sandbox.path(".keyzero.toml")).expect("a link");
    sandbox.kz(&["validate"]).expect_code(2).expect_stderr(&["open", "mode 0777"]);
}

#[test]
fn a_pipe_in_its_place_does_not_hang() {
    let sandbox = Sandbox::new();
    nix::unistd::mkfifo(&sandbox.path(".keyzero.toml"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    sandbox.kz(&["validate"]).expect_code(2).expect_stderr(&["not a regular file"]);
}

const LOCAL: &str = "[secrets]\nA = { ref = \"LOCAL_A\" }\n";

#[test]
fn a_local_file_changes_refs_for_a_developer() {
    let sandbox = Sandbox::with_config(VALID);
    sandbox.file(".keyzero.local.toml", LOCAL);
    let script = "LOCAL_A=mine exec setpriv --reuid 1000 --clear-groups ./kz export --format env \"$@\"";
    sandbox.copy_kz();
    let developer = |words: &[&str]| sandbox.run(Command::new("sh").args(["-c", script, "sh"]).args(words));
    assert_eq!(developer(&[]).expect_code(0).stdout(), "A=mine\n");
    // Beside a file that was named, and as root, it counts for nothing.
    assert_eq!(developer(&["--config", ".keyzero.toml"]).expect_code(0).stdout(), "A=main\n");
    let root =
        sandbox.run(Command::new(kz_binary()).args(["export", "--format", "env"]).env("LOCAL_A", "mine"));
    assert_eq!(root.expect_code(0).stdout(), "A=main\n");
}

#[test]
fn a_local_file_may_change_nothing_else() {
    let sandbox = Sandbox::with_config(VALID);
    for (content, word) in [
        ("[secrets]\nA = { provider = \"file\" }\n", "`provider` cannot be changed"),
        ("[secrets]\nA = { hosts = [\"*\"] }\n", "`hosts` cannot be changed"),
        ("[secrets]\nA = { owner = \"0\" }\n", "`owner` cannot be changed"),
        ("[secrets]\nB = { ref = \"x\" }\n", "unknown secret `B`"),
        ("[providers.vault]\naddress = \"https://evil.example\"\n", "`[secrets]` only"),
    ] {
        sandbox.file(".keyzero.local.toml", content);
        as_uid(&sandbox, 1000, ".", &["validate"]).expect_code(2).expect_stderr(&[word]);
    }
}

#[test]
fn beside_pid_1_a_local_file_counts_for_nothing() {
    let sandbox = Sandbox::with_config(VALID);
    sandbox.file(".keyzero.local.toml", LOCAL);
    sandbox.copy_kz();
    let export = |wrapper: &[&str]| {
        let mut command = Command::new("env");
        let drop = ["setpriv", "--reuid", "1000", "--clear-groups", "./kz", "export", "--format", "env"];
        sandbox.run(command.args(wrapper).args(drop).env("LOCAL_A", "mine")).expect_code(0).stdout()
    };
    assert_eq!(export(&[]), "A=mine\n");
    assert_eq!(export(&["unshare", "--pid", "--fork"]), "A=main\n");
}
