//! `kz doctor`: says what will go wrong with a Compose file or pod manifests; contacts nothing and starts nothing.

mod form;
mod knowledge;
mod needs;
pub(super) mod read;

use std::path::{Path, PathBuf};

use crate::config::variables::Process;
use crate::doctor::{self, Finding, Known};
use crate::log::Log;
use crate::provider::registry;

use super::args::look::{Doctor, DoctorFormat};
use super::failure::Failure;
use super::stdout;
use knowledge::{Beside, Ourselves};
use read::Unread;

/// Whether something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Nothing.
    Well,
    /// Something will go wrong.
    Ill,
}

/// A file and what is wrong with it.
struct Examined<'a> {
    /// As it was named.
    path: &'a Path,
    findings: Vec<Finding>,
    unseen: Vec<String>,
    is_looked_at: bool,
}

/// Runs `kz doctor`.
pub(super) fn doctor(arguments: &Doctor, process: &Process, log: Log) -> Result<Health, Failure> {
    let examined =
        arguments.files.iter().map(|path| examine(path, process)).collect::<Result<Vec<_>, Failure>>()?;
    let text = match arguments.format {
        DoctorFormat::Text => form::text(&examined),
        DoctorFormat::Json => form::json(&examined),
    };
    stdout::print(text.as_bytes())?;
    for file in &examined {
        let number = file.findings.len();
        let words = match number {
            0 if !file.is_looked_at => "nothing was looked at".to_owned(),
            0 => "nothing that will go wrong was found".to_owned(),
            1 => "1 finding; `kz explain CODE` says more".to_owned(),
            _ => format!("{number} findings; `kz explain CODE` says more"),
        };
        let unseen = match file.unseen.as_slice() {
            [] => String::new(),
            unseen => format!("; not looked at: {}", unseen.join(", ")),
        };
        log.note(&format!("{}: {words}{unseen}", file.path.display()));
    }
    let is_well = examined.iter().all(|file| file.findings.is_empty() && file.is_looked_at);
    Ok(if is_well { Health::Well } else { Health::Ill })
}

fn examine<'a>(path: &'a PathBuf, process: &Process) -> Result<Examined<'a>, Failure> {
    let failed = |unread| Failure::Examine(path.clone(), unread);
    // As kubectl and Compose have it: what is printed is of the working directory.
    let (text, whole) = if path.as_os_str() == read::STDIN {
        (read::printed(&process.directory), process.directory.join(read::STDIN))
    } else {
        let whole = process.directory.join(path);
        (read::text(&whole), whole)
    };
    let text = text.map_err(failed)?;
    let directory = whole.parent().unwrap_or(Path::new("/"));
    let credentials: Vec<&'static str> =
        registry::PROVIDERS.iter().flat_map(|provider| provider.credential_variables).copied().collect();
    let known =
        Known { kz: &Ourselves, host: &Beside(directory), credential_variables: credentials.as_slice() };
    let doctor::Examination { findings, unseen, is_looked_at } =
        doctor::examine(&text, known).map_err(|error| failed(Unread::Content(error)))?;
    Ok(Examined { path, findings, unseen, is_looked_at })
}
