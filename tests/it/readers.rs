//! A set of a thousand files that changes a hundred times under four readers of another uid, without and with an
//! export before each change that is killed at a random moment.
//!
//! A reader opens `..data` once, lists it, reads every file relative to that, and opens again. The one thing that it
//! tolerates is the kubelet's contract too: what it holds open may vanish some time after a swap. That is counted by
//! itself, and what was read until then has to be of one export all the same. The set lies in memory, since a
//! hundred thousand files that reach a disk would take minutes.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, read, setfsgid, setfsuid};

use crate::delivery::listing;
use crate::support::{Run, Sandbox, kz_binary};

const FILES: usize = 1000;
/// How many names come and go with every other export.
const CHANGING: usize = 10;
const EXPORTS: usize = 100;
const READERS: usize = 4;
/// The readers', and the owner of the files, which nobody else may read.
const UID: u32 = 999;

/// The value of the export of this number: they sort as they were made.
fn value(number: usize) -> String {
    format!("v{number:06}")
}

/// The names of the set of this number, sorted.
fn names(number: usize) -> Vec<String> {
    let first = if number.is_multiple_of(2) { 0 } else { CHANGING };
    (first..first + FILES).map(|name| format!("S{name:04}")).collect()
}

/// One look at a set.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    /// Everything is of this value, with these names.
    Whole(String, Vec<String>),
    /// It went away while it was read, for `..data` leads elsewhere by now.
    Vanished,
    /// Files of two exports.
    Mixed(String),
    /// Something that its owner could not read.
    Denied(String),
    /// Something is missing where `..data` leads.
    Half(String),
}

/// Opens once and reads everything.
fn look(out: &Path) -> Sight {
    let data = out.join("..data");
    let leads_to = || std::fs::read_link(&data).ok();
    let before = leads_to();
    let set = match open(&data, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()) {
        Ok(set) => set,
        Err(Errno::EACCES) => return Sight::Denied("..data".to_owned()),
        Err(_) if leads_to() != before => return Sight::Vanished,
        Err(errno) => return Sight::Half(format!("..data: {errno}")),
    };
    let listed = list(&set);
    let (mut values, mut missing) = (BTreeSet::new(), Vec::new());
    for name in &listed {
        match content(&set, name) {
            Ok(value) => values.extend([value]),
            Err(Errno::EACCES) => return Sight::Denied(name.clone()),
            Err(errno) => missing.push(format!("{name}: {errno}")),
        }
    }
    let is_whole = missing.is_empty() && listed.len() == FILES;
    match Vec::from_iter(values).as_mut_slice() {
        [first, .., last] => Sight::Mixed(format!("{first} and {last}")),
        [value] if is_whole => Sight::Whole(std::mem::take(value), listed),
        _ if leads_to() != before => Sight::Vanished,
        found => Sight::Half(format!("{} names, {found:?}, missing {missing:?}", listed.len())),
    }
}

/// Sorted; what could be listed.
fn list(set: &OwnedFd) -> Vec<String> {
    let again = openat(set, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty());
    let Ok(mut listing) = again.and_then(Dir::from_fd) else { return Vec::new() };
    let entries = listing.iter().filter_map(Result::ok);
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "." && name != "..");
    names.sort();
    names
}

/// By one call, since there are some millions of them. Values are shorter than the buffer.
fn content(set: &OwnedFd, name: &str) -> Result<String, Errno> {
    let file = openat(set, name, OFlag::O_RDONLY, Mode::empty())?;
    let mut buffer = [0; 16];
    let length = read(&file, &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// What one reader saw.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    vanished: usize,
    /// Every sight that must not be.
    wrong: Vec<Sight>,
    /// In the order of reading, without repetitions.
    values: Vec<String>,
}

impl Seen {
    fn note(&mut self, sight: Sight) {
        match sight {
            Sight::Whole(value, names) => {
                self.whole += 1;
                if self.values.last() == Some(&value) {
                    return;
                }
                let number = value[1..].parse().unwrap_or_default();
                if names != self::names(number) {
                    self.wrong.push(Sight::Mixed(format!("{value} with other names")));
                }
                self.values.push(value);
            }
            Sight::Vanished => self.vanished += 1,
            wrong => self.wrong.push(wrong),
        }
    }
}

/// Becomes, for what files let it do and in this thread only, [`UID`] without any capability.
fn become_reader() {
    setfsgid(Gid::from_raw(UID));
    setfsuid(Uid::from_raw(UID));
}

/// Does `work` while readers look at `out`, until it is done.
fn watched(out: &Path, work: impl FnOnce()) -> Vec<Seen> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let keep_looking = || {
            become_reader();
            let mut seen = Seen::default();
            while !stop.load(Ordering::Relaxed) {
                seen.note(look(out));
                // They are not to have the machine for themselves.
                std::thread::sleep(Duration::from_millis(60));
            }
            seen
        };
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(keep_looking)).collect();
        let stops = Stop(&stop);
        work();
        drop(stops);
        readers.into_iter().map(|reader| reader.join().expect("a reader ends")).collect()
    })
}

/// Also when `work` panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A set in memory, and two configurations that take turns.
fn stage() -> Sandbox {
    let sandbox = Sandbox::in_memory();
    std::fs::create_dir(sandbox.path("out")).expect("a directory");
    sandbox.mode("out", 0o755);
    for number in 0..2 {
        let line = |name: &String| format!("{name} = {{ provider = \"env\", ref = \"VALUE\" }}\n");
        let secrets: String = names(number).iter().map(line).collect();
        sandbox.file(&format!("{number}.toml"), format!("[secrets]\n{secrets}"));
    }
    sandbox
}

fn command(number: usize) -> Command {
    let mut command = Command::new(kz_binary());
    command.args(["--config", &format!("{}.toml", number % 2), "export", "--format", "files"]);
    command.args(["--output", "out", "--owner", &format!("{UID}:{UID}")]).env("VALUE", value(number));
    command
}

/// An export that ends well and leaves its set and nothing else.
fn export(sandbox: &Sandbox, number: usize) -> Run {
    let run = sandbox.run(&mut command(number)).expect_code(0);
    let mut expected: Vec<String> =
        ["..data", ".kz", ".kz/key", ".kz/lock", ".kz/manifest", "GENERATION"].map(String::from).into();
    expected.extend(names(number).into_iter().flat_map(|name| [format!("GENERATION/{name}"), name]));
    expected.sort();
    let found = listing(&sandbox.path("out"));
    let differ: Vec<_> = found.iter().filter(|name| !expected.contains(name)).collect();
    assert!(found == expected, "debris of export {number}: {differ:?}, {} names", found.len());
    run
}

/// Fails when a reader saw anything else, or hardly anything; what they saw, in numbers.
#[track_caller]
fn assert_only_whole_sets(seen: &[Seen], exports: usize) -> String {
    let sum = |count: fn(&Seen) -> usize| seen.iter().map(count).sum::<usize>();
    let (whole, vanished) = (sum(|seen| seen.whole), sum(|seen| seen.vanished));
    let wrong: Vec<&Sight> = seen.iter().flat_map(|seen| &seen.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for Seen { whole, values, .. } in seen {
        assert!(*whole > exports / 4, "a reader saw {whole} sets");
        assert!(values.len() > exports / 8, "a reader saw {values:?}");
        assert!(values.is_sorted(), "an older set came back: {values:?}");
    }
    format!("{exports} exports, {READERS} readers: {whole} whole sets, {vanished} vanished, none wrong")
}

#[test]
fn a_hundred_exports_of_a_thousand_files() {
    let sandbox = stage();
    export(&sandbox, 0);
    let seen = watched(&sandbox.path("out"), || {
        for number in 1..=EXPORTS {
            export(&sandbox, number);
        }
    });
    println!("{}", assert_only_whole_sets(&seen, EXPORTS));
}

/// What the killed exports came to.
#[derive(Debug, Default)]
struct Kills {
    killed: usize,
    /// Readers have the killed one's set.
    after_the_swap: usize,
    /// Something lay there that the next export has to remove.
    debris: usize,
}

fn spawn(sandbox: &Sandbox, number: usize) -> Child {
    let mut command = command(number);
    command.current_dir(sandbox.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("kz starts")
}

#[test]
fn a_hundred_exports_each_after_one_that_is_killed_at_a_random_moment() {
    let sandbox = stage();
    let out = sandbox.path("out");
    export(&sandbox, 0);
    let mut random = Random(0x6b7a);
    let mut kills = Kills::default();
    let seen = watched(&out, || {
        let mut longest = Duration::from_millis(150);
        for round in 1..=EXPORTS {
            let (killed, completed) = (2 * round - 1, 2 * round);
            let mut child = spawn(&sandbox, killed);
            std::thread::sleep(longest.mul_f64(random.fraction()));
            child.kill().expect("it was not waited for");
            let status = child.wait().expect("it ends");
            kills.killed += usize::from(status.signal() == Some(9));
            let generations = |name: &String| name.starts_with("..2") && !name.contains('/');
            kills.debris += usize::from(listing(&out).iter().any(generations));
            kills.after_the_swap += usize::from(current(&out) == value(killed));
            let start = Instant::now();
            // The same again, as after a restart, or something else.
            export(&sandbox, if round % 3 == 0 { killed } else { completed });
            longest = start.elapsed();
        }
    });
    println!("{}, {kills:?}", assert_only_whole_sets(&seen, EXPORTS));
    let Kills { killed, after_the_swap, debris } = kills;
    assert!(killed > EXPORTS / 2 && after_the_swap > 5 && debris > 5, "{kills:?}");
}

/// The value that whoever opens the set now reads.
fn current(out: &Path) -> String {
    std::fs::read_to_string(out.join("..data/S0500")).expect("a set")
}

/// Numbers without a pattern, the same in every run: xorshift64* of Vigna.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        for (left, distance) in [(false, 12), (true, 25), (false, 27)] {
            self.0 ^= if left { self.0 << distance } else { self.0 >> distance };
        }
        let bits = u32::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).unwrap_or_default();
        f64::from(bits) / f64::from(u32::MAX)
    }
}

/// What one reader sees now.
fn glance(out: &Path) -> Sight {
    let look = || {
        become_reader();
        look(out)
    };
    std::thread::scope(|scope| scope.spawn(look).join().expect("it ends"))
}

/// The judge can fail: each of the things that it is to see, once.
#[test]
fn what_the_readers_are_to_catch_they_catch() {
    let sandbox = stage();
    let out = sandbox.path("out");
    export(&sandbox, 0);
    assert_eq!(glance(&out), Sight::Whole(value(0), names(0)));
    let file = out.join("..data/S0001");
    std::os::unix::fs::chown(&file, Some(0), Some(0)).expect("tests run as root");
    assert_eq!(glance(&out), Sight::Denied("S0001".to_owned()));
    std::fs::remove_file(&file).expect("it is there");
    assert!(matches!(glance(&out), Sight::Half(_)));
    sandbox.file("out/..data/S0001", value(7));
    sandbox.mode("out/..data/S0001", 0o444);
    assert_eq!(glance(&out), Sight::Mixed(format!("{} and {}", value(0), value(7))));
    let mut seen = Seen::default();
    seen.note(Sight::Whole(value(1), names(0)));
    assert_eq!(seen.wrong.len(), 1, "the names of another export");
}

/// A writer that replaces file by file is caught by readers that look often enough.
#[test]
fn a_writer_that_is_not_atomic_is_caught() {
    let sandbox = stage();
    let out = sandbox.path("out");
    export(&sandbox, 0);
    let mixed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            become_reader();
            let is_mixed = (0..10_000).any(|_| matches!(look(&out), Sight::Mixed(_)));
            mixed.store(is_mixed, Ordering::Relaxed);
        });
        let mut number = 0;
        while !mixed.load(Ordering::Relaxed) && number < 10_000 {
            number += 2;
            for name in names(number) {
                let new = sandbox.file(&format!("out/{name}.new"), value(number));
                std::os::unix::fs::chown(&new, Some(UID), Some(UID)).expect("tests run as root");
                std::fs::rename(new, out.join("..data").join(name)).expect("it is replaced");
            }
        }
    });
    assert!(mixed.into_inner());
}
