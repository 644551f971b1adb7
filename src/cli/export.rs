//! `kz export`: resolves, encodes, publishes; or changes nothing.
//!
//! What can be refused without a backend is refused before one is asked.

use std::collections::BTreeMap;
use std::path::Path;

use crate::output::{self, Item, Refusal, json};
use crate::plan::{Plan, Use};
use crate::publish::readers::{Reader, check_entry, check_file_reader, check_set_reader};
use crate::publish::{self, Attributes, Change, File, Owner, RelativePath};
use crate::resolve::Resolved;
use crate::secret::Secret;

use super::args::{Export, Format, JsonBytes};
use super::owner;
use super::report::Failure;
use super::session::Session;
use super::stdout;

/// Only its owner reads it.
const MODE: u32 = 0o400;

/// Where an export goes.
enum Target<'a> {
    Stdout,
    File(&'a Path),
    Directory(&'a Path),
}

/// Runs `kz export`.
pub(super) fn export(arguments: &Export, session: &Session<'_>) -> Result<(), Failure> {
    let target = target(arguments)?;
    let attributes = Attributes {
        mode: arguments.mode.unwrap_or(MODE),
        owner: arguments.owner.as_deref().map(parse_owner).transpose()?,
    };
    let plan = session.plan(&arguments.only)?;
    let reader = arguments.reader.as_deref().map(parse_reader).transpose()?;
    match target {
        Target::Stdout => stdout::print(encode(arguments, &session.resolve(&plan)?)?.expose()),
        Target::File(path) => {
            if let Some(reader) = reader {
                check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
            }
            let secrets = session.resolve(&plan)?;
            let content = encode(arguments, &secrets)?;
            let barred = check_entry(path.parent().unwrap_or(Path::new("")), attributes).err();
            let change = publish::publish_file(path, &content, attributes, session.turn());
            let change = change.map_err(Failure::Publish)?;
            let names = secrets.iter().map(|secret| secret.name.as_str());
            say(session, change, path, &names.map(|name| (name, attributes)).collect::<Vec<_>>(), barred);
            Ok(())
        }
        Target::Directory(path) => to_directory(session, &plan, path, attributes, reader),
    }
}

/// The target that `--format` and `--output` mean together.
fn target(arguments: &Export) -> Result<Target<'_>, Failure> {
    let usage = |message: &str, hint: &str| Err(Failure::Usage(message.to_owned(), hint.to_owned()));
    if arguments.json_bytes.is_some() && arguments.format != Format::Json {
        return usage(
            "`--json-bytes` belongs to `--format json`",
            "leave it out: the other formats hold bytes or refuse them",
        );
    }
    let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
    match (path, arguments.format) {
        (Some(path), Format::Files) => Ok(Target::Directory(path)),
        (Some(path), Format::Env | Format::Json) => Ok(Target::File(path)),
        (None, Format::Files) => usage(
            "`--format files` needs a directory",
            "name one: `kz export --format files --output /secrets`",
        ),
        (None, Format::Env | Format::Json) => {
            if arguments.mode.is_some() || arguments.owner.is_some() || arguments.reader.is_some() {
                return usage(
                    "`--mode`, `--owner` and `--for` need a file",
                    "name one: `--output /secrets/.env`",
                );
            }
            Ok(Target::Stdout)
        }
    }
}

fn parse_owner(text: &str) -> Result<Owner, Failure> {
    owner::parse(text).ok_or_else(|| Failure::Owner(text.to_owned()))
}

fn parse_reader(text: &str) -> Result<Reader, Failure> {
    parse_owner(text).map(|Owner { uid, gid }| Reader { uid, gid })
}

/// The one file that a format is, or every secret that it cannot hold.
fn encode(arguments: &Export, secrets: &[Resolved]) -> Result<Secret, Failure> {
    let items: Vec<Item> = secrets
        .iter()
        .map(|secret| Item { name: secret.name.clone(), value: secret.value.clone() })
        .collect();
    let (encoded, hint) = match (arguments.format, arguments.json_bytes) {
        (Format::Json, Some(JsonBytes::Base64)) => (json::encode(&items, json::Bytes::Base64), ""),
        (Format::Json, None) => (
            json::encode(&items, json::Bytes::Refuse),
            "`--json-bytes base64` marks such values, `--format files` writes any bytes",
        ),
        (Format::Env | Format::Files, _) => (
            output::dotenv::encode(&items),
            "`--format files` carries any value and name; `--only` leaves some out",
        ),
    };
    encoded.map_err(|refusals: Vec<Refusal>| Failure::Output(refusals, hint))
}

fn to_directory(
    session: &Session<'_>,
    plan: &Plan<'_>,
    path: &Path,
    attributes: Attributes,
    reader: Option<Reader>,
) -> Result<(), Failure> {
    let mut places: BTreeMap<&str, (RelativePath, Attributes)> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.usage == Use::Delivered) {
        let delivery = &step.declaration.delivery;
        let file = match &delivery.file {
            Some(file) => file.clone(),
            None => RelativePath::new(&step.declaration.name).map_err(|error| {
                Failure::Usage(
                    format!("`{}` cannot be a file: {error}", step.declaration.name),
                    "give it a `file`".into(),
                )
            })?,
        };
        let owner = delivery.owner.as_deref().map(parse_owner).transpose()?.or(attributes.owner);
        let own = Attributes { mode: delivery.mode.unwrap_or(attributes.mode), owner };
        places.insert(&step.declaration.name, (file, own));
    }
    if let Some(reader) = reader {
        let files = places.values().map(|(file, attributes)| (file, *attributes));
        check_set_reader(path, files, reader).map_err(Failure::Publish)?;
    }
    let secrets = session.resolve(plan)?;
    let mut delivered: Vec<(&str, Attributes)> = Vec::new();
    let mut files: Vec<File> = Vec::new();
    for secret in &secrets {
        let Some((path, attributes)) = places.remove(secret.name.as_str()) else { continue };
        delivered.push((&secret.name, attributes));
        files.push(File { path, content: secret.value.clone(), attributes, origin: secret.origin.clone() });
    }
    let barred = groups(&delivered).iter().find_map(|(owned, _)| check_entry(path, *owned).err());
    let change = publish::publish_set(path, &files, session.turn()).map_err(Failure::Publish)?;
    say(session, change, path, &delivered, barred);
    Ok(())
}

/// Who can read it: a 0400 file of the wrong owner is the commonest surprise. One line, or one more
/// for each mode and owner where they differ.
fn say(
    session: &Session<'_>,
    change: Change,
    path: &Path,
    delivered: &[(&str, Attributes)],
    barred: Option<publish::Error>,
) {
    let number = delivered.len();
    let secrets = if number == 1 { "1 secret".to_owned() } else { format!("{number} secrets") };
    let Some((_, first)) = delivered.first() else {
        session.log.note(&format!("wrote no secrets to {}: none is there", path.display()));
        return;
    };
    let done = match change {
        Change::Written => format!("wrote {secrets} to {}", path.display()),
        Change::Unchanged => format!("{secrets} in {} unchanged", path.display()),
    };
    if delivered.iter().all(|(_, other)| other == first) {
        session.log.note(&format!("{done}, {}", access(session, *first, "them")));
    } else {
        session.log.note(&format!("{done}, modes and owners as configured"));
        for (attributes, names) in groups(delivered) {
            session.log.note(&access(session, attributes, &names.join(", ")));
        }
    }
    if let Some(error) = barred {
        session.log.warn(&error.to_string());
    }
}

/// `mode 0400, owner 999: only uid 999 and root can read them`.
fn access(session: &Session<'_>, attributes: Attributes, what: &str) -> String {
    let owner = attributes.owner.map_or(session.process.uid, |owner| owner.uid);
    format!("mode {:04o}, owner {owner}: {} can read {what}", attributes.mode, attributes.readers())
}

/// The names that share mode and owner, in the order of their first.
fn groups<'a>(delivered: &[(&'a str, Attributes)]) -> Vec<(Attributes, Vec<&'a str>)> {
    let mut groups: Vec<(Attributes, Vec<&str>)> = Vec::new();
    for (name, attributes) in delivered {
        match groups.iter_mut().find(|(known, _)| known == attributes) {
            Some((_, names)) => names.push(name),
            None => groups.push((*attributes, vec![name])),
        }
    }
    groups
}
