//! SIGTERM, wherever it hits an export: the process ends by it or has done its work, and nothing
//! half made stays, since the next export may never come.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::delivery::{Delivery, Form, snapshot};
use crate::reader::watched;
use crate::strace::{Point, in_parallel, inject, points, trace};

const FORMS: [Form; 2] = [Form::File, Form::Set];
const LANES: usize = 8;

#[test]
fn in_the_middle_it_leaves_the_old_or_the_new_and_no_debris() {
    for form in FORMS {
        // Values of one length, since files of different lengths are not compared.
        for signal in ["TERM", "INT", "HUP"] {
            let lanes: Vec<Delivery> = (0..LANES).map(|_| Delivery::new(form, 4)).collect();
            lanes[0].export("old0").expect_code(0);
            let points = points(&trace(&lanes[0], "new0"));
            // Everywhere for the first, for its like where it matters most.
            let is_meant = |point: &Point| {
                let acts = ["write", "fsync", "renameat"].contains(&point.call.as_str());
                point.in_target && (signal == "TERM" || acts)
            };
            let points: Vec<Point> = points.into_iter().filter(is_meant).collect();
            let ended = AtomicUsize::new(0);
            in_parallel(&points, &lanes, |delivery, points| {
                for (index, point) in points {
                    let value = format!("v{index:03}");
                    let before = delivery.value(&delivery.export("old0").expect_code(0));
                    let run = inject(delivery, &format!("signal={signal}"), point, &value);
                    let by_signal = run.output.status.signal().is_some();
                    assert!(by_signal || run.output.status.success(), "{point:?}\n{}", run.describe());
                    ended.fetch_add(usize::from(by_signal), Ordering::Relaxed);
                    delivery.assert_is_clean(&run);
                    let after = delivery.value(&run);
                    let is_new = after.as_ref() == Some(&value);
                    assert!(is_new || by_signal && after == before, "{point:?}\n{}", run.describe());
                }
            });
            // All but `exit_group`.
            let ended = ended.into_inner();
            assert!(
                points.len() > 3 && ended + 1 >= points.len(),
                "{ended} of {} ended by SIG{signal}",
                points.len()
            );
        }
    }
}

#[test]
fn in_the_middle_of_the_first_export_it_leaves_all_or_nothing() {
    for form in FORMS {
        let points = points(&trace(&Delivery::new(form, 4), "new"));
        let points: Vec<Point> = points.into_iter().filter(|point| point.in_target).collect();
        let lanes: Vec<Delivery> = (0..LANES).map(|_| Delivery::new(form, 4)).collect();
        in_parallel(&points, &lanes, |_, points| {
            for (_, point) in points {
                let delivery = Delivery::new(form, 4);
                let (run, _) = watched(&delivery, || inject(&delivery, "signal=TERM", point, "new"));
                let ended = run.output.status.signal() == Some(15) || run.output.status.success();
                assert!(ended, "{point:?}\n{}", run.describe());
                delivery.assert_is_clean(&run);
            }
        });
    }
}

#[test]
fn waiting_for_a_lock_ends_at_once() {
    for form in FORMS {
        for has_old in [false, true] {
            let mut delivery = Delivery::new(form, 4);
            if has_old {
                delivery.export("old").expect_code(0);
            }
            // A day: if the signal did not end it, neither would this test.
            delivery.options = vec!["--timeout", "86400s"];
            let out = delivery.out();
            let lock = match form {
                Form::File => File::open(&out).unwrap(),
                Form::Set => {
                    delivery.sandbox.file("out/.kz/lock", "");
                    delivery.sandbox.mode("out/.kz", 0o700);
                    delivery.sandbox.mode("out/.kz/lock", 0o600);
                    File::open(out.join(".kz/lock")).unwrap()
                }
            };
            lock.try_lock().expect("nobody else has it");
            let before = snapshot(&out);
            let mut command = delivery.behind(&[], "new");
            command.current_dir(delivery.sandbox.path("")).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            let id = child.id();
            let looked = std::panic::catch_unwind(|| wait_until_asleep(id));
            let signal = if looked.is_ok() { Signal::SIGTERM } else { Signal::SIGKILL };
            kill(Pid::from_raw(id.try_into().unwrap()), signal).unwrap();
            let output = child.wait_with_output().unwrap();
            looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert_eq!(output.status.signal(), Some(15), "{output:?}");
            assert!(output.stderr.is_empty(), "{output:?}");
            for (path, seen) in &before {
                assert_eq!(snapshot(&out).get(path), Some(seen), "{} changed", path.display());
            }
            assert_eq!(before.len(), snapshot(&out).len());
            drop(lock);
            let next = delivery.export("next").expect_code(0);
            delivery.assert_holds("next", &next);
        }
    }
}

/// Until it has been seen between two attempts, in `clock_nanosleep`, with SIGTERM let through. It
/// may be seen once or twice just as it falls asleep or wakes, not over and over.
fn wait_until_asleep(process: u32) {
    let look = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/{process}/{file}"));
        text.expect("it waits for the lock")
    };
    let mut asleep_and_deaf = 0;
    loop {
        let status = look("status");
        assert!(!status.contains("\nState:\tZ"), "it did not wait for the lock");
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).expect("a mask");
        let blocked = u64::from_str_radix(blocked, 16).expect("a hexadecimal mask");
        if look("syscall").starts_with("230 ") {
            if blocked & 1 << (Signal::SIGTERM as u32 - 1) == 0 {
                return;
            }
            asleep_and_deaf += 1;
            assert!(asleep_and_deaf < 1_000, "it waits with SIGTERM held back");
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
