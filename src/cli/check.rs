//! `kz check`: says whether what was exported is complete, unmodified and fresh, in one line, for a healthcheck.
//!
//! The line goes to stdout, since it is what was asked for; an engine shows both streams of a healthcheck. Reads no
//! configuration and contacts nothing.

use std::time::SystemTime;

use crate::literal::shown;
use crate::log::escape;
use crate::publish::check::{self, Seen, Sound, ago, verb};

use super::args::look::Check;
use super::exit::End;
use super::failure::Failure;
use super::report::here;
use super::stdout;

/// Runs `kz check`: 0 or 1.
pub(super) fn check(arguments: &Check) -> Result<End, Failure> {
    let (end, words) = match check::check(&arguments.path, arguments.max_age) {
        Ok(sound) => (End::Done, words(sound, SystemTime::now())),
        Err(fault) => (End::Never, format!("{fault}; {}", fault.hint().say(here()))),
    };
    let path = arguments.path.to_string_lossy();
    stdout::print(format!("{}\n", escape(&format!("{}: {words}", shown(&path)))).as_bytes())?;
    Ok(end)
}

/// What is right, how much of it was compared, and since when.
fn words(Sound { seen, since }: Sound, now: SystemTime) -> String {
    let when = format!("{} {}", verb(since), ago(since.age(now)));
    match seen {
        Seen::Manifest { files, closed: 0 } => {
            format!("complete and unmodified, {}, contents compared; {when}", count(files))
        }
        Seen::Manifest { files, closed } => format!(
            "complete and unmodified, {}, of which {closed} cannot be read here and were compared by inode and time of change; {when}",
            count(files)
        ),
        Seen::Structure { files } => format!(
            "complete, {}, by their names alone, since `.kz` is closed to this uid; {when}",
            count(files)
        ),
        Seen::File { mode, uid, gid } => {
            format!("a file, mode {mode:04o}, owner {uid}:{gid}, of which no more is known; {when}")
        }
    }
}

fn count(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}
