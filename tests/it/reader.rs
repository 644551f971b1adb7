//! A reader beside the exports, which opens once (the file, or `..data` as a directory, and then
//! every name relative to that), over and over.
//!
//! The one thing that it tolerates is documented: what it holds open may vanish some time after a
//! swap, so when a name is missing there *and* `..data` leads elsewhere, it opens again. What it
//! has read by then has to be of one value all the same.
#![allow(dead_code, unreachable_pub, reason = "each test module uses its part")]

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use crate::delivery::{Delivery, Form};

/// What the reader saw.
pub struct Sightings {
    /// How many times it opened, read everything, and it was whole.
    pub reads: usize,
    /// The values in the order of reading, without repetitions.
    pub values: Vec<String>,
}

/// Does `work` while a reader reads, and fails when it ever saw anything but one complete export.
#[track_caller]
pub fn watched<T>(delivery: &Delivery, work: impl FnOnce() -> T) -> (T, Sightings) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(delivery, &stop));
        let result = {
            let _stops = Stop(&stop);
            work()
        };
        let sightings = reader.join().expect("the reader ends");
        (result, sightings.unwrap_or_else(|seen| panic!("the reader saw {seen}")))
    })
}

/// Also when `work` panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn read_until(delivery: &Delivery, stop: &AtomicBool) -> Result<Sightings, String> {
    let mut sightings = Sightings { reads: 0, values: Vec::new() };
    while !stop.load(Ordering::Relaxed) {
        match read(delivery)? {
            Some(value) => {
                sightings.reads += 1;
                if sightings.values.last() != Some(&value) {
                    sightings.values.push(value);
                }
            }
            None if delivery.form == Form::File && sightings.reads > 0 => return Err("no file".into()),
            None => {}
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(sightings)
}

/// `None` when nothing has been exported yet, or the set vanished while it was read.
fn read(delivery: &Delivery) -> Result<Option<String>, String> {
    match delivery.form {
        Form::File => {
            let Ok(content) = std::fs::read_to_string(delivery.out().join(".env")) else { return Ok(None) };
            let value = content.split(['=', '\n']).nth(1).unwrap_or_default();
            if content == delivery.file(value) { Ok(Some(value.to_owned())) } else { Err(content) }
        }
        Form::Set => read_set(&delivery.out().join("..data"), &delivery.names),
    }
}

fn read_set(data: &Path, names: &[String]) -> Result<Option<String>, String> {
    let leads_to = || std::fs::read_link(data).ok();
    let before = leads_to();
    let set = match open(data, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()) {
        Ok(set) => set,
        Err(Errno::ENOENT) if before.is_none() || leads_to() != before => return Ok(None),
        Err(errno) => return Err(format!("`..data`, which reads {before:?}: {errno}")),
    };
    let (listed, found) = (list(&set)?, content(&set, names)?);
    let mut values: Vec<&String> = found.iter().flatten().collect();
    values.dedup();
    let whole = listed == names && found.iter().all(Option::is_some);
    match values[..] {
        [value] if whole => Ok(Some(value.clone())),
        [] | [_] if leads_to() != before => Ok(None),
        _ => Err(format!("the names {listed:?}, the values {found:?}")),
    }
}

fn list(set: &OwnedFd) -> Result<Vec<String>, String> {
    let again = openat(set, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty());
    let mut listing = match again {
        Ok(descriptor) => Dir::from_fd(descriptor).map_err(|errno| errno.to_string())?,
        Err(Errno::ENOENT) => return Ok(Vec::new()),
        Err(errno) => return Err(errno.to_string()),
    };
    let mut names = Vec::new();
    for entry in listing.iter() {
        let name = entry.map_err(|errno| errno.to_string())?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// What every name holds, `None` where there is no such name.
fn content(set: &OwnedFd, names: &[String]) -> Result<Vec<Option<String>>, String> {
    let read = |name: &String| match openat(set, name.as_str(), OFlag::O_RDONLY, Mode::empty()) {
        Ok(descriptor) => std::io::read_to_string(std::fs::File::from(descriptor))
            .map(Some)
            .map_err(|error| format!("{name}: {error}")),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(format!("{name}: {errno}")),
    };
    names.iter().map(read).collect()
}
