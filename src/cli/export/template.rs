//! `--format template`: files in which secrets stand where templates name them.
//!
//! Invariants: every template is read and checked before a backend is asked; the secrets that they name are resolved,
//! and no others; everything is rendered before anything is written. A template is trusted as a configuration is
//! (`config::trust`): whoever writes it chooses which secrets its readers see.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::trust;
use crate::publish::readers::{Reader, check_entry, check_file_reader, check_set_reader};
use crate::publish::{self, Attributes, File, RelativePath};
use crate::resolve::Resolved;
use crate::resolve::template::{Input, LONGEST, Template, TemplateError};
use crate::secret::Secret;

use super::super::session::Session;
use super::super::stdout;
use super::{Failure, done, write_file};

/// What `--template` and `--output` mean together.
#[derive(Debug)]
pub(super) enum Job<'a> {
    /// `FILE`: printed, or in one file.
    One {
        /// The template.
        template: &'a Path,
        /// Stdout when `None`.
        output: Option<&'a Path>,
    },
    /// `SRC:DST`, once or more: a set below a directory.
    Set {
        /// Each template, and what it becomes.
        pairs: Vec<(&'a Path, RelativePath)>,
        /// Where the set is.
        directory: &'a Path,
    },
}

/// Why templates cannot be used; each is said.
#[derive(Debug)]
pub(in crate::cli) enum Trouble {
    /// The file cannot be read, or is not to be trusted.
    File(trust::Error),
    /// No values could make it render.
    Text(PathBuf, TemplateError),
    /// It names what is no secret.
    Unknown {
        /// The template.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What it names.
        name: String,
    },
    /// These values do not fit.
    Value(PathBuf, TemplateError),
}

/// A template that was read from a file.
#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    template: Template,
}

impl<'a> Job<'a> {
    /// What the values of `--template` mean with this output.
    pub(super) fn of(written: &'a [String], output: Option<&'a Path>) -> Result<Self, Failure> {
        match written {
            [] => usage("`--format template` needs a template", "name one: `--template redis.conf.tmpl`"),
            [one] if !one.contains(':') => Ok(Self::One { template: Path::new(one), output }),
            several => {
                let pairs: Vec<_> = several.iter().map(|one| pair(one)).collect::<Result<_, _>>()?;
                check_apart(&pairs)?;
                match output {
                    Some(directory) => Ok(Self::Set { pairs, directory }),
                    None => usage("`--template SRC:DST` needs a directory", "name one: `--output /secrets`"),
                }
            }
        }
    }
}

/// `SRC:DST`. The last colon separates, so that SRC may have others.
fn pair(written: &str) -> Result<(&Path, RelativePath), Failure> {
    match written.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() => match RelativePath::new(target) {
            Ok(target) => Ok((Path::new(source), target)),
            Err(error) => usage(
                &format!("the output `{target}` of `--template {written}` {error}"),
                "name a path below the directory of `--output`: `--template redis.conf.tmpl:redis.conf`",
            ),
        },
        _ => usage(
            &format!("`--template {written}` does not say which file is made of which"),
            "beside others, write `SRC:DST`: `--template redis.conf.tmpl:redis.conf`",
        ),
    }
}

/// No two make the same file, and none a file where another needs a directory.
fn check_apart(set: &[(&Path, RelativePath)]) -> Result<(), Failure> {
    for (index, (_, target)) in set.iter().enumerate() {
        let path = Path::new(target.as_str());
        let meets = |other: &Path| other.starts_with(path) || path.starts_with(other);
        if let Some((_, other)) = set[..index].iter().find(|(_, other)| meets(Path::new(other.as_str()))) {
            return usage(
                &format!("the outputs `{other}` and `{target}` need the same file"),
                "give each `--template SRC:DST` a DST of its own",
            );
        }
    }
    Ok(())
}

/// Does what `--template` asks for.
pub(super) fn write(
    session: &Session<'_>,
    job: &Job<'_>,
    attributes: Attributes,
    reader: Option<Reader>,
) -> Result<(), Failure> {
    match job {
        Job::One { template, output } => write_one(session, template, *output, attributes, reader),
        Job::Set { pairs, directory } => write_set(session, pairs, directory, attributes, reader),
    }
}

fn write_one(
    session: &Session<'_>,
    template: &Path,
    output: Option<&Path>,
    attributes: Attributes,
    reader: Option<Reader>,
) -> Result<(), Failure> {
    let known = names(session);
    let template = load(session, template, &known).map_err(|troubles| Failure::Templates(troubles, known))?;
    if let (Some(path), Some(reader)) = (output, reader) {
        check_file_reader(path, attributes, reader).map_err(Failure::Publish)?;
    }
    let secrets = resolve(session, std::slice::from_ref(&template))?;
    let content = render(&template, &secrets).map_err(unfit)?;
    match output {
        None => stdout::print(content.expose()),
        Some(path) => write_file(session, path, &content, attributes, &delivered(&secrets, attributes)),
    }
}

fn write_set(
    session: &Session<'_>,
    pairs: &[(&Path, RelativePath)],
    directory: &Path,
    attributes: Attributes,
    reader: Option<Reader>,
) -> Result<(), Failure> {
    let known = names(session);
    let templates = every(pairs.iter().map(|(path, _)| load(session, path, &known)))
        .map_err(|troubles| Failure::Templates(troubles, known))?;
    if let Some(reader) = reader {
        let files = pairs.iter().map(|(_, path)| (path, attributes));
        check_set_reader(directory, files, reader).map_err(Failure::Publish)?;
    }
    let secrets = resolve(session, &templates)?;
    let contents = every(templates.iter().map(|template| render(template, &secrets))).map_err(unfit)?;
    let file = |((_, path), content): (&(&Path, RelativePath), Secret)| File {
        path: path.clone(),
        content,
        attributes,
        origin: None,
    };
    let files: Vec<File> = pairs.iter().zip(contents).map(file).collect();
    let barred = check_entry(directory, attributes).err();
    let change = publish::publish_set(directory, &files, session.turn()).map_err(Failure::Publish)?;
    done::say(session, change, directory, &delivered(&secrets, attributes), barred);
    Ok(())
}

fn delivered(secrets: &[Resolved], attributes: Attributes) -> Vec<(&str, Attributes)> {
    secrets.iter().map(|secret| (secret.name.as_str(), attributes)).collect()
}

/// All of them; or everything that is wrong with any.
fn every<T>(results: impl Iterator<Item = Result<T, Vec<Trouble>>>) -> Result<Vec<T>, Vec<Trouble>> {
    let mut good = Vec::new();
    let mut troubles = Vec::new();
    for result in results {
        match result {
            Ok(one) => good.push(one),
            Err(more) => troubles.extend(more),
        }
    }
    if troubles.is_empty() { Ok(good) } else { Err(troubles) }
}

/// Reads a template and checks it.
fn load(session: &Session<'_>, path: &Path, known: &[String]) -> Result<Loaded, Vec<Trouble>> {
    let template = read(session.process.directory.join(path)).map_err(|trouble| vec![trouble])?;
    let unknown = unknown(&template, known);
    if unknown.is_empty() { Ok(template) } else { Err(unknown) }
}

fn read(path: PathBuf) -> Result<Loaded, Trouble> {
    let text = trust::read(&path, LONGEST).map_err(Trouble::File)?.text;
    match Template::parse(&text) {
        Ok(template) => Ok(Loaded { path, template }),
        Err(error) => Err(Trouble::Text(path, error)),
    }
}

/// What a template names that is no secret, in the order of its lines.
fn unknown(loaded: &Loaded, known: &[String]) -> Vec<Trouble> {
    let mut inputs: Vec<&Input> =
        loaded.template.inputs().iter().filter(|input| !known.contains(&input.name)).collect();
    inputs.sort_by_key(|input| input.line);
    let trouble = |Input { name, line }: &Input| Trouble::Unknown {
        path: loaded.path.clone(),
        line: *line,
        name: name.clone(),
    };
    inputs.into_iter().map(trouble).collect()
}

fn names(session: &Session<'_>) -> Vec<String> {
    session.loaded.config.declarations.iter().map(|declaration| declaration.name.clone()).collect()
}

/// The secrets that the templates name, those that are there.
fn resolve(session: &Session<'_>, templates: &[Loaded]) -> Result<Vec<Resolved>, Failure> {
    let inputs = templates.iter().flat_map(|loaded| loaded.template.inputs());
    let names: BTreeSet<String> = inputs.map(|input| input.name.clone()).collect();
    if names.is_empty() {
        // To a plan, no names are all of them.
        return Ok(Vec::new());
    }
    session.resolve(&session.plan(&names.into_iter().collect::<Vec<_>>())?)
}

/// What a template comes to; or why these values do not fit it.
fn render(Loaded { path, template }: &Loaded, secrets: &[Resolved]) -> Result<Secret, Vec<Trouble>> {
    let values: Vec<(&str, &Secret)> =
        secrets.iter().map(|secret| (secret.name.as_str(), &secret.value)).collect();
    let inputs = template.inputs().iter().map(|input| input.name.as_str());
    let absent: Vec<&str> =
        inputs.filter(|input| values.iter().all(|(present, _)| present != input)).collect();
    template.render(&values, &absent).map_err(|error| vec![Trouble::Value(path.clone(), error)])
}

fn unfit(troubles: Vec<Trouble>) -> Failure {
    Failure::Templates(troubles, Vec::new())
}

fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure::Usage(message.to_owned(), hint.to_owned()))
}
