//! A disk that is full, read-only, missing or broken: the old output stays byte for byte, nothing
//! lies beside it, the words name the place and what to do, and the next export is clean.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::delivery::{Delivery, Form, assert_unchanged, listing, snapshot};
use crate::strace::{Point, in_parallel, inject, points, trace};

const FORMS: [Form; 2] = [Form::File, Form::Set];
const PAGE: usize = 4096;

/// Unmounts when dropped, so it goes before its delivery.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(delivery: &Delivery, options: &str) -> Self {
        let out = delivery.out();
        mount(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&out));
        Self(out)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[track_caller]
fn mount(command: &mut Command) {
    let output = command.output().expect("mount starts");
    assert!(output.status.success(), "tests need the right to mount: {command:?} {output:?}");
}

/// Leaves `pages` free pages.
fn fill(out: &Path, pages: usize) {
    let free = usize::try_from(nix::sys::statvfs::statvfs(out).unwrap().blocks_free()).unwrap();
    std::fs::write(out.join("filler"), vec![0; free.saturating_sub(pages) * PAGE]).unwrap();
}

/// Makes the room again. A process that another test has just forked still holds the file until it execs.
fn empty(out: &Path) {
    let filler = out.join("filler");
    let held = std::fs::metadata(&filler).unwrap().len();
    let free = || nix::sys::statvfs::statvfs(out).unwrap();
    let before = free().blocks_free();
    std::fs::remove_file(filler).unwrap();
    while (free().blocks_free() - before) * (PAGE as u64) < held {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn whatever_room_is_left_it_is_all_or_none() {
    for form in FORMS {
        let delivery = Delivery::new(form, 4);
        let _mounted = Mounted::tmpfs(&delivery, "size=256k,mode=0755");
        let (small, large) = ("old", "n".repeat(PAGE + 1));
        let (mut failures, mut successes) = (0, 0);
        for pages in 0..12 {
            delivery.export(small).expect_code(0);
            fill(&delivery.out(), pages);
            let before = snapshot(&delivery.out());
            let run = delivery.export(&large);
            if run.output.status.success() {
                successes += 1;
            } else {
                failures += 1;
                assert_unchanged(&before, &delivery.out(), &run);
                let run = run.expect_code(4);
                run.expect_stderr(&[
                    "out/",
                    "no space left",
                    "kz: hint: make room",
                    "the old output is as it was",
                ]);
            }
            empty(&delivery.out());
            let next = delivery.export(&large).expect_code(0);
            delivery.assert_holds(&large, &next);
        }
        assert!(failures >= 4 && successes >= 1, "{form:?}: {failures} failures, {successes} successes");
    }
}

#[test]
fn a_first_export_onto_a_full_disk_leaves_nothing() {
    for form in FORMS {
        for pages in 0..3 {
            let delivery = Delivery::new(form, 4);
            let _mounted = Mounted::tmpfs(&delivery, "size=64k,mode=0755");
            fill(&delivery.out(), pages);
            let run = delivery.export(&"n".repeat(4 * PAGE)).expect_code(4);
            assert_eq!(listing(&delivery.out()), ["filler"], "{}", run.describe());
            run.expect_stderr(&["no space left"]);
        }
    }
}

#[test]
fn inodes_run_out_likewise() {
    for form in FORMS {
        for inodes in 2..25 {
            let delivery = Delivery::new(form, 4);
            let _mounted = Mounted::tmpfs(&delivery, &format!("size=1m,mode=0755,nr_inodes={inodes}"));
            let run = delivery.export("first");
            let first = run.output.status.success();
            let before = snapshot(&delivery.out());
            let run = if first { delivery.export("second") } else { run };
            let second = first && run.output.status.success();
            if !run.output.status.success() {
                assert_unchanged(&before, &delivery.out(), &run);
                delivery.assert_is_clean(&run);
                run.expect_code(4).expect_stderr(&["no space left", "kz: hint:"]);
            }
            // The directory itself, and what an export is, twice but for its names and its lock.
            let needed = if form == Form::File { (2, 3) } else { (15, 23) };
            assert_eq!((first, second), (inodes >= needed.0, inodes >= needed.1), "{form:?} with {inodes}");
        }
    }
}

#[test]
fn a_read_only_disk_is_named() {
    for form in FORMS {
        for has_old in [false, true] {
            let delivery = Delivery::new(form, 4);
            let _mounted = Mounted::tmpfs(&delivery, "size=1m,mode=0755");
            if has_old {
                delivery.export("old").expect_code(0);
            }
            mount(Command::new("mount").args(["-o", "remount,ro"]).arg(delivery.out()));
            let before = snapshot(&delivery.out());
            let run = delivery.export("new").expect_code(4);
            assert_unchanged(&before, &delivery.out(), &run);
            run.expect_stderr(&["`out", "the file system is read-only", "kz: hint: mount a volume there"]);
            if has_old {
                // Nothing is to be written.
                let run = delivery.export("old").expect_code(0);
                assert_unchanged(&before, &delivery.out(), &run);
            }
        }
    }
}

#[test]
fn a_missing_directory_is_not_made() {
    for form in FORMS {
        let delivery = Delivery::new(form, 4);
        std::fs::remove_dir(delivery.out()).unwrap();
        let run = delivery.export("new").expect_code(4);
        assert!(!delivery.out().exists(), "{}", run.describe());
        run.expect_stderr(&["directory `out` does not exist", "is the volume mounted?", "`mkdir -p out`"]);
    }
}

/// Every call that works on the output fails once, in every way that a kernel has for it.
fn fail_everywhere(form: Form) {
    let lane = || {
        let mut delivery = Delivery::new(form, 3);
        delivery.options = vec!["--owner", "999:998"];
        delivery.export("old").expect_code(0);
        delivery
    };
    let lanes: Vec<Delivery> = (0..8).map(|_| lane()).collect();
    let points = points(&trace(&lanes[0], "new"));
    lanes[0].export("old").expect_code(0);
    // Nothing after the message, and no call that works on no file.
    let harmless = ["close", "fcntl", "geteuid", "getegid", "getpid", "umask"];
    let ends = ["exit_group", "sigaltstack", "rt_sigprocmask", "clock_nanosleep", "poll", "lseek"];
    let is_candidate =
        |point: &&Point| point.in_target && ![&harmless[..], &ends].concat().contains(&point.call.as_str());
    let points: Vec<Point> = points.iter().filter(is_candidate).cloned().collect();
    for call in ["openat2", "fchmod", "fchown", "write", "fsync", "renameat", "flock"] {
        assert!(points.iter().any(|point| point.call == call), "no {call} in {points:?}");
    }
    let (failures, successes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(&points, &lanes, |delivery, points| {
        for (index, point) in points {
            for error in ["EIO", "ENOSPC", "EPERM", "EACCES", "EROFS", "EMFILE", "ENOSYS"] {
                let value = format!("{error}-{index}");
                let before = snapshot(&delivery.out());
                let run = inject(delivery, &format!("error={error}"), point, &value);
                match run.output.status.code() {
                    Some(0) => {
                        successes.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(
                            delivery.value(&run),
                            Some(value.clone()),
                            "{point:?}\n{}",
                            run.describe()
                        );
                    }
                    Some(4) => {
                        failures.fetch_add(1, Ordering::Relaxed);
                        assert_unchanged(&before, &delivery.out(), &run);
                        let first = run.stderr().lines().next().unwrap_or_default().to_owned();
                        let names_a_place = first.starts_with("kz: error: ") && first.contains("`out");
                        assert!(names_a_place, "{point:?}\n{}", run.describe());
                    }
                    _ => panic!("{error} at {point:?}\n{}", run.describe()),
                }
                let next = delivery.export(&format!("{value}-next")).expect_code(0);
                delivery.assert_holds(&format!("{value}-next"), &next);
            }
        }
    });
    let (failures, successes) = (failures.into_inner(), successes.into_inner());
    assert!(failures >= 50, "{failures} failures, {successes} successes");
}

#[test]
fn any_failing_call_leaves_the_old_file() {
    fail_everywhere(Form::File);
}

#[test]
fn any_failing_call_leaves_the_old_set() {
    fail_everywhere(Form::Set);
}
