//! `kz install`: the program itself as an output.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use crate::support::{Sandbox, kz_binary};

fn digest(path: &std::path::Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

#[test]
fn the_copy_is_the_program_and_runs_as_one() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("volume")).expect("a volume");
    let run = sandbox.kz(&["install", "volume"]).expect_code(0);
    let copy = sandbox.path("volume/kz");
    assert_eq!(digest(&copy), digest(&kz_binary()));
    run.expect_stderr(&["installed kz", "volume/kz", "mode 0555", &digest(&copy)]);
    let metadata = std::fs::metadata(&copy).expect("the copy");
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o555);
    let version = sandbox.run(Command::new(&copy).arg("--version")).expect_code(0).stdout();
    assert_eq!(version, sandbox.kz(&["--version"]).stdout());
    let left: Vec<_> = std::fs::read_dir(sandbox.path("volume")).expect("the volume").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_equal_copy_is_left_alone_and_another_is_replaced_under_a_running_one() {
    let sandbox = Sandbox::new();
    sandbox.kz(&["install", "tool"]).expect_code(0);
    let inode = || std::fs::metadata(sandbox.path("tool")).expect("the copy").ino();
    let first = inode();
    sandbox.kz(&["install", "tool"]).expect_code(0).expect_stderr(&["already installed"]);
    assert_eq!(inode(), first);
    std::fs::set_permissions(sandbox.path("tool"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    sandbox.kz(&["install", "tool"]).expect_code(0);
    assert_ne!(inode(), first);
    // By the copy itself: a program that runs cannot be written into, but its name can be given to another.
    std::fs::set_permissions(sandbox.path("tool"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    sandbox.run(Command::new(sandbox.path("tool")).args(["install", "tool"])).expect_code(0);
    assert_eq!(
        std::fs::metadata(sandbox.path("tool")).expect("the copy").permissions().mode() & 0o777,
        0o555
    );
}

#[test]
fn the_digest_decides_whether_anything_is_written() {
    let sandbox = Sandbox::new();
    let right = digest(&kz_binary());
    let wrong = "0".repeat(64);
    let refused = sandbox.kz(&["install", "tool", "--verify", &wrong]).expect_code(4);
    refused.expect_stderr(&["[KZ425]", &right, &wrong, "kz: hint:"]);
    assert!(!sandbox.path("tool").exists());
    sandbox.kz(&["install", "tool", "--verify", &right.to_uppercase()]).expect_code(0);
    assert!(sandbox.path("tool").exists());
}
