//! `--format files`: a file for each secret, in one set.

use std::collections::BTreeMap;
use std::path::Path;

use crate::plan::{Plan, Use};
use crate::publish::readers::{Reader, check_entry, check_set_reader};
use crate::publish::{self, Attributes, File, RelativePath};

use super::super::session::Session;
use super::{Failure, done, parse_owner};

/// Where the file of a secret goes, by the secret's name, and whose it is.
type Places<'a> = BTreeMap<&'a str, (RelativePath, Attributes)>;

/// Makes the secrets of a plan the set that `path` holds.
pub(super) fn write(
    session: &Session<'_>,
    plan: &Plan<'_>,
    path: &Path,
    attributes: Attributes,
    reader: Option<Reader>,
) -> Result<(), Failure> {
    let mut places = places(plan, attributes)?;
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
    let barred = done::groups(&delivered).iter().find_map(|(owned, _)| check_entry(path, *owned).err());
    let change = publish::publish_set(path, &files, session.turn()).map_err(Failure::Publish)?;
    done::say(session, change, path, &delivered, barred);
    Ok(())
}

/// What the configuration says of each file; `attributes` are those of a file of which it says nothing.
fn places<'a>(plan: &Plan<'a>, attributes: Attributes) -> Result<Places<'a>, Failure> {
    let mut places = Places::new();
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
    Ok(places)
}
