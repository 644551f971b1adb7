//! `kz run -- CMD`: resolves, then becomes CMD.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;

use crate::config::variables::Process;
use crate::exec::environment::{self, Environment, Inherit, Recipe};
use crate::exec::{self, env_file};
use crate::log::Log;
use crate::output::dotenv;
use crate::secret::Secret;

use super::args::{Common, Run};
use super::report::Failure;
use super::session::Session;

/// Returns only when CMD could not be started.
pub(super) fn run(
    arguments: &Run,
    common: &Common,
    process: Process,
    log: Log,
) -> Result<Infallible, Failure> {
    let Some(program) = arguments.command.first() else { return Err(no_command()) };
    let mut keep = arguments.keep_env.clone();
    let mut credentials = Vec::new();
    let mut secrets = match &arguments.env_file {
        Some(path) => from_file(path, arguments, &process)?,
        None => Vec::new(),
    };
    let process = if arguments.env_file.is_none() || common.config.is_some() {
        let session = Session::open(common, process, log)?;
        let resolved = session.resolve(&session.plan(&arguments.only)?)?;
        credentials = session.credential_variables();
        keep.extend(session.loaded.config.keep_env.iter().cloned());
        // What is resolved now is newer than what a file holds.
        secrets.retain(|(name, _)| resolved.iter().all(|secret| secret.name != *name));
        secrets.extend(resolved.into_iter().map(|secret| (secret.name, secret.value)));
        session.process
    } else {
        process
    };
    let recipe = Recipe {
        inherited: &process.variables,
        inherit: if arguments.clean_env { Inherit::Kept } else { Inherit::All },
        keep: &keep,
        credentials: &credentials,
        secrets: &secrets,
    };
    let environment = environment::build(&recipe).map_err(Failure::Unfit)?;
    say_removed(&environment, log);
    replace(program, &arguments.command, &environment, &secrets)
}

fn no_command() -> Failure {
    Failure::Usage(
        "`kz run --` has no command to become".to_owned(),
        "Compose drops the image's CMD when `entrypoint:` is set: write the command as `command:` too, or after `--`"
            .to_owned(),
    )
}

fn from_file(path: &Path, arguments: &Run, process: &Process) -> Result<Vec<(String, Secret)>, Failure> {
    let trust = env_file::Trust { ours: process.uid, also: arguments.from_uid };
    let patience = arguments.wait.unwrap_or_default();
    let content = env_file::read(path, trust, patience).map_err(Failure::EnvFile)?;
    let mut variables =
        dotenv::decode(&content).map_err(|error| Failure::EnvFileLine(path.to_owned(), error))?;
    let dangerous: Vec<String> = variables
        .iter()
        .map(|(name, _)| name)
        .filter(|name| env_file::is_dangerous(name) && !arguments.allow.contains(name))
        .cloned()
        .collect();
    if !dangerous.is_empty() {
        return Err(Failure::Dangerous(path.to_owned(), dangerous));
    }
    if !arguments.only.is_empty() && arguments.env_file.is_some() {
        let names: BTreeSet<&String> = arguments.only.iter().collect();
        if let Some(missing) = names.iter().find(|name| variables.iter().all(|(known, _)| known != **name)) {
            let known = variables.into_iter().map(|(name, _)| name).collect();
            return Err(Failure::Unknown(crate::plan::UnknownSecret((*missing).clone()), known));
        }
        variables.retain(|(name, _)| names.contains(name));
    }
    Ok(variables)
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
) -> Result<Infallible, Failure> {
    let shown = program.to_string_lossy().into_owned();
    let not_found = || Failure::Exec(shown.clone(), exec::Refused::NotFound);
    let arguments = environment::arguments(command).ok_or_else(not_found)?;
    environment::check_size(&arguments, environment, secrets, exec::stack_limit()).map_err(Failure::Unfit)?;
    exec::replace(&arguments, &environment.strings).map_err(|refused| Failure::Exec(shown, refused))
}
