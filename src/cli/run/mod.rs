//! `kz run -- CMD`: resolves, then becomes CMD, or with `--supervise` stays its parent.

pub(super) mod supervise;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;

use crate::config::variables::Process;
use crate::exec::child::{Child, Given, Inherit, Refused, Words};
use crate::exec::{env_file, memory_file};
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
    let make_ready = |given| {
        let child = ready(arguments, process, given)?;
        note_removed(&child, log);
        Ok(child)
    };
    let start =
        |child: Child| child.replace(path).map_err(|refused| Failure::Exec(shown(arguments), refused));
    if let Some(file) = &arguments.env_file {
        return start(make_ready(from_file(file, arguments, process, log)?)?);
    }
    let invocation = Invocation::open(common, process, log)?;
    let plan = invocation.plan(&arguments.only)?;
    // What is not there is not worth a credential.
    let words = words(arguments)?;
    let look = || words.look_for(path).map_err(|refused| Failure::Exec(shown(arguments), refused));
    let variables = file_variables(&invocation.loaded.config.declarations);
    let is_variable = |name: &str| !variables.contains_key(name);
    let prepare = |resolved| make_ready(from_backends(&invocation, &variables, resolved)?);
    invocation.deliver(&plan, is_variable, look, prepare, Hand::Command, start)
}

/// The command, as messages name it.
fn shown(arguments: &Run) -> String {
    arguments.command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
}

fn words(arguments: &Run) -> Result<Words, Failure> {
    Words::of(&arguments.command).ok_or_else(|| Failure::Exec(shown(arguments), Refused::NotFound))
}

/// Everything that can fail before the command is started.
fn ready(arguments: &Run, process: &Process, mut given: Given) -> Result<Child, Failure> {
    given.keep.extend(arguments.keep_env.iter().cloned());
    let inherit = if arguments.clean_env { Inherit::Kept } else { Inherit::All };
    Child::prepare(words(arguments)?, &process.variables, inherit, given).map_err(Failure::Unfit)
}

fn note_removed(child: &Child, log: Log) {
    if !child.removed().is_empty() {
        let names = child.removed().join(", ");
        log.note(&format!("{names} removed from the command's environment (keep with --keep-env)"));
    }
}

fn from_backends(
    invocation: &Invocation<'_>,
    variables: &BTreeMap<&str, String>,
    resolved: Vec<Resolved>,
) -> Result<Given, Failure> {
    let mut given = Given { credentials: invocation.credential_variables(), ..Given::default() };
    for secret in resolved {
        match variables.get(secret.name.as_str()) {
            None => given.secrets.push((secret.name, secret.value)),
            Some(variable) => {
                let (place, open) =
                    memory_file::hand_over(&secret.name, &secret.value).map_err(Failure::MemoryFile)?;
                given.open.push(open);
                invocation.log.detail(&format!("{} is at {place}, which {variable} names", secret.name));
                given.secrets.push((variable.clone(), Secret::new(place.into_bytes())));
                given.elsewhere.push(secret.name);
            }
        }
    }
    given.keep.clone_from(&invocation.loaded.config.keep_env);
    Ok(given)
}

/// The variables that name the open files of secrets, by those that are delivered so.
fn file_variables(declarations: &[Declaration]) -> BTreeMap<&str, String> {
    declarations.iter().filter_map(|one| Some((one.name.as_str(), one.file_variable()?))).collect()
}

fn from_file(path: &Path, arguments: &Run, process: &Process, log: Log) -> Result<Given, Failure> {
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
    if variables.is_empty() {
        log.warn(&format!("`{}` sets no variable, so the command gets none of it", path.display()));
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
    Ok(Given { secrets: variables, ..Given::default() })
}
