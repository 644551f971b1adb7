//! `kz run -- CMD`: resolves, then becomes CMD.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::CString;
use std::path::Path;

use crate::config::variables::Process;
use crate::exec::environment::{self, Environment, Inherit, Recipe};
use crate::exec::{self, env_file, memory_file};
use crate::log::Log;
use crate::output::{dotenv, json};
use crate::plan::{Declaration, UnknownSecret};
use crate::resolve::Resolved;
use crate::secret::Secret;
use crate::session::Hand;

use super::args::Common;
use super::args::deliver::Run;
use super::failure::Failure;
use super::invocation::Invocation;

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

/// A command that can be started.
struct Ready {
    /// As messages name it.
    shown: String,
    arguments: Vec<CString>,
    environment: Environment,
}

/// Returns only when CMD could not be started.
pub(super) fn run(
    arguments: &Run,
    common: &Common,
    process: &Process,
    log: Log,
) -> Result<Infallible, Failure> {
    if arguments.command.is_empty() {
        return Err(Failure::NoCommand);
    }
    let path = process.variable("PATH");
    let make_ready = |delivery| ready(arguments, process, delivery, log);
    let start = |Ready { shown, arguments, environment }: Ready| {
        exec::replace(&arguments, &environment.strings, path).map_err(|refused| Failure::Exec(shown, refused))
    };
    if let Some(file) = &arguments.env_file {
        return start(make_ready(from_file(file, arguments, process, log)?)?);
    }
    let invocation = Invocation::open(common, process, log)?;
    let plan = invocation.plan(&arguments.only)?;
    // What is not there is not worth a credential.
    let Command { shown, arguments: words } = command(arguments)?;
    let look = || exec::look_for(&words, path).map_err(|refused| Failure::Exec(shown, refused));
    let variables = file_variables(&invocation.loaded.config.declarations);
    let is_variable = |name: &str| !variables.contains_key(name);
    let prepare = |resolved| make_ready(from_backends(&invocation, &variables, resolved)?);
    invocation.deliver(&plan, is_variable, look, prepare, Hand::Command, start)
}

/// What is to be started.
struct Command {
    shown: String,
    arguments: Vec<CString>,
}

fn command(arguments: &Run) -> Result<Command, Failure> {
    let shown = arguments.command.first().map(|program| program.to_string_lossy().into_owned());
    let shown = shown.ok_or(Failure::NoCommand)?;
    match environment::arguments(&arguments.command) {
        Some(arguments) => Ok(Command { shown, arguments }),
        None => Err(Failure::Exec(shown, exec::Refused::NotFound)),
    }
}

/// Everything that can fail before the command is started.
fn ready(arguments: &Run, process: &Process, delivery: Delivery, log: Log) -> Result<Ready, Failure> {
    let Delivery { secrets, elsewhere, credentials, mut keep } = delivery;
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
    let Command { shown, arguments } = command(arguments)?;
    environment::check_size(&arguments, &environment, &secrets, exec::stack_limit())
        .map_err(Failure::Unfit)?;
    Ok(Ready { shown, arguments, environment })
}

fn from_backends(
    invocation: &Invocation<'_>,
    variables: &BTreeMap<&str, String>,
    resolved: Vec<Resolved>,
) -> Result<Delivery, Failure> {
    let mut delivery = Delivery { credentials: invocation.credential_variables(), ..Delivery::default() };
    for secret in resolved {
        match variables.get(secret.name.as_str()) {
            None => delivery.secrets.push((secret.name, secret.value)),
            Some(variable) => {
                let place =
                    memory_file::hand_over(&secret.name, &secret.value).map_err(Failure::MemoryFile)?;
                invocation.log.detail(&format!("{} is at {place}, which {variable} names", secret.name));
                delivery.secrets.push((variable.clone(), Secret::new(place.into_bytes())));
                delivery.elsewhere.push(secret.name);
            }
        }
    }
    delivery.keep.clone_from(&invocation.loaded.config.keep_env);
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
