//! `.keyzero.toml`: found, trusted, read and checked, with every problem reported at once.
//!
//! Invariants: nothing is contacted; what is returned is complete and consistent; a problem names
//! its place and what to type instead, and never a text that could be a credential.

pub mod locate;
pub mod output;
pub mod problem;
pub mod reference;
pub mod schema;
pub mod secret;
pub mod source_file;
pub mod trust;
pub mod variables;
pub mod view;

mod check;
mod files;
mod keys;
mod provider;
mod request;
mod scope;
mod syntax;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use crate::literal;
use crate::plan::Declaration;
use crate::provider::Leases;
use crate::size::Size;
use locate::Found;
use output::Output;
use problem::{Place, Problem};
pub use provider::{Instance, Instances};
use source_file::SourceFile;
use variables::Process;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--env`.
    pub environment: Option<String>,
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The secrets, in the order of the file.
    pub declarations: Vec<Declaration>,
    /// `[[outputs]]`, in the order of the file.
    pub outputs: Vec<Output>,
    /// The providers that they name, and all others.
    pub instances: Instances,
    /// The environment whose section was laid over `[secrets]`.
    pub environment: Option<String>,
    /// All that have one.
    pub environments: Vec<String>,
    /// Variables that `kz run` does not remove.
    pub keep_env: Vec<String>,
    /// `[resolve] timeout`.
    pub timeout: Option<Duration>,
    /// `[resolve] concurrency`.
    pub concurrency: Option<usize>,
    /// `[resolve] max_document_size`.
    pub max_document_size: Option<Size>,
    /// `[resolve] lease`.
    pub leases: Leases,
}

/// A configuration and the files that it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// What they say.
    pub config: Config,
    /// The main file.
    pub path: PathBuf,
    /// The local file, when there is one and it is obeyed.
    pub local: Option<PathBuf>,
}

impl Loaded {
    /// Where relative paths start.
    pub fn base(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Why there is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was not found, or cannot be trusted.
    #[error(transparent)]
    Locate(#[from] locate::Error),
    /// `--env` or a variable asks for what the file does not have.
    #[error("`{}` has no environment `{wanted}`", path.display())]
    UnknownEnvironment {
        /// The configuration.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It is wrong in these places.
    #[error("{} has {}", sources[0].path.display(), count(problems.len()))]
    Problems {
        /// The texts that the places refer to.
        sources: Vec<SourceFile>,
        /// At least one, in the order of the texts.
        problems: Vec<Problem>,
    },
}

fn count(problems: usize) -> String {
    if problems == 1 { "a problem".to_owned() } else { format!("{problems} problems") }
}

/// Finds, reads and checks the configuration.
pub fn load(request: &Request, process: &Process) -> Result<Loaded, Error> {
    let named = request.config.as_deref().or(process.variable("KEYZERO_CONFIG").map(Path::new));
    let (path, found) = locate::find(named, process)?;
    let mut sources = vec![locate::read(&path, found, process)?];
    let local = local_file(&path, found, process);
    if let Some(local) = &local {
        sources.push(locate::read(local, Found::Here, process)?);
    }
    let environment = request.environment.as_deref().or(process.text("KEYZERO_ENV"));
    match check_sources(&mut sources, &path, environment, process) {
        Ok(config) => match &config.environment {
            // Falling back to `[secrets]` could hand production's values to a test.
            Some(wanted) if !config.environments.contains(wanted) => Err(Error::UnknownEnvironment {
                path,
                wanted: literal::shown(wanted).to_owned(),
                known: config.environments,
            }),
            _ => Ok(Loaded { config, path, local }),
        },
        Err(problems) => Err(Error::Problems { sources, problems }),
    }
}

/// The local file, where it is obeyed: never as PID 1, as root, or beside a file that was named.
fn local_file(path: &Path, found: Found, process: &Process) -> Option<PathBuf> {
    if found == Found::Named || process.pid == 1 || process.uid == 0 {
        return None;
    }
    let local = path.with_file_name(locate::LOCAL_FILE_NAME);
    local.symlink_metadata().is_ok().then_some(local)
}

fn check_sources(
    sources: &mut [SourceFile],
    path: &Path,
    environment: Option<&str>,
    process: &Process,
) -> Result<Config, Vec<Problem>> {
    let texts: Vec<String> = sources.iter().map(|source| source.text.clone()).collect();
    let mut trees = Vec::new();
    let mut problems = Vec::new();
    for (index, (text, source)) in texts.iter().zip(sources.iter_mut()).enumerate() {
        let (tree, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            source.allow_excerpts(tree.get_ref());
        }
        if let Some(foreign) = syntax::foreign(index, text).filter(|_| !errors.is_empty()) {
            // One word for the file, instead of one for each of its lines.
            return Err(vec![foreign]);
        }
        problems.extend(errors.iter().map(|error| syntax::problem(index, text, error)));
        trees.push(tree.into_inner());
    }
    let broken: Vec<(usize, usize)> =
        problems.iter().map(|problem| line_of(sources, &problem.place)).collect();
    let input = check::Input {
        main: &trees[0],
        local: trees.get(1),
        base: path.parent().unwrap_or(Path::new("/")),
        process,
        environment,
    };
    match check::check(&input) {
        Ok(config) if problems.is_empty() => Ok(config),
        Ok(_) => Err(problems),
        Err(others) => {
            // What follows from a line that cannot be read is not said twice.
            let follows =
                |other: &Problem| !broken.is_empty() && broken.contains(&line_of(sources, &other.place));
            problems.extend(others.into_iter().filter(|other| !follows(other)));
            problems.sort();
            Err(problems)
        }
    }
}

fn line_of(sources: &[SourceFile], place: &Place) -> (usize, usize) {
    (place.source, sources[place.source].position(place.start).0)
}

/// `60s`, `500ms`, `2m`, `1h`; a number alone is seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}
