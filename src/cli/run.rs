//! `kz run -- CMD`: resolves, then becomes CMD.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::config::variables::Process;
use crate::exec::environment::{self, Environment, Inherit, Recipe};
use crate::exec::{self, env_file, memory_file};
use crate::log::Log;
use crate::output::{dotenv, json};
use crate::plan::{Declaration, UnknownSecret};
use crate::secret::Secret;

use super::args::Common;
use super::args::deliver::Run;
use super::report::Failure;
use super::session::Session;

/// What CMD is to get, and what not.
#[derive(Default)]
struct Delivery {
    /// What becomes a variable.
    secrets: Vec<(String, Secret)>,
    /// What becomes an open file instead, by the names that are then no variables.
    elsewhere: Vec<String>,
    credentials: Vec<&'static str>,
    keep: Vec<String>,
}

/// Returns only when CMD could not be started.
pub(super) fn run(
    arguments: &Run,
    common: &Common,
    process: &Process,
    log: Log,
) -> Result<Infallible, Failure> {
    let Some(program) = arguments.command.first() else { return Err(Failure::NoCommand) };
    let Delivery { secrets, elsewhere, credentials, mut keep } = match &arguments.env_file {
        Some(path) => from_file(path, arguments, process, log)?,
        None => from_backends(arguments, common, process, log)?,
    };
    keep.extend(arguments.keep_env.iter().cloned());
    let recipe = Recipe {
        inherited: &process.variables,
        inherit: if arguments.clean_env { Inherit::Kept } else { Inherit::All },
        keep: &keep,
        credentials: &credentials,
        secrets: &secrets,
        elsewhere: &elsewhere,
    };
    let environment = environment::build(&recipe).map_err(Failure::Unfit)?;
    say_removed(&environment, log);
    replace(program, &arguments.command, &environment, &secrets, process.variable("PATH"))
}

fn from_backends(arguments: &Run, common: &Common, process: &Process, log: Log) -> Result<Delivery, Failure> {
    let session = Session::open(common, process, log)?;
    let variables = file_variables(&session.loaded.config.declarations);
    let is_variable = |name: &str| !variables.contains_key(name);
    let resolved = session.resolve(&session.plan(&arguments.only)?, is_variable)?;
    let mut delivery = Delivery { credentials: session.credential_variables(), ..Delivery::default() };
    for secret in resolved {
        match variables.get(secret.name.as_str()) {
            None => delivery.secrets.push((secret.name, secret.value)),
            Some(variable) => {
                let place =
                    memory_file::hand_over(&secret.name, &secret.value).map_err(Failure::MemoryFile)?;
                log.detail(&format!("{} is at {place}, which {variable} names", secret.name));
                delivery.secrets.push((variable.clone(), Secret::new(place.into_bytes())));
                delivery.elsewhere.push(secret.name);
            }
        }
    }
    delivery.keep = session.loaded.config.keep_env;
    Ok(delivery)
}

/// The variables that name the open files of secrets, by those that are delivered so.
fn file_variables(declarations: &[Declaration]) -> BTreeMap<&str, String> {
    declarations.iter().filter_map(|one| Some((one.name.as_str(), one.file_variable()?))).collect()
}

fn from_file(path: &Path, arguments: &Run, process: &Process, log: Log) -> Result<Delivery, Failure> {
    let trust = env_file::Trust { ours: process.uid, also: arguments.from_uid };
    let patience = arguments.wait.unwrap_or_default();
    let content = env_file::read(path, trust, patience, log).map_err(Failure::EnvFile)?;
    let decoded = if json::is_object(&content) { json::decode(&content) } else { dotenv::decode(&content) };
    let mut variables = decoded.map_err(|error| Failure::EnvFileLine(path.to_owned(), error))?;
    let dangerous: Vec<String> = variables
        .iter()
        .map(|(name, _)| name)
        .filter(|name| env_file::is_dangerous(name) && !arguments.allow.contains(name))
        .cloned()
        .collect();
    if !dangerous.is_empty() {
        return Err(Failure::Dangerous(path.to_owned(), dangerous));
    }
    let known: BTreeSet<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(missing) = arguments.only.iter().find(|name| !known.contains(name.as_str())) {
        let names = variables.into_iter().map(|(name, _)| name).collect();
        return Err(Failure::Unknown(UnknownSecret(missing.clone()), names));
    }
    if !arguments.only.is_empty() {
        let wanted: BTreeSet<&String> = arguments.only.iter().collect();
        variables.retain(|(name, _)| wanted.contains(name));
    }
    Ok(Delivery { secrets: variables, ..Delivery::default() })
}

fn say_removed(environment: &Environment, log: Log) {
    if !environment.removed.is_empty() {
        let names = environment.removed.join(", ");
        log.note(&format!("{names} removed from the command's environment (keep with --keep-env)"));
    }
}

fn replace(
    program: &OsString,
    command: &[OsString],
    environment: &Environment,
    secrets: &[(String, Secret)],
    path: Option<&OsStr>,
) -> Result<Infallible, Failure> {
    let shown = program.to_string_lossy().into_owned();
    let not_found = || Failure::Exec(shown.clone(), exec::Refused::NotFound);
    let arguments = environment::arguments(command).ok_or_else(not_found)?;
    environment::check_size(&arguments, environment, secrets, exec::stack_limit()).map_err(Failure::Unfit)?;
    exec::replace(&arguments, &environment.strings, path).map_err(|refused| Failure::Exec(shown, refused))
}
