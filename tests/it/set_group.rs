//! Volumes with the set-group-ID bit, as a kubelet makes them for `fsGroup` (root:GID 2775): what is exported has
//! that group, whoever exports, keeps the modes that were asked for, and says who can read it.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::Command;

use crate::support::{Run, Sandbox};

const GID: u32 = 2000;
const CONFIG: &str = "[secrets]\n\
    A = { provider = \"env\", ref = \"VALUE\", mode = \"0440\" }\n\
    B = { provider = \"env\", ref = \"VALUE\", mode = \"0440\", file = \"deep/er/b\" }\n\
    C = { provider = \"env\", ref = \"VALUE\" }\n";

/// Who exports.
const ROOT: &[&str] = &[];
/// As in a pod with `runAsUser: 65532` and `fsGroup: 2000`.
const MEMBER: &[&str] = &["setpriv", "--reuid=65532", "--regid=65532", "--groups=2000"];
/// Whom only the mode of the volume lets write.
const STRANGER: &[&str] = &["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];

fn volume(mode: u32) -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.copy_kz();
    std::fs::create_dir(sandbox.path("out")).expect("a directory");
    chown(sandbox.path("out"), Some(0), Some(GID)).expect("tests run as root");
    sandbox.mode("out", mode);
    sandbox
}

fn kz(sandbox: &Sandbox, who: &[&str], arguments: &[&str]) -> Run {
    let words = [who, &["./kz", "export"], arguments].concat();
    sandbox.run(Command::new(words[0]).args(&words[1..]).env("VALUE", "one"))
}

const SET: &[&str] = &["--format", "files", "--output", "out"];

/// Mode and group.
fn found(sandbox: &Sandbox, name: &str) -> (u32, u32) {
    let metadata = sandbox.path("out").join(name).metadata().expect(name);
    (metadata.mode() & 0o7777, metadata.gid())
}

fn reads(sandbox: &Sandbox, groups: &str, name: &str) -> bool {
    let mut cat = Command::new("setpriv");
    cat.args(["--reuid=999", "--regid=999", groups, "cat"]).arg(sandbox.path("out").join(name));
    sandbox.run(&mut cat).stdout() == "one"
}

#[test]
fn everything_has_the_volumes_group_and_its_own_mode_whoever_exports() {
    for (who, mode) in [(ROOT, 0o2775), (ROOT, 0o2755), (MEMBER, 0o2775), (STRANGER, 0o2777)] {
        let sandbox = volume(mode);
        for said in ["kz: wrote 3 secrets", "kz: 3 secrets in out unchanged"] {
            let run = kz(&sandbox, who, SET).expect_code(0);
            for (name, mode) in [("A", 0o440), ("deep/er/b", 0o440), ("C", 0o400)] {
                assert_eq!(found(&sandbox, name), (mode, GID), "{name} {who:?}\n{}", run.describe());
            }
            run.expect_stderr(&[said]);
        }
        for name in ["..data/", "..data/deep", "..data/deep/er"] {
            let (mode, gid) = found(&sandbox, name);
            assert_eq!((mode & 0o777, gid), (0o755, GID), "{name} {who:?}");
            // Who is not of the group may not set the bit again, and the kernel then drops it.
            let inherits = who != STRANGER;
            assert_eq!(mode & 0o2000 != 0, inherits, "{name} {who:?} {mode:o}");
        }
        assert_eq!(found(&sandbox, ".kz").0 & 0o777, 0o700);
        for name in ["A", "deep/er/b"] {
            assert!(reads(&sandbox, "--groups=2000", name), "{name} {who:?}");
            assert!(!reads(&sandbox, "--clear-groups", name), "{name} {who:?}");
        }
        assert!(!reads(&sandbox, "--groups=2000", "C"), "{who:?}");
    }
}

#[test]
fn one_file_has_it_too() {
    for who in [ROOT, MEMBER] {
        let sandbox = volume(0o2775);
        let options = ["--format", "env", "--output", "out/.env", "--mode", "0440"];
        let run = kz(&sandbox, who, &options).expect_code(0);
        assert_eq!(found(&sandbox, ".env"), (0o440, GID), "{}", run.describe());
        run.expect_stderr(&["members of group 2000 and root can read them"]);
    }
}

#[test]
fn an_owner_without_a_group_leaves_the_volumes_group_and_one_with_a_group_does_not() {
    for (owner, gid) in [("999", GID), ("999:998", 998)] {
        let sandbox = volume(0o2775);
        kz(&sandbox, ROOT, &[SET, &["--owner", owner, "--mode", "0440"]].concat()).expect_code(0);
        for name in ["A", "deep/er/b", "C"] {
            let metadata = sandbox.path("out").join(name).metadata().expect(name);
            assert_eq!((metadata.uid(), metadata.gid()), (999, gid), "{name}");
        }
    }
}

#[test]
fn who_can_read_it_is_said_with_the_number_of_the_group() {
    let sandbox = volume(0o2775);
    kz(&sandbox, MEMBER, SET).expect_code(0).expect_stderr(&[
        "kz: mode 0440, owner 65532: only uid 65532, members of group 2000 and root can read A, B\n",
        "kz: mode 0400, owner 65532: only uid 65532 and root can read C\n",
    ]);
    // Without the bit it is the group of whoever exports.
    sandbox.mode("out", 0o777);
    let run = kz(&sandbox, STRANGER, &[SET, &["--only", "A"]].concat()).expect_code(0);
    run.expect_stderr(&["only uid 65532, members of group 65532 and root can read them"]);
}

#[test]
fn a_reader_of_the_group_is_believed_and_one_of_another_is_not() {
    let only = [SET, &["--only", "A,B"]].concat();
    for (reader, code) in [("999:2000", 0), ("999:2001", 4), ("999", 4)] {
        let run = kz(&volume(0o2775), MEMBER, &[&only[..], &["--for", reader]].concat()).expect_code(code);
        if code != 0 {
            run.expect_stderr(&["uid 999 could not read `out/", "it will have mode 0440, owner 65532:2000"]);
        }
    }
}

#[test]
fn directories_that_are_closed_to_others_are_open_to_the_volumes_group() {
    for who in [ROOT, MEMBER] {
        let sandbox = volume(0o2775);
        let options = [SET, &["--dir-mode", "0750", "--only", "A,B"]].concat();
        let run = kz(&sandbox, who, &options).expect_code(0);
        assert!(!run.stderr().contains("warning"), "{}", run.describe());
        assert!(reads(&sandbox, "--groups=2000", "deep/er/b"), "{}", run.describe());
        assert_eq!(found(&sandbox, "..data/").0, 0o3750);
        kz(&sandbox, who, &options).expect_code(0).expect_stderr(&["unchanged"]);
        // Another mode of directories is another set.
        let closed = [SET, &["--dir-mode", "0700", "--only", "A,B"]].concat();
        kz(&sandbox, who, &closed).expect_code(0).expect_stderr(&[
            "kz: wrote 2 secrets",
            "warning: group 2000 could not enter the directories of the set in `out`, which will have mode 0700",
        ]);
        assert!(!reads(&sandbox, "--groups=2000", "A"));
    }
}
