//! File systems that show something else than was asked for, or refuse a step: what is seen counts, nothing is left
//! behind, and who can read is who was said to.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::delivery::{Delivery, Form, listing};
use crate::support::{Run, in_repository, tools};

const FORMS: [Form; 2] = [Form::File, Form::Set];

/// A passthrough with oddities, mounted at the delivery's `out`. Unmounts when dropped, so it goes before its delivery.
struct OddDisk {
    out: PathBuf,
    /// What lies below it.
    root: PathBuf,
    server: Child,
}

impl OddDisk {
    fn mount(delivery: &Delivery, oddities: &str) -> Self {
        let (out, root) = (delivery.out(), delivery.sandbox.path("root"));
        std::fs::create_dir(&root).unwrap();
        let mut python = Command::new(tools().join("fusepy/bin/python"));
        python.arg(in_repository("tests/odd_disk/disk.py")).arg(&root).arg(&out).arg(oddities);
        let mut server = python.spawn().expect("`make setup` installs fusepy");
        while std::fs::metadata(&out).unwrap().dev() == std::fs::metadata(&root).unwrap().dev() {
            assert!(server.try_wait().unwrap().is_none(), "the file system ended: has `make setup` run?");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self { out, root, server }
    }
}

impl Drop for OddDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.out).status();
        let _ = self.server.wait();
    }
}

/// One export onto a disk with these oddities, and what it left there.
fn export(form: Form, oddities: &str) -> (Run, Vec<String>) {
    let mut delivery = Delivery::new(form, 2);
    if oddities.contains("chown") {
        delivery.options = vec!["--owner", "999:998"];
    }
    let disk = OddDisk::mount(&delivery, oddities);
    let run = delivery.export("new");
    let left = listing(&disk.root);
    drop(disk);
    (run, left)
}

#[test]
fn a_disk_that_keeps_no_mode_or_owner_or_refuses_a_step_is_told_and_nothing_is_left_there() {
    let table = [
        ("owner=1000", "owner 1000:1000"),
        ("mode=777", "shows mode 0777"),
        ("chmod=EPERM", "shows mode 0600"),
        ("chmod=ignored", "shows mode 0600"),
        ("chown=ignored", "after it was given mode 0400, owner 999:998"),
        ("chown=EPERM", "cannot give"),
        ("rename=EXDEV", "cannot replace"),
        ("rename=EIO", "cannot replace"),
        ("fsync=EIO", "cannot sync"),
        ("write=ENOSPC", "no space left"),
        ("write=EFBIG", "file too large"),
    ];
    for form in FORMS {
        for (oddity, words) in table {
            let (run, left) = export(form, oddity);
            let run = run.expect_code(4).expect_stderr(&[words]);
            assert!(left.is_empty(), "{form:?} {oddity}: {left:?}\n{}", run.describe());
        }
    }
}

/// vfat says EPERM, and other file systems and servers the others.
#[test]
fn a_disk_without_symbolic_links_is_named_and_the_hint_helps() {
    for oddity in ["symlink=EPERM", "symlink=EOPNOTSUPP", "symlink=ENOSYS"] {
        let (run, left) = export(Form::Set, oddity);
        let words =
            ["this file system has no symbolic links", "[KZ426]", "write a single file there: `--format env"];
        let run = run.expect_code(4).expect_stderr(&words);
        assert!(left.is_empty(), "{oddity}: {left:?}\n{}", run.describe());
        let (run, left) = export(Form::File, oddity);
        run.expect_code(0);
        assert!(!left.is_empty());
    }
    let (run, _) = export(Form::Set, "symlink=EIO");
    run.expect_code(4).expect_stderr(&["[KZ423]"]);
}

#[test]
fn a_disk_that_lacks_what_an_export_can_do_without_is_none_to_refuse() {
    for form in FORMS {
        for oddity in ["", "fsync=EINVAL", "fsync=ENOTSUP", "rename=done", "sticky=dropped", "sticky=EPERM"] {
            let (run, left) = export(form, oddity);
            let run = run.expect_code(0);
            assert!(!left.is_empty() && left.iter().all(|name| !name.contains("tmp")), "{}", run.describe());
        }
    }
    let (run, _) = export(Form::File, "symlink=EPERM");
    run.expect_code(0);
}

/// Whatever owner it shows: a single file can be asked for so.
#[test]
fn a_single_file_can_be_asked_for_as_the_disk_shows_it() {
    let mut delivery = Delivery::new(Form::File, 1);
    let _disk = OddDisk::mount(&delivery, "owner=1000,mode=755");
    delivery.options = vec!["--mode", "0755", "--owner", "1000:1000"];
    delivery.export("new").expect_code(0).expect_stderr(&["mode 0755, owner 1000: every user"]);
    delivery.export("new").expect_code(0).expect_stderr(&["unchanged"]);
}

#[test]
fn old_secrets_go_also_where_the_mark_of_kz_is_dropped() {
    for oddity in ["sticky=dropped", "sticky=EPERM"] {
        let delivery = Delivery::new(Form::Set, 2);
        let disk = OddDisk::mount(&delivery, oddity);
        for value in ["one", "two", "three"] {
            let run = delivery.export(value).expect_code(0);
            let names = listing(&disk.root);
            let of = |what: &str| names.iter().filter(|name| name.starts_with(what)).count();
            // The set with its two files, and one note of it.
            assert_eq!((of("GENERATION"), of(".kz/made.")), (3, 1), "{oddity} {names:?}\n{}", run.describe());
        }
    }
}

/// Nobody can tell whether it is an old set of an older kz, or another program's.
#[test]
fn what_looks_like_an_old_set_without_the_mark_stays_and_is_said() {
    let delivery = Delivery::new(Form::Set, 1);
    let stray = delivery.out().join("..2020_01_01_00_00_00.0123456789abcdef");
    std::fs::create_dir(&stray).unwrap();
    let run = delivery.export("new").expect_code(0);
    run.expect_stderr(&["looks like an old set and lacks the mark of kz", "..2020_01_01"]);
    assert!(stray.is_dir());
}

fn set_list(delivery: &Delivery, words: &[&str]) {
    let out = delivery.out();
    let output = Command::new("setfacl").args(words).arg(&out).output().expect("`setfacl` of Debian's acl");
    assert!(output.status.success(), "{output:?}");
}

/// What getfacl has to say beyond the modes.
fn lists(delivery: &Delivery) -> String {
    let mut getfacl = Command::new("getfacl");
    getfacl.args(["--absolute-names", "--skip-base", "--recursive", "--physical"]).arg(delivery.out());
    let output = getfacl.output().expect("`getfacl` of Debian's acl");
    let text = String::from_utf8(output.stdout).unwrap();
    // The directory itself has what the test gave it.
    text.split("\n\n").skip(1).collect()
}

#[test]
fn a_list_that_the_directory_hands_down_lets_nobody_read_beyond_the_mode() {
    for form in FORMS {
        let mut delivery = Delivery::new(form, 2);
        delivery.options = vec!["--mode", "0440", "--owner", "0:1000", "--for", "500:1000"];
        set_list(&delivery, &["--default", "--modify", "u:33:rx,g::---,g:44:rx,m::rx,o::---"]);
        let run = delivery.export("new").expect_code(0);
        assert_eq!(lists(&delivery), "", "{form:?}\n{}", run.describe());
        delivery.assert_holds("new", &run);
        delivery.export("new").expect_code(0).expect_stderr(&["unchanged"]);
    }
}

#[test]
fn a_list_that_somebody_gave_a_file_later_is_taken_away_again() {
    for form in FORMS {
        let delivery = Delivery::new(form, 1);
        delivery.export("new").expect_code(0);
        let file = if form == Form::File { ".env" } else { "..data/S0" };
        let output = Command::new("setfacl").args(["-m", "u:33:r"]).arg(delivery.out().join(file)).output();
        assert!(output.unwrap().status.success());
        let run = delivery.export("new").expect_code(0).expect_stderr(&["wrote 1 secret"]);
        assert_eq!(lists(&delivery), "", "{form:?}\n{}", run.describe());
    }
}

#[test]
fn who_may_enter_the_directory_is_judged_by_its_list_too() {
    for (mode, entry, code) in [
        (0o700, "u:33:x", 0),
        (0o700, "g:44:x", 0),
        (0o755, "u:33:---", 4),
        (0o700, "u:34:x", 4),
        (0o700, "u:33:x,m::---", 4),
    ] {
        let mut delivery = Delivery::new(Form::File, 1);
        delivery.sandbox.mode("out", mode);
        set_list(&delivery, &["--modify", entry]);
        delivery.options = vec!["--owner", "33:44", "--for", "33:44"];
        let run = delivery.export("new").expect_code(code);
        if code != 0 {
            run.expect_stderr(&["uid 33 could not read", "and an access control list"]);
        }
    }
}

#[test]
fn a_file_that_loses_the_mode_or_owner_that_somebody_gave_it_is_named_once() {
    for (form, file, shown) in [(Form::File, ".env", "out/.env"), (Form::Set, "..data/S0", "out/S0")] {
        let delivery = Delivery::new(form, 2);
        delivery.export("one").expect_code(0);
        let run = delivery.export("two").expect_code(0);
        assert!(!run.stderr().contains(" had mode "), "it was kz's own\n{}", run.describe());
        let path = delivery.out().join(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&path, Some(33), Some(44)).unwrap();
        let said = format!("`{shown}` had mode 0640, owner 33:44, and has mode 0400, owner 0:0 now");
        let run = delivery.export("three").expect_code(0).expect_stderr(&[&said]);
        assert_eq!(run.stderr().matches(" had mode ").count(), 1, "{}", run.describe());
        let run = delivery.export("four").expect_code(0);
        assert!(!run.stderr().contains(" had mode "), "{}", run.describe());
    }
}
