//! `kz install`: the running program, copied into a volume, for images that have no shell to start anything by.
//!
//! It needs no configuration and contacts nothing. The copy is published like any other output: whole, in one step,
//! and not again when it is there already. It is for everybody to run, and for nobody to write.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::delivery::Attributes;
use crate::exec::program::Program;
use crate::literal::shown;
use crate::log::Log;
use crate::publish::{self, Change, Turn};

use super::args::Common;
use super::args::deliver::Install;
use super::failure::Failure;

/// Everybody may run it.
const MODE: u32 = 0o555;

/// How long another kz that writes into this directory is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `kz install`.
pub(super) fn install(arguments: &Install, common: &Common, log: Log) -> Result<(), Failure> {
    let program = Program::running().map_err(Failure::CannotInstall)?;
    if let Some(expected) = arguments.verify.as_deref().filter(|expected| *expected != program.digest) {
        return Err(Failure::OtherProgram { expected: expected.to_owned(), found: program.digest });
    }
    let path = file(&arguments.destination);
    let attributes = Attributes { mode: MODE, owner: None };
    let turn = Turn { deadline: Instant::now() + common.timeout.unwrap_or(PATIENCE), log };
    let change =
        publish::publish_file(&path, &program.content, attributes, turn).map_err(Failure::Publish)?;
    let done = match change {
        Change::Written => "installed",
        Change::Unchanged => "already installed",
    };
    let version = env!("CARGO_PKG_VERSION");
    log.note(&format!(
        "{done} kz {version} as {}, mode {MODE:04o}, sha256 {}",
        shown(&path.to_string_lossy()),
        program.digest
    ));
    Ok(())
}

/// In a directory it is called `kz`, also in one that is missing and written as such.
fn file(destination: &Path) -> PathBuf {
    let is_written_as_directory = destination.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_written_as_directory || destination.is_dir() {
        destination.join("kz")
    } else {
        destination.to_owned()
    }
}
