//! Two exporters with different content at the same time: each ends well, and there is one whole
//! output at every instant and at the end.

use std::process::{Command, Stdio};

use crate::delivery::{Delivery, Form};
use crate::reader::watched;
use crate::support::kz_binary;

const RACES: usize = 200;
/// Raced in at the same time, since the grace after a swap is spent asleep.
const DIRECTORIES: usize = 8;

fn race(delivery: &Delivery, number: usize) {
    let values = ["left", "right"].map(|side| format!("{side}{number}"));
    let started = values.each_ref().map(|value| {
        let mut command = delivery.behind(&[], value);
        command.current_dir(delivery.sandbox.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("kz starts")
    });
    for child in started {
        let output = child.wait_with_output().expect("kz ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.contains("kz: wrote 5 secrets"), "{number}: {output:?}");
    }
    // A run to describe it by.
    let run = delivery.sandbox.run(Command::new(kz_binary()).arg("--version"));
    let winner = delivery.value(&run).unwrap_or_default();
    assert!(values.contains(&winner), "{number}: {winner} is older\n{}", run.describe());
    delivery.assert_holds(&winner, &run);
}

fn race_everywhere(form: Form) {
    std::thread::scope(|scope| {
        for _ in 0..DIRECTORIES {
            scope.spawn(|| {
                let delivery = Delivery::new(form, 5);
                let ((), sightings) = watched(&delivery, || {
                    (0..RACES / DIRECTORIES).for_each(|number| race(&delivery, number));
                });
                assert!(sightings.values.len() > 1, "the reader saw no change: {:?}", sightings.values);
            });
        }
    });
}

#[test]
fn on_one_file() {
    race_everywhere(Form::File);
}

#[test]
fn on_a_set() {
    race_everywhere(Form::Set);
}

#[test]
fn equal_exporters_write_once() {
    for form in [Form::File, Form::Set] {
        let delivery = Delivery::new(form, 5);
        let outputs = std::thread::scope(|scope| {
            let started: Vec<_> = (0..8).map(|_| scope.spawn(|| delivery.export("same"))).collect();
            started.into_iter().map(|thread| thread.join().expect("kz ends")).collect::<Vec<_>>()
        });
        let wrote = outputs.iter().filter(|run| run.stderr().contains("wrote 5 secrets")).count();
        let unchanged = outputs.iter().filter(|run| run.stderr().contains("unchanged")).count();
        assert_eq!((wrote, unchanged), (1, 7), "{}", outputs[0].describe());
        delivery.assert_holds("same", &outputs[0]);
    }
}
