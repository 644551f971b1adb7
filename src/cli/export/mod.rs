//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked. `target` decides where it goes, `form` makes
//! the bytes of one file, `directory` lays out a file for each secret, `template` fills templates, `done` says who can
//! read what was written.

mod directory;
mod done;
mod form;
mod target;
pub(super) mod template;

use std::path::Path;

use crate::publish::readers::{Reader, check_entry, check_file_reader};
use crate::publish::{self, Attributes, Owner};
use crate::secret::Secret;

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
    let attributes = Attributes {
        mode: arguments.mode.unwrap_or(MODE),
        owner: arguments.owner.as_deref().map(parse_owner).transpose()?,
    };
    let reader = arguments.reader.as_deref().map(parse_reader).transpose()?;
    let plan = || session.plan(&arguments.only);
    match target {
        Target::Stdout(form) => stdout::print(form.encode(&session.resolve(&plan()?)?)?.expose()),
        Target::File(path, form) => {
            let plan = plan()?;
            if let Some(reader) = reader {
                check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
            }
            let secrets = session.resolve(&plan)?;
            let content = form.encode(&secrets)?;
            let names = secrets.iter().map(|secret| secret.name.as_str());
            let delivered: Vec<_> = names.map(|name| (name, attributes)).collect();
            write_file(session, path, &content, attributes, &delivered)
        }
        Target::Directory(path) => directory::write(session, &plan()?, path, attributes, reader),
        Target::Templates(job) => template::write(session, &job, attributes, reader),
    }
}

/// Makes `content`, in which these secrets are, the file at `path`.
fn write_file(
    session: &Session<'_>,
    path: &Path,
    content: &Secret,
    attributes: Attributes,
    delivered: &[(&str, Attributes)],
) -> Result<(), Failure> {
    let barred = check_entry(path.parent().unwrap_or(Path::new("")), attributes).err();
    let change =
        publish::publish_file(path, content, attributes, session.turn()).map_err(Failure::Publish)?;
    done::say(session, change, path, delivered, barred);
    Ok(())
}

fn parse_owner(text: &str) -> Result<Owner, Failure> {
    owner::parse(text).ok_or_else(|| Failure::Owner(text.to_owned()))
}

fn parse_reader(text: &str) -> Result<Reader, Failure> {
    parse_owner(text).map(|Owner { uid, gid }| Reader { uid, gid })
}
