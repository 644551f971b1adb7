//! Where an export goes: what `--format` and `--output` mean together.
//!
//! Pure. Options that do not go together are refused here, before anything is asked or looked at.

use std::path::Path;

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
}

impl<'a> Target<'a> {
    /// The target that the options mean together.
    pub(super) fn of(arguments: &'a Export) -> Result<Self, Failure> {
        check_belonging(arguments)?;
        let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
        if arguments.reveal && path.is_some() {
            return usage("`--reveal` is about stdout", "leave it out: with `--output` nothing is shown");
        }
        match (path, Form::of(arguments)) {
            (Some(path), None) => Ok(Target::Directory(path)),
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
                Ok(Target::Stdout(form))
            }
        }
    }
}

/// Options that mean something to one format only.
fn check_belonging(arguments: &Export) -> Result<(), Failure> {
    if arguments.dialect.is_some() && arguments.format != Format::Env {
        return usage(
            "`--dialect` belongs to `--format env`",
            "leave it out, or write `--format env`: the other formats have one form each",
        );
    }
    if arguments.shell.is_some() && arguments.format != Format::Shell {
        return usage(
            "`--shell` belongs to `--format shell`",
            "leave it out; for a file that a shell sources, write `--format env --dialect sh`",
        );
    }
    if arguments.json_bytes.is_some() && arguments.format != Format::Json {
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
