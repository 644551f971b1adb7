//! `.kz/manifest`: by it root that may only chown tells an unchanged set, and is not deceived about a
//! changed one, whatever somebody did to the files or to the manifest.
//!
//! Who tampers here is root with everything, which can do more than any other container could.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::delivery::{Delivery, Form, assert_unchanged, snapshot};
use crate::ownership::CHOWN_ONLY;
use crate::strace::{Point, in_parallel, inject_behind, points, trace_behind};
use crate::support::Run;

/// A set of uid 999, which root that may only chown cannot read.
fn closed() -> Delivery {
    let mut delivery = Delivery::new(Form::Set, 2);
    delivery.options = vec!["--owner", "999:998"];
    delivery
}

fn export(delivery: &Delivery, value: &str) -> Run {
    delivery.export_behind(&CHOWN_ONLY, value).expect_code(0)
}

fn generation(delivery: &Delivery) -> PathBuf {
    std::fs::read_link(delivery.out().join("..data")).expect("a set")
}

fn manifest(delivery: &Delivery) -> Value {
    let text = std::fs::read(delivery.out().join(".kz/manifest")).expect("a manifest");
    serde_json::from_slice(&text).expect("JSON")
}

fn shell(delivery: &Delivery, script: &str) {
    delivery.sandbox.run(Command::new("sh").args(["-euc", script])).expect_code(0);
}

/// The export writes, and what it wrote is told to be unchanged by the next.
#[track_caller]
fn assert_written(delivery: &Delivery, value: &str, what: &str) {
    let run = export(delivery, value);
    assert!(run.stderr().contains("kz: wrote 2 secrets"), "{what}\n{}", run.describe());
    delivery.assert_holds(value, &run);
    assert_left_alone(delivery, value, what);
}

/// The export finds nothing to do, and does nothing.
#[track_caller]
fn assert_left_alone(delivery: &Delivery, value: &str, what: &str) {
    let before = snapshot(&delivery.out());
    let run = export(delivery, value);
    assert_unchanged(&before, &delivery.out(), &run);
    assert!(run.stderr().contains("2 secrets in out unchanged, mode 0400"), "{what}\n{}", run.describe());
}

#[test]
fn root_that_may_only_chown_leaves_an_equal_set_alone() {
    let delivery = closed();
    for value in ["one", "two", "one", ""] {
        assert_written(&delivery, value, "another value");
        let path = delivery.out().join("..data/S0");
        assert_eq!(path.metadata().map(|file| (file.uid(), file.mode() & 0o7777)).ok(), Some((999, 0o400)));
    }
}

#[test]
fn another_value_of_equal_length_is_written() {
    let delivery = closed();
    for value in ["aaaa", "aaab", "aaaa"] {
        assert_written(&delivery, value, "equal length");
    }
}

#[test]
fn whatever_was_done_to_a_closed_file_is_seen() {
    let table = [
        (
            "other content, times set back",
            "touch -r ..data/S0 t; printf twx > ..data/S0; touch -r t ..data/S0",
        ),
        ("the same content again", "printf two > ..data/S0"),
        ("another mode for a moment", "chmod 0444 ..data/S0; chmod 0400 ..data/S0"),
        ("another owner for a moment", "chown 998 ..data/S0; chown 999 ..data/S0"),
        ("a second name", "ln ..data/S0 second"),
        ("a copy in its place", "cp -p ..data/S0 t; mv t ..data/S0"),
        ("a file that was moved", "mv ..data/S0 t; mv ..data/S1 ..data/S0; mv t ..data/S1"),
        ("nothing there", "rm ..data/S0"),
        ("one more", "cp -p ..data/S0 ..data/more"),
        ("a link", "mv ..data/S0 t; ln -s ../t ..data/S0"),
        ("a FIFO", "rm ..data/S0; mkfifo -m 0400 ..data/S0; chown 999:998 ..data/S0"),
        ("another mode", "chmod 0440 ..data/S0"),
        ("another group", "chown 999:999 ..data/S0"),
        ("a copy of the whole set", "g=$(readlink ..data); cp -a \"$g\" t; rm -r \"$g\"; mv t \"$g\""),
    ];
    for (what, script) in table {
        let delivery = closed();
        assert_written(&delivery, "two", what);
        shell(&delivery, &format!("cd out; {script}"));
        let run = export(&delivery, "two");
        assert!(run.stderr().contains("kz: wrote 2 secrets"), "{what}\n{}", run.describe());
        assert_eq!(delivery.value(&run).as_deref(), Some("two"), "{what}");
        assert_left_alone(&delivery, "two", what);
    }
}

/// Whoever may rename in the volume can bring an old set back without touching a file of it, and
/// sizes and owners are the same.
#[test]
fn an_old_set_under_the_name_of_the_current_one_is_seen() {
    let delivery = closed();
    assert_written(&delivery, "aaaa", "the old one");
    shell(&delivery, "mv \"out/$(readlink out/..data)\" aside");
    assert_written(&delivery, "bbbb", "the new one");
    shell(&delivery, "cd out; g=$(readlink ..data); mv \"$g\" gone; mv ../aside \"$g\"");
    let run = export(&delivery, "bbbb");
    assert!(run.stderr().contains("kz: wrote 2 secrets"), "{}", run.describe());
    assert_eq!(delivery.value(&run).as_deref(), Some("bbbb"), "{}", run.describe());
}

#[test]
fn an_old_manifest_speaks_for_no_new_set() {
    for kept in ["manifest", "key", "manifest key"] {
        let delivery = closed();
        assert_written(&delivery, "aaaa", kept);
        shell(&delivery, &format!("cd out/.kz; mkdir ../../kept; cp -a {kept} ../../kept"));
        assert_written(&delivery, "bbbb", kept);
        shell(&delivery, "cp -a kept/* out/.kz");
        for value in ["aaaa", "bbbb"] {
            assert_written(&delivery, value, kept);
        }
    }
}

#[test]
fn a_manifest_that_is_not_ours_alone_whole_and_small_counts_as_none_and_nothing_waits_for_it() {
    let table = [
        ("no manifest", "rm manifest"),
        ("no key", "rm key"),
        ("neither", "rm manifest key"),
        ("half a manifest", "truncate -s 100 manifest"),
        ("a huge one", "truncate -s 1T manifest"),
        ("a huge key", "truncate -s 1T key"),
        ("deep nesting", "printf '[%.0s' $(seq 20000) > manifest"),
        ("not JSON", "head -c 1000 /dev/urandom > manifest"),
        ("another version", "sed -i 's/\"version\":1,/\"version\":2,/' manifest"),
        ("a member more", "sed -i 's/\"version\":1,/\"version\":1,\"more\":{},/' manifest"),
        ("another generation", "sed -i 's/\"generation\":\"../&9/' manifest"),
        ("fewer files", "sed -i 3d manifest; sed -i '2s/,$//' manifest"),
        ("another inode", "sed -i 's/\"inode\":/&9/' manifest"),
        ("another HMAC", "sed -i 's/\"hmac\":\"......../\"hmac\":\"00000000/' manifest"),
        ("another key", "head -c 32 /dev/urandom > key"),
        ("open to everybody", "chmod 0666 manifest"),
        ("a key that others read", "chmod 0444 key"),
        ("of another uid", "chown 65532 manifest"),
        ("a key of another uid", "chown 65532 key"),
        ("a link", "mv manifest m; ln -s m manifest"),
        ("a link to a device", "rm manifest; ln -s /dev/zero manifest"),
        ("a FIFO", "rm manifest; mkfifo -m 0600 manifest"),
        ("a FIFO for a key", "rm key; mkfifo -m 0400 key"),
        ("a device", "rm manifest; mknod -m 0600 manifest c 1 5"),
    ];
    for (what, script) in table {
        let delivery = closed();
        assert_written(&delivery, "two", what);
        // Whoever can read sees for himself, and says so; then the manifest is right again.
        for reads in [true, false] {
            let before = generation(&delivery);
            shell(&delivery, &format!("cd out/.kz; {script}; rm -f m"));
            if reads {
                let run = delivery.export("two").expect_code(0).expect_stderr(&["unchanged"]);
                assert_eq!(generation(&delivery), before, "{what}");
                delivery.assert_holds("two", &run);
                assert_left_alone(&delivery, "two", what);
            } else {
                assert_written(&delivery, "two", what);
                assert_ne!(generation(&delivery), before, "{what}");
            }
        }
    }
}

/// To open a device or a FIFO does things already.
#[test]
fn what_is_no_regular_file_is_not_even_opened() {
    for name in ["manifest", "key"] {
        let delivery = closed();
        let opened = |value| {
            let opens = |line: &&String| line.starts_with("openat") && line.contains(&format!("\"{name}\""));
            trace_behind(&CHOWN_ONLY, &delivery, value).iter().filter(opens).count()
        };
        export(&delivery, "one");
        assert_eq!(opened("one"), 1, "{name}");
        shell(&delivery, &format!("cd out/.kz; rm {name}; mknod -m 0400 {name} c 1 5"));
        assert_eq!(opened("one"), 0, "{name}");
    }
}

#[test]
fn directories_in_their_places_are_said_and_the_set_is_written_all_the_same() {
    for name in ["manifest", "key"] {
        let delivery = closed();
        assert_written(&delivery, "one", name);
        shell(&delivery, &format!("cd out/.kz; rm {name}; mkdir {name}"));
        for value in ["one", "two"] {
            let run = export(&delivery, value);
            let warning = format!("kz: warning: cannot replace `out/.kz/{name}`");
            let run = run.expect_stderr(&[&warning, "wrote 2 secrets"]);
            assert_eq!(delivery.value(&run).as_deref(), Some(value), "{}", run.describe());
        }
        shell(&delivery, &format!("rmdir out/.kz/{name}"));
        assert_written(&delivery, "two", name);
    }
}

#[test]
fn a_link_in_their_places_is_replaced_and_not_followed() {
    for name in ["manifest", "key", "manifest.new", "key.new"] {
        let delivery = closed();
        assert_written(&delivery, "one", name);
        let path = delivery.out().join(".kz").join(name);
        let _ = std::fs::remove_file(&path);
        let theirs = delivery.sandbox.file("theirs", "theirs");
        symlink(&theirs, path).unwrap();
        assert_written(&delivery, "two", name);
        assert_eq!(std::fs::read_to_string(theirs).unwrap(), "theirs", "{name}");
    }
}

#[test]
fn it_says_what_was_delivered_and_nobody_but_the_exporter_reads_it() {
    let delivery = closed();
    let run = export(&delivery, "the value");
    let manifest = manifest(&delivery);
    assert_eq!(manifest["version"], 1);
    assert_eq!(manifest["generation"].as_str(), generation(&delivery).to_str());
    assert_eq!(manifest["kz"], env!("CARGO_PKG_VERSION"));
    let files = manifest["files"].as_array().expect("files");
    assert_eq!(files.iter().map(|file| &file["path"]).collect::<Vec<_>>(), ["S0", "S1"]);
    for file in files {
        let found = delivery.out().join("..data").join(file["path"].as_str().unwrap()).metadata().unwrap();
        assert_eq!((&file["size"], &file["inode"]), (&Value::from(9), &Value::from(found.ino())));
        assert_eq!((&file["mode"], &file["uid"], &file["gid"]), (&"0400".into(), &999.into(), &998.into()));
        assert_eq!((&file["provider"], &file["version"]), (&"env".into(), &Value::Null));
    }
    assert_ne!(files[0]["hmac"], files[1]["hmac"], "equal values must not look equal");
    let text = std::fs::read_to_string(delivery.out().join(".kz/manifest")).unwrap();
    assert!(!text.contains("the value"), "{text}");
    for (name, mode) in [(".kz", 0o700), (".kz/manifest", 0o600), (".kz/key", 0o400)] {
        let found = delivery.out().join(name).metadata().unwrap();
        let seen = (found.mode() & 0o7777, found.uid(), found.gid());
        assert_eq!(seen, (mode, 0, 0), "{name}\n{}", run.describe());
    }
}

#[test]
fn every_generation_has_a_key_of_its_own() {
    let delivery = closed();
    let (mut keys, mut hmacs) = (BTreeSet::new(), BTreeSet::new());
    for value in ["a", "b", "a", "b"] {
        export(&delivery, value);
        let key = std::fs::read(delivery.out().join(".kz/key")).unwrap();
        assert_eq!(key.len(), 32);
        keys.insert(key);
        hmacs.insert(manifest(&delivery)["files"][0]["hmac"].to_string());
    }
    assert_eq!((keys.len(), hmacs.len()), (4, 4));
}

#[test]
fn a_failed_first_export_leaves_neither() {
    let delivery = closed();
    chown(delivery.out(), Some(65532), Some(65532)).expect("tests run as root");
    delivery.sandbox.copy_kz();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups", "./kz"]);
    let run = delivery.sandbox.run(command.args(delivery.arguments()).env("VALUE", "v")).expect_code(4);
    assert!(crate::delivery::listing(&delivery.out()).is_empty(), "{}", run.describe());
}

/// What a killed export leaves is either believed and right, or not believed.
#[test]
fn killed_anywhere_the_next_export_is_right_although_it_cannot_read() {
    let first = closed();
    // All values are of one length: what differs by it is not even opened.
    export(&first, "v998");
    let points = closed_points(&first, "v999");
    assert!(points.len() > 80, "{}", points.len());
    let lanes: Vec<Delivery> = (0..8).map(|_| closed()).collect();
    in_parallel(&points, &lanes, |delivery, points| {
        export(delivery, "v000");
        let mut last = "v000".to_owned();
        for (index, point) in points {
            let attempted = format!("v{:03}", index + 1);
            let run = inject_behind(&CHOWN_ONLY, delivery, "signal=KILL", point, &attempted);
            assert_eq!(run.output.status.signal(), Some(9), "{point:?}\n{}", run.describe());
            // As after a restart, and as after a rollback, which the old manifest must not confuse.
            let next = if index % 2 == 0 { attempted } else { last };
            let run = export(delivery, &next);
            delivery.assert_holds(&next, &run);
            assert_left_alone(delivery, &next, &format!("{point:?}"));
            last = next;
        }
    });
}

/// Reading the manifest may fail in every way: a changed set is never taken for unchanged.
#[test]
fn whatever_call_fails_a_changed_set_is_written_or_the_old_one_stays_and_is_an_error() {
    let first = closed();
    export(&first, "aaaa");
    let candidates =
        ["openat2", "fstatat", "newfstatat", "fstat", "read", "readlinkat", "getdents64", "unlinkat"];
    let mut points = closed_points(&first, "bbbb");
    points.retain(|point| candidates.contains(&point.call.as_str()));
    assert!(points.len() > 30, "{points:?}");
    let lanes: Vec<Delivery> = (0..8).map(|_| closed()).collect();
    in_parallel(&points, &lanes, |delivery, points| {
        for (index, point) in points {
            for error in ["EIO", "EACCES", "EPERM"] {
                let (old, value) = ("same".to_owned(), format!("v{:03}", index % 1000));
                export(delivery, &old);
                let run = inject_behind(&CHOWN_ONLY, delivery, &format!("error={error}"), point, &value);
                let found = delivery.value(&run).expect("a set");
                // A way that may not be walked any more, although it was a moment ago, counts as interference,
                // which is noticed when the set is there.
                let is_there = run.output.status.success() || run.stderr().contains("[KZ422]");
                let expected = if is_there { &value } else { &old };
                assert_eq!(&found, expected, "{error} at {point:?}\n{}", run.describe());
            }
        }
    });
}

/// The points at which an export that cannot read works on its output.
fn closed_points(delivery: &Delivery, value: &str) -> Vec<Point> {
    let mut points = points(&trace_behind(&CHOWN_ONLY, delivery, value));
    points.retain(|point| point.in_target);
    points
}
