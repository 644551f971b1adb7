//! Where an export goes: what `--format` and `--output` mean together.
//!
//! Pure. Options that do not go together are refused here, before anything is asked or looked at.

use std::path::Path;

use crate::config::output::Output;

use super::super::args::deliver::{Export, Format};
use super::Failure;
use super::content::Kind;
use super::form::Form;
use super::template::Written;

/// Where an export goes.
pub(super) enum Target<'a> {
    /// One content, printed.
    Stdout(Kind),
    /// One content, in this file.
    File(&'a Path, Kind),
    /// These, in this directory.
    Set(&'a Path, Vec<Output>),
}

impl<'a> Target<'a> {
    /// The target that the options mean together; `outputs` are the configuration's, and what the command line names
    /// is relative to `directory`.
    pub(super) fn of(arguments: &'a Export, outputs: &[Output], directory: &Path) -> Result<Self, Failure> {
        check_belonging(arguments)?;
        let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
        if arguments.reveal && path.is_some() {
            return usage("`--reveal` is about stdout", "leave it out: with `--output` nothing is shown");
        }
        match arguments.format {
            None => of_outputs(arguments, outputs, path),
            Some(Format::Template) => of_templates(arguments, path, directory),
            Some(Format::Files) => match path {
                Some(path) => Ok(Target::Set(path, vec![Output::of_files(&arguments.only)])),
                None => usage(
                    "`--format files` needs a directory",
                    "name one: `kz export --format files --output /secrets`",
                ),
            },
            Some(Format::Env) => one(arguments, path, Kind::Form(Form::env(arguments))),
            Some(Format::Json) => one(arguments, path, Kind::Form(Form::json(arguments))),
            Some(Format::Shell) => one(arguments, path, Kind::Form(Form::shell(arguments))),
        }
    }
}

/// One file, or stdout.
fn one<'a>(arguments: &Export, path: Option<&'a Path>, kind: Kind) -> Result<Target<'a>, Failure> {
    match path {
        Some(_) if arguments.dir_mode.is_some() => usage(
            "`--dir-mode` is for the directories of a set, and this format writes one file",
            "leave it out, or write `--format files`",
        ),
        Some(path) => Ok(Target::File(path, kind)),
        None if arguments.mode.is_some() || arguments.owner.is_some() || arguments.reader.is_some() => {
            usage("`--mode`, `--owner` and `--for` need a file", "name one: `--output /secrets/.env`")
        }
        None if arguments.dir_mode.is_some() => {
            usage("`--dir-mode` needs a directory", "name one: `kz export --format files --output /secrets`")
        }
        None => Ok(Target::Stdout(kind)),
    }
}

/// Without `--format` the configuration says what is written.
fn of_outputs<'a>(
    arguments: &Export,
    outputs: &[Output],
    path: Option<&'a Path>,
) -> Result<Target<'a>, Failure> {
    if outputs.is_empty() {
        return usage(
            "neither `--format` nor `[[outputs]]` in the configuration says what to write",
            "`kz export --format env --output /secrets/.env`, or `[[outputs]]` and `kz export --output /secrets`",
        );
    }
    if !arguments.only.is_empty() {
        return usage(
            "`--only` does not go together with `[[outputs]]`",
            "write `only = […]` in the output, or say what to write with `--format`",
        );
    }
    match path {
        Some(path) => Ok(Target::Set(path, outputs.to_vec())),
        None => usage(
            "`[[outputs]]` need a directory",
            "name one: `kz export --output /secrets`; with `--format` one form goes to stdout",
        ),
    }
}

/// One template is a file, and `SRC:DST`, once or more, a set.
fn of_templates<'a>(
    arguments: &Export,
    path: Option<&'a Path>,
    directory: &Path,
) -> Result<Target<'a>, Failure> {
    if !arguments.only.is_empty() {
        return usage(
            "`--only` does not go with `--format template`",
            "leave it out: the secrets that the templates name are resolved, and no others",
        );
    }
    match (Written::of(&arguments.template)?, path) {
        (Written::One(template), _) => one(arguments, path, Kind::Template(directory.join(template))),
        (Written::Set(pairs), Some(path)) => {
            let output = |(source, target): (&Path, _)| Output::of_template(directory.join(source), target);
            Ok(Target::Set(path, pairs.into_iter().map(output).collect()))
        }
        (Written::Set(_), None) => {
            usage("`--template SRC:DST` needs a directory", "name one: `--output /secrets`")
        }
    }
}

/// Options that mean something to one format only.
fn check_belonging(arguments: &Export) -> Result<(), Failure> {
    let is = |format| arguments.format == Some(format);
    if !arguments.template.is_empty() && !is(Format::Template) {
        return usage("`--template` belongs to `--format template`", "write `--format template`");
    }
    if arguments.dialect.is_some() && !is(Format::Env) {
        return usage(
            "`--dialect` belongs to `--format env`",
            "leave it out, or write `--format env`: the other formats have one form each",
        );
    }
    if arguments.shell.is_some() && !is(Format::Shell) {
        return usage(
            "`--shell` belongs to `--format shell`",
            "leave it out; for a file that a shell sources, write `--format env --dialect sh`",
        );
    }
    if arguments.json_bytes.is_some() && !is(Format::Json) {
        return usage(
            "`--json-bytes` belongs to `--format json`",
            "leave it out: the other formats hold bytes or refuse them",
        );
    }
    Ok(())
}

/// A usage error.
pub(super) fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure::Usage(message.to_owned(), hint.to_owned()))
}
