//! Exports under `strace`, which stops them, fails them or signals them at one system call.
//!
//! `when=N` counts for every call by itself, so a point of an export is a call's name and how
//! often it has come; a recorded run says which there are. A signal comes before the call has an
//! effect, so that the calls of a run are also all the states that it passes through. Two kinds are
//! left out: `execve`, where strace loses an injection, and the calls of the allocator and of
//! waking threads, which change no state that anybody else sees, and which one run may make and
//! the next not.
#![allow(dead_code, unreachable_pub, reason = "each test module uses its part")]

use crate::delivery::Delivery;
use crate::support::Run;

/// One system call of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub call: String,
    /// From 1.
    pub occurrence: usize,
    /// It comes when the output directory has been opened.
    pub in_target: bool,
    /// How many there are of this call in the whole run.
    pub of: usize,
}

/// The lines of an export that has to succeed, without the number of the process.
#[track_caller]
pub fn trace(delivery: &Delivery, value: &str) -> Vec<String> {
    trace_behind(&[], delivery, value)
}

/// Likewise, with a wrapper between strace and kz, whose calls count too: strace itself keeps the right to
/// look into a process that is not dumpable.
#[track_caller]
pub fn trace_behind(wrapper: &[&str], delivery: &Delivery, value: &str) -> Vec<String> {
    // An absolute path and `-f`, as everywhere: the lines then begin with a number.
    let words = [&["strace", "-f", "-s", "200", "-o", "trace"], wrapper].concat();
    let run = delivery.export_behind(&words, value).expect_code(0);
    let trace = std::fs::read_to_string(delivery.sandbox.path("trace"));
    let trace = trace.unwrap_or_else(|error| panic!("no trace: {error}\n{}", run.describe()));
    let call = |line: &str| line.split_once(' ').map(|(_, call)| call.trim_start().to_owned());
    let lines: Vec<String> = trace.lines().filter_map(call).filter(|line| !line.starts_with('+')).collect();
    assert!(lines.iter().any(|line| is_entry(line)), "the output is never opened\n{}", run.describe());
    lines
}

/// The name of a call.
pub fn name(line: &str) -> &str {
    line.split('(').next().unwrap_or_default()
}

/// Calls that ask for memory or give it back. How many there are differs from run to run.
const OF_MEMORY: [&str; 6] = ["brk", "madvise", "mmap", "mprotect", "mremap", "munmap"];

/// Every point of a recorded run at which a file, a signal or the process itself may change, in order.
pub fn points(trace: &[String]) -> Vec<Point> {
    points_of(trace, |call| !OF_MEMORY.contains(&call) && call != "futex")
}

/// Every point of a recorded run at which it asks for memory, in order.
pub fn points_of_memory(trace: &[String]) -> Vec<Point> {
    points_of(trace, |call| ["mmap", "brk"].contains(&call))
}

fn points_of(trace: &[String], is_meant: impl Fn(&str) -> bool) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let mut in_target = false;
    for line in trace.iter().filter(|line| name(line) != "execve") {
        in_target |= is_entry(line);
        let call = name(line).to_owned();
        if !is_meant(&call) {
            continue;
        }
        let occurrence = points.iter().filter(|point| point.call == call).count() + 1;
        points.push(Point { call, occurrence, in_target, of: 0 });
    }
    let counts: Vec<usize> =
        points.iter().map(|one| points.iter().filter(|other| other.call == one.call).count()).collect();
    points.iter_mut().zip(counts).for_each(|(point, count)| point.of = count);
    points
}

/// An export that is given `what`, such as `signal=KILL` or `error=EIO`, at one point.
pub fn inject(delivery: &Delivery, what: &str, point: &Point, value: &str) -> Run {
    inject_behind(&[], delivery, what, point, value)
}

/// Likewise, with a wrapper between strace and kz, whose calls count too: strace itself keeps the right to
/// look into a process that is not dumpable.
pub fn inject_behind(wrapper: &[&str], delivery: &Delivery, what: &str, point: &Point, value: &str) -> Run {
    let Point { call, occurrence, .. } = point;
    let rule = format!("inject={call}:{what}:when={occurrence}");
    // A caller in the background has SIGINT and SIGHUP ignored, and every process below inherits that.
    let strace = [
        "env",
        "--default-signal=HUP,INT,TERM",
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &rule,
    ];
    delivery.export_behind(&[&strace, wrapper].concat(), value)
}

/// Divides points among deliveries that are worked on at the same time, since most of the time
/// goes into sleeping and syncing.
pub fn in_parallel(
    points: &[Point],
    deliveries: &[Delivery],
    work: impl Fn(&Delivery, &mut dyn Iterator<Item = (usize, &Point)>) + Sync,
) {
    std::thread::scope(|scope| {
        for (first, delivery) in deliveries.iter().enumerate() {
            let work = &work;
            scope.spawn(move || {
                work(delivery, &mut points.iter().enumerate().skip(first).step_by(deliveries.len()));
            });
        }
    });
}

fn is_entry(line: &str) -> bool {
    name(line).starts_with("openat") && line.contains("\"out\"")
}
