//! Where an export goes: what `--format` and `--output` mean together.
//!
//! Pure. Options that do not go together are refused here, before anything is asked or looked at.

use std::path::Path;

use crate::config::output::{Content, Output};
use crate::delivery::RelativePath;
use crate::output::env::Dialect;
use crate::output::form::Form;
use crate::output::json;
use crate::output::shell::Shell;

use super::super::args::deliver::{Export, Format};
use super::super::failure::Failure;

/// Where an export goes.
pub(super) enum Target<'a> {
    /// One content, printed.
    Stdout(Content),
    /// One content, in this file.
    File(&'a Path, Content),
    /// These, in this directory.
    Set(&'a Path, Vec<Output>),
}

/// What the values of `--template` mean.
enum Written<'a> {
    /// `FILE`: printed, or in one file.
    One(&'a Path),
    /// `SRC:DST`, once or more: each template, and what it becomes below a directory.
    Set(Vec<(&'a Path, RelativePath)>),
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
            Some(Format::Env) => {
                one(arguments, path, Form::Env(arguments.dialect.unwrap_or(Dialect::Common)).into())
            }
            Some(Format::Json) => one(arguments, path, Form::Json(bytes(arguments)).into()),
            Some(Format::Shell) => {
                one(arguments, path, Form::Shell(arguments.shell.unwrap_or(Shell::Sh)).into())
            }
        }
    }
}

/// One file, or stdout.
fn one<'a>(arguments: &Export, path: Option<&'a Path>, content: Content) -> Result<Target<'a>, Failure> {
    match path {
        Some(_) if arguments.dir_mode.is_some() => usage(
            "`--dir-mode` is for the directories of a set, and this format writes one file",
            "leave it out, or write `--format files`",
        ),
        Some(path) => Ok(Target::File(path, content)),
        None if arguments.mode.is_some() || arguments.owner.is_some() || arguments.reader.is_some() => {
            usage("`--mode`, `--owner` and `--for` need a file", "name one: `--output /secrets/.env`")
        }
        None if arguments.dir_mode.is_some() => {
            usage("`--dir-mode` needs a directory", "name one: `kz export --format files --output /secrets`")
        }
        None => Ok(Target::Stdout(content)),
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
        (Written::One(template), _) => one(arguments, path, Content::Template(directory.join(template))),
        (Written::Set(pairs), Some(path)) => {
            let output = |(source, target): (&Path, _)| Output::of_template(directory.join(source), target);
            Ok(Target::Set(path, pairs.into_iter().map(output).collect()))
        }
        (Written::Set(_), None) => {
            usage("`--template SRC:DST` needs a directory", "name one: `--output /secrets`")
        }
    }
}

/// What becomes of values that are not UTF-8.
fn bytes(arguments: &Export) -> json::Bytes {
    if arguments.json_bytes.is_some() { json::Bytes::Base64 } else { json::Bytes::Refuse }
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

impl<'a> Written<'a> {
    /// What they mean together.
    fn of(written: &'a [String]) -> Result<Self, Failure> {
        match written {
            [] => usage("`--format template` needs a template", "name one: `--template redis.conf.tmpl`"),
            [one] if !one.contains(':') => Ok(Self::One(Path::new(one))),
            several => {
                let pairs: Vec<_> = several.iter().map(|one| pair(one)).collect::<Result<_, _>>()?;
                check_apart(&pairs)?;
                Ok(Self::Set(pairs))
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
