//! Where an export goes: what `--format` and `--output` mean together.
//!
//! Pure. Options that do not go together are refused here, before anything is asked or looked at.

use std::path::Path;

use crate::config::output::Output;

use super::super::args::deliver::{Export, Format};
use super::Failure;
use super::form::Form;

/// Where an export goes.
pub(super) enum Target<'a> {
    /// One form, printed.
    Stdout(Form),
    /// One form, in this file.
    File(&'a Path, Form),
    /// A file for each secret, in this directory.
    Directory(&'a Path),
    /// What the configuration says, in this directory.
    Outputs(&'a Path),
}

impl<'a> Target<'a> {
    /// The target that the options mean together; `outputs` are the configuration's.
    pub(super) fn of(arguments: &'a Export, outputs: &[Output]) -> Result<Self, Failure> {
        check_belonging(arguments)?;
        let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
        let Some(format) = arguments.format else { return of_outputs(arguments, outputs, path) };
        match (path, Form::of(format, arguments)) {
            (Some(path), None) => Ok(Target::Directory(path)),
            (Some(_), Some(_)) if arguments.dir_mode.is_some() => usage(
                "`--dir-mode` is for the directories of a set, and this format writes one file",
                "leave it out, or write `--format files`",
            ),
            (Some(path), Some(form)) => Ok(Target::File(path, form)),
            (None, None) => usage(
                "`--format files` needs a directory",
                "name one: `kz export --format files --output /secrets`",
            ),
            (None, Some(form)) => {
                if arguments.mode.is_some() || arguments.owner.is_some() || arguments.reader.is_some() {
                    return usage(
                        "`--mode`, `--owner` and `--for` need a file",
                        "name one: `--output /secrets/.env`",
                    );
                }
                if arguments.dir_mode.is_some() {
                    return usage(
                        "`--dir-mode` needs a directory",
                        "name one: `kz export --format files --output /secrets`",
                    );
                }
                Ok(Target::Stdout(form))
            }
        }
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
        Some(path) => Ok(Target::Outputs(path)),
        None => usage(
            "`[[outputs]]` need a directory",
            "name one: `kz export --output /secrets`; with `--format` one form goes to stdout",
        ),
    }
}

/// Options that mean something to one format only.
fn check_belonging(arguments: &Export) -> Result<(), Failure> {
    if arguments.json_bytes.is_some() && arguments.format != Some(Format::Json) {
        return usage(
            "`--json-bytes` belongs to `--format json`",
            "leave it out: the other formats hold bytes or refuse them",
        );
    }
    Ok(())
}

fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure::Usage(message.to_owned(), hint.to_owned()))
}
