//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked. `target` decides where it goes, `crate::export` does
//! it, `done` says who can read what was written.

mod done;
mod target;
pub(super) mod watch;

use std::collections::BTreeSet;
use std::path::Path;

use crate::delivery::{Attributes, Owner};
use crate::export::content::Content;
use crate::export::{self, Export, Material, Rules, owner};
use crate::plan::Plan;
use crate::provider::{Lease, Leases};
use crate::publish::DIRECTORY_MODE;
use crate::publish::readers::Reader;
use crate::resolve::{Kept, Resolved};
use crate::session::Hand;

use super::args::deliver::Export as Arguments;
use super::failure::Failure;
use super::invocation::Invocation;
use super::stdout;
use target::Target;

/// Only its owner reads it.
const MODE: u32 = 0o400;

/// Runs `kz export`.
pub(super) fn export(arguments: &Arguments, invocation: &Invocation<'_>) -> Result<(), Failure> {
    let config = &invocation.loaded.config;
    let target = Target::of(arguments, &config.outputs, &invocation.process.directory)?;
    let rules = rules(arguments)?;
    let material = Material { declarations: &config.declarations, base: invocation.loaded.base() };
    match target {
        Target::Stdout(_) if stdout::is_terminal() && !arguments.reveal => Err(Failure::Terminal),
        Target::Stdout(written) => {
            let content = Content::open(&written, material.base, material.declarations)?;
            let names = content.names().map(Iterator::collect);
            let plan = plan(invocation, names, &arguments.only)?;
            let takes = |name: &str| content.takes_line_break(name);
            let print = |secrets: Vec<Resolved>| stdout::print(content.make(&secrets)?.expose());
            invocation.deliver(&plan, takes, || Ok(()), print, Hand::Reader, Ok)
        }
        Target::File(path, written) => {
            let export = Export::to_file(path, &written, material, rules)?;
            write(&export, path, invocation, &arguments.only)
        }
        Target::Set(path, outputs) => {
            // Without this look a name that nobody has would make an empty set, which takes the place of the old one.
            invocation.plan(&arguments.only)?;
            let export = Export::to_set(path, &outputs, material, rules)?;
            write(&export, path, invocation, &[])
        }
    }
}

/// What the options say of everything that is written.
fn rules(arguments: &Arguments) -> Result<Rules, export::Error> {
    let owner = arguments.owner.as_deref().map(owner::parse).transpose()?;
    let reader = arguments.reader.as_deref().map(owner::parse).transpose()?;
    Ok(Rules {
        attributes: Attributes { mode: arguments.mode.unwrap_or(MODE), owner },
        directory_mode: arguments.dir_mode.unwrap_or(DIRECTORY_MODE),
        reader: reader.map(|Owner { uid, gid }| Reader { uid, gid }),
    })
}

/// What is read: what an export names, or else `only` these secrets, or all.
fn plan<'a>(
    invocation: &'a Invocation<'_>,
    names: Option<BTreeSet<&str>>,
    only: &[String],
) -> Result<Plan<'a>, Failure> {
    match names {
        Some(names) => Ok(Plan::of(&invocation.loaded.config.declarations, &names)),
        None => invocation.plan(only),
    }
}

fn write(
    export: &Export<'_>,
    path: &Path,
    invocation: &Invocation<'_>,
    only: &[String],
) -> Result<(), Failure> {
    let plan = plan(invocation, export.names(), only)?;
    export.check_reader()?;
    let takes = |name: &str| export.takes_line_break(name);
    let look = || Ok(export.look()?);
    let write = |secrets: Vec<Resolved>| {
        let done = export.write(&secrets, invocation.turn())?;
        done::say(&done, path, invocation);
        leave(export, &plan, &secrets, invocation);
        Ok(())
    };
    invocation.deliver_but(|| left(export, invocation), &plan, takes, look, write, Hand::Files, Ok)
}

/// What an earlier export was lent, where that may be gone on with.
pub(super) fn left(export: &Export<'_>, invocation: &Invocation<'_>) -> Vec<Kept> {
    match invocation.loaded.config.leases {
        Leases::Renew => export.left(),
        Leases::Reissue | Leases::Exit => Vec::new(),
    }
}

/// Leaves a note of what was lent. Without it others take credentials of their own, so that it is no error.
pub(super) fn leave(export: &Export<'_>, plan: &Plan<'_>, secrets: &[Resolved], invocation: &Invocation<'_>) {
    if !secrets.iter().any(|secret| secret.lease.as_ref().is_some_and(Lease::is_lent)) {
        return;
    }
    if let Err(error) = export.leave(plan, secrets, invocation.turn()) {
        invocation
            .log
            .warn(&format!("{error}; the secrets are there, and the next export takes other credentials"));
    }
}
