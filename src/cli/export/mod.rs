//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked. `target` decides where it goes, `content` makes
//! the bytes of one file (`form`, `template`), `set` fills a directory with `part`s, `done` says who can read what was
//! written.

mod content;
mod done;
mod form;
mod part;
mod set;
mod target;
pub(super) mod template;

use std::path::Path;

use crate::publish::readers::{self, Reader, check_entry, check_file_reader};
use crate::publish::{self, Attributes, DIRECTORY_MODE, Owner};
use crate::resolve::Resolved;

use super::args::deliver::Export;
use super::owner;
use super::report::Failure;
use super::session::{Hand, Session};
use super::stdout;
use content::{Content, Kind};
use set::Rules;
use target::Target;

/// Only its owner reads it.
const MODE: u32 = 0o400;

/// Runs `kz export`.
pub(super) fn export(arguments: &Export, session: &Session<'_>) -> Result<(), Failure> {
    let target = Target::of(arguments, &session.loaded.config.outputs, &session.process.directory)?;
    let rules = Rules {
        attributes: Attributes {
            mode: arguments.mode.unwrap_or(MODE),
            owner: arguments.owner.as_deref().map(parse_owner).transpose()?,
        },
        directory_mode: arguments.dir_mode.unwrap_or(DIRECTORY_MODE),
        reader: arguments.reader.as_deref().map(parse_reader).transpose()?,
    };
    match target {
        Target::Stdout(_) if stdout::is_terminal() && !arguments.reveal => Err(Failure::Terminal),
        Target::Stdout(kind) => {
            let content = Content::open(kind, session)?;
            let plan = content.plan(session, &arguments.only)?;
            let takes = |name: &str| content.takes_line_break(name);
            let print = |secrets: Vec<Resolved>| stdout::print(content.make(&secrets)?.expose());
            session.deliver(&plan, takes, || Ok(()), print, Hand::Reader, Ok)
        }
        Target::File(path, kind) => write_file(session, kind, &arguments.only, path, rules),
        Target::Set(path, outputs) => set::write(session, &outputs, path, rules),
    }
}

/// All secrets that a content needs in one file.
fn write_file(
    session: &Session<'_>,
    kind: Kind,
    only: &[String],
    path: &Path,
    Rules { attributes, reader, .. }: Rules,
) -> Result<(), Failure> {
    let content = Content::open(kind, session)?;
    let plan = content.plan(session, only)?;
    if let Some(reader) = reader {
        check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    let look = || publish::check_file(path).map_err(Failure::Publish);
    let write = |secrets: Vec<Resolved>| {
        let made = content.make(&secrets)?;
        let (barred, group) = (check_entry(directory, attributes).err(), readers::group(directory));
        let change =
            publish::publish_file(path, &made, attributes, session.turn()).map_err(Failure::Publish)?;
        let delivered: Vec<_> = secrets.iter().map(|secret| (secret.name.as_str(), attributes)).collect();
        let what = done::count(secrets.len(), "secret");
        done::Done { session, change, path, group, root: true }.say(&what, &delivered, barred);
        Ok(())
    };
    session.deliver(&plan, |name| content.takes_line_break(name), look, write, Hand::Files, Ok)
}

fn parse_owner(text: &str) -> Result<Owner, Failure> {
    owner::parse(text).ok_or_else(|| Failure::Owner(text.to_owned()))
}

fn parse_reader(text: &str) -> Result<Reader, Failure> {
    parse_owner(text).map(|Owner { uid, gid }| Reader { uid, gid })
}
