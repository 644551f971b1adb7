//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked. `target` decides where it goes, `form` makes
//! the bytes of one file, `directory` lays out a file for each secret, `done` says who can read what was written.

mod directory;
mod done;
mod form;
mod target;

use std::path::Path;

use crate::publish::readers::{Reader, check_entry, check_file_reader};
use crate::publish::{self, Attributes, Owner};

use super::args::deliver::Export;
use super::owner;
use super::report::Failure;
use super::session::Session;
use super::stdout;
use target::Target;

/// Only its owner reads it.
const MODE: u32 = 0o400;

/// Runs `kz export`.
pub(super) fn export(arguments: &Export, session: &Session<'_>) -> Result<(), Failure> {
    let target = Target::of(arguments)?;
    if matches!(target, Target::Stdout(_)) && stdout::is_terminal() && !arguments.reveal {
        return Err(Failure::Terminal);
    }
    let attributes = Attributes {
        mode: arguments.mode.unwrap_or(MODE),
        owner: arguments.owner.as_deref().map(parse_owner).transpose()?,
    };
    let plan = session.plan(&arguments.only)?;
    let reader = arguments.reader.as_deref().map(parse_reader).transpose()?;
    match target {
        Target::Stdout(form) => stdout::print(form.encode(&session.resolve(&plan)?)?.expose()),
        Target::File(path, form) => {
            if let Some(reader) = reader {
                check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
            }
            let secrets = session.resolve(&plan)?;
            let content = form.encode(&secrets)?;
            let barred = check_entry(path.parent().unwrap_or(Path::new("")), attributes).err();
            let change = publish::publish_file(path, &content, attributes, session.turn());
            let change = change.map_err(Failure::Publish)?;
            let names = secrets.iter().map(|secret| secret.name.as_str());
            done::say(
                session,
                change,
                path,
                &names.map(|name| (name, attributes)).collect::<Vec<_>>(),
                barred,
            );
            Ok(())
        }
        Target::Directory(path) => directory::write(session, &plan, path, attributes, reader),
    }
}

fn parse_owner(text: &str) -> Result<Owner, Failure> {
    owner::parse(text).ok_or_else(|| Failure::Owner(text.to_owned()))
}

fn parse_reader(text: &str) -> Result<Reader, Failure> {
    parse_owner(text).map(|Owner { uid, gid }| Reader { uid, gid })
}
