//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked. `target` decides where it goes, `form` makes
//! the bytes of one file, `set` fills a directory with `part`s, `done` says who can read what was written.

mod done;
mod form;
mod part;
mod set;
mod target;
mod template_file;

use std::path::Path;

use crate::config::output::Output;
use crate::plan::Plan;
use crate::publish::readers::{Reader, check_entry, check_file_reader};
use crate::publish::{self, Attributes, DIRECTORY_MODE, Owner};

use super::args::deliver::Export;
use super::owner;
use super::report::Failure;
use super::session::Session;
use super::stdout;
use form::Form;
use set::Rules;
use target::Target;

/// Only its owner reads it.
const MODE: u32 = 0o400;

/// Runs `kz export`.
pub(super) fn export(arguments: &Export, session: &Session<'_>) -> Result<(), Failure> {
    let outputs = &session.loaded.config.outputs;
    let target = Target::of(arguments, outputs)?;
    let rules = Rules {
        attributes: Attributes {
            mode: arguments.mode.unwrap_or(MODE),
            owner: arguments.owner.as_deref().map(parse_owner).transpose()?,
        },
        directory_mode: arguments.dir_mode.unwrap_or(DIRECTORY_MODE),
        reader: arguments.reader.as_deref().map(parse_reader).transpose()?,
    };
    let plan = session.plan(&arguments.only)?;
    match target {
        Target::Stdout(form) => stdout::print(form.encode(&session.resolve(&plan)?)?.expose()),
        Target::File(path, form) => write_file(session, &plan, path, form, rules),
        Target::Directory(path) => set::write(session, &[Output::of_files(&arguments.only)], path, rules),
        Target::Outputs(path) => set::write(session, outputs, path, rules),
    }
}

/// All secrets of a plan in one file.
fn write_file(
    session: &Session<'_>,
    plan: &Plan<'_>,
    path: &Path,
    form: Form,
    Rules { attributes, reader, .. }: Rules,
) -> Result<(), Failure> {
    if let Some(reader) = reader {
        check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
    }
    let secrets = session.resolve(plan)?;
    let content = form.encode(&secrets)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let barred = check_entry(directory, attributes).err();
    let change = publish::publish_file(path, &content, attributes, session.turn());
    let change = change.map_err(Failure::Publish)?;
    let delivered: Vec<_> = secrets.iter().map(|secret| (secret.name.as_str(), attributes)).collect();
    let what = done::count(secrets.len(), "secret");
    done::Done { session, change, path, directory }.say(&what, &delivered, barred);
    Ok(())
}

fn parse_owner(text: &str) -> Result<Owner, Failure> {
    owner::parse(text).ok_or_else(|| Failure::Owner(text.to_owned()))
}

fn parse_reader(text: &str) -> Result<Reader, Failure> {
    parse_owner(text).map(|Owner { uid, gid }| Reader { uid, gid })
}
