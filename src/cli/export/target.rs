//! Where an export goes: what `--format` and `--output` mean together.
//!
//! Pure. Options that do not go together are refused here, before anything is asked or looked at.

use std::path::Path;

use super::super::args::deliver::{Export, Format};
use super::Failure;
use super::form::Form;
use super::template::Job;

/// Where an export goes.
pub(super) enum Target<'a> {
    /// One form, printed.
    Stdout(Form),
    /// One form, in this file.
    File(&'a Path, Form),
    /// A file for each secret, in this directory.
    Directory(&'a Path),
    /// Templates, filled.
    Templates(Job<'a>),
}

impl<'a> Target<'a> {
    /// The target that the options mean together.
    pub(super) fn of(arguments: &'a Export) -> Result<Self, Failure> {
        check_belonging(arguments)?;
        let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
        if arguments.format == Format::Template {
            return templates(arguments, path);
        }
        match (path, Form::of(arguments)) {
            (Some(path), None) => Ok(Target::Directory(path)),
            (Some(path), Some(form)) => Ok(Target::File(path, form)),
            (None, None) => usage(
                "`--format files` needs a directory",
                "name one: `kz export --format files --output /secrets`",
            ),
            (None, Some(form)) => {
                check_printed(arguments)?;
                Ok(Target::Stdout(form))
            }
        }
    }
}

fn templates<'a>(arguments: &'a Export, path: Option<&'a Path>) -> Result<Target<'a>, Failure> {
    if !arguments.only.is_empty() {
        return usage(
            "`--only` does not go with `--format template`",
            "leave it out: the secrets that the templates name are resolved, and no others",
        );
    }
    let job = Job::of(&arguments.template, path)?;
    if path.is_none() {
        check_printed(arguments)?;
    }
    Ok(Target::Templates(job))
}

/// What goes to stdout has no mode and no owner.
fn check_printed(arguments: &Export) -> Result<(), Failure> {
    if arguments.mode.is_some() || arguments.owner.is_some() || arguments.reader.is_some() {
        return usage("`--mode`, `--owner` and `--for` need a file", "name one: `--output /secrets/.env`");
    }
    Ok(())
}

/// Options that mean something to one format only.
fn check_belonging(arguments: &Export) -> Result<(), Failure> {
    if arguments.json_bytes.is_some() && arguments.format != Format::Json {
        return usage(
            "`--json-bytes` belongs to `--format json`",
            "leave it out: the other formats hold bytes or refuse them",
        );
    }
    if !arguments.template.is_empty() && arguments.format != Format::Template {
        return usage("`--template` belongs to `--format template`", "write `--format template`");
    }
    Ok(())
}

fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure::Usage(message.to_owned(), hint.to_owned()))
}
