//! Sets that are written, changed, compared, failed and raced for; what others put in the way is in `foreign`.

use std::os::unix::fs::PermissionsExt as _;

use super::super::DIRECTORY_MODE;
use super::super::directory::Opening;
use super::super::generation::Debris;
use super::super::testing::{OURS, Target, assert_unchanged, assert_written, files, now, secret, soon};
use super::*;
use crate::delivery::{Attributes, Origin, Owner, RelativePath};

mod foreign;

const STALE: &str = "..2020_01_01_00_00_00.0123456789abcdef";

fn publish(target: &Target, content: &[(&str, &str)]) -> Result<Change, Error> {
    publish_set(&target.path(""), &files(content), DIRECTORY_MODE, soon())
}

fn generation(target: &Target) -> String {
    std::fs::read_link(target.path("..data")).unwrap().into_os_string().into_string().unwrap()
}

/// All names at the top, but the generation called `GENERATION`.
fn names(target: &Target) -> Vec<String> {
    let current = generation(target);
    target.names().into_iter().filter(|name| *name != current).collect()
}

#[test]
fn a_set_appears_with_links_for_its_names_and_directories_inside() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1"), ("tls/key", "2"), ("tls/ca/root", "3")]));
    assert_eq!(target.read("A") + &target.read("tls/key") + &target.read("tls/ca/root"), "123");
    assert_eq!(names(&target), ["..data", ".kz", "A", "tls"]);
    assert_eq!(std::fs::read_link(target.path("tls")).unwrap(), Path::new("..data/tls"));
    assert_eq!(target.attributes("..data/A").0, 0o400);
    assert_eq!(target.attributes("..data/tls").0, 0o755);
    assert_eq!(target.attributes(&generation(&target)).0, 0o1755);
    assert_eq!((target.attributes(".kz").0, target.attributes(".kz/lock").0), (0o700, 0o600));
}

#[test]
fn an_equal_set_is_not_written_again() {
    let target = Target::new();
    let content = [("A", "1"), ("tls/key", "2"), ("empty", "")];
    assert_written(publish(&target, &content));
    let before = target.snapshot();
    assert_unchanged(publish(&target, &content));
    assert_eq!(target.snapshot(), before);
}

#[test]
fn an_equal_value_of_another_version_changes_the_manifest_and_nothing_else() {
    let target = Target::new();
    let mut set = files(&[("A", "1")]);
    let mut publish = |version: &str| {
        set[0].origin = Some(Origin { provider: "vault".into(), version: Some(version.into()) });
        publish_set(&target.path(""), &set, DIRECTORY_MODE, soon())
    };
    assert_written(publish("7"));
    let before = generation(&target);
    assert_unchanged(publish("8"));
    assert_eq!(generation(&target), before);
    assert!(target.read(".kz/manifest").contains("\"provider\":\"vault\",\"version\":\"8\""));
    let recorded = target.snapshot();
    assert_unchanged(publish("8"));
    assert_eq!(target.snapshot(), recorded);
}

#[test]
fn any_difference_makes_a_new_generation_and_removes_the_last() {
    let target = Target::new();
    let base = [("A", "1"), ("b/c", "2")];
    assert_written(publish(&target, &base));
    let variants: [&[(&str, &str)]; 5] = [
        &[("A", "x"), ("b/c", "2")],
        &[("A", "1"), ("b/c", "x")],
        &[("A", "1"), ("b/c", "2"), ("b/d", "3")],
        &[("A", "1")],
        &[],
    ];
    for variant in variants {
        assert_written(publish(&target, variant));
        assert_eq!(target.names().iter().filter(|name| name.starts_with("..2")).count(), 1);
        assert_written(publish(&target, &base));
    }
}

#[test]
fn owner_and_mode_count_in_the_comparison() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1")]));
    let mut set = files(&[("A", "1")]);
    set[0].attributes = Attributes { mode: 0o440, owner: None };
    assert_written(publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()));
    assert_unchanged(publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()));
    if nix::unistd::geteuid().is_root() {
        set[0].attributes.owner = Some(Owner { uid: 999, gid: Some(998) });
        assert_written(publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()));
        assert_eq!(target.attributes("..data/A"), (0o440, 999, 998));
        assert_unchanged(publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()));
    }
}

#[test]
fn directories_have_the_mode_that_is_asked_for_and_it_counts_in_the_comparison() {
    let target = Target::new();
    let set = files(&[("A", "1"), ("b/c/d", "2")]);
    for mode in [0o750, 0o711, 0o700, DIRECTORY_MODE] {
        assert_written(publish_set(&target.path(""), &set, mode, soon()));
        let modes = ["..data/", "..data/b", "..data/b/c"].map(|name| target.attributes(name).0);
        assert_eq!(modes, [0o1000 | mode, mode, mode]);
        assert_unchanged(publish_set(&target.path(""), &set, mode, soon()));
        assert_eq!(names(&target), ["..data", ".kz", "A", "b"]);
    }
}

/// A reader may have it open, and a draft nobody can: the first is to be left for a moment.
#[test]
fn what_was_current_once_is_told_from_a_draft_also_where_directories_are_closed() {
    for (mode, draft_is_public) in [(DIRECTORY_MODE, false), (0o700, true)] {
        let target = Target::new();
        assert_written(publish_set(&target.path(""), &files(&[("A", "1")]), mode, soon()));
        let current = generation(&target);
        target.plant_directory(STALE);
        std::fs::set_permissions(target.path(STALE), std::fs::Permissions::from_mode(0o1700)).unwrap();
        let (directory, name) = (target.open(), OsStr::new(&current));
        let state = directory.subdirectory(OsStr::new(".kz")).unwrap();
        let find = |former| Debris::find(&directory, Marks(&state), Some(name), former).unwrap().was_public;
        assert_eq!(find(None), draft_is_public, "{mode:o}");
        assert!(find(Some(OsStr::new(STALE))), "{mode:o}");
    }
}

#[test]
fn names_that_are_gone_from_the_set_are_removed_and_others_stay() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1"), ("B", "2")]));
    target.plant("notes", "theirs");
    target.plant_link("other", "..data/A");
    target.plant_link("absolute", "/etc/passwd");
    assert_written(publish(&target, &[("A", "1"), ("C", "3")]));
    assert_eq!(names(&target), ["..data", ".kz", "A", "C", "absolute", "notes", "other"]);
}

#[test]
fn a_removed_name_comes_back_without_a_new_generation() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1"), ("B", "2")]));
    let before = generation(&target);
    std::fs::remove_file(target.path("A")).unwrap();
    assert_unchanged(publish(&target, &[("A", "1"), ("B", "2")]));
    assert_eq!((target.read("A").as_str(), generation(&target)), ("1", before));
}

#[test]
fn a_failure_takes_back_everything() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1")]));
    let before = target.snapshot();
    let mut set = files(&[("A", "2"), ("B/C", "3")]);
    set[1].attributes.mode = 0o100_0400;
    let error = publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()).unwrap_err();
    assert!(matches!(error, Error::NotKept { .. }), "{error:?}");
    assert_eq!(target.snapshot(), before);
}

#[test]
fn a_failed_first_export_leaves_an_empty_directory_and_names_the_file_as_readers_do() {
    let target = Target::new();
    let mut set = files(&[("A", "2"), ("B/C", "3")]);
    set[1].attributes.mode = 0o100_0400;
    match publish_set(&target.path(""), &set, DIRECTORY_MODE, soon()) {
        Err(Error::NotKept { path, .. }) => assert_eq!(path, target.path("B/C")),
        other => panic!("{other:?}"),
    }
    assert!(target.names().is_empty());
}

#[test]
fn a_second_exporter_waits_until_the_deadline_and_names_the_first() {
    let target = Target::new();
    let directory = target.open();
    let held = lock_state(&directory, now(), &Deferred::begin()).unwrap();
    let error = publish_set(&target.path(""), &files(&[("A", "1")]), DIRECTORY_MODE, now()).unwrap_err();
    assert_eq!(error, Error::Locked { path: target.path(".kz/lock"), holder: Some(std::process::id()) });
    drop(held);
    assert_written(publish(&target, &[("A", "1")]));
}

#[test]
fn a_reader_that_locks_the_directory_stops_nobody() {
    let target = Target::new();
    let _theirs = super::super::lock::lock_directory(&target.open(), now(), &Deferred::begin()).unwrap();
    assert_written(publish_set(&target.path(""), &files(&[("A", "1")]), DIRECTORY_MODE, now()));
}

#[test]
fn a_reader_that_opens_the_set_once_sees_one_whole_set() {
    let target = Target::new();
    let names: Vec<_> = (0..20).map(|number| format!("n{number}")).collect();
    let set = |value: &str| -> Vec<File> {
        let file = |name: &String| File {
            path: RelativePath::new(name).unwrap(),
            content: secret(value),
            attributes: OURS,
            origin: None,
        };
        names.iter().map(file).collect()
    };
    assert_written(publish_set(&target.path(""), &set("0"), DIRECTORY_MODE, soon()));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 1..10 {
                assert_written(publish_set(&target.path(""), &set(&n.to_string()), DIRECTORY_MODE, soon()));
            }
        });
        let mut whole = 0;
        loop {
            let last = writer.is_finished();
            let once = std::fs::canonicalize(target.path("..data")).unwrap();
            let read: Result<Vec<_>, _> =
                names.iter().map(|name| std::fs::read_to_string(once.join(name))).collect();
            match read {
                Ok(read) => {
                    assert!(read.iter().all(|value| *value == read[0]));
                    whole += 1;
                }
                // One that is slower than two exports finds that its set has gone, and another is there.
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                    assert_ne!(std::fs::canonicalize(target.path("..data")).unwrap(), once);
                }
            }
            if last {
                break;
            }
        }
        assert!(whole > 0);
    });
}

#[test]
fn racing_exporters_leave_one_whole_set() {
    let target = Target::new();
    std::thread::scope(|scope| {
        for value in ["a", "b"] {
            let target = &target;
            scope.spawn(move || {
                for _ in 0..5 {
                    assert!(publish(target, &[("A", value), (value, value)]).is_ok());
                }
            });
        }
    });
    let winner = target.read("A");
    assert_eq!(names(&target), ["..data", ".kz", "A", &winner]);
}

#[test]
fn without_openat2_everything_is_the_same() {
    let target = Target::new();
    let directory = target.open_with(Opening::Openat);
    let set = files(&[("A", "1"), ("b/c", "2")]);
    assert_written(publish_in(&directory, &set, DIRECTORY_MODE, soon(), &mut Former::default()));
    assert_unchanged(publish_in(&directory, &set, DIRECTORY_MODE, soon(), &mut Former::default()));
    assert_written(publish_in(&directory, &set[..1], DIRECTORY_MODE, soon(), &mut Former::default()));
    assert_eq!(names(&target), ["..data", ".kz", "A"]);
}

#[test]
fn the_umask_changes_nothing() {
    for umask in ["0777", "0"] {
        let mut again = std::process::Command::new("sh");
        again.args(["-c", "umask $0 && exec \"$@\"", umask]).arg(std::env::current_exe().unwrap());
        again.args(["--exact", "publish::set::tests::under_a_umask", "--ignored", "--test-threads=1"]);
        let output = again.output().unwrap();
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && report.contains("1 passed"), "{umask}: {report}");
    }
}

#[test]
#[ignore = "run by the test above, in a process of its own, since the umask is the process's"]
fn under_a_umask() {
    let target = Target::new();
    assert_written(publish(&target, &[("A", "1"), ("b/c", "2")]));
    for (name, mode) in
        [(".kz", 0o700), (".kz/lock", 0o600), ("..data/", 0o1755), ("..data/b", 0o755), ("..data/b/c", 0o400)]
    {
        assert_eq!(target.attributes(name).0, mode, "{name}");
    }
    assert_unchanged(publish(&target, &[("A", "1"), ("b/c", "2")]));
    assert_written(super::super::publish_file(&target.path("f"), &secret("x"), OURS, soon()));
    assert_eq!(target.attributes("f").0, 0o400);
}

#[test]
fn thousands_of_files_take_few_descriptors() {
    let target = Target::new();
    let names: Vec<_> = (0..5000).map(|number| format!("d{}/n{number}", number % 7)).collect();
    let content: Vec<_> = names.iter().map(|name| (name.as_str(), "value")).collect();
    assert_written(publish(&target, &content));
    assert_unchanged(publish(&target, &content));
    assert_eq!(target.read("d6/n4997"), "value");
}
