//! Targets that are not what they should be: refused with status 4, a reason and a way out, and
//! nothing is changed, wherever a link leads.

use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::delivery::{assert_unchanged, snapshot};
use crate::support::{Run, Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n";

/// With an empty directory `out`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    directory(&sandbox, "out", 0o755);
    sandbox
}

fn directory(sandbox: &Sandbox, name: &str, mode: u32) {
    std::fs::create_dir(sandbox.path(name)).unwrap();
    sandbox.mode(name, mode);
}

fn fifo(sandbox: &Sandbox, name: &str) {
    sandbox.run(Command::new("mkfifo").arg(name)).expect_code(0);
}

fn export(sandbox: &Sandbox, format: &str, output: &str) -> Run {
    let mut command = Command::new(kz_binary());
    command.args(["export", "--format", format, "--output", output]).env("VALUE", "new");
    sandbox.run(&mut command)
}

/// Neither the sandbox nor anything in it may change.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, format: &str, output: &str, words: &[&str]) {
    let before = snapshot(&sandbox.path(""));
    let run = export(sandbox, format, output).expect_code(4);
    assert_unchanged(&before, &sandbox.path(""), &run);
    assert!(run.stdout().is_empty(), "{}", run.describe());
    run.expect_stderr(&["kz: error: ", "kz: hint: "]).expect_stderr(words);
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let sandbox = sandbox();
    sandbox.file("elsewhere", "theirs");
    for target in ["../elsewhere", "../absent", "/absent/elsewhere", ".env"] {
        symlink(target, sandbox.path("out/.env")).unwrap();
        let words = ["`out/.env` is a symbolic link, and only a regular file is replaced"];
        assert_refused(&sandbox, "env", "out/.env", &words);
        assert_refused(&sandbox, "json", "out/.env", &words);
        std::fs::remove_file(sandbox.path("out/.env")).unwrap();
    }
}

#[test]
fn a_directory_a_fifo_and_a_socket_are_no_file() {
    let sandbox = sandbox();
    directory(&sandbox, "out/directory", 0o755);
    fifo(&sandbox, "out/fifo");
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("out/socket")).unwrap();
    assert!(sandbox.path("out/fifo").metadata().unwrap().file_type().is_fifo());
    let hint = "`--output out/directory/.env`";
    for output in ["out/directory", "out/directory/"] {
        assert_refused(&sandbox, "env", output, &["is a directory", "writes a single file", ".env`"]);
    }
    assert_refused(&sandbox, "env", "out/directory", &[hint]);
    assert_refused(&sandbox, "env", "out/fifo", &["`out/fifo` is a FIFO", "`--output -` is stdout"]);
    assert_refused(&sandbox, "env", "out/socket", &["`out/socket` is a socket"]);
}

#[test]
fn a_file_a_fifo_and_nothing_are_no_directory() {
    let sandbox = sandbox();
    sandbox.file("out/file", "theirs");
    fifo(&sandbox, "out/fifo");
    for (output, words) in [
        ("out/file", "`out/file` is not a directory"),
        ("out/fifo", "`out/fifo` is not a directory"),
        ("out/file/deeper", "`out/file` is not a directory"),
        ("out/absent", "directory `out/absent` does not exist"),
        ("absent/deeper", "directory `absent` does not exist"),
    ] {
        assert_refused(&sandbox, "files", output, &[words]);
    }
    assert_refused(
        &sandbox,
        "env",
        "absent/.env",
        &["directory `absent` does not exist", "`mkdir -p absent`"],
    );
    assert_refused(&sandbox, "env", "out/file/.env", &["`out/file` is not a directory"]);
}

/// Unmounts when dropped.
struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_file_that_is_a_mount_point_cannot_be_replaced_in_one_step() {
    let sandbox = sandbox();
    sandbox.file("source", "theirs");
    let target = sandbox.file("out/.env", "");
    sandbox.run(Command::new("mount").args(["--bind", "source", "out/.env"])).expect_code(0);
    let _bound = Bound(target);
    let words = ["`out/.env` is a mount point", "-v secrets:/secrets", "`--output /secrets/.env`"];
    assert_refused(&sandbox, "env", "out/.env", &words);
    // Where openat2 is hidden only the rename tells it, and takes everything back.
    let before = snapshot(&sandbox.path(""));
    let mut old_kernel = Command::new("strace");
    old_kernel.args(["-f", "-o", "/dev/null", "-e", "inject=openat2:error=ENOSYS"]).arg(kz_binary());
    old_kernel.args(["export", "--format", "env", "--output", "out/.env"]).env("VALUE", "new");
    let run = sandbox.run(&mut old_kernel).expect_code(4);
    assert_unchanged(&before, &sandbox.path(""), &run);
    run.expect_stderr(&words);
}

#[test]
fn a_link_on_the_way_that_others_could_have_planted_is_not_followed() {
    for mode in [0o777, 0o1777, 0o775] {
        let sandbox = sandbox();
        directory(&sandbox, "common", mode);
        symlink("../out", sandbox.path("common/link")).unwrap();
        let words = ["`common/link` is a symbolic link that another user could have made", "`--output`"];
        assert_refused(&sandbox, "env", "common/link/.env", &words);
        assert_refused(&sandbox, "files", "common/link", &words);
        assert_refused(&sandbox, "files", "common/link/", &words);
    }
}

#[test]
fn one_that_only_root_can_have_made_is() {
    let sandbox = sandbox();
    symlink("out", sandbox.path("link")).unwrap();
    let absolute = sandbox.path("out").into_os_string().into_string().unwrap();
    // Below /tmp, which is for everybody, but not through a link there.
    for (number, output) in
        ["link/.env", &format!("{absolute}/.env"), "./link/../out/.env"].iter().enumerate()
    {
        export(&sandbox, "env", output).expect_code(0);
        let path = sandbox.path("out/.env");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=new\n", "{number}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn planted_state_and_names_are_not_followed() {
    let sandbox = sandbox();
    directory(&sandbox, "theirs", 0o755);
    for (name, target, words) in [
        ("out/..data", "../theirs", "`out/..data` exists already, and is a symbolic link"),
        ("out/A", "../theirs/A", "`out/A` exists already, and is a symbolic link"),
        ("out/.kz", "../theirs", "`out/.kz` is a symbolic link, and kz did not make it"),
    ] {
        symlink(target, sandbox.path(name)).unwrap();
        assert_refused(&sandbox, "files", "out", &[words, "`rm -r "]);
        std::fs::remove_file(sandbox.path(name)).unwrap();
    }
}

/// In a mount namespace with a /dev of its own: were the rule broken, the machine's would be lost.
fn export_to_device(sandbox: &Sandbox, output: &str) -> Run {
    let script = "mount -t tmpfs -o mode=0755 tmpfs /dev && ln -s /proc/self/fd /dev/fd && \
                  ln -s /proc/self/fd/1 /dev/stdout && mknod -m 666 /dev/null c 1 3 || exit 99; \
                  list() { ls -lA --time-style=full-iso /dev; }; before=$(list); \
                  \"$0\" export --format env --output \"$1\"; status=$?; \
                  test \"$before\" = \"$(list)\" || exit 98; exit $status";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(kz_binary()).arg(output).env("VALUE", "new");
    sandbox.run(&mut command)
}

#[test]
fn stdout_has_a_name_of_its_own() {
    let sandbox = sandbox();
    for output in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let run = export_to_device(&sandbox, output).expect_code(4);
        assert!(run.stdout().is_empty(), "{}", run.describe());
        run.expect_stderr(&["kz: error: ", "kz: hint: for stdout say `--output -`"]);
    }
    let run = export_to_device(&sandbox, "/dev/null").expect_code(4);
    run.expect_stderr(&["`/dev/null` is a device, and only a regular file is replaced"]);
    assert_refused(&sandbox, "files", "/proc/self/fd", &["/proc/self"]);
    assert_eq!(export(&sandbox, "env", "-").expect_code(0).stdout(), "A=new\n");
}
